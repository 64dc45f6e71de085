"""How well the bot judges, on labelled conversations and on whole histories of chats."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from vigilbot.app import open_embedder
from vigilbot.bench import Demand, Figure, Part, Progress, Section
from vigilbot.bench.machine import this_machine
from vigilbot.domain import Gate
from vigilbot.evals import identify
from vigilbot.evals.gold import match_gold, read_gold
from vigilbot.evals.replay_report import replay_report
from vigilbot.platforms.replay import read_export
from vigilbot.ports import Embedder
from vigilbot.replay import replay
from vigilbot.settings import Settings

_LATENCY: Final = timedelta(seconds=5)


async def measure_identify(settings: Settings, progress: Progress, *, files: Sequence[Path]) -> list[Section]:
    """Files of labelled on-calls, each of at least two communities."""
    embedder = await open_embedder(settings)
    return [await _identified(file, embedder, progress) for file in files]


async def measure_replay(
    settings: Callable[[], Settings], progress: Progress, *, exports: Sequence[Path]
) -> list[Section]:
    """Whole exports, with known documents where NAME.gold.jsonl stands beside NAME.zip.

    ``settings`` reads them, in this process and in others: they cannot be handed over.
    What is judged does not depend on time, so as many are lived through at once as there are cores.
    """
    jobs = []
    for export in exports:
        gold = export.with_suffix(".gold.jsonl")
        known = gold if gold.is_file() else None
        starts = (Gate.IMMEDIATELY, Gate.ANALYST_JOINED) if known else (Gate.IMMEDIATELY,)
        jobs += [_Job(settings=settings, export=export, known=known, start=start) for start in starts]
    if len(jobs) == 1:
        return [await _replayed(jobs[0], progress)]
    workers = min(len(jobs), this_machine().cores)
    largest_first = sorted(jobs, key=lambda job: -job.export.stat().st_size)
    with (
        progress.phase("Replays", len(jobs)) as step,
        ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool,
    ):
        loop = asyncio.get_running_loop()
        running = [loop.run_in_executor(pool, _replayed_alone, job) for job in largest_first]
        done: list[Section] = []
        for ended in asyncio.as_completed(running):
            done.append(await ended)
            step(1)
    return sorted(done, key=lambda section: section.title)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One life through one export, as it goes to another process."""

    settings: Callable[[], Settings]
    export: Path
    known: Path | None
    start: Gate


class _Silent:
    """Progress of several processes on one terminal would be noise."""

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda n: None


def _one_thread() -> None:
    """Before torch is loaded: processes that each use every core would get in each other's way."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _replayed_alone(job: _Job) -> Section:
    return asyncio.run(_replayed(job, _Silent()))


async def _identified(file: Path, embedder: Embedder, progress: Progress) -> Section:
    began = time.perf_counter()
    labelled = identify.read(file)
    with progress.phase(f"Judging {file.name}", labelled.messages) as step:
        done = 0

        def judged(count: int, _: int) -> None:
            nonlocal done
            step(count - done)
            done = count

        found = await identify.evaluate_across(labelled, embedder, progress=judged)
    within, mark, n = found["within"], found["question_mark"], found["messages"]
    low, high = within["f1_w_interval"]
    rule = "a question mark"
    return Section(
        part=Part.IDENTIFY,
        title=f"Question identification, {file.stem}",
        ran_on=f"{n} labelled messages of customers in {found['conversations']} on-calls, each community "
        "judged by what was trained on the others",
        figures=(
            Figure(
                name="weighted F1, within scope or not",
                value=within["f1_w"],
                n=n,
                baseline=mark["f1_w"],
                against=rule,
                demand=Demand(limit=0.85, at_most=False),
                note=f"95%: {low:.3f} to {high:.3f}",
            ),
            Figure(
                name="precision of within",
                value=within["precision"],
                n=n,
                baseline=mark["precision"],
                against=rule,
            ),
            Figure(
                name="recall of within", value=within["recall"], n=n, baseline=mark["recall"], against=rule
            ),
            Figure(name="weighted F1, three classes", value=found["three_class"]["f1_w"], n=n),
            Figure(
                name="intrusive runs per 100 messages at recall 0.8",
                value=found["intrusive_per_100"],
                n=n,
                baseline=mark["intrusive_per_100"],
                against=rule,
                demand=Demand(limit=0.5),
                demand_on_ratio=True,
            ),
        ),
        seconds=time.perf_counter() - began,
    )


async def _replayed(job: _Job, progress: Progress) -> Section:
    began = time.perf_counter()
    settings = job.settings()
    embedder = await open_embedder(settings)
    read = read_export(job.export)
    gold = match_gold(read_gold(job.known), read) if job.known else None
    resolutions = {w: c.resolution_at for w, c in (gold.by_thread() if gold else {}).items()}
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
        done = await replay(
            read,
            settings=settings,
            folder=Path(folder),
            progress=progress,
            start=job.start,
            latency=_LATENCY,
            resolutions=resolutions,
            embedder=embedder,
        )
    found = replay_report(done.records, gold=gold).figures
    return Section(
        part=Part.REPLAY,
        title=f"Replay of {job.export.stem}, start {job.start.value}",
        ran_on=f"{found['conversations']} conversations, {found['messages']} messages, from empty knowledge, "
        f"in {found['seconds']:.0f} s after start-up",
        figures=tuple(_of_replay(found, wanted=job.start is Gate.IMMEDIATELY)),
        seconds=time.perf_counter() - began,
    )


def _of_replay(found: Mapping[str, Any], *, wanted: bool) -> Iterable[Figure]:
    n = found["conversations"]
    yield Figure(name="cards posted", value=found["posted"], n=n)
    yield Figure(name="answers learned", value=found["knowledge"]["qa"], n=n)
    gold = found["gold"]
    if gold is None:
        return
    at, prior = gold["before_resolution"], gold["prior"]
    rule = "the channel's most frequent documents"
    for key, name, limit in (
        ("hit_at_1", "right document first", 0.45),
        ("hit_at_3", "right document among three", 0.54),
        ("hit_at_8", "right document among eight", None),
        ("macro_hit_at_1", "right document first, mean of channels", prior["macro_hit_at_1"] + 0.1),
    ):
        demand = Demand(limit=limit, at_most=False) if wanted and limit is not None else None
        yield Figure(
            name=f"{name}, before the resolution",
            value=at[key],
            n=n,
            baseline=prior.get(key),
            against=rule,
            demand=demand,
        )
    yield Figure(name="the most that can be known before", value=gold["ceiling"], n=n)
    yield Figure(name="cards that were right", value=gold["posted"]["precision"], n=found["posted"])
    for aim, point in gold["online"].items():
        yield Figure(
            name=f"answered when aiming at {aim}, threshold from the past",
            value=point["coverage"],
            n=n,
            note=f"{point['precision']} of them right",
        )
