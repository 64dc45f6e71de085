"""Whatever somebody does to the bot is answered, soon, and by whom they really are."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.interactions.office import SUPPORT, Office, office
from vigilbot.cards import ActionKind
from vigilbot.domain import Event
from vigilbot.errors import LedgerError
from vigilbot.interactions import Desk, Table
from vigilbot.ports import Interaction, InteractionKind, Response

ACCEPT = (InteractionKind.CLICK, "accept")


def desk_of(here: Office, table: Table, *, patience: float = 1.0) -> Desk:
    return Desk(
        bot=here.world.parts.bot,
        directory=here.company,
        platform=here.world.platform,
        clock=here.world.clock,
        table=table,
        wake=lambda: None,
        patience=patience,
    )


def clicked(here: Office, who: str = "otto") -> Interaction:
    return Interaction(kind=InteractionKind.CLICK, event=here.event(who), name="accept")


async def test_an_old_card_says_so(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        response = await here.act(InteractionKind.CLICK, "otto", name="vote_up")
        assert response.text == "This card is from an older version."


async def test_a_link_needs_no_answer(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        response = await here.act(InteractionKind.CLICK, "otto", name=ActionKind.OPEN.value)
        assert response == Response()


async def test_handlers_are_told_who_it_was(tmp_path: Path) -> None:
    seen: list[Interaction] = []

    async def handler(interaction: Interaction) -> Response:
        seen.append(interaction)
        return Response(text="done")

    async with office(tmp_path) as here:
        assert (await desk_of(here, {ACCEPT: handler}).act(clicked(here, "ann"))).text == "done"
        assert (seen[0].event.user_name, seen[0].event.user_title) == ("Ann", "Support analyst")


@pytest.mark.parametrize("error", [LedgerError("disk full"), RuntimeError("bug")])
async def test_a_failure_is_answered_with_the_reference_that_the_log_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def handler(_: Interaction) -> Response:
        raise error

    async with office(tmp_path) as here:
        with caplog.at_level(logging.ERROR, logger="vigilbot"):
            response = await desk_of(here, {ACCEPT: handler}).act(clicked(here))
    reference = response.text.rpartition("reference ")[2].rstrip(")")
    assert len(reference) == 6
    assert reference in caplog.text
    assert str(error) not in response.text


async def test_what_fails_halfway_does_not_say_that_nothing_was_done(tmp_path: Path) -> None:
    async def handler(_: Interaction) -> Response:
        raise LedgerError("disk full")

    async with office(tmp_path) as here:
        confirm = replace(clicked(here), name=ActionKind.CONFIRM.value)
        desk = desk_of(here, {ACCEPT: handler, (InteractionKind.CLICK, confirm.name): handler})
        assert "was not taken" in (await desk.act(clicked(here))).text
        assert "only in part" in (await desk.act(confirm)).text


async def test_what_takes_long_says_so_and_answers_later(tmp_path: Path) -> None:
    finished = asyncio.Event()

    async def handler(_: Interaction) -> Response:
        await finished.wait()
        return Response(text="found it")

    async with office(tmp_path, channels=()) as here:
        desk = desk_of(here, {ACCEPT: handler}, patience=0.05)
        response = await desk.act(clicked(here))
        assert "Still working on it" in response.text
        assert here.notices(SUPPORT) == []
        finished.set()
        await desk.finish(1.0)
        [late] = here.notices(SUPPORT)
        assert (late.reader, late.notice.text) == ("U-OTTO", "found it")


@pytest.mark.parametrize("slow", [0.0, 30.0])
async def test_who_cannot_be_looked_up_counts_as_a_stranger(tmp_path: Path, slow: float) -> None:
    seen: list[Event] = []

    async def handler(interaction: Interaction) -> Response:
        seen.append(interaction.event)
        return Response(text="done")

    async with office(tmp_path) as here:
        here.company.away, here.company.slow = not slow, slow
        desk = desk_of(here, {ACCEPT: handler}, patience=0.2)
        await desk.act(clicked(here, "ada"))
        await desk.finish(1.0)
        assert not here.world.parts.roles.is_operator(seen[0])
        assert (seen[0].user_external, seen[0].channel_external, seen[0].channel_private) == (True,) * 3


async def test_a_duplicate_is_no_news(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        event = here.world.said("otto", "hello", channel="support")
        before = here.woken
        assert await here.opened.desk.receive(event)
        assert not await here.opened.desk.receive(replace(event, key="other"))
        assert here.woken == before + 1


# -- gaps


async def talk(here: Office, text: str, *, on: str, after: timedelta = timedelta(seconds=1)) -> str:
    return (await here.world.say("otto", text, on=on, channel="support", after=after)).ts


async def test_gaps_begin_before_what_came_in_since(tmp_path: Path) -> None:
    """A reconnection is noticed late: newer messages must not hide what was missed."""
    async with office(tmp_path) as here:
        old = await talk(here, "how do I export?", on="one")
        here.world.clock.advance_to(here.world.clock.now() + timedelta(hours=2))
        new = await talk(here, "anybody?", on="two")
        gaps = await here.opened.desk.gaps()
        assert [(g.channel, g.thread, g.after) for g in gaps] == [
            (SUPPORT.id, new, old),
            (SUPPORT.id, old, old),
            (SUPPORT.id, "", old),
        ]


async def test_a_gap_closes_when_channel_and_threads_were_read(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        desk = here.opened.desk
        await talk(here, "how do I export?", on="one")
        thread, channel = await desk.gaps()
        await desk.filled(channel)  # the thread was not read yet
        assert (await here.row(SUPPORT))["gap_from"] == channel.after
        assert "has not been read yet" in await here.type("ada", "status")
        assert await desk.gaps() == [thread, channel]
        await desk.filled(thread)
        await desk.filled(channel)
        assert (await here.row(SUPPORT))["gap_from"] is None


async def test_a_gap_stays_where_it_began_until_it_is_filled(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        old = await talk(here, "how do I export?", on="one")
        await here.opened.desk.gaps()
        await talk(here, "anybody?", on="two", after=timedelta(days=1))
        assert {g.after for g in await here.opened.desk.gaps()} == {old}


async def test_what_was_said_while_nobody_wanted_it_to_read_is_no_gap(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await talk(here, "how do I export?", on="one")
        await here.click("ada", (await here.ask("ada", "unwatch")).actions[0])
        assert await here.opened.desk.gaps() == []
        private = await talk(here, "this is not for the bot", on="two", after=timedelta(hours=1))
        await here.type("ada", "watch")
        assert min(g.after for g in await here.opened.desk.gaps()) >= private
        await here.opened.desk.filled((await here.opened.desk.gaps())[-1])


async def test_there_is_no_gap_where_the_bot_is_not(tmp_path: Path) -> None:
    async with office(tmp_path, channels=()) as here:
        await talk(here, "how do I export?", on="one")
        assert await here.opened.desk.gaps() == []


async def test_where_nobody_wrote_yet_the_gap_begins_with_the_invitation(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT,)) as here:
        invited = here.world.clock.now()
        [gap] = await here.opened.desk.gaps()
        assert (gap.channel, gap.thread, float(gap.after)) == (SUPPORT.id, "", invited.timestamp())
