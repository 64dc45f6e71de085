"""The same people and steps as World, but everything happens in a Lark tenant on loopback.

What a scenario says is typed, recalled, reacted and clicked in the tenant; its long connection or its
webhook brings it to the bot, and the bot's cards are read back. Clock, ledger and engine are World's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from aiohttp import web

from vigilbot.clicks import Reply
from vigilbot.doctor import Check
from vigilbot.domain import Event, EventKind
from vigilbot.errors import VigilBotError
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.platforms.lark_posting import uuid_of
from vigilbot.replay import Life
from vigilbot.serve.desk import Staff, staffed
from vigilbot.testing.checks import Mismatch
from vigilbot.testing.mirrored import Mirrored
from vigilbot.testing.scenario import BadScenario
from vigilbot.testing.world import BOT, MOMENT, TENANT, World
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.cards import actions
from vigilbot.workspace.lark.state import Message

SPOKEN: Final = ("close", "reopen", "quiet", "resume")
"""Commands that people say to the bot in the topic."""
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


class LarkLife(Life):
    """Events happen in the tenant; whatever else the bot owes (greetings, replies) is work too."""

    def __init__(self, world: LarkWorld) -> None:
        super().__init__(bot=world.parts.bot, clock=world.clock, work=world.staff.work)
        self._world = world

    async def event(self, event: Event) -> None:
        await self.until(event.at)
        await self._world.intrude(event)


@dataclass(slots=True)
class LarkWorld(World):
    """``mode`` is how Lark's events come: over a long connection, or posted to the bot's own web server.

    Beside what a scenario expects, the chats must show the cards that were posted and no others.
    """

    mode: Literal["socket", "webhook"] = "socket"
    tenant: LarkTenant = field(init=False)
    mirrored: Mirrored = field(init=False)
    adapter: LarkAdapter = field(init=False)
    _staff: Staff | None = None
    _web: web.AppRunner | None = None

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        await self._open()
        try:
            yield
            if wrong := self.mirrored.differences():
                raise Mismatch("; ".join(wrong))
        finally:
            await self.tenant.stop()

    async def _open(self) -> None:
        self.tenant = LarkTenant(now=self.clock.now, limits=False)
        self.tenant.state.tenant = TENANT
        await self.tenant.start()
        self.mirrored = Mirrored(stage=LarkStage(self.tenant), clock=self.clock)
        self.platform = self.mirrored
        groups: dict[str, list[str]] = {}
        for person in self.people.values():
            other = "another-company" if person.external else ""
            user = self.tenant.add_user(person.name, id=person.id, title=person.title, tenant=other)
            self.tenant.state.users[user].bot = person.bot
            for group in person.groups:
                groups.setdefault(group, []).append(person.id)
        for handle, members in groups.items():
            self.tenant.add_group(handle, members)
        everybody = [person.id for person in self.people.values()]
        for channel in self.channels.values():
            self.tenant.add_chat(
                channel.name,
                id=channel.id,
                public=not channel.private,
                external=channel.external,
                members=everybody,
            )

    @property
    def staff(self) -> Staff:
        if self._staff is None:
            raise VigilBotError("the bot is not running")
        return self._staff

    @property
    def life(self) -> Life:
        return LarkLife(self)

    # -- the bot's life

    async def start(self) -> None:
        self.adapter = LarkAdapter(
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
        self.mirrored.adapter = self.directory = self.adapter
        await World.start(self)
        self._staff = await staffed(
            self.parts,
            settings=self.settings,
            platform=self.mirrored,
            directory=self.adapter,
            clock=self.clock,
            problems=lambda: (),
            doctor=_no_checks,
            wake=lambda: None,
        )
        await self.adapter.connect(self._staff.desk)
        if self.mode == "webhook":
            await self._listen()
        for channel in self.channels.values():
            await self.tenant.invite(channel.id, by=next(iter(self.people.values())).id)
        await self._taken_in()
        await self.adapter.backfill()
        await self.life.until(self.clock.now())

    async def _listen(self) -> None:
        application = web.Application()
        for method, path, handler in self.adapter.routes():
            application.router.add_route(method, path, handler)
        self._web = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._web.setup()
        await web.TCPSite(self._web, "127.0.0.1", 0).start()
        self.tenant.webhook.target = f"http://127.0.0.1:{self._web.addresses[0][1]}/lark/events"

    async def stop(self) -> None:
        await self.tenant.settled()
        self.tenant.webhook.target = ""
        await self.adapter.disconnect()
        if self._web is not None:
            await self._web.cleanup()
            self._web = None
        self._staff = None
        await World.stop(self)

    async def _taken_in(self) -> None:
        await self.tenant.settled()
        while await self.parts.bot.ingest():
            pass

    # -- what people do

    async def intrude(self, event: Event) -> None:
        """The event happens in the tenant, and Lark tells the bot of it."""
        self.clock.advance_to(max(event.at, self.clock.now()))
        where = event.channel
        if event.is_self:
            return
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
        await self._taken_in()

    async def again(self, label: str, *, other_transport: bool) -> bool:
        """Lark sends it once more; or a look into the chat's history finds it again."""
        meant = self.events[label]
        before = await self._inbox()
        if other_transport:
            natural = f"message:{TENANT}:{meant.channel}:{meant.ts}"
            await self.parts.bot.receive(replace(meant, key=f"again:{label}", natural_key=natural))
        else:
            about = next(
                push
                for push in self.tenant.sent
                if push.payload["event"].get("message", {}).get("message_id") == meant.ts
            )
            sent = about.tries
            self.tenant.repeat(about)
            assert about.tries > sent
            await asyncio.sleep(0.1)
        await self._taken_in()
        return await self._inbox() > before

    async def _inbox(self) -> int:
        [row] = await self.parts.ledger.fetch("SELECT count(*) AS n FROM inbox")
        return int(row["n"])

    async def click(
        self, action: str, who: str, *, on: str = "main", number: int = 0, text: str | None = None
    ) -> Reply:
        """A click in the tenant, on a button that is there; else on what a screen may still show."""
        card = self.cards(on)[number - 1]
        user = self.person(who).id
        message = self.tenant.state.messages.get(card.ts)
        label = next((a.label for a in card.card.actions if a.kind.value == action), "")
        if text is not None or message is None or not _has(message, label):
            return await World.click(self, action, who, on=on, number=number, text=text)
        await self.wait(MOMENT)
        before = await self._feedback()
        toast = await self.tenant.click(user, card.ts, label)
        taken = await self._feedback() > before
        await self.life.until(self.clock.now())
        return Reply(text=str(toast.get("content", "")), taken=taken)

    async def _feedback(self) -> int:
        [row] = await self.parts.ledger.fetch("SELECT count(*) AS n FROM feedback")
        return int(row["n"])


def _has(message: Message, label: str) -> bool:
    for element in actions(message.body):
        options = element.get("options", [element])
        if label and any(option.get("text", {}).get("content") == label for option in options):
            return True
    return False


async def _no_checks() -> Sequence[Check]:
    return ()
