"""The model engine: judgements by a language model, checked before anybody acts on them.

A prompt of prompts/*.md is filled with the conversation as data, a LanguageModel gives back an object,
and what it says is held against what was there: names of messages that exist, passages that were
retrieved, words of analysts. What does not hold is dropped, never mended by guessing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

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
from vigilbot.engines.model.answer import POST, answered, refusal
from vigilbot.engines.model.extract import extracted
from vigilbot.engines.model.identify import identified
from vigilbot.engines.model.material import LEAST, Material, Talk, size
from vigilbot.engines.model.review import reviewed
from vigilbot.engines.model.rewrite import rewritten
from vigilbot.engines.model.shapes import Answered, Identified, Resolutions, Reviewed, Rewrites
from vigilbot.errors import ContextTooLong
from vigilbot.ports import Ask, LanguageModel, Shape
from vigilbot.prompts import VARIABLES, Prompt
from vigilbot.redact import Redact, redact

VERSION = "1"
EVERYTHING = "Every question that somebody asks for help with."
_DATA = "\n# Data\n"
_SHARES = (1.0, 0.5, 0.25)  # of the budget, when the model says that the request is too long
_SENSES = 0.5  # of the budget at most, for passages


class ModelEngine:
    """``max_input_tokens`` bounds a request; ``passages`` is how many of the candidates are shown.

    ``threshold`` replaces 0.5 as the probability from which messages are within scope, ``refuse`` 0 as
    the confidence below which there is no answer.
    """

    name = "model"

    def __init__(
        self,
        *,
        model: LanguageModel,
        prompts: Mapping[str, Prompt],
        max_input_tokens: int,
        passages: int,
        threshold: float | None = None,
        refuse: float | None = None,
        redacting: Redact = redact,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._tokens = max_input_tokens
        self._passages = passages
        self._threshold = 0.5 if threshold is None else threshold
        self._refuse = refuse or 0.0
        self._material = Material(redacting)

    @property
    def version(self) -> str:
        """This code's, the models', and of every prompt what its author and its digest say."""
        prompts = ", ".join(f"{name} {self._prompts[name].revision}" for name in VARIABLES)
        return f"{VERSION}; {self._model.version}; {prompts}"

    @property
    def post_threshold(self) -> float:
        return POST

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        talk = self._material.talk(dialogue)
        values = {"scope": scope or EVERYTHING, "newest": json.dumps(talk.named(m.id for m in newest))}
        said = await self._ask("identify", talk, lambda _: values, Identified)
        return identified(said, threshold=self._threshold)

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        talk = self._material.talk(dialogue)
        values = {"newest": json.dumps(talk.named(m.id for m in newest))}
        said = await self._ask("rewrite", talk, lambda _: values, Rewrites)
        return rewritten(said, talk, newest)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        if not passages:
            return refusal("nothing is known about this")
        talk, material = self._material.talk(dialogue), self._material
        shown = passages[: self._passages]

        def values(tokens: int) -> dict[str, str]:
            return {
                "question": material.question(question, talk),
                "passages": material.passages(shown, tokens=int(tokens * _SENSES)),
            }

        said = await self._ask("answer", talk, values, Answered)
        found = answered(said, dialogue, question, shown)
        if not found.refused and found.confidence < self._refuse:
            reason = f"confidence {found.confidence:.2f} is below {self._refuse:.2f}"
            return refusal(reason, confidence=found.confidence, features=found.features)
        return found

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        talk, material = self._material.talk(dialogue), self._material

        def values(tokens: int) -> dict[str, str]:
            return {
                "question": material.question(question, talk),
                "answer": material.text(answer.text),
                "passages": material.passages(answer.passages, tokens=int(tokens * _SENSES)),
            }

        said = await self._ask("review", talk, values, Reviewed)
        return reviewed(said, talk, answer.passages)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        talk = self._material.talk(dialogue)
        values = {"question": self._material.question(question, talk)}
        said = await self._ask("extract", talk, lambda _: values, Resolutions)
        return extracted(said, talk, dialogue, question)

    async def _ask(
        self,
        stage: str,
        talk: Talk,
        values: Callable[[int], Mapping[str, str]],
        shape: type[Shape],
    ) -> Shape:
        """``values`` gives the other variables for a budget; a request too long is cut and repeated."""
        problem: ContextTooLong | None = None
        for share in _SHARES:
            try:
                return await self._model.complete(
                    self._filled(stage, talk, values, int(self._tokens * share)), shape
                )
            except ContextTooLong as error:
                problem = error
        raise problem or ContextTooLong

    def _filled(self, stage: str, talk: Talk, values: Callable[[int], Mapping[str, str]], tokens: int) -> Ask:
        prompt = self._prompts[stage]
        given = values(tokens)
        others = size(prompt.template) + sum(size(value) for value in given.values())
        text = prompt.render(dialogue=talk.lines(max(LEAST, tokens - others)), **given)
        # The operator's part goes apart from the data, unless an edited prompt mixes them.
        head, heading, _ = prompt.template.partition(_DATA)
        at = len(head) if heading and "{{" not in head else 0
        return Ask(stage=stage, instructions=text[:at].strip(), data=text[at:].strip(), images=talk.images)
