"""A circuit breaker: what keeps failing is left alone for a while, then tried once."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from vigilbot.ports import Clock


class BreakerState(StrEnum):
    CLOSED = "closed"  # calls go through
    OPEN = "open"  # none does
    TRYING = "trying"  # the pause is over; one call at a time goes through


class Breaker:
    """Opens after ``failures`` in a row, for ``cool_down``; then one success closes, one failure reopens it.

    Time is read from ``clock``; nothing sleeps.
    """

    def __init__(self, *, failures: int, cool_down: timedelta, clock: Clock) -> None:
        self._most = failures
        self._cool_down = cool_down
        self._clock = clock
        self._failed = 0
        self._until: datetime | None = None
        self._trying = False

    @property
    def state(self) -> BreakerState:
        if self._until is None:
            return BreakerState.CLOSED
        return BreakerState.TRYING if self._clock.now() >= self._until else BreakerState.OPEN

    @property
    def until(self) -> datetime | None:
        """When the next call may be tried; None while closed."""
        return self._until

    def enter(self) -> bool:
        """Whether a call may be made now. Who gets True says how it ended: succeeded, failed or left."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN or self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failed, self._until, self._trying = 0, None, False

    def failed(self, *, for_good: bool = False) -> None:
        """``for_good``: the next call would fail as well (a wrong key), so it opens at once."""
        self._failed += 1
        self._trying = False
        if for_good or self._until is not None or self._failed >= self._most:
            self._until = self._clock.now() + self._cool_down

    def left(self) -> None:
        """The call ended without saying anything about the model (cancelled, or its text was at fault)."""
        self._trying = False
