"""How right an answer probably is, given what became of the same answer before (selective autonomy, critic).

The engine says how well its evidence fits; whether a document that fits is also what people give in the
end, only their later words can tell. So the engine's confidence is corrected by the outcomes of the same
proposal in the same space: outcomes of questions like this one count, those of others hardly. The correction
is a logistic function of the question's vector, one for each proposal, learned anew from the ledger each
time. Nothing is stored but the outcomes themselves, and without any the confidence stays as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vigilbot.autonomy.aim import threshold
from vigilbot.domain import RIGHT, WRONG, Answer, Passage
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import blob_vector, unpack_citations
from vigilbot.ports import Clock, Row, Vector
from vigilbot.text import canonical_url

Numbers = NDArray[np.float64]
OWN = "engine"  # the feature under which the engine's own confidence is kept beside a corrected one
PULL = 4.0  # variance of the correction, in log odds, before anything is known
NEWEST = 200  # outcomes of one proposal that count
RECENT = 500  # judged answers of a space that a threshold rests on
_SURE = 0.01  # a confidence is never nearer to 0 or 1 than this
_STEPS = 300  # a dozen are enough where the engine was not all wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Precedent:
    """The same proposal, made for another question: what the engine thought of it, and the truth.

    ``vector`` is the question's, of length 1.
    """

    vector: Vector
    confidence: float
    right: bool


def corrected(confidence: float, vector: Vector, past: Sequence[Precedent]) -> float:
    """The confidence after what became of ``past``; unchanged without any.

    The most probable function under a Gaussian prior: a kernel logistic regression whose kernel is the
    cosine of the questions times PULL. How far nobody knows the correction for this question counts too
    (MacKay's approximation): what the engine states is right on average over the corrections that the
    prior thinks possible, and the result is the average over those that are still possible.
    """
    if not past:
        return confidence
    known = np.stack([one.vector for one in past]).astype(np.float64)
    kernel = PULL * known @ known.T
    stated = np.array([_odds(one.confidence) for one in past]) * _widening(PULL)
    right = np.array([one.right for one in past], dtype=np.float64)
    weights = _fitted(kernel, stated, right)
    near = PULL * known @ np.asarray(vector, dtype=np.float64)
    chance = 1 / (1 + np.exp(-(stated + kernel @ weights)))
    told = np.sqrt(chance * (1 - chance))
    explained = np.linalg.solve(np.eye(len(past)) + told[:, None] * kernel * told, told * near)
    unknown = max(0.0, PULL - float(told * near @ explained))
    odds = _odds(confidence) * _widening(PULL) + float(near @ weights)
    return 1 / (1 + math.exp(-odds / _widening(unknown)))


def _fitted(kernel: Numbers, stated: Numbers, right: Numbers) -> Numbers:
    """The weights of the precedents. Every step goes up, as far as a bound of the curvature allows."""
    inverse = np.linalg.inv(kernel + 4 * np.eye(len(stated)))  # 1/4 bounds the curvature wherever it is
    weights: Numbers = np.zeros(len(stated))
    for _ in range(_STEPS):
        shift = kernel @ weights
        step = inverse @ (shift + 4 * (right - 1 / (1 + np.exp(-(stated + shift)))))
        done = float(np.max(np.abs(kernel @ (step - weights)))) < 1e-3
        weights = step
        if done:
            break
    return weights


def _widening(variance: float) -> float:
    """By how much log odds shrink when a normal error of this variance is averaged over."""
    return math.sqrt(1 + math.pi * variance / 8)


def _odds(confidence: float) -> float:
    bounded = min(1 - _SURE, max(_SURE, confidence))
    return math.log(bounded / (1 - bounded))


def proposal(answer: Answer, passages: Sequence[Passage]) -> str:
    """What an answer, or a refusal by what stood first, comes down to: a document's address, else the
    entry; "" where nothing was found."""
    first = next(iter((*answer.passages, *passages)), None)
    if first is None:
        return ""
    url = next((c.url for c in first.entry.citations if c.url), "")
    return canonical_url(url) if url else first.entry.id


class Critic:
    """Reads the ledger's outcomes up to the clock's time.

    ``enough`` is the confidence a card for everyone needs, unless there is a ``target``: the share of them
    that should be right.
    """

    def __init__(self, *, ledger: Ledger, clock: Clock, enough: float, target: float | None = None) -> None:
        self._ledger = ledger
        self._clock = clock
        self._enough = enough
        self._target = target

    async def assess(
        self, answer: Answer, *, vector: Vector, passages: Sequence[Passage], tenant: str, space: str
    ) -> Answer:
        """The answer with its confidence corrected, the engine's own kept as a feature; ``vector`` is the
        question's. A refusal stays one."""
        if answer.refused:
            return answer
        rows = await self._ledger.outcomes.of_proposal(
            proposal(answer, passages), tenant=tenant, space=space, now=self._clock.now(), limit=NEWEST
        )
        past = [one for row in rows if len((one := _precedent(row)).vector) == len(vector)]
        if not past:
            return answer
        features = {**answer.features, OWN: answer.confidence}
        return replace(answer, confidence=corrected(answer.confidence, vector, past), features=features)

    async def enough(self, *, tenant: str, space: str) -> float:
        """The confidence from which a card may be posted in this space: one that should keep the target."""
        if self._target is None:
            return self._enough
        rows = await self._ledger.outcomes.of_space(
            tenant=tenant, space=space, now=self._clock.now(), limit=RECENT
        )
        judged = [
            (row["confidence"], row["outcome"] in RIGHT) for row in rows if row["outcome"] in RIGHT | WRONG
        ]
        return threshold(judged, self._target)


def _precedent(row: Row) -> Precedent:
    """A judged answer; or a refusal whose question people resolved, right if by what stood first."""
    if row["outcome"] is not None:
        right = row["outcome"] in RIGHT
    else:
        cited = {canonical_url(c.url) for c in unpack_citations(row["citations"] or "[]") if c.url}
        right = row["proposal"] in cited | {row["entry"]}
    own = json.loads(row["features"]).get(OWN, row["confidence"])
    return Precedent(vector=blob_vector(row["vector"]), confidence=float(own), right=right)
