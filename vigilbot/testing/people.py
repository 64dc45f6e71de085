"""Who and where, in a scenario."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody in the workspace; the id is the name in capitals."""

    name: str
    title: str = ""
    external: bool = False
    groups: tuple[str, ...] = ()
    bot: bool = False
    is_self: bool = False
    admin: bool = False

    @property
    def id(self) -> str:
        return "U-" + self.name.upper()


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    name: str
    external: bool = False
    private: bool = False
    direct: bool = False

    @property
    def id(self) -> str:
        return "C-" + self.name.upper()


@dataclass(slots=True)
class Conversation:
    """What a scenario calls by one name: a thread, or a channel when the unit is a channel."""

    channel: Channel
    root: str  # ts of the first message
