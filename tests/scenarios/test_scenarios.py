"""Every YAML file beside this one is a scenario: chat in, cards and knowledge out (see README.md here)."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigilbot.ports import Embedder
from vigilbot.testing import play, read_scenario

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
PRODUCT = [path for path in FILES if path.stem.startswith("product_")]
CORE = [path for path in FILES if path not in PRODUCT]


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
async def test_core(path: Path, tmp_path: Path) -> None:
    """The mechanics, with a scripted engine and an embedder that hashes words."""
    await play(read_scenario(path), folder=tmp_path)


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: path.stem)
async def test_product(path: Path, tmp_path: Path, real_embedder: Embedder) -> None:
    """What ships: the extractive engine and the embedded model."""
    await play(read_scenario(path), folder=tmp_path, embedder=real_embedder)
