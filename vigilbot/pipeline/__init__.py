"""The online path of one run, in order (Vigil 3.1): identify, rewrite, retrieve, rerank, answer, dedup.

Identification goes side by side with the search; a "no" cancels the rest. Before a language model stands
a first filter that spares it what plainly asks for nothing. Nothing here writes: the
bot records what a Trace says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from vigilbot.domain import Answer, Dialogue, Identification, Message, Passage, Question, Role, Scope
from vigilbot.pipeline.dedup import Dedup, Duplicate, Sent
from vigilbot.pipeline.first import FirstFilter
from vigilbot.pipeline.recheck import Recheck
from vigilbot.pipeline.retrieve import Place, Retriever
from vigilbot.ports import Engine, Reranker, Vector

__all__ = ["Judged", "Pipeline", "Place", "Sent", "Trace"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One question's way through the pipeline."""

    question: Question
    vector: Vector  # of the question
    passages: tuple[Passage, ...]  # every candidate, reranked, best first
    answer: Answer
    addressed_by: Message | None  # a human had answered before the run
    said_by: Message | None  # a human has said in this on-call what the answer says
    duplicate: Duplicate | None
    enough: float  # the confidence from which it may be posted


class Critic(Protocol):
    """Judges answers by what became of others before."""

    async def assess(
        self, answer: Answer, *, vector: Vector, passages: Sequence[Passage], tenant: str, space: str
    ) -> Answer:
        """The answer to a question of this vector, with the confidence it deserves."""
        ...

    async def enough(self, *, tenant: str, space: str) -> float:
        """The confidence a card needs in a space."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """What one run saw and concluded. Timings are milliseconds of wall time by stage."""

    identification: Identification
    judged: tuple[Judged, ...]
    through: datetime
    timings: Mapping[str, float] = field(default_factory=dict)


class Pipeline:
    """The stages, in the order a reader expects; an ablation passes another stage object."""

    def __init__(
        self,
        *,
        engine: Engine,
        retriever: Retriever,
        reranker: Reranker,
        dedup: Dedup,
        recheck: Recheck,
        critic: Critic,
        first: FirstFilter | None = None,
    ) -> None:
        """``first`` comes before a language model; None: the engine judges every message itself."""
        self.engine = engine
        self._first = first
        self._critic = critic
        self._retriever = retriever
        self._reranker = reranker
        self._dedup = dedup
        self._recheck = recheck

    async def run(
        self,
        dialogue: Dialogue,
        newest: Sequence[Message],
        *,
        scope: str,
        place: Place,
        sent: Sequence[Sent],
        direct: bool = False,
    ) -> Trace:
        """``newest`` are the customer messages the run is about; ``dialogue`` may reach beyond them.

        ``direct``: they were said to the bot itself, so that they ask something, whatever they look like.
        """
        timings: dict[str, float] = {}
        seen = _through(dialogue, newest)
        if self._first is not None and not direct:
            with _Timer(timings, "first"):
                spared = await self._first.spared(seen, newest, scope=scope)
            if spared is not None:
                return Trace(identification=spared, judged=(), through=_end(dialogue), timings=timings)
        searching = asyncio.ensure_future(self._search(seen, newest, place, timings))
        # Begun after the search, so that what both want embedded is computed together.
        identifying = asyncio.ensure_future(self.engine.identify(seen, newest, scope=scope))
        try:
            with _Timer(timings, "identify"):
                identification = await identifying
            if identification.scope is not Scope.WITHIN and not (
                direct and identification.scope is Scope.NONE
            ):
                return Trace(
                    identification=identification, judged=(), through=_end(dialogue), timings=timings
                )
            found = await searching
        finally:
            for task in (searching, identifying):
                task.cancel()
            await asyncio.gather(searching, identifying, return_exceptions=True)
        if not direct:
            found = [(replace(q, asks=identification.within), vector, known) for q, vector, known in found]
        judged: list[Judged] = []
        stands = list(sent)
        with _Timer(timings, "answer"):  # side by side: an answer may take a model's time
            answers = await _together([self._answer(dialogue, *each, place) for each in found])
        for (question, vector, passages), answer in zip(found, answers, strict=True):
            one = await self._judge(dialogue, question, vector, passages, answer, place, stands, timings)
            judged.append(one)
            stands += _stands(one, number=len(judged))
        return Trace(
            identification=identification, judged=tuple(judged), through=_end(dialogue), timings=timings
        )

    async def again(
        self, dialogue: Dialogue, question: Question, *, place: Place, sent: Sequence[Sent]
    ) -> Trace:
        """A standing question, already identified and rewritten, against today's knowledge."""
        timings: dict[str, float] = {}
        vector, passages = await self._candidates(question, place, timings)
        with _Timer(timings, "answer"):
            answer = await self._answer(dialogue, question, vector, passages, place)
        judged = await self._judge(dialogue, question, vector, passages, answer, place, sent, timings)
        known = Identification(scope=Scope.WITHIN, within=1.0, out=0.0, none=0.0, reason="standing question")
        return Trace(identification=known, judged=(judged,), through=_end(dialogue), timings=timings)

    async def rank(
        self, dialogue: Dialogue, newest: Sequence[Message], *, place: Place, within: float = 1.0
    ) -> Judged | None:
        """A shadow run: what would be found and answered now, whatever gate or mode say.

        ``within``: how probable it is that anything is asked, where it was not said to the bot itself.
        """
        found = await self._search(dialogue, newest, place, {})
        if not found:
            return None
        question, vector, passages = found[0]
        question = replace(question, asks=within)
        answer = await self._answer(dialogue, question, vector, passages, place)
        return await self._judge(dialogue, question, vector, passages, answer, place, (), {})

    async def _search(
        self, dialogue: Dialogue, newest: Sequence[Message], place: Place, timings: dict[str, float]
    ) -> list[tuple[Question, Vector, tuple[Passage, ...]]]:
        with _Timer(timings, "rewrite"):
            questions = await self.engine.rewrite(dialogue, newest)
        return [(q, *await self._candidates(q, place, timings)) for q in questions]

    async def _candidates(
        self, question: Question, place: Place, timings: dict[str, float]
    ) -> tuple[Vector, tuple[Passage, ...]]:
        with _Timer(timings, "retrieve"):
            found = await self._retriever.retrieve(question, place=place)
        with _Timer(timings, "rerank"):
            ranked = await self._reranker.rerank(question, found.passages, history=found.history)
        return found.vector, ranked

    async def _answer(
        self,
        dialogue: Dialogue,
        question: Question,
        vector: Vector,
        passages: tuple[Passage, ...],
        place: Place,
    ) -> Answer:
        answer = await self.engine.answer(dialogue, question, passages)
        return await self._critic.assess(
            answer, vector=vector, passages=passages, tenant=place.tenant, space=_own(place)
        )

    async def _judge(
        self,
        dialogue: Dialogue,
        question: Question,
        vector: Vector,
        passages: tuple[Passage, ...],
        answer: Answer,
        place: Place,
        sent: Sequence[Sent],
        timings: dict[str, float],
    ) -> Judged:
        with _Timer(timings, "dedup"):  # side by side: what has no vector yet gets it in one go
            addressed, duplicate, said = await asyncio.gather(
                self._recheck.addressed(question, vector, helpers_since(dialogue, question)),
                self._dedup.find(answer, () if answer.refused else sent),
                self._said(answer, dialogue),
            )
        return Judged(
            question=question,
            vector=vector,
            passages=passages,
            answer=answer,
            addressed_by=addressed,
            said_by=said,
            duplicate=duplicate,
            enough=await self._critic.enough(tenant=place.tenant, space=_own(place)),
        )

    async def _said(self, answer: Answer, dialogue: Dialogue) -> Message | None:
        """A human in this on-call who has given this answer already, at any time."""
        if answer.refused:
            return None
        humans = [m for m in dialogue.messages if m.role in (Role.ANALYST, Role.PEER)]
        return await self._recheck.said(answer.text, answer.sources, humans)


async def _together(answers: Sequence[Coroutine[None, None, Answer]]) -> list[Answer]:
    """All of them at once, in order; when one fails, the others end with it."""
    tasks = [asyncio.ensure_future(answer) for answer in answers]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _own(place: Place) -> str:
    """The space a question is asked in; "" where nothing may be known."""
    return place.spaces[0] if place.spaces else ""


def _stands(judged: Judged, *, number: int) -> list[Sent]:
    """What a question of this run is about to be told, for the next question of the same run."""
    if judged.answer.refused or judged.addressed_by or judged.said_by or judged.duplicate:
        return []
    leaned = {p.entry.id: p.entry.revision for p in judged.answer.passages}
    name = f"answer {number} of this run"
    return [Sent(answer=name, text=judged.answer.text, leaned=leaned, current=leaned)]


def helpers_since(dialogue: Dialogue, question: Question) -> tuple[Message, ...]:
    """What analysts and peers wrote after the question's last message."""
    asked = [n for n, m in enumerate(dialogue.messages) if m.id in question.message_ids]
    if not asked:
        return ()
    later = dialogue.messages[asked[-1] + 1 :]
    return tuple(m for m in later if m.role in (Role.ANALYST, Role.PEER))


def _through(dialogue: Dialogue, newest: Sequence[Message]) -> Dialogue:
    """The dialogue up to the last of these messages; by place, since times can be equal."""
    ids = {m.id for m in newest}
    last = max((n for n, m in enumerate(dialogue.messages) if m.id in ids), default=-1)
    return Dialogue(messages=dialogue.messages[: last + 1])


def _end(dialogue: Dialogue) -> datetime:
    return dialogue.messages[-1].at


class _Timer:
    """Adds a block's wall time to a stage's milliseconds."""

    __slots__ = ("_stage", "_start", "_timings")

    def __init__(self, timings: dict[str, float], stage: str) -> None:
        self._timings, self._stage = timings, stage

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *exc: object) -> None:
        spent = (time.perf_counter() - self._start) * 1000
        self._timings[self._stage] = round(self._timings.get(self._stage, 0.0) + spent, 3)
