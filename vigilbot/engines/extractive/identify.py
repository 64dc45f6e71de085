"""Identification without a language model: is help within scope asked for (Vigil 3.1.1)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigilbot.domain import Dialogue, Identification, Message, Scope
from vigilbot.engines.extractive.coefficients import Coefficients, Numbers
from vigilbot.engines.extractive.signs import signs, vector
from vigilbot.ports import Embedder
from vigilbot.text import clean, language

_EMBEDDED = 2_000  # characters of a text that are embedded
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


async def placements(texts: Sequence[str], *, scope: str, embedder: Embedder) -> list[Numbers | None]:
    """A placement (coefficients.Head) for every text in English or of no clear language, else None."""
    readable = [language(text) in ("en", "") for text in texts]
    shown = [clean(text)[:_EMBEDDED] for text, ok in zip(texts, readable, strict=True) if ok]
    if not shown:
        return [None] * len(texts)
    vectors = np.asarray(await embedder.embed([scope, *shown]), dtype=np.float64)
    placed = iter(np.hstack([vectors[1:], vectors[1:] @ vectors[:1].T]))
    return [next(placed) if ok else None for ok in readable]


class Identifier:
    """Three class probabilities from signs and, where the trained embedding model runs, embeddings.

    Linear, deterministic, no language model. With another embedding model than the coefficients were
    trained on, or for a text that is not in English, the signs judge alone. ``threshold`` on the
    probability of ``within`` replaces the trained one.
    """

    def __init__(
        self, embedder: Embedder, coefficients: Coefficients, threshold: float | None = None
    ) -> None:
        self._embedder = embedder
        self._coefficients = coefficients
        self._threshold = coefficients.within.threshold if threshold is None else threshold
        self._embeds = coefficients.fits(embedder.model, embedder.dimensions)

    @property
    def coefficients(self) -> Coefficients:
        return self._coefficients

    @property
    def threshold(self) -> float:
        return self._threshold

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        """The messages of a burst are judged one by one and as one text; the most asking of them decides."""
        if not newest:
            return Identification(scope=Scope.NONE, within=0.0, out=0.0, none=1.0, reason="no message")
        asked = list(newest)
        if len(newest) > 1:
            whole = "\n".join(clean(m.text) for m in newest)
            asked.append(replace(newest[0], text=whole))
        placed: Sequence[Numbers | None] = [None] * len(asked)
        if self._embeds:
            placed = await placements([m.text for m in asked], scope=scope, embedder=self._embedder)
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
