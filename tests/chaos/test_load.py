"""A thousand messages over a hundred on-calls with a slow model; `make load` has ten times that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.chaos.load import carried
from tests.chaos.process import Launcher


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.asyncio(loop_scope="session")
async def test_a_flood_is_taken_in_in_order_and_in_bounds(tmp_path: Path, launcher: Launcher) -> None:
    found = await carried(tmp_path, launcher, messages=1000, oncalls=100)
    assert (found.messages, found.disordered, found.unread, found.twice) == (1000, 0, 0, 0)
    assert found.grown < 100, found
