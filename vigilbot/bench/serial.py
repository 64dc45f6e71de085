"""The way not taken: identification first, and only then rewriting. What going side by side is worth."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from vigilbot.domain import Answer, Dialogue, Extraction, Identification, Message, Passage, Question, Review
from vigilbot.ports import Engine


class SerialEngine:
    """``ports.Engine``: another one, whose rewriting waits until the same messages are identified."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner
        self._identified: defaultdict[tuple[str, ...], asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def version(self) -> str:
        return self._inner.version

    @property
    def post_threshold(self) -> float:
        return self._inner.post_threshold

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        try:
            return await self._inner.identify(dialogue, newest, scope=scope)
        finally:
            self._identified[_key(newest)].set()

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        await self._identified[_key(newest)].wait()
        return await self._inner.rewrite(dialogue, newest)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        return await self._inner.answer(dialogue, question, passages)

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        return await self._inner.review(dialogue, question, answer)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        return await self._inner.extract(dialogue, question)


def _key(newest: Sequence[Message]) -> tuple[str, ...]:
    return tuple(message.id for message in newest)
