"""What one person sees of the workspace at one moment, as JSON for the page.

A snapshot holds one channel and at most one of its threads, so that it stays small however much the
workspace holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from vigilbot.workspace.delivery import Envelope
from vigilbot.workspace.faults import Faults
from vigilbot.workspace.state import SLACKBOT, Channel, Json, State, User, View, is_root, moment
from vigilbot.workspace.web_api import Called
from vigilbot.workspace.workspace import Workspace

LEAST, MOST = 1, 5000  # messages of a channel in one snapshot
LATELY = 50  # messages among which the newest reply is looked for
WIRE_LINES = 80
BODY_CHARACTERS = 6000  # of one envelope or call
WINDOW_KEYS = ("id", "hash", "type", "callback_id", "title", "blocks", "submit", "close")
SHORTCUTS = (("save_knowledge", "Save to knowledge"), ("ask_vigilbot", "Ask VigilBot"))

FAULTS = (
    ("deaf", "switch", "Bot cut off", "Nothing reaches the bot; Slack tries events again"),
    ("mute_pongs", "switch", "Silent connections", "Sockets look open, and no pong comes back"),
    ("abort", "deed", "Cut the connections", "Without a word, as when a cable is pulled"),
    ("disconnect", "deed", "Ask to reconnect", "As Slack does every few hours"),
    ("bad_signature", "switch", "Foreign requests", "HTTP requests signed with another secret"),
    ("stale_signature", "switch", "Old requests", "HTTP requests signed six minutes ago"),
    ("ack_loss", "rate", "Lost acknowledgements", "Chance from 0 to 1"),
    ("duplicates", "rate", "Events sent twice", "Chance from 0 to 1"),
    ("late", "rate", "Late events", "Chance from 0 to 1 of up to two seconds"),
    ("dropped_before", "rate", "Calls that break off", "Before they were done; chance from 0 to 1"),
    ("dropped_after", "rate", "Answers that break off", "After the call was done; chance from 0 to 1"),
    ("limited", "rate", "Calls told to slow down", "Chance from 0 to 1"),
    ("failing", "rate", "Calls that fail", "Slack's internal error; chance from 0 to 1"),
)
"""Name in `Faults`, or what the workspace does once; kind; label; what it means."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What the page looks at. ``number`` comes back, so that the page knows an answer to an older look."""

    user: str = ""
    channel: str = ""
    thread: str = ""
    limit: int = 150
    wire: bool = False
    number: int = 0

    @classmethod
    def of(cls, asked: Any) -> Self:
        """From what a browser sent; whatever is not as it should be is as if it was not said."""
        given = asked if isinstance(asked, dict) else {}
        texts = {
            name: given[name] for name in ("user", "channel", "thread") if isinstance(given.get(name), str)
        }
        numbers = {name: given[name] for name in ("limit", "number") if type(given.get(name)) is int}
        if "limit" in numbers:
            numbers["limit"] = max(LEAST, min(MOST, numbers["limit"]))
        return cls(**texts, **numbers, wire=given.get("wire") is True)


def snapshot(ws: Workspace, look: Look) -> Json:
    """With the first person and the first channel where the look names none that there is."""
    state = ws.state
    people = [user for user in state.users.values() if not user.deleted]
    user = state.users.get(look.user) or next((u for u in people if not u.bot_id and u.id != SLACKBOT), None)
    me = user.id if user else ""
    places = _places(state, user)
    channel = next((c for c in places if c.id == look.channel), places[0] if places else None)
    shown = _newest(channel, look.limit + 1) if channel else []
    home = state.homes.get(me)
    return {
        "number": look.number,
        "workspace": state.name,
        "app": ws.app.name,
        "bot": ws.app.bot_user,
        "shortcuts": [{"callback_id": name, "name": label, "by": ws.app.name} for name, label in SHORTCUTS],
        "files": f"{ws.url}/files/",
        "user": me,
        "users": [_person(u, state) for u in people],
        "groups": [{"id": g.id, "handle": g.handle} for g in state.groups.values()],
        "channels": [_place(c, me, state, ws.app.bot_user, ws.app.name) for c in places],
        "channel": channel.id if channel else "",
        "messages": [_message(m, channel) for m in shown[-look.limit :] if channel],
        "more": len(shown) > look.limit,
        "thread": _thread(channel, look.thread) if channel and shown else None,
        "newest_reply": _newest_reply(channel) if channel and shown else None,
        "ephemerals": [
            {**e.message, "channel": e.channel, "private": True} for e in state.ephemerals if e.user == me
        ],
        "views": [_window(view) for view in state.views.values() if view.user == me],
        "home": _window(home) if home else None,
        "wire": _wire(ws) if look.wire else [],
        "faults": faults(ws.faults),
        "counts": _counts(ws),
    }


def faults(switches: Faults) -> list[Json]:
    """What can be made to go wrong from the page, with its words and what it is set to."""
    return [
        {"name": name, "label": label, "help": text, "kind": kind, "value": getattr(switches, name, False)}
        for name, kind, label, text in FAULTS
    ]


def _newest(channel: Channel, most: int) -> list[Json]:
    """What the channel itself shows last, oldest first.

    Reads backwards in the order of arrival and not the whole channel: that may hold years.
    """
    found = (
        m for m in reversed(channel.messages.values()) if is_root(m) or m.get("subtype") == "thread_broadcast"
    )
    return sorted(islice(found, most), key=lambda m: moment(m["ts"]))


def _places(state: State, user: User | None) -> list[Channel]:
    """The channels somebody may read: their own, and the public ones of their workspace."""
    if user is None:
        return []
    ours = user.team == state.team and not user.guest
    return [
        c
        for c in state.channels.values()
        if (user.id in c.members and (c.kind != "im" or c.messages))
        or (c.kind == "channel" and ours and not c.archived)
    ]


def _person(user: User, state: State) -> Json:
    return {
        "id": user.id,
        "name": user.name,
        "title": user.title,
        "external": user.team != state.team or user.guest,
        "admin": user.admin or user.owner,
        "bot": bool(user.bot_id) or user.id == SLACKBOT,
    }


def _place(channel: Channel, me: str, state: State, bot: str, app: str) -> Json:
    other = next((m for m in channel.members if m != me), bot)
    direct = channel.kind == "im"
    name = (app if other == bot else state.users[other].name) if direct else channel.name
    return {
        "id": channel.id,
        "name": name,
        "private": channel.kind == "group",
        "direct": direct,
        "external": channel.external,
        "archived": channel.archived,
        "member": me in channel.members,
        "members": len(channel.members),
        "bot": bot in channel.members,
        "latest": next(reversed(channel.messages), ""),
    }


def _message(message: Json, channel: Channel) -> Json:
    """As stored, without what no page shows."""
    return {k: v for k, v in message.items() if k not in {"root", "team", "metadata"}} | {
        "channel": channel.id
    }


def _thread(channel: Channel, root: str) -> Json | None:
    found = channel.thread(root) if root in channel.messages else []
    return {"ts": root, "messages": [_message(m, channel) for m in found]} if found else None


def _newest_reply(channel: Channel) -> Json | None:
    lately = islice(reversed(channel.messages.values()), LATELY)
    newest = next((m for m in lately if not is_root(m)), None)
    if newest is None:
        return None
    return {"ts": newest["ts"], "thread": newest["thread_ts"], "bot": bool(newest.get("bot_id"))}


def _window(view: View) -> Json:
    return {key: view.shape.get(key) for key in WINDOW_KEYS}


def _counts(ws: Workspace) -> list[Json]:
    waiting = sum(1 for e in ws.sent if not e.acknowledged and not e.given_up)
    lost = sum(1 for e in ws.sent if e.given_up)
    return [
        {"name": "Way to the bot", "value": "HTTP" if ws.http_target else "Socket Mode"},
        {"name": "Sent to the bot", "value": len(ws.sent)},
        {"name": "Waiting for an answer", "value": waiting, "level": "warning" if waiting else ""},
        {"name": "Given up", "value": lost, "level": "error" if lost else ""},
        {"name": "API calls", "value": len(ws.calls)},
    ]


def _wire(ws: Workspace) -> list[Json]:
    """Newest first."""
    sent = [
        (e.made_at, _envelope(n, e))
        for n, e in enumerate(ws.sent[-WIRE_LINES:], max(0, len(ws.sent) - WIRE_LINES))
    ]
    calls = [
        (c.at, _call(n, c)) for n, c in enumerate(ws.calls[-WIRE_LINES:], max(0, len(ws.calls) - WIRE_LINES))
    ]
    lines = sorted(sent + calls, key=lambda line: line[0], reverse=True)
    return [line for _, line in lines[:WIRE_LINES]]


def _envelope(number: int, envelope: Envelope) -> Json:
    if envelope.acknowledged:
        state, level = f"{envelope.milliseconds:.1f} ms", ""
    elif envelope.given_up:
        state, level = envelope.given_up, "bad"
    else:
        state, level = "…", ""
    if len(envelope.attempts) > 1:
        state += f", sent {len(envelope.attempts)} times"
    body = {"payload": envelope.payload, "answer": envelope.answer}
    return {
        "key": f"e{number}",
        "way": "out",
        "title": envelope.name,
        "state": state,
        "level": level,
        "at": envelope.made_at.timestamp(),
        "body": _short(body),
    }


def _call(number: int, call: Called) -> Json:
    answer = call.answer or {}
    ok = answer.get("ok") is True
    return {
        "key": f"c{number}",
        "way": "in",
        "title": call.method,
        "state": "ok" if ok else str(answer.get("error", "no answer")),
        "level": "" if ok else "bad",
        "at": call.at.timestamp(),
        "body": _short({"args": call.args, "answer": answer}),
    }


def _short(body: Json) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= BODY_CHARACTERS else text[:BODY_CHARACTERS] + "\n… shortened"
