"""A real bot with its desk, a small company around it, and hands that click and type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from vigilbot.cards import Action, ActionKind, Notice
from vigilbot.doctor import Check, Status
from vigilbot.domain import Event, EventKind
from vigilbot.errors import PlatformError
from vigilbot.interactions.joining import Facts
from vigilbot.interactions.opening import Equipment, Opened, open_desk
from vigilbot.platforms.replay import PostedNotice
from vigilbot.ports import Interaction, InteractionKind, Platform, Response, Row
from vigilbot.settings import Settings, load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

TENANT = "T1"
SUPPORT = Channel(name="support")
SHARED = Channel(name="acme", external=True)
SECRET = Channel(name="secret", private=True)
PEOPLE = {
    "ann": Person(name="Ann", title="Support analyst"),
    "otto": Person(name="Otto"),  # a full member who is nothing else
    "eve": Person(name="Eve"),
    "ada": Person(name="Ada"),  # an admin of the workspace
    "mia": Person(name="Mia", title="Support engineer", external=True),  # of another company
    "rob": Person(name="Rob", bot=True),
}
ADMINS = {"U-ADA"}


@dataclass(slots=True)
class Company:
    """The directory: knows the people above; ``away`` cannot be asked, ``slow`` takes its time."""

    channels: dict[str, Channel]
    away: bool = False
    slow: float = 0.0
    asked: int = 0

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        self.asked += 1
        await asyncio.sleep(self.slow)
        if self.away:
            raise PlatformError("nobody answers")
        person = next((p for p in PEOPLE.values() if p.id == event.user), Person(name=""))
        channel = self.channels.get(event.channel)
        return replace(
            event,
            completed=True,
            is_bot=person.bot,
            user_name=person.name,
            user_title=person.title,
            user_external=person.external,
            user_admin=event.user in ADMINS,
            channel_name=channel.name if channel else event.channel,
            channel_external=bool(channel and channel.external),
            channel_private=bool(channel and channel.private),
        )


@dataclass(slots=True)
class Office:
    world: World
    company: Company
    opened: Opened
    problems: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    woken: int = 0

    @property
    def ledger(self) -> Any:
        return self.world.parts.ledger

    def event(self, who: str, channel: Channel = SUPPORT, *, ts: str = "", **changes: Any) -> Event:
        return Event(
            kind=EventKind.COMMAND,
            tenant=TENANT,
            channel=channel.id,
            ts=ts,
            thread=ts,
            user=PEOPLE[who].id,
            at=self.world.clock.now(),
            key="call",
            natural_key="call",
            completed=False,
            **changes,
        )

    async def act(
        self,
        kind: InteractionKind,
        who: str,
        *,
        channel: Channel = SUPPORT,
        name: str = "",
        ts: str = "",
        **given: Any,
    ) -> Response:
        event = self.event(who, channel, ts=ts)
        return await self.opened.desk.act(Interaction(kind=kind, event=event, name=name, **given))

    async def type(self, who: str, text: str, channel: Channel = SUPPORT) -> str:
        """What the person reads after a slash command, and without any button under it."""
        response = await self.act(InteractionKind.COMMAND, who, channel=channel, name="command", text=text)
        assert response.notice is None
        return response.text

    async def ask(self, who: str, text: str, channel: Channel = SUPPORT) -> Notice:
        """A slash command that is shown first."""
        response = await self.act(InteractionKind.COMMAND, who, channel=channel, name="command", text=text)
        assert response.notice is not None, response.text
        return response.notice

    async def click(self, who: str, action: Action, *, channel: Channel = SUPPORT, ts: str = "") -> Response:
        return await self.act(
            InteractionKind.CLICK, who, channel=channel, name=action.kind.value, value=action.value, ts=ts
        )

    async def invited(self, channel: Channel, by: str = "ann") -> None:
        """Somebody lets the bot in, and it does what there is to do."""
        await self.happens(EventKind.MEMBER_JOINED, channel, by)

    async def happens(self, kind: EventKind, channel: Channel, by: str) -> None:
        at = self.world.clock.now() + timedelta(seconds=1)
        self.world.clock.advance_to(at)
        ts = f"{at.timestamp():.6f}"
        event = self.world.event(kind, by, channel=channel, ts=ts, thread=ts, at=at)
        await self.opened.desk.receive(replace(event, is_self=True, natural_key=f"{kind}:{channel.id}:{at}"))
        await self.world.parts.bot.ingest()
        await self.opened.joining.work()

    async def row(self, channel: Channel) -> Row:
        found: Row = await self.ledger.chats.channel(TENANT, channel.id)
        return found

    def notices(self, channel: Channel) -> list[PostedNotice]:
        return [n for n in self.world.platform.notices if n.channel == channel.id]

    async def audit(self) -> list[tuple[str, str, str]]:
        rows = await self.ledger.fetch("SELECT actor, action, subject FROM audit ORDER BY id")
        return [(row["actor"], row["action"], row["subject"]) for row in rows]


def button(notice: Notice, kind: ActionKind, value: str = "") -> Action:
    return next(a for a in notice.actions if a.kind is kind and a.value.endswith(value))


@asynccontextmanager
async def office(
    folder: Path,
    *,
    channels: tuple[Channel, ...] = (SUPPORT,),
    options: dict[str, str] | None = None,
    facts: Facts | None = None,
    platform: Platform | None = None,
) -> AsyncIterator[Office]:
    settings: Settings = load(options={"oncall.grace": "0", "oncall.burst": "1", **(options or {})})
    known = {c.name: c for c in (SUPPORT, SHARED, SECRET)}
    world = World(
        settings=settings,
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels=known,
    )
    await world.start()
    company = Company(channels={c.id: c for c in known.values()})
    made: list[Office] = []

    async def doctor() -> list[Check]:
        return made[0].checks

    def wake() -> None:
        made[0].woken += 1

    opened = open_desk(
        Equipment(
            bot=world.parts.bot,
            roles=world.parts.roles,
            directory=company,
            platform=platform or world.platform,
            clock=world.clock,
            facts=facts or Facts(command="/vigil"),
            problems=lambda: made[0].problems,
            doctor=doctor,
            wake=wake,
        )
    )
    made.append(Office(world=world, company=company, opened=opened))
    made[0].checks = [Check(name="ledger", status=Status.OK, found="sound")]
    try:
        for channel in channels:
            await made[0].invited(channel)
        yield made[0]
    finally:
        await world.stop()
