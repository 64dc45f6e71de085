"""What Slack's events mean: every subtype, the same happening by every way, and nothing raises."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigilbot.domain import Event, EventKind
from vigilbot.platforms.payloads import Skipped
from vigilbot.platforms.slack_calls import call_of, is_call, opened_home
from vigilbot.platforms.slack_events import HANDLERS, LONGEST_TEXT, Me, event_of, events_in_history

ME = Me(team="T1", user="UBOT", bot="BBOT", enterprise="E1", url="https://acme.slack.com/")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TS = "1700000000.000100"


def body(event: Any, **more: Any) -> dict[str, Any]:
    return {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event, **more}


def message(**fields: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1",
        "text": "How?",
        "ts": TS,
        "event_ts": TS,
        **fields,
    }


def taken(event: Any, **more: Any) -> Event:
    found = event_of(body(event, **more), ME)
    assert isinstance(found, Event), found
    return found


def skipped(event: Any, **more: Any) -> str:
    found = event_of(body(event, **more), ME)
    assert isinstance(found, Skipped), found
    return found.reason


def test_a_message_keeps_slacks_markup_until_it_is_completed():
    event = taken(message(text="see <https://a.example|this> &amp; <@U2>"))
    assert event.text == "see <https://a.example|this> &amp; <@U2>"
    assert (event.kind, event.tenant, event.key) == (EventKind.POSTED, "T1", "Ev1")
    assert event.at == datetime(2023, 11, 14, 22, 13, 20, 100, tzinfo=UTC)
    assert not event.completed


def test_one_message_is_one_happening_whichever_way_it_came():
    live = taken(message())
    mentioned = event_of(body(message(type="app_mention", channel_type=""), event_id="Ev2"), ME)
    [past] = events_in_history({"type": "message", "user": "U1", "text": "How?", "ts": TS}, "C1", ME)
    assert isinstance(mentioned, Event)
    assert live.natural_key == mentioned.natural_key == past.natural_key
    assert len({live.key, mentioned.key, past.key}) == 3


def test_a_message_says_whom_it_addresses():
    assert not taken(message()).addressed
    assert taken(message(text="<@UBOT> help")).addressed
    assert not taken(message(text="<@UBOTS> help")).addressed
    assert taken(message(channel="D1", channel_type="im")).addressed
    assert not taken(message(text="<@UBOT> beep", bot_id="B9")).addressed


@pytest.mark.parametrize("subtype", ["", "file_share", "thread_broadcast", "me_message"])
def test_what_people_say_is_posted(subtype):
    event = taken(message(subtype=subtype, thread_ts="1699999999.000001", parent_user_id="U7"))
    assert (event.kind, event.thread, event.thread_author) == (EventKind.POSTED, "1699999999.000001", "U7")
    assert not event.is_bot


@pytest.mark.parametrize(
    "subtype", ["channel_join", "channel_topic", "message_replied", "pinned_item", "reminder_add", "?"]
)
def test_system_messages_are_no_messages(subtype):
    assert skipped(message(subtype=subtype)) == "system message"


def test_other_bots_are_bots_with_and_without_a_subtype():
    assert taken(message(bot_id="B9")).is_bot
    event = taken(message(subtype="bot_message", user=None, bot_id="B9", username="Pager"))
    assert (event.is_bot, event.user, event.user_name) == (True, "B9", "Pager")
    assert taken(message(user="USLACKBOT")).is_bot


def test_the_bots_own_posts_and_their_updates_are_left_out():
    assert skipped(message(user="UBOT", bot_id="BBOT")) == "the bot's own"
    assert skipped(message(user=None, bot_id="BBOT", subtype="bot_message")) == "the bot's own"
    own = {"user": "UBOT", "ts": TS, "text": "new"}
    changed = message(subtype="message_changed", message=own, previous_message=own | {"text": "old"})
    assert skipped(changed) == "the bot's own"


def changed(new: str, old: str, **more: Any) -> dict[str, Any]:
    said = {"type": "message", "user": "U1", "ts": TS, "edited": {"user": "U1", "ts": "1700000050.000000"}}
    return {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C1",
        "channel_type": "channel",
        "ts": "1700000050.000200",
        "event_ts": "1700000050.000200",
        "hidden": True,
        "message": said | {"text": new} | more,
        "previous_message": said | {"text": old},
    }


def test_an_edit_is_an_edit_of_that_message():
    event = taken(changed("What?", "How?"))
    assert (event.kind, event.ts, event.text) == (EventKind.EDITED, TS, "What?")
    assert event.natural_key == "edited:T1:C1:" + TS + ":1700000050.000000"
    assert event.at == datetime(2023, 11, 14, 22, 14, 10, tzinfo=UTC)


def test_an_unfurled_link_is_no_edit():
    assert skipped(changed("How?", "How?", attachments=[{"text": "preview"}])) == "unfurled"
    assert skipped(changed("How?", "How?", reply_count=3)) == "unfurled"


def test_the_edit_seen_in_the_history_is_the_one_seen_live():
    live = taken(changed("What?", "How?"))
    record = {
        "type": "message",
        "user": "U1",
        "ts": TS,
        "text": "What?",
        "edited": {"ts": "1700000050.000000"},
    }
    posted, edited = events_in_history(record, "C1", ME)
    assert posted.kind is EventKind.POSTED
    assert edited.natural_key == live.natural_key
    assert (edited.kind, edited.at) == (EventKind.EDITED, live.at)


def deleted(**before: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "channel": "C1",
        "ts": "1700000060.000000",
        "event_ts": "1700000060.000000",
        "deleted_ts": TS,
        "previous_message": {"user": "U1", "ts": TS, "text": "How?", **before},
    }


def test_a_deletion_says_whose_message_is_gone():
    event = taken(deleted(thread_ts="1699999999.000001"))
    assert (event.kind, event.ts, event.thread) == (EventKind.DELETED, TS, "1699999999.000001")
    assert (event.user, event.is_self) == ("U1", False)


def test_the_deletion_of_the_bots_card_is_told():
    assert taken(deleted(user="UBOT", bot_id="BBOT")).is_self
    assert taken(deleted(user=None, bot_id="BBOT")).is_self


def test_the_deleted_root_of_a_thread_is_deleted_though_a_stone_stands_there():
    stone = changed("This message was deleted.", "How?", subtype="tombstone", user="USLACKBOT")
    event = taken(stone)
    assert (event.kind, event.ts, event.user) == (EventKind.DELETED, TS, "U1")
    assert event.natural_key == taken(deleted()).natural_key


def reaction(kind: str = "reaction_added", **fields: Any) -> dict[str, Any]:
    item = {"type": "message", "channel": "C1", "ts": TS}
    return {
        "type": kind,
        "user": "U1",
        "reaction": "white_check_mark",
        "item": item,
        "event_ts": "1700000070.000000",
        **fields,
    }


def test_reactions_name_their_message_without_the_tone_of_the_skin():
    event = taken(reaction(reaction="+1::skin-tone-4"))
    assert (event.kind, event.channel, event.ts, event.reaction) == (
        EventKind.REACTION_ADDED,
        "C1",
        TS,
        "+1",
    )
    assert taken(reaction("reaction_removed")).kind is EventKind.REACTION_REMOVED
    assert taken(reaction()).natural_key != taken(reaction(event_ts="1700000071.000000")).natural_key
    assert skipped(reaction(user="UBOT")) == "the bot's own"
    assert skipped(reaction(item={"type": "file", "file": "F1"})) == "not on a message"


def member(kind: str, user: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "user": user, "channel": "C1", "event_ts": "1700000080.000000", **fields}


def test_an_invitation_names_who_invited_the_bot():
    event = taken(member("member_joined_channel", "UBOT", inviter="U5"))
    assert (event.kind, event.is_self, event.user) == (EventKind.MEMBER_JOINED, True, "U5")
    other = taken(member("member_joined_channel", "U2", inviter="U5"))
    assert (other.is_self, other.user) == (False, "U2")


@pytest.mark.parametrize("kind", ["member_left_channel", "channel_left", "group_left"])
def test_the_bot_is_told_when_it_is_removed(kind):
    event = taken(member(kind, "UBOT"))
    assert (event.kind, event.is_self) == (EventKind.MEMBER_LEFT, True)


@pytest.mark.parametrize("kind", sorted(k for k in HANDLERS if k.startswith(("channel_", "group_"))))
def test_whatever_happens_to_a_channel_names_the_channel(kind):
    if kind.endswith("_left"):
        return
    channel: Any = {"id": "C1", "name": "new"} if kind.endswith("rename") else "C1"
    event = taken({"type": kind, "channel": channel, "event_ts": "1700000090.000000"})
    assert (event.kind, event.channel) == (EventKind.CHANNEL_CHANGED, "C1")


def test_people_and_channels_of_another_company_are_seen_at_once():
    assert taken(message(user_team="T2")).user_external
    assert not taken(message(user_team="T1", source_team="T1")).user_external
    assert not taken(message(user_team="E9")).user_external  # an organisation's id says nothing
    assert taken(message(), is_ext_shared_channel=True).channel_external
    assert taken(message(channel_type="group")).channel_private


def test_another_workspace_of_the_same_app_is_not_this_one():
    assert skipped(message(), authorizations=[{"team_id": "T2"}]) == "another workspace"
    assert taken(message(), authorizations=[{"team_id": "T1"}])
    assert taken(message(), authorizations=[{"team_id": "T2", "is_enterprise_install": True}])


def test_a_text_of_any_length_is_cut():
    assert len(taken(message(text="x" * 200_000)).text) == LONGEST_TEXT
    assert skipped(message(text="  \n")) == "no text"


def test_pictures_come_along_with_their_addresses():
    file = {"mimetype": "image/png", "url_private": "https://files.slack.com/a.png", "title": "screen"}
    event = taken(message(text="", subtype="file_share", files=[file, {"mode": "tombstone"}, "?"]))
    assert [(i.url, i.title) for i in event.images] == [("https://files.slack.com/a.png", "screen")]


FIELDS = [
    *("type", "subtype", "channel", "user", "text", "ts", "event_ts", "thread_ts", "message", "bot_id"),
    *("previous_message", "deleted_ts", "item", "reaction", "edited", "files", "inviter", "user_team"),
    *("channel_type", "tab", "tokens", "authorizations", "event", "event_id", "view", "actions", "action_id"),
    *("value", "container", "trigger_id", "response_url", "callback_id", "command", "state", "values", "id"),
    *(
        "selected_option",
        "is_ephemeral",
        "private_metadata",
        "team_id",
        "message_ts",
        "user_id",
        "channel_id",
    ),
    *("attachments", "blocks", "block_id"),
]
WORDS = [*HANDLERS, "message_changed", "message_deleted", "tombstone", "block_actions", "view_submission"]
WORDS += ["message_action", "shortcut", "vigilbot:accept", "vigilbot:menu", "why:1", TS, "C1", "UBOT", "home"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(st.characters(), max_size=30)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=500, deadline=None)
@given(event=values, more=st.dictionaries(st.sampled_from(FIELDS), values, max_size=5))
def test_no_payload_raises(event, more):
    payload = {"type": "event_callback", "event": event, **more}
    found = event_of(payload, ME)
    assert isinstance(found, Event | Skipped)
    if isinstance(found, Event):
        assert found.channel
        assert found.natural_key
        found.text.encode()
        found.natural_key.encode()
    events_in_history(event, "C1", ME)
    if is_call(more):
        call_of(more, ME, NOW, {})
    opened_home(payload, ME, NOW)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(sorted(HANDLERS)),
    subtype=st.sampled_from(["", "message_changed", "message_deleted", "bot_message", "thread_broadcast"]),
    fields=st.dictionaries(st.sampled_from(FIELDS[2:]), values, max_size=8),
)
def test_no_event_of_a_known_type_raises(kind, subtype, fields):
    assert isinstance(event_of(body({**fields, "type": kind, "subtype": subtype}), ME), Event | Skipped)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["block_actions", "view_submission", "message_action", "shortcut", ""]),
    fields=st.dictionaries(st.sampled_from(FIELDS[2:]), values, max_size=8),
)
def test_nothing_that_people_do_raises(kind, fields):
    payload = {**fields, "type": kind}
    if is_call(payload):
        call_of(payload, ME, NOW, {})
