"""Whether two questions are about different things although they look alike (Vigil 3.1.3, conditions).

"ERR-42" and "ERR-43", version 2.1.3 and 2.1.4, PS4 and PS5 are neighbours in every embedding space. Names of
one family that differ only in their numbers are compared: sharing none of them is a conflict.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from vigilbot.text import clean, fold

_READ = 8000
_LINK = re.compile(r"https?://\S+|@\w+")
_CODE = re.compile(r"(?<![\w.])(?=[\w-]{0,23}\d)(?=[\w-]{0,23}[^\W\d_])\w[\w-]{1,23}(?![\w-])")
_VERSION = re.compile(r"(?<![\w.])v?(\d{1,4}(?:\.\d{1,6}){1,4})(?![\w.]*\w)")
_NAMED = re.compile(r"(?<!\w)([^\W\d_]{2,20}) (\d{1,6})(?![\w.,:/%-]*\w)")
_DIGITS = re.compile(r"\d+")
# Counts, times and sizes say how much, not which.
_AMOUNT = re.compile(
    r"\d+(?:st|nd|rd|th|am|pm|x|h|hr|hrs|min|mins|s|sec|secs|ms|d|days?|k|m|b|kb|mb|gb|tb|mbps|gbps|hz|khz|mhz|ghz|px|pt|mm"
    r"|cm|kg|g|w|v|p|fps|eur|usd|usds|gbp|c|f|k?m|ft|in|lbs?|yo|yrs?|years?|weeks?|months?)"
)
# Words before a number that make it a name: "error 404", "Windows 10", "iOS 13".
_NAMING = (
    "error code err fehler fehlercode erreur errore erro codigo ошибка kod kode status http windows win ios"
    " android macos python java node php ruby version ver release iphone ipad galaxy pixel xbox playstation"
    " chapter level"
)
_NAMING_WORDS = frozenset(_NAMING.split())


def conflict(a: str, b: str) -> str:
    """The family in which ``a`` and ``b`` name different members, or "". Symmetric."""
    one, two = _names(a[:_READ]), _names(b[:_READ])
    for family in sorted(one.keys() & two.keys()):
        if not any(_agree(x, y) for x in one[family] for y in two[family]):
            return family
    return ""


def _agree(x: str, y: str) -> bool:
    """Equal, or one is the less exact of two versions: 2.1 and 2.1.4."""
    return x == y or x.startswith(f"{y}.") or y.startswith(f"{x}.")


@lru_cache(maxsize=4096)
def _names(text: str) -> Mapping[str, frozenset[str]]:
    """Members by family: ``err-`` has ``err-42``."""
    plain = fold(_LINK.sub(" ", clean(text)))
    found: dict[str, set[str]] = defaultdict(set)
    for match in _VERSION.finditer(plain):
        if match[1].count(".") > 1 or match[0][0] == "v":
            found["version"].add(match[1])
    for match in _CODE.finditer(plain):
        code = match[0].strip("-_")
        if not _AMOUNT.fullmatch(code) and not code.startswith(("http", "utf")):
            found[_family(code)].add(code.replace("-", "").replace("_", ""))
    for match in _NAMED.finditer(plain):
        if match[1] in _NAMING_WORDS:
            found[match[1]].add(match[1] + match[2])
    return {family: frozenset(members) for family, members in found.items()}


def _family(code: str) -> str:
    if code.startswith("0x"):
        return "0x"
    return _DIGITS.sub("#", code.replace("-", "").replace("_", ""))
