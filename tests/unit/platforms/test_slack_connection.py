"""The connection: bad credentials, reconnection, gaps, ghosts, proxies, signatures, the end."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import aiohttp
import pytest

from tests.unit.platforms.parts import Inbox, until
from tests.unit.platforms.slack_parts import adapter, joined, listening
from vigilbot.domain import EventKind
from vigilbot.errors import BadInput, PlatformError
from vigilbot.platforms.pacing import Bucket
from vigilbot.platforms.slack_client import proxy_in_use
from vigilbot.ports import Watermark
from vigilbot.workspace import Workspace


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "place", "remedy"),
    [
        ({"bot_token": "xoxb-wrong"}, "SLACK_BOT_TOKEN", "manifest"),
        ({"bot_token": ""}, "SLACK_BOT_TOKEN", "manifest"),
        ({"app_token": "xapp-wrong"}, "SLACK_APP_TOKEN", "connections:write"),
        ({"app_token": ""}, "SLACK_APP_TOKEN", "connections:write"),
        ({"mode": "http", "signing_secret": " "}, "SLACK_SIGNING_SECRET", "Basic Information"),
    ],
)
async def test_credentials_that_cannot_work_stop_the_start_at_once(given, place, remedy):
    async with Workspace() as ws:
        slack, started = adapter(ws, **given), time.perf_counter()
        with pytest.raises(BadInput, match=remedy) as bad:
            await slack.connect(Inbox())
        assert bad.value.place == place
        assert time.perf_counter() - started < 1
        assert not slack.state().connected


async def test_a_revoked_bot_token_stops_the_start():
    async with Workspace() as ws:
        ws.revoke()
        with pytest.raises(BadInput, match="SLACK_BOT_TOKEN"):
            await adapter(ws).connect(Inbox())


async def test_slack_out_of_reach_is_no_bad_input():
    async with Workspace() as ws:
        slack = adapter(ws, base_url="http://127.0.0.1:9/api/")
        with pytest.raises(PlatformError):
            await slack.connect(Inbox())


async def test_the_state_says_how_the_connection_is_doing():
    async with joined() as at:
        assert at.slack.state().connected
        assert at.slack.state().sockets == 1
        assert at.slack.state().last_event_at is not None
        await at.slack.disconnect()
        assert not at.slack.state().connected


@pytest.mark.parametrize("how", ["disconnect", "abort"])
async def test_a_lost_connection_comes_back_and_what_was_missed_is_read(how):
    async with joined() as at:
        known = await at.ws.say(at.customer, at.channel, "before")
        await at.ws.settled()
        at.inbox.open_gaps = [Watermark(tenant=at.ws.team, channel=at.channel, thread="", after=known)]
        asked = at.inbox.asked_for_gaps
        getattr(at.ws, how)()
        await until(lambda: at.inbox.asked_for_gaps > asked and at.slack.state().connected, seconds=10)
        await at.ws.say(at.customer, at.channel, "after")
        await until(lambda: "after" in at.inbox.texts())
        await until(lambda: at.inbox.closed_gaps)


async def test_too_many_sockets_are_not_answered_with_a_storm():
    async with joined() as at:
        for _ in range(12):
            at.ws.disconnect("too_many_websockets")
            await asyncio.sleep(0.05)
        opened = [c for c in at.ws.calls if c.method == "apps.connections.open"]
        assert len(opened) <= 6


async def test_a_connection_that_says_nothing_is_replaced():
    async with joined(ping=0.2) as at:
        at.ws.faults.mute_pongs = True
        before = len([c for c in at.ws.calls if c.method == "apps.connections.open"])
        await until(
            lambda: len([c for c in at.ws.calls if c.method == "apps.connections.open"]) > before, seconds=8
        )
        at.ws.faults.mute_pongs = False


@pytest.mark.parametrize("connection", [1, 2])
async def test_the_gap_is_marked_before_the_first_event_of_a_connection(connection):
    class Slow(Inbox):
        """An event comes over the new connection while the gap is still being marked."""

        async def gaps(self):
            found = await super().gaps()
            if self.asked_for_gaps == connection:
                await ws.say(customer, channel, "early")
                await asyncio.sleep(0.1)
                assert not self.texts()  # it would move the watermark over the gap
                self.marked = True
            return found

    async with Workspace() as ws:
        customer = ws.add_user("Cleo")
        channel = ws.add_channel("support", members=(customer, ws.bot_user))
        inbox = Slow()
        async with listening(adapter(ws), inbox, ws):
            if connection == 2:
                ws.disconnect()
            await until(inbox.texts)
            assert inbox.marked


async def test_ghost_connections_are_a_problem_line():
    async with Workspace() as ws:
        ws.haunt(2)
        slack = adapter(ws)
        async with listening(slack, Inbox(), ws):
            await until(lambda: slack.state().problems)
            assert "3 connections" in slack.state().problems[0]


def gap(at, after: str, thread: str = "") -> Watermark:
    return Watermark(tenant=at.ws.team, channel=at.channel, thread=thread, after=after)


async def test_what_was_missed_is_read_oldest_first_and_counted_once():
    async with joined() as at:
        known = await at.ws.say(at.customer, at.channel, "known")
        await at.ws.settled()
        await at.slack.disconnect()
        root = await at.ws.say(at.customer, at.channel, "missed 1")
        await at.ws.say(at.customer, at.channel, "missed 2")
        await at.ws.say(at.analyst, at.channel, "missed 3", thread=root)
        await at.ws.say(at.analyst, at.channel, "missed 4", thread=known)
        inbox = at.inbox
        inbox.open_gaps = [gap(at, known, thread=known), gap(at, known)]
        again = adapter(at.ws)
        async with listening(again, inbox, at.ws):
            new = await again.backfill()
            assert inbox.texts() == ["known", "missed 4", "missed 1", "missed 2", "missed 3"]
            assert new == 5  # the four, and that the bot is in #support
            assert inbox.closed_gaps == inbox.open_gaps
            assert await again.backfill() == 0
            reply = next(e for e in inbox.events if e.text == "missed 3")
            assert reply.thread == root


async def test_an_edit_that_was_missed_is_read():
    async with joined() as at:
        first = await at.ws.say(at.customer, at.channel, "first")
        second = await at.ws.say(at.customer, at.channel, "second")
        await at.ws.settled()
        await at.slack.disconnect()
        await at.ws.edit(at.customer, at.channel, second, "second, mended")
        at.inbox.open_gaps = [gap(at, first)]
        again = adapter(at.ws)
        async with listening(again, at.inbox, at.ws):
            await again.backfill()
        assert (at.inbox.events[-1].kind, at.inbox.events[-1].text) == (EventKind.EDITED, "second, mended")


async def test_a_thread_that_is_gone_takes_nothing_else_of_its_channel_with_it():
    async with joined() as at:
        known = await at.ws.say(at.customer, at.channel, "known")
        await at.ws.settled()
        await at.slack.disconnect()
        root = await at.ws.say(at.customer, at.channel, "missed 1")
        await at.ws.say(at.analyst, at.channel, "missed 2", thread=root)
        await at.ws.say(at.customer, at.channel, "missed 3")
        at.inbox.open_gaps = [gap(at, known)]
        at.ws.faults.fail("conversations.replies", "thread_not_found")
        again = adapter(at.ws)
        async with listening(again, at.inbox, at.ws):
            await again.backfill()
        assert at.inbox.texts() == ["known", "missed 1", "missed 3"]
        assert at.inbox.closed_gaps == at.inbox.open_gaps


async def test_of_a_thread_that_goes_while_it_is_read_the_pages_read_are_kept():
    async with joined() as at:
        known = await at.ws.say(at.customer, at.channel, "known")
        await at.ws.settled()
        await at.slack.disconnect()
        root = await at.ws.say(at.customer, at.channel, "missed")
        for n in range(205):  # a page has 200
            await at.ws.say(at.analyst, at.channel, f"reply {n}", thread=root)
        at.inbox.open_gaps = [gap(at, known)]
        at.ws.faults.slow("conversations.replies", 0.01)
        at.ws.faults.fail("conversations.replies", "thread_not_found")
        again = adapter(at.ws)
        async with listening(again, at.inbox, at.ws):
            await again.backfill()
        assert at.inbox.texts()[:4] == ["known", "missed", "reply 0", "reply 1"]
        assert len(at.inbox.texts()) < 207
        assert at.inbox.closed_gaps == at.inbox.open_gaps


async def test_channels_the_bot_is_in_are_found_once():
    async with Workspace() as ws:
        channel = ws.add_channel("support", members=(ws.bot_user,))
        inbox = Inbox()
        for _ in range(2):
            slack = adapter(ws)
            async with listening(slack, inbox, ws):
                await slack.backfill()
        assert [(e.kind, e.channel, e.is_self) for e in inbox.events] == [
            (EventKind.MEMBER_JOINED, channel, True)
        ]


async def test_a_channel_the_bot_was_removed_from_meanwhile_is_told():
    async with joined() as at:
        known = await at.ws.say(at.customer, at.channel, "known")
        await at.ws.settled()
        await at.slack.disconnect()
        await at.ws.kick(at.channel, by=at.analyst)
        at.inbox.open_gaps = [gap(at, known)]
        again = adapter(at.ws)
        async with listening(again, at.inbox, at.ws):
            await again.backfill()
        last = at.inbox.events[-1]
        assert (last.kind, last.channel, last.is_self) == (EventKind.MEMBER_LEFT, at.channel, True)
        assert at.inbox.closed_gaps == []


async def test_history_that_may_not_be_read_is_a_problem_and_the_gap_stays():
    async with joined() as at:
        at.inbox.open_gaps = [gap(at, "1.0")]
        at.ws.faults.fail("conversations.history", "missing_scope")
        await at.slack.backfill()
        assert at.inbox.closed_gaps == []
        assert any("may be missing" in line for line in at.slack.state().problems)
        await at.slack.backfill()
        assert at.inbox.closed_gaps == at.inbox.open_gaps
        assert at.slack.state().problems == ()


async def test_history_that_could_not_be_read_is_tried_again():
    async with joined(pause=0.05) as at:
        at.inbox.open_gaps = [gap(at, "1.0")]
        at.ws.faults.fail("conversations.history", "internal_error", times=2)
        await at.slack.backfill()
        assert at.inbox.closed_gaps == []
        await until(lambda: at.inbox.closed_gaps)


async def test_history_is_read_at_the_pace_slack_asks_for():
    async with joined() as at:
        await at.ws.say(at.customer, at.channel, "one")
        at.inbox.open_gaps = [gap(at, "1.0")]
        at.ws.faults.limit("conversations.history", retry_after=1)
        started = time.perf_counter()
        await at.slack.backfill()
        assert time.perf_counter() - started >= 1
        assert at.inbox.closed_gaps


def test_a_shared_app_reads_history_once_a_minute():
    bucket = Bucket(interval=60.0, burst=1)
    assert [bucket.reserve(100.0) for _ in range(3)] == [0.0, 60.0, 120.0]
    assert bucket.reserve(1000.0) == 0.0


async def test_a_shared_app_asks_for_fifteen_messages():
    async with joined(history="shared") as at:
        at.inbox.open_gaps = [gap(at, "1.0")]
        await at.slack.backfill()
        [call] = [c for c in at.ws.calls if c.method == "conversations.history"]
        assert int(call.args["limit"]) == 15


def test_a_proxy_is_told_and_loopback_and_exceptions_go_around_it(monkeypatch):
    assert proxy_in_use("https://slack.com/api/") == ""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert proxy_in_use("https://slack.com/api/") == "https_proxy"
    assert proxy_in_use("http://127.0.0.1:8080/api/") == ""
    monkeypatch.setenv("no_proxy", "slack.com")
    assert proxy_in_use("https://slack.com/api/") == ""


async def test_a_proxy_in_the_environment_does_not_break_loopback(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with joined() as at:
        await at.ws.say(at.customer, at.channel, "through")
        await at.ws.settled()
        assert at.inbox.texts() == ["through"]


async def post(url: str, body: str, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_forged_stale_and_malformed_requests_are_refused():
    async with joined(mode="http") as at:
        url = at.ws.http_target
        record = {"type": "message", "channel": at.channel, "user": at.customer, "text": "x", "ts": "1.0"}
        body = json.dumps({"type": "event_callback", "event_id": "Ev9", "event": record})
        good = {name.title(): value for name, value in at.ws.signed_headers(body).items()}
        stamp, signature = (f"X-Slack-{name}" for name in ("Request-Timestamp", "Signature"))
        assert {stamp, signature} <= set(good)
        assert await post(url, body + " ", good) == 401
        assert await post(url, body, good | {signature: "v0=00"}) == 401
        assert await post(url, body, good | {stamp: str(int(good[stamp]) - 400)}) == 401
        assert await post(url, body, good | {stamp: "yesterday"}) == 401
        assert await post(url, body, good | {stamp: ""}) == 401
        assert await post(url, body, good | {stamp: "9" * 5000}) == 401
        assert await post(url, body, good | {signature: "v0=ü"}) == 401
        assert await post(url, body, {"Content-Type": "application/json"}) == 401
        assert await post(url, "[1, 2", at.ws.signed_headers("[1, 2")) in (400, 401)
        assert at.inbox.events == []
        assert await post(url, body, good) == 200
        assert await post(url, body, good) == 200  # the same once more: acknowledged, taken in once
        assert len(at.inbox.events) == 1


async def test_the_vendors_code_silences_nobody_else(caplog):
    async with joined(mode="http") as at:
        await post(at.ws.http_target, "{}", {"X-Slack-Request-Timestamp": "1"})
        await at.ws.say(at.customer, at.channel, "hello")
        await at.ws.settled()
    logging.getLogger("vigilbot.models").warning("still heard")
    assert "still heard" in caplog.text
    assert "hello" not in caplog.text


async def test_slacks_challenge_is_answered():
    async with joined(mode="http") as at:
        assert await at.ws.verify_url(at.ws.http_target)


async def test_nothing_is_taken_in_over_http_before_and_after_the_connection():
    async with joined(mode="http") as at:
        await at.slack.disconnect()
        body = json.dumps({"type": "event_callback", "event_id": "Ev9", "event": {"type": "message"}})
        assert await post(at.ws.http_target, body, at.ws.signed_headers(body)) == 503


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_what_is_being_taken_in_at_the_end_is_taken_in(mode):
    class Slow(Inbox):
        async def receive(self, event):
            await asyncio.sleep(0.2)
            return await super().receive(event)

    async with joined(mode=mode, inbox=Slow()) as at:
        await at.ws.say(at.customer, at.channel, "last words")
        await asyncio.sleep(0.1)
        await at.slack.disconnect()
        assert at.inbox.texts() == ["last words"]
        await until(lambda: at.ws.sent[-1].acknowledged)
        await at.ws.say(at.customer, at.channel, "too late")
        await asyncio.sleep(0.3)
        assert at.inbox.texts() == ["last words"]


@pytest.mark.parametrize("seed", range(3))
async def test_on_a_bad_day_every_message_is_taken_in_once(seed):
    async with joined() as at:
        at.ws.chaos(seed)
        said = [f"message {n}" for n in range(60)]
        for text in said:
            await at.ws.say(at.customer, at.channel, text)
        for _ in range(200):
            if set(at.inbox.texts()) >= set(said):
                break
            await asyncio.sleep(0.02)
            at.ws.advance(1.5)
        at.ws.faults.clear()
        assert sorted(at.inbox.texts()) == sorted(said)
