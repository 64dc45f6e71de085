"""What can go wrong between a workspace and its app, on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random


@dataclass(kw_only=True, slots=True)
class Trouble:
    """What the next calls of a method meet. Without ``method``: any method.

    ``applied``: the call is done before it goes wrong, so that the caller cannot know. ``drop``: the
    connection breaks instead of an answer. ``status`` other than 200 answers without JSON.
    """

    method: str = ""
    times: int = 1
    error: str = ""
    retry_after: int = 0  # seconds; answers 429
    status: int = 200
    drop: bool = False
    applied: bool = False
    delay: float = 0.0  # real seconds before the answer


@dataclass(kw_only=True, slots=True)
class Faults:
    """Switches anyone may set at any time. Rates are chances from 0 to 1 of each case.

    ``deaf``: no connection can be opened and HTTP does not get through. ``mute_pongs``: sockets look
    open and say nothing. ``lose_acks``: so many acknowledgements get lost.
    """

    rng: Random
    deaf: bool = False
    mute_pongs: bool = False
    lose_acks: int = 0
    bad_signature: bool = False
    stale_signature: bool = False
    ack_loss: float = 0.0
    duplicates: float = 0.0
    late: float = 0.0  # envelopes that come up to two seconds later than others
    refreshes: float = 0.0  # envelopes after which every socket is asked to go
    dropped_before: float = 0.0  # API calls whose connection breaks, not applied
    dropped_after: float = 0.0  # the same, applied
    limited: float = 0.0
    failing: float = 0.0  # internal_error
    troubles: list[Trouble] = field(default_factory=list)

    def fail(self, method: str, error: str, *, times: int = 1) -> None:
        self.troubles.append(Trouble(method=method, error=error, times=times))

    def limit(self, method: str, retry_after: int = 1, *, times: int = 1) -> None:
        self.troubles.append(Trouble(method=method, retry_after=retry_after, times=times))

    def drop(self, method: str, *, applied: bool, times: int = 1) -> None:
        self.troubles.append(Trouble(method=method, drop=True, applied=applied, times=times))

    def answer(self, method: str, status: int, *, applied: bool = False, times: int = 1) -> None:
        """An HTTP status without JSON, as from a proxy in between."""
        self.troubles.append(Trouble(method=method, status=status, applied=applied, times=times))

    def slow(self, method: str, seconds: float, *, times: int = 1) -> None:
        self.troubles.append(Trouble(method=method, delay=seconds, times=times))

    def clear(self) -> None:
        """Everything works again."""
        fresh = Faults(rng=self.rng)
        for name in self.__slots__:
            setattr(self, name, getattr(fresh, name))

    def chaos(self, rng: Random) -> None:
        """A bad day: some of everything, as the given source of chance has it."""
        self.rng = rng
        for name in (
            "ack_loss",
            "duplicates",
            "late",
            "refreshes",
            "dropped_before",
            "dropped_after",
            "limited",
            "failing",
        ):
            setattr(self, name, rng.uniform(0.02, 0.15))

    def next_trouble(self, method: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method in {"", method}:
                trouble.times -= 1
                if trouble.times <= 0:
                    self.troubles.remove(trouble)
                return trouble
        return self._by_chance(method)

    def happens(self, rate: float) -> bool:
        return rate > 0 and self.rng.random() < rate

    def loses_ack(self) -> bool:
        if self.lose_acks > 0:
            self.lose_acks -= 1
            return True
        return self.happens(self.ack_loss)

    def _by_chance(self, method: str) -> Trouble | None:
        if method == "apps.connections.open":
            return None
        if self.happens(self.dropped_before):
            return Trouble(drop=True)
        if self.happens(self.dropped_after):
            return Trouble(drop=True, applied=True)
        if self.happens(self.limited):
            return Trouble(retry_after=1)
        return Trouble(error="internal_error") if self.happens(self.failing) else None
