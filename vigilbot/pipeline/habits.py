"""What a channel's resolutions are for, learned from the questions they resolved there.

Votes tell apart what is about different things. Two resolutions of one topic (a form to fill in, a page
to read) are told apart by how a question is put, which an embedding model's last layers have given up:
so each of a channel's resolutions has a classifier over vectors read halfway, a logistic regression with a
normal prior, fitted anew whenever the channel's past changes. Nothing in it is trained beforehand.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vigilbot.domain import ChannelHistory, PastCase
from vigilbot.pipeline.told import mark
from vigilbot.ports import Embedder, Vector

LEAST = 2  # questions that a resolution must have resolved: one shows no habit
MOST = 20  # of a channel's resolutions have a classifier, the most frequent ones
PULL = 33.0  # variance of a weight under its prior: how far one question pulls the answers to others
TELLS = 0.65  # how far the classifiers' word counts
USUAL = 0.15  # how far the mere frequency of a resolution counts once more
UNSEEN = 0.3  # questions that one without any is taken to have resolved
FITTED = 256  # channels whose classifiers and vectors are kept: 0.3 MB for one of 200 questions
_STEPS = 30  # of the fit; what is left then changes the first place in one question of a hundred at most


K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaning:
    """How far a question speaks for each resolution of a channel beside its votes: ``of``, a logarithm."""

    told: Mapping[str, float]
    otherwise: float

    def of(self, resolution: str) -> float:
        return self.told.get(resolution, self.otherwise)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fit:
    """Linear classifiers, a column each of ``weights``; ``usual`` is the logarithm of every share."""

    names: tuple[str, ...]
    middle: NDArray[np.float64]
    weights: NDArray[np.float64]
    base: NDArray[np.float64]
    usual: Mapping[str, float]
    otherwise: float

    def leaning(self, vector: Vector) -> Leaning:
        told = {name: USUAL * usual for name, usual in self.usual.items()}
        odds = (np.asarray(vector, dtype=np.float64) - self.middle) @ self.weights + self.base
        for name, odd in zip(self.names, odds, strict=True):
            told[name] += TELLS * (-math.log1p(math.exp(-max(-30.0, float(odd)))) - self.usual[name])
        return Leaning(told=told, otherwise=USUAL * self.otherwise)


@dataclass(kw_only=True, slots=True, eq=False)
class _Channel:
    """``vectors`` are those of the questions fitted last; ``turn``: who asks meanwhile waits for that fit."""

    vectors: Mapping[str, Vector] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Habits:
    """``embedder`` is a model read halfway. Fits are kept by a mark of what they were made of."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._fits: OrderedDict[bytes, _Fit] = OrderedDict()
        self._channels: OrderedDict[str, _Channel] = OrderedDict()

    async def leaning(self, asked: str, history: ChannelHistory) -> Leaning | None:
        """None where the channel has too little past."""
        cases = history.cases
        counts = Counter(resolution for case in cases for resolution in case.resolutions)
        names = tuple(name for name, n in counts.most_common(MOST) if n >= LEAST)
        if not names or len(cases) <= LEAST:
            return None
        [vector] = await self._embedder.embed([asked])
        channel = _used(self._channels, history.channel, self._channels.get(history.channel) or _Channel())
        key = mark(repr(cases))
        async with channel.turn:
            fit = self._fits.get(key)
            if fit is None:
                vectors = await self._past(channel, cases)
                fit = await asyncio.to_thread(_fitted, cases, vectors, counts, names)  # some 20 ms
        return _used(self._fits, key, fit).leaning(vector)

    async def _past(self, channel: _Channel, cases: Sequence[PastCase]) -> Vector:
        """A row a case; what was fitted before is not computed again."""
        texts = dict.fromkeys(case.question for case in cases)
        new = [text for text in texts if text not in channel.vectors]
        rows = (row.copy() for row in await self._embedder.embed(new))  # a view would keep them all alive
        known = {**channel.vectors, **dict(zip(new, rows, strict=True))}
        channel.vectors = {text: known[text] for text in texts}
        return np.stack([channel.vectors[case.question] for case in cases])


def _used(kept: OrderedDict[K, V], key: K, value: V) -> V:
    """Keeps what is used now, and of the rest what was used last."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > FITTED:
        kept.popitem(last=False)
    return value


def _fitted(
    cases: Sequence[PastCase], vectors: Vector, counts: Mapping[str, int], names: tuple[str, ...]
) -> _Fit:
    """All classifiers at once, in the space of the questions (n by n): Newton's steps with the bound 1/4 for
    the curvature of the logistic loss, which needs one inverse for all of them."""
    known = np.asarray(vectors, dtype=np.float64)
    middle = known.mean(axis=0)
    known = known - middle
    kernel = PULL * known @ known.T + 1.0  # one for the constant
    right = np.array([[name in case.resolutions for name in names] for case in cases], dtype=np.float64)
    inverse = np.linalg.inv(kernel + 4 * np.eye(len(cases)))
    pulls = np.zeros_like(right)
    for _ in range(_STEPS):
        odds = kernel @ pulls
        pulls = inverse @ (odds + 4 * (right - 1 / (1 + np.exp(-odds))))
    together = len(cases) + 1
    return _Fit(
        names=names,
        middle=middle,
        weights=PULL * known.T @ pulls,
        base=pulls.sum(axis=0),
        usual={name: math.log((n + UNSEEN) / together) for name, n in counts.items()},
        otherwise=math.log(UNSEEN / together),
    )
