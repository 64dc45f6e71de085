"""What every Embedder promises: the one without a model, and the embedded default."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import numpy as np
import pytest

from vigilbot.ports import Embedder
from vigilbot.providers.embedder import BUNDLED, HASH, open_embedder

WORDS = ["the", "server", "shows", "error", "ERR-42", "when", "we", "start", "it", "after", "our", "upgrade"]


@pytest.fixture(scope="module")
def bundled() -> Embedder:
    return asyncio.run(open_embedder(model=BUNDLED, path=None))


@pytest.fixture(scope="module")
def forgetful() -> Embedder:
    """Every vector is computed."""
    return asyncio.run(open_embedder(model=BUNDLED, path=None, cached=0))


@pytest.fixture(params=[HASH, BUNDLED, "forgetful"])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param == HASH:
        yield asyncio.run(open_embedder(model=HASH, path=None))
    else:
        yield request.getfixturevalue("bundled" if request.param == BUNDLED else "forgetful")


def texts(count: int, longest: int, *, seed: int = 0) -> list[str]:
    chosen = random.Random(seed)
    return [" ".join(chosen.choices(WORDS, k=chosen.randint(0, longest))) for _ in range(count)]


class TestEmbedder:
    async def test_one_unit_row_a_text_in_order(self, embedder: Embedder) -> None:
        rows = await embedder.embed(["a", "the server is down", "", "a"])
        assert rows.shape == (4, embedder.dimensions)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
        assert np.array_equal(rows[0], rows[3])
        assert not np.array_equal(rows[0], rows[1])
        assert embedder.model

    async def test_no_texts_no_rows(self, embedder: Embedder) -> None:
        assert (await embedder.embed([])).shape == (0, embedder.dimensions)

    async def test_a_text_has_one_vector_whatever_is_beside_it(self, embedder: Embedder) -> None:
        some = texts(10, 30) + texts(14, 4, seed=1)
        together = await embedder.embed(some)
        order = random.Random(3).sample(range(len(some)), len(some))
        for size in (1, 5):
            for start in range(0, len(order) if size > 1 else 8, size):
                chosen = order[start : start + size]
                assert np.array_equal(await embedder.embed([some[at] for at in chosen]), together[chosen])

    async def test_many_who_ask_at_the_same_time_get_what_each_asked_for(self, embedder: Embedder) -> None:
        some = texts(160, 30, seed=5)
        alone = [await embedder.embed([text]) for text in some]
        askers = [some[start : start + 1 + start % 7] for start in range(len(some))]
        tasks = [asyncio.create_task(embedder.embed(asked)) for asked in askers]
        await asyncio.sleep(0)
        for cancelled in tasks[::9]:
            cancelled.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for start, (asked, vectors) in enumerate(zip(askers, found, strict=True)):
            if start % 9 == 0:
                continue
            assert not isinstance(vectors, BaseException)
            assert np.array_equal(vectors, np.concatenate(alone[start : start + len(asked)]))

    async def test_texts_that_share_words_are_nearer(self, embedder: Embedder) -> None:
        question, paraphrase, other = await embedder.embed(
            ["how do I reset my password", "resetting the password: how?", "the printer is out of paper"]
        )
        assert question @ paraphrase > question @ other + 0.2

    async def test_what_it_returns_belongs_to_the_caller(self, embedder: Embedder) -> None:
        first = await embedder.embed(["mine"])
        kept = first.copy()
        first[:] = 0
        assert np.array_equal(await embedder.embed(["mine"]), kept)

    async def test_hostile_texts_have_vectors_and_take_no_time(self, embedder: Embedder) -> None:
        hostile = ["x" * 10**5, "x y " * 25_000, " " * 10**5, "\ud800", "\x00\u202e", "😀" * 50_000, "{id}"]
        async with asyncio.timeout(10):
            rows = await embedder.embed(hostile)
        assert np.isfinite(rows).all()
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
