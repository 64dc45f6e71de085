"""Injected orders: whatever a customer or a page says, and whatever a model makes of it, nothing happens.

The cases are those of ``injection/*.yaml``, a file a kind. A common run plays each against a model that obeys
and half of them against the extractive engine; ``make fuzz`` plays all, against both kinds of obedience and
the public attack sets too, and ``python -m tests.security.measure`` counts what the cards said.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.security.attack import attacked, suffered
from tests.security.orders import KINDS, cases, public_cases
from vigilbot.ports import Embedder
from vigilbot.testing import ScriptedModel

PUBLIC = sorted(public_cases())


def test_there_are_enough_of_them() -> None:
    every = [case for kind in KINDS for case in cases(kind)]
    assert len(every) >= 200
    assert len({case.says for case in every}) == len(every)
    assert sum(any("\u4e00" <= c <= "\u9fff" for c in "".join(case.says)) for case in every) >= 50


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_model_that_obeys_does_nothing(
    kind: str, tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    async with attacked(tmp_path, model=scripted_model) as stage:
        assert await suffered(stage, cases(kind)) == {}
        assert stage.model is not None
        assert stage.model.asked["answer"] > 0
        assert stage.model.asked["extract"] + stage.model.asked["review"] > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_the_extractive_engine_does_nothing(kind: str, tmp_path: Path, real_embedder: Embedder) -> None:
    async with attacked(tmp_path, embedder=real_embedder) as stage:
        assert await suffered(stage, cases(kind)[::2]) == {}


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
async def test_the_extractive_engine_does_nothing_for_the_others_either(
    kind: str, tmp_path: Path, real_embedder: Embedder
) -> None:
    async with attacked(tmp_path, embedder=real_embedder) as stage:
        assert await suffered(stage, cases(kind)[1::2]) == {}


@pytest.mark.fuzz
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("kind", KINDS)
async def test_obedience_of_the_other_kind_does_nothing(
    kind: str, tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    async with attacked(tmp_path, model=scripted_model, contrary=True) as stage:
        assert await suffered(stage, cases(kind)) == {}


@pytest.mark.fuzz
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.skipif(not PUBLIC, reason="no data: VIGILBOT_DATA names no folder with security/*.json")
@pytest.mark.parametrize("name", PUBLIC)
async def test_public_attacks_do_nothing(
    name: str, tmp_path: Path, scripted_model: ScriptedModel, real_embedder: Embedder
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "extractive").mkdir()
    async with attacked(tmp_path / "model", model=scripted_model) as stage:
        assert await suffered(stage, public_cases()[name]) == {}
    async with attacked(tmp_path / "extractive", embedder=real_embedder) as stage:
        assert await suffered(stage, public_cases()[name]) == {}
