"""Who confirms what, what nobody confirmed, and what leaves a space: with real ledger, index and bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.admin import trusting
from vigilbot.app import open_ledger
from vigilbot.domain import EventKind, Extraction, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge, Origin, new_entry_id
from vigilbot.knowledge.spaces import SHARED, Spaces, Words
from vigilbot.ledger import Ledger
from vigilbot.providers.clock import SimulatedClock
from vigilbot.settings import load
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.world import BEGIN

QUESTION = "Why does the import of invoices stop?"
GLOBEX, INITECH = "channel:C-GLOBEX", "channel:C-INITECH"


class Base:
    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock, self.index = ledger, SimulatedClock(BEGIN), ExactIndex()
        self.embedder = HashEmbedder()
        self.knowledge = Knowledge(
            ledger=ledger, embedder=self.embedder, index=self.index, clock=self.clock, theta=0.7
        )
        self.spaces = Spaces(ledger=ledger, knowledge=self.knowledge, clock=self.clock)

    async def learn(
        self, answer: str, *, oncall: str, customer: str = "U1", space: str = "public", precondition: str = ""
    ) -> str:
        self.clock.advance_to(self.clock.now() + timedelta(minutes=1))
        extraction = Extraction(
            question=QUESTION,
            answer=answer,
            message_ids=(f"M-{oncall}",),
            citations=(),
            confirmed=False,
            resolved_at=self.clock.now(),
            precondition=precondition,
        )
        channel = space.removeprefix("channel:")
        origin = Origin(tenant="T1", space=space, channel=channel, oncall=oncall, customer=customer)
        done = await self.knowledge.learn(extraction, origin=origin, entry_id=new_entry_id(oncall))
        return done.entry

    async def share(self, entry: str, answer: str = "Set import.batch") -> str:
        known = await self.knowledge.get(entry)
        assert known is not None
        words = Words(question=QUESTION, answer=answer)
        done = await self.spaces.share(known, words, tenant="T1", actor="ann", reason="shared")
        return done.entry

    async def trust(self, entry: str) -> Trust | None:
        known = await self.knowledge.get(entry)
        return known.trust if known else None

    async def open(self) -> int:
        return sum(each.open for each in await trusting.disputes(self.ledger, at=self.clock.now()))


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[Base]:
    ledger = await open_ledger(tmp_path, durable=False)
    yield Base(ledger)
    await ledger.close()


async def test_three_customers_confirm_and_one_customer_thrice_does_not(base: Base) -> None:
    entry = await base.learn("Set import.batch", oncall="O1")
    for n in (2, 3, 4):
        assert await base.learn("Set import.batch", oncall=f"O{n}") == entry
    assert await base.trust(entry) is Trust.PROBATION
    await base.learn("Set import.batch", oncall="O5", customer="U2")
    assert await base.trust(entry) is Trust.PROBATION
    await base.learn("Set import.batch", oncall="O6", customer="U3")
    assert await base.trust(entry) is Trust.CONFIRMED


async def test_an_accept_of_the_asker_is_no_customer_of_its_own(base: Base) -> None:
    entry = await base.learn("Set import.batch", oncall="O1")
    for n in (2, 3, 4):
        known = await base.knowledge.get(entry)
        assert known is not None
        origin = Origin(tenant="T1", space="public", oncall=f"O{n}", customer=f"U{n}")
        await base.knowledge.support(
            known, origin=origin, kind=SupportKind.ACCEPTED_BY_ASKER, question=QUESTION
        )
    assert await base.trust(entry) is Trust.PROBATION


async def test_what_somebody_stands_by_does_not_expire_and_undo_brings_the_end_back(base: Base) -> None:
    entry = await base.learn("Until the fix is out, restart it", oncall="O1")
    known = await base.knowledge.get(entry)
    assert known is not None
    assert known.expires_at == base.clock.now() + timedelta(days=2)
    assert await trusting.verify(base.knowledge, base.ledger, entry, actor="op", at=base.clock.now())
    assert not await trusting.verify(base.knowledge, base.ledger, entry, actor="op", at=base.clock.now())
    verified = await base.knowledge.get(entry)
    assert verified is not None
    assert verified.expires_at is None
    assert verified.trust is Trust.VERIFIED
    await base.knowledge.undo(entry, actor="op")
    assert await base.knowledge.get(entry) == replace(
        known, revision=3, actor="op", valid_from=base.clock.now()
    )


async def test_two_answers_under_different_preconditions_do_not_contradict(base: Base) -> None:
    await base.learn("Set import.batch", oncall="O1", precondition="in the old version")
    await base.learn("Buy more memory for everything", oncall="O2", precondition="in the new version")
    assert await base.open() == 0


async def test_a_contradiction_is_settled_by_what_becomes_of_its_sides_and_opens_again(base: Base) -> None:
    first = await base.learn("Set import.batch", oncall="O1")
    second = await base.learn("Buy more memory for everything", oncall="O2")
    assert await base.open() == 1
    await base.knowledge.retract(first, actor="op", reason="wrong")
    [settled] = await trusting.disputes(base.ledger, at=base.clock.now())
    assert (settled.winner, settled.open) == (second, False)
    await base.knowledge.undo(first, actor="op")
    assert await base.open() == 1
    await base.learn("Set import.batch", oncall="O3", customer="U3")
    [settled] = await trusting.disputes(base.ledger, at=base.clock.now())
    assert settled.winner == first
    await base.learn("Buy more memory for everything", oncall="O4", customer="U4")
    assert await base.open() == 1
    with pytest.raises(BadInput):
        await trusting.both_hold(base.ledger, first, "K0", tenant="T1", actor="op", at=base.clock.now())
    await trusting.both_hold(base.ledger, second, first, tenant="T1", actor="op", at=base.clock.now())
    assert await base.open() == 0


async def test_a_shared_copy_tells_nothing_of_where_it_comes_from(base: Base) -> None:
    entry = await base.learn("Set import.batch for Globex", oncall="O1", space=GLOBEX)
    copy = await base.share(entry)
    row = await base.ledger.entries.entry(copy)
    assert row is not None
    assert (row["space"], row["channel"], row["learned_from"], row["message_ids"]) == (SHARED, "", "", "[]")
    assert not [text for text in map(str, row.values()) if "GLOBEX" in text.upper() or entry in text]
    assert await base.ledger.entries.supports([copy]) == []


async def test_a_copy_goes_with_its_only_original_and_comes_back_by_undo(base: Base) -> None:
    entry = await base.learn("Set import.batch for Globex", oncall="O1", space=GLOBEX)
    copy = await base.share(entry)
    await base.knowledge.retract(entry, actor="op", reason="wrong")
    assert await base.trust(copy) is None
    assert await base.index.count() == 0
    await base.knowledge.undo(copy, actor="op")
    assert await base.trust(copy) is Trust.VERIFIED


async def test_a_copy_made_from_two_stays_until_both_are_gone(base: Base) -> None:
    one = await base.learn("Set import.batch", oncall="O1", space=GLOBEX)
    two = await base.learn("Set import.batch", oncall="O2", space=INITECH)
    copy = await base.share(one)
    assert await base.share(two) == copy
    await base.knowledge.retract(one, actor="op", reason="wrong")
    assert await base.trust(copy) is Trust.VERIFIED
    await base.knowledge.retract(two, actor="op", reason="wrong")
    assert await base.trust(copy) is None


async def test_sharing_again_gives_the_copy_the_new_words_and_undo_takes_them_back(base: Base) -> None:
    entry = await base.learn("Set import.batch for Globex", oncall="O1", space=GLOBEX)
    copy = await base.share(entry)
    assert await base.share(entry, "Set import.batch to fifty") == copy
    known = await base.knowledge.get(copy)
    assert known is not None
    assert (known.answer, known.revision) == ("Set import.batch to fifty", 2)
    await base.knowledge.undo(copy, actor="op")
    known = await base.knowledge.get(copy)
    assert known is not None
    assert known.answer == "Set import.batch"
    with pytest.raises(BadInput):
        await base.spaces.share(
            known, Words(question="q", answer="a"), tenant="T1", actor="x", reason="a copy of a copy"
        )


async def test_operators_are_told_when_the_original_of_a_copy_changes(base: Base) -> None:
    entry = await base.learn("Set import.batch for Globex", oncall="O1", space=GLOBEX)
    copy = await base.share(entry)
    known = await base.knowledge.get(entry)
    assert known is not None
    await base.knowledge.revise(
        known,
        tenant="T1",
        question=QUESTION,
        answer="Buy memory",
        precondition="",
        citations=(),
        message_ids=(),
        actor="review",
        reason="otherwise",
    )
    waiting = await trusting.waiting(base.ledger, at=base.clock.now())
    assert [row["subject"] for row in waiting.flagged] == [copy]
    base.clock.advance_to(base.clock.now() + timedelta(minutes=1))
    await base.share(entry, "Buy memory for everybody")
    assert not (await trusting.waiting(base.ledger, at=base.clock.now())).flagged


async def test_names_of_the_conversation_are_taken_out(tmp_path: Path) -> None:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={"ann": Person(name="ann", title="Support Engineer"), "zebulon": Person(name="zebulon")},
        channels={"ext-hooli": Channel(name="ext-hooli", external=True)},
    )
    await world.start()
    await world.say("zebulon", f"{QUESTION} Hooli waits.", channel="ext-hooli")
    await world.wait(timedelta(seconds=20))
    await world.say("ann", "FIX: Zebulon, set import.batch at Hooli, see https://hooli.example/x")
    await world.wait(timedelta(minutes=5))
    [row] = await world.parts.ledger.entries.list_current()
    spaces = Spaces(ledger=world.parts.ledger, knowledge=world.parts.knowledge, clock=world.clock)
    known = await world.parts.knowledge.get(row["entry"])
    assert known is not None
    words = await spaces.redacted(known, tenant="T1")
    told = f"{words.question} {words.answer} {words.links}".casefold()
    assert "import.batch" in told
    assert not [name for name in ("zebulon", "hooli", "ann ") if name in told]
    await world.stop()


async def test_an_accept_during_a_review_outranks_its_verdict(tmp_path: Path) -> None:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "dora": Person(name="dora"),
        },
        channels={"help": Channel(name="help")},
    )
    await world.start()
    await world.say("carl", QUESTION, on="first")
    await world.wait(timedelta(seconds=20))
    await world.say("ann", "FIX: set import.batch", on="first")
    await world.wait(timedelta(minutes=5))
    await world.say("dora", QUESTION, on="second")
    await world.wait(timedelta(minutes=1))
    await world.say("ann", "NO: that is for the old version", on="second")
    clicked, value = await world.clicked("dora", on="second")

    async def accepts() -> None:
        reply = await world.parts.bot.clicks.accept(answer_id=value, clicked=clicked)
        assert reply.taken

    world.engine.meanwhile("review", accepts)
    await world.wait(timedelta(hours=1))
    assert clicked.kind is EventKind.COMMAND
    [row] = await world.parts.ledger.entries.list_current()
    answer = await world.parts.ledger.runs.answer(value)
    assert answer is not None
    assert answer["outcome"] == "accepted_by_asker"
    assert row["revision"] == 1
    [review] = await world.parts.ledger.fetch("SELECT * FROM reviews")
    assert "accepted meanwhile" in review["reason"]
    await world.stop()
