"""What Slack's events mean, from the payload alone: no network, no memory, and nothing raises.

Ids of the happening are the same whichever way it came: as `message`, as `app_mention`, or read from
the history. Names, groups and the flags of channels are asked for later (Directory), so events are
not ``completed`` and their text is Slack's markup still.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from vigilbot.domain import Event, EventKind
from vigilbot.platforms.payloads import Skipped, map_in, text_in
from vigilbot.platforms.slack_records import SAID, SLACKBOT, attached_to, files_of, images_of, parse_ts

LONGEST_TEXT: Final = 40_000  # characters; Slack's own limit
LONGEST_ID: Final = 100
_AUTOMATED: Final = frozenset({"bot_message", "slackbot_response"})
_PRIVATE: Final = frozenset({"group", "mpim", "im"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Me:
    """The bot as its token knows itself. ``url`` is the workspace's address."""

    team: str
    user: str
    bot: str
    enterprise: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Envelope:
    """An event, what came around it, and who the bot is."""

    record: Mapping[str, Any]
    body: Mapping[str, Any]
    me: Me


def event_of(body: object, me: Me) -> Event | Skipped:
    """The happening an Events API payload stands for, or a short stable reason why it is none."""
    if not isinstance(body, Mapping):
        return Skipped(reason="not an object")
    record = body.get("event")
    if not isinstance(record, Mapping):
        return Skipped(reason="no event")
    if _elsewhere(body, me):
        return Skipped(reason="another workspace")
    handler = HANDLERS.get(text_in(record, "type"))
    return handler(_Envelope(record, body, me)) if handler else Skipped(reason="no use for it")


def events_in_history(record: object, channel: str, me: Me) -> tuple[Event, ...]:
    """A message of the history as it was posted, and its latest edit where there was one."""
    if not isinstance(record, Mapping) or text_in(record, "subtype") not in SAID:
        return ()
    message = {name: value for name, value in record.items() if name != "event_ts"}
    message |= {"channel": channel, "channel_type": "im" if channel.startswith("D") else ""}
    posted = _posted(_Envelope(message, {}, me))
    if isinstance(posted, Skipped):
        return ()
    posted = replace(posted, key=f"history:{posted.natural_key}")
    edited = parse_ts(map_in(record, "edited").get("ts"))
    if edited is None:
        return (posted,)
    natural = f"edited:{me.team}:{channel}:{posted.ts}:{edited[0]}"
    key = f"history:{natural}"
    return posted, replace(posted, kind=EventKind.EDITED, key=key, natural_key=natural, at=edited[1])


def membership(channel: str, me: Me, at: datetime, *, joined: bool) -> Event:
    """The bot finds itself in a channel, or no longer in one, without having been told.

    One happening a day: told again it changes nothing, but what came in between may have been missed.
    """
    verb = "joined" if joined else "left"
    natural = f"{verb}:{me.team}:{channel}:{me.user}:found:{at.date().isoformat()}"
    ts = f"{at.timestamp():.6f}"
    return Event(
        kind=EventKind.MEMBER_JOINED if joined else EventKind.MEMBER_LEFT,
        tenant=me.team,
        channel=channel,
        ts=ts,
        thread=ts,
        user="",
        at=at,
        key=natural,
        natural_key=natural,
        is_self=True,
        completed=False,
    )


def is_foreign(team: str, me: Me) -> bool:
    """Whether a team id says another company. An organisation's id says nothing."""
    return bool(team) and not team.startswith("E") and team != me.team


def _message(envelope: _Envelope) -> Event | Skipped:
    subtype = text_in(envelope.record, "subtype")
    if subtype == "message_changed":
        return _changed(envelope)
    if subtype == "message_deleted":
        return _deleted(envelope, map_in(envelope.record, "previous_message"))
    return _posted(envelope) if subtype in SAID else Skipped(reason="system message")


def _posted(envelope: _Envelope) -> Event | Skipped:
    record = envelope.record
    if _is_mine(record, envelope.me):
        return Skipped(reason="the bot's own")
    event = _said(record, envelope)
    if isinstance(event, Event) and not event.text.strip() and not files_of(record):
        return Skipped(reason="no text")
    return event


def _changed(envelope: _Envelope) -> Event | Skipped:
    record, me = envelope.record, envelope.me
    message, before = map_in(record, "message"), map_in(record, "previous_message")
    if text_in(message, "subtype") == "tombstone":  # the deleted first message of a thread with replies
        return _deleted(envelope, before or message)
    if text_in(message, "subtype") not in SAID:
        return Skipped(reason="system message")
    if _is_mine(message, me):
        return Skipped(reason="the bot's own")
    if before and _words(message) == _words(before):
        return Skipped(reason="unfurled")  # a preview or a counter, not what was said
    event = _said(message, envelope)
    if isinstance(event, Skipped):
        return event
    edited = parse_ts(map_in(message, "edited").get("ts")) or parse_ts(record.get("event_ts"))
    if edited is None:
        return Skipped(reason="no timestamp")
    natural = f"edited:{me.team}:{event.channel}:{event.ts}:{edited[0]}"
    key = text_in(envelope.body, "event_id") or natural
    return replace(event, kind=EventKind.EDITED, at=edited[1], key=key, natural_key=natural)


def _deleted(envelope: _Envelope, before: Mapping[str, Any]) -> Event | Skipped:
    record, me = envelope.record, envelope.me
    gone = parse_ts(record.get("deleted_ts")) or parse_ts(before.get("ts"))
    if gone is None:
        return Skipped(reason="no timestamp")
    channel = _channel(record)
    ts = gone[0]
    thread = parse_ts(before.get("thread_ts"))
    return _event(
        envelope,
        EventKind.DELETED,
        ts=ts,
        thread=thread[0] if thread else ts,
        user=text_in(before, "user") or text_in(before, "bot_id"),
        natural=f"deleted:{me.team}:{channel}:{ts}",
        is_bot=_is_automated(before),
        is_self=_is_mine(before, me),
    )


def _said(message: Mapping[str, Any], envelope: _Envelope) -> Event | Skipped:
    """A message somebody wrote, as posted."""
    record, me = envelope.record, envelope.me
    when = parse_ts(message.get("ts"))
    if when is None:
        return Skipped(reason="no timestamp")
    ts, at = when
    thread = parse_ts(message.get("thread_ts"))
    text = (text_in(message, "text") or attached_to(message))[:LONGEST_TEXT]
    direct = text_in(record, "channel_type") == "im"
    automated = _is_automated(message)
    name = text_in(message, "username") or text_in(map_in(message, "bot_profile"), "name")
    event = _event(
        envelope,
        EventKind.POSTED,
        ts=ts,
        at=at,
        thread=thread[0] if thread else ts,
        user=text_in(message, "user") or text_in(message, "bot_id") or "unknown",
        natural=f"message:{me.team}:{_channel(record)}:{ts}",
        is_bot=automated,
    )
    if isinstance(event, Skipped):
        return event
    return replace(
        event,
        text=text,
        images=tuple(images_of(files_of(message))),
        addressed=not automated and (direct or f"<@{me.user}>" in text or f"<@{me.user}|" in text),
        thread_author=text_in(message, "parent_user_id"),
        user_name=name if automated else "",
        user_external=_looks_external(message, me),
    )


def _reaction(envelope: _Envelope) -> Event | Skipped:
    record, me = envelope.record, envelope.me
    item = map_in(record, "item")
    on = parse_ts(item.get("ts"))
    user = text_in(record, "user")
    if text_in(item, "type") != "message" or on is None:
        return Skipped(reason="not on a message")
    if user == me.user:
        return Skipped(reason="the bot's own")
    channel, ts = _channel(item), on[0]
    added = text_in(record, "type") == "reaction_added"
    name = text_in(record, "reaction").partition("::")[0][:LONGEST_ID]  # without the tone of the skin
    state = "added" if added else "removed"
    natural = f"reaction:{state}:{me.team}:{channel}:{ts}:{user}:{name}:{_stamp(record)}"
    kind = EventKind.REACTION_ADDED if added else EventKind.REACTION_REMOVED
    event = _event(envelope, kind, ts=ts, thread=ts, user=user, natural=natural, channel=channel)
    return event if isinstance(event, Skipped) else replace(event, reaction=name)


def _member(envelope: _Envelope) -> Event | Skipped:
    """Somebody joined or left. Where it was the bot, ``user`` is who invited it, as far as known."""
    record, me = envelope.record, envelope.me
    type_ = text_in(record, "type")
    joined = type_ == "member_joined_channel"
    mine = type_ in ("channel_left", "group_left") or text_in(record, "user") == me.user
    user = text_in(record, "inviter" if mine else "user")
    when = parse_ts(record.get("event_ts")) or parse_ts(envelope.body.get("event_time"))
    if when is None or not (user or mine):
        return Skipped(reason="no timestamp")
    verb = "joined" if joined else "left"
    who = me.user if mine else user
    return _event(
        envelope,
        EventKind.MEMBER_JOINED if joined else EventKind.MEMBER_LEFT,
        ts=when[0],
        thread=when[0],
        user=user,
        natural=f"{verb}:{me.team}:{_channel(record)}:{who}:{when[0]}",
        is_self=mine,
    )


def _channel_changed(envelope: _Envelope) -> Event | Skipped:
    record, me = envelope.record, envelope.me
    when = parse_ts(record.get("event_ts")) or parse_ts(envelope.body.get("event_time"))
    if when is None:
        return Skipped(reason="no timestamp")
    ts, type_ = when[0], text_in(record, "type")
    natural = f"{type_}:{me.team}:{_channel(record)}:{ts}"
    return _event(
        envelope, EventKind.CHANNEL_CHANGED, ts=ts, thread=ts, user=text_in(record, "user"), natural=natural
    )


def _aside(envelope: _Envelope) -> Skipped:
    """What the adapter itself acts on; nothing for the core."""
    return Skipped(reason="for the adapter")


HANDLERS: Final[Mapping[str, Callable[[_Envelope], Event | Skipped]]] = {
    "message": _message,
    "app_mention": _message,
    "reaction_added": _reaction,
    "reaction_removed": _reaction,
    "member_joined_channel": _member,
    "member_left_channel": _member,
    "channel_left": _member,
    "group_left": _member,
    "channel_rename": _channel_changed,
    "channel_archive": _channel_changed,
    "channel_unarchive": _channel_changed,
    "channel_deleted": _channel_changed,
    "channel_shared": _channel_changed,
    "channel_unshared": _channel_changed,
    "group_rename": _channel_changed,
    "group_archive": _channel_changed,
    "group_unarchive": _channel_changed,
    "group_deleted": _channel_changed,
    "subteam_created": _aside,
    "subteam_updated": _aside,
    "subteam_members_changed": _aside,
    "app_home_opened": _aside,
    "app_uninstalled": _aside,
    "tokens_revoked": _aside,
}


def _event(
    envelope: _Envelope,
    kind: EventKind,
    *,
    ts: str,
    thread: str,
    user: str,
    natural: str,
    channel: str = "",
    at: datetime | None = None,
    is_bot: bool = False,
    is_self: bool = False,
) -> Event | Skipped:
    record, body = envelope.record, envelope.body
    channel = channel or _channel(record)
    if not channel or len(channel) > LONGEST_ID or len(user) > LONGEST_ID:
        return Skipped(reason="no channel")
    if at is None:
        when = (
            parse_ts(record.get("event_ts")) or parse_ts(body.get("event_time")) or parse_ts(record.get("ts"))
        )
        if when is None:
            return Skipped(reason="no timestamp")
        at = when[1]
    channel_type = text_in(record, "channel_type")
    return Event(
        kind=kind,
        tenant=envelope.me.team,
        channel=channel,
        ts=ts,
        thread=thread,
        user=user,
        at=at,
        key=text_in(body, "event_id")[:LONGEST_ID] or natural,
        natural_key=natural,
        is_bot=is_bot,
        is_self=is_self,
        user_external=_looks_external(record, envelope.me),
        channel_private=channel_type in _PRIVATE,
        channel_direct=channel_type == "im",
        channel_external=body.get("is_ext_shared_channel") is True,
        completed=False,
    )


def _channel(record: Mapping[str, Any]) -> str:
    return text_in(record, "channel") or text_in(map_in(record, "channel"), "id")


def _stamp(record: Mapping[str, Any]) -> str:
    when = parse_ts(record.get("event_ts"))
    return when[0] if when else ""


def _words(message: Mapping[str, Any]) -> tuple[str, int]:
    return text_in(message, "text") or attached_to(message), len(files_of(message))


def _is_mine(message: Mapping[str, Any], me: Me) -> bool:
    return text_in(message, "user") == me.user or (bool(me.bot) and text_in(message, "bot_id") == me.bot)


def _is_automated(message: Mapping[str, Any]) -> bool:
    return (
        bool(text_in(message, "bot_id"))
        or text_in(message, "user") == SLACKBOT
        or text_in(message, "subtype") in _AUTOMATED
    )


def _looks_external(message: Mapping[str, Any], me: Me) -> bool:
    return any(is_foreign(text_in(message, key), me) for key in ("user_team", "source_team"))


def _elsewhere(body: Mapping[str, Any], me: Me) -> bool:
    """The app is installed in more workspaces than the one of the token, and it happened there."""
    given = body.get("authorizations")
    first = given[0] if isinstance(given, list) and given and isinstance(given[0], Mapping) else {}
    return first.get("is_enterprise_install") is not True and is_foreign(text_in(first, "team_id"), me)
