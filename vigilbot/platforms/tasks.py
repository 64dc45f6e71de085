"""Work that goes on beside a connection, and ends with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Tasks that are held on to until they have ended; ``log`` is told of failures."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that nobody waits for: its failure is logged."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._told)
        self.hold(task)
        return task

    def hold(self, task: asyncio.Task[Any]) -> None:
        """``end`` waits for it, too. Its failure is for whoever awaits it."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self, *, within: float) -> None:
        """Every task but the calling one has ended: by itself within so many seconds, else cancelled."""
        waited = {task for task in self._running if task is not asyncio.current_task()}
        if waited and within:
            await asyncio.wait(waited, timeout=within)
        for task in waited:
            task.cancel()
        await asyncio.gather(*waited, return_exceptions=True)

    def _told(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("work beside the connection broke off", exc_info=error)
