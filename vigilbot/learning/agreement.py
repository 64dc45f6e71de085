"""Does what the human resolved say what the bot's answer says? Three ways, since words differ easily."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

from vigilbot.domain import Citation, KnowledgeEntry
from vigilbot.ports import Embedder
from vigilbot.text import canonical_url
from vigilbot.text.sameness import differs, says_same

NEAR = 0.15  # cosine below θ to which two answers are about one thing, though in other words
DEEP = 3  # path segments from which a page and its one sub-page count as one source


class Agreement(StrEnum):
    SAME = "same"
    NEAR = "near"  # about the same thing; nobody can tell without reading
    OTHER = "other"


class Comparison:
    """``theta`` is the cosine from which two texts of this embedding model say the same."""

    def __init__(self, *, embedder: Embedder, theta: float) -> None:
        self._embedder = embedder
        self._theta = theta

    async def of(self, text: str, citations: Sequence[Citation], entry: KnowledgeEntry) -> Agreement:
        """An answer beside the entry a human's resolution became."""
        mine = [canonical_url(c.url) for c in citations if c.url]
        theirs = [canonical_url(c.url) for c in entry.citations if c.url]
        if any(_one_source(a, b) for a in mine for b in theirs):
            return Agreement.SAME
        own, other = await self._embedder.embed([text, entry.answer])
        cosine = float(own @ other)
        if says_same(text, entry.answer, cosine, self._theta):
            return Agreement.SAME
        if cosine >= self._theta - NEAR and not differs(text, entry.answer):
            return Agreement.NEAR
        return Agreement.OTHER


def _one_source(a: str, b: str) -> bool:
    """Equal addresses, or a page deep in a site and one directly below it."""
    if a == b:
        return True
    short, long = sorted((a, b), key=len)
    deep = len([part for part in urlsplit(f"//{short}").path.split("/") if part]) >= DEEP
    rest = long[len(short) :].strip("/")
    return deep and long.startswith(f"{short.rstrip('/')}/") and "/" not in rest
