"""Answer deduplication within one on-call (Vigil 3.1.3), with two guards the paper lacks.

Similarity alone swallows corrections: "use 2.1.3" and "use 2.1.4, 2.1.3 causes it" are 0.97 alike.
So an answer that differs in negation, numbers, versions or identifiers is never a duplicate, nor is
one for a card whose knowledge has changed since it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vigilbot.domain import Answer
from vigilbot.ports import Embedder
from vigilbot.text.sameness import says_same


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """A card that stands in the on-call, or is about to."""

    answer: str  # id
    text: str
    leaned: Mapping[str, int]  # entry -> the revision it rested on
    current: Mapping[
        str, int
    ]  # the same while it says the same, else the one in force; absent when retracted


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicate:
    of: str  # id of the answer sent before
    similarity: float


class Dedup:
    """``theta`` belongs to the embedding model; cosine strictly above it counts as the same."""

    def __init__(self, *, embedder: Embedder, theta: float) -> None:
        self._embedder = embedder
        self._theta = theta

    async def find(self, answer: Answer, sent: Sequence[Sent]) -> Duplicate | None:
        """The first of these cards that says what the answer says. Without any, nothing is computed."""
        standing = [
            card
            for card in sent
            if all(card.current.get(entry) == revision for entry, revision in card.leaned.items())
        ]
        if not standing:
            return None
        own, *others = await self._embedder.embed([answer.text, *(card.text for card in standing)])
        for card, vector in zip(standing, others, strict=True):
            similarity = float(own @ vector)
            if says_same(answer.text, card.text, similarity, self._theta):
                return Duplicate(of=card.answer, similarity=similarity)
        return None
