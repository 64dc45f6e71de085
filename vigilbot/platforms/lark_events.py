"""What Lark's events mean, from the payload alone: no network, no memory, and nothing raises.

A message's id is its ``ts``, its root's id its thread: what a card answers with. The happening's id is
the same whether it was pushed or read from the history. Names, groups and flags are asked for later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vigilbot.domain import Event, EventKind
from vigilbot.platforms.lark_content import pictures, reaction, said
from vigilbot.platforms.payloads import Skipped, list_in, map_in, text_in

LONGEST_ID: Final = 100
MESSAGE: Final = "im.message.receive_v1"
CARD: Final = "card.action.trigger"
MENU: Final = "application.bot.menu_v6"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkMe:
    """The bot as Lark knows it. ``user`` is its open_id, ``tenant`` the tenant_key of its company."""

    app: str
    user: str
    tenant: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Envelope:
    record: Mapping[str, Any]
    header: Mapping[str, Any]
    me: LarkMe


def kind_of(body: object) -> str:
    """The event's type; "" for what is none."""
    return text_in(map_in(body, "header"), "event_type") if isinstance(body, Mapping) else ""


def events_of(body: object, me: LarkMe) -> tuple[Event, ...] | Skipped:
    """The happenings a payload stands for, or a short stable reason why it is none."""
    if not isinstance(body, Mapping):
        return Skipped(reason="not an object")
    header = map_in(body, "header")
    if text_in(header, "app_id") not in ("", me.app) or text_in(header, "tenant_key") not in ("", me.tenant):
        return Skipped(reason="another app or tenant")
    handler = HANDLERS.get(text_in(header, "event_type"))
    if handler is None:
        return Skipped(reason="no use for it")
    return handler(_Envelope(map_in(body, "event"), header, me))


def event_in_history(item: object, me: LarkMe) -> Event | None:
    """A message as the API lists it; None for what is no message of a person or another bot."""
    if not isinstance(item, Mapping) or item.get("deleted") is True:
        return None
    sender = map_in(item, "sender")
    type_ = text_in(sender, "sender_type")
    message = {
        "message_id": text_in(item, "message_id"),
        "root_id": text_in(item, "root_id"),
        "thread_id": text_in(item, "thread_id"),
        "create_time": item.get("create_time"),
        "chat_id": text_in(item, "chat_id"),
        "message_type": text_in(item, "msg_type"),
        "content": map_in(item, "body").get("content"),
        "mentions": list_in(item, "mentions"),
    }
    who = {"open_id": text_in(sender, "id")} if type_ == "user" else {}
    record = {"message": message, "sender": {**sender, "sender_id": who}}
    if type_ == "app" and text_in(sender, "id") in (me.app, me.user):
        return None
    found = _message(_Envelope(record, {}, me))
    if isinstance(found, Skipped):
        return None
    return replace(found[0], key=f"history:{found[0].natural_key}")


def membership(chat: str, me: LarkMe, at: datetime, *, joined: bool) -> Event:
    """The bot finds itself in a chat, or no longer in one, without having been told; once a day."""
    verb = "joined" if joined else "left"
    natural = f"{verb}:{me.tenant}:{chat}:{me.user}:found:{at.date().isoformat()}"
    kind = EventKind.MEMBER_JOINED if joined else EventKind.MEMBER_LEFT
    ts = stamp_of(at)
    return Event(
        kind=kind,
        tenant=me.tenant,
        channel=chat,
        ts=ts,
        thread=ts,
        user="",
        at=at,
        key=natural,
        natural_key=natural,
        is_self=True,
        completed=False,
    )


def moment_of(value: object) -> datetime | None:
    """Milliseconds since 1970, as text or number."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 14:
        return None
    whole = int(value)
    if len(value) <= 10:  # some events count seconds
        whole *= 1000
    return _EPOCH + timedelta(milliseconds=whole)


def stamp_of(at: datetime) -> str:
    """A ``ts`` for what is no message."""
    return str(int((at - _EPOCH) / timedelta(milliseconds=1)))


def _message(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    message, sender, me = map_in(envelope.record, "message"), map_in(envelope.record, "sender"), envelope.me
    ts, chat = text_in(message, "message_id"), text_in(message, "chat_id")
    at = moment_of(message.get("create_time"))
    if not ts or not chat or at is None:
        return Skipped(reason="no message")
    kind = text_in(message, "message_type")
    mentions = list_in(message, "mentions")
    text, images = (
        said(kind, message.get("content"), mentions),
        pictures(kind, message.get("content"), ts, me.tenant),
    )
    if not text and not images:
        return Skipped(reason="no text")
    direct = text_in(message, "chat_type") == "p2p"
    automated = text_in(sender, "sender_type") not in ("user", "")
    user = text_in(map_in(sender, "sender_id"), "open_id") or text_in(sender, "id") or "unknown"
    named = any(_is_me(m, me) for m in mentions if isinstance(m, Mapping))
    event = _event(
        envelope,
        EventKind.POSTED,
        chat=chat,
        ts=ts,
        at=at,
        user=user,
        natural=f"message:{me.tenant}:{chat}:{ts}",
    )
    if isinstance(event, Skipped):
        return event
    return (
        replace(
            event,
            thread=text_in(message, "root_id") or ts,
            text=text,
            images=images,
            is_bot=automated,
            addressed=not automated and (direct or named),
            user_external=_foreign(text_in(sender, "tenant_key"), me),
            channel_direct=direct,
            channel_private=direct,
        ),
    )


def _recalled(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    record, me = envelope.record, envelope.me
    ts, chat = text_in(record, "message_id"), text_in(record, "chat_id")
    at = moment_of(record.get("recall_time")) or _at(envelope)
    return _one(
        _event(
            envelope,
            EventKind.DELETED,
            chat=chat,
            ts=ts,
            at=at,
            user="",
            natural=f"deleted:{me.tenant}:{chat}:{ts}",
        )
    )


def _reacted(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    """Lark does not say in which chat: the directory asks for it."""
    record, me = envelope.record, envelope.me
    user = text_in(map_in(record, "user_id"), "open_id")
    if not user or user == me.user or text_in(record, "operator_type") == "app":
        return Skipped(reason="not a person's")
    ts, name = text_in(record, "message_id"), text_in(map_in(record, "reaction_type"), "emoji_type")
    added = text_in(envelope.header, "event_type") == "im.message.reaction.created_v1"
    at = moment_of(record.get("action_time")) or _at(envelope)
    state = "added" if added else "removed"
    event = _event(
        envelope,
        EventKind.REACTION_ADDED if added else EventKind.REACTION_REMOVED,
        chat=text_in(record, "chat_id"),
        ts=ts,
        at=at,
        user=user,
        natural=f"reaction:{state}:{me.tenant}:{ts}:{user}:{name}:{stamp_of(at) if at else ''}",
    )
    if isinstance(event, Skipped):
        return event
    return (replace(event, reaction=reaction(name[:LONGEST_ID])),)


def _bot_came_or_went(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    record, me = envelope.record, envelope.me
    joined = text_in(envelope.header, "event_type").endswith("added_v1")
    at, chat = _at(envelope), text_in(record, "chat_id")
    verb = "joined" if joined else "left"
    event = _event(
        envelope,
        EventKind.MEMBER_JOINED if joined else EventKind.MEMBER_LEFT,
        chat=chat,
        ts=stamp_of(at) if at else "",
        at=at,
        user=text_in(map_in(record, "operator_id"), "open_id"),
        natural=f"{verb}:{me.tenant}:{chat}:{me.user}:{stamp_of(at) if at else ''}",
    )
    if isinstance(event, Skipped):
        return event
    return (replace(event, is_self=True, channel_external=record.get("external") is True),)


def _people_came_or_went(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    record, me = envelope.record, envelope.me
    joined = text_in(envelope.header, "event_type").endswith("added_v1")
    at, chat = _at(envelope), text_in(record, "chat_id")
    verb, ts = "joined" if joined else "left", stamp_of(at) if at else ""
    found: list[Event] = []
    for one in list_in(record, "users"):
        user = text_in(map_in(one, "user_id"), "open_id") if isinstance(one, Mapping) else ""
        event = _event(
            envelope,
            EventKind.MEMBER_JOINED if joined else EventKind.MEMBER_LEFT,
            chat=chat,
            ts=ts,
            at=at,
            user=user,
            natural=f"{verb}:{me.tenant}:{chat}:{user}:{ts}",
        )
        if isinstance(event, Event) and user:
            key = f"{event.key}:{user}" if event.key != event.natural_key else event.key
            outside = _foreign(text_in(one, "tenant_key"), me)
            found.append(replace(event, key=key, user_external=outside))
    return tuple(found) or Skipped(reason="nobody named")


def _chat_changed(envelope: _Envelope) -> tuple[Event, ...] | Skipped:
    record, me = envelope.record, envelope.me
    at, chat = _at(envelope), text_in(record, "chat_id")
    name = text_in(envelope.header, "event_type")
    ts = stamp_of(at) if at else ""
    event = _event(
        envelope,
        EventKind.CHANNEL_CHANGED,
        chat=chat,
        ts=ts,
        at=at,
        user="",
        natural=f"{name}:{me.tenant}:{chat}:{ts}",
    )
    if isinstance(event, Skipped):
        return event
    return (replace(event, channel_archived=name == "im.chat.disbanded_v1"),)


HANDLERS: Final[Mapping[str, Callable[[_Envelope], tuple[Event, ...] | Skipped]]] = {
    MESSAGE: _message,
    "im.message.recalled_v1": _recalled,
    "im.message.reaction.created_v1": _reacted,
    "im.message.reaction.deleted_v1": _reacted,
    "im.chat.member.bot.added_v1": _bot_came_or_went,
    "im.chat.member.bot.deleted_v1": _bot_came_or_went,
    "im.chat.member.user.added_v1": _people_came_or_went,
    "im.chat.member.user.deleted_v1": _people_came_or_went,
    "im.chat.updated_v1": _chat_changed,
    "im.chat.disbanded_v1": _chat_changed,
}


def _one(event: Event | Skipped) -> tuple[Event, ...] | Skipped:
    return event if isinstance(event, Skipped) else (event,)


def _event(
    envelope: _Envelope, kind: EventKind, *, chat: str, ts: str, at: datetime | None, user: str, natural: str
) -> Event | Skipped:
    if not ts or at is None:
        return Skipped(reason="no message")
    if len(ts) > LONGEST_ID or len(chat) > LONGEST_ID or len(user) > LONGEST_ID:
        return Skipped(reason="an id that is too long")
    return Event(
        kind=kind,
        tenant=envelope.me.tenant,
        channel=chat,
        ts=ts,
        thread=ts,
        user=user,
        at=at,
        key=text_in(envelope.header, "event_id")[:LONGEST_ID] or natural,
        natural_key=natural,
        completed=False,
    )


def _at(envelope: _Envelope) -> datetime | None:
    return moment_of(envelope.header.get("create_time"))


def _is_me(mention: Mapping[str, Any], me: LarkMe) -> bool:
    given = mention.get("id")
    return me.user in (given, text_in(map_in(mention, "id"), "open_id"))


def _foreign(tenant: str, me: LarkMe) -> bool:
    return bool(tenant) and tenant != me.tenant
