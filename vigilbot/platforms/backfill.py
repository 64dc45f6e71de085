"""What happened on a chat platform while nobody listened: memberships, and messages since the last known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from vigilbot.domain import Event
from vigilbot.errors import PlatformError, PlatformRefused, VigilBotError
from vigilbot.platforms.tasks import Tasks
from vigilbot.ports import Inbound, Watermark

PAUSE: Final = 30.0  # seconds until history that could not be read is tried again


class Past(Protocol):
    """How one platform tells of what was missed. Raises PlatformRefused for good, else PlatformError."""

    async def channels(self) -> Sequence[str]:
        """The channels that the bot is in."""

    async def happened(self, gap: Watermark) -> Sequence[Event]:
        """All since the gap began, oldest first."""

    def membership(self, channel: str, *, joined: bool) -> Event:
        """The bot came into the channel, or has left it."""

    def is_outside(self, error: PlatformRefused) -> bool:
        """Whether the platform refused because the bot is not in the channel."""


class Backfill:
    """Feeds the inbox with what the history tells; what was known already is a duplicate.

    ``inbound`` is None while nothing is taken in. What cannot be read becomes a line in ``problems``, and
    is tried again after ``pause`` seconds.
    """

    def __init__(
        self,
        past: Past,
        *,
        inbound: Callable[[], Inbound | None],
        problems: dict[str, str],
        tasks: Tasks,
        log: logging.Logger,
        pause: float = PAUSE,
    ) -> None:
        self._pause = pause
        self._past = past
        self._inbound = inbound
        self._problems = problems
        self._tasks = tasks
        self._log = log
        self._reading = asyncio.Lock()
        self._again: asyncio.Task[None] | None = None

    async def mark(self) -> None:
        """Marks the gaps: before the first event of a connection moves the watermark over them."""
        inbound = self._inbound()
        while inbound is not None and inbound is self._inbound():
            try:
                await inbound.gaps()
                return
            except VigilBotError as error:  # nothing is taken in before the gap is marked
                self._log.error("the gap before this connection could not be marked: %s", error)
                await asyncio.sleep(1)

    async def read(self) -> int:
        """How many happenings were new. A gap that cannot be read stays open; later it may be."""
        inbound = self._inbound()
        if inbound is None:
            return 0
        async with self._reading:
            joined, listed = await self._memberships(inbound)
            told, complete = await self._gaps(inbound)
        if not (listed and complete):
            self._try_again()
        return joined + told

    def read_behind(self) -> None:
        """Reads beside everything else."""
        self._tasks.spawn(self._read())

    def _try_again(self) -> None:
        """In a while, once for all that failed meanwhile; whoever connects anew reads anyway."""
        if self._inbound() is not None and (self._again is None or self._again.done()):
            self._again = self._tasks.spawn(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(self._pause)
        self._again = None  # what fails from now on needs another try
        await self._read()

    async def _read(self) -> None:
        try:
            self._log.info("read what was missed: %d happenings were new", await self.read())
        except VigilBotError as error:
            self._log.error("what was missed was not taken in: %s", error)
            self._try_again()

    async def _memberships(self, inbound: Inbound) -> tuple[int, bool]:
        """How many were new, and whether another try would tell no more."""
        try:
            channels = await self._past.channels()
        except PlatformError as error:
            self._log.warning("the channels that the bot is in were not listed: %s", error)
            self._problems["memberships"] = f"The channels that the bot is in cannot be listed: {error}"
            return 0, isinstance(error, PlatformRefused)
        new = 0
        for channel in channels:
            new += await inbound.receive(self._past.membership(channel, joined=True))
        self._problems.pop("memberships", None)
        return new, True

    async def _gaps(self, inbound: Inbound) -> tuple[int, bool]:
        new, complete = 0, True
        for gap in await inbound.gaps():
            if not gap.after:  # nothing was ever read there, so there is no gap
                await self._filled(inbound, gap)
                continue
            try:
                for event in await self._past.happened(gap):
                    new += await inbound.receive(event)
            except PlatformRefused as error:
                if self._past.is_outside(error):
                    new += await inbound.receive(self._past.membership(gap.channel, joined=False))
                else:
                    self._failed(gap, error)
            except PlatformError as error:
                complete = False
                self._failed(gap, error)
            else:
                await self._filled(inbound, gap)
        return new, complete

    async def _filled(self, inbound: Inbound, gap: Watermark) -> None:
        self._problems.pop(_problem(gap), None)
        await inbound.filled(gap)

    def _failed(self, gap: Watermark, error: PlatformError) -> None:
        self._log.warning("the history of %s since %s was not read: %s", gap.channel, gap.after, error)
        self._problems[_problem(gap)] = f"Messages in {gap.channel} since {gap.after} may be missing: {error}"


def _problem(gap: Watermark) -> str:
    return f"history:{gap.channel}"
