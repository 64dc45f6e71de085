"""Has a human answered this very question? Asked in the run and again before every send.

An analyst who is busy with something else has not answered; a greeting, an "I'm on it" or a
question back is no answer either.
"""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Message, Question
from vigilbot.ports import Embedder, Vector
from vigilbot.replies import addresses


class Recheck:
    def __init__(self, *, embedder: Embedder) -> None:
        self._embedder = embedder

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
