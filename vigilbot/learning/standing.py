"""Standing questions: what one on-call teaches may answer others that still wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from vigilbot.domain import OnCall
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import blob_vector, stamp
from vigilbot.ports import Clock, Embedder, Row


class Standing:
    """``similarity`` is the least cosine between a waiting question and what was just learned; a question
    older than ``max_age`` waits no longer, and with zero none ever does.

    It only wakes a question; whether there is a card is decided by a run like any other.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        embedder: Embedder,
        clock: Clock,
        max_age: timedelta,
        similarity: float,
        spaces_of: Callable[[Row], tuple[str, ...]],
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._embedder = embedder
        self._clock = clock
        self._max_age = max_age
        self._similarity = similarity
        self._spaces_of = spaces_of

    async def wake(self, oncall: OnCall, taught: Sequence[str]) -> int:
        """Makes every waiting question due that one of these entries may answer; returns how many."""
        if not self._max_age:
            return 0
        now = self._clock.now()
        entries = [e for e in [await self._knowledge.get(i) for i in taught] if e is not None]
        waiting = await self._ledger.runs.waiting_questions(tenant=oncall.tenant, since=now - self._max_age)
        waiting = [q for q in waiting if q["oncall"] != oncall.id]
        if not entries or not waiting:
            return 0
        vectors = await self._embedder.embed([e.question for e in entries])
        channels = {(c["tenant"], c["channel"]): c for c in await self._ledger.chats.channels()}
        woken = []
        for question in waiting:
            channel = channels.get((oncall.tenant, question["channel"]))
            visible = self._spaces_of(channel) if channel else ()
            vector = blob_vector(question["vector"])
            close = any(
                entry.space in visible and float(mine @ vector) >= self._similarity
                for entry, mine in zip(entries, vectors, strict=True)
            )
            if close:
                seq = question["standing_seq"] + 1
                woken.append(Runs.change_question(question["id"], standing_at=stamp(now), standing_seq=seq))
        if woken:
            await self._ledger.write(*woken)
        return len(woken)
