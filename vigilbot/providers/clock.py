"""Where time comes from: the machine, or a simulation that only moves when told to."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The machine's time. When the machine's clock is set back, time stands still until it catches up."""

    def __init__(self) -> None:
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        self._last = max(self._last, datetime.now(UTC))
        return self._last


class SimulatedClock:
    """Time for replay, demo and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance_to(self, at: datetime) -> None:
        """Moves forward; raises ValueError backwards."""
        if at < self._now:
            raise ValueError(f"time cannot go back from {self._now} to {at}")
        self._now = at
