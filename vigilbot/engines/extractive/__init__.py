"""The extractive engine: judgements without a language model (Vigil 3.1 and 3.2).

Embeddings, lexical evidence and small trained classifiers. It composes nothing: every sentence it
shows or learns was written by a person. It is the default where no model is configured, and what
remains when one fails.
"""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import (
    Answer,
    Dialogue,
    Extraction,
    Identification,
    Message,
    Passage,
    Question,
    Review,
)
from vigilbot.engines.extractive.answer import Answerer
from vigilbot.engines.extractive.coefficients import shipped
from vigilbot.engines.extractive.extract import Extractor
from vigilbot.engines.extractive.identify import Identifier
from vigilbot.engines.extractive.review import Reviewer
from vigilbot.engines.extractive.rewrite import Rewriter
from vigilbot.ports import Embedder

VERSION = "1"


class ExtractiveEngine:
    """``identify_threshold`` and ``refuse_below`` replace the trained ones; ``theta`` is the model's."""

    name = "extractive"

    def __init__(
        self,
        *,
        embedder: Embedder,
        theta: float,
        identify_threshold: float | None = None,
        refuse_below: float | None = None,
    ) -> None:
        self._identifier = Identifier(embedder, shipped(), threshold=identify_threshold)
        self._rewriter = Rewriter()
        self._answerer = Answerer(model=embedder.model, refuse=refuse_below)
        self._reviewer = Reviewer(embedder=embedder, theta=theta)
        self._extractor = Extractor(embedder=embedder, peers=True)

    @property
    def version(self) -> str:
        return VERSION

    @property
    def post_threshold(self) -> float:
        """The confidence from which its answers are worth a card for everyone."""
        return self._answerer.post_threshold

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        return await self._identifier.identify(dialogue, newest, scope=scope)

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        return self._rewriter.rewrite(dialogue, newest)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        return await self._answerer.answer(dialogue, question, passages)

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        return await self._reviewer.review(dialogue, question, answer)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        found = await self._extractor.extract(dialogue, question)
        return () if found is None else (found,)
