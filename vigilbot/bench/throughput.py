"""What a flood does: acknowledgements at 300 messages a second, and how long what it left behind takes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from vigilbot.app import open_embedder
from vigilbot.bench import Demand, Figure, Part, Progress, Section, spread
from vigilbot.bench.live import Live, Other, live, settings_for, stage
from vigilbot.ledger import Ledger
from vigilbot.ports import Embedder

CHANNELS = 12
RATE = 300  # messages a second
SECONDS = 20.0
CALM, CALM_RATE = 5.0, 8  # seconds, and messages a second, to compare with
LONGEST = 60.0  # seconds to watch what a flood left behind
MODES = ("socket", "http")
NONE = Demand(limit=0.0)
HELD_UP = {100: Demand(limit=50.0)}


async def measure(progress: Progress) -> list[Section]:
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
        embedder = await open_embedder(settings_for({"api": "http://127.0.0.1/"}, Path(folder)))
    return [await _flooded(mode, embedder, progress) for mode in MODES]


async def _flooded(mode: str, embedder: Embedder, progress: Progress) -> Section:
    began = time.perf_counter()
    async with stage("workspace", CHANNELS) as (people, slack):
        with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
            settings = settings_for(slack, Path(folder), **{"slack.mode": mode})
            async with live(settings, slack, embedder=embedder) as bot:
                with progress.phase(f"Flood over {mode}", 3) as step:
                    await people.ask("open", target=f"{bot.address}/slack/events" if mode == "http" else None)
                    await people.ask("flood", seconds=CALM, rate=CALM_RATE)
                    step(1)
                    calm = await _acknowledged(people)
                    figures = await _flood(bot, people, calm)
                    step(1)
                    if mode == "socket":  # what comes after does not depend on how events came
                        figures += await _drained(bot)
                    step(1)
    return Section(
        part=Part.THROUGHPUT,
        title=f"A flood of messages, {mode}",
        ran_on=f"The whole bot over slack-bolt, mode {mode}, an empty ledger, the extractive engine; {RATE} "
        f"messages a second in {CHANNELS} channels for {SECONDS:g} s, beside {CALM_RATE} a second before it.",
        figures=tuple(figures),
        seconds=time.perf_counter() - began,
    )


async def _acknowledged(people: Other) -> Sequence[float]:
    return [float(ms) for ms in (await people.ask("acknowledgements"))["ms"]]


async def _flood(bot: Live, people: Other, calm: Sequence[float]) -> list[Figure]:
    bot.watch.taken()
    worked = time.process_time()
    found = await people.ask("flood", seconds=SECONDS, rate=RATE)
    worked = time.process_time() - worked
    acks = await _acknowledged(people)
    [kept] = await bot.parts.ledger.fetch(
        "SELECT count(*) AS n FROM inbox WHERE body LIKE '%lunch number%'",
    )
    sent = found["sent"]
    return [
        Figure(name="acknowledged a second", value=found["acknowledged"] / found["seconds"], n=sent),
        *spread(
            "acknowledgement",
            acks,
            unit="ms",
            baseline=calm,
            against=f"{CALM_RATE} messages a second",
            percentiles=(50, 99, 100),
        ),
        Figure(
            name="messages lost", value=float(sent + int(CALM * CALM_RATE) - kept["n"]), n=sent, demand=NONE
        ),
        Figure(name="messages sent again", value=float(found["repeated"]), n=sent, demand=NONE),
        Figure(name="processor time a message", value=worked / sent * 1000, unit="ms", n=sent),
        *spread(
            "event loop held up", bot.watch.taken(), unit="ms", demands=HELD_UP, percentiles=(50, 99, 100)
        ),
    ]


async def _drained(bot: Live) -> list[Figure]:
    """How long after the last message all of them were in on-calls, and all their runs were done."""
    ledger, began = bot.parts.ledger, time.perf_counter()
    taken_in = await _until(ledger, "SELECT count(*) AS n FROM inbox WHERE state = 'new'", began)
    judged = await _until(ledger, "SELECT count(*) AS n FROM oncalls WHERE run_at IS NOT NULL", began)
    total = int(SECONDS * RATE)
    late = f"not within {LONGEST:g} s"
    return [
        Figure(name=name, value=spent, unit="s", n=total, note="" if spent is not None else late)
        for name, spent in (("all in on-calls", taken_in), ("all runs done", judged))
    ]


async def _until(ledger: Ledger, left: str, began: float) -> float | None:
    """Seconds since ``began`` until nothing is left; None when that takes too long."""
    while time.perf_counter() - began < LONGEST:
        [row] = await ledger.fetch(left)
        if not row["n"]:
            return time.perf_counter() - began
        await asyncio.sleep(0.2)
    return None
