"""What one person sees of a Lark tenant at one moment, as JSON for the page.

A message is named by its time in seconds, as Slack does it: no two messages of a tenant have the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from vigilbot.workspace.lark.answers import Called
from vigilbot.workspace.lark.blocks import blocks, form
from vigilbot.workspace.lark.delivery import Push
from vigilbot.workspace.lark.state import Chat, Json, Message
from vigilbot.workspace.lark.tenant import LarkTenant
from vigilbot.workspace.page.snapshot import BODY_CHARACTERS, WIRE_LINES, Look

EMOJI: Mapping[str, str] = {
    "+1": "THUMBSUP",
    "white_check_mark": "DONE",
    "-1": "ThumbsDown",
    "eyes": "GLANCE",
    "heart": "HEART",
    "tada": "PARTY",
}
_SHOWN = {lark: slack for slack, lark in EMOJI.items()}
FAULTS = (
    ("deaf", "switch", "Bot cut off", "Nothing reaches the bot; Lark tries events again for hours"),
    ("mute_pongs", "switch", "Silent connections", "The connection looks open, and no pong comes back"),
    ("abort", "deed", "Cut the connections", "Without a word, as when a cable is pulled"),
    ("ack_loss", "rate", "Lost acknowledgements", "Chance from 0 to 1"),
    ("duplicates", "rate", "Events sent twice", "Chance from 0 to 1"),
    ("late", "rate", "Late events", "Chance from 0 to 1 of up to two seconds"),
    ("dropped_before", "rate", "Calls that break off", "Before they were done; chance from 0 to 1"),
    ("dropped_after", "rate", "Answers that break off", "After the call was done; chance from 0 to 1"),
    ("limited", "rate", "Calls told to slow down", "Chance from 0 to 1"),
)


class LarkPicture:
    """``forms``: by person, the message whose form they have open."""

    def __init__(self, tenant: LarkTenant, *, name: str, forms: Mapping[str, str]) -> None:
        self._tenant = tenant
        self._name = name
        self._forms = forms

    def snapshot(self, look: Look) -> Json:
        state, tenant = self._tenant.state, self._tenant
        people = list(state.users.values())
        user = look.user if look.user in state.users else next((u.id for u in people), "")
        places = [c for c in state.chats.values() if user in c.members or (c.public and c.mode != "p2p")]
        here = next((c for c in places if c.id == look.channel), places[0] if places else None)
        roots = [m for m in state.in_chat(here.id) if not m.root] if here else []
        shown = roots[-(look.limit + 1) :]
        replies = [m for m in state.in_chat(here.id) if m.root and not m.deleted] if here else []
        newest = replies[-1] if replies else None
        return {
            "number": look.number,
            "workspace": self._name,
            "app": tenant.bot_name,
            "bot": tenant.bot_user,
            "command": "/vigil",
            "shortcuts": [
                {"callback_id": "save", "name": "Save to knowledge", "by": tenant.bot_name},
                {"callback_id": "ask", "name": "Ask VigilBot", "by": tenant.bot_name},
            ],
            "files": f"{tenant.url}/files/",
            "user": user,
            "users": [*(self._person(u.id) for u in people), self._bot()],
            "groups": [],
            "channels": [self._place(c, user) for c in places],
            "channel": here.id if here else "",
            "messages": [self._message(m) for m in shown[-look.limit :]],
            "more": len(shown) > look.limit,
            "thread": self._thread(look.thread, here) if here else None,
            "newest_reply": {
                "ts": stamp(newest),
                "thread": stamp(state.messages[newest.root]),
                "bot": newest.user == tenant.app_id,
            }
            if newest
            else None,
            "ephemerals": [],
            "views": self._windows(user),
            "home": None,
            "wire": self._wire() if look.wire else [],
            "faults": [
                {
                    "name": n,
                    "label": label,
                    "help": told,
                    "kind": kind,
                    "value": getattr(tenant.faults, n, False),
                }
                for n, kind, label, told in FAULTS
            ],
            "counts": self._counts(),
        }

    def _person(self, user: str) -> Json:
        known = self._tenant.state.users[user]
        return {
            "id": known.id,
            "name": known.name,
            "title": known.title,
            "external": known.tenant != self._tenant.state.tenant,
            "admin": known.admin,
            "bot": known.bot,
        }

    def _bot(self) -> Json:
        tenant = self._tenant
        return {
            "id": tenant.bot_user,
            "name": tenant.bot_name,
            "title": "",
            "external": False,
            "admin": False,
            "bot": True,
        }

    def _place(self, chat: Chat, user: str) -> Json:
        direct = chat.mode == "p2p"
        newest = next(reversed(self._tenant.state.in_chat(chat.id)), None)
        return {
            "id": chat.id,
            "name": self._tenant.bot_name if direct else chat.name,
            "private": not chat.public and not direct,
            "direct": direct,
            "external": chat.external,
            "archived": chat.status != "normal",
            "member": user in chat.members,
            "members": len(chat.members),
            "bot": chat.has_bot,
            "latest": stamp(newest) if newest else "",
        }

    def _message(self, message: Message) -> Json:
        state = self._tenant.state
        mine = message.user == self._tenant.app_id
        replies = [m for m in state.messages.values() if m.root == message.id and not m.deleted]
        shown: Json = {
            "ts": stamp(message),
            "channel": message.chat,
            "user": self._tenant.bot_user if mine else message.user,
            "text": "" if message.kind == "interactive" else self._words(message),
        }
        if message.deleted:
            shown["subtype"] = "tombstone"
        if mine:
            shown["bot_id"] = self._tenant.app_id
        if message.changed:
            shown["edited"] = {"ts": str(message.changed / 1000)}
        if message.kind == "interactive":
            shown["blocks"] = blocks(message.body)
        if message.root:
            shown["thread_ts"] = stamp(state.messages[message.root])
        if replies:
            shown["thread_ts"] = shown["ts"]
            shown["reply_count"] = len(replies)
            shown["latest_reply"] = stamp(max(replies, key=lambda m: m.at))
            authors = [self._tenant.bot_user if m.user == self._tenant.app_id else m.user for m in replies]
            shown["reply_users"] = list(dict.fromkeys(authors))
        emoji = dict.fromkeys(name for _, name in message.reactions)
        shown["reactions"] = [
            {
                "name": _SHOWN.get(name, name.lower()),
                "users": [user for user, given in message.reactions if given == name],
            }
            for name in emoji
        ]
        return shown

    def _words(self, message: Message) -> str:
        text = str(message.body.get("text", "")) or f"({message.kind})"
        safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for mention in message.mentions:
            safe = safe.replace(mention["key"], f"<@{mention['id']['open_id']}>")
        return safe

    def _thread(self, thread: str, here: Chat) -> Json | None:
        root = self.named(here.id, thread) if thread else None
        if root is None:
            return None
        within = self._tenant.thread(root.id)
        return {"ts": stamp(root), "messages": [self._message(m) for m in within]} if within else None

    def _windows(self, user: str) -> list[Json]:
        message = self._tenant.state.messages.get(self._forms.get(user, ""))
        drawn = form(message.body) if message else None
        if message is None or drawn is None:
            return []
        title, send, inputs = drawn
        window = {"id": message.id, "hash": str(message.changed), "type": "modal", "callback_id": "form"}
        plain = {"type": "plain_text"}
        return [
            {
                **window,
                "title": plain | {"text": title},
                "submit": plain | {"text": send},
                "close": plain | {"text": "Cancel"},
                "blocks": inputs,
            }
        ]

    def _counts(self) -> list[Json]:
        sent = self._tenant.sent
        waiting = sum(1 for p in sent if not p.acknowledged and not p.given_up)
        lost = sum(1 for p in sent if p.given_up)
        way = "Webhook" if self._tenant.webhook.target else "Long connection"
        return [
            {"name": "Way to the bot", "value": way},
            {"name": "Sent to the bot", "value": len(sent)},
            {"name": "Waiting for an answer", "value": waiting, "level": "warning" if waiting else ""},
            {"name": "Given up", "value": lost, "level": "error" if lost else ""},
            {"name": "API calls", "value": len(self._tenant.api.calls)},
        ]

    def _wire(self) -> list[Json]:
        """Newest first."""
        sent = [(p.made_at, _push(n, p)) for n, p in enumerate(self._tenant.sent)][-WIRE_LINES:]
        calls = [(c.at, _call(n, c)) for n, c in enumerate(self._tenant.api.calls)][-WIRE_LINES:]
        lines = sorted(sent + calls, key=lambda line: line[0], reverse=True)
        return [line for _, line in lines[:WIRE_LINES]]

    def named(self, chat: str, ts: str) -> Message | None:
        here = (m for m in self._tenant.state.messages.values() if m.chat == chat)
        return next((m for m in here if stamp(m) == ts), None)


def stamp(message: Message) -> str:
    """A message's name on the page: its time in seconds; no two messages of a tenant have the same."""
    return f"{message.at // 1000}.{message.at % 1000:03d}000"


def _push(number: int, push: Push) -> Json:
    state = f"{push.milliseconds:.1f} ms" if push.acknowledged else "given up" if push.given_up else "…"
    if push.tries > 1:
        state += f", sent {push.tries} times"
    return {
        "key": f"e{number}",
        "way": "out",
        "title": push.name,
        "state": state,
        "level": "bad" if push.given_up else "",
        "at": push.made_at.timestamp(),
        "body": _short({"payload": push.payload, "answer": push.answer}),
    }


def _call(number: int, call: Called) -> Json:
    return {
        "key": f"c{number}",
        "way": "in",
        "title": f"{call.verb} {call.path}",
        "state": "ok" if call.code == 0 else str(call.code),
        "level": "" if call.code == 0 else "bad",
        "at": call.at.timestamp(),
        "body": _short({"body": call.body, "query": dict(call.query), "answer": call.answer}),
    }


def _short(body: Json) -> str:
    text = json.dumps(body, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= BODY_CHARACTERS else text[:BODY_CHARACTERS] + "\n… shortened"
