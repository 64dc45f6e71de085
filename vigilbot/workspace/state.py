"""People, channels, messages, views and files of a workspace: data and look-ups, no behaviour of Slack.

Messages are kept in Slack's own shape, as dictionaries, since that is what everything here speaks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from random import Random
from typing import Any

from vigilbot.workspace.timing import Timing

Json = dict[str, Any]

SLACKBOT = "USLACKBOT"


@dataclass(kw_only=True, slots=True)
class User:
    """A person or another company's or app's bot. ``team`` differs from the workspace's for strangers."""

    id: str
    name: str  # as displayed
    handle: str
    team: str
    title: str = ""
    admin: bool = False
    owner: bool = False
    guest: bool = False
    bot_id: str = ""
    deleted: bool = False


@dataclass(kw_only=True, slots=True)
class Channel:
    """``threads`` has the replies' ts, oldest first, by the root's ts."""

    id: str
    name: str
    kind: str = "channel"  # channel, group (private) or im
    external: bool = False
    archived: bool = False
    restricted: bool = False  # people decided that only they may post
    members: set[str] = field(default_factory=set)
    messages: dict[str, Json] = field(default_factory=dict)
    threads: dict[str, list[str]] = field(default_factory=dict)
    previous_names: list[str] = field(default_factory=list)
    creator: str = SLACKBOT
    created: int = 0

    @property
    def timeline(self) -> list[Json]:
        """What the channel itself shows, oldest first: no replies but broadcast ones."""
        shown = [m for m in self.messages.values() if is_root(m) or m.get("subtype") == "thread_broadcast"]
        return sorted(shown, key=lambda m: moment(m["ts"]))

    def thread(self, root: str) -> list[Json]:
        """The root and its replies, oldest first."""
        found = [self.messages[root]] if root in self.messages else []
        replies = [self.messages[ts] for ts in self.threads.get(root, ())]
        return found + sorted(replies, key=lambda m: moment(m["ts"]))


@dataclass(kw_only=True, slots=True)
class Group:
    id: str
    handle: str
    members: list[str]


@dataclass(kw_only=True, slots=True)
class View:
    """A modal or a home page. ``shape`` is what the app sent with what Slack adds."""

    id: str
    user: str
    shape: Json
    opened_at: float = 0.0
    channel: str = ""
    parent: str = ""  # the view below, for a pushed one


@dataclass(kw_only=True, slots=True)
class File:
    id: str
    name: str
    mimetype: str
    data: bytes
    owner: str
    created: int


@dataclass(kw_only=True, slots=True)
class Ephemeral:
    """Shown to one person in one channel until they reload."""

    user: str
    channel: str
    message: Json


def moment(ts: str) -> tuple[int, int]:
    """A message id as something that sorts; (0, 0) for one that is none."""
    whole, _, fraction = ts.partition(".")
    if not (whole.isdecimal() and (fraction or "0").isdecimal()):
        return (0, 0)
    return (int(whole), int(fraction.ljust(6, "0")[:6] or "0"))


def is_root(message: Json) -> bool:
    return bool(message.get("thread_ts", message["ts"]) == message["ts"])


class State:
    """Everything there is. Ids are handed out in order, so that equal plays give equal ids."""

    def __init__(self, timing: Timing, rng: Random) -> None:
        self.timing = timing
        self.rng = rng
        self.team = "T000LOCAL"
        self.domain = "local"
        self.name = "Local workspace"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, Group] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self.files: dict[str, File] = {}
        self.ephemerals: list[Ephemeral] = []
        self._numbers = itertools.count(1)
        self._last = (0, 0)

    def new_id(self, letter: str) -> str:
        return f"{letter}{next(self._numbers):08d}"

    def secret(self, length: int = 24) -> str:
        return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))

    def new_ts(self) -> str:
        """Greater than every one before, also when the clock stands still."""
        now = self.timing.now()
        at = (int(now.timestamp()), now.microsecond)
        if at <= self._last:
            seconds, micros = self._last
            at = (seconds + (micros + 1) // 1_000_000, (micros + 1) % 1_000_000)
        self._last = at
        return f"{at[0]}.{at[1]:06d}"

    def taken_ts(self, ts: str) -> str:
        """A given message id; later ones are greater."""
        self._last = max(self._last, moment(ts))
        return ts

    def by_handle(self, handle: str) -> User | None:
        wanted = handle.casefold()
        return next((u for u in self.users.values() if u.handle.casefold() == wanted), None)
