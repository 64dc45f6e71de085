"""Slack's limits on calls: so many a minute for each method, one message a second for each channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from vigilbot.workspace.timing import Timing

TIERS: Mapping[int, int] = {1: 10, 2: 20, 3: 50, 4: 100}
"""Calls a minute. Slack promises "1+" for the first tier and allows bursts; this is where it stops here."""
POSTS_AT_ONCE = 5
SHARED_PAGE = 15
"""Objects a call of history or replies gives to an app that is sold outside the Marketplace."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


@dataclass(slots=True)
class Limits:
    """``shared_app``: history and replies once a minute, as for apps sold outside the Marketplace."""

    timing: Timing
    enabled: bool = True
    shared_app: bool = False
    refused: int = 0
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def wait(self, method: str, tier: int, channel: str = "") -> int:
        """Whole seconds until the call may be tried again; 0: it counts and may go on."""
        if not self.enabled or not tier:
            return 0
        if method in {"chat.postMessage", "chat.postEphemeral"}:
            seconds = self._take((method, channel), most=POSTS_AT_ONCE, rate=1.0)
        elif self.shared_app and method in {"conversations.history", "conversations.replies"}:
            seconds = self._take((method, ""), most=1, rate=1 / 60)
        else:
            seconds = self._take((method, ""), most=TIERS[tier], rate=TIERS[tier] / 60)
        self.refused += seconds > 0
        return seconds

    def _take(self, key: tuple[str, str], *, most: int, rate: float) -> int:
        now = self.timing.seconds()
        bucket = self._buckets.setdefault(key, _Bucket(most, now))
        bucket.left = min(most, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return max(1, math.ceil((1 - bucket.left) / rate))
