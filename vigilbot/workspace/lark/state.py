"""What there is in a tenant: people, chats, messages, documents. No network."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from vigilbot.workspace.timing import Timing

Json = dict[str, Any]


@dataclass(kw_only=True, slots=True)
class User:
    id: str  # open_id
    name: str
    tenant: str
    title: str = ""
    admin: bool = False
    bot: bool = False
    departments: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Chat:
    id: str
    name: str
    mode: str = "group"  # group, topic, p2p
    public: bool = False
    external: bool = False
    status: str = "normal"
    members: set[str] = field(default_factory=set)
    has_bot: bool = False


@dataclass(kw_only=True, slots=True)
class Message:
    id: str
    chat: str
    user: str  # open_id; the app's id for the bot
    kind: str
    content: str  # JSON
    at: int  # milliseconds since 1970
    root: str = ""
    parent: str = ""
    topic: str = ""
    changed: int = 0
    deleted: bool = False
    uuid: str = ""
    mentions: list[Json] = field(default_factory=list)
    reactions: list[tuple[str, str]] = field(default_factory=list)  # open_id, emoji
    forwarded: list[str] = field(default_factory=list)  # messages it holds

    @property
    def body(self) -> Json:
        found = json.loads(self.content)
        return found if isinstance(found, dict) else {}


@dataclass(kw_only=True, slots=True)
class Document:
    token: str
    title: str
    text: str
    shared: bool = True  # with the app
    revision: int = 1


@dataclass(slots=True)
class State:
    timing: Timing
    rng: Random
    tenant: str
    users: dict[str, User] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    messages: dict[str, Message] = field(default_factory=dict)
    groups: dict[str, tuple[str, set[str]]] = field(default_factory=dict)  # id: name, members
    departments: dict[str, str] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    wiki: dict[str, str] = field(default_factory=dict)  # node: document
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)  # key: content, media type
    _last: int = 0

    def name(self, prefix: str) -> str:
        return f"{prefix}_{self.rng.getrandbits(128):032x}"

    def now(self) -> int:
        """Milliseconds since 1970, no two the same."""
        self._last = max(self._last + 1, int(self.timing.seconds() * 1000))
        return self._last

    def p2p(self, user: str) -> Chat:
        """The person's chat with the bot, made when it is missing."""
        found = next((c for c in self.chats.values() if c.mode == "p2p" and user in c.members), None)
        if found is None:
            found = Chat(id=self.name("oc"), name="", mode="p2p", members={user}, has_bot=True)
            self.chats[found.id] = found
        return found

    def in_chat(self, chat: str, *, topic: str = "") -> list[Message]:
        found = [m for m in self.messages.values() if m.chat == chat and (not topic or m.topic == topic)]
        return sorted(found, key=lambda message: message.at)
