"""`make soak`: one process used steadily in a bad world for a long time; does it leak, does it lose?

    python -m tests.chaos.soak [--minutes 30] [--rate 1.0] [--seed 1] [--keep FOLDER]

``rate`` is how often a second somebody does something. Memory, open files, the inbox and the time that
/healthz takes are looked at all the time and drawn in the end. Exit code 1 when memory or files grow, or when
something is missing or there twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import aiohttp

from tests.chaos.checker import check
from tests.chaos.lives import Lives, Plan, faults_of, ledger_of, town_of
from tests.chaos.load import memory
from tests.chaos.process import Life, launching
from vigilbot.app import LEDGER

SAMPLES = 240
MORE_MEMORY, MORE_FILES = 25.0, 10  # megabytes and files that count as growth, from the second quarter on
BARS = "▁▂▃▄▅▆▇█"
UNITS = {"memory": "MB", "files": "", "inbox": "events", "healthz": "ms"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    memory: float  # megabytes that are the process's own
    files: int
    inbox: int  # events not taken in yet
    healthz: float  # milliseconds


async def soaked(lives: Lives, *, seconds: float, rate: float) -> list[Sample]:
    """``seconds`` of a life; then it settles as every bot of a chaos run does."""
    samples: list[Sample] = []
    life = await lives.begin()
    began = time.perf_counter()
    acted = troubled = 0
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        while (spent := time.perf_counter() - began) < seconds and not life.over:
            while acted < spent * rate:
                acted += 1
                await lives.town.act()
            if spent >= troubled:
                troubled += 5
                lives.trouble()
                lives.repeat()
            if len(samples) < SAMPLES * spent / seconds:
                samples.append(await look(http, lives, life))
                show(f"\r{spent:.0f} of {seconds:.0f} s, {acted} deeds, {samples[-1]}", end="")
            await asyncio.sleep(0.02)
    show("")
    await life.end(signal.SIGTERM)
    return samples


async def look(http: aiohttp.ClientSession, lives: Lives, life: Life) -> Sample:
    said = re.findall(r"Health and metrics: (\S+)", lives.log.read_text(encoding="utf-8"))
    asked = time.perf_counter()
    async with http.get(f"{said[-1]}/healthz") as answer:
        await answer.read()
    took = (time.perf_counter() - asked) * 1000
    with closing(ledger_of(lives.company.folder)) as ledger:
        [[inbox]] = ledger.execute("SELECT count(*) FROM inbox WHERE state = 'new'").fetchall()
    files = len(os.listdir(f"/proc/{life.pid}/fd"))
    return Sample(memory=round(memory(life.pid) / 2**20, 1), files=files, inbox=inbox, healthz=round(took, 1))


def growth(samples: Sequence[Sample]) -> list[str]:
    """What the last quarter has more of than the second: the first is warming up."""
    quarter = len(samples) // 4
    if not quarter:
        return ["too few samples to tell anything"]
    found = []
    for name, most in (("memory", MORE_MEMORY), ("files", MORE_FILES)):
        values = [getattr(sample, name) for sample in samples]
        before, after = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
        if after - before > most:
            found.append(f"{name} grew from {before:.0f} to {after:.0f} {UNITS[name]}")
    return found


def drawn(values: Sequence[float], *, width: int = 60) -> str:
    """The largest of each part of the time, as bars."""
    step = max(1, len(values) // width)
    tops = [max(values[n : n + step]) for n in range(0, len(values), step)]
    least, most = min(tops), max(tops)
    span = (most - least) or 1.0
    return "".join(BARS[int((top - least) / span * (len(BARS) - 1))] for top in tops)


def charts(samples: Sequence[Sample]) -> str:
    series: Mapping[str, list[float]] = {
        name: [float(getattr(sample, name)) for sample in samples] for name in UNITS
    }
    return "\n".join(
        f"{name:8} {min(values):8.1f} to {max(values):8.1f} {UNITS[name]:6} {drawn(values)}"
        for name, values in series.items()
    )


async def main(args: argparse.Namespace) -> int:
    folder = Path(args.keep or tempfile.mkdtemp(prefix="soak-"))
    plan = Plan(seed=args.seed, lives=0, events=0)
    async with launching() as launcher, town_of(folder, plan, launcher) as lives:
        samples = await soaked(lives, seconds=args.minutes * 60, rate=args.rate)
        await lives.settled()
        counts = lives.counts + lives.town.history.counts + faults_of(lives.company)
    (folder / "samples.json").write_text(json.dumps([asdict(s) for s in samples]), encoding="utf-8")
    found = [*growth(samples), *check(folder / "history.jsonl", folder / "data" / LEDGER)]
    show(charts(samples))
    show(", ".join(f"{n} {name}" for name, n in sorted(counts.items())))
    show(f"{len(found)} violations; everything is in {folder}")
    for line in found:
        show(line)
    return 1 if found else 0


def show(line: str, *, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default="")
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # of a caller that was stopped
    sys.exit(asyncio.run(main(parser.parse_args())))
