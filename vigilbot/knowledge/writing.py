"""One writer of knowledge at a time: clicks, commands and the work loop all read, decide and write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Writing:
    """``async with`` it around what is read, decided and written. The task that holds it may take it again,
    so a caller can put several operations into one turn; nothing else may be waited for meanwhile that
    itself waits for a turn."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None
        self._depth = 0

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is None or self._holder is not task:
            await self._lock.acquire()
            self._holder = task
        self._depth += 1

    async def __aexit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
            self._lock.release()


class Writer(Protocol):
    @property
    def writing(self) -> Writing: ...


W = TypeVar("W", bound=Writer)


def alone(
    method: Callable[Concatenate[W, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[W, P], Coroutine[Any, Any, T]]:
    """The method has the object's turn at writing from its first line to its last."""

    @wraps(method)
    async def within(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        async with self.writing:
            return await method(self, *args, **kwargs)

    return within
