"""The two halves of the flow where scenarios do not reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.domain import Answer, Dialogue, EventKind, Passage, Question
from vigilbot.learning.leaned import leaned_on
from vigilbot.oncalls import message_id
from vigilbot.ports import Statement
from vigilbot.record import run_id
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.world import MOMENT

QUESTION = "How do I rotate the signing key of the gateway?"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"help": Channel(name="help"), "other": Channel(name="other")},
    )
    await world.start()
    yield world
    await world.stop()


async def test_receiving_alone_is_durable(world: World) -> None:
    """Acknowledged, then the process dies: the event is worked on after the restart, once."""
    event = world.said("carl", QUESTION)
    assert await world.parts.bot.receive(event)
    await world.restart(timedelta(minutes=1))
    assert not await world.parts.bot.receive(event)
    await world.wait(timedelta(minutes=5))
    assert len(await world.rows("runs", "main", "at")) == 1
    assert len(await world.rows("messages", "main", "at")) == 1


async def test_one_malformed_event_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    await world.parts.bot.receive(world.said("carl", "lost"))
    await world.parts.ledger.write(Statement("UPDATE inbox SET body = '{not json'", {}))
    await world.say("carl", QUESTION, on="second", channel="other")
    await world.wait(timedelta(minutes=5))
    assert len(await world.rows("messages", "second", "at")) == 1
    rows = await world.parts.ledger.fetch("SELECT state, attempts, last_error FROM inbox ORDER BY id")
    assert [row["state"] for row in rows] == ["dead", "done"]
    assert rows[0]["attempts"] == 5
    assert "JSON" in rows[0]["last_error"]


async def test_accepting_what_is_not_there_says_so(world: World) -> None:
    clicked = world.said("carl", "")
    reply = await world.parts.bot.clicks.accept(answer_id="nothing", clicked=clicked)
    assert not reply.taken
    assert "older version" in reply.text


async def test_events_about_unknown_messages_change_nothing(world: World) -> None:
    """An edit, a deletion, a reaction or a command for what the bot never saw."""
    seen = world.said("carl", QUESTION, label="never received")
    for kind in (EventKind.EDITED, EventKind.DELETED, EventKind.REACTION_ADDED, EventKind.COMMAND):
        await world.life.event(world.about("never received", kind, "ann", text="close"))
    assert await world.parts.ledger.fetch("SELECT 1 FROM oncalls") == []
    assert await world.parts.ledger.chats.message(message_id(seen.tenant, seen.channel, seen.ts)) is None


async def test_events_may_arrive_out_of_order(world: World) -> None:
    """A reply that overtakes its thread's first message belongs to the same on-call."""
    first = world.said("carl", QUESTION)
    reply = world.said("ann", "FIX: run gatectl rotate on the primary", after=timedelta(minutes=1))
    world.clock.advance_to(reply.at)
    for event in (reply, first):
        await world.parts.bot.receive(event)
    await world.parts.bot.ingest()
    await world.wait(timedelta(minutes=30))
    [oncall] = await world.oncalls("main")
    rows = await world.rows("messages", "main", "at")
    assert [(row["author"], row["role"]) for row in rows] == [("U-CARL", "customer"), ("U-ANN", "analyst")]
    assert oncall["customer"] == "U-CARL"


async def test_an_edit_or_a_deletion_may_overtake_its_message(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    for on, kind in (("edited", EventKind.EDITED), ("deleted", EventKind.DELETED)):
        said = world.said("carl", "Where does the flux capacitor live?", on=on, label=on)
        await world.life.event(world.about(on, kind, "carl", text=QUESTION))
        await world.wait(MOMENT)
        await world.parts.bot.receive(said)
        await world.wait(timedelta(minutes=5))
    assert [card.card.question for card in world.platform.posted] == [QUESTION]


async def test_a_card_is_nothing_to_people_of_another_tenant(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", QUESTION)
    await world.wait(timedelta(minutes=1))
    [answer] = await world.rows("answers", "main", "at")
    clicks = world.parts.bot.clicks
    stranger = replace(world.said("ann", ""), tenant="T2")
    assert not (await clicks.accept(answer_id=answer["id"], clicked=stranger)).taken
    assert not (await clicks.withdraw(answer_id=answer["id"], clicked=stranger)).taken
    assert (await clicks.accept(answer_id=answer["id"], clicked=world.said("ann", ""))).taken


async def test_a_defect_in_one_on_call_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    await world.teach(QUESTION, "Run gatectl rotate on the primary")

    async def break_down() -> None:
        raise ValueError("a defect")

    for _ in range(3):
        world.engine.meanwhile("identify", break_down)
    await world.say("carl", QUESTION)
    await world.say("carl", QUESTION, on="second", channel="other", after=MOMENT)
    await world.wait(timedelta(minutes=5))
    assert len(world.cards("second")) == 1


async def test_runs_of_different_on_calls_go_side_by_side(world: World) -> None:
    """Both are in the middle of their identification before either goes on."""
    both, first = asyncio.Barrier(2), asyncio.Event()

    async def meet() -> None:
        first.set()
        async with asyncio.timeout(5):
            await both.wait()

    for on in ("first", "second"):
        await world.say("carl", QUESTION, on=on)
    world.clock.advance_to(world.clock.now() + timedelta(minutes=1))  # so that both are due
    world.engine.meanwhile("identify", meet)
    running = asyncio.ensure_future(world.parts.bot.work())
    async with asyncio.timeout(5):
        await first.wait()
    world.engine.meanwhile("identify", meet)
    await running
    assert world.engine.calls["identify"] == 2


async def test_many_on_calls_are_worked_on_apart(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    for n in range(12):
        await world.say("carl", QUESTION, on=f"c{n}", channel="help" if n % 2 else "other", after=MOMENT)
    await world.wait(timedelta(minutes=5))
    assert [len(world.cards(f"c{n}")) for n in range(12)] == [1] * 12


async def test_a_card_is_recorded_with_all_it_rests_on(world: World) -> None:
    entry = await world.teach(
        QUESTION, "Run gatectl rotate on the primary", url="https://docs.example/rotate"
    )
    await world.say("carl", QUESTION)
    await world.wait(timedelta(minutes=1))
    [run] = await world.rows("runs", "main", "at")
    [answer] = await world.rows("answers", "main", "at")
    assert run["mode"] == answer["mode"] == "everyone"
    assert '"engine":"scripted"' in run["trace"]
    assert entry in answer["passages"]
    assert answer["leaned"] == f'{{"{entry}":1}}'
    assert answer["citations"] == '[["https://docs.example/rotate","https://docs.example/rotate"]]'
    assert (answer["would_post"], answer["audience"], answer["confidence"]) == (
        1,
        "everyone",
        pytest.approx(1),
    )
    assert '"dense":1.0' in answer["features"]


def test_a_run_is_named_after_what_triggered_it() -> None:
    assert run_id("customer", ["a", "b"]) == run_id("customer", ["b", "a"])
    different = {
        run_id("customer", ["a", "b"]),
        run_id("customer", ["ab"]),
        run_id("customer", ["a", "b@2"]),
        run_id("standing", ["a", "b"]),
    }
    assert len(different) == 4


async def test_a_channel_that_turns_private_keeps_new_knowledge_to_itself(world: World) -> None:
    await world.say("carl", QUESTION)
    event = replace(world.said("ann", "FIX: run it with code seven"), channel_private=True)
    await world.life.event(event)
    await world.wait(timedelta(hours=1))
    [row] = await world.parts.ledger.entries.list_current()
    assert row["space"] == "channel:C-HELP"


class TwoSources(ScriptedEngine):
    """Answers from the two best passages, the better one last."""

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        second, first = sorted(passages, key=lambda p: p.entry.id)[:2]
        return Answer(text="one [1] two [2]", passages=(first, second), confidence=1.0)


async def test_markers_number_the_passages_whatever_further_links_they_have(tmp_path: Path) -> None:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(TwoSources()),
        people={"carl": Person(name="carl")},
        channels={"help": Channel(name="help")},
    )
    await world.start()
    try:
        entries = {}
        for name in ("a", "b"):
            links = f"https://docs.example/{name}1"
            entries[await world.teach(f"{QUESTION} {name}", f"see {name}", url=links)] = links
        await world.parts.ledger.write(
            Statement(
                "UPDATE knowledge SET citations = replace(citations, ']]', :before || entry || :after)",
                {"before": '],["', "after": '",""]]'},
            )
        )
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        [posted] = world.cards("main")
        [answer] = await world.rows("answers", "main", "at")
        second, first = sorted(entries)
        urls = [c.url for c in posted.card.citations]
        assert len(urls) == 4
        assert urls[0] in (entries[first], first)
        assert urls[1] in (entries[second], second)
        assert list(leaned_on(answer)) == [first, second]
    finally:
        await world.stop()
