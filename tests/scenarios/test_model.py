"""The same scenarios with the model engine: real prompts, real litellm, HTTP to a scripted server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.models import engine_over, ordered
from tests.scenarios.test_scenarios import CORE
from vigilbot.providers.llm import LiteLlm
from vigilbot.testing import MarkPlayer, ScriptedModel, play, read_scenario

SURER = {"review_counts_one_rejection_against_many", "target_precision"}
"""Scenarios about a confidence that the scripted model does not give: it is always sure."""


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("path", [p for p in CORE if p.stem not in SURER], ids=lambda path: path.stem)
async def test_core_with_a_model(
    path: Path, tmp_path: Path, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scenario = read_scenario(path)
    scripted_model.play(MarkPlayer(gullible=scenario.engine == "gullible"))
    engine = engine_over(ordered(litellm))
    await play(replace(scenario, engine="scripted"), folder=tmp_path, engine=engine)


@pytest.mark.asyncio(loop_scope="session")
async def test_injected_orders_reach_a_model_that_obeys_and_nothing_else(
    tmp_path: Path, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    """The gullible scenarios did ask the model: what protects there is the code around it."""
    gullible = [path for path in CORE if read_scenario(path).engine == "gullible"]
    assert len(gullible) >= 3
    for path in gullible:
        scripted_model.forget()
        scripted_model.play(MarkPlayer(gullible=True))
        engine = engine_over(ordered(litellm))
        await play(
            replace(read_scenario(path), engine="scripted"), folder=tmp_path / path.stem, engine=engine
        )
        assert scripted_model.asked
