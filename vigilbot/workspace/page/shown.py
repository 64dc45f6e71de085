"""What a page can show and do: a workspace of Slack's or a tenant of Lark's behind the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vigilbot.workspace.page.deeds import Deeds
from vigilbot.workspace.page.snapshot import Look, snapshot
from vigilbot.workspace.state import Json
from vigilbot.workspace.workspace import Workspace


class Shown(Protocol):
    """``snapshot`` is what one person sees now; ``do`` does what a person did on the page, raises NotDone."""

    def snapshot(self, look: Look) -> Json: ...

    async def do(self, given: Json) -> Json: ...

    def subscribe(self, watcher: Callable[[Json], None]) -> Callable[[], None]:
        """Every change; what is returned ends it."""
        ...

    def picture(self, name: str) -> tuple[bytes, str] | None:
        """A picture that somebody put into a message, and its media type."""
        ...


class SlackShown:
    """``command``: the slash command to offer."""

    def __init__(self, ws: Workspace, *, command: str = "/vigil") -> None:
        self._ws = ws
        self._command = command
        self._deeds = Deeds(ws)

    def snapshot(self, look: Look) -> Json:
        return snapshot(self._ws, look) | {"command": self._command}

    async def do(self, given: Json) -> Json:
        return await self._deeds.do(given)

    def subscribe(self, watcher: Callable[[Json], None]) -> Callable[[], None]:
        return self._ws.subscribe(watcher)

    def picture(self, name: str) -> tuple[bytes, str] | None:
        found = self._ws.state.files.get(name)
        if found is None or not found.mimetype.startswith("image/") or "svg" in found.mimetype:
            return None
        return found.data, found.mimetype
