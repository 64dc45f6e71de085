"""What language models were asked for, by whom and at what price.

A meter is open while one piece of work is done (a run, a lesson); whoever calls a model notes the call
in it, however deep below. The meter travels with the task and the tasks it starts (a context variable),
so that no judgement has to hand it on. It also bounds the calls of one piece of work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One request to a model, failed ones included.

    ``cost`` is in US dollars, None where the model's price is not known. ``cached``: the reply came from
    a file and cost nothing now; tokens, cost and time are those of the request it was recorded from.
    """

    stage: str
    model: str
    at: datetime
    ms: float
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None
    cached: bool = False
    error: str = ""  # why it was of no use


@dataclass(slots=True)
class Meter:
    """The calls of one piece of work, at most ``limit`` of them; 0 is no limit."""

    limit: int = 0
    calls: list[ModelCall] = field(default_factory=list)
    fallbacks: list[str] = field(default_factory=list)  # judgements another engine made, and why
    _begun: int = 0
    _noted: int = 0

    def begin(self) -> bool:
        """Whether one more call may be made; counts it."""
        if self.limit and self._begun >= self.limit:
            return False
        self._begun += 1
        return True

    def fresh(self) -> tuple[ModelCall, ...]:
        """The calls not yet taken for the record."""
        new = tuple(self.calls[self._noted :])
        self._noted = len(self.calls)
        return new


_METER: ContextVar[Meter | None] = ContextVar("vigilbot_meter", default=None)


@contextmanager
def metered(limit: int = 0) -> Iterator[Meter]:
    """Opens a meter for the work inside; an outer one rests meanwhile."""
    meter = Meter(limit=limit)
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def meter() -> Meter:
    """The open meter; one nobody reads where none is open."""
    return _METER.get() or Meter()
