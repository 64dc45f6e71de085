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
from vigilbot.evals.gold import Gold, match_gold, read_gold
from vigilbot.evals.replay_report import replay_report
from vigilbot.platforms.replay import Export, read_export
from vigilbot.ports import Embedder
from vigilbot.replay import replay
from vigilbot.settings import Settings

_LATENCY: Final = timedelta(seconds=5)
_MOST_FREQUENT: Final = "the channel's most frequent documents"
_SAVED: Final = 0.25  # of a language model's calls
_LOST: Final = 0.02  # of the messages within scope


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
    jobs = [_Job(settings=settings, export=export, known=_known(export)) for export in exports]
    if len(jobs) == 1:
        return await _replayed(jobs[0], progress)
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
            done += await ended
            step(1)
    return sorted(done, key=lambda section: section.title)


def _known(export: Path) -> Path | None:
    gold = export.with_suffix(".gold.jsonl")
    return gold if gold.is_file() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One export, as it goes to another process."""

    settings: Callable[[], Settings]
    export: Path
    known: Path | None


class _Silent:
    """Progress of several processes on one terminal would be noise."""

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda n: None


def _one_thread() -> None:
    """Before torch is loaded: processes that each use every core would get in each other's way."""
    os.environ["OMP_NUM_THREADS"] = "1"


def _replayed_alone(job: _Job) -> list[Section]:
    """What fails names the export: the others' tables are worth having without it."""
    try:
        return asyncio.run(_replayed(job, _Silent()))
    except Exception as error:  # the outermost loop of this process
        reason = f"{type(error).__name__}: {error}"
        return [Section(part=Part.REPLAY, title=f"Replay of {job.export.stem}", ran_on="", failed=reason)]


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
    return Section(
        part=Part.IDENTIFY,
        title=f"Question identification, {file.stem}",
        ran_on=f"{found['messages']} labelled messages of customers in {found['conversations']} on-calls, "
        "each community judged by what was trained on the others",
        figures=tuple(of_identify(found)),
        seconds=time.perf_counter() - began,
    )


def of_identify(found: Mapping[str, Any]) -> Iterable[Figure]:
    """From the figures of ``evals.identify.evaluate_across``."""
    within, mark, n = found["within"], found["question_mark"], found["messages"]
    low, high = within["f1_w_interval"]
    rule = "a question mark"
    yield Figure(
        name="weighted F1, within scope or not",
        value=within["f1_w"],
        n=n,
        baseline=mark["f1_w"],
        against=rule,
        demand=Demand(limit=0.85, at_most=False),
        note=f"95%: {low:.3f} to {high:.3f}",
    )
    yield Figure(
        name="weighted F1, lower end of the 95% interval",
        value=low,
        n=n,
        baseline=mark["f1_w"],
        against=f"{rule}, its point",
        demand=Demand(limit=1.0, at_most=False),
        demand_on_ratio=True,
    )
    for key in ("precision", "recall"):
        yield Figure(name=f"{key} of within", value=within[key], n=n, baseline=mark[key], against=rule)
    yield Figure(name="weighted F1, three classes", value=found["three_class"]["f1_w"], n=n)
    yield Figure(
        name="intrusive runs per 100 messages at recall 0.8",
        value=found["intrusive_per_100"],
        n=n,
        baseline=mark["intrusive_per_100"],
        against=rule,
        demand=Demand(limit=0.5),
        demand_on_ratio=True,
    )
    yield from _spared(found["first_filter"]["chosen"], n, within=found["labels"]["within"])


def _spared(chosen: Mapping[str, Any], n: int, *, within: int) -> Iterable[Figure]:
    """The first filter, its threshold chosen on one community and judged on the other."""
    yield Figure(
        name="first filter: calls saved",
        value=chosen["saved"],
        n=n,
        demand=Demand(limit=_SAVED, at_most=False),
        note="95%: {:.3f} to {:.3f}".format(*chosen["saved_interval"]),
    )
    yield Figure(
        name="first filter: messages within scope lost",
        value=chosen["lost"],
        n=within,
        demand=Demand(limit=_LOST),
        note="95%: {:.3f} to {:.3f}".format(*chosen["lost_interval"]),
    )


async def _replayed(job: _Job, progress: Progress) -> list[Section]:
    """From one start; where documents are known from both, with texts embedded once."""
    settings = job.settings()
    embedder = await open_embedder(settings)
    read = read_export(job.export)
    gold = match_gold(read_gold(job.known), read) if job.known else None
    starts = (Gate.IMMEDIATELY, Gate.ANALYST_JOINED) if gold else (Gate.IMMEDIATELY,)
    return [
        await _lived(job.export.stem, read, gold, start, settings, embedder, progress) for start in starts
    ]


async def _lived(
    name: str,
    read: Export,
    gold: Gold | None,
    start: Gate,
    settings: Settings,
    embedder: Embedder,
    progress: Progress,
) -> Section:
    began = time.perf_counter()
    resolutions = {w: c.resolution_at for w, c in (gold.by_thread() if gold else {}).items()}
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
        done = await replay(
            read,
            settings=settings,
            folder=Path(folder),
            progress=progress,
            start=start,
            latency=_LATENCY,
            resolutions=resolutions,
            embedder=embedder,
        )
    found = replay_report(done.records, gold=gold).figures
    return Section(
        part=Part.REPLAY,
        title=f"Replay of {name}, start {start.value}",
        ran_on=f"{found['conversations']} conversations, {found['messages']} messages, from empty knowledge",
        figures=tuple(of_replay(found, wanted=start is Gate.IMMEDIATELY)),
        seconds=time.perf_counter() - began,
    )


def of_replay(found: Mapping[str, Any], *, wanted: bool) -> Iterable[Figure]:
    """From the figures of ``evals.replay_report``. ``wanted``: with the aims."""
    n = found["conversations"]
    yield Figure(name="cards posted", value=found["posted"], n=n)
    yield Figure(name="answers learned", value=found["knowledge"]["qa"], n=n)
    gold = found["gold"]
    if gold is None:
        return
    n = gold["conversations"]
    yield Figure(name="the most that can be known before", value=gold["ceiling"], n=n)
    macro = gold["prior"]["macro_hit_at_1"] + 0.1  # the guess that knows most
    limits = {"hit_at_1": 0.45, "hit_at_3": 0.54, "macro_hit_at_1": macro} if wanted else {}
    yield from _ranked(
        "at the customer's last message", gold["before_resolution"], gold["prior_last_message"], n, limits
    )
    yield from _ranked("asked again just before the resolution", gold["at_resolution"], gold["prior"], n, {})
    yield from _cards(gold, n, wanted=wanted)
    if (calibration := found["calibration"]) is not None:
        told, engine = calibration["told"], calibration["engine"]
        for key, name in (
            ("error", "calibration error of the confidence"),
            ("auc", "its area under the curve"),
        ):
            yield Figure(
                name=name,
                value=told[key],
                n=calibration["n"],
                baseline=engine[key],
                against="as the engine states it",
            )


def _ranked(
    when: str, at: Mapping[str, float], prior: Mapping[str, float], n: int, limits: Mapping[str, float]
) -> Iterable[Figure]:
    for key, name in (
        ("hit_at_1", "right document first"),
        ("hit_at_3", "right document among three"),
        ("hit_at_8", "right document among eight"),
        ("macro_hit_at_1", "right document first, mean of channels"),
    ):
        yield Figure(
            name=f"{name}, {when}",
            value=at[key],
            n=n,
            baseline=prior[key],
            against=_MOST_FREQUENT,
            demand=Demand(limit=limits[key], at_most=False) if key in limits else None,
        )


def _cards(gold: Mapping[str, Any], n: int, *, wanted: bool) -> Iterable[Figure]:
    posted = gold["posted"]
    yield Figure(
        name="cards that were right",
        value=posted["precision"],
        n=posted["n"],
        baseline=gold["prior"]["hit_at_1"],
        against=f"{_MOST_FREQUENT}, for every conversation",
        note=f"95%: at least {posted['wilson_low']:.3f}",
    )
    covered = {"0.9": 0.12, "0.8": 0.30} if wanted else {}
    for aim, point in gold["online"].items():
        yield Figure(
            name=f"answered when aiming at {aim}, threshold from the past",
            value=point["coverage"],
            n=n,
            demand=Demand(limit=covered[aim], at_most=False) if aim in covered else None,
        )
        low, high = point["wilson"]
        yield Figure(
            name=f"right of these, aiming at {aim}",
            value=point["precision"],
            n=point["n"],
            baseline=gold["prior"]["hit_at_1"],
            against=f"{_MOST_FREQUENT}, for every conversation",
            note=f"95%: {low:.3f} to {high:.3f}",
        )
        yield Figure(
            name=f"right of these, aiming at {aim}, upper end of the 95% interval",
            value=high,
            n=point["n"],
            demand=Demand(limit=float(aim), at_most=False) if wanted else None,
        )
