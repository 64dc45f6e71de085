"""What remains when the language model fails: the extractive engine where it is sure, else silence.

Identification and rewriting go on without the model. An answer then comes from verified QA pairs only,
and only when the extractive engine would post it for everyone. Review and extraction wait for the model:
a lesson later is better than a wrong one. There is no mode to leave: every judgement asks the model
first, and its breakers decide when it is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vigilbot.domain import (
    Answer,
    Dialogue,
    Extraction,
    Identification,
    Message,
    Passage,
    PassageKind,
    Question,
    Review,
    Trust,
)
from vigilbot.errors import EngineError
from vigilbot.logs import cause
from vigilbot.ports import Clock, Engine, ModelState
from vigilbot.usage import meter

log = logging.getLogger("vigilbot.engine")


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbackState:
    """Whether judgements are made without the model now, and since when; how many were, and why the last.

    ``models``: how each of them is doing.
    """

    engaged: bool
    since: datetime | None
    judgements: int
    last: str
    models: tuple[ModelState, ...] = ()


class FallbackEngine:
    """``ports.Engine``: ``model`` first, ``extractive`` where that fails."""

    def __init__(
        self,
        *,
        model: Engine,
        extractive: Engine,
        clock: Clock,
        models: Callable[[], tuple[ModelState, ...]] = tuple,
    ) -> None:
        self._models = models
        self._model = model
        self._extractive = extractive
        self._clock = clock
        self._since: datetime | None = None
        self._last = ""
        self._judgements = 0

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def version(self) -> str:
        return self._model.version

    @property
    def post_threshold(self) -> float:
        return self._model.post_threshold

    def state(self) -> FallbackState:
        return FallbackState(
            engaged=self._since is not None,
            since=self._since,
            judgements=self._judgements,
            last=self._last,
            models=self._models(),
        )

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        try:
            found = await self._model.identify(dialogue, newest, scope=scope)
        except EngineError as error:
            self._failed("identify", error)
            known = await self._extractive.identify(dialogue, newest, scope=scope)
            return replace(known, reason=f"without the model: {known.reason}".rstrip(": "))
        self._worked()
        return found

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        try:
            found = await self._model.rewrite(dialogue, newest)
        except EngineError as error:
            self._failed("rewrite", error)
            return await self._extractive.rewrite(dialogue, newest)
        self._worked()
        return found

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        try:
            found = await self._model.answer(dialogue, question, passages)
        except EngineError as error:
            self._failed("answer", error)
            return await self._sure(dialogue, question, passages, error)
        if passages:  # without any, the model was not asked
            self._worked()
        return found

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        try:
            found = await self._model.review(dialogue, question, answer)
        except EngineError as error:
            self._failed("review", error)
            raise
        self._worked()
        return found

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        try:
            found = await self._model.extract(dialogue, question)
        except EngineError as error:
            self._failed("extract", error)
            raise
        self._worked()
        return found

    async def _sure(
        self, dialogue: Dialogue, question: Question, passages: Sequence[Passage], error: EngineError
    ) -> Answer:
        """The extractive answer from verified pairs, on the model's scale of confidence; or a refusal."""
        verified = [p for p in passages if p.entry.kind is PassageKind.QA and p.entry.trust is Trust.VERIFIED]
        found = await self._extractive.answer(dialogue, question, verified)
        features = {**found.features, "fallback": 1.0, "extractive": found.confidence}
        if found.refused or found.confidence < self._extractive.post_threshold:
            why = f"without the model there is no sure answer ({error})"
            return Answer(text="", passages=(), confidence=0.0, features=features, reason=why[:300])
        confidence = _rescaled(found.confidence, self._extractive.post_threshold, self._model.post_threshold)
        return replace(found, confidence=confidence, features=features)

    def _failed(self, stage: str, error: EngineError) -> None:
        self._judgements += 1
        self._last = str(error)
        meter().fallbacks.append(f"{stage}: {error}"[:500])
        if self._since is None:
            self._since = self._clock.now()
            log.warning(
                "the language model fails, the extractive engine stands in (%s at %s; see `vigilbot status`)",
                cause(error),
                stage,
            )
            log.debug("it said: %s", error)

    def _worked(self) -> None:
        if self._since is not None:
            log.info("the language model works again; the extractive engine stood in since %s", self._since)
            self._since = None


def _rescaled(confidence: float, threshold: float, other: float) -> float:
    """From one scale to another, in two straight pieces: 0 to 0, threshold to threshold, 1 to 1."""
    if confidence < threshold:
        return confidence * other / threshold
    if threshold >= 1.0:
        return 1.0
    return other + (confidence - threshold) * (1.0 - other) / (1.0 - threshold)
