"""A copied ledger brought forward knows at every moment what the bot knew then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vigilbot.app import open_ledger
from vigilbot.domain import Extraction, Question, SupportKind
from vigilbot.evals.past import Past
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.ledger import Ledger
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.stores.exact import ExactIndex

T0 = datetime(2024, 1, 1, tzinfo=UTC)
KEY, PAGE = "How do I rotate the signing key?", "Why does the billing page stay blank?"
EMBEDDER = HashEmbedder()


def origin(oncall: str) -> Origin:
    return Origin(tenant="T", space="public", channel="C", oncall=oncall, customer=f"U{oncall}")


def said(question: str, answer: str) -> Extraction:
    return Extraction(
        question=question, answer=answer, message_ids=("M1",), citations=(), confirmed=False, resolved_at=T0
    )


class Story:
    """Knowledge that changes once an hour."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = SimulatedClock(T0)
        self.index = ExactIndex()
        self.knowledge = Knowledge(
            ledger=ledger, embedder=EMBEDDER, index=self.index, clock=self.clock, theta=0.7
        )
        self.states: list[Any] = []

    async def hour(self) -> None:
        self.states.append(await known(self.ledger, self.knowledge, self.index))
        self.clock.advance_to(self.clock.now() + timedelta(hours=1))

    async def lived(self) -> list[Any]:
        """What was known after each hour: nothing, learned, supported, learned, revised, gone, back."""
        await self.hour()
        await self.knowledge.learn(said(KEY, "Run gatectl rotate."), origin=origin("1"), entry_id="K1")
        await self.hour()
        entry = await self.knowledge.get("K1")
        assert entry is not None
        wording = "the key for signatures needs rotating, how"
        await self.knowledge.support(entry, origin=origin("2"), kind=SupportKind.AGREED, question=wording)
        await self.hour()
        await self.knowledge.learn(said(PAGE, "Allow the cookie."), origin=origin("3"), entry_id="K2")
        await self.hour()
        entry = await self.knowledge.get("K1")
        assert entry is not None
        await self.knowledge.revise(
            entry,
            tenant="T",
            question=KEY,
            answer="Open Settings and press Rotate.",
            precondition="in the cloud",
            citations=(),
            message_ids=("M1",),
            actor="review",
            reason="changed",
        )
        await self.hour()
        await self.knowledge.retract("K1", actor="ann", reason="wrong")
        await self.hour()
        await self.knowledge.undo("K1", actor="ann")
        await self.hour()
        return self.states


async def known(ledger: Ledger, knowledge: Knowledge, index: ExactIndex) -> dict[str, Any]:
    """Everything a search can see."""
    found: dict[str, Any] = {}
    for text in (KEY, PAGE, "the key for signatures needs rotating, how"):
        [vector] = await EMBEDDER.embed([text])
        passages, history = await knowledge.searching.candidates(
            Question(text=text, message_ids=()), vector, tenant="T", spaces=["public"], channel="C", limit=9
        )
        found[text] = (
            [
                (
                    p.entry.id,
                    p.entry.revision,
                    p.entry.answer,
                    round(p.dense, 5),
                    round(p.lexical, 5),
                    p.support,
                )
                for p in passages
            ],
            history.times,
        )
    found["index"] = sorted(index.keys())
    return found


async def test_at_every_hour_the_same_is_found_as_then(tmp_path: Path) -> None:
    ledger = await open_ledger(tmp_path, durable=False)
    try:
        story = Story(ledger)
        states = await story.lived()
        assert len({repr(state) for state in states}) == len(states)
        past = await Past.of(ledger)
        await past.embed(EMBEDDER)
        clock, index = SimulatedClock(T0), ExactIndex()
        knowledge = Knowledge(ledger=ledger, embedder=EMBEDDER, index=index, clock=clock, theta=0.7)
        assert await knowledge.load() == 0
        for hour, state in enumerate(states):
            clock.advance_to(T0 + timedelta(hours=hour))
            # What was written at this very time came after what was looked at.
            await past.forward(clock.now(), index=index, model=EMBEDDER.model, seen={}, at_once=True)
            assert await known(ledger, knowledge, index) == state, f"hour {hour}"
    finally:
        await ledger.close()


async def test_what_a_run_had_seen_was_there_whatever_the_clock_says(tmp_path: Path) -> None:
    ledger = await open_ledger(tmp_path, durable=False)
    try:
        story = Story(ledger)
        states = await story.lived()
        past = await Past.of(ledger)
        await past.embed(EMBEDDER)
        clock, index = SimulatedClock(T0), ExactIndex()
        knowledge = Knowledge(ledger=ledger, embedder=EMBEDDER, index=index, clock=clock, theta=0.7)
        how: dict[str, Any] = {"index": index, "model": EMBEDDER.model}
        first = T0 + timedelta(hours=1)  # when K1 was learned
        await past.forward(first, seen={}, at_once=False, **how)
        assert await known(ledger, knowledge, index) == states[0]
        await past.forward(first, seen={"K1": 1}, at_once=False, **how)
        assert await known(ledger, knowledge, index) == states[1]
        await past.forward(first, seen={"K2": 1}, at_once=False, **how)
        assert await known(ledger, knowledge, index) == states[3]
    finally:
        await ledger.close()
