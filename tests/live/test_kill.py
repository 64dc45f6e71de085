"""Killed ten times with the real embedding model, each life from the interpreter's first line on.

tests/chaos kills far more often, with the hash embedder and prepared processes.
"""

from __future__ import annotations

from pathlib import Path

from tests.chaos.lives import Plan, lived
from tests.chaos.process import Plain


async def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    plan = Plan(seed=4, lives=10, events=30, ends=("kill",))
    outcome = await lived(tmp_path, plan, launcher=Plain(), embedder__model="all-MiniLM-L6-v2")
    assert outcome.violations == [], dict(outcome.counts)
    assert outcome.counts["kills"] == 10
    assert outcome.counts["events"] >= 30
