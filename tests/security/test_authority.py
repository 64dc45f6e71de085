"""Who is not Slack, and who may not: refused, and noted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest

from tests.live.company import AGAIN, Company, eventually, live
from tests.live.test_hostile_people import shown
from tests.unit.platforms.slack_parts import Joined, joined
from vigilbot.platforms.slack_signatures import REMEMBERED, REPEATED, UNSIGNED, Signatures
from vigilbot.providers.clock import SimulatedClock
from vigilbot.testing.world import BEGIN

STAMP, SIGNATURE = "x-slack-request-timestamp", "x-slack-signature"
Headers = Mapping[str, str]
FORGERIES: Mapping[str, Callable[[Headers], Headers]] = {
    "no headers": lambda good: {"content-type": good["content-type"]},
    "no signature": lambda good: {k: v for k, v in good.items() if k != SIGNATURE},
    "no time": lambda good: {k: v for k, v in good.items() if k != STAMP},
    "empty signature": lambda good: {**good, SIGNATURE: ""},
    "empty time": lambda good: {**good, STAMP: ""},
    "zeros": lambda good: {**good, SIGNATURE: "v0=" + "0" * 64},
    "cut": lambda good: {**good, SIGNATURE: good[SIGNATURE][:-1]},
    "longer": lambda good: {**good, SIGNATURE: good[SIGNATURE] + "0"},
    "capitals": lambda good: {**good, SIGNATURE: good[SIGNATURE].upper()},
    "other version": lambda good: {**good, SIGNATURE: good[SIGNATURE].replace("v0=", "v1=")},
    "no version": lambda good: {**good, SIGNATURE: good[SIGNATURE].removeprefix("v0=")},
    "a list": lambda good: {**good, SIGNATURE: f"{good[SIGNATURE]},{good[SIGNATURE]}"},
    "not ascii": lambda good: {**good, SIGNATURE: "v0=ü"},
    "one second later": lambda good: {**good, STAMP: str(int(good[STAMP]) + 1)},
    "six minutes old": lambda good: {**good, STAMP: str(int(good[STAMP]) - 360)},
    "six minutes ahead": lambda good: {**good, STAMP: str(int(good[STAMP]) + 360)},
    "words": lambda good: {**good, STAMP: "yesterday"},
    "a float": lambda good: {**good, STAMP: good[STAMP] + ".0"},
    "negative": lambda good: {**good, STAMP: "-" + good[STAMP]},
    "other digits": lambda good: {**good, STAMP: "１２３４"},  # noqa: RUF001
    "very long": lambda good: {**good, STAMP: "9" * 5000},
    "nothing": lambda good: {**good, STAMP: "nan"},
}


async def post(at: Joined, body: str, headers: Headers) -> int:
    assert at.ws.http_target
    async with (
        aiohttp.ClientSession() as http,
        http.post(at.ws.http_target, data=body.encode(), headers=headers) as answer,
    ):
        return answer.status


def bodies(at: Joined) -> dict[str, tuple[str, bool]]:
    """An event, a click and a command, and whether each is sent as a form."""
    message = {"type": "message", "channel": at.channel, "user": at.customer, "text": "x", "ts": "1.0"}
    event = {"type": "event_callback", "team_id": at.ws.team, "event_id": "Ev9", "event": message}
    click = {
        "type": "block_actions",
        "team": {"id": at.ws.team},
        "user": {"id": at.customer, "team_id": at.ws.team},
        "channel": {"id": at.channel},
        "container": {"type": "message", "message_ts": "1.0", "channel_id": at.channel},
        "message": {"ts": "1.0", "text": "x"},
        "actions": [{"type": "button", "action_id": "vigilbot:accept", "value": "a1", "action_ts": "1.0"}],
        "trigger_id": "1.1.a",
    }
    command = {
        "command": "/vigil",
        "text": "status",
        "team_id": at.ws.team,
        "channel_id": at.channel,
        "user_id": at.customer,
        "trigger_id": "1.2.b",
    }
    return {
        "event": (json.dumps(event), False),
        "click": (urlencode({"payload": json.dumps(click)}), True),
        "command": (urlencode(command), True),
    }


async def test_what_slack_did_not_sign_is_refused_and_counted() -> None:
    async with joined(mode="http") as at:
        tried = 0
        for body, form in bodies(at).values():
            good = at.ws.signed_headers(body, form=form)
            for name, forged in FORGERIES.items():
                assert await post(at, body, forged(good)) == 401, name
                tried += 1
            assert await post(at, body + " ", good) == 401
            tried += 1
        at.ws.faults.bad_signature = True
        for body, form in bodies(at).values():
            assert await post(at, body, at.ws.signed_headers(body, form=form)) == 401
            tried += 1
        assert (at.inbox.events, at.inbox.acts) == ([], [])
        assert at.slack.ignored[UNSIGNED] == tried == 72


async def test_a_signed_request_that_is_repeated_has_one_effect() -> None:
    async with joined(mode="http") as at:
        for name, (body, form) in bodies(at).items():
            good = at.ws.signed_headers(body, form=form)
            first, *again = [await post(at, body, good) for _ in range(4)]
            assert first == 200, name
            assert set(again) == ({200} if name == "event" else {409}), name  # Slack itself repeats events
        assert len(at.inbox.events) == 1
        assert len(at.inbox.acts) == 2
        assert at.slack.ignored[REPEATED] == 6


def test_signatures_are_remembered_as_long_as_they_hold() -> None:
    clock = SimulatedClock(BEGIN)
    signatures = Signatures(clock=clock, counts=(counts := Counter()))
    assert [signatures.repeated(each) for each in ("a", "b", "a", "", "")] == [
        False,
        False,
        True,
        False,
        False,
    ]
    clock.advance_to(BEGIN + REMEMBERED)
    assert signatures.repeated("b")
    clock.advance_to(BEGIN + REMEMBERED + timedelta(seconds=1))
    assert not signatures.repeated("b")
    assert counts[REPEATED] == 2


async def test_a_flood_of_forgeries_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    signatures = Signatures(clock=SimulatedClock(BEGIN), counts=Counter())
    for _ in range(1500):
        signatures.unsigned()
    assert [record.args for record in caplog.records] == [(UNSIGNED, n) for n in (1, 10, 100, 1000)]


async def refusals(c: Company) -> list[tuple[str, str]]:
    rows = await c.rows(
        "SELECT actor, subject FROM audit WHERE action = 'refused' OR subject LIKE 'refused%' ORDER BY id"
    )
    return [(row["actor"], row["subject"]) for row in rows]


async def test_every_use_without_a_right_is_refused_and_in_the_audit_table(tmp_path: Path) -> None:
    async with live(tmp_path, invited=("support", "billing")) as c:
        await c.taught()
        card = await c.asked("omar", AGAIN)
        [answer] = await c.rows("SELECT id FROM answers WHERE result = 'decided'")
        before = await refusals(c)
        nina = c.people["nina"]
        for kind in ("accept", "withdraw", "take_back", "why", "share"):
            await shown(c, "nina", kind, answer["id"], where="support")
        for kind in ("accept", "withdraw", "take_back", "why"):
            await shown(c, "sam", kind, answer["id"], where="billing")
        await shown(c, "nina", "mode", f"{c.channels['support']}/listen", where="support")
        await shown(c, "nina", "roster", c.channels["support"], where="support")
        await shown(c, "nina", "confirm", "unwatch", where="support")
        for command in ("pause", "kb retract K1", "mode listen", "erase", "roster"):
            assert "Nothing was done" in await c.typed("nina", command)
        await c.ws.shortcut(nina, c.channels["support"], card["ts"], "save_knowledge")
        await c.say("nina", f"<@{c.ws.bot_user}> close", thread=card["thread_ts"], stored=True)
        await eventually(lambda: "Only analysts and operators" in " ".join(c.told("nina")))
        found = [each for each in await refusals(c) if each not in before]
        here = ["click accept", "click withdraw", "click take_back", "click why", "click share"]
        assert sorted(subject for who, subject in found if who == c.people["sam"]) == sorted(here[:4])
        assert sorted(subject for who, subject in found if who == nina) == sorted(
            [
                *(each for each in here if each != "click take_back"),  # nobody's Accept stands
                "click mode",
                "click roster",
                "shortcut save_knowledge",
                "said close",
                *("refused: unwatch", "refused: pause", "refused: kb retract", "refused: mode"),
                *("refused: erase", "refused: roster"),
            ]
        )
        assert await c.count("feedback") == 0
        assert all(row["mode"] is None for row in await c.rows("SELECT mode FROM channels"))
        assert await c.count("roster") == 0
        assert await c.known() == 1
