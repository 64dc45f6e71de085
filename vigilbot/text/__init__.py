"""Text as the whole project reads it: one tokeniser, sentences, links, platform markup, language.

Everything here is plain string work in linear time: 100 kB of anything costs milliseconds, and no
text of any kind raises. The tokeniser is the one that feeds lexical search, cues and guards.
"""

# ruff: noqa: RUF001 - punctuation of many scripts is the subject here
from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit

from vigilbot.text.stopwords import STOPWORDS, word_set

TOKEN_LIMIT = 64  # characters of one token; longer runs are cut

# Scripts written without spaces (and Hangul, whose particles stick to words): bigrams.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Combining marks that belong to words although they are not alphanumeric.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u0dff"
)
_LETTER = rf"(?:[^\W{_UNSPACED}]|[{_MARKS}])"
_JOINT = r"(?:://|::|:\\|\\\\|[-./:+\#@\\'’&~])"
_TOKEN = re.compile(
    rf"(?P<run>[{_UNSPACED}]+)"
    rf"|(?P<word>(?:(?<![^\s(\[{{`\"'=])(?:--?|\.)(?={_LETTER}))?{_LETTER}+(?:{_JOINT}{_LETTER}+)*(?:\+\+|\#)?)"
)
_EMOJI_NAME = re.compile(r"(?<![\w:]):(?:[a-z][a-z0-9_+-]{1,40}|[+-]1)(?:::skin-tone-\d)?:(?![\w:])")
_JOINTS = re.compile(r"[^\w" + _MARKS + r"]+|_+")
_STRONG_JOINTS = re.compile(r"[:/\\@#&~+]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_VERSION_TOKEN = re.compile(r"v?(\d+(?:\.\d+)+)", re.IGNORECASE)
_CLITIC = re.compile(r"(.*)['’](?:s|re|ve|ll|d|m)", re.IGNORECASE | re.DOTALL)

# Control characters, bidi controls, zero-width characters, tags and lone surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_JOINERS = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f\u200c\u200d])")
_ALL_JOINERS = re.compile("[\u200c\u200d]")
_PIECE = re.compile(r"\S{1,200}|\s+")
_ACCENT = re.compile("(?<![иИ])[\u0300-\u036f]")  # й is a letter of its own
_PLAIN_LETTERS = str.maketrans("ıłŁøØđĐ", "ilLoOdD") | {230: "ae", 198: "Ae", 339: "oe", 338: "Oe"}


def clean(text: str) -> str:
    """The text without control, bidi and zero-width characters and lone surrogates.

    Line breaks and tabs stay; joiners stay where scripts and emoji need them.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    return _JOINERS.sub("", _INVISIBLE.sub("", text))


def fold(text: str) -> str:
    """Casefolded, compatibility characters unified, Latin accents dropped. For comparing only."""
    return _unify(text).casefold()


def _unify(text: str) -> str:
    text = _ALL_JOINERS.sub("", clean(text))
    if text.isascii():
        return text
    # In pieces: reordering combining marks is quadratic in the length of one run of them.
    return "".join(_unify_piece(piece) for piece in _PIECE.findall(text))


def _unify_piece(piece: str) -> str:
    if piece.isascii():
        return piece
    bare = _ACCENT.sub("", unicodedata.normalize("NFKD", piece)).translate(_PLAIN_LETTERS)
    return unicodedata.normalize("NFKC", bare)


def tokens(text: str) -> list[str]:
    """The words of a text in order, casefolded, without accents; no token holds white space.

    Identifiers, error codes, versions, paths and flags are kept whole and followed by their parts
    (``ERR-42`` gives ``err-42 err 42``, ``NullPointerException`` also ``null pointer exception``).
    Scripts without spaces give overlapping pairs of characters. Names of emoji are dropped.
    """
    found: list[str] = []
    for match in _TOKEN.finditer(_EMOJI_NAME.sub(" ", _unify(text))):
        if (run := match["run"]) is not None:
            found.extend(run[i : i + 2] for i in range(max(1, len(run) - 1)))
        else:
            found.extend(_word(match["word"]))
    return found


def _word(word: str) -> Iterator[str]:
    if len(word) > TOKEN_LIMIT:
        yield from (part[:TOKEN_LIMIT].casefold() for part in _JOINTS.split(word)[:200] if part)
    elif "'" in word or "’" in word:
        yield from _apostrophe(word)
    else:
        yield word.casefold()
        if not word.isalpha() or _mixed_case(word):
            yield from _parts(word)


def _parts(word: str) -> Iterator[str]:
    """What a compound word is made of, without the word itself."""
    if version := _VERSION_TOKEN.fullmatch(word):
        if word[0] in "vV":
            yield version[1]
        return
    for segment in _STRONG_JOINTS.split(word):
        parts = [p for p in _JOINTS.split(segment) if p]
        if segment != word and len(parts) > 1:
            yield segment.casefold()
        if len(parts) == 2 and "-" in segment and all(p.isalpha() for p in parts):
            yield "".join(parts).casefold()
        for part in parts:
            if part != word and (len(part) > 1 or part.isdigit()):
                yield part.casefold()
            if _mixed_case(part):
                yield from (p.casefold() for p in _CAMEL.findall(part) if len(p) > 1)


def _apostrophe(word: str) -> Iterator[str]:
    if clitic := _CLITIC.fullmatch(word):
        if clitic[1]:
            yield from _word(clitic[1])
    elif word[-2:].casefold() in ("'t", "’t"):
        yield word.replace("’", "'").casefold()
    else:
        for part in re.split("['’]", word):
            if len(part) > 1:
                yield from _word(part)


def _mixed_case(word: str) -> bool:
    """True for camelCase and NullPointerException, false for Word, WORD and word."""
    return any(c.isupper() for c in word[1:]) and any(c.islower() for c in word)


_FENCE = re.compile(r"```")
_ABBREVIATION = re.compile(
    r"(?<![^\s(])(?:e\.g|i\.e|etc|vs|mr|mrs|ms|dr|st|no|nr|bzw|z\.b|d\.h|ca|approx|resp|p\.ex|ej|sr|sra|cf|fig"
    r"|[a-z])\.$",
    re.IGNORECASE,
)
_TRAILS = ("…", "...")
_NEXT = re.compile(r"[ \t]{1,4}(\w)")  # on the same line
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+(?=\s)|[。！？｡]+[」』”’）]*+|\n+")


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, stripped, none empty. A fenced code block is one sentence."""
    found: list[str] = []
    for i, block in enumerate(_FENCE.split(clean(text))):
        if i % 2:
            if block.strip():
                found.append(f"```{block.rstrip()}\n```" if "\n" in block else f"```{block}```")
        else:
            found.extend(_prose(block))
    return found


def _prose(block: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(block):
        end = match.end()
        if match[0].startswith(".") and _ABBREVIATION.search(block, max(start, end - 12), match.start() + 1):
            continue
        if match[0] in _TRAILS and (goes_on := _NEXT.match(block, end)) and goes_on[1].islower():
            continue
        if piece := block[start:end].strip():
            yield piece
        start = end
    if piece := block[start:].strip():
        yield piece


_LINK = re.compile(r"https?://[^\s<>|\"`\\^{}\u3000-\u303f\uff00-\uffef]+", re.IGNORECASE)
_TRACKING = re.compile(
    r"utm_.*|gclid|fbclid|msclkid|mc_[ce]id|igshid|twclid|yclid|_hs\w+|spm|cid|ref|ref_src|ref_url|source|src"
    r"|domain-redirect|campaign|trk|cmpid|icid|s_kwcid|sc_cid|_ga|hl|guccounter",
    re.IGNORECASE,
)


def links(text: str) -> tuple[str, ...]:
    """The http(s) URLs of a text, each once, in order, without the punctuation that follows them."""
    found: dict[str, None] = {}
    for match in _LINK.finditer(text):
        url = _trim(clean(match[0]))
        if len(url.partition("://")[2]) > 2:
            found.setdefault(url)
    return tuple(found)


def _trim(url: str) -> str:
    brackets = {")": url.count("(") - url.count(")"), "]": url.count("[") - url.count("]")}
    end = len(url)
    while end:
        last = url[end - 1]
        if last in brackets and brackets[last] < 0:
            brackets[last] += 1
        elif last not in ".,;:!?'*_~…’”»":
            break
        end -= 1
    return url[:end]


@lru_cache(maxsize=4096)
def canonical_url(url: str) -> str:
    """A form in which two addresses of the same page are usually equal. For comparing, not opening.

    Scheme, ``www.``, default ports, trailing slashes, fragments (but not ``#!/`` and ``#/`` routes)
    and tracking parameters do not count; the order of parameters does not either.
    """
    try:
        parts = urlsplit(clean(url).strip().strip("<>"))
        host = (parts.hostname or "").removeprefix("www.").rstrip(".")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
        query = sorted((k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.fullmatch(k))
    except ValueError:
        return url.strip().casefold()
    if not host:
        return url.strip().casefold()
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    path = path.removesuffix("/index.html").removesuffix("/index.htm").removesuffix("/index.php")
    route = f"#{parts.fragment.rstrip('/')}" if parts.fragment[:1] in ("!", "/") else ""
    return f"{host}{port}{path}" + (f"?{urlencode(query)}" if query else "") + route


_MARKUP = re.compile(r"<([^<>\n]{1,4000})>")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
# Endings of file names and code that are top-level domains too: "main.py" was never meant as a link.
_CODE_ENDINGS = word_set("py rs sh md pl so int map zip mov cc ml name mk ps st fm")


def plain(text: str, names: Mapping[str, str] | None = None) -> str:
    """Slack's markup as plain text: mentions by ``names`` (user id to name), links as their URLs.

    ``<url|title>`` is ``title (url)``; a title that only repeats the URL is left out; what the
    platform took for a link though it is code (``Decode.int``) is the code again.
    """
    known = names or {}
    text = _MARKUP.sub(lambda m: _markup(m[1], known) if m[1] else m[0], clean(text))
    return clean(_ENTITY.sub(lambda m: html.unescape(m[0]), text)).strip()


def _markup(inner: str, names: Mapping[str, str]) -> str:
    target, _, title = inner.partition("|")
    kind = target[:1]
    if kind == "@":
        return "@" + (names.get(target[1:]) or title.lstrip("@") or target[1:])
    if kind == "#":
        return "#" + (title.lstrip("#") or names.get(target[1:]) or target[1:])
    if kind == "!":
        return title or "@" + re.split(r"[\^|]", target[1:])[0]
    scheme = target.partition(":")[0].casefold()
    if scheme in ("mailto", "tel"):
        return title or target.partition(":")[2]
    if scheme not in ("http", "https"):
        return f"<{inner}>"
    if not title or title == target:
        return target
    bare = target.partition("://")[2]
    if title.rstrip("/") == bare.rstrip("/"):
        return title if _is_code(bare) else target
    return target if title in target else f"{title} ({target})"


def _is_code(bare: str) -> bool:
    host = bare.rstrip("/")
    if "/" in host or host.startswith("www."):
        return False
    return host != host.lower() or host.rpartition(".")[2] in _CODE_ENDINGS


def shorten(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters, cut between words where possible, ending in "…"."""
    line = " ".join(clean(text[: limit * 8 + 4096]).split())
    if len(line) <= limit:
        return line
    head = line[: max(0, limit - 1)]
    space = head.rfind(" ")
    return (head[:space] if space > limit * 0.6 else head).rstrip(" ,;:-") + "…" if limit > 0 else ""


_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7a3\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("fa", re.compile("[\u067e\u0686\u0698\u06af\u06cc]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("uk", re.compile("[іїєґІЇЄҐ]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
# Languages told by letters of their own within a script: asked before the script's main language.
_SHARED = {"ja": "zh", "fa": "ar", "uk": "ru"}
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_CODE = re.compile(r"```.{0,8000}?```|`[^`\n]{1,200}`|https?://\S{1,2000}|[<@#][\w!]{2,40}", re.DOTALL)
_SAMPLE = 4000  # characters looked at
_SPOKEN_IN = {
    word: tuple(name for name, known in STOPWORDS.items() if word in known)
    for word in {word for known in STOPWORDS.values() for word in known}
}


def language(text: str) -> str:
    """A guess at the language (ISO 639-1), from the script or from stop words; "" when unsure."""
    sample = _CODE.sub(" ", clean(text[:_SAMPLE]))
    if sample.isascii():
        return _by_stop_words(sample)
    letters = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS}
    latin = len(_LATIN.findall(sample))
    for name, own in letters.items():
        shared = letters[_SHARED.get(name, name)]  # of the script as a whole
        # Scripts without spaces say in two characters what takes six Latin letters.
        if own and max(own, shared) >= 2 and own >= 0.03 * shared and max(own, shared) * 4 >= latin:
            return name
    return _by_stop_words(sample)


def _by_stop_words(sample: str) -> str:
    points = dict.fromkeys(STOPWORDS, 0.0)
    for word, times in Counter(re.findall(r"[^\W\d_]+", sample.casefold())).items():
        for name in _SPOKEN_IN.get(word, ()):
            # A single letter is a word in many languages: two of them tell as much as one word.
            points[name] += min(times, 3) * (1.0 if len(word) > 1 else 0.5)
    scores = sorted(((each, name) for name, each in points.items()), reverse=True)
    (best, name), (second, _) = scores[0], scores[1]
    return name if best >= 2 and best > second else ""


_VERSION = re.compile(
    r"(?<![\w.])v?\d+(?:\.\d+)+(?:[-+.]?(?:alpha|beta|rc|pre|post|dev|snapshot|cs|lts)[-.]?\d*)?(?![\w])"
    r"|(?<!\w)v\d+(?!\w)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
_CODELIKE = re.compile(
    r"""(?<![\w/])(?:
      0[xX][0-9A-Fa-f]+                                                 # 0x80070005
    | [A-Z]{2,12}[-_]?\d{1,10}(?:-\d{1,10})?                      # ERR-42, SLN28071
    | --[A-Za-z][\w-]{1,60}                                           # --optimize
    | (?:[A-Za-z]:\\|~?/)[\w.+-]{1,80}(?:[/\\][\w.+-]{1,80}){0,20}  # paths
    | [A-Za-z_]\w{0,60}(?:::?|->|\#|\.)[A-Za-z_][\w.:/+-]{1,80}\w   # foo:bar, Html.Attributes.map
    | [a-z]{1,30}(?:[A-Z][a-z0-9]{1,30}){1,8}                     # camelCase
    | (?:[A-Z][a-z0-9]{1,30}){2,8}                                  # NullPointerException
    | [A-Za-z]\w{0,40}_\w{1,40}                                     # snake_case
    | [A-Za-z](?:\+\+|\#)                                               # c++
    )(?![\w])""",
    re.VERBOSE,
)
_MEASURE = re.compile(
    r"(?<![\w.,])(\d+(?:[.,]\d+)*)\s?(%|°?[CF]|[kKMGT]i?[Bb]|[BKMG]bps|[kMGT]?Hz|ms|sec|secs|seconds?|s|min|mins|"
    r"minutes?|h|hours?|d|days?|weeks?|months?|years?|px|pt|mm|cm|m|km|W|kW|V|mA|A|€|\$|£|USD|EUR|GBP)(?!\w)"
)


def identifiers(text: str) -> tuple[str, ...]:
    """Error codes, versions, paths, flags, names in code, quoted code, numbers with units; as written.

    Each once, in order of kind and place. At most 200, of the first 20,000 characters.
    """
    sample = clean(text[:20000])
    bare = _LINK.sub(" ", sample)
    found: dict[str, None] = {}
    for match in _QUOTED.finditer(sample):
        found.setdefault(" ".join(match[1].split()))
    unquoted = _QUOTED.sub(" ", bare)
    for pattern in (_CODELIKE, _VERSION, _MEASURE):
        for match in pattern.finditer(unquoted):
            found.setdefault(" ".join(match[0].split()))
    found.pop("", None)
    return tuple(found)[:200]
