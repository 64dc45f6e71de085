"""The reference index against a plain sort, through any history of changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigilbot.errors import IndexFailed
from vigilbot.ports import Vector
from vigilbot.stores.exact import ExactIndex

CHANGES = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", None]), st.integers(0, 6)), max_size=60
)


def unit(seed: int) -> Vector:
    row = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    length: Vector = row / np.linalg.norm(row)
    return length


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, limit=st.integers(1, 14))
async def test_it_agrees_with_a_plain_sort(changes: list[tuple[int, str | None, int]], limit: int) -> None:
    index, model = ExactIndex(), dict[str, tuple[str, Vector]]()
    for key, space, seed in changes:
        if space is None:
            await index.drop([f"k{key}"])
            model.pop(f"k{key}", None)
        else:
            await index.put([f"k{key}"], [space], unit(seed)[None])
            model[f"k{key}"] = (space, unit(seed))
    assert await index.count() == len(model)
    query = unit(99)
    for wanted in (["a"], ["b"], ["a", "b"]):
        scored = [
            (-round(float(v.astype(float) @ query.astype(float)), 6), k)
            for k, (space, v) in model.items()
            if space in wanted
        ]
        hits = await index.search(query, spaces=wanted, limit=limit)
        assert [(-hit.score, hit.key) for hit in hits] == sorted(scored)[:limit]


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, size=st.integers(1, 20))
async def test_a_page_does_what_its_rows_do_one_by_one(
    changes: list[tuple[int, str | None, int]], size: int
) -> None:
    rows = [(f"k{key}", space or "c", unit(seed)) for key, space, seed in changes]
    single, paged, changed = ExactIndex(), ExactIndex(), list[str]()
    for key, space, vector in rows:
        changed += await single.renew([key], [space], vector[None])
    told: list[str] = []
    for start in range(0, len(rows), size):
        keys, spaces, vectors = zip(*rows[start : start + size], strict=True)
        told += await paged.renew(keys, spaces, np.stack(vectors))
    assert told == changed
    assert await paged.digest() == await single.digest()
    for wanted in (["a"], ["a", "b", "c"]):
        hits = [await each.search(unit(99), spaces=wanted, limit=9) for each in (single, paged)]
        assert hits[0] == hits[1]


async def test_the_digest_is_of_the_contents_not_their_history() -> None:
    one, other = ExactIndex(), ExactIndex()
    await one.put(["a", "b"], ["s", "t"], np.stack([unit(1), unit(2)]))
    await other.put(["b", "x"], ["s", "s"], np.stack([unit(3), unit(4)]))
    assert await one.digest() != await other.digest()
    await other.drop(["x"])
    await other.put(["b", "a"], ["t", "s"], np.stack([unit(2), unit(1)]))
    assert await one.digest() == await other.digest()
    await other.put(["a"], ["t"], unit(1)[None])
    assert await one.digest() != await other.digest()


async def test_lengths_do_not_matter_and_zero_is_like_nothing() -> None:
    index = ExactIndex()
    await index.put(["long", "zero"], ["s", "s"], np.stack([unit(1) * 40, unit(1) * 0]))
    hits = await index.search(unit(1) * 3, spaces=["s"], limit=2)
    assert [(hit.key, hit.score) for hit in hits] == [("long", 1.0), ("zero", 0.0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
async def test_a_vector_that_is_no_direction_is_refused(bad: float) -> None:
    with pytest.raises(IndexFailed, match="finite"):
        await ExactIndex().put(["a"], ["s"], np.full((1, 8), bad, np.float32))


async def test_counts_that_differ_are_refused() -> None:
    with pytest.raises(IndexFailed, match="1 keys, 2 spaces"):
        await ExactIndex().put(["a"], ["s", "t"], unit(1)[None])


async def test_many_vectors_are_found_and_dropped_like_few() -> None:
    """More than one segment of a space, and the last one left again."""
    count = 9000
    rows = np.random.default_rng(3).normal(size=(count, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = ExactIndex()
    for start in range(0, count, 700):
        numbers = range(start, min(start + 700, count))
        await index.put([f"k{n}" for n in numbers], ["s"] * len(numbers), rows[start : start + 700])
    query = unit(99)
    best = np.argsort(-(rows @ query))[:20]
    hits = await index.search(query, spaces=["s"], limit=20)
    assert [hit.key for hit in hits] == [f"k{n}" for n in best]
    gone = [n for n in range(count) if n % 9]
    await index.drop([f"k{n}" for n in gone])
    hits = await index.search(query, spaces=["s"], limit=count)
    left = sorted(range(0, count, 9), key=lambda n: -(rows[n] @ query))
    assert [hit.key for hit in hits] == [f"k{n}" for n in left]


async def test_only_what_differs_counts_as_changed() -> None:
    index = ExactIndex()
    both = np.stack([unit(1), unit(2)])
    assert await index.renew(["a", "b"], ["s", "s"], both) == ["a", "b"]
    assert await index.renew(["a", "b"], ["s", "s"], both) == []
    assert await index.renew(["a", "b"], ["t", "s"], both) == ["a"]
    assert await index.renew(["a", "b"], ["t", "s"], both[::-1]) == ["a", "b"]
