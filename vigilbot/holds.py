""" "I'm on it": which of the customers' messages wait for the analyst who took them on (Vigil 3.1.1).

A hold belongs to a question, not to its on-call: others who ask in the same place are answered meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from vigilbot.domain import Message, Role


class Acknowledges(Protocol):
    """Whether a human's message claims a question; ``direct``: nobody else has asked since."""

    def __call__(self, text: str, question: str, *, direct: bool) -> bool: ...


GoesOn = Callable[[str, str], bool]  # (a customer's text, what they asked before) -> about the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Customer messages of one on-call that no run has read, in time order.

    ``held``: until when those wait that an analyst took on, by id.
    """

    messages: Sequence[Message] = ()
    held: Mapping[str, datetime] = field(default_factory=dict)

    def free(self, at: datetime) -> list[Message]:
        """Those that wait for nobody."""
        return [m for m in self.messages if m.id not in self.held or self.held[m.id] <= at]


class Holds:
    """``span`` is how long a claim keeps the bot back."""

    def __init__(self, *, span: timedelta, acknowledges: Acknowledges, goes_on: GoesOn) -> None:
        self.span = span
        self._acknowledges = acknowledges
        self._goes_on = goes_on

    def claimed(self, message: Message, waiting: Waiting) -> list[Message]:
        """What a human takes on with this message: all that one asker waits for.

        The claim means the asker whose question it names, else the one who asked last.
        """
        if message.role is Role.CUSTOMER or not waiting.messages:
            return []
        askers = list(dict.fromkeys(m.author for m in reversed(waiting.messages)))
        for direct, candidates in ((False, askers), (True, askers[:1])):
            for asker in candidates:
                own = [m for m in waiting.messages if m.author == asker]
                if self._acknowledges(message.text, "\n".join(m.text for m in own), direct=direct):
                    return own
        return []

    def held_with(self, message: Message, waiting: Waiting) -> datetime | None:
        """Until when a customer's message waits that goes on about a held question; None: it does not."""
        held = [m for m in waiting.messages if m.author == message.author and m.id in waiting.held]
        until = max((waiting.held[m.id] for m in held), default=message.at)
        if until <= message.at or not self._goes_on(message.text, "\n".join(m.text for m in held)):
            return None
        return until
