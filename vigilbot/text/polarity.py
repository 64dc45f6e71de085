# ruff: noqa: RUF001 - words of many languages
"""What a text affirms and what it denies, in about twenty languages, by small words alone.

Rough on purpose: it serves the sameness guard, where a missed paraphrase costs a second card and a
missed contradiction swallows a correction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from vigilbot.text import fold, language
from vigilbot.text.actions import SIDES, asked_for, asked_for_unspaced
from vigilbot.text.stopwords import word_set

_NEGATIONS = word_set(
    "not never no none nothing neither nor cannot without nobody nowhere unable "
    "nicht nie niemals kein keine keinen keinem keiner keines nichts ohne weder "
    "pas jamais aucun aucune rien sans nunca nada ningun ninguna ninguno sin "
    "nao nenhum nenhuma sem nem non nessun nessuno nessuna niente senza "
    "niet geen nooit niets zonder inte aldrig ingen inget inga utan ikke aldri ingenting uden uten "
    "nigdy bez nelze neni zadny nikdy niciodata fara nincs eivat "
    "degil yok tidak bukan belum jangan tanpa khong chua "
    "не нет никогда без нельзя немає ніколи δεν μην οχι χωρις لا لم لن ليس ليست بدون نیست نه לא אין בלי "
    "नहीं नही मत बिना"
)
# Words that deny in one language and mean something else in another: only there they count.
_LOCAL = {
    "en": ("fi",),
    "ei": ("fi",),
    "nu": ("ro",),
    "mai": ("it",),
    "ne": ("cs", "sk", "sl", "hr"),
    "ni": ("es", "pl", "uk"),
    "ej": ("sv", "da"),
    "غير": ("ar", "fa"),
}
_NOT_IN = {"no": ("pt",), "sin": ("en",), "non": ("en",), "sem": ("en",), "fara": ("it", "es")}
# Phrases with a small negative word that deny nothing.
_IDIOMS = re.compile(
    r"\b(?:not only|no longer than|no (?:problem|worries|doubt|matter|need to worry)|not to mention"
    r"|why not|whether or not"
    r"|or not|(?:do not|don't) (?:forget|hesitate|worry)|never ?mind|last but not least|not at all|if not"
    r"|nicht nur|kein problem|keine sorge|nicht vergessen|vergessen sie nicht|pas de (?:souci"
    r"|probleme)|n'?hesitez pas"
    r"|n'?oubliez pas|no (?:solo|dude|olvides|olvide|te preocupes|se preocupe|hay problema)"
    r"|nao (?:so|hesite|esqueca|se preocupe)|non (?:solo|esitare)|niet alleen|geen probleem"
    r"|не только|не забудьте"
    r"|без проблем|nie tylko)\b"
    r"|不错|不过|不仅|不但|不同|没问题|没关系|不客气|不好意思|不要紧|差不多|すみません|かもしれません|問題ありません|ませんか|ないですか"
)
_CONTRACTION = re.compile(
    r"\b(ca|could|do|does|did|is|are|was|were|has|have|had|wo|would|should|must|need|ai)n't\b"
)
_FRENCH_NO_LONGER = re.compile(r"\b(?:ne |n')([^\W\d_]+) (?:plus|que dalle)\b")
_UNSPACED_CLAUSE = re.compile(r"[^，。！？、；,.!?;\n]+")
_UNSPACED_CONDITION = re.compile(r"如果|要是|假如|若|たら|れば|場合|なら|면(?:\s|$)|경우|ถ้า|หาก")
_UNSPACED_RUN = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
_UNSPACED_DENIAL = re.compile(
    r"不|没|沒|未|无法|無法|别|別に|勿|ません|ない|なく|なかった|안\s|않|못|없|아니|ไม่|มิได้"
)
_TURKISH = re.compile(r"([^\W\d_]{2,}?)(?:m[iuıü]yor\w*|mad[iı]\w*|medi\w*|maz|mez|mamis\w*|memis\w*)")
_CZECH = re.compile(r"ne((?:fung|de|mo[hz]|jde|ni|ma|bud|lze|proj|dar|zobraz|otev|nacit|sta)\w+)")
_PERSIAN = re.compile(r"نمی(\w{2,})")

_CONDITION = word_set(
    "if when unless until before wenn falls sobald bis si quand lorsque jusqu sauf cuando hasta "
    "salvo se quando ate caso "
    "als wanneer tot om nar tills jesli gdy jezeli dopoki если когда пока якщо коли eger kalau jika "
    "hvis dacă daca pokud "
    "如果 当"
)
# "You cannot log in until you verify": what is denied is only put off.
_UNTIL = frozenset(["until", "unless", "except", "bis", "hasta", "ate", "totdat", "dopoki", "пока"])
_STATES: tuple[tuple[str, str], ...] = (
    ("work works working worked function functions functioning", "broken breaks fails failing fail failed"),
    ("supported support supports", "unsupported"),
    ("possible", "impossible"),
    (
        "allow allowed allows permitted",
        "forbid forbidden forbids prohibited denied denies disallow disallowed",
    ),
    ("online", "offline"),
    ("available", "unavailable"),
    ("true", "false"),
    ("valid", "invalid"),
    ("open opened opens", "close closed closes"),
    ("resolved fixed solved", "unresolved ongoing unsolved unfixed"),
    ("correct", "incorrect wrong"),
    ("safe", "unsafe dangerous"),
    ("public", "private"),
    ("minimum", "maximum"),
    ("can", "#cannot"),
    ("moglich", "unmoglich"),
)
_POLES: dict[str, tuple[tuple[int, int], ...]] = {}
for _pair, _sides in enumerate((*_STATES, *SIDES)):
    for _words, _sign in zip(_sides, (1, -1), strict=True):
        for _word in _words.split():
            _POLES[_word] = (*_POLES.get(_word, ()), (_pair, _sign))
_UNSPACED_POLES = tuple(sorted((w for w in _POLES if ord(w[0]) > 0x3000), key=lambda w: (-len(w), w)))
_SWITCH = re.compile(
    r"\b(?:turn(?:ed|ing)?|switch(?:ed|ing)?|toggle[ds]?|set|keep|leave|is|are|was|back"
    r"|still)\s(?:[\w-]+\s){0,3}?(on|off|up|down)\b"
    r"(?=\s*(?:[.,;:!?)]|$|again|and|or|in|for|now|yet|by))"
)
_TAKE = re.compile(r"\btak(?:e|es|ing)\b(?=[^.?!]{0,40}\b(?:away|from)\b)")
_SMALL = word_set(
    "the a an is are was were be been it its this that to of in on for and or you your i we they he "
    "she with yet any do "
    "does did has have had will would could should must may please now still just so very really "
    "more then there at from "
    "by as but me my our us use using need get ist sind das der die den dem ein eine einen es sie "
    "zu und im le la les un "
    "une il elle que de el los las y o da em na um uma en est lo gli e che di и в на это с for not yes"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|#\w+|[.!?;,:\n()]")
_STOPS = frozenset(".!?;\n()")
_NEXT, _PREVIOUS = 3, 2  # words of content a negation reaches over


@dataclass(frozen=True, slots=True)
class Polarity:
    """Words of content, which of them are denied or affirmed, and the pairs of opposites in play.

    What stands in a condition ("if it is not on") is marked with a leading "?". ``poles`` maps a pair
    (and whether it stands in a condition) to its side: 1, -1, or 0 when both occur. ``asked`` does so for
    what the text asks for; it is empty where the text denies anything, since a trouble ("it won't
    export") is told in many ways.
    """

    words: frozenset[str]
    denied: frozenset[str]
    affirmed: frozenset[str]
    negations: int
    spaced: bool
    poles: dict[tuple[int, bool], int] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)


def polarity(text: str) -> Polarity:
    """The polarity of a text without links and code."""
    tongue = language(text)
    folded = _IDIOMS.sub(" ", fold(text).replace("’", "'"))
    folded = _CONTRACTION.sub(lambda m: ("can" if m[1] == "ca" else m[1]) + " not", folded)
    folded = _FRENCH_NO_LONGER.sub(r"pas \1", folded.replace("cannot", "can not"))
    folded = _TAKE.sub(
        lambda m: "#take" if m[0] == "take" else "#taken",
        _SWITCH.sub(lambda m: m[0][: -len(m[1])] + "#" + m[1], folded),
    )
    words: set[str] = set()
    denied: set[str] = set()
    affirmed: set[str] = set()
    poles: dict[tuple[int, bool], set[int]] = {}
    wished: dict[int, set[int]] = {}
    negations = 0
    for clause, conditional in _clauses(folded):
        for action, sign in () if conditional else asked_for(clause):
            wished.setdefault(len(_STATES) + action, set()).add(sign)
        marks = _reach(clause, tongue)
        negations += 0 if conditional else sum(1 for w in clause if _denies(w, tongue))
        for word, negative in zip(clause, marks, strict=True):
            for pair, sign in _POLES.get(word, ()):
                poles.setdefault((pair, conditional), set()).add(-sign if negative else sign)
            if word in _SMALL or _denies(word, tongue) or _UNSPACED_RUN.fullmatch(word):
                continue
            name = ("?" if conditional else "") + _stem(word)
            words.add(_stem(word))
            (denied if negative else affirmed).add(name)
    pairs, denials = _unspaced(folded)
    for word in _UNSPACED_POLES:
        if word in folded and not any(
            len(o) > len(word) and word in o and o in folded for o in _UNSPACED_POLES
        ):
            for pair, sign in _POLES[word]:
                poles.setdefault((pair, False), set()).add(sign)
    for action, sign in asked_for_unspaced(folded) if pairs else ():
        wished.setdefault(len(_STATES) + action, set()).add(sign)
    return Polarity(
        words=frozenset(words | pairs),
        denied=frozenset(denied),
        affirmed=frozenset(affirmed),
        negations=negations + denials,
        spaced=not pairs,
        poles={key: _side(signs) for key, signs in poles.items()},
        asked={} if negations + denials else {key: _side(signs) for key, signs in wished.items()},
    )


def _side(signs: set[int]) -> int:
    return next(iter(signs)) if len(signs) == 1 else 0


def _unspaced(folded: str) -> tuple[set[str], int]:
    """Pairs of characters of scripts without spaces, and how often something is denied in them."""
    pairs: set[str] = set()
    denials = 0
    if folded.isascii() or not _UNSPACED_RUN.search(folded):
        return pairs, denials
    for clause in _UNSPACED_CLAUSE.findall(folded):
        if not _UNSPACED_CONDITION.search(clause):
            denials += len(_UNSPACED_DENIAL.findall(clause))
        for run in _UNSPACED_RUN.findall(_UNSPACED_DENIAL.sub("", clause)):
            pairs.update(run[i : i + 2] for i in range(max(1, len(run) - 1)))
    return pairs, denials


def _clauses(folded: str) -> Iterator[tuple[list[str], bool]]:
    clause: list[str] = []
    conditional = False
    for token in _TOKEN.findall(folded):
        if token in _STOPS or token in (",", ":"):
            if clause and (token in _STOPS or conditional or token == ":"):
                yield clause, conditional
                clause, conditional = [], False
        elif token in _CONDITION:
            if clause:
                yield clause, conditional or token in _UNTIL
            clause, conditional = [], True
        else:
            clause.append(token)
    if clause:
        yield clause, conditional


def _reach(clause: list[str], tongue: str) -> list[bool]:
    """For each word of a clause whether a negation reaches it."""
    marks = [False] * len(clause)
    content = [i for i, w in enumerate(clause) if w not in _SMALL and not _denies(w, tongue)]
    where = {i: n for n, i in enumerate(content)}
    following = 0  # index into content of the first word of content behind the current one
    for i, word in enumerate(clause):
        if i in where:
            following = where[i] + 1
        if not _denies(word, tongue):
            continue
        back = _PREVIOUS if tongue != "en" and i + 1 >= len(clause) - 1 else 0
        if i in where:
            marks[i] = True
        for j in content[max(0, following - back) : following + _NEXT]:
            marks[j] = True
        if i and clause[i - 1] == "can":
            marks[i - 1] = True
    return marks


def _denies(word: str, tongue: str) -> bool:
    if word in _LOCAL:
        return tongue in _LOCAL[word]
    if word in _NEGATIONS:
        return tongue not in _NOT_IN.get(word, ())
    return _inside(word, tongue) is not None


def _inside(word: str, tongue: str) -> str | None:
    """The word without the negation it carries in itself, or None."""
    if tongue in ("tr", "") and (match := _TURKISH.fullmatch(word)):
        return match[1]
    if tongue in ("cs", "sk") and (match := _CZECH.fullmatch(word)):
        return match[1]
    return match[1] if (match := _PERSIAN.fullmatch(word)) else None


def _stem(word: str) -> str:
    """Enough to hold "works", "worked" and "working" for one word."""
    for ending in ("ing", "ed", "es", "s"):
        if len(word) - len(ending) >= 4 and word.endswith(ending):
            return word[: -len(ending)]
    return word
