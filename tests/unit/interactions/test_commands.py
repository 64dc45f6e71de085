"""What operators and analysts can type, who may, and that everything is recorded."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.interactions.office import (
    PEOPLE,
    SECRET,
    SHARED,
    SUPPORT,
    Office,
    button,
    office,
)
from vigilbot.cards import ActionKind
from vigilbot.doctor import Check, Status
from vigilbot.domain import Role
from vigilbot.ports import InteractionKind, Statement

LONG_LINK = "https://x.slack.com/archives/C1/p1700000000000000?" + "a=b&" * 1000
QUESTION, FIX = "How do I export invoices as PDF?", "FIX: Open Billing and choose Export"


async def learn(here: Office, on: str = "main", channel: str = "support", asker: str = "otto") -> str:
    """A question that Ann resolves; the id of what was learned."""
    await here.world.say(asker, QUESTION, on=on, channel=channel)
    await here.world.say("ann", FIX, on=on, after=timedelta(minutes=1))
    await here.world.wait(timedelta(hours=1))
    [row] = await here.ledger.fetch("SELECT entry FROM knowledge WHERE valid_to IS NULL AND retracted = 0")
    return str(row["entry"])


def link(here: Office, on: str = "main") -> str:
    known = here.world.conversations[on]
    return f"{known.channel.id}/{known.root}"


# -- who may


@pytest.mark.parametrize(("who", "text", "may"), [
    ("ada", "pause", True),
    ("ann", "pause", False),
    ("otto", "pause", False),
    ("mia", "pause", False),
    ("rob", "pause", False),
    ("ann", "status", True),
    ("ann", "help", True),
    ("ann", "stats", True),
    ("ann", "kb search invoices", True),
    ("ann", "kb undo K1", False),
    ("otto", "status", False),
    ("otto", "help", False),
    ("mia", "status", False),
    ("ann", "doctor", False),
    ("ann", "roster list", False),
])  # fmt: skip
async def test_who_may_use_what_and_every_use_is_recorded(
    tmp_path: Path, who: str, text: str, may: bool
) -> None:
    async with office(tmp_path) as here:
        said = await here.type(who, text)
        assert ("Nothing was done" not in said) is may
        actor, action, subject = next(each for each in await here.audit() if each[1] == "command")
        assert (actor, action) == (PEOPLE[who].id, "command")
        assert subject.startswith("refused: ") is not may
        assert (await here.row(SUPPORT))["paused_until"] is None or may


async def test_a_title_makes_nobody_of_another_company_an_analyst(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        assert "Nothing was done" in await here.type("mia", "status", SHARED)


async def test_once_there_is_an_operator_admins_are_nothing_special(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert await here.type("ada", "roster add <@U-OTTO|Otto> operator") == "Otto is an operator now."
        assert "Nothing was done" in await here.type("ada", "pause")
        assert "No cards in #support" in await here.type("otto", "pause")


async def test_configured_operators_are_operators(tmp_path: Path) -> None:
    async with office(tmp_path, options={"roles.operators": "U-OTTO"}) as here:
        assert "No cards" in await here.type("otto", "pause")
        assert "Nothing was done" in await here.type("ada", "pause")


# -- help


async def test_help_lists_what_the_reader_may_use(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        everything, some = await here.type("ada", ""), await here.type("ann", "help")
        for name in ("status", "watch", "unwatch", "pause", "resume", "mode", "close", "why", "scope"):
            assert f"`/vigil {name}" in everything
        for name in ("roster", "kb search", "kb show", "kb retract", "kb undo", "stats", "doctor"):
            assert f"`/vigil {name}" in everything
        assert "`/vigil why" in some
        assert "`/vigil pause" not in some


async def test_every_subcommand_explains_itself(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        everything = await here.type("ada", "help")
        names = [line.split("`")[1].split()[1] for line in everything.splitlines()]
        assert len(names) > 15
        for name in names:
            assert f"`/vigil {name}" in await here.type("ada", f"help {name}")


@pytest.mark.parametrize(
    ("typed", "meant"), [("statsu", "stat"), ("puase 2h", "pause"), ("kb serach x", "kb search")]
)
async def test_a_misspelt_command_gets_a_suggestion(tmp_path: Path, typed: str, meant: str) -> None:
    async with office(tmp_path) as here:
        assert f"Did you mean `/vigil {meant}" in await here.type("ada", typed)


async def test_half_a_command_lists_what_may_follow(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        said = await here.type("ada", "kb")
        assert "`/vigil kb search" in said
        assert "`/vigil kb retract" in said


@pytest.mark.parametrize("typed", ["mode listen #support", "mode <#C-SUPPORT|support> listen"])
async def test_the_channel_may_come_first_or_last(tmp_path: Path, typed: str) -> None:
    async with office(tmp_path) as here:
        assert "#support is in mode listen now" in await here.type("ada", typed)


async def test_what_nobody_can_make_out_points_to_help(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        said = await here.type("ada", "*xyzzy* <!channel>")
        assert "Did you mean" not in said
        assert "`/vigil help`" in said
        assert "<!channel>" not in said


@pytest.mark.parametrize("text", [
    "x" * 100_000,
    "kb search " + "<#" * 5000,
    "kb show \x00\ud800\u202e",
    "pause \ud83d",
    "scope \u0000",
    "mode <!channel>",
    "close https://[::1",
    "why " + LONG_LINK,
    "roster add <@> analyst",
    "roster add <@U1|<@U2>> operator",
    "kb retract K1'; DROP TABLE knowledge; -- because",
    "unwatch %s %(x)s {y}",
    "stats -1d 99999999999d",
    "\t\n",
])  # fmt: skip
async def test_whatever_is_typed_gets_a_sensible_answer(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with office(tmp_path) as here:
        said = await here.type("ada", text)
        assert 0 < len(said) < 4000
        assert "Something went wrong" not in said
        assert "<!channel>" not in said
        assert "reference" not in caplog.text
        assert "command" in [action for _, action, _ in await here.audit()]


# -- channels


async def test_pause_ends_by_itself_or_with_resume(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert "until 2026-03-02 11:00 UTC" in await here.type("ada", "pause 2h")
        assert "paused until" in await here.type("ann", "status")
        here.world.clock.advance_to(here.world.clock.now() + timedelta(hours=3))
        assert "paused" not in await here.type("ann", "status")
        assert "until you type `resume`" in await here.type("ada", "pause <#C-SUPPORT|support>")
        assert "paused" in await here.type("ann", "status")
        assert "Cards again" in await here.type("ada", "resume #support")
        assert "paused" not in await here.type("ann", "status")


async def test_all_channels_pause_at_once(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SHARED)) as here:
        assert "all 2 channels" in await here.type("ada", "pause 1d all")
        until = (await here.row(SHARED))["paused_until"]
        assert until is not None
        assert (await here.row(SUPPORT))["paused_until"] == until
        await here.type("ada", "resume all")
        assert (await here.row(SHARED))["paused_until"] is None


@pytest.mark.parametrize("text", ["pause soon", "pause 2h 3h", "mode loud", "resume now", "watch a b"])
async def test_what_makes_no_sense_changes_nothing_and_says_so(tmp_path: Path, text: str) -> None:
    async with office(tmp_path) as here:
        before = dict(await here.row(SUPPORT))
        said = await here.type("ada", text)
        assert "is not a span" in said or "is no mode" in said or "is not a channel" in said
        assert dict(await here.row(SUPPORT)) == before


async def test_a_channel_without_the_bot_is_not_watched(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert "I do not know #nowhere" in await here.type("ada", "watch #nowhere")
        assert "I do not know this channel" in await here.type("ada", "mode", SHARED)


async def test_unwatch_asks_first_and_the_click_checks_the_right_again(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        notice = await here.ask("ada", "unwatch #support")
        assert (await here.row(SUPPORT))["watched"] == 1
        confirm = button(notice, ActionKind.CONFIRM)
        refused = await here.click("ann", confirm)
        assert "Nothing was done" in refused.text
        assert (await here.row(SUPPORT))["watched"] == 1
        done = await here.click("ada", confirm)
        assert done.done
        assert "nothing more in #support" in done.text
        assert (await here.row(SUPPORT))["watched"] == 0
        assert "not watched" in await here.type("ada", "status")
        assert "again" in await here.type("ada", "watch")
        assert (await here.row(SUPPORT))["watched"] == 1


async def test_scope_is_said_set_and_cleared(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert "settings' scope" in await here.type("ada", "scope")
        await here.type("ada", "scope Billing &amp; invoices, not prices")
        assert (await here.row(SUPPORT))["scope"] == "Billing & invoices, not prices"
        assert "Billing & invoices" in await here.type("ada", "scope")
        await here.type("ada", "scope clear")
        assert (await here.row(SUPPORT))["scope"] is None


async def test_mode_by_command_obeys_the_same_rules(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SHARED,)) as here:
        assert "in mode analysts" in await here.type("ada", "mode", SHARED)
        asked = await here.ask("ada", "mode everyone", SHARED)
        assert "shared with another company" in asked.text
        assert "in mode analysts" in await here.type("ada", "mode", SHARED)
        done = await here.click("ada", button(asked, ActionKind.CONFIRM), channel=SHARED)
        assert "in mode everyone now" in done.text
        assert "in mode everyone now" in await here.type("ada", "mode everyone", SHARED)
        assert "Nothing was done" in await here.type("ann", "mode listen", SHARED)


# -- people


async def test_the_roster_holds_at_once_and_says_who_put_whom_on_it(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        roles = here.world.parts.roles
        event = await here.company.completed(here.event("otto"))
        assert not roles.is_analyst(event)
        assert await here.type("ada", "roster add <@U-OTTO|Otto> analysts") == "Otto is an analyst now."
        assert roles.of(event, thread_author="").rule == "listed by @Ada"
        assert roles.is_analyst(event)
        assert "Otto is a customer now" in await here.type("ada", "roster add <@U-OTTO> customer")
        assert roles.of(event, thread_author="").role is Role.CUSTOMER
        assert "Otto: customer, listed by Ada" in await here.type("ada", "roster")
        assert "No longer" in await here.type("ada", "roster remove <@U-OTTO>")
        assert roles.of(event, thread_author="").role is Role.PEER
        done = [(a, s) for _, a, s in await here.audit() if a.startswith("roster")]
        assert done == [("roster add", "U-OTTO")] * 2 + [("roster remove", "U-OTTO")]


async def test_the_roster_survives_a_restart(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.type("ada", "roster add <@U-OTTO|Otto> analyst")
        await here.world.restart()
        event = await here.company.completed(here.event("otto"))
        assert here.world.parts.roles.of(event, thread_author="").rule == "listed by @Ada"


@pytest.mark.parametrize(("text", "said"), [
    ("roster add <@U-ROB> analyst", "is a bot"),
    ("roster add <@U-MIA> operator", "another company"),
    ("roster add ann analyst", "Mention them with @"),
    ("roster add <@U-OTTO> boss", "is no role"),
    ("roster add <@U-OTTO>", "As what?"),
    ("roster remove <@U-OTTO>", "not on the roster"),
    ("roster please", "cannot make that out"),
])  # fmt: skip
async def test_who_cannot_be_listed(tmp_path: Path, text: str, said: str) -> None:
    async with office(tmp_path) as here:
        assert said in await here.type("ada", text)
        assert await here.ledger.channels.roster() == []


async def test_an_operator_who_cannot_be_looked_up_is_not_made_one(tmp_path: Path) -> None:
    async with office(tmp_path, options={"roles.operators": "U-ADA"}) as here:
        here.company.away = True
        assert "could not be looked up" in await here.type("ada", "roster add <@U-OTTO> operator")


async def test_the_form_tells_which_field_is_wrong_and_only_operators_may_send_it(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        fields = {"operators": ("U-MIA",), "analysts": ("U-OTTO",)}
        response = await here.act(InteractionKind.SUBMIT, "ada", name="roster", fields=fields)
        assert list(response.errors) == ["operators"]
        mine = {"operators": ("U-ANN",)}
        refused = await here.act(InteractionKind.SUBMIT, "ann", name="roster", fields=mine)
        assert refused.text == "Only an operator can say who is who."
        assert not any(row["role"] == "operator" for row in await here.ledger.channels.roster())


# -- on-calls


async def test_close_by_a_link(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.world.say("otto", QUESTION, channel="support")
        assert "Closed" in await here.type("ada", f"close {link(here)}")
        [oncall] = await here.world.oncalls("main")
        assert oncall["state"] == "closed"
        assert "already" in await here.type("ada", f"close {link(here)}")
        assert "no on-call there" in await here.type("ada", "close C-SUPPORT/1600000000.000001")
        assert "Copy link" in await here.type("ada", "close that")


async def test_why_tells_of_the_card_or_of_the_message_that_is_meant(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await learn(here)
        await here.world.say("mia", QUESTION, on="next", channel="support")
        await here.world.wait(timedelta(minutes=5))
        [card] = here.world.cards("next")
        later = await here.world.say("mia", "And how do I share them?", on="next")
        await here.world.wait(timedelta(minutes=5))
        for meant, asked in (
            (f"{SUPPORT.id}/{card.ts}", QUESTION),
            (link(here, "next"), QUESTION),
            (f"{SUPPORT.id}/{later.ts}", "And how do I share them?"),
        ):
            response = await here.act(InteractionKind.COMMAND, "ann", name="command", text=f"why {meant}")
            assert response.panel is not None
            assert ("Understood as", asked) in response.panel.sections[0].facts


async def test_why_is_not_told_of_channels_one_cannot_see(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        await here.world.say("otto", QUESTION, channel="secret")
        assert "no channel that I watch and you can see" in await here.type("ann", f"why {link(here)}")
        assert "Closed" in await here.type("ada", f"close {link(here)}")


async def test_an_analyst_of_another_company_is_told_of_no_channel(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SHARED)) as here:
        await here.type("ada", "roster add <@U-MIA> analyst")
        await here.opened.joining.work()
        await here.world.say("mia", QUESTION, channel="acme")
        assert "I am in no channel that you can see" in await here.type("mia", "status", SHARED)
        assert "no channel that I watch and you can see" in await here.type("mia", f"why {link(here)}")


# -- knowledge


async def test_kb_search_answers_as_the_bot_would(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        entry = await learn(here)
        said = await here.type("ann", f"kb search {QUESTION}")
        assert entry in said
        assert "I would answer (confidence 1.00)" in said
        assert "Open Billing" in said
        assert "I would not answer" in await here.type("ann", "kb search what is the weather like #support")


async def test_kb_search_in_a_channel_one_cannot_see_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        await learn(here, channel="secret")
        here.world.clock.advance_to(here.world.clock.now() + timedelta(days=40))  # Ann was not there since
        assert "cannot see that channel" in await here.type("ann", "kb search invoices #secret")


async def test_kb_show_tells_an_entrys_life(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        entry = await learn(here)
        said = await here.type("ann", f"kb show {entry}")
        assert f"**{entry}** — in force, probation" in said
        assert "learned in #support" in said
        assert f"{entry}@1 learn" in said


async def test_kb_show_tells_nothing_of_what_one_may_not_see(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        entry = await learn(here, channel="secret")
        here.world.clock.advance_to(here.world.clock.now() + timedelta(days=40))
        hidden, unknown = await here.type("ann", f"kb show {entry}"), await here.type("ann", "kb show K404")
        assert hidden.replace(entry, "K404") == unknown
        assert "Open Billing" in await here.type("ada", f"kb show {entry}")


async def test_retract_and_undo_are_shown_first_and_recorded(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        entry = await learn(here)
        assert "A reason is missing" in await here.type("ada", f"kb retract {entry}")
        notice = await here.ask("ada", f"kb retract {entry} it is &lt;old&gt; news")
        assert "Open Billing" in notice.text
        assert await here.world.parts.knowledge.get(entry) is not None
        done = await here.click("ada", button(notice, ActionKind.CONFIRM))
        assert f"Retracted {entry}" in done.text
        assert await here.world.parts.knowledge.get(entry) is None
        assert "is retracted already" in await here.type("ada", f"kb retract {entry} again")
        undo = await here.ask("ada", f"kb undo {entry}@2")
        assert "it is \\<old\\> news" in undo.text
        done = await here.click("ada", button(undo, ActionKind.CONFIRM))
        assert "Took back: retract" in done.text
        assert await here.world.parts.knowledge.get(entry) is not None
        again = await here.click("ada", button(undo, ActionKind.CONFIRM))
        assert "Operation 2 is not the last one" in again.text
        assert [(a, s) for _, a, s in await here.audit() if a in ("retract", "undo")] == [
            ("retract", entry),
            ("undo", entry),
        ]


async def test_another_workspace_sees_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        entry = await learn(here)
        moved = "UPDATE knowledge SET tenant = 'T9' WHERE entry = :entry"
        await here.ledger.write(Statement(moved, {"entry": entry}))
        assert "is no entry that you can see" in await here.type("ada", f"kb show {entry}")


# -- looking


async def test_status_says_what_is_wrong(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        assert (await here.type("ada", "status")).startswith("**All is well**")
        here.problems.append("the socket is down")
        status = await here.type("ada", "status")
        assert status.startswith("**Something is wrong**\n- the socket is down")
        assert "#secret: everyone (private)" in status
        assert "socket" not in await here.type("ann", "status")
        assert "#secret" not in await here.type("ann", "status")


async def test_stats_count_what_came_of_the_cards(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await learn(here)
        await here.world.say("mia", QUESTION, on="next", channel="support")
        await here.world.wait(timedelta(minutes=5))
        await here.world.click("accept", "mia", on="next")
        said = await here.type("ann", "stats")
        rows = {line[:16].strip(): line[16:].split()[0] for line in said.splitlines() if line[16:23].strip()}
        assert rows["questions"] == "2"
        assert rows["cards"] == "1"
        assert rows["accepted"] == rows["by askers"] == "1"
        assert rows["learned"] == "1"
        assert "Accepted by Mia (1)" in said
        here.world.clock.advance_to(here.world.clock.now() + timedelta(days=2))
        assert "Mia" not in await here.type("ann", "stats 1d")


async def test_stats_stay_within_what_the_reader_sees(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(SUPPORT, SECRET)) as here:
        await here.world.say("otto", QUESTION, channel="secret")
        await here.world.wait(timedelta(minutes=5))
        assert "questions            1" in await here.type("ada", "stats")
        assert "questions            0" in await here.type("ann", "stats")
        assert "cannot see that channel" in await here.type("ann", "stats #secret")


async def test_the_lead_over_a_human_is_the_median(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await learn(here)
        for number, minutes in enumerate((10, 20, 60)):
            await here.world.say("mia", QUESTION, on=f"n{number}", channel="support")
            await here.world.wait(timedelta(minutes=1))
            await here.world.say("ann", FIX, on=f"n{number}", after=timedelta(minutes=minutes - 1))
            await here.world.wait(timedelta(hours=2))
        said = await here.type("ada", "stats")
        assert "A card stood 19 minutes before a human" in said or "A card stood 20 minutes" in said


async def test_doctor_tells_findings_and_remedies(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        assert "All is well" in await here.type("ada", "doctor")
        here.checks.append(
            Check(name="scopes", status=Status.FAILED, found="chat:write is missing", remedy="Reinstall")
        )
        assert "✗ scopes: chat:write is missing → Reinstall" in await here.type("ada", "doctor")
