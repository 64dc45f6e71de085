"""Has a human answered this very question? Asked in the run and again before every send.

An analyst who is busy with something else has not answered; a greeting, an "I'm on it" or a
question back is no answer either. And has a human said what the card would say, in whatever words or
by the same link? Then the card adds nothing, whoever asked first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vigilbot.domain import Message, Question
from vigilbot.ports import Embedder, Vector
from vigilbot.text import canonical_url, links
from vigilbot.text.replies import addresses
from vigilbot.text.sameness import says_same


class Recheck:
    """``theta`` is the cosine from which two texts of this embedding model say the same."""

    def __init__(self, *, embedder: Embedder, theta: float) -> None:
        self._embedder = embedder
        self._theta = theta

    async def addressed(
        self, question: Question, vector: Vector, messages: Sequence[Message]
    ) -> Message | None:
        """The first of these messages that answers the question; ``vector`` is the question's."""
        if not messages:
            return None
        vectors = await self._embedder.embed([m.text for m in messages])
        for position, (message, cosine) in enumerate(zip(messages, vectors @ vector, strict=True)):
            if addresses(message.text, question.text, cosine=float(cosine), position=position):
                return message
        return None

    async def said(self, text: str, urls: Collection[str], messages: Sequence[Message]) -> Message | None:
        """The first of these messages that gives what the answer gives: its first source, or its words."""
        if not messages:
            return None
        sources = {canonical_url(url) for url in urls if url}
        vectors = await self._embedder.embed([text, *(m.text for m in messages)])
        for message, cosine in zip(messages, vectors[1:] @ vectors[0], strict=True):
            if sources.intersection(canonical_url(link) for link in links(message.text)):
                return message
            if says_same(message.text, text, float(cosine), self._theta):
                return message
        return None
