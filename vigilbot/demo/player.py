"""Plays scenes one after the other, at a pace people can follow, or step by step when they ask for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

log = logging.getLogger("vigilbot.demo")

MOST_SHOWN = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One step. ``act`` returns when what it led to has happened; ``pause`` is seconds before it, in play."""

    title: str
    act: Callable[[], Awaitable[None]]
    pause: float = 1.0


class Player:
    """Plays ``scenes`` in order, one at a time. All but ``end`` return at once."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self._scenes = tuple(scenes)
        self._done = 0
        self._playing = False
        self._task: asyncio.Task[None] | None = None
        self._failed = ""

    def state(self) -> dict[str, Any]:
        """What is done and what comes next; of a long play, stretches of several scenes."""
        stretch = -(-len(self._scenes) // MOST_SHOWN) or 1
        steps = []
        for first in range(0, len(self._scenes), stretch):
            last = min(first + stretch, len(self._scenes))
            here = min(max(self._done, first), last - 1)
            steps.append({"title": self._scenes[here].title, "done": self._done >= last})
        return {"steps": steps, "playing": self._playing, "failed": self._failed}

    def play(self) -> None:
        """Goes on from where it is, until the end or ``hold``."""
        self._playing = self._done < len(self._scenes)
        self._go()

    def hold(self) -> None:
        """The scene that is on comes to its end; none follows."""
        self._playing = False

    def step(self) -> None:
        """The next scene, unless one is on."""
        self._go()

    async def end(self) -> None:
        self._playing = False
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _go(self) -> None:
        if (self._task is None or self._task.done()) and self._done < len(self._scenes):
            self._task = asyncio.create_task(self._act())

    async def _act(self) -> None:
        await self._next()
        while self._playing and self._done < len(self._scenes):
            await asyncio.sleep(self._scenes[self._done].pause)
            if self._playing:
                await self._next()
        self._playing = False

    async def _next(self) -> None:
        scene = self._scenes[self._done]
        try:
            await scene.act()
        except Exception as error:  # somebody may have archived the channel meanwhile: the story goes on
            self._failed = f"{scene.title}: {error!r}"
            log.warning("the step %r could not be played: %r", scene.title, error)
        self._done += 1
