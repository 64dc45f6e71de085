"""What people do to the bot in Lark, as interactions: clicks, forms, text commands, the bot's menu.

Pure: payloads in, values out, and nothing raises. None is what asks nothing of the bot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from vigilbot.cards import ActionKind
from vigilbot.domain import Event, EventKind
from vigilbot.platforms.lark_cards import MARK, form_fields
from vigilbot.platforms.lark_events import LONGEST_ID, MENU, LarkMe, kind_of
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.ports import Interaction, InteractionKind
from vigilbot.text import plain

COMMAND: Final = "/vigil"
ON_MESSAGES: Final[Mapping[str, str]] = {"save": "save_knowledge", "ask": "ask_vigilbot"}
"""Words of a command in a reply that are about the message replied to, with the shortcuts' names."""
HOME: Final = "home"
_KINDS: Final = frozenset(kind.value for kind in ActionKind)
_MARKS: Final = re.compile(r"<@[\w-]+(?:\|[^<>]*)?>")


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkCall:
    """``interaction`` is None for an action nobody knows. ``answers`` is the message it was done on.

    ``about`` is the message of somebody else that a command is about: its text is still to be asked for.
    """

    event: Event
    interaction: Interaction | None
    about: str = ""


def click_of(body: Mapping[str, Any], me: LarkMe, now: datetime) -> LarkCall | None:
    """A button, a menu or a form on one of the bot's cards; None for a link that was opened."""
    record = map_in(body, "event")
    action, context = map_in(record, "action"), map_in(record, "context")
    operator = map_in(record, "operator")
    event = _event(
        me,
        now,
        user=text_in(operator, "open_id"),
        tenant=text_in(operator, "tenant_key"),
        chat=text_in(context, "open_chat_id"),
        ts=text_in(context, "open_message_id"),
        key=text_in(map_in(body, "header"), "event_id"),
    )
    value = map_in(action, "value")
    kind, given, place = text_in(value, MARK), text_in(value, "value"), list_in(value, "at")
    if text_in(action, "tag") == "overflow":
        kind, given, place = _chosen(text_in(action, "option"))
    event = _at(event, place)
    if kind == "form":
        return _submission(event, value, action)
    if kind == ActionKind.OPEN:
        return None
    if kind not in _KINDS:
        return LarkCall(event=event, interaction=None)
    return LarkCall(
        event=event,
        interaction=Interaction(kind=InteractionKind.CLICK, event=event, name=kind, value=given),
    )


def is_command(event: Event) -> bool:
    """Whether a message says something to the bot with ``/vigil``."""
    if event.kind is not EventKind.POSTED or not event.addressed:
        return False
    words = _words(event)
    return words == COMMAND or words.startswith(f"{COMMAND} ")


def command_of(event: Event, body: Mapping[str, Any], me: LarkMe, now: datetime) -> LarkCall | None:
    """What a message says to the bot with ``/vigil``; None for a message that is none of that."""
    if not is_command(event):
        return None
    words = _words(event).removeprefix(COMMAND).strip()
    asked = replace(
        event, kind=EventKind.COMMAND, text="", key=f"call:{event.key}", natural_key=f"call:{event.key}"
    )
    message = map_in(map_in(body, "event"), "message")
    replied_to = text_in(message, "parent_id")
    if words in ON_MESSAGES and replied_to:
        asked = replace(asked, ts=replied_to)
        interaction = Interaction(kind=InteractionKind.SHORTCUT, event=asked, name=ON_MESSAGES[words])
        return LarkCall(event=asked, interaction=interaction, about=replied_to)
    return LarkCall(
        event=asked,
        interaction=Interaction(kind=InteractionKind.COMMAND, event=asked, name="command", text=words),
    )


def _words(event: Event) -> str:
    return plain(_MARKS.sub(" ", event.text)).strip()


def menu_of(body: Mapping[str, Any], me: LarkMe, now: datetime) -> LarkCall | None:
    """An entry of the bot's menu: its event key is the command's words, with _ for a space."""
    if kind_of(body) != MENU:
        return None
    record, header = map_in(body, "event"), map_in(body, "header")
    user = text_in(map_in(map_in(record, "operator"), "operator_id"), "open_id")
    words = text_in(record, "event_key").removeprefix("vigil").strip("_ ").replace("_", " ")
    event = _event(me, now, user=user, tenant="", chat="", ts="", key=text_in(header, "event_id"))
    event = replace(event, channel_direct=True, channel_private=True)
    if words in ("", HOME):
        return LarkCall(
            event=event, interaction=Interaction(kind=InteractionKind.HOME, event=event, name=HOME)
        )
    return LarkCall(
        event=event,
        interaction=Interaction(kind=InteractionKind.COMMAND, event=event, name="command", text=words),
    )


def _submission(event: Event, value: Mapping[str, Any], action: Mapping[str, Any]) -> LarkCall:
    return LarkCall(
        event=event,
        interaction=Interaction(
            kind=InteractionKind.SUBMIT,
            event=event,
            name=text_in(value, "name"),
            value=text_in(value, "value"),
            fields=form_fields(map_in(action, "form_value")),
        ),
    )


def _chosen(option: str) -> tuple[str, str, list[Any]]:
    """Kind, value and place of an entry of a menu."""
    try:
        found = json.loads(option)
    except (ValueError, RecursionError):
        return "", "", []
    if isinstance(found, list) and len(found) >= 2 and all(isinstance(part, str) for part in found):
        return found[0], found[1], found[2:]
    return "", "", []


def _at(event: Event, place: list[Any]) -> Event:
    """What is shown in a person's own chat with the bot says itself where it belongs."""
    if len(place) != 3 or not all(isinstance(part, str) for part in place):
        return event
    return replace(event, channel=place[0], ts=place[1], thread=place[2])


def _event(me: LarkMe, now: datetime, *, user: str, tenant: str, chat: str, ts: str, key: str) -> Event:
    key = f"call:{key or now.isoformat()}"[: 2 * LONGEST_ID]
    return Event(
        kind=EventKind.COMMAND,
        tenant=me.tenant,
        channel=chat[:LONGEST_ID],
        ts=ts[:LONGEST_ID],
        thread=ts[:LONGEST_ID],
        user=user[:LONGEST_ID],
        at=now.astimezone(UTC),
        key=key,
        natural_key=key,
        user_external=bool(tenant) and tenant != me.tenant,
        completed=False,
    )
