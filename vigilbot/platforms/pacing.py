"""What every chat platform's API needs: room between requests, and a word for not knowing."""

from __future__ import annotations

from vigilbot.errors import PlatformUnsure


class FateUnknown(PlatformUnsure):
    """The request may or may not have been applied."""


class Bucket:
    """Lets ``burst`` pass at once and then one every ``interval`` seconds."""

    def __init__(self, *, interval: float, burst: int) -> None:
        self._interval = interval
        self._lead = interval * (burst - 1)
        self._free_at = 0.0

    def reserve(self, now: float, *, longest: float = float("inf")) -> float | None:
        """Seconds to wait before going on; None, and nothing reserved, for more than ``longest``."""
        free_at = max(self._free_at, now)
        wait = max(0.0, free_at - self._lead - now)
        if wait > longest:
            return None
        self._free_at = free_at + self._interval
        return wait

    def idle(self, now: float) -> bool:
        return self._free_at <= now
