""" "Why this?" shows the recorded trace to who may see it, and hides what they may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.domain import Event, EventKind
from vigilbot.interactions.wording import panel_text
from vigilbot.ledger import Channels
from vigilbot.ledger.runs import Runs
from vigilbot.ports import Interaction, InteractionKind, Response, Row
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.usage import ModelCall

QUESTION = "How do I rotate the signing key of the gateway?"
ANSWER = "Run gatectl rotate on the primary"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(
        settings=load(
            options={"retrieval.index": "exact", "oncall.grace": "0s", "roles.operators": "[U-OLGA]"}
        ),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "olga": Person(name="olga"),
        },
        channels={"help": Channel(name="help"), "vault": Channel(name="vault", private=True)},
    )
    await world.start()
    yield world
    await world.stop()


async def answered(world: World, channel: str = "help", on: str = "main") -> Row:
    await world.say("carl", QUESTION, on=on, channel=channel)
    await world.wait(timedelta(minutes=1))
    [answer] = await world.rows("answers", on, "at")
    return answer


def reader(world: World, who: str, *, channel: str = "help", tenant: str = "T1") -> Event:
    at = world.clock.now()
    event = world.event(
        EventKind.COMMAND, who, channel=world.channels[channel], ts="9.000001", thread="9.000001", at=at
    )
    return replace(event, tenant=tenant)


async def clicked(world: World, event: Event, value: str) -> Response:
    return await world.why.clicked(
        Interaction(kind=InteractionKind.CLICK, event=event, name="why", value=value)
    )


async def test_the_trace_tells_all_that_was_recorded(world: World) -> None:
    entry = await world.teach(QUESTION, ANSWER)
    await world.teach("How do I rotate the logs of the gateway?", "Use logrotate")
    answer = await answered(world)
    call = ModelCall(
        stage="answer",
        model="acme/large",
        at=world.clock.now(),
        ms=812.0,
        tokens_in=900,
        tokens_out=70,
        cost=0.0123,
    )
    oncall = await world.parts.ledger.chats.oncall_row(answer["oncall"])
    assert oncall is not None
    await world.parts.ledger.write(*Runs.put_calls([call], oncall=oncall, run=answer["run"]))
    response = await clicked(world, reader(world, "ann"), answer["id"])
    assert response.panel is not None
    text = panel_text(response.panel)
    for part in (
        f"> {QUESTION}",
        "customer, author of the thread's first message",
        "In scope: 1.00",
        "has ?",
        "decided: confidence",
        "everyone",
        f"✔ used: `{entry}` revision 1: {QUESTION} → {ANSWER}",
        "likeness 1.00",
        "Use logrotate",
        "Likeness of question and passage: 1.00",
        "Engine: scripted 1",
        " ms",
        "acme/large",
        "900 tokens in, 70 out, $0.0123",
    ):
        assert part in text.replace("\\", ""), part


@pytest.mark.parametrize(("who", "may"), [("ann", True), ("olga", True), ("carl", False)])
async def test_only_analysts_and_operators_see_it(world: World, who: str, may: bool) -> None:
    await world.teach(QUESTION, ANSWER)
    answer = await answered(world)
    response = await clicked(world, reader(world, who), answer["id"])
    assert (response.panel is not None) is may
    assert ("Only analysts" in response.text) is not may


async def test_an_old_card_or_another_tenant_gets_the_right_reply(world: World) -> None:
    await world.teach(QUESTION, ANSWER)
    answer = await answered(world)
    for event, value in ((reader(world, "ann", tenant="T2"), answer["id"]), (reader(world, "ann"), "gone")):
        response = await clicked(world, event, value)
        assert response.panel is None
        assert "older version" in response.text


async def test_entries_of_spaces_that_cannot_be_seen_have_no_words(world: World) -> None:
    await world.teach(QUESTION, "the code of vault seven", space="channel:C-VAULT")
    answer = await answered(world, channel="vault")
    inside = await world.why.of(reader(world, "ann", channel="vault"), answer)
    assert "vault seven" in panel_text(inside)
    await world.say("carl", "hello there", on="public", channel="help")
    outside = panel_text(await world.why.of(reader(world, "ann"), answer))
    assert "vault seven" not in outside
    assert "cannot be seen here" in outside
    operator = panel_text(await world.why.of(reader(world, "olga"), answer))
    assert "vault seven" in operator


async def test_what_a_channel_may_not_see_any_more_is_hidden_in_it(world: World) -> None:
    await world.teach(QUESTION, ANSWER)
    answer = await answered(world)
    await world.parts.ledger.write(Channels.change("T1", "C-HELP", external=1, space="channel:C-HELP"))
    text = panel_text(await world.why.of(reader(world, "ann"), answer))
    assert f"→ {ANSWER}" not in text


async def test_later_changes_and_earlier_cards_are_told(world: World) -> None:
    entry = await world.teach(QUESTION, ANSWER)
    first = await answered(world)
    await world.parts.knowledge.retract(entry, actor="operator", reason="wrong")
    await world.teach("Where are the audit logs stored?", "in the bucket")
    await world.say("carl", "Where are the audit logs stored?")
    await world.wait(timedelta(minutes=5))
    _, second = await world.rows("answers", "main", "at")
    assert "retracted since" in panel_text(await world.why.of(reader(world, "ann"), first))
    text = panel_text(await world.why.of(reader(world, "ann"), second))
    assert "Likeness to earlier cards here" in text
    assert "gatectl" in text


async def test_an_on_call_without_an_answer_says_why(world: World) -> None:
    await world.say("carl", "ooo: what is for lunch?")
    await world.wait(timedelta(minutes=1))
    [oncall] = await world.oncalls("main")
    text = panel_text(await world.why.of(reader(world, "ann"), oncall))
    assert "out of scope" in text
    await world.say("ann", "nothing asked", on="fresh")
    [fresh] = await world.oncalls("fresh")
    assert "not judged anything" in panel_text(await world.why.of(reader(world, "ann"), fresh))
