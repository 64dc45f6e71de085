"""Events and callbacks: sent, acknowledged within three seconds, or sent again for hours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vigilbot.workspace.faults import Faults
from vigilbot.workspace.lark.state import Json
from vigilbot.workspace.timing import Timing

ACK_SECONDS = 3.0
GRACE_SECONDS = 0.05
"""Real time that an app has at least, also when the time is put forward by hours at once."""
RETRY_SECONDS = (15.0, 300.0, 3600.0, 21600.0)
"""How long after a failure an event is sent again. A callback is sent once."""


@dataclass(kw_only=True, slots=True, eq=False)
class Push:
    """Something for the app. ``answer`` is what came back, None while nothing did."""

    id: str
    payload: Json
    callback: bool
    made_at: datetime
    tries: int = 0
    answer: Json | None = None
    code: int = 0  # of the acknowledgement
    milliseconds: float = 0.0
    given_up: bool = False
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    started: float = 0.0

    @property
    def acknowledged(self) -> bool:
        return self.code == 200

    @property
    def name(self) -> str:
        return str(self.payload.get("header", {}).get("event_type", ""))


class Carrier(Protocol):
    """A way to the app. ``carry`` starts a delivery; False when there is nobody."""

    def carry(self, push: Push, number: int) -> bool: ...


class Delivery:
    def __init__(self, timing: Timing, faults: Faults, changed: Callable[[Json], None]) -> None:
        self.sent: list[Push] = []
        self.carrier: Carrier | None = None
        self._timing = timing
        self._faults = faults
        self._changed = changed
        self._unfinished: set[Push] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._number = 0

    def push(self, payload: Json, *, callback: bool = False) -> Push:
        self._number += 1
        push = Push(id=f"push-{self._number}", payload=payload, callback=callback, made_at=self._timing.now())
        self.sent.append(push)
        self._unfinished.add(push)
        self._idle.clear()
        if self._faults.happens(self._faults.late):
            self._timing.later(self._faults.rng.uniform(0.1, 2.0), lambda: self._attempt(push))
        else:
            self._attempt(push)
        if not callback and self._faults.happens(self._faults.duplicates):
            self._attempt(push)
        return push

    def repeat(self, push: Push) -> None:
        """Sends it once more, acknowledged or not, as Lark does when it is not sure."""
        self._attempt(push)

    def acknowledged(self, push: Push, code: int, answer: Json | None) -> None:
        if push.acknowledged or self._faults.loses_ack():
            return
        push.code, push.answer = code, answer
        push.milliseconds = (time.perf_counter() - push.started) * 1000
        if code == 200:
            push.given_up = False
            self._finish(push)
        else:
            self._failed(push)

    async def settled(self, seconds: float) -> None:
        """Raises TimeoutError, with what is missing, after so many real seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._unfinished:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            names = sorted(f"{push.name} (sent {push.tries} times)" for push in self._unfinished)
            raise TimeoutError("not acknowledged: " + ", ".join(names[:10])) from None

    def _attempt(self, push: Push) -> None:
        push.tries += 1
        push.started = time.perf_counter()
        number = push.tries
        self._changed({"type": "sent", "name": push.name})
        if self.carrier is None or self._faults.deaf or not self.carrier.carry(push, number):
            self._failed(push)
            return
        self._timing.later(ACK_SECONDS, lambda: self._expire(push, number))

    def _expire(self, push: Push, number: int) -> None:
        if push.acknowledged or push.tries != number or push.given_up:
            return
        left = GRACE_SECONDS - (time.perf_counter() - push.started)
        if left > 0:
            asyncio.get_running_loop().call_later(left, self._expire, push, number)
        else:
            self._failed(push)

    def _failed(self, push: Push) -> None:
        if push.acknowledged or push.given_up:
            return
        if push.callback or push.tries > len(RETRY_SECONDS):
            push.given_up = True
            self._finish(push)
            return
        number = push.tries
        self._unfinished.discard(push)  # nobody waits for what comes in an hour
        if not self._unfinished:
            self._idle.set()

        def again() -> None:
            if not push.acknowledged and push.tries == number:
                self._unfinished.add(push)
                self._attempt(push)

        self._timing.later(RETRY_SECONDS[number - 1], again)

    def _finish(self, push: Push) -> None:
        push.finished.set()
        self._unfinished.discard(push)
        if not self._unfinished:
            self._idle.set()
        self._changed({"type": "sent", "name": push.name})
