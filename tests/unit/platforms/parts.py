"""The bot's side of a chat platform as a plain record, and an adapter that listens, for both platforms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from vigilbot.domain import Event
from vigilbot.errors import LedgerError
from vigilbot.ports import Inbound, Interaction, Response, Watermark
from vigilbot.serve.chat import Chat
from vigilbot.testing.chat_world import serving


@dataclass(kw_only=True)
class Inbox:
    """Takes events in as the ledger does: once by key, once by happening. ``broken``: the disk is full."""

    events: list[Event] = field(default_factory=list)
    acts: list[Interaction] = field(default_factory=list)
    open_gaps: list[Watermark] = field(default_factory=list)
    closed_gaps: list[Watermark] = field(default_factory=list)
    asked_for_gaps: int = 0
    broken: bool = False
    respond: Callable[[Interaction], Response] = lambda _: Response(text="Noted.")
    before_reply: Callable[[], Awaitable[None]] | None = None
    _known: set[str] = field(default_factory=set)

    async def receive(self, event: Event) -> bool:
        await asyncio.sleep(0)
        if self.broken:
            raise LedgerError("the disk is full")
        if {event.key, event.natural_key} & self._known:
            return False
        self._known |= {event.key, event.natural_key}
        self.events.append(event)
        return True

    async def act(self, interaction: Interaction) -> Response:
        self.acts.append(interaction)
        if self.before_reply is not None:
            await self.before_reply()
        return self.respond(interaction)

    async def gaps(self) -> Sequence[Watermark]:
        self.asked_for_gaps += 1
        return list(self.open_gaps)

    async def filled(self, gap: Watermark) -> None:
        self.closed_gaps.append(gap)

    def texts(self) -> list[str]:
        return [event.text for event in self.events if event.text]


@asynccontextmanager
async def connected(chat: Chat, inbox: Inbound, *, called_at: Callable[[str], None]) -> AsyncIterator[None]:
    """Connected, and served over HTTP where that is the mode; ``called_at`` is told where, "" at the end."""
    async with AsyncExitStack() as stack:
        await chat.connect(inbox)
        try:
            if routes := chat.routes():
                called_at(await stack.enter_async_context(serving(routes)))
            yield
        finally:
            await chat.disconnect()
            called_at("")


async def until(found: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """Waits for something to be true of a running system, and returns it."""
    async with asyncio.timeout(seconds):
        while not (value := found()):  # noqa: ASYNC110 - the system under test does not know of the test
            await asyncio.sleep(0.005)
    return value
