"""Questions asked in the workspace, and how long each waited for its card after the quiet time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vigilbot.bench.live import QUIET, Other

PATIENCE = 10.0  # seconds to wait for the last cards


@dataclass(frozen=True, kw_only=True, slots=True)
class Waited:
    """Milliseconds from the end of the quiet time to the card, of those questions that got one."""

    asked: int
    waits: tuple[float, ...]

    def __add__(self, other: Waited) -> Waited:
        return Waited(asked=self.asked + other.asked, waits=self.waits + other.waits)


class Questions:
    """Asks made questions, each of them once, from number ``first`` on."""

    def __init__(self, people: Other, *, first: int = 0) -> None:
        self._people = people
        self._next = first

    async def ask(self, do: str, **arguments: object) -> Waited:
        """``single``, ``together`` or ``poisson`` of the stage, and what became of it."""
        first = self._next
        found = await self._people.ask(do, first=first, **arguments)
        asked = {int(n): (float(ts), str(thread)) for n, (ts, thread) in found["asked"].items()}
        self._next += len(asked)
        posted = await self._people.ask("cards", first=first, until=self._next, patience=PATIENCE)
        cards = {int(n): float(at) for n, at in posted["cards"].items()}
        return Waited(asked=len(asked), waits=waited(asked, cards))

    async def acknowledgements(self) -> Sequence[float]:
        """Milliseconds, of all events since the last time."""
        return [float(ms) for ms in (await self._people.ask("acknowledgements"))["ms"]]


def waited(asked: Mapping[int, tuple[float, str]], cards: Mapping[int, float]) -> tuple[float, ...]:
    """``asked``: when, in seconds, and in which thread. Messages that follow one another in a thread within
    the quiet time are read together, so that it ends after the last of them."""
    threads: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for number, (at, thread) in asked.items():
        threads[thread].append((at, number))
    found = []
    for messages in threads.values():
        ends = following = float("inf")
        for at, number in sorted(messages, reverse=True):
            if following - at > QUIET:
                ends = at + QUIET
            following = at
            if number in cards:
                found.append((cards[number] - ends) * 1000)
    return tuple(found)
