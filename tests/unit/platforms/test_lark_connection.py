"""Coming in: the beginning, acknowledgement after the durable insert, repetitions, broken connections."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from datetime import timedelta

import aiohttp
import pytest

from tests.unit.platforms.lark_parts import WITHIN, adapter, card, joined, listening
from tests.unit.platforms.parts import Inbox, until
from vigilbot.cards import Notice
from vigilbot.domain import EventKind
from vigilbot.errors import BadInput, PlatformError
from vigilbot.ports import Watermark
from vigilbot.workspace.faults import Trouble
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.frames import pack


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"app_secret": "wrong"}, "LARK_APP_SECRET"),
        ({"app_id": "cli_wrong"}, "LARK_APP_ID"),
        ({"mode": "webhook", "encrypt_key": " "}, "LARK_ENCRYPT_KEY"),
        ({"mode": "webhook", "token": ""}, "LARK_VERIFICATION_TOKEN"),
    ],
)
async def test_secrets_that_cannot_work_stop_the_start_and_are_named(given, place):
    async with LarkTenant() as tenant:
        lark = adapter(tenant, **given)
        with pytest.raises(BadInput) as bad:
            await lark.connect(Inbox())
        assert place in bad.value.place
        assert bad.value.remedy
        assert not lark.state().connected


async def test_a_permission_without_which_nothing_works_stops_the_start_and_is_named():
    async with LarkTenant() as tenant:
        tenant.api.scopes.discard("tenant:tenant:readonly")
        with pytest.raises(BadInput, match="tenant:tenant:readonly") as bad:
            await adapter(tenant).connect(Inbox())
        assert "config/lark.md" in bad.value.remedy


async def test_a_permission_that_is_missing_is_a_problem_line_that_names_it():
    async with joined() as at:
        at.tenant.api.scopes -= {"contact:user.base:readonly", "im:chat:readonly"}
        await at.say("Hello?")
        event = (await until(lambda: at.inbox.events, seconds=WITHIN))[0]
        known = await at.lark.completed(event)
        assert (known.user_external, known.channel_external, known.channel_private) == (True, True, True)
        assert "contact:user.base:readonly" in " ".join(at.lark.state().problems)
        assert "im:chat:readonly" in " ".join(at.lark.state().problems)


async def test_lark_out_of_reach_is_no_bad_input():
    async with LarkTenant() as tenant:
        with pytest.raises(PlatformError):
            await adapter(tenant, base_url="http://127.0.0.1:9").connect(Inbox())


async def test_a_handshake_that_is_refused_says_why_and_is_no_bad_input():
    async with LarkTenant() as tenant:
        tenant.sockets._tickets = Forgetful()
        with pytest.raises(PlatformError, match="no ticket"):
            await adapter(tenant).connect(Inbox())


class Forgetful(set):
    def add(self, _):
        pass


async def test_a_message_is_acknowledged_after_it_is_durable_and_not_before():
    class Slow(Inbox):
        async def receive(self, event):
            new = await super().receive(event)
            if event.kind is EventKind.POSTED:
                await until(lambda: released, seconds=WITHIN)
            return new

    released: list[bool] = []
    async with joined(inbox=Slow()) as at:
        await at.say("Hello?")
        await until(lambda: at.inbox.events, seconds=WITHIN)
        push = at.tenant.sent[-1]
        assert not push.acknowledged
        released.append(True)
        await until(lambda: push.acknowledged, seconds=WITHIN)


async def test_what_could_not_be_kept_is_not_acknowledged_and_comes_again_for_hours(caplog):
    caplog.set_level(logging.CRITICAL)
    async with joined() as at:
        at.inbox.broken = True
        ts = await at.say("Hello?")
        push = at.tenant.sent[-1]
        begun = at.tenant.timing.now()

        def sent_again():
            at.tenant.advance(600)
            return push.tries >= 4

        await until(sent_again, seconds=WITHIN)
        assert at.tenant.timing.now() - begun > timedelta(hours=1)
        assert not push.acknowledged
        assert not at.inbox.events
        at.inbox.broken = False

        def taken():
            at.tenant.advance(600)
            return push.acknowledged

        await until(taken, seconds=WITHIN)
        assert [event.ts for event in at.inbox.events] == [ts]


async def test_a_failure_nobody_thought_of_is_no_acknowledgement_and_ends_nothing(caplog):
    class Broken(Inbox):
        async def receive(self, event):
            if event.text == "first":
                raise RuntimeError("nobody thought of this")
            return await super().receive(event)

    caplog.set_level(logging.CRITICAL)
    async with joined(inbox=Broken()) as at:
        await at.say("first")
        first = at.tenant.sent[-1]
        await at.say("second")
        await until(at.inbox.texts, seconds=WITHIN)
        assert at.inbox.texts() == ["second"]
        assert not first.acknowledged


async def test_the_same_message_pushed_repeated_and_read_from_the_history_is_one():
    async with joined() as at:
        ts = await at.say("Hello?")
        await at.tenant.settled(WITHIN)
        push = at.tenant.sent[-1]
        at.tenant.repeat(push)
        await until(lambda: push.tries == 2, seconds=WITHIN)
        at.inbox.open_gaps = [Watermark(tenant=at.tenant.state.tenant, channel=at.chat, thread="", after=ts)]
        await at.lark.backfill()
        assert at.inbox.texts() == ["Hello?"]
        assert at.inbox.closed_gaps == at.inbox.open_gaps


@pytest.mark.parametrize("mode", ["socket", "webhook"])
async def test_what_nobody_has_a_use_for_is_acknowledged_and_counted(mode):
    async with joined(mode=mode) as at:
        at.tenant._event("drive.file.edit_v1", {"file_token": "x"})
        at.tenant._event("im.message.receive_v1", {"message": "none", "sender": 7})
        at.tenant._event("im.message.reaction.created_v1", {})
        await at.tenant.settled(WITHIN)
        assert all(push.acknowledged for push in at.tenant.sent)
        assert at.lark.ignored["no use for it"] == 1
        assert sum(at.lark.ignored.values()) == 3
        assert not at.inbox.events


async def test_another_apps_events_are_acknowledged_and_mean_nothing():
    async with joined() as at:
        real, at.tenant.app_id = at.tenant.app_id, "cli_other"
        await at.say("Not for this bot")
        await at.tenant.menu(at.customer, "vigil_home")
        at.tenant.app_id = real
        await at.tenant.settled(WITHIN)
        assert not at.inbox.events
        assert not at.inbox.acts


async def test_a_message_in_several_parts_is_put_together():
    async with joined() as at:
        at.tenant.sockets.part = 100
        await at.say("x" * 5000)
        await until(at.inbox.texts, seconds=WITHIN)
        assert at.inbox.texts() == ["x" * 5000]
        await at.tenant.settled(WITHIN)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff",
        b"",
        pack(method=1, headers={"sum": "2", "seq": "7", "message_id": "m"}, payload=b"x"),
        pack(method=1, headers={"type": "event", "message_id": "m"}, payload=b"no JSON"),
        pack(method=1, headers={"type": "event", "message_id": "m"}, payload=b"[" * 100_000),
        pack(method=1, headers={"type": "event", "message_id": "m"}, payload=b"[1]"),
        pack(method=0, headers={"type": "pong"}, payload=b"[" * 100_000),
        pack(method=0, headers={"type": "pong"}, payload=b'{"PingInterval": "x"}'),
        pack(method=5, headers={}),
    ],
)
async def test_malformed_frames_are_passed_over_and_the_next_message_comes(data, caplog):
    caplog.set_level(logging.CRITICAL)
    async with joined() as at:
        await at.tenant.sockets.send_raw(data)
        await at.say("Hello?")
        await until(at.inbox.texts, seconds=WITHIN)
        assert at.tenant.sockets.count == 1


async def test_a_payload_nested_without_end_is_acknowledged_since_it_would_come_again_for_ever(caplog):
    caplog.set_level(logging.CRITICAL)
    async with joined() as at:
        socket = at.lark._socket
        assert socket is not None
        headers = {"type": "event", "message_id": "m", "sum": "1"}
        await at.tenant.sockets.send_raw(pack(method=1, headers=headers, payload=b"[" * 200_000))
        await until(lambda: socket.malformed, seconds=WITHIN)


async def test_a_lost_connection_comes_back_and_what_was_missed_is_read():
    async with joined() as at:
        known = await at.say("before")
        await at.tenant.settled(WITHIN)
        at.inbox.open_gaps = [gap(at, known)]
        at.tenant.faults.deaf = True
        await at.tenant.sockets.cut()
        await until(lambda: not at.lark.state().connected, seconds=WITHIN)
        await at.say("while it was away")
        at.tenant.faults.deaf = False
        await until(lambda: at.lark.state().connected, seconds=WITHIN)
        await until(lambda: "while it was away" in at.inbox.texts(), seconds=WITHIN)
        await at.say("after")
        await until(lambda: "after" in at.inbox.texts(), seconds=WITHIN)
        await until(lambda: at.inbox.closed_gaps, seconds=WITHIN)


async def test_a_connection_that_says_nothing_is_replaced():
    async with joined(ping=0.2) as at:
        await until(lambda: at.tenant.sockets.pings > 1, seconds=WITHIN)
        at.tenant.faults.mute_pongs = True
        asked = at.inbox.asked_for_gaps
        await until(lambda: at.inbox.asked_for_gaps > asked, seconds=WITHIN)
        at.tenant.faults.mute_pongs = False


async def test_lark_may_ask_for_shorter_pings():
    async with joined(ping=3600.0) as at:
        assert at.lark._socket is not None
        assert at.lark._socket._ping == 2.0


@pytest.mark.parametrize("connection", [1, 2])
async def test_the_gap_is_marked_before_the_first_event_of_a_connection(connection):
    class Slow(Inbox):
        """An event comes over the new connection while the gap is still being marked."""

        async def gaps(self):
            found = await super().gaps()
            if self.asked_for_gaps == connection:
                await tenant.say(customer, chat, "early")
                await asyncio.sleep(0.1)
                assert not self.texts()  # it would move the watermark over the gap
                self.marked = True
            return found

    async with LarkTenant() as tenant:
        customer = tenant.add_user("Cleo")
        chat = tenant.add_chat("support", members=(customer,))
        tenant.state.chats[chat].has_bot = True
        inbox = Slow()
        async with listening(adapter(tenant), inbox, tenant):
            if connection == 2:
                await tenant.sockets.cut()
            await until(inbox.texts, seconds=WITHIN)
            assert inbox.marked


async def test_after_the_end_nothing_is_taken_in_any_more():
    async with joined() as at:
        await at.lark.disconnect()
        await at.say("too late")
        await asyncio.sleep(0.05)
        assert not at.inbox.events
        assert not at.lark.state().connected
        assert at.tenant.sockets.count == 0


# -- what was missed


def gap(at, after: str, thread: str = "") -> Watermark:
    return Watermark(tenant=at.tenant.state.tenant, channel=at.chat, thread=thread, after=after)


async def test_what_was_missed_is_read_with_its_topics_oldest_first_and_once():
    async with joined() as at:
        old = await at.say("an old topic")
        await at.lark.notify(
            tenant="t", channel=at.chat, thread=old, notice=Notice(text="Here is its topic."), key="k"
        )
        await at.tenant.settled(WITHIN)
        at.tenant.advance(60)  # older than the gap: the chat's history does not name it
        known = await at.say("known")
        await at.tenant.settled(WITHIN)
        await at.lark.disconnect()
        root = await at.say("missed 1")
        await at.say("missed 2", to=root)
        await at.tenant.say(at.analyst, at.chat, "missed 3", to=old)
        recalled = await at.say("recalled")
        await at.tenant.recall(recalled)
        at.inbox.open_gaps = [gap(at, known), gap(at, known, thread=old)]
        await at.lark.connect(at.inbox)
        assert await at.lark.backfill() >= 3
        assert at.inbox.texts() == ["an old topic", "known", "missed 1", "missed 2", "missed 3"]
        assert [e.thread for e in at.inbox.events if e.text == "missed 3"] == [old]
        assert set(at.inbox.closed_gaps) == set(at.inbox.open_gaps)
        new = len(at.inbox.events)
        await at.lark.backfill()
        assert len(at.inbox.events) == new


async def test_commands_are_not_carried_out_or_asked_again_by_reading_the_history():
    async with joined() as at:
        known = await at.say("known")
        await at.tenant.say(at.analyst, at.chat, "/vigil close", call_bot=True)
        await until(lambda: at.inbox.acts, seconds=WITHIN)
        at.inbox.open_gaps = [gap(at, known)]
        await at.lark.backfill()
        assert at.inbox.texts() == ["known"]
        assert len(at.inbox.acts) == 1


async def test_a_history_that_cannot_be_read_stays_a_gap_and_a_problem_line():
    async with joined() as at:
        known = await at.say("known")
        await at.tenant.settled(WITHIN)
        at.inbox.open_gaps = [gap(at, known)]
        at.tenant.api.scopes.discard("im:message.group_msg")
        await at.lark.backfill()
        assert not at.inbox.closed_gaps
        assert "im:message.group_msg" in " ".join(at.lark.state().problems)
        at.tenant.api.scopes.add("im:message.group_msg")
        await at.lark.backfill()
        assert at.inbox.closed_gaps
        assert not at.lark.state().problems


async def test_a_chat_without_the_bot_is_found_to_be_left():
    async with joined() as at:
        known = await at.say("known")
        await at.tenant.settled(WITHIN)
        at.tenant.state.chats[at.chat].has_bot = False
        at.inbox.open_gaps = [gap(at, known)]
        await at.lark.backfill()
        left = [e for e in at.inbox.events if e.kind is EventKind.MEMBER_LEFT]
        assert [(e.channel, e.is_self) for e in left] == [(at.chat, True)]


async def test_a_history_that_could_not_be_read_is_tried_again():
    async with joined(pause=0.05) as at:
        known = await at.say("known")
        await at.tenant.settled(WITHIN)
        at.inbox.open_gaps = [gap(at, known)]
        at.tenant.faults.troubles.append(Trouble(method="/im/v1/messages", status=500, times=3))
        await at.lark.backfill()
        assert at.inbox.closed_gaps == []
        await until(lambda: at.inbox.closed_gaps, seconds=WITHIN)


async def test_the_gap_is_read_also_when_the_message_it_begins_at_is_gone():
    async with joined() as at:
        known = await at.say("known")
        await at.tenant.settled(WITHIN)
        await at.tenant.recall(known)
        await at.lark.disconnect()
        await at.say("missed")
        at.tenant.faults.fail(f"/im/v1/messages/{known}", "230110")
        at.inbox.open_gaps = [gap(at, known)]
        await at.lark.connect(at.inbox)
        await at.lark.backfill()
        assert "missed" in at.inbox.texts()


async def test_a_history_of_many_kilobytes_comes_whole():
    async with joined() as at:
        known = await at.say("known")
        for number in range(20):
            await at.say(f"{number} " + "x" * 20_000)
        await at.tenant.settled(WITHIN)
        at.inbox.events.clear()
        at.inbox._known.clear()
        at.inbox.open_gaps = [gap(at, known)]
        await at.lark.backfill()
        assert len(at.inbox.texts()) == 21


# -- over HTTP


async def test_the_address_proves_itself_and_takes_events_in():
    async with joined(mode="webhook") as at:
        body = {"type": "url_verification", "challenge": "c1", "token": at.tenant.verification_token}
        assert await at.tenant.webhook.post(body) == (200, {"challenge": "c1"})
        await at.say("Hello?")
        await at.tenant.settled(WITHIN)
        assert at.inbox.texts() == ["Hello?"]
        assert at.lark.state().connected


@pytest.mark.parametrize("fault", ["bad_signature", "stale_signature"])
async def test_forged_and_stale_requests_are_refused_and_counted(fault):
    async with joined(mode="webhook") as at:
        setattr(at.tenant.faults, fault, True)
        await at.say("forged")
        await until(lambda: sum(at.lark.ignored.values()), seconds=WITHIN)
        assert not at.inbox.events
        assert next(iter(at.lark.ignored)).startswith("refused: ")


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'{"encrypt": 7}', b'{"encrypt": "AAAA"}', b"\xff\x00"])
async def test_malformed_requests_are_refused(raw):
    async with joined(mode="webhook") as at:
        status, _ = await at.tenant.webhook.post_raw(raw, at.tenant.webhook.signed(raw))
        assert status == 401
        status, _ = await at.tenant.webhook.post_raw(raw, {})
        assert status == 401


async def test_a_body_without_end_is_refused():
    async with joined(mode="webhook") as at:
        raw = b'{"encrypt": "' + b"A" * 1_200_000 + b'"}'
        async with aiohttp.ClientSession() as http:
            headers = at.tenant.webhook.signed(raw)
            async with http.post(at.tenant.webhook.target, data=io.BytesIO(raw), headers=headers) as answer:
                assert answer.status == 413
        assert not at.inbox.events


async def test_a_replayed_request_does_nothing_a_second_time():
    async with joined(mode="webhook") as at:
        ts = await at.lark.post(tenant="t", channel=at.chat, thread="", card=card(), key="k")
        await at.tenant.click(at.analyst, ts, "Accept")
        await at.tenant.say(at.analyst, at.chat, "/vigil close", call_bot=True)
        await at.say("Hello?")
        await at.tenant.settled(WITHIN)
        acts, events = len(at.inbox.acts), len(at.inbox.events)
        assert acts == 2
        for push in list(at.tenant.sent):
            raw = json.dumps(
                {"encrypt": at.tenant.webhook.sealed(json.dumps(push.payload).encode())}
            ).encode()
            headers = at.tenant.webhook.signed(raw)
            assert (await at.tenant.webhook.post_raw(raw, headers))[0] == 200
            assert (await at.tenant.webhook.post_raw(raw, headers))[0] == 200
        assert (len(at.inbox.acts), len(at.inbox.events)) == (acts, events)


async def test_over_http_too_what_could_not_be_kept_comes_again():
    async with joined(mode="webhook") as at:
        at.inbox.broken = True
        await at.say("Hello?")
        push = at.tenant.sent[-1]
        await until(lambda: push.code == 500, seconds=WITHIN)
        at.inbox.broken = False
        at.tenant.advance(20)
        await until(lambda: push.acknowledged, seconds=WITHIN)
        assert at.inbox.texts() == ["Hello?"]
