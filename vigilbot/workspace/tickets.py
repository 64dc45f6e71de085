"""What an interaction leaves with the app for a short time: a trigger for a window, a URL for replies."""

from __future__ import annotations

from dataclasses import dataclass

from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.state import State

TRIGGER_SECONDS = 3.0
REPLY_SECONDS = 30 * 60.0
MOST_REPLIES = 5


@dataclass(kw_only=True, slots=True)
class Trigger:
    """``view``: the window in which the interaction happened, "" for none."""

    user: str
    expires: float
    view: str
    used: bool = False


@dataclass(kw_only=True, slots=True)
class ReplyUrl:
    """``ts``: the message the interaction began at, "" for none."""

    user: str
    channel: str
    expires: float
    ts: str = ""
    ephemeral: bool = False
    thread: str = ""
    uses: int = 0


class Tickets:
    def __init__(self, state: State) -> None:
        self._state = state
        self._triggers: dict[str, Trigger] = {}
        self._replies: dict[str, ReplyUrl] = {}

    def trigger(self, user: str, view: str = "") -> str:
        name = f"{self._state.new_id('T')}.{self._state.secret()}"
        expires = self._state.timing.seconds() + TRIGGER_SECONDS
        self._triggers[name] = Trigger(user=user, expires=expires, view=view)
        return name

    def use_trigger(self, name: str) -> Trigger:
        """Raises Refusal for one that is unknown, too old, or was used."""
        found = self._triggers.get(name)
        if found is None:
            raise Refusal("invalid_trigger_id")
        if found.used:
            raise Refusal("exchanged_trigger_id")
        if self._state.timing.seconds() > found.expires:
            raise Refusal("expired_trigger_id")
        found.used = True
        return found

    def reply_url(self, base: str, url: ReplyUrl) -> str:
        name = self._state.secret(32)
        self._replies[name] = url
        return f"{base}/actions/{name}"

    def expiry(self) -> float:
        return self._state.timing.seconds() + REPLY_SECONDS

    def use_reply(self, name: str) -> ReplyUrl:
        """Raises Refusal `expired_url` or `used_url`."""
        found = self._replies.get(name)
        if found is None or self._state.timing.seconds() > found.expires:
            raise Refusal("expired_url")
        if found.uses >= MOST_REPLIES:
            raise Refusal("used_url")
        found.uses += 1
        return found
