"""Identification without a language model: is help within scope asked for (Vigil 3.1.1)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from vigilbot.domain import Dialogue, Identification, Message, Scope
from vigilbot.engines.extractive.coefficients import Coefficients, Numbers
from vigilbot.engines.extractive.signs import earlier, signs, vector
from vigilbot.ports import Embedder
from vigilbot.text import clean, language

_EMBEDDED = 2_000  # characters of a message that are embedded
_BEFORE = 300  # characters of the one before it
_TOLD = (
    ("asked", "a question mark"),
    ("opens_unasked", "a question's opening"),
    ("has_trouble", "trouble"),
    ("has_requests", "a request"),
    ("has_seeks", "something sought"),
    ("code_error", "an error message"),
    ("has_thanks", "thanks"),
    ("has_agrees", "agreement"),
    ("has_solved", "a solution"),
    ("helper_asked_last", "an answer to a counter-question"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """One message by itself: probabilities of ``within``, and of ``out`` if it is not within."""

    within: float
    out: float
    found: tuple[str, ...]  # what was seen, in words


@runtime_checkable
class Layered(Protocol):
    """An embedding model that can also be read before its last layers."""

    @property
    def halfway(self) -> Embedder:
        """The same model's vectors from two thirds of its depth."""


class Placer:
    """Places messages by how they are put (coefficients.Head).

    The last layers of an embedding model keep what a text is about; whether it asks, reports or thanks is
    told better by the layers before them (measured, by the text alone: area under the curve 0.89 against
    0.78). The message is read twice, by itself and after the one before it.
    """

    def __init__(self, embedder: Embedder) -> None:
        """A model that cannot be read halfway is read as it is; what ships was not trained on that."""
        self._embedder = embedder.halfway if isinstance(embedder, Layered) else embedder

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimensions(self) -> int:
        """Of a placement."""
        return 2 * self._embedder.dimensions

    async def place(self, dialogue: Dialogue, messages: Sequence[Message]) -> list[Numbers | None]:
        """A placement for every message in English or of no clear language, else None.

        Its numbers are of about the size of signs: unit vectors are stretched by the root of their length.
        """
        readable = [language(m.text) in ("en", "") for m in messages]
        shown = [m for m, ok in zip(messages, readable, strict=True) if ok]
        if not shown:
            return [None] * len(messages)
        alone = [clean(m.text)[:_EMBEDDED] for m in shown]
        told = [f"{_before(dialogue, m)} [SEP] {text}" for m, text in zip(shown, alone, strict=True)]
        vectors = np.asarray(await self._embedder.embed([*alone, *told]), dtype=np.float64)
        vectors *= self._embedder.dimensions**0.5
        placed = iter(np.hstack([vectors[: len(shown)], vectors[len(shown) :]]))
        return [next(placed) if ok else None for ok in readable]


def _before(dialogue: Dialogue, message: Message) -> str:
    """The end of what was said last; "" at the beginning."""
    known = earlier(dialogue, message)
    return clean(known[-1].text)[-_BEFORE:] if known else ""


class Identifier:
    """Three class probabilities from signs and, where the trained embedding model runs, placements.

    Linear, deterministic, no language model. With another embedding model than the coefficients were
    trained on, or for a text that is not in English, the signs judge alone. ``threshold`` on the
    probability of ``within`` replaces the trained one.
    """

    def __init__(
        self, embedder: Embedder, coefficients: Coefficients, threshold: float | None = None
    ) -> None:
        self._placer = Placer(embedder)
        self._coefficients = coefficients
        self._threshold = coefficients.within.threshold if threshold is None else threshold
        self._places = coefficients.fits(self._placer.model, self._placer.dimensions)

    @property
    def coefficients(self) -> Coefficients:
        return self._coefficients

    @property
    def threshold(self) -> float:
        return self._threshold

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        """The messages of a burst are judged one by one and as one text; the most asking of them decides.

        ``scope`` is for judges that understand it: nearness to the statement told nothing (measured).
        """
        if not newest:
            return Identification(scope=Scope.NONE, within=0.0, out=0.0, none=1.0, reason="no message")
        asked = list(newest)
        if len(newest) > 1:
            whole = "\n".join(clean(m.text) for m in newest)
            asked.append(replace(newest[0], text=whole))
        placed: Sequence[Numbers | None] = [None] * len(asked)
        if self._places:
            placed = await self._placer.place(dialogue, asked)
        judged = [self._judge(dialogue, m, p) for m, p in zip(asked, placed, strict=True)]
        best = max(judged, key=lambda j: j.within)
        outside = max(judged, key=lambda j: j.out)
        within, out = best.within, (1 - best.within) * outside.out
        if within >= self._threshold:
            named, found = Scope.WITHIN, best.found
        elif outside.out >= self._coefficients.out.threshold:
            named, found = Scope.OUT, outside.found
        else:
            named, found = Scope.NONE, best.found
        reason = ", ".join(found) or "nothing that asks"
        return Identification(scope=named, within=within, out=out, none=1 - within - out, reason=reason)

    def _judge(self, dialogue: Dialogue, message: Message, placement: Numbers | None) -> Judgement:
        found = signs(dialogue, message)
        values = np.asarray(vector(found, self._coefficients.names))
        return Judgement(
            within=self._coefficients.within.probability(values, placement),
            out=self._coefficients.out.probability(values, placement),
            found=tuple(words for name, words in _TOLD if found[name] > 0),
        )
