"""Time that never goes backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vigilbot.providers.clock import SimulatedClock, SystemClock

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_the_machines_time_is_aware_and_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.now() for _ in range(1000)]
    assert times == sorted(times)
    assert abs(times[-1] - datetime.now(UTC)) < timedelta(seconds=5)  # noqa: TID251  the reference


def test_a_simulated_clock_stands_until_it_is_moved() -> None:
    clock = SimulatedClock(NOON)
    clock.advance_to(NOON + timedelta(seconds=3))
    clock.advance_to(clock.now())
    assert clock.now() == NOON + timedelta(seconds=3)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(NOON)
    assert clock.now() == NOON + timedelta(seconds=3)
