"""The Lark adapter on the local tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tests.unit.platforms.parts import Inbox, connected
from vigilbot.cards import Action, ActionKind, Card
from vigilbot.domain import Citation
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.ports import Clock
from vigilbot.providers.clock import SystemClock
from vigilbot.workspace.lark import LarkTenant

WITHIN = 20.0  # seconds that a busy machine may take for what takes milliseconds


def adapter(tenant: LarkTenant, *, clock: Clock | None = None, **given: Any) -> LarkAdapter:
    options: dict[str, Any] = {
        "app_id": tenant.app_id,
        "app_secret": tenant.app_secret,
        "encrypt_key": tenant.encrypt_key,
        "token": tenant.verification_token,
        "mode": "socket",
        "base_url": tenant.url,
        "timeout": 10.0,
        "ping": 5.0,
        "language": "en",
        "clock": clock or SystemClock(),
    }
    return LarkAdapter(**options | given)


@dataclass(kw_only=True)
class Joined:
    """A tenant with a customer, an analyst and the connected bot in a chat."""

    tenant: LarkTenant
    lark: LarkAdapter
    inbox: Inbox
    chat: str
    customer: str
    analyst: str

    async def say(self, text: str, **more: Any) -> str:
        return await self.tenant.say(self.customer, self.chat, text, **more)

    def shown(self) -> list[Any]:
        """What the bot has said in the chat."""
        return [m for m in self.tenant.messages(self.chat) if m.user == self.tenant.app_id]


@asynccontextmanager
async def joined(
    *,
    mode: Literal["socket", "webhook"] = "socket",
    inbox: Inbox | None = None,
    now: Callable[[], datetime] | None = None,
    **given: Any,
) -> AsyncIterator[Joined]:
    async with LarkTenant(limits=False, now=now) as tenant:
        customer = tenant.add_user("Cleo", title="Buyer")
        analyst = tenant.add_user("Ana", title="Support analyst")
        chat = tenant.add_chat("support", members=(customer, analyst))
        lark, inbox = adapter(tenant, mode=mode, **given), inbox or Inbox()
        async with listening(lark, inbox, tenant):
            await tenant.invite(chat, by=analyst)
            await tenant.settled(WITHIN)
            inbox.events.clear()
            yield Joined(tenant=tenant, lark=lark, inbox=inbox, chat=chat, customer=customer, analyst=analyst)


@asynccontextmanager
async def listening(lark: LarkAdapter, inbox: Inbox, tenant: LarkTenant) -> AsyncIterator[None]:
    def called_at(address: str) -> None:
        tenant.webhook.target = address

    async with connected(lark, inbox, called_at=called_at):
        yield


def card(**given: Any) -> Card:
    options: dict[str, Any] = {
        "title": "Answer",
        "question": "How?",
        "body": "Restart it [1].",
        "provenance": "from 1 earlier case",
        "citations": (Citation(url="https://docs.example.com/a", title="The guide"),),
        "actions": (
            Action(kind=ActionKind.ACCEPT, label="Accept", value="a1", primary=True),
            Action(kind=ActionKind.WHY, label="Why this?", value="a1"),
            Action(kind=ActionKind.WITHDRAW, label="Withdraw", value="a1"),
        ),
    }
    return Card(**options | given)
