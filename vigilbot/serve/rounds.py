"""The loops of a running bot. None decides anything: what is due stands in the ledger.

Each goes round until nothing is left, then waits until it is called or the next row is due. Were they
one, an analyst's message would wait behind a running pipeline, and a card behind a slow web server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from vigilbot.errors import LedgerError
from vigilbot.ports import Clock

log = logging.getLogger("vigilbot.serve")

LONGEST = 60.0  # seconds without looking again: the machine's clock may have been set
OVERDUE = 0.2  # seconds to wait when something is due that this loop could not do (somebody's lease)
WAY, WAYS = 0.05, 20  # seconds of one look whether events still wait to be written, and how many
PATIENCE = 30.0  # seconds between tries at the most, when going round fails


class Rounds:
    """``next_event`` and ``next_due`` say when there is something to do again, None for never.

    While ``busy``, events wait for their acknowledgement: rounds give way to them, for a moment.
    """

    def __init__(
        self,
        *,
        next_event: Callable[[], Awaitable[datetime | None]],
        next_due: Callable[[], Awaitable[datetime | None]],
        busy: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._busy = busy
        self._next_event = next_event
        self._next_due = next_due
        self._clock = clock
        self._arrived = asyncio.Event()
        self._called = asyncio.Event()
        self._errands = asyncio.Event()
        self._beside: dict[str, asyncio.Event] = {}
        self._stopping = False
        self._troubles: dict[str, str] = {}

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why a loop gets no further at the moment; empty when both do."""
        return tuple(self._troubles.values())

    def arrived(self) -> None:
        """An event is in the inbox."""
        self._arrived.set()

    def called(self) -> None:
        """There may be work."""
        self._called.set()
        self._errands.set()
        for bell in self._beside.values():
            bell.set()

    def stop(self) -> None:
        """Taking in and working end after the round they are in, errands at once."""
        self._stopping = True
        self._arrived.set()
        self.called()

    async def run(
        self,
        *,
        ingest: Callable[[], Awaitable[int]],
        work: Sequence[Callable[[], Awaitable[int]]],
        beside: Mapping[str, Callable[[], Awaitable[int]]] | None = None,
        errands: Callable[[], Awaitable[int]] | None = None,
        next_errand: Callable[[], Awaitable[datetime | None]] | None = None,
    ) -> None:
        """Until ``stop``. All given return how much they did; the parts of ``work`` take turns.

        What goes on ``beside``, by a name for the log, waits neither for ``work`` nor for each other.
        ``errands`` wait for others' servers: they go on beside everything else, and may be broken off.
        """

        async def taking_in() -> int:
            done = await ingest()
            if done:
                self.called()
            return done

        async def working() -> int:
            return sum([await part() for part in work])

        self._beside = {name: asyncio.Event() for name in beside or {}}
        out = None
        if errands is not None and next_errand is not None:
            out = asyncio.create_task(self._loop("errands", self._out(errands), next_errand, self._errands))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._loop("ingest", taking_in, self._next_event, self._arrived))
                group.create_task(self._loop("work", working, self._next_due, self._called))
                for name, part in (beside or {}).items():
                    group.create_task(self._loop(name, part, self._next_due, self._beside[name]))
        finally:
            if out is not None:
                out.cancel()
                await asyncio.gather(out, return_exceptions=True)

    def _out(self, errands: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        async def going() -> int:
            done = await errands()
            if done:
                self._called.set()
            return done

        return going

    async def _loop(
        self,
        name: str,
        once: Callable[[], Awaitable[int]],
        due: Callable[[], Awaitable[datetime | None]],
        bell: asyncio.Event,
    ) -> None:
        failures = 0
        while not self._stopping:
            bell.clear()
            await self._give_way()
            try:
                wait = 0.0 if await once() else self._until(await due())
            except Exception as error:  # the outermost loop: what fails now is tried again, and told
                failures += 1
                wait = min(2.0 ** (failures - 1), PATIENCE)
                self._fail(name, error, first=failures == 1)
            else:
                failures = 0
                if self._troubles.pop(name, None) is not None:
                    log.info("%s goes on", name)
            if wait:
                await _rung(bell, wait, patient=bool(failures))

    async def _give_way(self) -> None:
        for _ in range(WAYS):
            if not self._busy() or self._stopping:
                return
            await asyncio.sleep(WAY)

    def _until(self, due: datetime | None) -> float:
        if due is None:
            return LONGEST
        left = (due - self._clock.now()).total_seconds()
        return min(left, LONGEST) if left > 0 else OVERDUE

    def _fail(self, name: str, error: Exception, *, first: bool) -> None:
        if isinstance(error, LedgerError):
            self._troubles[name] = f"the ledger cannot be used, nothing is taken in ({name}: {error})"
            log.error("%s: %s", name, self._troubles[name])
            return
        self._troubles[name] = f"{name} failed and is tried again ({type(error).__name__})"
        log.error("%s failed", name, exc_info=error if first else None)


async def _rung(bell: asyncio.Event, seconds: float, *, patient: bool) -> None:
    """Until the bell rings or the time is over; after a failure no ring shortens the first second."""
    if patient:
        await asyncio.sleep(min(seconds, 1.0))
        seconds -= 1.0
    if seconds <= 0:
        return
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return
