"""The Slack adapter on the local workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from tests.unit.platforms.parts import Inbox, connected
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.ports import Clock
from vigilbot.providers.clock import SystemClock
from vigilbot.workspace import Workspace


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
    def called_at(address: str) -> None:
        ws.http_target = address or None

    async with connected(slack, inbox, called_at=called_at):
        yield
