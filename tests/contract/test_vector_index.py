"""What every VectorIndex promises: the reference, Chroma alone, and the two together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from vigilbot.errors import IndexFailed
from vigilbot.ports import Vector, VectorIndex
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.generational import GenerationalIndex

WIDTH = 16


@asynccontextmanager
async def generational(folder: Path, *, chroma_from: int = 0) -> AsyncIterator[GenerationalIndex]:
    async def generation(content: str) -> ChromaIndex:
        return await ChromaIndex.open(folder, content=content)

    index = GenerationalIndex(exact=ExactIndex(), open_generation=generation, chroma_from=chroma_from)
    maintaining = asyncio.create_task(index.maintain())
    try:
        yield index
    finally:
        maintaining.cancel()
        with suppress(asyncio.CancelledError):
            await maintaining
        await index.close()


@pytest.fixture(params=["exact", "chroma", "generational"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    if request.param == "generational":
        async with generational(tmp_path) as both:
            yield both
        return
    one: VectorIndex = ExactIndex() if request.param == "exact" else await ChromaIndex.open(tmp_path)
    yield one
    await one.close()


async def settled(index: VectorIndex) -> None:
    """Until Chroma serves, where there is a choice."""
    if isinstance(index, GenerationalIndex):
        async with asyncio.timeout(20):
            while not index.state.ready:  # noqa: ASYNC110  it has no event to wait for
                await asyncio.sleep(0.01)


def vectors(count: int, *, seed: int = 0) -> Vector:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    unit: Vector = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


async def filled(index: VectorIndex, count: int, spaces: int = 2) -> Vector:
    rows = vectors(count)
    await index.put([f"k{n:04}" for n in range(count)], [f"s{n % spaces}" for n in range(count)], rows)
    await settled(index)
    return rows


class TestVectorIndex:
    async def test_best_first_with_the_cosine(self, index: VectorIndex) -> None:
        rows = await filled(index, 120)
        query = vectors(1, seed=9)[0]
        hits = await index.search(query, spaces=["s0", "s1"], limit=10)
        cosines = rows @ query
        assert [hit.key for hit in hits] == [f"k{n:04}" for n in np.argsort(-cosines)[:10]]
        assert [hit.score for hit in hits] == pytest.approx(sorted(cosines, reverse=True)[:10], abs=1e-5)

    async def test_only_the_wanted_spaces_are_seen(self, index: VectorIndex) -> None:
        rows = await filled(index, 60, spaces=3)
        for wanted in (["s1"], ["s0", "s2"], ["s1", "s1", "nowhere"]):
            hits = await index.search(rows[1], spaces=wanted, limit=60)
            expected = {f"k{n:04}" for n in range(60) if f"s{n % 3}" in wanted}
            assert {hit.key for hit in hits} == expected
        assert await index.search(rows[1], spaces=["nowhere"], limit=5) == []
        assert await index.search(rows[1], spaces=[], limit=5) == []

    async def test_a_space_is_filtered_before_the_search(self, index: VectorIndex) -> None:
        near = np.tile(vectors(1), (300, 1)) + vectors(300, seed=3) * 0.01
        await index.put([f"near{n}" for n in range(300)], ["theirs"] * 300, near.astype(np.float32))
        await index.put(["far"], ["ours"], -vectors(1))
        await settled(index)
        assert [hit.key for hit in await index.search(vectors(1)[0], spaces=["ours"], limit=3)] == ["far"]

    async def test_ties_go_by_key(self, index: VectorIndex) -> None:
        same = np.tile(vectors(1), (5, 1))
        await index.put(["d", "b", "e", "a", "c"], ["s"] * 5, same)
        await settled(index)
        hits = await index.search(vectors(1)[0], spaces=["s"], limit=5)
        assert [hit.key for hit in hits] == ["a", "b", "c", "d", "e"]

    async def test_a_known_key_is_replaced_and_can_change_its_space(self, index: VectorIndex) -> None:
        await index.put(["a", "b"], ["s", "s"], vectors(2))
        await index.put(["a"], ["t"], -vectors(1))
        await settled(index)
        assert await index.count() == 2
        assert [hit.key for hit in await index.search(vectors(1)[0], spaces=["s"], limit=5)] == ["b"]
        [hit] = await index.search(vectors(1)[0], spaces=["t"], limit=5)
        assert hit.score == pytest.approx(-1, abs=1e-5)

    async def test_the_last_of_a_key_given_twice_wins(self, index: VectorIndex) -> None:
        await index.put(["a", "a"], ["s", "s"], np.stack([-vectors(1)[0], vectors(1)[0]]))
        await settled(index)
        [hit] = await index.search(vectors(1)[0], spaces=["s"], limit=5)
        assert hit.score == pytest.approx(1, abs=1e-5)

    async def test_what_is_dropped_is_gone(self, index: VectorIndex) -> None:
        rows = await filled(index, 40)
        await index.drop([f"k{n:04}" for n in range(0, 40, 4)] + ["unknown", "k0000"])
        await settled(index)
        assert await index.count() == 30
        hits = await index.search(rows[4], spaces=["s0", "s1"], limit=40)
        assert {hit.key for hit in hits} == {f"k{n:04}" for n in range(40) if n % 4}
        await index.drop([])
        await index.drop(["unknown"])

    async def test_an_empty_index_finds_nothing(self, index: VectorIndex) -> None:
        assert await index.search(vectors(1)[0], spaces=["s"], limit=3) == []
        assert await index.count() == 0
        await index.put([], [], np.zeros((0, WIDTH), np.float32))

    async def test_a_limit_of_none_or_of_more_than_there_are(self, index: VectorIndex) -> None:
        rows = await filled(index, 3)
        assert await index.search(rows[0], spaces=["s0", "s1"], limit=0) == []
        assert len(await index.search(rows[0], spaces=["s0", "s1"], limit=99)) == 3

    async def test_vectors_of_another_width_are_refused(self, index: VectorIndex) -> None:
        await filled(index, 3)
        with pytest.raises(IndexFailed):
            await index.put(["x"], ["s0"], np.ones((1, WIDTH + 1), np.float32))

    async def test_hostile_keys_and_spaces(self, index: VectorIndex) -> None:
        keys = ["a b", "{id}", "'; DROP TABLE", "\u202e", "日本", "x" * 500]
        await index.put(keys, [f"space {key}" for key in keys], vectors(len(keys)))
        await settled(index)
        for number, key in enumerate(keys):
            [hit] = await index.search(vectors(len(keys))[number], spaces=[f"space {key}"], limit=9)
            assert hit.key == key


async def test_chroma_gives_the_same_answers_as_the_reference(tmp_path: Path) -> None:
    rows = vectors(2000)
    rows[500:600] = rows[0]  # the same words again and again: more ties than a limit
    keys, spaces = [f"k{n * 7919 % 2000:04}" for n in range(2000)], ["s"] * 2000
    exact = ExactIndex()
    await exact.put(keys, spaces, rows)
    async with generational(tmp_path) as both:
        await both.put(keys, spaces, rows)
        await settled(both)
        for query in np.concatenate([rows[:1], vectors(60, seed=5)]):
            expected = await exact.search(query, spaces=["s"], limit=20)
            assert await both.search(query, spaces=["s"], limit=20) == expected
        assert both.state.failure == ""
