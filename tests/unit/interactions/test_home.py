"""The bot's own page shows each reader what they may see, and no more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.unit.interactions.office import SECRET, SHARED, SUPPORT, Office, office
from tests.unit.interactions.test_commands import QUESTION, learn
from vigilbot.cards import ActionKind, Panel
from vigilbot.interactions.wording import panel_text
from vigilbot.ports import InteractionKind


async def opened(here: Office, who: str) -> Panel:
    response = await here.act(InteractionKind.HOME, who, name="home")
    assert response.panel is not None
    return response.panel


async def test_a_member_sees_channels_cards_and_what_was_learned(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET, SHARED)) as here:
        await learn(here)
        await here.world.say("mia", QUESTION, on="next", channel="support")
        await here.world.wait(timedelta(minutes=5))
        text = panel_text(await opened(here, "otto"))
        assert "#support: cards for everyone" in text
        assert "nobody reacted yet" in text
        assert "Open Billing" in text
        assert "secret" not in text
        assert "acme" not in text


async def test_private_channels_are_for_who_writes_there_and_operators(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        await here.world.say("ann", "good morning", channel="secret")
        assert "#secret" in panel_text(await opened(here, "ann"))
        assert "#secret" not in panel_text(await opened(here, "otto"))
        here.world.clock.advance_to(here.world.clock.now() + timedelta(days=31))
        assert "#secret" not in panel_text(await opened(here, "ann"))
        assert "#secret" in panel_text(await opened(here, "ada"))


async def test_what_a_private_channel_taught_is_shown_to_those_in_it(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        await learn(here, channel="secret", asker="eve")
        await here.world.say("eve", QUESTION, on="next", channel="secret")
        await here.world.wait(timedelta(minutes=5))
        assert len(here.world.cards("next")) == 1
        for who, sees in (("ann", True), ("otto", False)):
            text = panel_text(await opened(here, who))
            assert ("Open Billing" in text) is sees
            assert ("nobody reacted yet" in text) is sees


async def test_strangers_read_an_explanation_and_nothing_else(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SHARED)) as here:
        await learn(here)
        await here.world.say("mia", "hello", on="new", channel="acme")
        panel = await opened(here, "mia")
        assert len(panel.sections) == 1
        assert "automated assistant" in panel_text(panel)
        assert "/vigil" not in panel_text(panel)


async def test_drafts_are_shown_to_analysts_and_problems_to_operators(tmp_path: Path) -> None:
    async with office(tmp_path, options={"mode.internal": "analysts"}) as here:
        await learn(here)
        await here.world.say("mia", QUESTION, on="next", channel="support")
        await here.world.wait(timedelta(minutes=5))
        here.problems.append("the socket is down")
        assert "Drafts that wait" not in panel_text(await opened(here, "otto"))
        page = await opened(here, "ann")
        assert "Drafts that wait" in panel_text(page)
        [post] = [a for section in page.sections for a in section.actions if a.kind is ActionKind.POST]
        assert "Posted for everybody" in (await here.click("ann", post)).text
        assert "Drafts that wait" not in panel_text(await opened(here, "ann"))
        assert "socket" not in panel_text(await opened(here, "ann"))
        assert "the socket is down" in panel_text(await opened(here, "ada"))


async def test_operators_are_offered_to_set_who_is_who_until_it_is_set(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert ActionKind.ROSTER in _buttons(await opened(here, "ada"))
        assert ActionKind.ROSTER not in _buttons(await opened(here, "ann"))
        await here.type("ada", "roster add <@U-ADA> operator")
        await here.type("ada", "roster add <@U-ANN> analyst")
        assert ActionKind.ROSTER not in _buttons(await opened(here, "ada"))


def _buttons(panel: Panel) -> list[ActionKind]:
    return [action.kind for section in panel.sections for action in section.actions]
