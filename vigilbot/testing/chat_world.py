"""The same people and steps as World, but everything happens on a chat platform on loopback.

What a scenario says is typed, reacted and clicked there; the platform's own protocol brings it to the
bot, and the bot's cards are read back from the channels. Clock, ledger and engine are World's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from aiohttp import web

from vigilbot.clicks import Reply
from vigilbot.doctor import Check
from vigilbot.domain import Event
from vigilbot.errors import VigilBotError
from vigilbot.platforms.replay import PostedCard
from vigilbot.replay import Life
from vigilbot.serve.chat import Chat
from vigilbot.serve.desk import Staff, staffed
from vigilbot.server import Route
from vigilbot.testing.checks import Mismatch
from vigilbot.testing.mirrored import Mirrored, Stage
from vigilbot.testing.world import MOMENT, TENANT, Channel, Person, World

SPOKEN: Final = ("close", "reopen", "quiet", "resume")
"""Commands that people say to the bot in the thread."""


class Local(Protocol):
    """A workspace or tenant on this machine. ``settled``: what was sent is acknowledged or given up."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def settled(self) -> None: ...

    async def invite(self, channel: str, /, *, by: str) -> None: ...


class ChatLife(Life):
    """Events happen on the platform; whatever else the bot owes (greetings, replies) is work too."""

    def __init__(self, world: ChatWorld) -> None:
        super().__init__(bot=world.parts.bot, clock=world.clock, work=world.staff.work)
        self._world = world

    async def event(self, event: Event) -> None:
        await self.until(event.at)
        await self._world.intrude(event)


@dataclass(slots=True)
class ChatWorld(World, ABC):
    """Beside what a scenario expects, the channels must show the cards that were posted and no others."""

    mirrored: Mirrored = field(init=False)
    adapter: Chat = field(init=False)
    _local: Local = field(init=False)
    _staff: Staff | None = None

    # -- what differs from platform to platform

    @abstractmethod
    def _made(self) -> tuple[Local, Stage]:
        """The platform, not started yet and without people."""

    @abstractmethod
    def _settle_in(self, person: Person) -> None:
        """The person is there."""

    @abstractmethod
    def _grouped(self, handle: str, members: Sequence[str]) -> None:
        """The user group is there."""

    @abstractmethod
    def _founded(self, channel: Channel, members: Sequence[str]) -> None:
        """The channel is there, without the bot."""

    @abstractmethod
    def _adapted(self) -> Chat:
        """The bot's adapter to the platform that runs."""

    @abstractmethod
    def _called_at(self, address: str) -> None:
        """The platform sends its events there from now on."""

    @abstractmethod
    async def _happen(self, event: Event) -> None:
        """Somebody does on the platform what the event tells of. Raises BadScenario if nobody can."""

    @abstractmethod
    async def _repeated(self, event: Event) -> None:
        """The platform sends once more what it told of the event."""

    @abstractmethod
    def _has_button(self, card: PostedCard, action: str) -> bool:
        """Whether the card still shows the button there."""

    @abstractmethod
    async def _pressed(self, user: str, card: PostedCard, action: str) -> str:
        """A click on it; what the bot tells the clicker."""

    # -- what outlives the bot

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        self._local, stage = self._made()
        await self._local.start()
        try:
            self.platform = self.mirrored = Mirrored(stage=stage, clock=self.clock)
            self._populate()
            yield
            if wrong := self.mirrored.differences():
                raise Mismatch("; ".join(wrong))
        finally:
            await self._local.stop()

    def _populate(self) -> None:
        groups: dict[str, list[str]] = {}
        for person in self.people.values():
            self._settle_in(person)
            for group in person.groups:
                groups.setdefault(group, []).append(person.id)
        for handle, members in groups.items():
            self._grouped(handle, members)
        for channel in self.channels.values():
            self._founded(channel, [person.id for person in self.people.values()])

    # -- the bot's life

    @property
    def staff(self) -> Staff:
        if self._staff is None:
            raise VigilBotError("the bot is not running")
        return self._staff

    @property
    def life(self) -> Life:
        return ChatLife(self)

    async def start(self) -> None:
        self.adapter = self._adapted()
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
        if routes := self.adapter.routes():
            self._called_at(await self._stack.enter_async_context(serving(routes)))
        for channel in self.channels.values():
            await self._local.invite(channel.id, by=next(iter(self.people.values())).id)
        await self._taken_in()
        await self.adapter.backfill()
        await self.life.until(self.clock.now())

    async def stop(self) -> None:
        await self._local.settled()  # the echo of a card just drawn would find nobody, and wait
        await self.adapter.disconnect()
        self._staff = None
        await World.stop(self)

    async def _taken_in(self) -> None:
        await self._local.settled()
        while await self.parts.bot.ingest():
            pass

    # -- what people do

    async def intrude(self, event: Event) -> None:
        """The event happens on the platform, which tells the bot of it."""
        self.clock.advance_to(max(event.at, self.clock.now()))
        if not event.is_self:
            await self._happen(event)
            await self._taken_in()

    async def again(self, label: str, *, other_transport: bool) -> bool:
        """The platform sends it once more; or a look into the channel's history finds it again."""
        meant = self.events[label]
        before = await self._count_of("inbox")
        if other_transport:
            natural = f"message:{TENANT}:{meant.channel}:{meant.ts}"
            await self.parts.bot.receive(replace(meant, key=f"again:{label}", natural_key=natural))
        else:
            await self._repeated(meant)
        await self._taken_in()
        return await self._count_of("inbox") > before

    async def click(
        self, action: str, who: str, *, on: str = "main", number: int = 0, text: str | None = None
    ) -> Reply:
        """A click on the platform, on a button that is there; else on what a screen may still show."""
        card = self.cards(on)[number - 1]
        if text is not None or not self._has_button(card, action):
            return await World.click(self, action, who, on=on, number=number, text=text)
        await self.wait(MOMENT)
        before = await self._count_of("feedback")
        told = await self._pressed(self.person(who).id, card, action)
        taken = await self._count_of("feedback") > before
        await self.life.until(self.clock.now())
        return Reply(text=told, taken=taken)

    async def _count_of(self, table: str) -> int:
        [row] = await self.parts.ledger.fetch(f"SELECT count(*) AS n FROM {table}")
        return int(row["n"])


@asynccontextmanager
async def serving(routes: Sequence[Route]) -> AsyncIterator[str]:
    """Serves an adapter's routes on loopback; the address of the first."""
    application = web.Application()
    for method, path, handler in routes:
        application.router.add_route(method, path, handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{routes[0][1]}"
    finally:
        await runner.cleanup()


async def _no_checks() -> Sequence[Check]:
    return ()
