"""What people do to the bot in Slack, as interactions: clicks, forms, commands, shortcuts, the home tab.

Pure: payloads in, values out, and nothing raises. What is not the bot's own kind of thing comes out as
a call without an interaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from vigilbot.cards import OPENS_A_WINDOW, ActionKind
from vigilbot.domain import Event, EventKind
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.platforms.slack_events import LONGEST_ID, LONGEST_TEXT, Me, is_foreign
from vigilbot.platforms.slack_records import attached_to, parse_ts
from vigilbot.platforms.slack_render import PREFIX, form_fields, read_action
from vigilbot.ports import Interaction, InteractionKind
from vigilbot.text import plain

SHORTCUTS: Final[Mapping[str, str]] = {
    "save_knowledge": "Save to knowledge",
    "ask_vigilbot": "Ask VigilBot",
}
"""Callback ids of the message shortcuts with what people read."""
_TITLES: Final = {
    ActionKind.WHY: "Why this?",
    ActionKind.EDIT: "Edit and post",
    ActionKind.ROSTER: "Who is who",
    ActionKind.SHARE: "Share with customers",
}
_KINDS: Final = frozenset(kind.value for kind in ActionKind)


class Surface(StrEnum):
    """Where it was done, which says how it can be answered."""

    MESSAGE = "message"
    PRIVATE = "private"  # a message that one person sees
    MODAL = "modal"
    HOME = "home"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Something done to the bot, and how to answer it. ``interaction`` is None for an unknown thing.

    ``window`` is the title of the window to open before the answer is known, "" for none.
    """

    event: Event
    surface: Surface
    interaction: Interaction | None = None
    trigger: str = ""  # opens a window, within three seconds
    response_url: str = ""
    view: str = ""  # the modal it was done in
    window: str = ""


def is_call(body: object) -> bool:
    """Whether a payload is something done to the bot, and no event."""
    return isinstance(body, Mapping) and (
        text_in(body, "type") in ("block_actions", "view_submission", "message_action", "shortcut")
        or bool(text_in(body, "command"))
    )


def call_of(body: Mapping[str, Any], me: Me, now: datetime, names: Mapping[str, str]) -> Call | None:
    """None for what needs no answer: a link that was opened, a window that was closed."""
    kind = text_in(body, "type")
    if kind == "block_actions":
        return _click(body, me, now)
    if kind == "view_submission":
        return _submission(body, me, now)
    if kind in ("message_action", "shortcut"):
        return _shortcut(body, me, now, names)
    return _command(body, me, now) if text_in(body, "command") else None


def opened_home(body: Mapping[str, Any], me: Me, now: datetime) -> Interaction | None:
    """For app_home_opened; None for another tab."""
    record = map_in(body, "event")
    user = text_in(record, "user")
    if text_in(record, "tab") != "home" or not user:
        return None
    event = _event(me, now, user=user, key=text_in(body, "event_id"))
    return Interaction(kind=InteractionKind.HOME, event=event, name="home")


def _click(body: Mapping[str, Any], me: Me, now: datetime) -> Call | None:
    actions = [action for action in list_in(body, "actions") if isinstance(action, Mapping)]
    if not actions:
        return None
    read = read_action(actions[0])
    if read is not None and read[0] == ActionKind.OPEN:
        return None
    container, message, view = map_in(body, "container"), map_in(body, "message"), map_in(body, "view")
    ts = text_in(container, "message_ts") or text_in(message, "ts")
    event = _event(
        me,
        now,
        user=_user(body),
        team=text_in(map_in(body, "user"), "team_id"),
        channel=text_in(map_in(body, "channel"), "id") or text_in(container, "channel_id"),
        ts=ts,
        thread=text_in(message, "thread_ts") or text_in(container, "thread_ts") or ts,
        key=text_in(body, "trigger_id"),
    )
    surface = Surface.PRIVATE if container.get("is_ephemeral") is True else Surface.MESSAGE
    if view:
        surface = Surface.HOME if text_in(view, "type") == "home" else Surface.MODAL
    interaction, window = None, ""
    if read is not None and read[0] in _KINDS:
        kind = ActionKind(read[0])
        interaction = Interaction(kind=InteractionKind.CLICK, event=event, name=kind.value, value=read[1])
        window = _TITLES.get(kind, "VigilBot") if kind in OPENS_A_WINDOW else ""
    return Call(
        event=event,
        surface=surface,
        interaction=interaction,
        trigger=text_in(body, "trigger_id"),
        response_url=text_in(body, "response_url"),
        view=text_in(view, "id") if surface is Surface.MODAL else "",
        window=window,
    )


def _submission(body: Mapping[str, Any], me: Me, now: datetime) -> Call:
    view = map_in(body, "view")
    event = _event(
        me,
        now,
        user=_user(body),
        team=text_in(map_in(body, "user"), "team_id"),
        key=f"{text_in(view, 'id')}:{text_in(view, 'hash')}",
    )
    name = text_in(view, "callback_id")
    interaction = None
    if name.startswith(PREFIX):
        interaction = Interaction(
            kind=InteractionKind.SUBMIT,
            event=event,
            name=name.removeprefix(PREFIX),
            value=text_in(view, "private_metadata"),
            fields=form_fields(map_in(view, "state").get("values")),
        )
    return Call(
        event=event,
        surface=Surface.MODAL,
        interaction=interaction,
        trigger=text_in(body, "trigger_id"),
        view=text_in(view, "id"),
    )


def _shortcut(body: Mapping[str, Any], me: Me, now: datetime, names: Mapping[str, str]) -> Call:
    message = map_in(body, "message")
    ts = text_in(message, "ts") or text_in(body, "message_ts")
    event = _event(
        me,
        now,
        user=_user(body),
        team=text_in(map_in(body, "user"), "team_id"),
        channel=text_in(map_in(body, "channel"), "id"),
        ts=ts,
        thread=text_in(message, "thread_ts") or ts,
        key=text_in(body, "trigger_id"),
    )
    name = text_in(body, "callback_id")
    interaction = None
    if name in SHORTCUTS and event.channel and ts:
        said = (text_in(message, "text") or attached_to(message))[:LONGEST_TEXT]
        interaction = Interaction(
            kind=InteractionKind.SHORTCUT, event=event, name=name, text=plain(said, names)
        )
    return Call(
        event=event,
        surface=Surface.MESSAGE,
        interaction=interaction,
        trigger=text_in(body, "trigger_id"),
        response_url=text_in(body, "response_url"),
        window=SHORTCUTS.get(name, "VigilBot"),
    )


def _command(body: Mapping[str, Any], me: Me, now: datetime) -> Call:
    event = _event(
        me,
        now,
        user=text_in(body, "user_id"),
        team=text_in(body, "team_id"),
        channel=text_in(body, "channel_id"),
        key=text_in(body, "trigger_id"),
    )
    return Call(
        event=event,
        surface=Surface.COMMAND,
        interaction=Interaction(
            kind=InteractionKind.COMMAND,
            event=event,
            name="command",
            text=text_in(body, "text")[:LONGEST_TEXT],
        ),
        trigger=text_in(body, "trigger_id"),
        response_url=text_in(body, "response_url"),
    )


def _event(
    me: Me,
    now: datetime,
    *,
    user: str,
    key: str,
    team: str = "",
    channel: str = "",
    ts: str = "",
    thread: str = "",
) -> Event:
    key = f"call:{key or now.isoformat()}"[: 2 * LONGEST_ID]
    if parse_ts(ts) is None:
        ts = thread = ""
    return Event(
        kind=EventKind.COMMAND,
        tenant=me.team,
        channel=channel[:LONGEST_ID],
        ts=ts,
        thread=thread,
        user=user[:LONGEST_ID],
        at=now.astimezone(UTC),
        key=key,
        natural_key=key,
        user_external=is_foreign(team, me),
        channel_direct=channel.startswith("D"),
        completed=False,
    )


def _user(body: Mapping[str, Any]) -> str:
    return text_in(map_in(body, "user"), "id")
