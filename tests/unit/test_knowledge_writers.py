"""Clicks, commands, lessons and documents write knowledge at the same time: none disturbs another."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigilbot.app import open_ledger
from vigilbot.domain import Citation, Extraction, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.knowledge.chunks import Chunk
from vigilbot.ledger import Ledger
from vigilbot.ledger.documents import document_id
from vigilbot.ports import Row, Vector
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import HashEmbedder
from vigilbot.testing.world import BEGIN

TENANT, SPACE, URL = "T1", "public", "https://docs.example.org/keys"
NAMES = ("K1", "K2")
KINDS = ("learn", "vouch", "support", "verify", "revise", "retract", "undo", "page", "page gone")


class Yielding(HashEmbedder):
    """Gives way as often as it is told before it embeds, so that whoever else may write does."""

    def __init__(self, turns: Sequence[int]) -> None:
        super().__init__()
        self._turns = list(turns)

    async def embed(self, texts: Sequence[str]) -> Vector:
        for _ in range(self._turns.pop() if self._turns else 0):
            await asyncio.sleep(0)
        return await super().embed(texts)


def said(answer: str) -> Extraction:
    return Extraction(
        question="How do I rotate the gateway key?",
        answer=answer,
        message_ids=(),
        citations=(Citation(url=URL, title="Keys"),),
        confirmed=False,
        resolved_at=BEGIN,
    )


class Writers:
    def __init__(self, ledger: Ledger, turns: Sequence[int]) -> None:
        self.ledger = ledger
        self.index = ExactIndex()
        self.knowledge = Knowledge(
            ledger=ledger,
            embedder=Yielding(turns),
            index=self.index,
            clock=SimulatedClock(BEGIN),
            theta=0.7,
        )
        self.refused = 0

    async def act(self, kind: str, entry: str, number: int) -> None:
        """What one caller does; a refusal with a reason is an answer too."""
        try:
            await self._act(kind, entry, number)
        except BadInput:
            self.refused += 1

    async def _act(self, kind: str, entry: str, number: int) -> None:
        origin = Origin(tenant=TENANT, space=SPACE, channel="C1", oncall=f"O{number}", customer="U1")
        words = f"Run step {number} of gatectl"
        known = await self.knowledge.get(entry)
        if kind in ("learn", "vouch"):
            trust = Trust.VERIFIED if kind == "vouch" else Trust.PROBATION
            await self.knowledge.learn(said(words), origin=origin, entry_id=entry, trust=trust)
        elif kind in ("support", "verify") and known is not None:
            await self.knowledge.support(
                known,
                origin=origin,
                kind=SupportKind.VERIFIED,
                question=f"And key number {number}?",
                verify=kind == "verify",
            )
        elif kind == "revise" and known is not None:
            await self.knowledge.revise(
                known,
                tenant=TENANT,
                question=known.question,
                answer=words,
                precondition="",
                citations=known.citations,
                message_ids=(),
                actor="review",
                reason="went on",
            )
        elif kind == "retract":
            await self.knowledge.retract(entry, actor="operator", reason="wrong")
        elif kind == "undo":
            await self.knowledge.undo(entry, actor="operator")
        elif kind.startswith("page"):
            await self._page(words, gone=kind == "page gone")

    async def _page(self, words: str, *, gone: bool) -> None:
        row = self.ledger.documents.share(
            tenant=TENANT,
            space=SPACE,
            key=URL,
            url=URL,
            state="indexed",
            trust="verified",
            added_by="operator",
            at=BEGIN,
        )
        await self.ledger.write(row)
        document = await self.ledger.documents.get(document_id(TENANT, SPACE, URL))
        assert document is not None
        if gone:
            await self.knowledge.chunks.retract(document, actor="documents", reason="gone")
            return
        part = Chunk(heading="Keys", text=words, citation=Citation(url=URL, title="Keys"))
        await self.knowledge.chunks.put(document, [part], reason="shared")

    async def consistent(self) -> None:
        """One revision in force an entry, numbered without a gap; ledger and index know the same."""
        rows = await self.ledger.fetch("SELECT * FROM knowledge ORDER BY entry, revision")
        by_entry: dict[str, list[Row]] = {}
        for row in rows:
            by_entry.setdefault(row["entry"], []).append(row)
        for revisions in by_entry.values():
            assert [row["revision"] for row in revisions] == list(range(1, len(revisions) + 1))
            assert [row["valid_to"] is None for row in revisions] == [False] * (len(revisions) - 1) + [True]
        in_force = {name for name, every in by_entry.items() if not every[-1]["retracted"]}
        vectors = await self.ledger.entries.embeddings("hash-256")
        assert {row["entry"] for row in vectors} == in_force
        assert sorted(self.index.keys()) == sorted(row["key"] for row in vectors)
        lexical = await self.ledger.fetch("SELECT k.entry FROM lexical l JOIN knowledge k ON k.seq = l.rowid")
        assert {row["entry"] for row in lexical} == in_force

    async def reversible(self) -> None:
        """Taking the last operation back restores what was before it; so does taking that back."""
        for row in await self.ledger.fetch("SELECT DISTINCT entry FROM knowledge ORDER BY entry"):
            entry = row["entry"]
            states = [_state(r) for r in await self.ledger.entries.revisions(entry)]
            await self.knowledge.undo(entry, actor="operator")
            before = states[-2] if len(states) > 1 else (*states[-1][:2], 1)
            assert _state((await self.ledger.entries.revisions(entry))[-1]) == before
            await self.knowledge.undo(entry, actor="operator")
            assert _state((await self.ledger.entries.revisions(entry))[-1]) == states[-1]
            await self.consistent()


def _state(row: Row) -> tuple[str, str, int]:
    return row["question"], row["answer"], row["retracted"]


Act = tuple[str, str]
ACTS = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES)), min_size=2, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=ACTS, together=ACTS, turns=st.lists(st.integers(0, 4), max_size=40))
def test_whatever_happens_at_once_stays_consistent_and_reversible(
    first: list[Act], together: list[Act], turns: list[int]
) -> None:
    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            ledger = await open_ledger(Path(folder), durable=False)
            try:
                writers = Writers(ledger, turns)
                for number, (kind, entry) in enumerate(first):
                    await writers.act(kind, entry, number)
                async with asyncio.timeout(20):
                    await asyncio.gather(
                        *(writers.act(*one, number) for number, one in enumerate(together, start=len(first)))
                    )
                await writers.consistent()
                await writers.reversible()
            finally:
                await ledger.close()

    asyncio.run(live())


@pytest.fixture
async def writers(tmp_path: Path) -> AsyncIterator[Writers]:
    ledger = await open_ledger(tmp_path, durable=False)
    yield Writers(ledger, [3] * 100)
    await ledger.close()


async def _both(*acts: Callable[[], Awaitable[object]]) -> list[object]:
    return list(await asyncio.gather(*(act() for act in acts), return_exceptions=True))


async def test_a_form_sent_twice_is_one_entry(writers: Writers) -> None:
    await asyncio.gather(*(writers.act("vouch", "K1", 0) for _ in range(2)))
    assert len(await writers.ledger.entries.revisions("K1")) == 1
    assert not writers.refused


async def test_two_operators_retract_and_one_is_told(writers: Writers) -> None:
    await writers.act("learn", "K1", 0)
    await asyncio.gather(*(writers.act("retract", "K1", n) for n in (1, 2)))
    assert writers.refused == 1
    assert len(await writers.ledger.entries.revisions("K1")) == 2


async def test_what_was_retracted_meanwhile_is_not_brought_back_by_a_revision(writers: Writers) -> None:
    await writers.act("learn", "K1", 0)
    known = await writers.knowledge.get("K1")
    assert known is not None
    await writers.act("retract", "K1", 1)
    revised = await writers.knowledge.revise(
        known,
        tenant=TENANT,
        question=known.question,
        answer="Something else",
        precondition="",
        citations=(),
        message_ids=(),
        actor="review",
        reason="late",
    )
    assert not revised
    assert await writers.knowledge.get("K1") is None
    await writers.consistent()


async def test_what_an_operator_retracted_is_not_learned_again_unless_somebody_vouches(
    writers: Writers,
) -> None:
    await writers.act("learn", "K1", 0)
    await writers.act("retract", "K1", 1)
    await writers.act("learn", "K1", 2)
    assert await writers.knowledge.get("K1") is None
    await writers.act("vouch", "K1", 3)
    assert (await writers.knowledge.get("K1")) is not None
    await writers.consistent()


async def test_who_holds_the_turn_may_write_within_it_and_others_wait(writers: Writers) -> None:
    order: list[str] = []

    async def first() -> None:
        async with writers.knowledge.writing:
            order.append("first begins")
            await writers.act("learn", "K1", 0)
            await writers.act("revise", "K1", 1)
            order.append("first ends")

    async def second() -> None:
        await asyncio.sleep(0)
        await writers.act("retract", "K1", 2)
        order.append("second ends")

    async with asyncio.timeout(5):
        await _both(first, second)
    assert order == ["first begins", "first ends", "second ends"]
