"""What a process costs while it is measured: memory, and how long its event loop was held up."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from vigilbot.bench import Demand, Figure
from vigilbot.bench.live import Watch

_HELD_UP: Final = Demand(limit=50)


def resident(process: int | None = None) -> tuple[float, float]:
    """MB of memory that a process (None: this one) has, and its children; 0 where that is not told."""
    process = os.getpid() if process is None else process
    try:
        done = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0.0, 0.0
    rows = [[int(each) for each in line.split()] for line in done.stdout.splitlines()]
    own = sum(size for pid, _, size in rows if pid == process)
    children = sum(size for _, parent, size in rows if parent == process)
    return own / 1024, children / 1024


@asynccontextmanager
async def watched() -> AsyncIterator[list[float]]:
    """By how many milliseconds the event loop is late inside; filled at the end."""
    watch = Watch()
    late: list[float] = []
    watching = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    try:
        yield late
        await asyncio.sleep(2 * Watch.STEP)  # a timer that is late now is counted too
    finally:
        watching.cancel()
        late += watch.taken()


def longest(name: str, late: Sequence[float], *, demand: Demand | None = _HELD_UP) -> Figure:
    """``n`` counts the looks at a clock of 5 ms."""
    return Figure(
        name=f"{name}, longest", value=max(late, default=0.0), unit="ms", n=len(late), demand=demand
    )
