"""What comes over HTTP and is not Slack's, or comes a second time, is counted and told in the log."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from vigilbot.ports import Clock

log = logging.getLogger("vigilbot.slack")

REMEMBERED: Final = timedelta(minutes=11)  # one may be dated five minutes ahead, and holds as long after
UNSIGNED: Final = "not signed by Slack"
REPEATED: Final = "a call that came before"


class Signatures:
    """``counts`` gets what was refused, by reason.

    Slack's signature says nothing of how often a request comes. Events need no memory: Slack repeats them,
    and the inbox takes each in once. Calls (clicks, forms, commands) Slack makes once. What is remembered
    ends with the process; behind TLS nobody but Slack has a signed request to repeat.
    """

    def __init__(self, *, clock: Clock, counts: Counter[str]) -> None:
        self._clock = clock
        self._counts = counts
        self._seen: dict[str, datetime] = {}

    def repeated(self, signature: str) -> bool:
        """Whether a call came with this signature before; "" stands for none, and never repeats."""
        now = self._clock.now()
        for known, at in list(self._seen.items()):  # oldest first
            if now - at <= REMEMBERED:
                break
            del self._seen[known]
        if signature and signature in self._seen:
            self._refused(REPEATED)
            return True
        self._seen |= {signature: now} if signature else {}
        return False

    def unsigned(self) -> None:
        self._refused(UNSIGNED)

    def _refused(self, reason: str) -> None:
        self._counts[reason] += 1
        times = self._counts[reason]
        if times == 10 ** (len(str(times)) - 1):  # at 1, 10, 100: nobody may fill the log
            log.warning("refused over HTTP: %s (%d so far)", reason, times)
