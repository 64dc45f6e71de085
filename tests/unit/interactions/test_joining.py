"""What the bot says when it comes into a channel, and who may choose how far it goes there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.interactions.office import PEOPLE, SECRET, SHARED, SUPPORT, button, office
from vigilbot.cards import ActionKind
from vigilbot.domain import EventKind, Mode
from vigilbot.errors import PlatformRefused
from vigilbot.interactions.joining import Facts
from vigilbot.ports import InteractionKind
from vigilbot.providers.clock import SimulatedClock
from vigilbot.testing import Channel, RecordingPlatform
from vigilbot.testing.world import BEGIN


async def test_one_notice_says_what_it_reads_learns_and_sends_and_how_to_stop_it(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        [posted] = desk.notices(SUPPORT)
        text = posted.notice.text
        for said in (
            "What I read",
            "What I learn",
            "Where it goes",
            "Who counts as an analyst",
            "How to stop",
        ):
            assert said in text
        assert "nothing leaves the machine" in text
        assert "(everyone)" in text
        assert "“support analyst”" in text
        assert (posted.reader, posted.thread) == ("", "")
        values = [a.value for a in posted.notice.actions if a.kind is ActionKind.MODE]
        assert values == [f"{SUPPORT.id}/{mode.value}" for mode in Mode]
        assert [a.primary for a in posted.notice.actions][:3] == [False, False, True]


async def test_it_names_the_language_model_it_sends_to(tmp_path: Path) -> None:
    facts = Facts(command="/vigil", models=("openai/one", "openai/two"), redact=True)
    async with office(tmp_path, facts=facts) as desk:
        text = desk.notices(SUPPORT)[0].notice.text
        assert "openai/one (when it is away: openai/two)" in text
        assert "taken out first" in text
        assert "nothing leaves" not in text


async def test_what_is_learned_in_a_private_channel_is_said_to_stay_there(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as desk:
        assert "stays in this channel" in desk.notices(SECRET)[0].notice.text
        assert "stays in this channel" not in desk.notices(SUPPORT)[0].notice.text


async def test_it_offers_to_set_who_is_missing_and_stops_offering(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        notice = desk.notices(SUPPORT)[0].notice
        assert "owners and admins" in notice.text
        form = (await desk.click("ada", button(notice, ActionKind.ROSTER))).form
        assert form is not None
        done = await desk.act(
            InteractionKind.SUBMIT,
            "ada",
            name=form.name,
            value=form.value,
            fields={"operators": ("U-ADA",), "analysts": ("U-OTTO",)},
        )
        assert done.text == "Recorded: 1 operator, 1 analyst."
        await desk.opened.joining.work()
        amended = desk.notices(SUPPORT)[0].notice
        assert "one person an operator listed" in amended.text
        assert ActionKind.ROSTER not in [a.kind for a in amended.actions]


async def test_a_second_invitation_within_a_day_is_not_a_second_introduction(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        await desk.happens(EventKind.MEMBER_LEFT, SUPPORT, "ann")
        await desk.invited(SUPPORT)
        first, back = desk.notices(SUPPORT)
        assert back.notice.text.startswith("I am back")
        assert back.notice.actions == ()
        assert (await desk.row(SUPPORT))["greeting_ts"] == first.ts
        desk.world.clock.advance_to(desk.world.clock.now() + timedelta(days=2))
        await desk.happens(EventKind.MEMBER_LEFT, SUPPORT, "ann")
        await desk.invited(SUPPORT)
        assert desk.notices(SUPPORT)[-1].notice.actions


async def test_greeting_is_tried_again_and_posted_once(tmp_path: Path) -> None:
    async with office(tmp_path, channels=()) as desk:
        desk.world.platform.refuse(1)
        await desk.invited(SUPPORT)
        assert desk.notices(SUPPORT) == []
        assert (await desk.row(SUPPORT))["greeting"] == "due"
        assert await desk.opened.joining.work() == 0  # not at once
        desk.world.clock.advance_to(desk.world.clock.now() + timedelta(seconds=30))
        desk.world.platform.lose(1)
        await desk.opened.joining.work()
        desk.world.clock.advance_to(desk.world.clock.now() + timedelta(seconds=60))
        await desk.opened.joining.work()
        assert len(desk.notices(SUPPORT)) == 1
        assert (await desk.row(SUPPORT))["greeting"] == "sent"


@pytest.mark.parametrize(("who", "channel", "mode", "may"), [
    ("ann", SUPPORT, "listen", True),
    ("ann", SUPPORT, "everyone", True),
    ("ada", SUPPORT, "listen", True),
    ("otto", SUPPORT, "listen", False),
    ("mia", SUPPORT, "listen", False),
    ("ann", SHARED, "listen", True),
    ("ann", SHARED, "everyone", False),
    ("ada", SHARED, "everyone", True),
    ("mia", SHARED, "everyone", False),
])  # fmt: skip
async def test_who_may_choose_a_mode(
    tmp_path: Path, who: str, channel: Channel, mode: str, may: bool
) -> None:
    async with office(tmp_path, channels=(channel,)) as desk:
        posted = desk.notices(channel)[0]
        before = (await desk.row(channel))["mode"]
        action = button(posted.notice, ActionKind.MODE, mode)
        response = await desk.click(who, action, channel=channel, ts=posted.ts)
        after = (await desk.row(channel))["mode"]
        if may:
            assert after == mode
            assert response.notice is not None
            assert f"chosen by {PEOPLE[who].name}, 2026-03-02" in response.notice.text
            assert [a.primary for a in response.notice.actions if a.value.endswith(mode)] == [True]
        else:
            assert after == before
            assert response.notice is None
            assert "nly a" in response.text


async def test_shared_channels_begin_with_drafts_for_analysts(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as desk:
        notice = desk.notices(SHARED)[0].notice
        assert "(analysts)" in notice.text
        assert button(notice, ActionKind.MODE, "everyone").confirm


async def test_a_channel_that_is_shared_later_falls_back_and_the_notice_says_so(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        await desk.type("ada", "mode everyone")
        await desk.opened.joining.work()
        shared = Channel(name="support", external=True)
        await desk.happens(EventKind.MEMBER_JOINED, shared, "ada")
        [posted] = desk.notices(SUPPORT)
        assert "(analysts)" in posted.notice.text
        assert "chosen by" not in posted.notice.text
        assert button(posted.notice, ActionKind.MODE, "everyone").confirm


async def test_a_button_of_another_channel_does_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SHARED)) as desk:
        action = button(desk.notices(SHARED)[0].notice, ActionKind.MODE, "listen")
        response = await desk.click("ada", action, channel=SUPPORT)
        assert "older version" in response.text
        assert (await desk.row(SHARED))["mode"] is None


async def test_a_mode_typed_as_a_command_changes_the_notice_too(tmp_path: Path) -> None:
    async with office(tmp_path) as desk:
        assert "mode listen now" in await desk.type("ada", "mode listen")
        await desk.opened.joining.work()
        [posted] = desk.notices(SUPPORT)
        assert "(listen)" in posted.notice.text
        assert await desk.opened.joining.work() == 0


class Restricted(RecordingPlatform):
    """Only admins may post."""

    async def notify(self, **_: object) -> str:
        raise PlatformRefused("only admins may post in this channel")


async def test_a_refused_greeting_stands_in_status_and_is_not_repeated(tmp_path: Path) -> None:
    clock = SimulatedClock(BEGIN)
    async with office(tmp_path, channels=(), platform=Restricted(clock=clock)) as desk:
        joining = desk.opened.joining
        await desk.invited(SUPPORT)
        assert (await desk.row(SUPPORT))["greeting"] == "refused"
        status = await desk.type("ada", "status")
        assert "could not introduce myself: only admins may post" in status
        assert await joining.work() == 0
