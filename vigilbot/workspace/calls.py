"""A call of a Web API method, as the methods see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vigilbot.workspace.limits import Limits
from vigilbot.workspace.scene import Refusal, Scene
from vigilbot.workspace.shapes import KIND_SCOPE
from vigilbot.workspace.state import Channel, Json, User
from vigilbot.workspace.tickets import Tickets
from vigilbot.workspace.windows import Windows


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    scene: Scene
    args: Json
    tickets: Tickets
    windows: Windows
    limits: Limits
    base: str

    def text(self, name: str, default: str = "") -> str:
        value = self.args.get(name)
        return default if value is None else str(value)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.args.get(name)
        return default if value is None else value is True or str(value).lower() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        value = str(self.args.get(name, default))
        if not value.isdecimal():
            raise Refusal("invalid_arguments")
        return int(value)

    def required(self, name: str) -> str:
        if not self.text(name):
            raise Refusal("invalid_arguments", messages=[f"[ERROR] missing required field: {name}"])
        return self.text(name)

    def channel(self, *, member: bool = False, scope: str = "") -> Channel:
        """The channel named, if the app may know of it. ``member``: the app has to be there.

        ``scope`` is the part after the colon of what the app needs for this kind of channel.
        """
        found = self.scene.state.channels.get(self.required("channel"))
        inside = found is not None and self.scene.app.bot_user in found.members
        if found is None or (found.kind != "channel" and not inside):
            raise Refusal("channel_not_found")
        if scope:
            self.need(f"{KIND_SCOPE[found.kind]}:{scope}")
        if member and not inside:
            raise Refusal("not_in_channel")
        return found

    def need(self, scope: str) -> None:
        granted = self.scene.app.scopes
        if scope not in granted:
            raise Refusal("missing_scope", more={"needed": scope, "provided": ",".join(sorted(granted))})

    def user(self) -> User:
        found = self.scene.state.users.get(self.required("user"))
        if found is None:
            raise Refusal("user_not_found")
        return found

    def page(self, found: Sequence[object], key: str, *, default: int, most: int) -> Json:
        """A page of what was found under its key, with the cursor of the next one."""
        start = self._cursor()
        size = min(self.number("limit", default) or default, most)
        ahead = str(start + size) if start + size < len(found) else ""
        cursor = f"next:{ahead}" if ahead else ""
        return {key: found[start : start + size], "response_metadata": {"next_cursor": cursor}}

    def _cursor(self) -> int:
        cursor = self.text("cursor")
        if not cursor:
            return 0
        number = cursor.removeprefix("next:")
        if not number.isdecimal():
            raise Refusal("invalid_cursor")
        return int(number)


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """``scopes``: any one of them will do, none: no scope needed. ``tier`` 0: no limit.

    ``token``: bot, app, or "" for none.
    """

    run: Callable[[Call], Json]
    scopes: frozenset[str] = frozenset()
    tier: int = 3
    token: str = "bot"


def any_of(*scopes: str) -> frozenset[str]:
    return frozenset(scopes)
