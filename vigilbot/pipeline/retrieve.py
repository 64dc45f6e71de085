"""Retrieval for one question over everything the asking channel may see (Vigil 3.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

from vigilbot.domain import ChannelHistory, Passage, Question
from vigilbot.knowledge import Knowledge
from vigilbot.ports import Embedder, Vector


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a question is asked, and which knowledge spaces may answer there."""

    tenant: str
    channel: str
    spaces: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What there is for one question: its vector, the candidates, and the channel's history."""

    vector: Vector
    passages: tuple[Passage, ...]
    history: ChannelHistory


class Retriever:
    def __init__(self, *, knowledge: Knowledge, embedder: Embedder, candidates: int) -> None:
        self._knowledge = knowledge
        self._embedder = embedder
        self._candidates = candidates

    async def retrieve(self, question: Question, *, place: Place) -> Found:
        """At most ``candidates`` passages a path, best first."""
        [vector] = await self._embedder.embed([question.text])
        passages, history = await self._knowledge.search(
            question,
            vector,
            tenant=place.tenant,
            spaces=place.spaces,
            channel=place.channel,
            limit=self._candidates,
        )
        return Found(vector=vector, passages=passages, history=history)
