"""Lives through a chat export on a simulated clock, through the real bot, from empty knowledge.

Replay is not a second bot: the export is a platform, the clock is simulated, everything else is
what runs in production. Gold and labels only score; they change nothing the bot does.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from vigilbot.app import LEDGER, Parts, Stages, assembled, knowledge_of, open_ledger, roster
from vigilbot.autonomy.critic import OWN
from vigilbot.bot import Bot
from vigilbot.domain import Dialogue, Event, EventKind, Gate, Role, Scope
from vigilbot.engines.fallback import FallbackEngine
from vigilbot.errors import VigilBotError
from vigilbot.evals import from_ledger, learning
from vigilbot.evals.ablation import FULL, NO_LEARNING, NO_REVIEW, Unreviewed, WarmedUp
from vigilbot.evals.gold import Labels
from vigilbot.evals.replay_records import Point, RankedAt, ReplayRecords
from vigilbot.knowledge import Knowledge
from vigilbot.ledger.rows import names
from vigilbot.oncalls import message_id
from vigilbot.pipeline import Judged
from vigilbot.platforms.replay import Export, ReplayPlatform
from vigilbot.ports import Embedder, Row
from vigilbot.providers.clock import SimulatedClock
from vigilbot.roles import Roles
from vigilbot.settings import Settings
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.inspection import copy_ledger

_TITLES = {FULL: "Replaying", NO_REVIEW: "Without review", NO_LEARNING: "Without learning"}
WARM = 256  # texts embedded at a time before the replay begins
PEERS_HELP = (
    "nobody in this export is known as an analyst (no listed id, group or title): "
    "everyone who answers in somebody else's thread counts as one; roles.* in the configuration changes it"
)


class Progress(Protocol):
    """Shows how far a long piece of work has come."""

    def phase(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]: ...


class Life:
    """Drives one bot through time. Work is done when it is due, never before, never twice."""

    def __init__(
        self, *, bot: Bot, clock: SimulatedClock, work: Sequence[Callable[[], Awaitable[int]]] = ()
    ) -> None:
        """``work`` does what is due, a part after the other; the bot's alone where nothing is given."""
        self._bot = bot
        self._clock = clock
        self._work = work or (bot.work,)

    async def reach(self, at: datetime) -> None:
        """Does all work due by then; afterwards it is then, or later."""
        await self.until(at)
        self._clock.advance_to(max(at, self._clock.now()))

    async def event(self, event: Event) -> None:
        """Everything due before the event happens first; then the event is taken in."""
        await self.reach(event.at)
        await self._bot.receive(event)
        await self._bot.ingest()

    async def until(self, end: datetime | None) -> None:
        """Does all work due by ``end``; with None, all there is."""
        idle = 0
        while (due := await self._bot.ledger.next_due()) is not None:
            if end is not None and due > end:
                return
            self._clock.advance_to(max(due, self._clock.now()))
            done = await self._bot.ingest()
            for work in self._work:
                done += await work()
            idle = 0 if done else idle + 1
            if idle > 3:
                raise VigilBotError(f"work due at {due} is never done: this is a defect, please report it")


@dataclass(slots=True)
class Shadow:
    """Ranks the documents the bot would cite at the moments gold is scored at.

    ``resolutions`` is when each conversation's gold document was shared, by (channel, thread). A
    shadow run reads; it writes nothing and changes nothing.
    """

    bot: Bot
    resolutions: Mapping[tuple[str, str], datetime]
    ranked: dict[tuple[str, str, Point], RankedAt] = field(default_factory=dict)
    _oncalls: dict[tuple[str, str], str] = field(default_factory=dict)  # that wait for their resolution
    _asks: dict[tuple[str, str], float] = field(default_factory=dict)  # how probably anything was asked there

    def resolved_by(self, at: datetime) -> list[tuple[datetime, tuple[str, str]]]:
        """When and where resolutions come by ``at``, in order, of conversations not yet looked at then."""
        return sorted(
            (self.resolutions[where], where) for where in self._oncalls if self.resolutions[where] <= at
        )

    async def look_again(self, where: tuple[str, str], at: datetime) -> None:
        """At a conversation whose resolution is about to come."""
        oncall = await self.bot.ledger.chats.oncall_row(self._oncalls.pop(where))
        if oncall is not None:
            dialogue = await self.bot.ledger.chats.dialogue(oncall["id"])
            await self._rank(dialogue, oncall, where, Point.AT_RESOLUTION, at)

    async def look(self, event: Event) -> None:
        where = (event.channel, event.thread)
        resolved = self.resolutions.get(where)
        if resolved is None or event.kind is not EventKind.POSTED or event.at >= resolved:
            return
        row = await self.bot.ledger.chats.message(message_id(event.tenant, event.channel, event.ts))
        if row is None or row["role"] != Role.CUSTOMER:
            return
        oncall = await self.bot.ledger.chats.oncall_row(row["oncall"])
        if oncall is None:
            return
        self._oncalls[where] = oncall["id"]
        dialogue = await self.bot.ledger.chats.dialogue(row["oncall"])
        first = (*where, Point.FIRST_MESSAGE)
        opens = first not in self.ranked and await self._within(dialogue, oncall, where)
        found = await self._rank(dialogue, oncall, where, Point.BEFORE_RESOLUTION, event.at)
        if opens:
            self.ranked[first] = replace(found, point=Point.FIRST_MESSAGE)

    async def _rank(
        self, dialogue: Dialogue, oncall: Row, where: tuple[str, str], point: Point, at: datetime
    ) -> RankedAt:
        asked = tuple(m for m in dialogue.messages if m.role is Role.CUSTOMER)
        place = self.bot.place(await self.bot.channel(oncall), oncall["id"])
        judged = await self.bot.pipeline.rank(dialogue, asked, place=place, within=self._asks.get(where, 1.0))
        urls: tuple[str, ...] = ()
        if judged is not None:
            urls = tuple(dict.fromkeys(c.url for p in judged.passages for c in p.entry.citations if c.url))
        channel, thread = where
        found = RankedAt(channel=channel, thread=thread, point=point, at=at, urls=urls, **_decided(judged))
        self.ranked[*where, point] = found
        return found

    async def _within(self, dialogue: Dialogue, oncall: Row, where: tuple[str, str]) -> bool:
        """Whether the newest message is the first taken for a question; what is ranked from then on is asked
        as probably as it seemed here."""
        scope = self.bot.scope(await self.bot.channel(oncall))
        found = await self.bot.pipeline.engine.identify(dialogue, dialogue.messages[-1:], scope=scope)
        self._asks[where] = max(found.within, self._asks.get(where, 0.0))
        return found.scope is Scope.WITHIN


async def _look_again(shadow: Shadow, life: Life, until: datetime) -> None:
    for at, where in shadow.resolved_by(until):
        await life.reach(at)
        await shadow.look_again(where, at)


def _decided(judged: Judged | None) -> dict[str, Any]:
    """How sure a shadow run was, and whether only that stood between it and a card."""
    if judged is None:
        return {"confidence": 0.0, "stated": 0.0, "decided": False}
    answer = judged.answer
    return {
        "confidence": answer.confidence,
        "stated": answer.features.get(OWN, answer.confidence),
        "decided": not answer.refused and judged.addressed_by is None and judged.said_by is None,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    records: ReplayRecords
    remarks: tuple[str, ...]


async def replay(
    export: Export,
    *,
    settings: Settings,
    folder: Path,
    progress: Progress,
    start: Gate | None = None,
    latency: timedelta = timedelta(seconds=5),
    resolutions: Mapping[tuple[str, str], datetime] | None = None,
    cache: Path | None = None,
    embedder: Embedder,
    variant: str = FULL,
    warm_up: datetime | None = None,
) -> Replayed:
    """The bot's life over ``export``, its ledger in ``folder``; the records to report on.

    ``cache`` keeps a language model's replies, so that a second run makes no call. ``variant`` is one of an
    ablation's; without learning, ``warm_up`` is when it ends.
    """
    await _warm(embedder, export.events, progress)
    warmed: list[WarmedUp] = []
    peers = settings.roles.peers_are_analysts or not knows_analysts(export.events, settings)
    clock = SimulatedClock(export.events[0].at)
    platform = ReplayPlatform(clock=clock, events=export.events)
    async with (
        assembled(
            settings,
            platform=platform,
            clock=clock,
            folder=folder,
            embedder=embedder,
            start=start,
            latency=latency,
            durable=False,
            peers_are_analysts=peers,
            cache=cache,
            stages=_stages(variant, warmed),
        ) as parts,
        AsyncExitStack() as frozen,
    ):
        began = time.perf_counter()
        shadow = Shadow(bot=parts.bot, resolutions=resolutions or {})
        life = Life(bot=parts.bot, clock=clock)
        with progress.phase(_TITLES[variant], len(export.events)) as step:
            for event in export.events:
                if warmed and warm_up is not None and event.at >= warm_up:
                    await life.until(warm_up)
                    warmed.pop().freeze(await _known_now(parts, settings, clock, folder, frozen))
                await _look_again(shadow, life, event.at)
                await life.event(event)
                await shadow.look(event)
                step(1)
            await _look_again(shadow, life, max(shadow.resolutions.values(), default=clock.now()))
            await life.until(None)
        seconds = time.perf_counter() - began
        records = await _records(parts, export, shadow, start=start or settings.oncall.opens, seconds=seconds)
        remarks = without_model(parts)
    if peers and not settings.roles.peers_are_analysts:
        remarks = (PEERS_HELP, *remarks)
    return Replayed(records=records, remarks=remarks)


async def taught(
    labels: Labels, *, settings: Settings, folder: Path, embedder: Embedder, progress: Progress
) -> tuple[learning.Taught, ...]:
    """What the bot learns from labelled on-calls, each lived through in a space of its own."""
    events = learning.events_of(labels)
    clock = SimulatedClock(events[0].at)
    platform = ReplayPlatform(clock=clock, events=events)
    await _warm(embedder, events, progress)
    async with assembled(
        settings,
        platform=platform,
        clock=clock,
        folder=folder,
        embedder=embedder,
        start=Gate.IMMEDIATELY,
        latency=timedelta(seconds=5),
        durable=False,
    ) as parts:
        life = Life(bot=parts.bot, clock=clock)
        with progress.phase("Living through", len(events)) as step:
            for event in events:
                await life.event(event)
                step(1)
            await life.until(None)
        rows = await parts.ledger.entries.list_current()
        numbers = {learning.channel_of(n): n for n in range(len(labels.oncalls))}
        found = []
        for row in rows:
            said = await parts.ledger.chats.messages_by_id(names(row["message_ids"]))
            ts = frozenset(m.ts for m in said)
            found.append(learning.Taught(oncall=numbers[row["channel"]], answer=row["answer"], ts=ts))
        return tuple(found)


def _stages(variant: str, warmed: list[WarmedUp]) -> Stages:
    """What an ablation puts in the place of a usual stage; the retriever to be frozen goes to ``warmed``."""

    def retriever(**usual: Any) -> WarmedUp:
        warmed.append(WarmedUp(**usual))
        return warmed[-1]

    if variant == NO_REVIEW:
        return Stages(reviewer=Unreviewed)
    return Stages(retriever=retriever) if variant == NO_LEARNING else Stages()


async def _known_now(
    parts: Parts, settings: Settings, clock: SimulatedClock, folder: Path, stack: AsyncExitStack
) -> Knowledge:
    """What the bot knows at this moment, in a ledger that nobody writes to any more."""
    then = folder / "warmed-up"
    then.mkdir()
    copy_ledger(folder / LEDGER, then / LEDGER)
    ledger = await open_ledger(then, durable=False)
    stack.push_async_callback(ledger.close)
    return await knowledge_of(
        settings, ledger=ledger, embedder=parts.embedder, index=ExactIndex(), clock=clock
    )


def without_model(parts: Parts) -> tuple[str, ...]:
    """What a reader must know of a replay in which the model failed now and then."""
    engine = parts.bot.pipeline.engine
    if not isinstance(engine, FallbackEngine) or not engine.state().judgements:
        return ()
    state = engine.state()
    return (
        f"{state.judgements} judgements were made without the language model, the last because: {state.last}",
    )


async def _warm(embedder: Embedder, events: Sequence[Event], progress: Progress) -> None:
    """Embeds every text once, in large batches: several times faster than one by one later."""
    texts = {e.text for e in events if e.kind is EventKind.POSTED and e.text}
    ordered = sorted(texts, key=lambda text: (len(text), text))  # texts of one length waste no padding
    with progress.phase("Reading", len(ordered)) as step:
        for first in range(0, len(ordered), WARM):
            batch = ordered[first : first + WARM]
            await embedder.embed(batch)
            step(len(batch))


def knows_analysts(events: Sequence[Event], settings: Settings) -> bool:
    """Whether any rule but the one for peers finds an analyst among those who wrote."""
    roles = Roles(roster(settings, peers_are_analysts=False))
    return any(roles.of(e, thread_author="").role is Role.ANALYST for e in events)


async def _records(
    parts: Parts, export: Export, shadow: Shadow, *, start: Gate, seconds: float
) -> ReplayRecords:
    stats = export.stats
    return ReplayRecords(
        export=export.name,
        engine=parts.bot.pipeline.engine.name,
        start=start.value,
        first_at=export.events[0].at,
        last_at=export.events[-1].at,
        counts=await from_ledger.counts(
            parts.ledger, conversations=stats.conversations, messages=stats.messages
        ),
        knowledge=await from_ledger.knowledge_counts(parts.ledger),
        cards=await from_ledger.cards(parts.ledger, parts.embedder),
        ranked=tuple(shadow.ranked.values()),
        reviewed=await from_ledger.reviewed(parts.ledger),
        learned=await from_ledger.learned(parts.ledger),
        questions=await from_ledger.questions(parts.ledger),
        growth=await from_ledger.growth(parts.ledger),
        model_use=await from_ledger.model_use(parts.ledger),
        stage_ms=await from_ledger.stage_ms(parts.ledger),
        seconds=seconds,
        skipped=stats.skipped,
        warnings=export.warnings,
    )
