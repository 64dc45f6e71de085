"""What a large ledger costs: search by words, all of retrieval, loading, and a bot's start on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from vigilbot.app import open_ledger
from vigilbot.bench import Figure, Part, Progress, Section, spread, starting
from vigilbot.bench.corpus import Corpus, stock
from vigilbot.bench.costs import longest, watched
from vigilbot.domain import Question
from vigilbot.knowing import knowledge_of
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.search import rarest
from vigilbot.knowledge.spaces import PUBLIC
from vigilbot.ledger import Ledger
from vigilbot.ledger.entries import lexeme
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.settings import Settings
from vigilbot.stores.exact import ExactIndex
from vigilbot.text import tokens
from vigilbot.workspace import Workspace

STARTS: Final = 2
_ASKED: Final = 100
_PLAIN: Final = 2  # every second question is also a plain query, which is slow


async def on_ledgers(
    settings: Settings, embedder: Embedder, made: Corpus, sizes: Sequence[int], progress: Progress
) -> list[Section]:
    """One section about searching and one about starting, each with every size."""
    began = time.perf_counter()
    searched: list[Figure] = []
    started: list[Figure] = []
    with progress.phase("What a start costs at the least", 1) as step:
        floor = await starting.least(settings)
        step(1)
    for count in sizes:
        with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
            place, ws = Path(folder), Workspace()
            await _written(place, embedder, made, count, tenant=ws.team, progress=progress)
            searched += await _searched(settings, place, embedder, made, count, ws.team, progress)
            with progress.phase(f"Starting with {count:,} entries", STARTS) as step:
                runs = await starting.starts(settings, ws, place, times=STARTS, done=step)
            started += starting.figures(runs, floor, count=count)
    what = f"texts put together from {len(made.texts):,} {made.source}"
    return [
        Section(
            part=Part.RETRIEVAL,
            title="Search in the ledger",
            ran_on=f"{what}, all in one space; {min(_ASKED, len(made.asked))} others are asked; a plain "
            "query, made of every second one, asks for all words at once, the commonest too",
            figures=tuple(searched),
            seconds=time.perf_counter() - began,
        ),
        Section(
            part=Part.RETRIEVAL,
            title="Start and memory",
            ran_on="`vigilbot run` as a process of its own against the local workspace, the real embedding "
            f"model, {STARTS} starts each; {what}",
            figures=tuple(started),
        ),
    ]


async def _written(
    folder: Path, embedder: Embedder, made: Corpus, count: int, *, tenant: str, progress: Progress
) -> None:
    ledger = await open_ledger(folder, durable=False)
    try:
        with progress.phase(f"Writing {count:,} entries", count) as step:
            await stock(
                ledger,
                made,
                count,
                model=embedder.model,
                tenant=tenant,
                space=PUBLIC,
                at=datetime.fromtimestamp(0, UTC),
                done=step,
            )
    finally:
        await ledger.close()


async def _searched(
    settings: Settings,
    folder: Path,
    embedder: Embedder,
    made: Corpus,
    count: int,
    tenant: str,
    progress: Progress,
) -> list[Figure]:
    ledger, index = await open_ledger(folder, durable=False), ExactIndex()
    try:
        began = time.perf_counter()
        async with watched() as late:
            knowledge = await knowledge_of(
                settings, ledger=ledger, embedder=embedder, index=index, clock=SystemClock()
            )
        loaded = time.perf_counter() - began
        async with watched() as held:
            times = await _times(knowledge, ledger, made, tenant, settings.retrieval.candidates, progress)
    finally:
        await index.close()
        await ledger.close()
    ours, plain, whole = times
    return [
        *spread(f"by words, {count:,} entries", ours, unit="ms", baseline=plain, against="a plain query"),
        *spread(f"all of retrieval, exact search, {count:,} entries", whole, unit="ms"),
        longest(f"event loop held up by searching, {count:,} entries", held),
        Figure(name=f"loading the vectors, {count:,} entries", value=loaded, unit="s", n=count),
        longest(f"event loop held up by loading, {count:,} entries", late),
    ]


async def _times(
    knowledge: Knowledge, ledger: Ledger, made: Corpus, tenant: str, limit: int, progress: Progress
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each search by words, of the plain query, and of all of retrieval."""
    ours, plain, whole = list[float](), list[float](), list[float]()
    with progress.phase("Searching the ledger", min(_ASKED, len(made.asked))) as step:
        for number, (text, vector) in enumerate(list(zip(made.asked, made.queries, strict=True))[:_ASKED]):
            lexemes = list(dict.fromkeys(lexeme(token) for token in tokens(text)))
            began = time.perf_counter()
            frequency = await ledger.entries.document_frequencies(lexemes)
            await ledger.entries.match(rarest(frequency), tenant=tenant, spaces=[PUBLIC], limit=limit)
            ours.append((time.perf_counter() - began) * 1000)
            if number % _PLAIN == 0:
                began = time.perf_counter()
                await ledger.entries.match(lexemes, tenant=tenant, spaces=[PUBLIC], limit=limit)
                plain.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            await knowledge.searching.candidates(
                Question(text=text, message_ids=()),
                vector,
                tenant=tenant,
                spaces=[PUBLIC],
                channel="C",
                limit=limit,
            )
            whole.append((time.perf_counter() - began) * 1000)
            step(1)
    return ours, plain, whole
