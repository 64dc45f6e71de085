"""Drafts and cards as an adapter sees them: forms, replies, prompts that go away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.interactions.office import Company
from vigilbot.cards import ActionKind, Form
from vigilbot.domain import Event, EventKind
from vigilbot.errors import PlatformError
from vigilbot.interactions import Desk
from vigilbot.interactions.on_cards import EDITED, LONGEST, OnCards
from vigilbot.ports import Interaction, InteractionKind, Response
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, Fault, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.world import MOMENT

QUESTION = "How do I rotate the signing key of the gateway?"
ANSWER = "Run gatectl rotate on the primary"


def made(folder: Path, *, fault: Fault | None = None, **options: str) -> World:
    return World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", **options}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "bob": Person(name="bob", title="Support Engineer"),
            "carl": Person(name="carl"),
        },
        channels={"help": Channel(name="help")},
        wrap=(fault or Fault(fail_at=0)).wrap,
    )


@pytest.fixture
async def drafted(tmp_path: Path) -> AsyncIterator[World]:
    """A draft that ann sees, for what carl asked."""
    world = made(tmp_path, **{"mode.internal": "analysts"})
    await world.start()
    await world.teach(QUESTION, ANSWER)
    await world.say("ann", "Good morning", on="other")
    await world.say("carl", QUESTION)
    await world.wait(timedelta(minutes=1))
    yield world
    await world.stop()


@pytest.fixture
async def answered(tmp_path: Path) -> AsyncIterator[World]:
    """A card that everybody sees, for what carl asked."""
    world = made(tmp_path)
    await world.start()
    await world.teach(QUESTION, ANSWER)
    await world.say("carl", QUESTION, label="asked")
    await world.wait(timedelta(minutes=1))
    yield world
    await world.stop()


async def act(
    world: World,
    name: str,
    who: str,
    *,
    kind: InteractionKind = InteractionKind.CLICK,
    fields: Mapping[str, str] | None = None,
    tenant: str = "T1",
) -> Response:
    event, value = await world.clicked(who, number=1)
    handler = OnCards(clicks=world.parts.bot.clicks).table[kind, name]
    response = await handler(
        Interaction(
            kind=kind, event=replace(event, tenant=tenant), name=name, value=value, fields=fields or {}
        )
    )
    await world.life.until(world.clock.now())
    return response


def form_of(response: Response) -> Form:
    assert response.form is not None
    return response.form


async def test_the_prompt_goes_away_once_something_was_decided(drafted: World) -> None:
    assert not (await act(drafted, "post", "carl")).done
    posted = await act(drafted, "post", "ann")
    assert posted.done
    assert "Posted" in posted.text
    late = await act(drafted, "dismiss", "bob")
    assert late.done
    assert "ann has posted" in late.text
    assert len(drafted.cards("main")) == 2


async def test_the_form_holds_the_draft_without_its_markers(drafted: World) -> None:
    form = form_of(await act(drafted, "edit", "ann"))
    assert form.name == EDITED
    assert form.fields[0].initial == ANSWER
    assert QUESTION in form.note
    refused = await act(drafted, "edit", "carl")
    assert refused.form is None
    assert "Only an analyst" in refused.text


@pytest.mark.parametrize("text", ["", "   \n", "x" * (LONGEST + 1)])
async def test_an_impossible_answer_keeps_the_form_open(drafted: World, text: str) -> None:
    response = await act(drafted, EDITED, "ann", kind=InteractionKind.SUBMIT, fields={"answer": text})
    assert set(response.errors) == {"answer"}
    assert len(drafted.cards("main")) == 1


async def test_an_unchanged_form_posts_the_draft_itself(drafted: World) -> None:
    fields = {"answer": f" {ANSWER}\n"}
    await act(drafted, EDITED, "ann", kind=InteractionKind.SUBMIT, fields=fields)
    card = drafted.cards("main")[1].card
    assert card.body == f"{ANSWER} [1]"
    [answer] = await drafted.rows("answers", "main", "at")
    assert answer["outcome"] == "verified"
    assert len(await drafted.parts.ledger.entries.list_current()) == 1


async def test_an_edit_is_learned_once_however_often_it_is_sent(drafted: World) -> None:
    fields = {"answer": "Open the vault page and press renew"}
    first = await act(drafted, EDITED, "ann", kind=InteractionKind.SUBMIT, fields=fields)
    second = await act(drafted, EDITED, "ann", kind=InteractionKind.SUBMIT, fields=fields)
    assert "Posted" in first.text
    assert "has posted" in second.text
    assert [c.card.body for c in drafted.cards("main")[1:]] == ["Open the vault page and press renew"]
    [row] = [r for r in await drafted.parts.ledger.entries.list_current() if "vault" in r["answer"]]
    assert (row["trust"], row["actor"], row["support"]) == ("verified", "U-ANN", 1)
    assert "K" in row["reason"]


async def test_a_posted_draft_survives_a_crash_before_it_is_sent(drafted: World) -> None:
    event, value = await drafted.clicked("ann", number=1)
    reply = await drafted.parts.bot.clicks.post(answer_id=value, clicked=event)
    assert reply.taken
    await drafted.restart(timedelta(minutes=1))
    await drafted.wait(timedelta(minutes=1))
    assert [c.card.posted_by for c in drafted.cards("main")] == ["", "ann"]


async def test_a_draft_of_a_deleted_question_is_not_posted(drafted: World) -> None:
    root = drafted.events["asked"] = drafted.said("carl", QUESTION)
    first = drafted.conversations["main"].root
    gone = replace(root, ts=first, thread=first, kind=EventKind.DELETED, key="d", natural_key="deleted")
    await drafted.life.event(gone)
    response = await act(drafted, "post", "ann")
    assert response.done
    assert "Nothing was posted" in response.text


async def test_buttons_are_nothing_to_people_of_another_tenant(drafted: World) -> None:
    for name in ("accept", "take_back", "withdraw", "post", "edit", "dismiss"):
        response = await act(drafted, name, "ann", tenant="T2")
        assert "older version" in response.text
    assert await drafted.parts.ledger.fetch("SELECT 1 FROM feedback") == []


async def test_accept_says_how_to_take_it_back_and_the_card_offers_it(answered: World) -> None:
    [card] = answered.cards("main")
    assert ActionKind.TAKE_BACK not in {a.kind for a in card.card.actions}
    response = await act(answered, "accept", "carl")
    assert "take it back" in response.text
    [card] = answered.cards("main")
    assert ActionKind.TAKE_BACK in {a.kind for a in card.card.actions}
    assert (await act(answered, "take_back", "carl")).text == "Taken back."
    [card] = answered.cards("main")
    assert card.card.accepted_by == ""
    [row] = await answered.parts.ledger.fetch("SELECT * FROM audit WHERE action = 'take back an Accept'")
    assert row["actor"] == "U-CARL"


async def test_the_card_is_drawn_anew_after_a_crash_and_a_silent_platform(
    answered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accept and its effect are durable; the picture follows as soon as the platform answers again."""
    event, value = await answered.clicked("carl")
    await answered.parts.bot.clicks.accept(answer_id=value, clicked=event)

    async def refuse(**_: object) -> None:
        raise PlatformError("away")

    with monkeypatch.context() as patched:
        patched.setattr(answered.platform, "update", refuse)
        await answered.parts.bot.work()
    assert answered.cards("main")[0].card.accepted_by == ""
    await answered.restart()
    await answered.wait(timedelta(minutes=2))
    assert answered.cards("main")[0].card.accepted_by == "carl"
    assert await answered.parts.ledger.fetch("SELECT 1 FROM deliveries WHERE refresh_at IS NOT NULL") == []


async def test_a_card_that_says_the_truth_is_left_alone(
    answered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(**_: object) -> None:
        raise AssertionError("nothing changed")

    monkeypatch.setattr(answered.platform, "update", refuse)
    ledger = answered.parts.ledger
    [answer] = await answered.rows("answers", "main", "at")
    await ledger.write(ledger.runs.outdate(answer["id"], at=answered.clock.now()))
    assert await answered.parts.bot.delivery.refresh() == 1
    assert await answered.parts.bot.delivery.refresh() == 0


async def test_a_withdrawn_card_is_taken_down_even_if_the_platform_fails_first(
    answered: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(**_: object) -> None:
        raise PlatformError("away")

    event, value = await answered.clicked("ann")
    await answered.parts.bot.clicks.withdraw(answer_id=value, clicked=event)
    with monkeypatch.context() as patched:
        patched.setattr(answered.platform, "remove", refuse)
        await answered.parts.bot.work()
    assert len(answered.cards("main")) == 1
    await answered.wait(timedelta(minutes=2))
    assert answered.cards("main") == []


async def test_a_card_deleted_by_hand_counts_as_withdrawn(answered: World) -> None:
    [card] = answered.cards("main")
    deleted = Event(
        kind=EventKind.DELETED,
        tenant="T1",
        channel=card.channel,
        channel_name="help",
        ts=card.ts,
        thread=card.thread,
        user="",
        at=answered.clock.now() + MOMENT,
        key="d1",
        natural_key="deleted:card",
        is_self=True,
    )
    await answered.life.event(deleted)
    await answered.wait(MOMENT)
    [answer] = await answered.rows("answers", "main", "at")
    [delivery] = await answered.rows("deliveries", "main", "due_at")
    [question] = await answered.rows("questions", "main", "asked_at")
    [oncall] = await answered.oncalls("main")
    assert (answer["outcome"], delivery["state"], question["state"]) == ("withdrawn", "withdrawn", "open")
    assert oncall["learn_at"]
    reply = await answered.parts.bot.clicks.accept(answer_id=answer["id"], clicked=answered.said("carl", ""))
    assert reply.text == "This card was withdrawn."
    other = replace(deleted, at=answered.clock.now(), ts="1.000001", key="d2", natural_key="deleted:notice")
    await answered.life.event(other)
    assert await answered.parts.ledger.fetch("SELECT 1 FROM inbox WHERE state != 'done'") == []


async def test_an_accept_that_could_not_be_written_is_not_taken_and_says_so(tmp_path: Path) -> None:
    fault = Fault(fail_at=0)
    world = made(tmp_path, fault=fault)
    await world.start()
    await world.teach(QUESTION, ANSWER)
    await world.say("carl", QUESTION)
    await world.wait(timedelta(minutes=1))
    desk = Desk(
        bot=world.parts.bot,
        directory=Company(channels={}),
        platform=world.platform,
        clock=world.clock,
        table=OnCards(clicks=world.parts.bot.clicks).table,
        wake=lambda: None,
    )
    event, value = await world.clicked("carl")
    click = Interaction(kind=InteractionKind.CLICK, event=event, name=ActionKind.ACCEPT.value, value=value)
    fault.fail_at = fault.writes + 1
    failed = await desk.act(click)
    assert "was not taken" in failed.text
    assert await world.parts.ledger.runs.feedback(value) == []
    assert "Thank you: recorded" in (await desk.act(click)).text
    await world.stop()
