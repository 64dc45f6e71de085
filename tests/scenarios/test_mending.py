"""What was learned can be taken back, told so where it was told, and forgotten for good."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.admin import retract, undo
from vigilbot.admin.as_of import copy_at, known_at
from vigilbot.admin.corrections import Corrections, corrections_of
from vigilbot.admin.erasing import erase, plan
from vigilbot.admin.impact import impact_of
from vigilbot.admin.undoing import deeds_of, undo_deeds
from vigilbot.app import LEDGER
from vigilbot.domain import EventKind
from vigilbot.evals.kb_gaps import gaps
from vigilbot.ledger import Ledger
from vigilbot.settings import load
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

KEY = "How do I rotate the signing key of the gateway?"
LOGS = "Where are the audit logs stored?"
PEOPLE = {
    "ann": Person(name="ann", title="Support Engineer"),
    "bob": Person(name="bob", title="Support Engineer"),
    "carl": Person(name="carl"),
    "dora": Person(name="dora"),
    "eve": Person(name="eve"),
}
DAY = timedelta(days=1)
MINUTES = timedelta(minutes=10)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    made = World(
        settings=load(
            options={"retrieval.index": "exact", "oncall.gate": "immediately", "oncall.grace": "0s"}
        ),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels={"help": Channel(name="help")},
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def desk(made: World) -> Corrections:
    return corrections_of(made.parts.bot, platform=made.platform, clock=made.clock)


async def card_on(made: World, on: str, who: str = "dora", question: str = KEY) -> None:
    before = len(made.platform.posted)
    await made.say(who, question, on=on)
    await made.wait(timedelta(minutes=1))
    assert len(made.platform.posted) == before + 1


async def taught(made: World) -> str:
    """An entry that Ann's message taught; returns its id."""
    await made.say("carl", KEY, on="first")
    await made.wait(timedelta(minutes=1))
    await made.say("ann", "FIX: run gatectl rotate on the replica", on="first", label="fix")
    await made.wait(MINUTES)
    [row] = await made.parts.ledger.entries.list_current()
    return str(row["entry"])


# -- corrections


async def test_a_correction_is_owed_and_posted_only_when_an_operator_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        await card_on(made, "second")
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await retract(knowledge, ledger, entry, actor="olga", reason="wrong", at=made.clock.now())
        await made.wait(MINUTES)
        assert made.notices("second") == []
        [owed] = await desk(made).owed()
        assert (owed.entry, owed.now, owed.open, owed.question) == (entry, "", True, KEY)
        assert await desk(made).confirm(by="olga") == 1
        await made.wait(MINUTES)
        [notice] = made.notices("second")
        assert "taken back" in notice.notice.text
        assert "taken back" in made.cards("second")[0].card.superseded
        assert await desk(made).confirm(by="olga") == 0
        await made.restart()
        await made.wait(MINUTES)
        assert len(made.notices("second")) == 1


async def test_an_edited_source_owes_a_correction_that_says_what_holds_now(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await taught(made)
        await card_on(made, "second")
        await card_on(made, "third", "eve")
        edited = made.about("fix", EventKind.EDITED, "ann", text="FIX: run gatectl rotate only on host 7")
        await made.life.event(edited)
        await made.wait(MINUTES)
        assert [each.now for each in await desk(made).owed()] == ["run gatectl rotate only on host 7"] * 2
        assert await desk(made).confirm(by="olga") == 2
        await made.wait(MINUTES)
        for on in ("second", "third"):
            [notice] = made.notices(on)
            assert "only on host 7" in notice.notice.text
            assert "changed since" in made.cards(on)[0].card.superseded


async def test_nothing_is_owed_once_the_entry_says_the_same_again(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        await card_on(made, "second")
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await retract(knowledge, ledger, entry, actor="olga", reason="wrong", at=made.clock.now())
        await desk(made).find()
        assert len(await desk(made).owed()) == 1
        await undo(knowledge, ledger, entry, actor="olga", at=made.clock.now())
        assert await desk(made).owed() == ()
        assert await desk(made).confirm(by="olga") == 0


async def test_on_calls_that_ended_a_day_ago_are_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        await card_on(made, "second")
        await made.wait(timedelta(hours=40))  # closed by silence after twelve
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await retract(knowledge, ledger, entry, actor="olga", reason="wrong", at=made.clock.now())
        assert await desk(made).find() == 0
        assert await desk(made).owed() == ()


async def test_a_crash_between_post_and_mark_repeats_no_correction(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        await card_on(made, "second")
        await retract(
            made.parts.knowledge, made.parts.ledger, entry, actor="o", reason="wrong", at=made.clock.now()
        )
        await desk(made).find()
        await desk(made).confirm(by="olga")
        made.platform.lose(1)
        await made.wait(timedelta(seconds=1))
        await made.restart()
        await made.wait(MINUTES)
        assert len(made.notices("second")) == 1
        [row] = await made.parts.ledger.fetch("SELECT state FROM corrections")
        assert row["state"] == "sent"


# -- undo of everything


async def test_everything_by_one_actor_is_taken_back_and_nothing_is_posted(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await card_on(made, "second")
        await made.click("accept", "bob", on="second")
        await made.wait(MINUTES)
        before = made.clock.now()
        assert [row["trust"] for row in await ledger.entries.list_current()] == ["verified"]
        deeds = await deeds_of(ledger, "U-BOB", since=before - DAY)
        assert deeds.count == 2  # the entry verified, and the Accept itself
        assert await undo_deeds(knowledge, ledger, deeds, actor="olga", at=made.clock.now()) == 2
        await made.wait(MINUTES)
        [row] = await ledger.entries.list_current()
        assert (row["trust"], row["operation"], row["actor"]) == ("probation", "undo", "olga")
        [answer] = await made.rows("answers", "second", "at")
        assert answer["outcome"] is None
        assert made.notices("second") == []
        assert (await deeds_of(ledger, "U-BOB", since=before - DAY)).count == 0
        assert (await impact_of(ledger, entry)).accepted == 0


async def test_what_others_changed_since_is_left_alone_and_named(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await retract(knowledge, ledger, entry, actor="mallory", reason="x", at=made.clock.now())
        await undo(knowledge, ledger, entry, actor="olga", at=made.clock.now())
        await retract(knowledge, ledger, entry, actor="olga", reason="really wrong", at=made.clock.now())
        deeds = await deeds_of(ledger, "mallory", since=made.clock.now() - DAY)
        assert (deeds.able, [d.others for d in deeds.left]) == ((), ["undo by olga; retract by olga"])


async def test_what_was_known_then_is_known_from_the_copy(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await taught(made)
        then = made.clock.now()
        await made.wait(MINUTES)
        knowledge, ledger = made.parts.knowledge, made.parts.ledger
        await retract(knowledge, ledger, entry, actor="olga", reason="wrong", at=made.clock.now())
        assert [row["answer"] for row in await known_at(ledger, then)] == [
            "run gatectl rotate on the replica"
        ]
        assert await known_at(ledger, made.clock.now()) == []
        place = tmp_path / "copy.db"
        target = Ledger(await SqliteDatabase.open(place, migrations=bundled(), durable=False))
        try:
            assert await copy_at(ledger, target, then) == 1
            assert (await target.entries.current([entry]))[entry].answer.endswith("replica")
            assert len(await target.entries.match(["gatectl"], tenant="T1", spaces=["public"], limit=5)) == 1
        finally:
            await target.close()


# -- gaps


async def test_gaps_are_subjects_without_an_answer_by_demand(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.teach(KEY, "Run gatectl rotate on the primary")
        await card_on(made, "answered")
        for number, who in enumerate(("carl", "dora", "eve")):
            await made.say(who, LOGS, on=f"logs {number}")
        await made.say("carl", "Which ports does the exporter need?", on="ports")
        await made.say("ann", "No idea, sorry", on="ports")
        await made.wait(timedelta(days=2))
        found = await gaps(made.parts.ledger, now=made.clock.now())
        assert [(g.question, g.askers, g.oncalls, g.waiting) for g in found] == [
            (LOGS, 3, 3, 0),
            ("Which ports does the exporter need?", 1, 1, 0),
        ]
        assert found[0].answerers == ("ann",)


# -- erasure


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{LEDGER}*")))


@pytest.mark.parametrize(("who", "word"), [("ann", "zephyrine"), ("carl", "quokkable")])
async def test_no_byte_of_an_erased_persons_words_is_left(tmp_path: Path, who: str, word: str) -> None:
    async with world(tmp_path) as made:
        await made.say("carl", "How do I rotate the quokkable key of the gateway?", on="first", label="q")
        await made.wait(timedelta(minutes=1))
        await made.say("ann", "FIX: run zephyrine rotate on the replica", on="first", label="fix")
        await made.wait(MINUTES)
        await made.say("dora", "How do I rotate the key of the gateway?", on="second")
        await made.say("carl", "@vigilbot how do I rotate the quokkable key of the gateway?", on="third")
        await made.wait(MINUTES)
        assert word.encode() in everything(tmp_path)
        ledger, knowledge = made.parts.ledger, made.parts.knowledge
        found = await plan(ledger, tenant="T1", person=PEOPLE[who].id)
        assert found.messages
        await erase(found, ledger=ledger, knowledge=knowledge, actor="olga", at=made.clock.now())
        await made.wait(DAY)
        await ledger.scrub()
        assert word.encode() not in everything(tmp_path)
        current = await ledger.entries.list_current()
        assert [row["answer"] for row in current] == (
            [] if who == "ann" else ["run zephyrine rotate on the replica"]
        )
        again = await plan(ledger, tenant="T1", person=PEOPLE[who].id)
        await erase(again, ledger=ledger, knowledge=knowledge, actor="olga", at=made.clock.now())
        await made.restart()
        await made.wait(MINUTES)
    with sqlite3.connect(tmp_path / LEDGER) as database:
        [[messages]] = database.execute("SELECT count(*) FROM messages").fetchall()
    assert messages == 4


async def test_what_others_explained_is_still_found_after_who_asked_is_erased(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await taught(made)
        await card_on(made, "second")
        await made.click("accept", "dora", on="second")
        await made.wait(MINUTES)
        ledger, knowledge = made.parts.ledger, made.parts.knowledge
        found = await plan(ledger, tenant="T1", person="U-CARL")
        await erase(found, ledger=ledger, knowledge=knowledge, actor="olga", at=made.clock.now())
        await card_on(made, "fourth", "eve")
