"""Envelopes: sent, acknowledged within three seconds or sent again, given up in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vigilbot.workspace.faults import Faults
from vigilbot.workspace.state import Json
from vigilbot.workspace.timing import Timing

ACK_SECONDS = 3.0
GRACE_SECONDS = 0.05
"""Real time that an app has at least, also when the time is put forward by hours at once."""
RETRY_SECONDS = (0.0, 60.0, 300.0)
"""How long after a failure the next try of an event follows. Nothing else is tried again."""


@dataclass(kw_only=True, slots=True)
class Attempt:
    """``via``: the connection it went over, "" when there was none."""

    id: str
    at: datetime
    number: int
    reason: str  # why it is a repetition, "" for the first
    via: str = ""


@dataclass(kw_only=True, slots=True, eq=False)
class Envelope:
    """Something for the app: an event, an interaction or a command.

    ``answer`` is what came with the acknowledgement; ``given_up`` why there will be none;
    ``milliseconds`` from the last sending to the acknowledgement, in real time.
    """

    type: str  # events_api, interactive, slash_commands
    payload: Json
    made_at: datetime
    attempts: list[Attempt] = field(default_factory=list)
    acknowledged_at: datetime | None = None
    answer: Json | None = None
    given_up: str = ""
    milliseconds: float = 0.0
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    started: float = 0.0

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @property
    def retries(self) -> int:
        return max((a.number for a in self.attempts), default=0)

    @property
    def name(self) -> str:
        """The event's type, or what the interaction is."""
        event = self.payload.get("event", {})
        kind = event.get("type") or self.payload.get("type") or self.payload.get("command", "")
        return f"{kind}.{event['subtype']}" if event.get("subtype") else str(kind)


class Carrier(Protocol):
    """A way to the app. ``carry`` starts a delivery and names the connection, "" when there is none."""

    def carry(self, envelope: Envelope, attempt: Attempt) -> str: ...


class Delivery:
    """Takes what is for the app, and sees to it that it gets there as Slack would."""

    def __init__(self, timing: Timing, faults: Faults, changed: Callable[[Json], None]) -> None:
        self.sent: list[Envelope] = []
        self.carrier: Carrier | None = None
        self._timing = timing
        self._faults = faults
        self._changed = changed
        self._awaited: dict[str, Envelope] = {}
        self._unfinished: set[Envelope] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._number = 0

    def event(self, payload: Json) -> None:
        self.push("events_api", payload)

    def push(self, kind: str, payload: Json) -> Envelope:
        envelope = Envelope(type=kind, payload=payload, made_at=self._timing.now())
        self.sent.append(envelope)
        if self._faults.happens(self._faults.late):
            self._open(envelope)
            self._timing.later(self._faults.rng.uniform(0.1, 2.0), lambda: self._attempt(envelope))
        else:
            self._attempt(envelope)
        if kind == "events_api" and self._faults.happens(self._faults.duplicates):
            self._attempt(envelope)
        return envelope

    def repeat(self, envelope: Envelope) -> None:
        """Sends an envelope once more, acknowledged or not, as Slack does when it is not sure."""
        self._attempt(envelope, reason="timeout", number=envelope.retries + 1)

    def acknowledge(self, attempt_id: str, answer: Json | None) -> None:
        """Too late or unknown: nothing happens."""
        if attempt_id not in self._awaited or self._faults.loses_ack():
            return
        envelope = self._awaited.pop(attempt_id)
        if not envelope.acknowledged:
            envelope.acknowledged_at = self._timing.now()
            envelope.milliseconds = (time.perf_counter() - envelope.started) * 1000
            envelope.answer = answer
            envelope.given_up = ""  # when somebody repeated it after all
            self._finish(envelope)

    def failed(self, attempt_id: str, reason: str, *, final: bool = False) -> None:
        """A try that came to nothing. ``final``: the app asked for no further one."""
        envelope = self._awaited.pop(attempt_id, None)
        if envelope is None or envelope.acknowledged:
            return
        number = next(a.number for a in envelope.attempts if a.id == attempt_id)
        if envelope.retries > number:  # it is tried again already
            return
        if envelope.type != "events_api" or final or number >= len(RETRY_SECONDS):
            self._give_up(envelope, reason)
            return
        wait = RETRY_SECONDS[number]
        again = self._again(envelope, reason, number + 1)
        if wait:
            self._timing.later(wait, again)
        else:
            again()

    async def settled(self, seconds: float) -> None:
        """Raises TimeoutError, with what is missing, after so many real seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self._unfinished:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            names = sorted(f"{e.name} (sent {len(e.attempts)} times)" for e in self._unfinished)
            raise TimeoutError("not acknowledged: " + ", ".join(names[:10])) from None

    def _again(self, envelope: Envelope, reason: str, number: int) -> Callable[[], None]:
        def again() -> None:
            if not envelope.acknowledged:
                self._attempt(envelope, reason=reason, number=number)

        return again

    def _attempt(self, envelope: Envelope, *, reason: str = "", number: int = 0) -> None:
        self._number += 1
        attempt = Attempt(id=f"envelope-{self._number}", at=self._timing.now(), number=number, reason=reason)
        envelope.attempts.append(attempt)
        envelope.started = time.perf_counter()
        self._awaited[attempt.id] = envelope
        attempt.via = self.carrier.carry(envelope, attempt) if self.carrier else ""
        self._changed({"type": "sent", "name": envelope.name})
        if not attempt.via:
            self._close(envelope)  # nobody was there, so nobody is waited for
            self.failed(attempt.id, "connection_failed")
            return
        if not envelope.acknowledged and not envelope.given_up:
            self._open(envelope)
        self._timing.later(ACK_SECONDS, lambda: self._expire(attempt.id, envelope))

    def _expire(self, attempt_id: str, envelope: Envelope) -> None:
        if attempt_id not in self._awaited:
            return
        left = GRACE_SECONDS - (time.perf_counter() - envelope.started)
        if left > 0:
            asyncio.get_running_loop().call_later(left, self.failed, attempt_id, "timeout")
        else:
            self.failed(attempt_id, "timeout")

    def _open(self, envelope: Envelope) -> None:
        self._unfinished.add(envelope)

    def _close(self, envelope: Envelope) -> None:
        self._unfinished.discard(envelope)
        if not self._unfinished:
            self._idle.set()

    def _give_up(self, envelope: Envelope, reason: str) -> None:
        envelope.given_up = reason
        self._finish(envelope)

    def _finish(self, envelope: Envelope) -> None:
        envelope.finished.set()
        self._close(envelope)
        self._changed({"type": "sent", "name": envelope.name})
