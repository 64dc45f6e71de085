"""Every file beside this one is a scenario: chat in, cards and knowledge out."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigilbot.testing import play, read_scenario

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_scenario(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    scenario = read_scenario(path)
    needed = scenario.engine == "extractive"
    embedder = request.getfixturevalue("real_embedder") if needed else None
    await play(scenario, folder=tmp_path, embedder=embedder)
