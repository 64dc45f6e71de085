"""Standing questions: what one on-call teaches may answer others that still wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from vigilbot.domain import KnowledgeEntry, PassageKind
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import blob_vector, stamp
from vigilbot.ports import Clock, Embedder, Row, Vector


class Standing:
    """``similarity`` is the least cosine between a waiting question and what was just learned; a question
    older than ``max_age`` waits no longer, and with zero none ever does.

    It only wakes a question; whether there is a card is decided by a run like any other.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        embedder: Embedder,
        clock: Clock,
        max_age: timedelta,
        similarity: float,
        spaces_of: Callable[[Row], tuple[str, ...]],
    ) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._clock = clock
        self._max_age = max_age
        self._similarity = similarity
        self._spaces_of = spaces_of

    async def wake(self, *, tenant: str, taught: Sequence[str], but: str = "") -> int:
        """Makes every waiting question due that one of these entries may answer; returns how many.

        ``but`` is the on-call that taught them, "" where none did.
        """
        if not self._max_age:
            return 0
        now = self._clock.now()
        known = await self._ledger.entries.current(taught)
        entries = [known[entry] for entry in taught if entry in known]
        waiting = await self._ledger.runs.waiting_questions(tenant=tenant, since=now - self._max_age)
        waiting = [q for q in waiting if q["oncall"] != but]
        if not entries or not waiting:
            return 0
        vectors = await self._vectors(entries)
        channels = {(c["tenant"], c["channel"]): c for c in await self._ledger.chats.channels()}
        woken = []
        for question in waiting:
            channel = channels.get((tenant, question["channel"]))
            visible = self._spaces_of(channel) if channel else ()
            vector = blob_vector(question["vector"])
            close = any(
                entry.space in visible and float(vectors[entry.id] @ vector) >= self._similarity
                for entry in entries
                if entry.id in vectors
            )
            if close:
                seq = question["standing_seq"] + 1
                woken.append(Runs.change_question(question["id"], standing_at=stamp(now), standing_seq=seq))
        if woken:
            await self._ledger.write(*woken)
        return len(woken)

    async def _vectors(self, entries: Sequence[KnowledgeEntry]) -> dict[str, Vector]:
        """Of the question an entry answers; headings ask nothing, so a document's part has its own."""
        asked = [entry for entry in entries if entry.kind is PassageKind.QA]
        parts = [entry.id for entry in entries if entry.kind is not PassageKind.QA]
        rows = await self._ledger.entries.vectors(parts, model=self._embedder.model) if parts else []
        found: dict[str, Vector] = {row["entry"]: blob_vector(row["vector"]) for row in rows}
        if asked:
            embedded = await self._embedder.embed([entry.question for entry in asked])
            found.update(zip((entry.id for entry in asked), embedded, strict=True))
        return found
