"""What the bot says in Slack: at most once, however requests fail; and errors an operator understands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.platforms.parts import Inbox
from tests.unit.platforms.slack_parts import Joined, adapter, joined, listening
from vigilbot.cards import Action, ActionKind, Card, Notice
from vigilbot.domain import Citation, Decision, EventKind
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.providers.clock import SimulatedClock, SystemClock

now = SystemClock().now
CARD = Card(
    title="VigilBot · automated answer",
    question="How do I rotate a key?",
    body="Open **Keys** and choose *Rotate* [1].",
    citations=(Citation(url="https://docs.example.com/keys", title="Keys"),),
    provenance="Learned on 3 May, confirmed twice",
    actions=(Action(kind=ActionKind.ACCEPT, label="Accept", value="answer-1", primary=True),),
)


async def send(at: Joined, key: str = "key-1", *, card: Card = CARD, thread: str = "", **more) -> str:
    return await at.slack.post(
        tenant=at.ws.team, channel=at.channel, thread=thread, card=card, key=key, **more
    )


def cards(at: Joined, thread: str = "") -> list[dict]:
    return [m for m in at.ws.messages(at.channel, thread) if m.get("bot_id") == at.ws.bot_id]


def posts(at: Joined) -> list:
    return [c for c in at.ws.calls if c.method == "chat.postMessage"]


async def test_a_card_stands_in_its_thread_and_carries_its_key():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await send(at, thread=root)
        [card] = cards(at, root)
        assert (card["ts"], card["thread_ts"]) == (ts, root)
        assert card["metadata"] == {"event_type": "vigilbot", "event_payload": {"key": "key-1"}}
        assert "Rotate" in card["text"]
        args = posts(at)[0].args
        assert (args["unfurl_links"], args["unfurl_media"], args["link_names"]) == (False, False, False)
        assert args["parse"] == "none"
        await at.ws.settled()
        assert [e.kind for e in at.inbox.events] == [EventKind.POSTED]  # the bot's own post is no event


async def test_the_same_key_is_shown_once():
    async with joined() as at:
        assert await send(at) == await send(at)
        assert len(cards(at)) == 1


async def test_a_post_whose_answer_was_lost_is_found_again():
    clock = SimulatedClock(now())
    async with joined(clock=clock) as at:
        since = clock.now()
        at.ws.faults.drop("chat.postMessage", applied=True)
        with pytest.raises(PlatformError):
            await send(at, since=since)
        with pytest.raises(PlatformError) as early:  # it may still arrive
            await send(at, since=since)
        assert 0 < early.value.retry_after <= 3
        clock.advance_to(clock.now() + timedelta(seconds=3))
        ts = await send(at, since=since)
        assert [c["ts"] for c in cards(at)] == [ts]
        assert len(posts(at)) == 1


async def test_a_post_that_never_arrived_is_sent_after_the_grace():
    clock = SimulatedClock(now())
    async with joined(clock=clock) as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        at.ws.faults.drop("chat.postMessage", applied=False)
        with pytest.raises(PlatformError):
            await send(at, thread=root, since=clock.now())
        clock.advance_to(clock.now() + timedelta(seconds=3))
        ts = await send(at, thread=root, since=clock.now())
        assert [c["ts"] for c in cards(at, root)] == [ts]


async def test_a_server_error_leaves_the_fate_open():
    clock = SimulatedClock(now())
    async with joined(clock=clock) as at:
        at.ws.faults.answer("chat.postMessage", 502, applied=True)
        with pytest.raises(PlatformError):
            await send(at, since=clock.now())
        clock.advance_to(clock.now() + timedelta(seconds=3))
        await send(at, since=clock.now())
        assert len(cards(at)) == 1


async def test_a_timeout_leaves_the_fate_open():
    clock = SimulatedClock(now())
    async with joined(clock=clock, timeout=0.3) as at:
        at.ws.faults.slow("chat.postMessage", 0.5)
        with pytest.raises(PlatformError):
            await send(at, since=clock.now())
        clock.advance_to(clock.now() + timedelta(seconds=3))
        await send(at, since=clock.now())
        assert len(cards(at)) == 1


async def test_after_a_kill_in_between_the_card_is_adopted_by_the_next_process():
    clock = SimulatedClock(now())
    async with joined(clock=clock) as at:
        since = clock.now()
        clock.advance_to(since + timedelta(seconds=1))
        ts = await send(at, since=since)
        clock.advance_to(since + timedelta(seconds=2))
        await at.slack.disconnect()
        again = adapter(at.ws, clock=clock)
        async with listening(again, Inbox(), at.ws):
            at.slack = again
            with pytest.raises(PlatformError) as early:
                await send(at, since=since)
            assert early.value.retry_after == pytest.approx(3)
            clock.advance_to(clock.now() + timedelta(seconds=3))
            assert await send(at, since=since) == ts
            assert len(cards(at)) == 1


async def test_a_card_decided_after_the_start_is_not_looked_for():
    async with joined() as at:
        before = len(at.ws.calls)
        await send(at, since=now())
        assert [c.method for c in at.ws.calls[before:]] == ["chat.postMessage"]


async def test_a_key_of_unknown_age_is_looked_for_soon_after_a_start():
    async with joined() as at:
        ts = await send(at)
        again = adapter(at.ws)
        async with listening(again, Inbox(), at.ws):
            at.slack = again
            assert await send(at) == ts
        assert len(cards(at)) == 1


async def test_slow_down_is_obeyed_and_nothing_was_posted():
    async with joined() as at:
        at.ws.faults.limit("chat.postMessage", retry_after=7)
        with pytest.raises(PlatformError) as slow:
            await send(at, since=now())
        assert slow.value.retry_after == 7
        assert at.slack.state().limited == 1
        before = len(at.ws.calls)
        with pytest.raises(PlatformError) as still:
            await send(at, since=now())
        assert 6 < still.value.retry_after <= 7
        assert len(at.ws.calls) == before  # Slack is left alone meanwhile
        assert not cards(at)


async def test_a_burst_in_one_channel_takes_its_turn():
    async with joined() as at:
        for n in range(6):
            await send(at, f"key-{n}", since=now())
        assert at.ws.limits.refused == 0
        assert len(cards(at)) == 6


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("not_in_channel", "/invite"),
        ("is_archived", "archived"),
        ("thread_not_found", "thread was deleted"),
        ("restricted_action", "settings"),
        ("msg_too_long", "too long"),
        ("token_revoked", "revoked"),
        ("account_inactive", "removed"),
        ("cannot_reply_to_message", "no replies"),
        ("channel_not_found", "does not see"),
    ],
)
async def test_a_refusal_is_for_good_and_says_what_it_is(error, says):
    async with joined() as at:
        at.ws.faults.fail("chat.postMessage", error)
        with pytest.raises(PlatformRefused, match=says):
            await send(at, since=now())


async def test_a_missing_scope_is_named():
    async with joined() as at:
        at.ws.app.scopes = at.ws.app.scopes - {"chat:write"}
        with pytest.raises(PlatformRefused, match="chat:write"):
            await send(at, since=now())


async def test_a_layout_that_slack_refuses_is_said_in_plain_words():
    async with joined() as at:
        at.ws.faults.fail("chat.postMessage", "invalid_blocks")
        await send(at, since=now())
        [card] = cards(at)
        assert [b["type"] for b in card["blocks"]] == ["section"]
        assert card["metadata"]["event_payload"] == {"key": "key-1"}


async def test_a_card_is_updated_and_removed_and_its_removal_is_no_deletion():
    async with joined() as at:
        ts = await send(at)
        accepted = replace(CARD, accepted_by=at.analyst, actions=())
        await at.slack.update(tenant=at.ws.team, channel=at.channel, ts=ts, card=accepted)
        [card] = cards(at)
        assert "Accepted by" in card["text"]
        await at.slack.remove(tenant=at.ws.team, channel=at.channel, ts=ts)
        await at.slack.remove(tenant=at.ws.team, channel=at.channel, ts=ts)  # gone already: nothing happens
        await at.ws.settled()
        assert cards(at) == []
        assert at.inbox.events == []
        assert at.slack.ignored["taken down by the bot"] == 1


async def test_a_card_that_somebody_deletes_is_told():
    async with joined() as at:
        ts = await send(at)
        await at.ws.delete(at.analyst, at.channel, ts)
        await at.ws.settled()
        [event] = at.inbox.events
        assert (event.kind, event.ts, event.is_self) == (EventKind.DELETED, ts, True)


async def test_a_draft_is_seen_by_its_readers_alone_and_once():
    async with joined() as at:
        draft = replace(CARD, audience=Decision.ANALYSTS)
        other = at.ws.add_user("Otto")  # no member: Slack refuses him, the others see it
        readers = (at.analyst, other)
        await send(at, card=draft, readers=readers)
        await send(at, card=draft, readers=readers)
        assert len(at.ws.ephemerals(at.analyst, at.channel)) == 1
        assert at.ws.ephemerals(at.customer) == []
        assert cards(at) == []
        with pytest.raises(PlatformRefused):
            await send(at, "key-2", card=draft, readers=(other,))


async def test_a_private_notice_reaches_its_reader():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        notice = Notice(text="I do not **know**.")
        place = {"tenant": at.ws.team, "channel": at.channel, "thread": root}
        await at.slack.notify(**place, notice=notice, key="n1", reader=at.customer)
        assert [m["text"] for m in at.ws.ephemerals(at.customer)] != []
        ts = await at.slack.notify(**place, notice=notice, key="n2", since=now())
        assert cards(at, root)[0]["ts"] == ts
        await at.slack.amend(tenant=at.ws.team, channel=at.channel, ts=ts, notice=Notice(text="Now I do."))
        assert cards(at, root)[0]["text"] == "Now I do."


async def test_links_lead_to_messages_of_the_workspace():
    async with joined() as at:
        link = await at.slack.link(tenant=at.ws.team, channel="C1", ts="1700000000.000100")
        assert link.endswith("/archives/C1/p1700000000000100")
        assert link.startswith("http")


async def test_an_archived_channel_refuses_for_good():
    async with joined() as at:
        await at.ws.archive(at.channel)
        with pytest.raises(PlatformRefused, match="archived"):
            await send(at, since=now())


async def test_what_still_runs_at_the_end_may_post():
    async with joined() as at:
        await at.slack.disconnect()
        ts = await send(at, since=now())
        assert [c["ts"] for c in cards(at)] == [ts]
