"""The chats a bot is in, as settings name them: a platform, and a name where there are several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vigilbot.errors import BadSettings

PLATFORMS = ("slack", "lark", "feishu")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """``name`` is "" where there is one only."""

    platform: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.platform}/{self.name}" if self.name else self.platform

    def variable(self, secret: str) -> str:
        """The environment variable of a secret."""
        return f"{secret}_{self.name.upper().replace('-', '_')}" if self.name else secret

    def path(self, common: str) -> str:
        """Where its events come in over HTTP."""
        return f"{common}/{self.name}" if self.name else common


def named_chats(given: Sequence[str]) -> tuple[Named, ...]:
    """Raises BadSettings for an unknown platform, a bad name, one that stands twice, or none at all."""
    found: list[Named] = []
    for entry in given:
        platform, _, name = entry.strip().partition("/")
        if platform not in PLATFORMS or (name and not _NAME.fullmatch(name)):
            raise BadSettings(
                f"unknown chat {entry!r}",
                place="platform.connect",
                remedy=f"Write {', '.join(PLATFORMS[:-1])} or {PLATFORMS[-1]}, or such a word with /name "
                "after it, in lower-case letters",
            )
        found.append(Named(platform=platform, name=name))
    if not found:
        raise BadSettings("no chat is named", place="platform.connect", remedy="Write [slack] or [lark]")
    if len({one.variable("") if one.name else one.platform for one in found}) < len(found):
        raise BadSettings(
            "two chats have the same name", place="platform.connect", remedy="Give each a name of its own"
        )
    return tuple(found)
