"""What the bot itself does for one message, one after the other, with a platform that needs no time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from vigilbot.app import Parts
from vigilbot.bench.made import question
from vigilbot.domain import Event, EventKind
from vigilbot.ports import Clock

CHANNELS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """Of one message, in milliseconds: wall time of all of it and of each step, and processor time."""

    wall: float
    processor: float
    taking_in: float
    run: float
    delivery: float


async def own_work(parts: Parts, number: int, *, clock: Clock, tenant: str) -> Own:
    """A question by its number (``made.question``), in a thread of its own."""
    event = _event(number, clock.now(), tenant)
    bot = parts.bot
    worked, began = time.process_time(), time.perf_counter()

    async def taken_in() -> None:
        await bot.receive(event)
        await bot.ingest()

    async def judged() -> None:
        [oncall] = await parts.ledger.chats.due_oncalls("run", now=clock.now())
        await bot.run(oncall)

    steps = [await _spent(step) for step in (taken_in, judged, bot.deliver)]
    return Own(
        wall=(time.perf_counter() - began) * 1000,
        processor=(time.process_time() - worked) * 1000,
        taking_in=steps[0],
        run=steps[1],
        delivery=steps[2],
    )


async def _spent(step: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await step()
    return (time.perf_counter() - began) * 1000


def _event(number: int, at: datetime, tenant: str) -> Event:
    ts, channel = f"{at.timestamp():.6f}", f"C-{number % CHANNELS}"
    return Event(
        kind=EventKind.POSTED,
        tenant=tenant,
        channel=channel,
        channel_name=channel,
        ts=ts,
        thread=ts,
        user="U-nina",
        user_name="Nina",
        at=at,
        key=f"bench:{number}",
        natural_key=f"message:{tenant}:{channel}:{ts}",
        text=question(number),
    )
