"""Search by meaning and by words in a knowledge base of any size, beside plain numpy."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vigilbot.app import open_embedder
from vigilbot.bench import Bars, Demand, Figure, Part, Progress, Section, spread
from vigilbot.bench.corpus import Corpus, corpus
from vigilbot.bench.costs import longest, resident, watched
from vigilbot.bench.ledgers import on_ledgers
from vigilbot.ports import Vector, VectorIndex
from vigilbot.serve import keep_what_is_loaded
from vigilbot.settings import Settings
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.generational import GenerationalIndex

SIZES: Final = (10_000, 272_325)  # the second is what the paper's knowledge base held
_BEST: Final = 10
_SPACES: Final = 20
_ONE: Final = "t/one"  # the space of every thousandth entry
_TWO: Final = f"2 of {_SPACES} spaces"
_FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "all spaces": (_ONE, *(f"t/{n}" for n in range(_SPACES))),
    _TWO: ("t/3", "t/11"),
    "a space with a thousandth": (_ONE,),
}
_LIMIT: Final = Demand(limit=60)
_RECALL: Final = Demand(limit=0.95, at_most=False)
_FILTERED: Final = 50  # searches with Chroma's own filter, which are slow
_PUT: Final = 50  # vectors put one by one
_PAGE: Final = 1024


async def measure(
    settings: Settings, progress: Progress, *, data: Path | None, sizes: Sequence[int] = SIZES
) -> list[Section]:
    """``data``: a folder with exports whose messages are searched; None: made texts."""
    embedder = await open_embedder(settings)
    with progress.phase("Texts to search", 1) as step:
        made = await corpus(embedder, data)
        step(1)
    keep_what_is_loaded()  # as the bot does, whose event loop is watched here
    sections = [await measure_vectors(settings, made, count, progress) for count in sizes]
    return [*sections, *await on_ledgers(settings, embedder, made, sizes, progress)]


def space_of(number: int) -> str:
    return _ONE if number % 1000 == 7 else f"t/{number % _SPACES}"


@dataclass(kw_only=True, slots=True)
class _Spent:
    """Milliseconds of every search, and the share of the true best it found."""

    times: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)

    async def one(self, search: Callable[[], Awaitable[Sequence[str]]], truth: frozenset[str]) -> None:
        began = time.perf_counter()
        keys = await search()
        self.times.append((time.perf_counter() - began) * 1000)
        self.found.append(len(truth & set(keys[:_BEST])) / len(truth))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plain:
    """What a few lines of numpy do: everything scored, what is not to be seen left out, the best chosen."""

    matrix: Vector
    spaces: NDArray[np.str_]

    @classmethod
    def of(cls, matrix: Vector) -> _Plain:
        return cls(matrix=matrix, spaces=np.array([space_of(n) for n in range(len(matrix))]))

    def seen(self, spaces: Sequence[str]) -> NDArray[np.bool_]:
        return np.isin(self.spaces, spaces)

    def best(self, query: Vector, seen: NDArray[np.bool_]) -> tuple[frozenset[str], float]:
        """The keys, and the milliseconds it took."""
        began = time.perf_counter()
        scores = self.matrix @ query
        scores[~seen] = -2
        count = min(_BEST, int(seen.sum()))
        best = np.argpartition(scores, len(scores) - count)[-count:]
        spent = (time.perf_counter() - began) * 1000
        return frozenset(f"made-{n}" for n in best), spent


async def measure_vectors(settings: Settings, made: Corpus, count: int, progress: Progress) -> Section:
    began = time.perf_counter()
    matrix = np.concatenate([rows for _, rows in made.batches(count)])
    exact = ExactIndex()
    if settings.retrieval.index == "chroma" and count >= settings.retrieval.chroma_from:
        figures = await _with_chroma(settings, made, matrix, exact, progress)
    else:
        figures = await _filled(exact, matrix, progress)
        figures += await _searched(made, matrix, {"exact": exact}, settings.retrieval.candidates, progress)
        figures += await _one_more(exact, made, count)
    await exact.close()
    bars = tuple((f.name[:-5], f.value) for f in figures if f.name.endswith(", p99") and f.value is not None)
    return Section(
        part=Part.RETRIEVAL,
        title=f"Vector search, {count:,} entries",
        ran_on=f"{count:,} vectors of {matrix.shape[1]} dimensions, mixtures of the vectors of "
        f"{len(made.texts):,} {made.source}; {len(made.asked)} others are asked, for "
        f"{settings.retrieval.candidates} candidates each",
        figures=tuple(figures),
        charts=(Bars(title="A search, p99", unit="ms", bars=bars),),
        seconds=time.perf_counter() - began,
    )


async def _filled(index: VectorIndex, matrix: Vector, progress: Progress) -> list[Figure]:
    """As the bot fills it, a page at a time."""
    before = resident()[0]
    began = time.perf_counter()
    async with watched() as late:
        with progress.phase("Filling exact search", len(matrix)) as step:
            for first in range(0, len(matrix), _PAGE):
                rows = matrix[first : first + _PAGE]
                numbers = range(first, first + len(rows))
                await index.put([f"made-{n}" for n in numbers], [space_of(n) for n in numbers], rows)
                step(len(rows))
                await asyncio.sleep(0)
        seconds = time.perf_counter() - began
    n = len(matrix)
    memory = resident()[0] - before
    bare = matrix.nbytes / 2**20
    return [
        Figure(name="filling exact search", value=seconds, unit="s", n=n),
        Figure(name="its memory", value=memory, unit="MB", n=n, baseline=bare, against="the bare matrix"),
        longest("event loop held up meanwhile", late),
    ]


async def _searched(
    made: Corpus, matrix: Vector, indices: Mapping[str, VectorIndex], limit: int, progress: Progress
) -> list[Figure]:
    """Every index with every filter, in turns with plain numpy, so that all meet the same machine."""
    numpy = _Plain.of(matrix)
    figures: list[Figure] = []
    with progress.phase("Searching", len(_FILTERS) * len(made.queries)) as step:
        for label, wanted in _FILTERS.items():
            seen = numpy.seen(wanted)
            spent = {name: _Spent() for name in indices}
            plain: list[float] = []
            for query in made.queries:
                truth, milliseconds = numpy.best(query, seen)
                plain.append(milliseconds)
                for name, index in indices.items():
                    await spent[name].one(_search(index, query, wanted, limit), truth)
                step(1)
            for name in indices:
                figures += _told(f"{name}, {label}", spent[name], plain)
    return figures


def _search(
    index: VectorIndex, query: Vector, spaces: Sequence[str], limit: int
) -> Callable[[], Awaitable[Sequence[str]]]:
    async def search() -> Sequence[str]:
        return [hit.key for hit in await index.search(query, spaces=spaces, limit=limit)]

    return search


def _told(name: str, spent: _Spent, plain: Sequence[float], *, limit: Demand | None = _LIMIT) -> list[Figure]:
    recall = float(np.mean(spent.found))
    demands = {99: limit} if limit else None
    return [
        *spread(name, spent.times, unit="ms", baseline=plain, against="plain numpy", demands=demands),
        Figure(
            name=f"{name}, recall at {_BEST}",
            value=recall,
            n=len(spent.found),
            demand=_RECALL if limit else None,
        ),
    ]


async def _with_chroma(
    settings: Settings, made: Corpus, matrix: Vector, exact: ExactIndex, progress: Progress
) -> list[Figure]:
    """Builds Chroma as the bot does, and searches as the bot does: through it where it is quicker."""
    opened: list[ChromaIndex] = []
    known = settings.retrieval
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:

        async def generation(content: str) -> ChromaIndex:
            opened.append(await ChromaIndex.open(folder, content=content))
            return opened[-1]

        both = GenerationalIndex(exact=exact, open_generation=generation, chroma_from=known.chroma_from)
        figures = await _filled(both, matrix, progress)
        keeping = asyncio.create_task(both.maintain())
        try:
            figures += await _built(both, len(matrix), progress)
            indices: dict[str, VectorIndex] = {"as the bot searches": both, "exact": exact}
            figures += await _searched(made, matrix, indices, known.candidates, progress)
            figures += await _by_chroma(made, matrix, opened[-1], known.candidates, progress)
            figures += await _one_more(both, made, len(matrix))
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await both.close()
    return figures


async def _built(both: GenerationalIndex, count: int, progress: Progress) -> list[Figure]:
    began, done = time.perf_counter(), 0
    async with watched() as late:
        with progress.phase("Building Chroma", count) as step:
            while not both.state.ready:
                await asyncio.sleep(0.1)
                behind = both.state.behind or count  # none while it is being opened, and when it is done
                step(max(0, count - behind - done))
                done = max(done, count - behind)
        seconds = time.perf_counter() - began
    return [
        Figure(name="building Chroma, meanwhile exact search serves", value=seconds, unit="s", n=count),
        longest("event loop held up meanwhile", late),
        Figure(name="memory of Chroma's process", value=resident()[1], unit="MB", n=count),
    ]


async def _by_chroma(
    made: Corpus, matrix: Vector, chroma: ChromaIndex, limit: int, progress: Progress
) -> list[Figure]:
    """Chroma's own filter, which the bot does not use."""
    numpy, wanted, spent, plain = _Plain.of(matrix), _FILTERS[_TWO], _Spent(), list[float]()
    seen = numpy.seen(wanted)
    with progress.phase("Searching with Chroma's filter", _FILTERED) as step:
        for query in made.queries[:_FILTERED]:
            truth, milliseconds = numpy.best(query, seen)
            plain.append(milliseconds)
            await spent.one(_search(chroma, query, wanted, limit), truth)
            step(1)
    return _told(f"Chroma's own filter, {_TWO} (not used)", spent, plain, limit=None)


async def _one_more(index: VectorIndex, made: Corpus, count: int) -> list[Figure]:
    """One vector more, as something is learned."""
    times: list[float] = []
    async with watched() as late:
        for number, query in enumerate(made.queries[:_PUT]):
            began = time.perf_counter()
            await index.put([f"more-{number}"], ["t/3"], query[np.newaxis])
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.02)  # what is done beside it shows in the lateness
    return [
        *spread("one vector more", times, unit="ms", percentiles=(50, 99)),
        longest(f"event loop held up meanwhile, at {count:,}", late),
    ]
