"""The measuring of search, on a few vectors: what is asked is unknown, and every index is judged alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from vigilbot.bench import Figure
from vigilbot.bench.corpus import Corpus, corpus
from vigilbot.bench.retrieval import measure_vectors
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.settings import load

COUNT = 1500


class Quiet:
    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda n: None


async def made() -> Corpus:
    return await corpus(HashEmbedder(), None, pool=120, asked=20)


async def test_a_corpus_is_the_same_each_time_and_is_not_asked_for_what_it_holds() -> None:
    one, other = await made(), await made()
    assert one.asked == other.asked
    assert not set(one.asked) & set(one.texts)
    rows = [np.concatenate([rows for _, rows in each.batches(COUNT)]) for each in (one, other)]
    assert np.array_equal(*rows)
    assert np.allclose(np.linalg.norm(rows[0], axis=1), 1, atol=1e-5)
    assert len(np.unique(rows[0], axis=0)) == COUNT
    assert len({one.words(n) for n in range(COUNT)}) > COUNT // 2


def value(figures: tuple[Figure, ...], name: str) -> float:
    [found] = [figure.value for figure in figures if figure.name == name]
    assert found is not None
    return found


async def test_exact_search_finds_all_and_chroma_is_built_from_its_size_on() -> None:
    known, texts = load(options={"retrieval.chroma_from": "1000"}), await made()
    small = await measure_vectors(known, texts, 500, Quiet())
    large = await measure_vectors(known, texts, COUNT, Quiet())
    for filtered in ("all spaces", "2 of 20 spaces", "a space with a thousandth"):
        assert value(small.figures, f"exact, {filtered}, recall at 10") == 1
        assert value(large.figures, f"exact, {filtered}, recall at 10") == 1
        assert value(large.figures, f"as the bot searches, {filtered}, recall at 10") >= 0.95
    names = {figure.name for figure in small.figures}
    assert not any("Chroma" in name for name in names)
    assert {figure.n for figure in large.figures if figure.name.startswith("building Chroma")} == {COUNT}
    assert small.charts[0].bars
