"""One real bot with people, channels and time around it; it can be restarted on the same ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vigilbot.admin.corrections import corrections_of
from vigilbot.app import LEDGER, Parts, assembled, spaces_of
from vigilbot.cards import ActionKind
from vigilbot.clicks import Reply
from vigilbot.domain import Citation, Event, EventKind, PassageKind, Trust, Unit
from vigilbot.errors import VigilBotError
from vigilbot.interactions.asking import Asking
from vigilbot.interactions.opening import sharing_of
from vigilbot.interactions.why import Why
from vigilbot.knowledge import new_entry_id
from vigilbot.ledger import Ledger
from vigilbot.ledger.entries import Revision
from vigilbot.platforms.replay import PostedCard, PostedNotice
from vigilbot.ports import Database, Directory, Embedder, Interaction, InteractionKind, Row
from vigilbot.providers.clock import SimulatedClock
from vigilbot.replay import Life
from vigilbot.settings import Settings
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase
from vigilbot.testing.doubles import RecordingPlatform, Watched
from vigilbot.testing.engines import DirectedEngine
from vigilbot.testing.people import Channel as Channel
from vigilbot.testing.people import Conversation as Conversation
from vigilbot.testing.people import Person as Person

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TENANT = "T1"
BOT = "@vigilbot"
"""How people address the bot."""
MOMENT = timedelta(seconds=1)
"""Between two things that happen one right after the other."""


@dataclass(slots=True)
class World:
    """``engine`` judges through every restart; ``wrap`` may put something around the database."""

    settings: Settings
    folder: Path
    embedder: Embedder
    engine: DirectedEngine
    people: Mapping[str, Person]
    channels: Mapping[str, Channel]
    latency: timedelta = timedelta(0)
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(BEGIN))
    conversations: dict[str, Conversation] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)  # by label
    wrap: Callable[[Database], Database] = field(default=lambda database: database)
    directory: Directory | None = None
    platform: Watched = field(init=False)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _parts: Parts | None = None
    _count: int = 0

    def __post_init__(self) -> None:
        self.platform = RecordingPlatform(clock=self.clock)

    # -- the bot's life

    @property
    def parts(self) -> Parts:
        if self._parts is None:
            raise VigilBotError("the bot is not running")
        return self._parts

    @property
    def life(self) -> Life:
        bot = self.parts.bot
        corrections = corrections_of(bot, platform=self.platform, clock=self.clock)
        return Life(bot=bot, clock=self.clock, work=(self.asking.work, bot.work, corrections.work))

    @property
    def why(self) -> Why:
        bot = self.parts.bot
        return Why(ledger=bot.ledger, knowledge=bot.knowledge, roles=self.parts.roles, spaces_of=spaces_of)

    @property
    def asking(self) -> Asking:
        return Asking(
            bot=self.parts.bot,
            platform=self.platform,
            roles=self.parts.roles,
            why=self.why,
            clock=self.clock,
        )

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """What outlives the bot stands ready, before the first start and until after the last stop."""
        yield

    async def start(self) -> None:
        place = self.folder / LEDGER
        opened = await SqliteDatabase.open(place, migrations=bundled(), durable=False)
        ledger = Ledger(self.wrap(opened))
        self._parts = await self._stack.enter_async_context(
            assembled(
                self.settings,
                platform=self.platform,
                clock=self.clock,
                folder=self.folder,
                directory=self.directory,
                embedder=self.embedder,
                engine=self.engine,
                ledger=ledger,
                latency=self.latency,
            )
        )

    async def stop(self) -> None:
        self._parts = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def restart(self, downtime: timedelta = timedelta(0)) -> None:
        """Everything in memory is lost; the ledger and the platform stay."""
        await self.stop()
        self.clock.advance_to(self.clock.now() + downtime)
        await self.start()

    async def wait(self, span: timedelta | None) -> None:
        """Does all work due by then; with None, all there ever is."""
        if span is None:
            await self.life.until(None)
            return
        end = self.clock.now() + span
        await self.life.until(end)
        self.clock.advance_to(max(end, self.clock.now()))

    # -- what people do

    def person(self, name: str) -> Person:
        return self.people[name]

    def event(
        self,
        kind: EventKind,
        who: str,
        *,
        channel: Channel,
        ts: str,
        thread: str,
        at: datetime,
        text: str = "",
        reaction: str = "",
    ) -> Event:
        self._count += 1
        person = self.person(who)
        natural = f"{kind.value}:{TENANT}:{channel.id}:{ts}"
        if kind is not EventKind.POSTED:
            natural += f":{self._count}"
        return Event(
            kind=kind,
            tenant=TENANT,
            channel=channel.id,
            channel_name=channel.name,
            channel_external=channel.external,
            channel_private=channel.private,
            channel_direct=channel.direct,
            addressed=kind is EventKind.POSTED and (channel.direct or text.startswith(BOT)),
            ts=ts,
            thread=thread,
            user=person.id,
            user_name=person.name,
            user_title=person.title,
            user_external=person.external,
            user_groups=person.groups,
            user_admin=person.admin,
            is_bot=person.bot or person.is_self,
            is_self=person.is_self,
            at=at,
            key=f"delivery:{self._count}",
            natural_key=natural,
            text=text,
            reaction=reaction,
        )

    def said(
        self,
        who: str,
        text: str,
        *,
        on: str = "main",
        channel: str = "",
        label: str = "",
        after: timedelta = MOMENT,
        top: bool = False,
    ) -> Event:
        """The event of a message; the first on a conversation begins it. ``top``: not in its thread."""
        at = self.clock.now() + after
        ts = f"{at.timestamp():.6f}"
        known = self.conversations.get(on)
        if known is None:
            chosen = self.channels[channel or next(iter(self.channels))]
            known = self.conversations[on] = Conversation(channel=chosen, root=ts)
        by_channel = self.settings.oncall.unit is Unit.CHANNEL
        thread = ts if top or by_channel else known.root
        event = self.event(
            EventKind.POSTED, who, channel=known.channel, ts=ts, thread=thread, at=at, text=text
        )
        if label:
            self.events[label] = event
        return event

    async def say(
        self,
        who: str,
        text: str,
        *,
        on: str = "main",
        channel: str = "",
        label: str = "",
        after: timedelta = MOMENT,
    ) -> Event:
        event = self.said(who, text, on=on, channel=channel, label=label, after=after)
        await self.life.event(event)
        return event

    async def intrude(self, event: Event) -> None:
        """An event that is taken in while the bot is in the middle of its work."""
        self.clock.advance_to(max(event.at, self.clock.now()))
        await self.parts.bot.receive(event)
        await self.parts.bot.ingest()

    def about(self, label: str, kind: EventKind, who: str, **changes: str) -> Event:
        """An event about an earlier message: an edit, a deletion, a reaction."""
        meant = self.events[label]
        channel = next(c for c in self.channels.values() if c.id == meant.channel)
        at = self.clock.now() + MOMENT
        return self.event(kind, who, channel=channel, ts=meant.ts, thread=meant.thread, at=at, **changes)

    def root(self, on: str) -> str:
        """A label for a conversation's first message."""
        known = self.conversations[on]
        label = f"root of {on}"
        if label not in self.events:
            at = self.clock.now()
            who = next(iter(self.people))
            self.events[label] = self.event(
                EventKind.POSTED, who, channel=known.channel, ts=known.root, thread=known.root, at=at
            )
        return label

    async def again(self, label: str, *, other_transport: bool) -> bool:
        """The platform delivers an event once more; whether the bot took it for new."""
        event = self.events[label]
        if other_transport:
            self._count += 1
            event = replace(event, key=f"delivery:{self._count}")
        taken = await self.parts.bot.receive(event)
        await self.parts.bot.ingest()
        return taken

    async def click(
        self, action: str, who: str, *, on: str = "main", number: int = 0, text: str | None = None
    ) -> Reply:
        """A click (by its kind: accept, withdraw, post …) on the button of a card, the last by default.

        The card may have lost its button meanwhile: people click on what their screen still shows.
        ``text``: what an analyst posts instead of the draft.
        """
        clicked, value = await self.clicked(who, on=on, number=number)
        clicks = self.parts.bot.clicks
        if action == "post":
            reply = await clicks.post(answer_id=value, clicked=clicked, text=text)
        else:
            acts = {
                "accept": clicks.accept,
                "take_back": clicks.take_back,
                "withdraw": clicks.withdraw,
                "dismiss": clicks.dismiss,
            }
            reply = await acts[action](answer_id=value, clicked=clicked)
        await self.life.until(self.clock.now())
        return reply

    async def clicked(self, who: str, *, on: str = "main", number: int = 0) -> tuple[Event, str]:
        """Somebody on a card's button a moment from now, and the button's value."""
        card = self.cards(on)[number - 1]
        known = self.conversations[on]
        at = self.clock.now() + MOMENT
        await self.wait(MOMENT)
        event = self.event(
            EventKind.COMMAND, who, channel=known.channel, ts=card.ts, thread=card.thread, at=at
        )
        return event, card.card.actions[0].value

    async def share(
        self, who: str, *, on: str = "main", number: int = 0, changes: Mapping[str, str]
    ) -> tuple[str, str]:
        """Somebody wants to share what a card rests on: what the form shows, and what is said in the end.

        ``changes`` are what is written over in the form.
        """
        clicked, value = await self.clicked(who, on=on, number=number)
        name = ActionKind.SHARE.value
        asked = Interaction(kind=InteractionKind.CLICK, event=clicked, name=name, value=value)
        sharing = sharing_of(self.parts.bot, roles=self.parts.roles, clock=self.clock)
        shown = await sharing.clicked(asked)
        if shown.form is None:
            return "", shown.text
        fields = {field.name: str(field.initial) for field in shown.form.fields} | dict(changes)
        filled = Interaction(
            kind=InteractionKind.SUBMIT,
            event=clicked,
            name=shown.form.name,
            value=shown.form.value,
            fields=fields,
        )
        reply = await sharing.submitted(filled)
        await self.life.until(self.clock.now())
        told = "\n".join(str(field.initial) for field in shown.form.fields)
        return told, reply.text or str(dict(reply.errors))

    async def teach(self, question: str, answer: str, *, url: str = "", space: str = "public") -> str:
        """Puts an entry in force as an import does; returns its id."""
        entry = new_entry_id("import", question, answer)
        await self.parts.knowledge.restore(
            Revision(
                entry=entry,
                revision=1,
                tenant=TENANT,
                space=space,
                channel="",
                kind=PassageKind.QA,
                question=question,
                answer=answer,
                citations=(Citation(url=url, title=url),) if url else (),
                trust=Trust.PROBATION,
                learned_from="",
                message_ids=(),
                operation="import",
                actor="operator",
                reason="import",
            )
        )
        return entry

    # -- what came of it

    def cards(self, on: str) -> list[PostedCard]:
        """The cards in a conversation, in the order of posting."""
        known = self.conversations.get(on)
        if known is None:
            return []
        by_channel = self.settings.oncall.unit is Unit.CHANNEL
        return [
            p
            for p in self.platform.posted
            if p.channel == known.channel.id and (by_channel or p.thread == known.root)
        ]

    def notices(self, on: str) -> list[PostedNotice]:
        """What the bot said in a conversation besides cards."""
        known = self.conversations.get(on)
        if known is None:
            return []
        by_channel = self.settings.oncall.unit is Unit.CHANNEL
        return [
            n
            for n in self.platform.notices
            if n.channel == known.channel.id and (by_channel or n.thread == known.root)
        ]

    async def oncalls(self, on: str) -> list[Row]:
        """The on-calls of a conversation, in the order they opened."""
        known = self.conversations[on]
        by_channel = self.settings.oncall.unit is Unit.CHANNEL
        return await self.parts.ledger.fetch(
            "SELECT * FROM oncalls WHERE channel = :channel AND (:all OR thread = :thread) "
            "ORDER BY opened_at, id",
            channel=known.channel.id,
            all=int(by_channel),
            thread=known.root,
        )

    async def rows(self, table: str, on: str, order: str) -> list[Row]:
        """Rows of a table that belong to a conversation."""
        found: list[Row] = []
        for oncall in await self.oncalls(on):
            found += await self.parts.ledger.fetch(
                f"SELECT * FROM {table} WHERE oncall = :oncall ORDER BY {order}", oncall=oncall["id"]
            )
        return found
