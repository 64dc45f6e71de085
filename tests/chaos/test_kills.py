"""Killed from outside, at random moments and at named points, while people write and click and Slack is bad.

Every message is in the ledger once, every question has one card, every confirmed click its one effect, every
answered question its one lesson. The long way: `make chaos`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.chaos.crash_points import POINTS
from tests.chaos.lives import Outcome, Plan, lived
from tests.chaos.process import Launcher, launching

WORLDS, KILLS, EVENTS = 4, 50, 200
SEED = int(os.environ.get("SEED", "1"))


def adds_up(outcome: Outcome, plan: Plan) -> None:
    assert outcome.violations == [], f"seed {plan.seed}: {dict(outcome.counts)}"
    assert outcome.counts["events"] >= plan.events
    assert outcome.counts["kills"] + outcome.counts["stops"] >= plan.lives


@pytest.mark.asyncio(loop_scope="session")
async def test_two_hundred_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """In worlds side by side: most of a life is waiting."""

    async def world(number: int) -> tuple[Plan, Outcome]:
        points = tuple(POINTS)[number::WORLDS]
        plan = Plan(seed=100 * SEED + number, lives=KILLS, events=EVENTS, points=points)
        async with launching() as own:
            return plan, await lived(tmp_path / str(number), plan, launcher=own)

    for plan, outcome in await asyncio.gather(*(world(number) for number in range(WORLDS))):
        adds_up(outcome, plan)
        enough = len(plan.points) // 3
        assert len(outcome.struck) >= enough, "hardly any point was passed: the test shows little"


@pytest.mark.asyncio(loop_scope="session")
async def test_thirty_orders_to_stop_are_followed_in_time(tmp_path: Path, launcher: Launcher) -> None:
    """SIGTERM at random: within 30 seconds, exit code 0, nothing lost."""
    plan = Plan(seed=100 * SEED + 50, lives=30, events=90, ends=("stop",), faults=False)
    outcome = await lived(tmp_path, plan, launcher=launcher)
    adds_up(outcome, plan)
    assert len(outcome.stops) == 30
    assert max(outcome.stops) < 30


@pytest.mark.asyncio(loop_scope="session")
async def test_every_write_to_the_ledger_may_fail(tmp_path: Path, launcher: Launcher) -> None:
    """Full disk, I/O error, locked, in turn; in each life another write of what happens there."""
    plan = Plan(seed=100 * SEED + 70, lives=36, events=144, ends=("stop",), faults=False, failing=True)
    outcome = await lived(tmp_path, plan, launcher=launcher)
    assert outcome.violations == []
    assert outcome.counts["writes failed"] >= 30
