"""The guard used wherever two texts are held to say the same (Vigil 3.1.5, deduplication).

Embeddings put "is resolved" and "is not resolved yet" at 0.95 and so swallow corrections: likeness
counts only when negation, numbers, versions, identifiers and links agree. Symmetric, deterministic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from vigilbot.text import canonical_url, clean, fold, links
from vigilbot.text.polarity import Polarity, polarity

_READ = 12_000  # characters of each text that are compared

_NUMBER_WORDS = {
    word: str(value)
    for value, words in {
        2: "two zwei deux dos dois due два",
        3: "three drei trois tres tre три",
        4: "four vier quatre cuatro quatro quattro четыре",
        5: "five funf cinq cinco cinque пять",
        6: "six sechs sei шесть",
        7: "seven sieben sept siete sete sette семь",
        8: "eight acht huit ocho oito otto восемь",
        9: "nine neun neuf nueve nove девять",
        10: "ten zehn dix diez dez dieci десять",
        12: "twelve zwolf douze doce doze dodici",
        15: "fifteen",
        20: "twenty zwanzig vingt veinte vinte venti",
        30: "thirty dreissig trente treinta trinta trenta",
    }.items()
    for word in words.split()
}
_TOLD_APART = 3  # words of content in which two texts may differ that are one sentence otherwise
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_MARKER = re.compile(r"\[\d{1,2}\]")  # a citation
_VERSION = re.compile(
    r"(?<![\w.])v?(\d{1,6}(?:\.\d{1,6}){2,5}|(?<=v)\d{1,6}(?:\.\d{1,6})*)"
    r"(-?(?:alpha|beta|rc|pre|dev|cs)[-.]?\d{0,4})?(?![\w])(?!\.\d)"
)
_NAMED_VERSION = re.compile(
    r"\b(?:v|ver|version|versao|versione|release|wersja|версия|版本|バージョン)\.?\s{0,3}"
    r"(\d{1,6}(?:\.\d{1,6}){0,5})(?![\w])"
)
_CODE = re.compile(
    r"\b0x[0-9a-f]{2,20}\b|(?<![\w-])[a-z]{1,12}[-_]?\d[\w-]{0,30}(?!\w)|(?<!\w)--[a-z][\w-]{1,40}"
)
_NUMBER = re.compile(r"(?<![\w.,])(\d{1,3}(?:[,' ]\d{3})+(?!\d)|\d{1,30})((?:[.,]\d{1,20})?)")
_NAMED = re.compile(
    r"(?<![\w/.])(?:[A-Za-z_]\w{0,40}(?:(?:::?|->|\.)[A-Za-z_]\w{0,40}){1,6}"
    r"|[A-Za-z][A-Za-z0-9]{0,30}(?:_[A-Za-z0-9]{1,30}){1,8}|[a-z]{1,30}(?:[A-Z][a-z0-9]{1,30}){1,6}"
    r"|(?:[A-Z][a-z0-9]{1,30}){2,8}|(?:[A-Za-z]:\\|~?/)[\w.+-]{1,60}(?:[/\\][\w.+-]{1,60}){0,12})(?!\w)"
)
_QUOTED = re.compile(r"`([^`\n]{1,120})`")
_WORD = re.compile(r"[^\W\d_]+")
_ABBREVIATIONS = frozenset(["e.g", "i.e", "z.b", "d.h", "p.ex", "a.m", "p.m", "u.s", "etc.the"])


@dataclass(frozen=True, slots=True)
class _Claims:
    """What of a text must agree before likeness counts, and its polarity is looked at."""

    prose: str
    numbers: frozenset[str]
    versions: frozenset[str]
    codes: frozenset[str]
    names: frozenset[str]
    urls: frozenset[str]


def says_same(a: str, b: str, cosine: float, theta: float) -> bool:
    """Whether two texts say the same: alike at ``theta`` or more and nothing that matters differs.

    Texts that are equal but for case and white space are the same whatever the vectors say.
    """
    if _bare(a) == _bare(b):
        return True
    return cosine >= theta and not differs(a, b)


def differs(a: str, b: str, *, questions: bool = False) -> str:
    """What makes two otherwise similar texts say different things, or "".

    One of ``version``, ``identifier``, ``number``, ``url``, ``negation``. Where only one of the texts
    names a version, an identifier, a number or a link at all, that alone is no difference. Of
    ``questions``, one may tell a state ("is locked") and the other ask to end it: no difference either.
    """
    if _bare(a) == _bare(b):
        return ""
    one, two = _claims(a), _claims(b)
    if one.versions and two.versions and one.versions != two.versions:
        return "version"
    if one.codes and two.codes and one.codes != two.codes:
        return "identifier"
    if one.names and two.names and not (one.names <= two.names or two.names <= one.names):
        return "identifier"
    if one.numbers and two.numbers and one.numbers != two.numbers:
        return "number"
    if one.urls and two.urls and not one.urls & two.urls:
        return "url"
    contrary = _contrary(_polarity(one.prose), _polarity(two.prose), wishes=questions)
    return "negation" if contrary else ""


def opposed(a: str, b: str) -> bool:
    """Whether one text asks for the opposite of the other: to turn on and to turn off, import and export."""
    one, two = _polarity(_claims(a).prose).asked, _polarity(_claims(b).prose).asked
    return any(sign * two.get(pair, 0) < 0 for pair, sign in one.items())


def one_sentence(a: str, b: str) -> bool:
    """Whether two opposed texts are one sentence but for that."""
    one, two = _polarity(_claims(a).prose), _polarity(_claims(b).prose)
    shared, rest = len(one.words & two.words), len(one.words ^ two.words)
    return rest <= (_TOLD_APART if one.spaced and two.spaced else 2 * _TOLD_APART) and shared > 0


@lru_cache(maxsize=4096)  # one question compares some sixty answers with one another
def _bare(text: str) -> str:
    return " ".join(fold(text).split())


def _contrary(one: Polarity, two: Polarity, *, wishes: bool) -> bool:
    """``wishes``: what one asks for is not contrary to what the other only tells."""
    sides = [
        (sign, two.poles[key])
        for key, sign in one.poles.items()
        if key in two.poles and not (wishes and (key[0] in one.asked) != (key[0] in two.asked))
    ]
    if any(x * y < 0 for x, y in sides):
        return True
    if _denies(one, two) or _denies(two, one):
        return not any(x * y > 0 for x, y in sides)
    if (one.negations > 0) == (two.negations > 0) or any(x * y > 0 for x, y in sides):
        return False
    smaller = min(len(one.words), len(two.words))
    shared = len(one.words & two.words)
    return 0 < smaller <= 25 and shared >= (0.75 if one.spaced and two.spaced else 0.3) * smaller


def _denies(one: Polarity, two: Polarity) -> bool:
    """Whether something that ``one`` only denies is something ``two`` only affirms."""
    return bool((one.denied - one.affirmed) & (two.affirmed - two.denied))


@lru_cache(maxsize=2048)
def _polarity(prose: str) -> Polarity:
    return polarity(prose)


@lru_cache(maxsize=2048)
def _claims(text: str) -> _Claims:
    text = clean(text[:_READ])
    prose = " ".join(_MARKER.sub(" ", _URL.sub(" ", text)).split())
    names = {fold(m[0]) for m in _NAMED.finditer(prose)} | {_bare(m[1]) for m in _QUOTED.finditer(prose)}
    rest = fold(prose)
    versions = {m[1] + (m[2] or "").replace("-", "") for m in _VERSION.finditer(rest)}
    versions |= {m[1] for m in _NAMED_VERSION.finditer(rest)}
    rest = _NAMED_VERSION.sub(" ", _VERSION.sub(" ", rest))
    codes = {re.sub(r"(?<=\D)[-_](?=\d)", "", m[0]) for m in _CODE.finditer(rest)}
    rest = _CODE.sub(" ", rest)
    numbers = {_number(m[1], m[2]) for m in _NUMBER.finditer(rest)}
    numbers |= {_NUMBER_WORDS[w] for w in _WORD.findall(rest) if w in _NUMBER_WORDS}
    return _Claims(
        prose=prose,
        numbers=frozenset(numbers),
        versions=frozenset(versions),
        codes=frozenset(codes),
        names=frozenset(n for n in names - codes - versions if n not in _ABBREVIATIONS),
        urls=frozenset(canonical_url(u) for u in links(text)),
    )


def _number(whole: str, fraction: str) -> str:
    """ "1,000", "1 000" and "1000" are one number, so are "2.5" and "2,5"."""
    whole = re.sub(r"\D", "", whole).lstrip("0") or "0"
    fraction = fraction[1:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
