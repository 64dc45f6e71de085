"""What only the platform knows is asked for after the event is durable; channels are what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.domain import Event, EventKind
from vigilbot.errors import PlatformError
from vigilbot.ledger import Channels
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Row
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.world import BEGIN, MOMENT

QUESTION = "How do I rotate the signing key of the gateway?"


class Known:
    """A directory that answers after so many failures, and knows everybody as an analyst."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.asked = 0

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        self.asked += 1
        if settle:
            return replace(
                event, completed=True, user_external=True, channel_external=True, channel_private=True
            )
        if self.failures:
            self.failures -= 1
            raise PlatformError("nobody answers")
        text = event.text.replace("<@UBOT>", "@Vigil Bot")
        return replace(event, completed=True, text=text, user_title="Support Engineer", channel_name="help")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"help": Channel(name="help"), "shared": Channel(name="shared", external=True)},
        directory=Known(),
    )
    await world.start()
    yield world
    await world.stop()


def raw(event: Event, **changes: object) -> Event:
    """An event as a transport brings it: nothing is known but what happened."""
    bare = replace(event, completed=False, user_name="", user_title="", channel_name="")
    return replace(bare, **changes)  # type: ignore[arg-type]


def about_the_bot(world: World, kind: EventKind, **changes: object) -> Event:
    at = world.clock.now() + MOMENT
    channel = world.channels["help"]
    event = world.event(kind, "ann", channel=channel, ts=f"{at.timestamp():.6f}", thread="", at=at)
    return replace(event, is_self=True, **changes)  # type: ignore[arg-type]


async def channel_of(world: World, channel: str = "C-HELP") -> Row:
    row = await world.parts.ledger.chats.channel("T1", channel)
    assert row is not None
    return row


async def test_names_are_filled_in_before_a_role_is_given(world: World) -> None:
    await world.life.event(raw(world.said("carl", QUESTION)))
    [message] = await world.rows("messages", "main", "at")
    assert message["role"] == "analyst"
    assert (await channel_of(world))["name"] == "help"


async def test_an_event_waits_for_a_directory_that_is_away(tmp_path: Path, world: World) -> None:
    known = Known(failures=2)
    world.directory = known
    await world.restart()
    await world.life.event(raw(world.said("carl", QUESTION)))
    assert await world.parts.ledger.fetch("SELECT 1 FROM messages") == []
    await world.wait(timedelta(seconds=10))
    [message] = await world.rows("messages", "main", "at")
    assert message["role"] == "analyst"
    assert known.asked == 3


async def test_nobody_to_ask_means_the_least_and_a_known_channel_stays_as_it_was(world: World) -> None:
    await world.life.event(world.said("ann", "Good morning", on="before"))
    world.directory = Known(failures=99)
    await world.restart()
    known = raw(world.said("carl", QUESTION))
    strange = raw(world.said("carl", QUESTION, on="new", channel="shared"), channel="C-NEW")
    turned = replace(about_the_bot(world, EventKind.CHANNEL_CHANGED), is_self=False, completed=False)
    await world.life.event(known)
    await world.life.event(strange)
    await world.wait(timedelta(minutes=2))
    [message] = await world.rows("messages", "main", "at")
    assert message["role"] == "customer"
    row = await channel_of(world)
    assert (row["external"], row["private"], row["space"]) == (0, 0, "public")
    new = await channel_of(world, "C-NEW")
    assert (new["external"], new["private"], new["space"]) == (1, 1, "channel:C-NEW")
    await world.life.event(replace(turned, at=world.clock.now() + MOMENT))
    await world.wait(timedelta(minutes=2))
    assert (await channel_of(world))["external"] == 1  # what changed is not known, so the worst counts


async def test_the_bots_name_is_no_part_of_what_was_asked(world: World) -> None:
    """Nor is it guessed: the platform's own mark says where it stands, however the bot is called."""
    await world.life.event(raw(world.said("carl", "<@UBOT|bot>  resume !"), addressed=True))
    await world.life.event(
        raw(world.said("carl", "hey <@UBOT> is @types/node needed?", on="asked"), addressed=True)
    )
    rows = await world.parts.ledger.fetch(
        "SELECT json_extract(body, '$.text') AS text FROM requests ORDER BY id"
    )
    assert [row["text"] for row in rows] == ["resume !", "hey   is @types/node needed?"]
    [message] = await world.rows("messages", "asked", "at")
    assert message["text"] == "hey @Vigil Bot is @types/node needed?"


async def test_an_invitation_owes_one_greeting(world: World) -> None:
    joined = about_the_bot(world, EventKind.MEMBER_JOINED)
    world.clock.advance_to(joined.at)
    await world.parts.bot.receive(joined)
    await world.parts.bot.ingest()
    row = await channel_of(world)
    assert (row["member"], row["greeting"], row["inviter"]) == (1, "due", "U-ANN")
    assert await world.parts.ledger.next_due() == joined.at
    sent = Channels.change("T1", "C-HELP", greeting="sent", greeting_due=None)
    await world.parts.ledger.write(sent)
    again = replace(joined, key="again", natural_key="joined:again")
    await world.life.event(again)
    assert (await channel_of(world))["greeting"] == "sent"
    left = about_the_bot(world, EventKind.MEMBER_LEFT)
    await world.life.event(left)
    assert (await channel_of(world))["member"] == 0
    back = about_the_bot(world, EventKind.MEMBER_JOINED)
    world.clock.advance_to(back.at)
    await world.parts.bot.receive(back)
    await world.parts.bot.ingest()
    assert (await channel_of(world))["greeting"] == "due"


async def test_a_channel_that_others_share_falls_back_to_their_mode(world: World) -> None:
    await world.life.event(world.said("carl", "Good morning"))
    for mode, then in (("everyone", None), ("analysts", None), ("listen", "listen")):
        calm = replace(about_the_bot(world, EventKind.CHANNEL_CHANGED), is_self=False)
        await world.life.event(calm)
        await world.parts.ledger.write(Channels.change("T1", "C-HELP", mode=mode))
        shared = replace(
            about_the_bot(world, EventKind.CHANNEL_CHANGED), is_self=False, channel_external=True
        )
        await world.life.event(shared)
        assert (await channel_of(world))["mode"] == then
        await world.parts.ledger.write(Channels.change("T1", "C-HELP", mode="everyone"))
        renamed = replace(
            about_the_bot(world, EventKind.CHANNEL_CHANGED),
            is_self=False,
            channel_external=True,
            channel_name="new",
        )
        await world.life.event(renamed)
        row = await channel_of(world)
        assert (row["mode"], row["name"]) == ("everyone", "new")  # chosen for a shared channel


async def test_the_watermark_is_the_greatest_message_taken_in(world: World) -> None:
    first = await world.say("carl", "one")
    last = await world.say("carl", "two")
    late = replace(
        first,
        at=world.clock.now(),
        ts="1.000001",
        thread="1.000001",
        key="late",
        natural_key="late",
        text="zero",
    )
    await world.life.event(late)
    await world.life.event(world.about(_labelled(world, first), EventKind.EDITED, "carl", text="uno"))
    assert (await channel_of(world))["watermark"] == last.ts


def _labelled(world: World, event: Event) -> str:
    world.events["first"] = event
    return "first"


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [("watched", 0, 0), ("archived", 1, 1), ("paused_until", stamp(BEGIN + timedelta(days=1)), 1)],
)
async def test_where_the_bot_may_not_act_it_posts_nothing(
    world: World, column: str, value: object, kept: int
) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    await world.say("carl", "Good morning", on="before")
    await world.parts.ledger.write(Channels.change("T1", "C-HELP", **{column: value}))
    event = world.said("carl", QUESTION)
    await world.life.event(replace(event, channel_archived=column == "archived"))
    await world.wait(timedelta(minutes=5))
    assert world.cards("main") == []
    assert len(await world.rows("messages", "main", "at")) == kept
    runs = await world.rows("runs", "main", "at")
    assert [run["result"] for run in runs] == (["held"] if column == "paused_until" else [])


async def test_a_card_decided_before_the_pause_is_not_sent(world: World) -> None:
    await world.teach(QUESTION, "Run gatectl rotate on the primary")
    world.platform.refuse(1)
    await world.say("carl", QUESTION)
    await world.wait(timedelta(seconds=9))
    until = stamp(world.clock.now() + timedelta(hours=1))
    await world.parts.ledger.write(Channels.change("T1", "C-HELP", paused_until=until))
    await world.wait(timedelta(minutes=1))
    [delivery] = await world.rows("deliveries", "main", "due_at")
    assert (delivery["state"], world.cards("main")) == ("skipped", [])
    assert "paused until" in delivery["last_error"]


async def test_a_channel_that_is_left_alone_still_lets_its_people_delete(world: World) -> None:
    said = await world.say("carl", "my secret", label="secret")
    await world.parts.ledger.write(Channels.change("T1", "C-HELP", watched=0))
    await world.life.event(world.about("secret", EventKind.DELETED, "carl"))
    [message] = await world.rows("messages", "main", "at")
    assert (message["deleted"], message["text"]) == (1, "")
    assert said.ts == message["ts"]
