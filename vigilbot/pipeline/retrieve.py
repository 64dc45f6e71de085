"""Retrieval for one question over everything the asking channel may see (Vigil 3.1.2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from vigilbot.domain import ChannelHistory, Passage, Question, Trust
from vigilbot.knowledge import Knowledge
from vigilbot.ports import Embedder, Vector


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a question is asked, and which knowledge spaces may answer there.

    What was learned in ``oncall`` and nowhere else is no answer there: its people have just read it.
    """

    tenant: str
    channel: str
    spaces: tuple[str, ...]
    oncall: str = ""


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
        """At most ``candidates`` passages a path, best first; the words are looked up beside the vector."""
        [vector], lexical = await asyncio.gather(
            self._embedder.embed([question.text]),
            self._knowledge.searching.worded(
                question, tenant=place.tenant, spaces=place.spaces, limit=self._candidates
            ),
        )
        passages, history = await self._knowledge.searching.candidates(
            question,
            vector,
            tenant=place.tenant,
            spaces=place.spaces,
            channel=place.channel,
            limit=self._candidates,
            lexical=lexical,
        )
        news = tuple(passage for passage in passages if not _echoes(passage, place.oncall))
        others = tuple(case for case in history.cases if case.oncall != place.oncall)
        return Found(vector=vector, passages=news, history=replace(history, cases=others))


def _echoes(passage: Passage, oncall: str) -> bool:
    """Whether nobody but this on-call's own people has said so."""
    learned_here = bool(oncall) and passage.entry.learned_from == oncall
    return learned_here and passage.support <= 1 and passage.entry.trust is Trust.PROBATION
