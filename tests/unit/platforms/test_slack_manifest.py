"""The manifest asks for what the code uses, and for nothing else; doctor says what is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import vigilbot.platforms
from tests.unit.platforms.parts import Inbox
from tests.unit.platforms.slack_parts import adapter, listening
from tests.unit.platforms.test_slack_posting import CARD, now
from vigilbot.domain import EventKind
from vigilbot.platforms.slack_checks import check_slack
from vigilbot.platforms.slack_events import HANDLERS
from vigilbot.platforms.slack_manifest import METHODS, PERMISSIONS, SUBSCRIPTIONS, manifest, wanted
from vigilbot.workspace import Workspace

SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for path in Path(vigilbot.platforms.__path__[0]).glob("slack*.py")
    if path.name != "slack_manifest.py"
)
_OF_A_FEATURE = {
    "commands": '"command"',
    "metadata.message:read": "include_all_metadata",
    "files:read": "url_private",
    "im:read": "conversations.info",
}
"""Permissions that no method or event names, by what in the code needs them."""


def test_every_event_is_listened_to_and_every_listener_has_its_event():
    assert {s.event.partition(".")[0] for s in SUBSCRIPTIONS} == set(HANDLERS)


def test_every_method_that_is_called_has_its_permission_and_no_other_is_listed():
    called = set(
        re.findall(r'"((?:auth|apps|chat|conversations|users|usergroups|views)\.[a-zA-Z.]+)"', SOURCES)
    )
    assert called == set(METHODS)
    assert set(METHODS.values()) - {""} <= {p.scope for p in wanted()[0]}


def test_every_event_brings_its_permission_along():
    for options in ((), ("private",), ("direct",), ("files",), ("private", "direct", "files")):
        permissions, subscriptions = wanted(options)
        assert {s.scope for s in subscriptions} - {""} <= {p.scope for p in permissions}


def test_no_permission_is_asked_for_without_a_use():
    used = {s.scope for s in SUBSCRIPTIONS} | set(METHODS.values())
    for permission in PERMISSIONS:
        assert permission.scope in used or _OF_A_FEATURE[permission.scope] in SOURCES, permission.scope
    assert all(p.why for p in PERMISSIONS)
    assert all(s.why for s in SUBSCRIPTIONS)


def test_private_places_and_files_are_asked_for_only_when_wanted():
    plain = yaml.safe_load(manifest())
    scopes = plain["oauth_config"]["scopes"]["bot"]
    assert not [s for s in scopes if s.startswith(("groups:", "im:", "mpim:", "files:"))]
    events = plain["settings"]["event_subscriptions"]["bot_events"]
    assert "message.channels" in events
    assert "message.groups" not in events
    full = yaml.safe_load(manifest(private=True, direct=True, files=True))
    more = set(full["oauth_config"]["scopes"]["bot"]) - set(scopes)
    assert more == {"groups:history", "groups:read", "im:history", "im:read", "files:read"}


def test_over_http_the_manifest_names_the_address_everywhere():
    url = "https://vigil.example.com/slack/events"
    made = yaml.safe_load(manifest(mode="http", url=url, command="/helpdesk"))
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert made["settings"]["interactivity"]["request_url"] == url
    [command] = made["features"]["slash_commands"]
    assert (command["command"], command["url"]) == ("/helpdesk", url)
    assert not made["settings"]["socket_mode_enabled"]
    assert yaml.safe_load(manifest())["settings"]["socket_mode_enabled"]
    assert url not in manifest(url=url)


def test_the_file_in_the_project_is_what_the_code_makes():
    assert Path("config/slack-manifest.yaml").read_text(encoding="utf-8") == manifest()


def asked_for(*options) -> dict[str, list[str]]:
    permissions, subscriptions = wanted(options)
    return {"scopes": [p.scope for p in permissions], "events": [s.event for s in subscriptions]}


async def test_a_bot_made_from_the_manifest_can_do_its_work():
    async with Workspace(**asked_for()) as ws:
        customer = ws.add_user("Cleo")
        channel = ws.add_channel("support", members=(customer,))
        slack, inbox = adapter(ws), Inbox()
        async with listening(slack, inbox, ws):
            await ws.invite(channel, by=customer)
            root = await ws.say(customer, channel, "How?")
            await ws.react(customer, channel, root, "eyes")
            await ws.settled()
            assert [e.kind for e in inbox.events] == [
                EventKind.MEMBER_JOINED,
                EventKind.POSTED,
                EventKind.REACTION_ADDED,
            ]
            place = {"tenant": ws.team, "channel": channel}
            ts = await slack.post(**place, thread=root, card=CARD, key="k", since=now())
            await slack.update(**place, ts=ts, card=CARD)
            await slack.completed(inbox.events[1])
            await slack.backfill()
            await slack.remove(**place, ts=ts)
            assert slack.state().problems == ()
    refused = [c.answer["needed"] for c in ws.calls if c.answer.get("error") == "missing_scope"]
    assert set(refused) <= {"groups:read"}  # whether there are private channels can only be found out so


async def checked(ws: Workspace, **given) -> dict[str, tuple[str, str]]:
    options = {
        "bot_token": ws.bot_token,
        "app_token": ws.app_token,
        "signing_secret": ws.signing_secret,
        "mode": "socket",
        "base_url": ws.api_url,
        "seconds": 2.0,
    }
    found = await check_slack(**options | given)
    assert all(finding.remedy for finding in found if finding.status != "ok")
    return {finding.name: (finding.status, finding.found) for finding in found}


async def test_doctor_finds_nothing_wrong_with_a_bot_made_from_the_manifest():
    async with Workspace(**asked_for()) as ws:
        customer = ws.add_user("Cleo")
        channel = ws.add_channel("support", members=(customer, ws.bot_user))
        await ws.say(customer, channel, "How?")
        found = await checked(ws)
        assert {status for status, _ in found.values()} == {"ok"}
        assert found["Slack channels"][1] == "#support"
        assert found["Slack permissions"][1] == "public channels"
        assert {"Slack history", "Slack threads", "Slack connection", "Slack bot token"} <= set(found)


async def test_doctor_names_what_is_missing():
    async with Workspace(**asked_for()) as ws:
        assert (await checked(ws, bot_token="xoxb-wrong"))["Slack bot token"][0] == "failed"
        assert (await checked(ws, app_token="xapp-wrong"))["Slack connection"][0] == "failed"
        assert (await checked(ws, mode="http", signing_secret=""))["Slack signing secret"][0] == "failed"
        assert (await checked(ws))["Slack channels"][0] == "warning"
        ws.app.scopes = ws.app.scopes - {"chat:write"}
        assert (await checked(ws))["Slack permissions"] == ("failed", "missing: chat:write")


async def test_doctor_tells_when_history_may_not_be_read():
    async with Workspace(**asked_for()) as ws:
        ws.add_channel("support", members=(ws.bot_user,))
        ws.faults.fail("conversations.history", "missing_scope")
        assert (await checked(ws))["Slack history"][0] == "warning"


async def test_half_an_option_is_a_warning():
    wished = asked_for("private")
    wished["scopes"].remove("groups:read")
    async with Workspace(**wished) as ws:
        assert (await checked(ws))["Slack permissions"] == ("warning", "missing: groups:read")


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
async def test_doctor_warns_of_a_proxy(name, monkeypatch):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Workspace() as ws:
        found = await checked(ws, base_url="http://slack.invalid/api/")
        assert found["Slack proxy"][0] == "warning"
        assert name in found["Slack proxy"][1]
        assert "Slack proxy" not in await checked(ws)
