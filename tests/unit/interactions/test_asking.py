"""Questions and words said to the bot itself, where scenarios do not reach."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.cards import ActionKind
from vigilbot.commands import spoken_command
from vigilbot.errors import PlatformRefused
from vigilbot.interactions.wording import panel_text
from vigilbot.ledger import Channels
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Interaction, InteractionKind, Response
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
WIKI = "https://wiki.corp.example/keys"


def made(folder: Path, **options: str) -> World:
    return World(
        settings=load(
            options={
                "retrieval.index": "exact",
                "oncall.grace": "0s",
                "cards.internal_hosts": "[wiki.corp.example]",
                **options,
            }
        ),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "olga": Person(name="olga", admin=True),
            "gus": Person(name="gus", external=True),
            "robot": Person(name="robot", bot=True),
        },
        channels={"help": Channel(name="help"), "vault": Channel(name="vault", private=True)},
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = made(tmp_path)
    await world.start()
    yield world
    await world.stop()


async def requests(world: World) -> list[str]:
    return [
        row["state"] for row in await world.parts.ledger.fetch("SELECT state FROM requests ORDER BY rowid")
    ]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("close", "close"),
        ("  Close! ", "close"),
        ("be quiet", "quiet"),
        ("Please be quiet!", "quiet"),
        ("quiet please", "quiet"),
        ("stop now, please", ""),
        ("stop", "quiet"),
        ("hello", "help"),
        ("hello, how do I stop the gateway?", ""),
        ("why?", "why"),
        ("Why this?", "why"),
        ("close the gateway", ""),
        ("how do I close it?", ""),
        ("", ""),
        ("close" * 100_000, ""),
    ],
)
def test_a_command_is_all_that_was_said(words: str, command: str) -> None:
    assert spoken_command(words) == command


async def test_another_bot_gets_no_answer(world: World) -> None:
    """Two bots that answer each other would never end."""
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("robot", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(minutes=5))
    assert (await requests(world), world.cards("main"), world.notices("main")) == ([], [], [])


async def test_an_operator_commands_like_an_analyst(world: World) -> None:
    await world.say("carl", "hello there")
    await world.say("olga", "@vigilbot close")
    await world.wait(timedelta(seconds=5))
    [oncall] = await world.oncalls("main")
    assert oncall["state"] == "closed"


async def test_one_run_covers_what_was_said_to_the_bot(world: World) -> None:
    """The message is in the dialogue as it was written, and no second run reads it."""
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(hours=1))
    [message] = await world.rows("messages", "main", "at")
    [run] = await world.rows("runs", "main", "at")
    [question] = await world.rows("questions", "main", "asked_at")
    assert message["text"].startswith("@vigilbot")
    assert (run["purpose"], message["run"]) == ("asked", run["id"])
    assert (question["text"], question["asker"]) == (QUESTION, "U-CARL")


async def test_an_analyst_may_ask_too(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("ann", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(minutes=1))
    [posted] = world.cards("main")
    assert posted.card.body.startswith("Run gatectl")
    assert (await world.click("accept", "ann")).taken


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"watched": 0}, "leave this channel alone"),
        ({"paused_until": "tomorrow"}, "pause here until"),
    ],
)
async def test_where_the_bot_may_not_act_it_says_why(
    world: World, changes: dict[str, object], reason: str
) -> None:
    await world.say("carl", "hello there", on="before")
    if "paused_until" in changes:
        changes = {"paused_until": stamp(world.clock.now() + timedelta(days=1))}
    await world.parts.ledger.write(Channels.change("T1", "C-HELP", **changes))
    await world.say("carl", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(seconds=5))
    [notice] = world.notices("main")
    assert reason in notice.notice.text
    assert notice.reader == "U-CARL"
    assert await requests(world) == ["replied"]


async def test_asked_while_the_bot_was_away_it_says_so(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    event = world.said("carl", f"@vigilbot {QUESTION}")
    await world.parts.bot.receive(event)
    await world.restart(timedelta(hours=2))
    await world.wait(timedelta(minutes=1))
    [notice] = world.notices("main")
    assert "away when you asked" in notice.notice.text
    assert world.cards("main") == []


async def test_quiet_and_unsure_are_reasons(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", "hello there")
    await world.say("carl", "@vigilbot quiet")
    await world.say("carl", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(seconds=5))
    assert "asked me to be quiet" in world.notices("main")[-1].notice.text
    assert world.cards("main") == []


async def test_a_reply_that_can_never_be_given_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def refuse(**_: object) -> str:
        nonlocal calls
        calls += 1
        raise PlatformRefused("archived")

    monkeypatch.setattr(world.platform, "notify", refuse)
    await world.say("carl", "@vigilbot Where does the flux capacitor live?")
    await world.wait(timedelta(hours=1))
    assert (await requests(world), calls) == (["given_up"], 1)


async def test_a_human_who_is_faster_is_named_as_the_reason(world: World) -> None:
    """The card was decided, and could not be sent at once; meanwhile an analyst answered."""
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    world.platform.refuse(1)
    await world.say("carl", f"@vigilbot {QUESTION}")
    await world.wait(timedelta(milliseconds=100))
    assert await requests(world) == ["due"]
    await world.say("ann", "Run gatectl rotate on the primary")
    await world.wait(timedelta(minutes=1))
    assert (world.cards("main"), await requests(world)) == ([], ["replied"])
    assert [n.notice.text for n in world.notices("main")] == ["A human has answered this meanwhile."]


# -- Ask VigilBot


async def chosen(world: World, who: str, label: str, *, channel: str = "", text: str = "") -> Response:
    meant = world.events[label]
    person = world.person(who)
    event = replace(
        meant,
        user=person.id,
        user_title=person.title,
        user_external=person.external,
        channel=channel or meant.channel,
    )
    return await world.asking.shortcut(
        Interaction(kind=InteractionKind.SHORTCUT, event=event, name="ask_vigilbot", text=text)
    )


async def everything(world: World) -> list[object]:
    tables = ("runs", "answers", "deliveries", "questions", "knowledge", "support", "feedback", "requests")
    return [await world.parts.ledger.fetch(f"SELECT count(*) AS n FROM {table}") for table in tables]


async def test_ask_vigilbot_answers_in_private_and_leaves_no_trace(world: World) -> None:
    await world.teach(QUESTION, f"Run gatectl rotate, see {WIKI}", url=WIKI)
    await world.say("carl", QUESTION, label="asked")
    before = await everything(world)
    response = await chosen(world, "ann", "asked")
    assert response.panel is not None
    text = panel_text(response.panel)
    assert "Run gatectl rotate" in text
    assert WIKI in text
    assert "Only you see this" in text
    assert await everything(world) == before
    assert (world.cards("main"), world.notices("main")) == ([], [])
    guest = await chosen(world, "gus", "asked")
    assert guest.panel is not None
    assert WIKI not in panel_text(guest.panel)


async def test_ask_vigilbot_sees_only_what_its_channel_may_see(world: World) -> None:
    await world.teach(QUESTION, "the code of vault seven", space="channel:C-VAULT")
    await world.say("carl", QUESTION, label="asked")
    assert "nothing that answers" in (await chosen(world, "ann", "asked")).text
    await world.say("carl", QUESTION, label="inside", on="inside", channel="vault")
    response = await chosen(world, "ann", "inside")
    assert response.panel is not None
    assert "vault seven" in panel_text(response.panel)


async def test_ask_vigilbot_works_on_messages_it_has_not_read(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", "hello there", label="known")
    world.events["unread"] = replace(world.events["known"], ts="1.000001")
    response = await chosen(world, "ann", "unread", text=QUESTION)
    assert response.panel is not None
    assert "Run gatectl" in panel_text(response.panel)
    assert "no words" in (await chosen(world, "ann", "unread", text="  ")).text
    assert "not in this channel" in (await chosen(world, "ann", "unread", channel="C-ELSE", text="x?")).text


async def test_ask_vigilbot_survives_a_failing_engine(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", QUESTION, label="asked")
    world.engine.fail("answer", 1)
    assert "try again later" in (await chosen(world, "ann", "asked")).text


async def test_why_in_a_thread_offers_the_trace(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", QUESTION)
    await world.wait(timedelta(minutes=1))
    await world.say("ann", "@vigilbot why")
    await world.wait(timedelta(seconds=5))
    [notice] = world.notices("main")
    [answer] = await world.rows("answers", "main", "at")
    assert [(a.kind, a.value) for a in notice.notice.actions] == [(ActionKind.WHY, answer["id"])]


async def test_a_channels_on_call_is_meant_by_a_word_in_the_channel(tmp_path: Path) -> None:
    world = made(tmp_path, **{"oncall.unit": "channel"})
    await world.start()
    try:
        await world.say("carl", "hello there")
        await world.say("carl", "@vigilbot quiet")
        await world.wait(timedelta(seconds=5))
        [oncall] = await world.oncalls("main")
        assert oncall["quiet"] == 1
    finally:
        await world.stop()
