"""The Slack adapter on the local workspace, and the bot's side of it as a plain record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from vigilbot.domain import Event
from vigilbot.errors import LedgerError
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.ports import Clock, Interaction, Response, Watermark
from vigilbot.providers.clock import SystemClock
from vigilbot.workspace import Workspace


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


def adapter(ws: Workspace, *, clock: Clock | None = None, **given: Any) -> SlackAdapter:
    options: dict[str, Any] = {
        "bot_token": ws.bot_token,
        "app_token": ws.app_token,
        "signing_secret": ws.signing_secret,
        "mode": "socket",
        "base_url": ws.api_url,
        "timeout": 2.0,
        "ping": 1.0,
        "grace": 3.0,
        "history": "internal",
        "clock": clock or SystemClock(),
    }
    return SlackAdapter(**options | given)


@dataclass(kw_only=True)
class Joined:
    """A workspace with a customer, an analyst and the connected bot in #support."""

    ws: Workspace
    slack: SlackAdapter
    inbox: Inbox
    channel: str
    customer: str
    analyst: str


@asynccontextmanager
async def joined(
    *, mode: Literal["socket", "http"] = "socket", inbox: Inbox | None = None, **given: Any
) -> AsyncIterator[Joined]:
    async with Workspace() as ws:
        customer = ws.add_user("Cleo", title="Buyer")
        analyst = ws.add_user("Ana", title="Support analyst")
        channel = ws.add_channel("support", members=(customer, analyst))
        slack, inbox = adapter(ws, mode=mode, **given), inbox or Inbox()
        async with listening(slack, inbox, ws):
            await ws.invite(channel, by=analyst)
            await ws.settled()
            inbox.events.clear()
            yield Joined(ws=ws, slack=slack, inbox=inbox, channel=channel, customer=customer, analyst=analyst)


@asynccontextmanager
async def listening(slack: SlackAdapter, inbox: Inbox, ws: Workspace) -> AsyncIterator[None]:
    """Connected, and served over HTTP where that is the mode."""
    await slack.connect(inbox)
    runner = None
    try:
        if routes := slack.routes():
            app = web.Application()
            for method, path, handler in routes:
                app.router.add_route(method, path, handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            ws.http_target = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        yield
    finally:
        await slack.disconnect()
        if runner is not None:
            ws.http_target = None
            await runner.cleanup()


async def until(found: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """Waits for something to be true of a running system, and returns it."""
    async with asyncio.timeout(seconds):
        while not (value := found()):  # noqa: ASYNC110 - the system under test does not know of the test
            await asyncio.sleep(0.005)
    return value
