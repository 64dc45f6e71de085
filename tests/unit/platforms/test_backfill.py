"""Reading what was missed, whatever the platform: tried again once for all that failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.unit.platforms.parts import Inbox, until
from vigilbot.domain import Event
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.backfill import Backfill
from vigilbot.platforms.tasks import Tasks
from vigilbot.ports import Watermark

GAP = Watermark(tenant="T1", channel="C1", thread="", after="1.0")


@dataclass(kw_only=True)
class Platform:
    """``backfill.Past`` of a platform that is ``down`` or not, and the bot's connection to it."""

    down: bool = True
    leaving: bool = False  # the connection ends while history is read
    inbox: Inbox = field(default_factory=lambda: Inbox(open_gaps=[GAP]))
    connected: bool = True
    reads: int = 0

    async def channels(self) -> Sequence[str]:
        return []

    async def happened(self, gap: Watermark) -> Sequence[Event]:
        self.reads += 1
        self.connected = not self.leaving
        if self.down:
            raise PlatformError("later")
        return []

    def membership(self, channel: str, *, joined: bool) -> Event:
        raise AssertionError("the bot is in no channel")

    def is_outside(self, error: PlatformRefused) -> bool:
        return False


def backfill(platform: Platform) -> Backfill:
    log = logging.getLogger("test")
    return Backfill(
        platform,
        inbound=lambda: platform.inbox if platform.connected else None,
        problems={},
        tasks=Tasks(log),
        log=log,
        pause=0.2,
    )


async def test_what_failed_several_times_is_tried_again_once() -> None:
    platform = Platform()
    reading = backfill(platform)
    for _ in range(6):
        await reading.read()
    await until(lambda: platform.reads == 7)  # the other try fails as well, and leads to one more
    platform.down = False
    await until(lambda: platform.inbox.closed_gaps)
    await asyncio.sleep(0.3)
    assert platform.reads == 8


async def test_nothing_is_tried_again_for_a_connection_that_has_ended() -> None:
    platform = Platform(leaving=True)
    await backfill(platform).read()
    platform.connected, platform.leaving = True, False
    await asyncio.sleep(0.3)
    assert platform.reads == 1
