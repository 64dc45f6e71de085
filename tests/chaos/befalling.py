"""What befalls a process, put into it before it begins: its death at a named point, a defect, another time.

The defects are ways to build such a bot that look right and are not: the checker has to see each of them.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.crash_points import POINTS, STRUCK


def befall(
    *,
    crash: str = "",
    nth: int = 1,
    error: str = "",
    defect: str = "",
    ahead: float = 0.0,
    watch: str = "",
) -> None:
    """``crash`` is one of POINTS, struck at its ``nth`` passage. ``error``: the ``nth`` write to the ledger
    fails so, and the one after it. ``ahead``: seconds that the clock is fast.

    ``watch``: a file that gets, at a clean end, by how many milliseconds a short timer was late: at the
    median, in one of a hundred cases, in one of a thousand, at worst.
    """
    if crash:
        arm(crash, nth)
    if error:
        refuse(error, nth)
    if defect:
        DEFECTS[defect]()
    if ahead:
        hurry(timedelta(seconds=ahead))
    if watch:
        attend(Path(watch))


def place(module: str, name: str) -> tuple[Any, str]:
    """The object that has what is so called, and what it is called there."""
    owner: Any = importlib.import_module(module)
    *outer, last = name.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, last


def replace(module: str, name: str, made: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    owner, last = place(module, name)
    setattr(owner, last, made(getattr(owner, last)))


def arm(point: str, nth: int) -> None:
    passages = 0

    def pass_by() -> None:
        nonlocal passages
        passages += 1
        if passages == nth:
            os.write(2, f"{STRUCK}{point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    before = point.endswith(": before")

    def mortal(act: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(act)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            if before:
                pass_by()
            result = await act(*args, **kwargs)
            if not before:
                pass_by()
            return result

        @functools.wraps(act)
        def called(*args: Any, **kwargs: Any) -> Any:
            if before:
                pass_by()
            result = act(*args, **kwargs)
            if not before:
                pass_by()
            return result

        return awaited if inspect.iscoroutinefunction(act) else called

    module, name, _ = POINTS[point]
    replace(module, name, mortal)


ERRORS: Mapping[str, tuple[str, str, str]] = {
    "full": ("database or disk is full", "SQLITE_FULL", "COMMIT"),
    "broken": ("disk I/O error", "SQLITE_IOERR_WRITE", "INSERT"),
    "locked": ("database is locked", "SQLITE_BUSY", "BEGIN"),
}
"""What SQLite says, its name for it, and the first word of the statement it says so to."""


class Failing:
    """A connection on which one kind of statement fails."""

    def __init__(self, connection: sqlite3.Connection, error: str) -> None:
        self._connection = connection
        self._line, self._name, self._word = ERRORS[error]

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if sql.startswith(self._word) or (self._word == "INSERT" and sql.startswith("UPDATE")):
            error = sqlite3.OperationalError(self._line)
            error.sqlite_errorname = self._name
            raise error
        return self._connection.execute(sql, *args)


def refuse(error: str, nth: int) -> None:
    writes = 0

    def refused(together: Callable[..., None]) -> Callable[..., None]:
        def write(connection: Any, batches: Any) -> None:
            nonlocal writes
            writes += 1
            if nth <= writes <= nth + 1:
                os.write(2, f"{STRUCK}write {nth}\n".encode())
                connection = Failing(connection, error)
            together(connection, batches)

        return write

    replace("vigilbot.stores.sqlite", "_together", refused)


def hurry(span: timedelta) -> None:
    def fast(now: Callable[..., datetime]) -> Callable[..., datetime]:
        return lambda clock: now(clock) + span

    replace("vigilbot.providers.clock", "SystemClock.now", fast)


def attend(path: Path) -> None:
    """Measures how long the event loop is held up."""

    def attended(run: Callable[..., Any]) -> Callable[..., Any]:
        async def running(service: Any, *args: Any, **kwargs: Any) -> None:
            late: list[float] = []

            async def look() -> None:
                await service.ready.wait()
                while True:
                    began = time.perf_counter()
                    await asyncio.sleep(0.005)
                    late.append((time.perf_counter() - began - 0.005) * 1000)

            looking = asyncio.create_task(look())
            try:
                await run(service, *args, **kwargs)
            finally:
                looking.cancel()
                ordered = sorted(late) or [0.0]
                marks = (ordered[int(part * (len(ordered) - 1))] for part in (0.5, 0.99, 0.999, 1.0))
                with path.open("w") as file:
                    file.write(" ".join(f"{each:.1f}" for each in marks))

        return running

    replace("vigilbot.serve", "Service.run", attended)


# -- defects


def naive_resend() -> None:
    """A post whose fate is unknown is simply sent again."""

    async def nothing(*_: Any) -> str:
        return ""

    replace("vigilbot.platforms.slack_posting", "SlackPosting._found", lambda _: nothing)


def acknowledges_first() -> None:
    """As slack-bolt does by itself: the acknowledgement leaves, then the listener runs."""
    from slack_bolt.response import BoltResponse

    running: set[asyncio.Task[Any]] = set()

    def hasty(take: Callable[..., Any]) -> Callable[..., Any]:
        async def taking(*asked: Any) -> BoltResponse:
            async def later() -> None:
                await asyncio.sleep(0.3)
                await take(*asked)

            task = asyncio.create_task(later())
            running.add(task)
            task.add_done_callback(running.discard)
            return BoltResponse(status=200)

        return taking

    replace("vigilbot.platforms.slack", "SlackAdapter._take", hasty)


def no_grace() -> None:
    """What was posted is looked for, but at once: it may still be on its way."""

    def impatient(made: Callable[..., Any]) -> Callable[..., Any]:
        def tried(since: datetime, ready: datetime) -> Any:
            return made(since, since)

        return tried

    replace("vigilbot.platforms.slack_posting", "_Tried", impatient)


def vendors_retries() -> None:
    """The vendor's client with its defaults, which repeat a request after a broken connection."""
    from slack_sdk.http_retry.builtin_async_handlers import async_default_handlers

    def opened(make: Callable[..., Any]) -> Callable[..., Any]:
        def client(*args: Any, **kwargs: Any) -> Any:
            return make(*args, **{**kwargs, "retry_handlers": async_default_handlers()})

        return client

    replace("vigilbot.platforms.slack_client", "AsyncWebClient", opened)


DEFECTS: Mapping[str, Callable[[], None]] = {
    "naive resend": naive_resend,
    "acknowledges first": acknowledges_first,
    "no grace": no_grace,
    "the vendor's retries": vendors_retries,
}


if __name__ == "__main__":
    sys.stdout.write("\n".join(POINTS) + "\n")
