"""Events from the real slack-bolt on the local workspace: what is taken in, when it is acknowledged."""

from __future__ import annotations

import pytest

from tests.unit.platforms.parts import until
from tests.unit.platforms.slack_parts import joined
from vigilbot.domain import EventKind
from vigilbot.errors import PlatformError

BOTH = pytest.mark.parametrize("mode", ["socket", "http"])


@BOTH
async def test_a_message_is_taken_in_and_acknowledged(mode):
    async with joined(mode=mode) as at:
        ts = await at.ws.say(at.customer, at.channel, "How do I <rotate> a key & more?")
        await at.ws.settled()
        [event] = [e for e in at.inbox.events if e.kind is EventKind.POSTED]
        assert (event.ts, event.thread, event.channel, event.user) == (ts, ts, at.channel, at.customer)
        assert event.natural_key == f"message:{at.ws.team}:{at.channel}:{ts}"
        assert not event.completed
        whole = await at.slack.completed(event)
        assert whole.text == "How do I <rotate> a key & more?"
        assert (whole.user_name, whole.user_title, whole.channel_name) == ("Cleo", "Buyer", "support")
        assert {whole.user_external, whole.channel_external, whole.channel_private} == {False}


async def test_nothing_is_acknowledged_before_it_is_durable():
    async with joined() as at:
        at.inbox.broken = True
        await at.ws.say(at.customer, at.channel, "lost?")
        envelope = at.ws.sent[-1]
        with pytest.raises(TimeoutError):
            await at.ws.settled(0.2)
        at.inbox.broken = False
        at.ws.advance(3.1)  # not acknowledged within three seconds: Slack sends it again at once
        await at.ws.settled()
        assert envelope.acknowledged
        assert [a.number for a in envelope.attempts] == [0, 1]
        assert at.inbox.texts() == ["lost?"]


async def test_a_redelivery_is_acknowledged_and_changes_nothing():
    async with joined() as at:
        at.ws.faults.lose_acks = 1
        await at.ws.say(at.customer, at.channel, "twice?")
        await until(at.inbox.texts)
        at.ws.advance(3.1)
        await at.ws.settled()
        assert at.inbox.texts() == ["twice?"]


async def test_a_mention_comes_as_two_events_and_is_one_happening():
    async with joined() as at:
        await at.ws.say(at.customer, at.channel, "@VigilBot what is the limit?")
        await at.ws.settled()
        kinds = [e.payload["event"]["type"] for e in at.ws.sent if e.type == "events_api"]
        assert {"message", "app_mention"} <= set(kinds)
        [event] = [e for e in at.inbox.events if e.kind is EventKind.POSTED]
        assert event.addressed
        assert (await at.slack.completed(event)).text == "@VigilBot what is the limit?"


async def test_events_ask_slack_nothing():
    async with joined() as at:
        before = len(at.ws.calls)
        for n in range(50):
            await at.ws.say(at.customer, at.channel, f"message {n}")
        await at.ws.settled()
        assert len(at.inbox.texts()) == 50
        assert [c.method for c in at.ws.calls[before:]] == []


async def test_what_nobody_has_a_use_for_is_acknowledged_and_counted():
    async with joined() as at:
        at.ws._delivery.event(
            {
                "type": "event_callback",
                "event_id": "Ev1",
                "event": {"type": "emoji_changed", "subtype": "add"},
            }
        )
        await at.ws.settled()
        assert at.ws.sent[-1].acknowledged
        assert at.slack.ignored["no use for it"] == 1
        assert at.inbox.events == []


async def test_edits_deletions_and_unfurls_in_a_thread():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        reply = await at.ws.say(at.analyst, at.channel, "So: https://a.example", thread=root)
        await at.ws.edit(at.analyst, at.channel, reply, "So: https://b.example")
        await at.ws.unfurl(at.channel, reply, {"text": "what the link leads to"})
        await at.ws.delete(at.analyst, at.channel, reply)
        await at.ws.settled()
        seen = [(e.kind, e.ts, e.thread) for e in at.inbox.events]
        assert seen == [
            (EventKind.POSTED, root, root),
            (EventKind.POSTED, reply, root),
            (EventKind.EDITED, reply, root),
            (EventKind.DELETED, reply, root),
        ]


async def test_the_deleted_root_of_a_thread():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        await at.ws.say(at.analyst, at.channel, "So.", thread=root)
        await at.ws.delete(at.customer, at.channel, root)
        await at.ws.settled()
        assert (at.inbox.events[-1].kind, at.inbox.events[-1].ts) == (EventKind.DELETED, root)
        assert at.inbox.events[-1].user == at.customer


async def test_a_reply_sent_to_the_channel_too_stays_in_its_thread_once():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        reply = await at.ws.say(at.analyst, at.channel, "So.", thread=root, broadcast=True)
        await at.ws.settled()
        assert [(e.kind, e.ts, e.thread) for e in at.inbox.events] == [
            (EventKind.POSTED, root, root),
            (EventKind.POSTED, reply, root),
        ]


async def test_other_bots_are_bots():
    async with joined() as at:
        await at.ws.webhook(at.channel, "Pager", "disk full")
        await at.ws.settled()
        [event] = at.inbox.events
        assert (event.is_bot, (await at.slack.completed(event)).user_name) == (True, "Pager")


async def test_reactions_come_and_go():
    async with joined() as at:
        ts = await at.ws.say(at.customer, at.channel, "How?")
        await at.ws.react(at.analyst, at.channel, ts, "white_check_mark")
        await at.ws.unreact(at.analyst, at.channel, ts, "white_check_mark")
        await at.ws.settled()
        assert [(e.kind, e.ts, e.user, e.reaction) for e in at.inbox.events[1:]] == [
            (EventKind.REACTION_ADDED, ts, at.analyst, "white_check_mark"),
            (EventKind.REACTION_REMOVED, ts, at.analyst, "white_check_mark"),
        ]


async def test_the_invitation_names_the_inviter_and_the_removal_is_told():
    async with joined() as at:
        other = at.ws.add_channel("other", members=(at.analyst,))
        await at.ws.invite(other, by=at.analyst)
        await at.ws.kick(other, by=at.analyst)
        await at.ws.settled()
        assert [(e.kind, e.is_self) for e in at.inbox.events] == [
            (EventKind.MEMBER_JOINED, True),
            (EventKind.MEMBER_LEFT, True),
        ]
        assert at.inbox.events[0].user == at.analyst


async def test_a_renamed_and_then_shared_channel_is_asked_for_again():
    async with joined() as at:
        ts = await at.ws.say(at.customer, at.channel, "How?")
        await at.ws.settled()
        before = await at.slack.completed(at.inbox.events[0])
        assert (before.ts, before.channel_name, before.channel_external) == (ts, "support", False)
        await at.ws.rename(at.channel, "helpdesk")
        await at.ws.share(at.channel, "TOTHER")
        await at.ws.settled()
        assert [e.kind for e in at.inbox.events[1:]] == [EventKind.CHANNEL_CHANGED] * 2
        after = await at.slack.completed(at.inbox.events[-1])
        assert (after.channel_name, after.channel_external) == ("helpdesk", True)


async def test_who_comes_from_elsewhere_is_external():
    async with joined() as at:
        stranger = at.ws.add_user("Sam", team="TOTHER")
        guest = at.ws.add_user("Gil", guest=True)
        boss = at.ws.add_user("Bo", admin=True)
        seen = {}
        for user in (stranger, guest, boss, at.customer):
            await at.ws.join(user, at.channel)
            await at.ws.say(user, at.channel, f"hello from {user}")
            await at.ws.settled()
            whole = await at.slack.completed(at.inbox.events[-1])
            seen[user] = (whole.user_external, whole.user_admin)
        assert seen == {
            stranger: (True, False),
            guest: (True, False),
            boss: (False, True),
            at.customer: (False, False),
        }


@pytest.mark.parametrize("error", ["user_not_found", "missing_scope"])
async def test_whom_slack_does_not_tell_of_is_external(error):
    async with joined() as at:
        newcomer = at.ws.add_user("Nia")
        await at.ws.join(newcomer, at.channel)
        at.ws.faults.fail("users.info", error)
        await at.ws.say(newcomer, at.channel, "hello")
        await at.ws.settled()
        assert (await at.slack.completed(at.inbox.events[-1])).user_external


async def test_groups_are_known_by_id_and_handle_and_follow_their_members():
    async with joined() as at:
        group = at.ws.add_group("support-team", (at.analyst,))
        await at.ws.say(at.analyst, at.channel, "I look.")
        await at.ws.settled()
        [event] = [e for e in at.inbox.events if e.text]
        assert set((await at.slack.completed(event)).user_groups) == {group, "support-team"}
        await at.ws.change_group(group, (at.customer,))
        await at.ws.settled()
        assert (await at.slack.completed(event)).user_groups == ()


async def test_people_are_asked_for_once_not_with_every_message():
    async with joined() as at:
        for n in range(20):
            await at.ws.say(at.customer, at.channel, f"@Ana number {n}")
        await at.ws.settled()
        before = len(at.ws.calls)
        texts = [(await at.slack.completed(e)).text for e in at.inbox.events]
        assert texts[3] == "@Ana number 3"
        asked = [c.method for c in at.ws.calls[before:]]
        assert len(asked) <= 4, asked


async def test_an_event_is_settled_as_a_strangers_when_slack_cannot_be_asked():
    async with joined() as at:
        await at.ws.say(at.customer, at.channel, "How &amp; why?")
        await at.ws.settled()
        at.ws.faults.fail("conversations.info", "internal_error", times=2)
        event = at.inbox.events[0]
        with pytest.raises(PlatformError):
            await at.slack.completed(event)
        whole = await at.slack.completed(event, settle=True)
        assert {whole.user_external, whole.channel_external, whole.channel_private} == {True}
        assert whole.completed


async def test_a_revoked_token_is_a_problem_line():
    async with joined() as at:
        at.ws.revoke()
        await until(lambda: at.slack.state().problems)
        assert "revoked" in at.slack.state().problems[0]


@BOTH
async def test_an_unknown_card_of_an_older_version_gets_a_reply(mode):
    async with joined(mode=mode) as at:
        blocks = [
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "vigil_accept_v0",
                        "text": {"type": "plain_text", "text": "Accept"},
                    }
                ],
            }
        ]
        answer = await at.slack._client.write(
            "chat.postMessage", channel=at.channel, text="old", blocks=blocks
        )
        assert await at.ws.click(at.customer, at.channel, answer["ts"], "vigil_accept_v0")
        [shown] = await until(lambda: at.ws.ephemerals(at.customer))
        assert "older version" in shown["text"]
        assert at.inbox.acts == []
