""" "Save to knowledge": what an analyst reads, mends and saves is known from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.cards import Form
from vigilbot.domain import EventKind
from vigilbot.interactions.opening import sharing_of
from vigilbot.interactions.saving import FORM, SHORTCUT, Saving
from vigilbot.ports import Interaction, InteractionKind, Response, Row
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
ANSWER = "Run gatectl rotate on the primary, see https://docs.example/rotate"
TOKEN = "xoxb-" + "123456789012-123456789012-abcdefghijklmnopqrstuvwx"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"help": Channel(name="help"), "vault": Channel(name="vault", private=True)},
    )
    await world.start()
    yield world
    await world.stop()


async def talked(world: World, answer: str = ANSWER, *, channel: str = "help") -> None:
    await world.say("carl", QUESTION, channel=channel, label="asked")
    await world.wait(timedelta(seconds=20))
    await world.say("ann", answer, label="answer")


def saving(world: World) -> Saving:
    parts = world.parts
    return Saving(
        ledger=parts.ledger,
        knowledge=parts.knowledge,
        roles=parts.roles,
        clock=world.clock,
        sharing=sharing_of(parts.bot, roles=parts.roles, clock=world.clock),
    )


async def choose(world: World, who: str, label: str = "answer", *, text: str = "") -> Response:
    person = world.person(who)
    event = replace(world.events[label], user=person.id, user_title=person.title)
    return await saving(world).table[InteractionKind.SHORTCUT, SHORTCUT](
        Interaction(kind=InteractionKind.SHORTCUT, event=event, name=SHORTCUT, text=text)
    )


async def submit(world: World, who: str, form: Form, **changes: str) -> Response:
    person = world.person(who)
    meant = world.events["answer"]
    event = replace(meant, user=person.id, user_title=person.title, ts="", thread="")
    fields = {field.name: str(field.initial) for field in form.fields} | changes
    return await saving(world).table[InteractionKind.SUBMIT, FORM](
        Interaction(kind=InteractionKind.SUBMIT, event=event, name=form.name, value=form.value, fields=fields)
    )


def form_of(response: Response) -> Form:
    assert response.form is not None
    return response.form


async def entries(world: World) -> list[Row]:
    return await world.parts.ledger.entries.list_current()


async def test_the_form_is_filled_in_and_what_is_saved_answers_others(world: World) -> None:
    await talked(world)
    form = form_of(await choose(world, "ann"))
    assert {f.name: f.initial for f in form.fields} == {"question": QUESTION, "answer": ANSWER}
    reply = await submit(world, "ann", form, answer="Use gatectl, see https://docs.example/rotate")
    [entry] = await entries(world)
    assert f"Saved as `{entry['entry']}`" in reply.text
    assert (entry["answer"], entry["trust"], entry["actor"], entry["space"]) == (
        "Use gatectl, see https://docs.example/rotate",
        "verified",
        "U-ANN",
        "public",
    )
    assert "https://docs.example/rotate" in entry["citations"]
    [question] = await world.rows("questions", "main", "asked_at")
    assert (question["state"], question["entry"]) == ("resolved", entry["entry"])
    await world.say("carl", QUESTION, on="again")
    await world.wait(timedelta(minutes=2))
    assert "Use gatectl" in world.cards("again")[0].card.body


async def test_a_customers_question_is_never_put_where_the_answer_belongs(world: World) -> None:
    await talked(world)
    form = form_of(await choose(world, "ann", "asked"))
    assert [f.initial for f in form.fields if f.name in ("question", "answer")] == [QUESTION, ANSWER]


async def test_nothing_is_learned_a_second_time_from_what_was_saved(world: World) -> None:
    await talked(world, "FIX: Run gatectl rotate on the primary")
    await submit(
        world, "ann", form_of(await choose(world, "ann")), answer="Run gatectl rotate on the primary"
    )
    await world.wait(timedelta(days=1))
    assert len(await entries(world)) == 1


async def test_only_analysts_save(world: World) -> None:
    await talked(world)
    form = form_of(await choose(world, "ann"))
    assert "Only analysts" in (await choose(world, "carl")).text
    assert "Only analysts" in (await submit(world, "carl", form)).text
    assert await entries(world) == []


async def test_empty_fields_keep_the_form_open(world: World) -> None:
    await talked(world)
    form = form_of(await choose(world, "ann"))
    assert set((await submit(world, "ann", form, question=" ", answer="")).errors) == {"question", "answer"}
    assert await entries(world) == []


async def test_secrets_are_taken_out_before_and_after_the_form(world: World) -> None:
    await talked(world, f"Use the token {TOKEN} for it")
    form = form_of(await choose(world, "ann"))
    assert TOKEN not in repr(form)
    assert "Secrets" in form.note
    await submit(world, "ann", form, answer=f"It is {TOKEN}")
    [entry] = await entries(world)
    assert TOKEN not in entry["answer"]
    other = form_of(await choose(world, "ann", "asked"))
    assert TOKEN not in repr(other)
    await world.say("ann", ANSWER, label="harmless", channel="vault")
    assert "Secrets" not in form_of(await choose(world, "ann", "harmless")).note


async def test_what_is_known_already_is_said_and_verified(world: World) -> None:
    known = await world.teach(QUESTION, ANSWER, url="https://docs.example/rotate")
    await talked(world)
    reply = await submit(world, "ann", form_of(await choose(world, "ann")))
    assert f"Known already as `{known}`" in reply.text
    [entry] = await entries(world)
    assert (entry["trust"], entry["support"]) == ("verified", 1)


async def test_the_same_message_saved_again_is_a_revision(world: World) -> None:
    await talked(world)
    form = form_of(await choose(world, "ann"))
    await submit(world, "ann", form)
    assert "saved already" in (await submit(world, "ann", form)).text
    assert "says this now" in (await submit(world, "ann", form, answer="Use gatectl renew")).text
    [entry] = await entries(world)
    assert (entry["revision"], entry["answer"]) == (2, "Use gatectl renew")


async def test_what_is_saved_stays_in_its_space_and_goes_with_its_message(world: World) -> None:
    await talked(world, channel="vault")
    await submit(world, "ann", form_of(await choose(world, "ann")))
    [entry] = await entries(world)
    assert entry["space"] == "channel:C-VAULT"
    await world.life.event(world.about("answer", EventKind.DELETED, "ann"))
    assert await entries(world) == []


async def test_a_message_the_bot_has_not_read_can_be_saved(world: World) -> None:
    await talked(world)
    world.events["answer"] = replace(world.events["answer"], ts="1.000001", thread="1.000001")
    form = form_of(await choose(world, "ann", text="Use gatectl renew"))
    assert {f.name: f.initial for f in form.fields} == {"question": "", "answer": "Use gatectl renew"}
    assert "Saved as" in (await submit(world, "ann", form, question="How to renew?")).text


async def test_where_the_bot_is_not_nothing_is_saved(world: World) -> None:
    await talked(world)
    world.events["answer"] = replace(world.events["answer"], channel="C-ELSE")
    assert "not in this channel" in (await choose(world, "ann")).text
