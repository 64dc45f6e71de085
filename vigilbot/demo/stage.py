"""The stage: people and channels of a venue on this machine, and what they do as scenes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vigilbot.demo.player import Scene
from vigilbot.demo.story import ANALYST, ANALYST_TITLE, CUSTOMERS, Accept, Heading, Say, Step, Wait
from vigilbot.demo.venue import Venue
from vigilbot.domain import Event, EventKind

SUPPORT, SHARED = "support", "acme-shared"
OPERATOR, OUTSIDER = "Ada", "Kim"

SHORTLY = 4.0  # seconds of work to wait for after somebody spoke or clicked
LEARNED = 7.0  # after an analyst spoke: the learning, too
REVIEWED = 15.0  # when the story says that time passes: everything that is not hours away
LONGEST_GAP = 3.0  # seconds between two events of an export, however long it was

Idle = Callable[[float], Awaitable[None]]
"""Waits until nothing is due within so many seconds."""


@dataclass(slots=True)
class Stage:
    venue: Venue
    people: dict[str, str] = field(default_factory=dict)  # name: user id
    channels: dict[str, str] = field(default_factory=dict)

    async def set_up(self) -> None:
        """Two channels: one of our own company, one shared with another; the bot is in both."""
        ws = self.venue
        for name in CUSTOMERS[:2]:
            self.people[name] = ws.add_user(name, title="Customer")
        self.people[ANALYST] = ws.add_user(ANALYST, title=ANALYST_TITLE)
        self.people[OPERATOR] = ws.add_user(OPERATOR, title="Head of support", owner=True)
        self.people[OUTSIDER] = ws.add_user(OUTSIDER, title="Customer at Acme", outside=True)
        for name in CUSTOMERS[2:]:
            self.people[name] = ws.add_user(name, title="Customer")
        ours = [user for name, user in self.people.items() if name != OUTSIDER]
        known = [self.people[name] for name in (ANALYST, OPERATOR, OUTSIDER)]
        self.channels[SUPPORT] = ws.add_channel(SUPPORT, members=ours)
        self.channels[SHARED] = ws.add_channel(SHARED, external=True, members=known)

    async def set_up_export(self, events: Sequence[Event]) -> None:
        """The export's channels, in the order in which somebody first wrote; people come as they write."""
        self.people[OPERATOR] = self.venue.add_user(OPERATOR, title="Operator", owner=True)
        for event in said(events):
            self._place(event)

    async def invite(self) -> None:
        """The operator invites the bot: it greets every channel."""
        for channel in self.channels.values():
            await self.venue.invite(channel, by=self.people[OPERATOR])

    def scenes(self, story: Sequence[Step], idle: Idle) -> list[Scene]:
        """The story's steps; every scene waits for what it led to, so none depends on the machine's speed."""
        threads: dict[str, str] = {}
        found: list[Scene] = []
        chapter = ""
        for step in story:
            if isinstance(step, Heading):
                chapter = step.text
            elif isinstance(step, Say):
                found.append(
                    Scene(title=_title(chapter, step), act=self._says(step, threads, idle), pause=1.5)
                )
            elif isinstance(step, Accept):
                title = f"{chapter} · {step.who} clicks Accept"
                found.append(Scene(title=title, act=self._accepts(step, threads, idle), pause=2.5))
            else:
                title = f"{chapter} · {step.why}"
                found.append(Scene(title=title, act=_waits(step, idle), pause=0.5))
        return found

    def _says(self, step: Say, threads: dict[str, str], idle: Idle) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            thread = threads.get(step.thread, "")
            ts = await self.venue.say(self.people[step.who], self.channels[SUPPORT], step.text, thread=thread)
            threads.setdefault(step.thread, ts)
            await idle(LEARNED if step.who == ANALYST or thread else SHORTLY)

        return act

    def _accepts(self, step: Accept, threads: dict[str, str], idle: Idle) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await self.venue.accept(self.people[step.who], self.channels[SUPPORT], threads[step.thread])
            await idle(SHORTLY)

        return act

    # -- an export

    def replayed(
        self, events: Sequence[Event], *, speed: float, caught_up: Callable[[], Awaitable[None]]
    ) -> list[Scene]:
        """What people wrote in an export, at ``speed`` times its own pace, long silences cut short.

        Nobody writes on before the bot has ``caught_up``, however fast it should go.
        """
        threads: dict[tuple[str, str], str] = {}
        found: list[Scene] = []
        last = None
        spoken = list(said(events))
        for number, event in enumerate(spoken, start=1):
            gap = 0.0 if last is None else (event.at - last).total_seconds() / speed
            last = event.at
            name = event.user_name or event.user
            where = f"#{event.channel_name or event.channel} · {name} writes"
            title = f"message {number} of {len(spoken)}, {event.at:%Y-%m-%d %H:%M} · {where}"
            found.append(
                Scene(
                    title=title,
                    act=self._repeats(event, threads, caught_up),
                    pause=max(0.0, min(gap, LONGEST_GAP)),
                )
            )
        return found

    def _repeats(
        self,
        event: Event,
        threads: dict[tuple[str, str], str],
        caught_up: Callable[[], Awaitable[None]],
    ) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            await caught_up()
            ws = self.venue
            user, channel = self._person(event), self._place(event)
            await ws.join(user, channel)
            root = threads.get((event.channel, event.thread), "")
            ts = await ws.say(user, channel, event.text, thread=root)
            threads.setdefault((event.channel, event.thread), ts)

        return act

    def _person(self, event: Event) -> str:
        name = event.user_name or event.user
        if event.user not in self.people:
            self.people[event.user] = self.venue.add_user(
                name, title=event.user_title, outside=event.user_external
            )
        return self.people[event.user]

    def _place(self, event: Event) -> str:
        if event.channel not in self.channels:
            self.channels[event.channel] = self.venue.add_channel(
                event.channel_name or event.channel.lower(),
                private=event.channel_private,
                external=event.channel_external,
                members=[self.people[OPERATOR]],
            )
        return self.channels[event.channel]


def said(events: Sequence[Event]) -> Iterator[Event]:
    """What people wrote."""
    return (e for e in events if e.kind is EventKind.POSTED and not e.is_bot and not e.is_self)


def _title(chapter: str, step: Say) -> str:
    return f"{chapter} · {step.who} {'answers' if step.who == ANALYST else 'writes'}"


def _waits(step: Wait, idle: Idle) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        await idle(REVIEWED)

    return act


async def until_idle(
    seconds: float,
    *,
    settled: Callable[[], Awaitable[object]],
    due_in: Callable[[], Awaitable[float | None]],
    longest: float = 60.0,
) -> None:
    """Until everything sent has arrived and no work is due within ``seconds``; ``longest`` at the most."""
    async with asyncio.timeout(longest):
        while True:
            await settled()
            due = await due_in()
            if due is None or due > seconds:
                return
            await asyncio.sleep(min(max(due, 0.05), 0.5))
