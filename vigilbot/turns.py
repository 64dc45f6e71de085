"""Work on on-calls: each of them one piece at a time, under its lease; several of them side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from vigilbot.errors import EngineError, LedgerError
from vigilbot.ledger import Chats, DeadLetters, Ledger, Letter, Runs
from vigilbot.logs import WORK, about, cause
from vigilbot.ports import Clock, Row, Statement
from vigilbot.usage import meter, metered

log, work = logging.getLogger("vigilbot"), logging.getLogger(WORK)

LEASE = timedelta(minutes=10)
AT_ONCE = 8
"""Runs of different on-calls side by side, where they mostly compute."""
RUN_TRIES = 3
LEARN_TRIES = 12  # the waits double, to 5 hours: a lesson may wait for a model that is away for half a day
"""Attempts before a piece of work is given up and said so."""

LETTERS = {"run": Letter.RUN, "learn": Letter.LESSON}

Act = Callable[[Row], Awaitable[object]]


class Turns:
    """``calls`` is how often one piece of work may ask language models; 0: no limit.

    ``at_once``: runs of different on-calls side by side.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock, calls: int, at_once: int = AT_ONCE) -> None:
        self._ledger = ledger
        self._clock = clock
        self._calls = calls
        self._at_once = at_once
        self._begun: set[str] = set()  # on-calls
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def each(self, kind: str, act: Act) -> int:
        """One pass over what is due of one kind, runs side by side; returns how much."""
        rows = await self._ledger.chats.due_oncalls(kind, now=self._clock.now())
        room = asyncio.Semaphore(self._at_once if kind == "run" else 1)

        async def one(row: Row) -> None:
            async with room:
                await self._one(kind, row, act)

        results = await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result
        return len(rows)

    async def begin(self, act: Act, *, then: Act, ended: Callable[[], None]) -> int:
        """Begins as many due runs as have room and returns how many; ``ended`` is called after each.

        Channels take turns, so that a flood in one does not hold up the others. ``then`` follows a run and
        takes nobody's room. Raises what the ledger refused to a run begun before.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        room = self._at_once - len(self._begun)
        if not room:
            return 0
        rows = await self._ledger.chats.runs_in_turn(now=self._clock.now(), limit=self._at_once)
        begun = [row for row in rows if row["id"] not in self._begun][:room]
        for row in begun:
            self._begun.add(row["id"])
            task = asyncio.create_task(self._beside(row, act, then, ended))
            self._tasks.add(task)
            task.add_done_callback(self._over)
        return len(begun)

    async def _beside(self, row: Row, act: Act, then: Act, ended: Callable[[], None]) -> None:
        try:
            await self._one("run", row, act)
        finally:
            self._begun.discard(row["id"])
            ended()
        await then(row)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._failure = task.exception() or self._failure

    async def finish(self, *, wait: bool) -> None:
        """Nothing begun is under way after this: it ends by itself, or is broken off without ``wait``."""
        tasks = list(self._tasks)
        try:
            if wait and tasks:
                await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def claimed(self, oncall: str) -> bool:
        """Takes an on-call for one piece of work until ``release``; False while there is another."""
        now = self._clock.now()
        return await self._ledger.chats.claim(oncall, now=now, until=now + LEASE)

    async def release(self, oncall: str) -> None:
        await self._ledger.write(Chats.change_oncall(oncall, lease_until=None))

    async def _one(self, kind: str, row: Row, act: Act) -> None:
        if not await self.claimed(row["id"]):
            return
        fresh = await self._ledger.chats.oncall_row(row["id"]) or row
        settled: list[Statement] = []
        with metered(self._calls), about(row["id"]):
            try:
                await act(fresh)
                work.info("%s done", kind)
                settled = [DeadLetters.settled(LETTERS[kind], row["id"])]
            except LedgerError:
                raise
            except Exception as error:  # one on-call that cannot be worked on must not stop all others
                await self._failed(kind, fresh, error)
            finally:
                released = Chats.change_oncall(row["id"], lease_until=None)
                await self._ledger.write(released, *settled, *Runs.put_calls(meter().fresh(), oncall=fresh))

    async def _failed(self, kind: str, oncall: Row, error: Exception) -> None:
        """It could not be judged: try again later, a few times, then leave it to the humans."""
        expected = isinstance(error, EngineError)
        log.warning("%s of %s failed: %s", kind, oncall["id"], cause(error), exc_info=not expected)
        column, most = ("learn_attempts", LEARN_TRIES) if kind == "learn" else ("run_attempts", RUN_TRIES)
        tries = oncall[column] + 1
        due = None if tries >= most else self._clock.now() + timedelta(seconds=10 * 2**tries)
        changes = {column: tries if due else 0, "last_error": str(error)[:500]}
        await self._ledger.write(
            Chats.timer_done(oncall["id"], kind, was=oncall[f"{kind}_at"], then=due),
            Chats.change_oncall(oncall["id"], **changes),
            *([] if due else [DeadLetters.put(LETTERS[kind], oncall["id"], at=self._clock.now())]),
        )
