"""Which entries say what is about to be learned already, and which answer the same question otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vigilbot.domain import Citation, Extraction, KnowledgeEntry, PassageKind
from vigilbot.knowledge.search import index_space
from vigilbot.ledger import Entries
from vigilbot.ports import Embedder, Vector, VectorIndex
from vigilbot.text import canonical_url
from vigilbot.text.sameness import differs, says_same

SAME_QUESTION = 0.9  # cosine above which two questions are held to be one, guard permitting
LIMIT = 8  # vectors looked at in a space


@dataclass(frozen=True, kw_only=True, slots=True)
class Rival:
    """An entry that answers the question otherwise. ``difference``: what in the answers cannot both hold
    (vigilbot.text.sameness.differs), "" when they are just not the same."""

    entry: KnowledgeEntry
    difference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    same: tuple[KnowledgeEntry, ...] = ()
    rivals: tuple[Rival, ...] = ()


class Likenesses:
    """``theta`` is the cosine from which two answers say the same."""

    def __init__(self, *, entries: Entries, embedder: Embedder, index: VectorIndex, theta: float) -> None:
        self._entries = entries
        self._embedder = embedder
        self._index = index
        self._theta = theta

    async def of(
        self,
        extraction: Extraction,
        vector: Vector,
        *,
        tenant: str,
        spaces: Sequence[str],
        limit: int = LIMIT,
    ) -> Alike:
        """Entries in force in these spaces whose question is the same, the nearest first.

        ``vector`` is the question's. Two entries that hold under different preconditions are no rivals.
        """
        hits = await self._index.search(vector, spaces=[index_space(tenant, s) for s in spaces], limit=limit)
        scores: dict[str, float] = {}
        for hit in hits:
            if hit.score >= SAME_QUESTION:
                scores.setdefault(hit.key.split("#", 1)[0], hit.score)
        if not scores:
            return Alike()
        found = await self._entries.current(list(scores), tenant=tenant)
        same, rivals = [], []
        for entry_id, score in scores.items():
            entry = found.get(entry_id)
            if entry is None or entry.kind is not PassageKind.QA:
                continue
            if not says_same(extraction.question, entry.question, score, SAME_QUESTION):
                continue
            if await self._same_answer(extraction.answer, extraction.citations, entry):
                same.append(entry)
            elif not _branches(extraction, entry):
                rivals.append(Rival(entry=entry, difference=differs(extraction.answer, entry.answer)))
        return Alike(same=tuple(same), rivals=tuple(rivals))

    async def _same_answer(self, answer: str, citations: Sequence[Citation], entry: KnowledgeEntry) -> bool:
        mine = {canonical_url(c.url) for c in citations if c.url}
        theirs = {canonical_url(c.url) for c in entry.citations if c.url}
        if mine or theirs:
            return bool(mine & theirs)
        a, b = await self._embedder.embed([answer, entry.answer])
        return says_same(answer, entry.answer, float(a @ b), self._theta)


def _branches(extraction: Extraction, entry: KnowledgeEntry) -> bool:
    return bool(extraction.precondition or entry.precondition) and (
        extraction.precondition != entry.precondition
    )
