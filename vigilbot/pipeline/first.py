"""The first filter: messages that plainly ask for nothing never reach a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from vigilbot.domain import Dialogue, Identification, Message, Scope


class Cheap(Protocol):
    """A judge that costs milliseconds, as the extractive engine."""

    async def identify(
        self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str
    ) -> Identification: ...


class FirstFilter:
    """``below``: the probability of ``within`` under which the cheap judge's word is enough."""

    def __init__(self, *, judge: Cheap, below: float) -> None:
        self._judge = judge
        self._below = below

    async def spared(
        self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str
    ) -> Identification | None:
        """The judgement that ends the run, or None where a better judge must be asked."""
        found = await self._judge.identify(dialogue, newest, scope=scope)
        if found.within >= self._below:
            return None
        named = Scope.OUT if found.scope is Scope.OUT else Scope.NONE
        return replace(found, scope=named, reason=f"spared by the first filter: {found.reason}")
