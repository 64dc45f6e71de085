"""The workspace's time: real, or somebody else's clock, and in both cases able to be put forward."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_time() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  a workspace without a given clock is where its time comes from


class Timing:
    """What time it is, and what is to happen later.

    Timers never fire by themselves: `run_due` runs those whose time has come, in order.
    """

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or real_time
        self._ahead = timedelta(0)
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._number = itertools.count()

    def now(self) -> datetime:
        return self._now() + self._ahead

    def seconds(self) -> float:
        """Since 1970."""
        return self.now().timestamp()

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now() + timedelta(seconds=seconds), next(self._number), callback))

    def advance(self, seconds: float) -> None:
        """Puts the time forward; what falls due on the way happens at its own time."""
        goal = self.now() + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= goal:
            due = self._timers[0][0]
            if due > self.now():
                self._ahead += due - self.now()
            self.run_due()
        if goal > self.now():
            self._ahead += goal - self.now()

    def run_due(self) -> None:
        while self._timers and self._timers[0][0] <= self.now():
            heapq.heappop(self._timers)[2]()
