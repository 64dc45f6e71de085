"""Scenarios in a Lark tenant on loopback: over the long connection, or over the webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Final, Literal

from vigilbot.domain import Event, EventKind
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.platforms.lark_posting import uuid_of
from vigilbot.platforms.replay import PostedCard
from vigilbot.testing.chat_world import SPOKEN, ChatWorld
from vigilbot.testing.mirrored import Stage
from vigilbot.testing.scenario import BadScenario
from vigilbot.testing.world import BOT, TENANT, Channel, Person
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.cards import actions
from vigilbot.workspace.lark.state import Message

EMOJI: Final = {"white_check_mark": "DONE", "+1": "THUMBSUP"}
"""What scenarios call an emoji, as Lark does."""


class LarkStage:
    """``testing.mirrored.Stage`` of a tenant."""

    def __init__(self, tenant: LarkTenant) -> None:
        self._tenant = tenant

    def refuse(self) -> None:
        self._tenant.api.trouble_sending("limit")

    def lose(self) -> None:
        self._tenant.api.trouble_sending("drop")

    def shown(self, notices: Set[str]) -> set[tuple[str, str]]:
        said = {uuid_of(key) for key in notices}
        state = self._tenant.state
        return {
            (message.chat, message.id)
            for message in state.messages.values()
            if message.user == self._tenant.app_id
            and not message.deleted
            and message.uuid not in said
            and state.chats[message.chat].mode != "p2p"
        }


@dataclass(slots=True)
class LarkWorld(ChatWorld):
    """``mode`` is how Lark's events come: over a long connection, or posted to the bot's own web server."""

    mode: Literal["socket", "webhook"] = "socket"
    tenant: LarkTenant = field(init=False)

    def _made(self) -> tuple[LarkTenant, Stage]:
        self.tenant = LarkTenant(now=self.clock.now, limits=False)
        self.tenant.state.tenant = TENANT
        return self.tenant, LarkStage(self.tenant)

    def _settle_in(self, person: Person) -> None:
        other = "another-company" if person.external else ""
        user = self.tenant.add_user(person.name, id=person.id, title=person.title, tenant=other)
        self.tenant.state.users[user].bot = person.bot

    def _grouped(self, handle: str, members: Sequence[str]) -> None:
        self.tenant.add_group(handle, members)

    def _founded(self, channel: Channel, members: Sequence[str]) -> None:
        self.tenant.add_chat(
            channel.name,
            id=channel.id,
            public=not channel.private,
            external=channel.external,
            members=members,
        )

    def _adapted(self) -> LarkAdapter:
        return LarkAdapter(
            app_id=self.tenant.app_id,
            app_secret=self.tenant.app_secret,
            encrypt_key=self.tenant.encrypt_key,
            token=self.tenant.verification_token,
            mode=self.mode,
            base_url=self.tenant.url,
            timeout=5.0,
            ping=5.0,
            language="en",
            clock=self.clock,
        )

    def _called_at(self, address: str) -> None:
        self.tenant.webhook.target = address

    async def stop(self) -> None:
        await self.tenant.settled()
        self.tenant.webhook.target = ""
        await ChatWorld.stop(self)

    # -- what people do

    async def _happen(self, event: Event) -> None:
        where = event.channel
        if event.kind is EventKind.POSTED:
            above = event.thread if event.thread != event.ts else ""
            called = event.text.startswith(BOT)
            said = event.text.removeprefix(BOT).lstrip() if called else event.text
            await self.tenant.say(event.user, where, said, to=above, id=event.ts, call_bot=called)
        elif event.kind is EventKind.DELETED:
            await self.tenant.recall(event.ts)
        elif event.kind is EventKind.REACTION_ADDED:
            await self.tenant.react(event.user, event.ts, EMOJI.get(event.reaction, event.reaction))
        elif event.kind is EventKind.REACTION_REMOVED:
            emoji = EMOJI.get(event.reaction, event.reaction)
            await self.tenant.react(event.user, event.ts, emoji, take_away=True)
        elif event.kind is EventKind.COMMAND and event.text in SPOKEN:
            await self.tenant.say(event.user, where, event.text, to=event.thread, call_bot=True)
        else:
            raise BadScenario(f"nobody can do that in Lark: {event.kind} {event.text}", place="scenario")

    async def _repeated(self, event: Event) -> None:
        about = next(
            push
            for push in self.tenant.sent
            if push.payload["event"].get("message", {}).get("message_id") == event.ts
        )
        sent = about.tries
        self.tenant.repeat(about)
        assert about.tries > sent
        await asyncio.sleep(0.1)

    def _has_button(self, card: PostedCard, action: str) -> bool:
        message = self.tenant.state.messages.get(card.ts)
        return message is not None and _has(message, _label(card, action))

    async def _pressed(self, user: str, card: PostedCard, action: str) -> str:
        toast = await self.tenant.click(user, card.ts, _label(card, action))
        return str(toast.get("content", ""))


def _label(card: PostedCard, action: str) -> str:
    """What stands on the card's button; "" if it never had one."""
    return next((a.label for a in card.card.actions if a.kind.value == action), "")


def _has(message: Message, label: str) -> bool:
    for element in actions(message.body):
        options = element.get("options", [element])
        if label and any(option.get("text", {}).get("content") == label for option in options):
            return True
    return False
