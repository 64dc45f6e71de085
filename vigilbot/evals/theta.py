"""From which likeness on two answers say the same: theta of deduplication, for one embedding model.

A pair is judged as the bot judges it (``text.sameness``): alike at theta or more, and no guard against it.
Both kinds of pairs count alike, however many there are of each. A wrong "the same" swallows an answer, a
wrong "different" says something twice: so theta is the best of those that are precise enough, and not the
best of all, which is far lower where pairs are hard to tell apart. FIGURES documents the result.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vigilbot.errors import BadInput
from vigilbot.ports import Embedder, Vector
from vigilbot.text import links
from vigilbot.text.sameness import says_same

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

THETAS: Final = tuple(round(n / 100, 2) for n in range(101))
ENOUGH: Final = 20  # pairs of each kind
MOST: Final = 25  # pairs that say the same, of one document: a landing page must not decide
FOLDS: Final = 5
_SMOOTH: Final = 2  # neighbours on each side that a point of the sweep is averaged with before one is chosen
_ROUNDS: Final = 1000
_BATCH: Final = 256

FIGURES: Final[Mapping[str, str]] = {
    "model": "the embedding model",
    "pairs": "how many say the same, how many do not, by where they come from",
    "current": "theta in force, with its figures on all pairs",
    "wanted": "the precision of 'the same' that theta must have",
    "chosen": "of the thetas with that precision the one with the best weighted F1, smoothed over neighbours",
    "best_f1": "theta with the best weighted F1, however precise",
    "by_source": "figures of the theta in force and of the chosen one, by where pairs come from",
    "held_out": "the figures of thetas chosen without the pairs they are judged on, and those thetas",
    "gain": "weighted F1 held out less that of the current theta, with its 95% interval by groups",
    "worth_it": "whether that interval is above 0, or only the chosen theta is precise enough",
    "guarded": "share of pairs that the guards call different at any theta, of each kind",
    "sweep": "precision and recall of 'the same', its F1, and F1 over both kinds, at every theta",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """An answer, what was asked, and what it leads to: answers with the same ``key`` say the same."""

    text: str
    question: str
    key: str
    group: str  # a channel, a community: what hangs together


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    a: str
    b: str
    same: bool
    group: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged:
    """Pairs as arrays, with what decides them."""

    cosine: Floats
    allowed: Bools  # no guard against them
    equal: Bools  # the same words
    same: Bools

    def predicted(self, theta: float) -> Bools:
        found: Bools = self.equal | (self.allowed & (self.cosine >= theta))
        return found

    def of(self, chosen: NDArray[Any]) -> _Judged:
        return _Judged(
            cosine=self.cosine[chosen],
            allowed=self.allowed[chosen],
            equal=self.equal[chosen],
            same=self.same[chosen],
        )


def without_links(text: str) -> str:
    """Where a pair's truth comes from the links, it may not be read from them."""
    for url in links(text):
        text = text.replace(url, " ")
    return " ".join(text.split())


async def paired(told: Sequence[Told], embedder: Embedder, *, source: str) -> list[Pair]:
    """Answers that lead to the same, and beside each the answer to the nearest question that does not.

    Pairs stay within a group. Equal texts are no pair.
    """
    vectors = await _embedded([each.question for each in told], embedder)
    groups: dict[str, list[int]] = defaultdict(list)
    for at, each in enumerate(told):
        groups[each.group].append(at)
    pairs: list[Pair] = []
    for group, members in sorted(groups.items()):
        keys = np.array([told[at].key for at in members])
        likeness = vectors[members] @ vectors[members].T
        for row, other in _same(keys):
            one, two = told[members[row]], told[members[other]]
            if one.text == two.text:
                continue
            pairs.append(Pair(a=one.text, b=two.text, same=True, group=group, source=source))
            rest = np.flatnonzero(keys != keys[row])
            if len(rest):
                near = told[members[int(rest[np.argmax(likeness[row, rest])])]]
                if near.text != one.text:
                    pairs.append(Pair(a=one.text, b=near.text, same=False, group=group, source=source))
    return list(dict.fromkeys(pairs))


def _same(keys: NDArray[np.str_]) -> list[tuple[int, int]]:
    """Neighbours in time that share a key, some of each key."""
    found = []
    for key in dict.fromkeys(keys.tolist()):
        places = np.flatnonzero(keys == key).tolist()
        found += list(pairwise(places))[:MOST]
    return found


async def calibrated(
    pairs: Sequence[Pair], embedder: Embedder, *, current: float, wanted: float = 0.9
) -> dict[str, Any]:
    """The figures. Raises BadInput when there are too few pairs to say anything."""
    judged = await _judged(pairs, embedder)
    counts = int(judged.same.sum()), int((~judged.same).sum())
    if min(counts) < ENOUGH:
        raise BadInput(
            f"{counts[0]} pairs that say the same and {counts[1]} that do not",
            remedy=f"Give more conversations or pairs: {ENOUGH} of each kind are the least",
        )
    chosen = _best(judged, wanted)
    thetas, held = _held_out(judged, _folds(pairs), wanted)
    low, high = _drawn(judged, held, current, pairs)
    before = _scores(judged.same, judged.predicted(current))
    apart = _scores(judged.same, held)
    return {
        "model": embedder.model,
        "pairs": _counted(pairs),
        "current": {"theta": current, **before},
        "wanted": wanted,
        "chosen": {"theta": chosen, **_scores(judged.same, judged.predicted(chosen))},
        "best_f1": _best(judged, 0.0),
        "by_source": _by_source(pairs, judged, (current, chosen)),
        "held_out": {**apart, "thetas": thetas, "folds": len(thetas)},
        "gain": {
            "weighted_f1": round(apart["weighted_f1"] - before["weighted_f1"], 4),
            "interval": [round(low, 4), round(high, 4)],
        },
        "worth_it": low > 0 or before["precision"] < wanted <= apart["precision"],
        "guarded": {
            "same": round(float((~judged.allowed[judged.same]).mean()), 4),
            "different": round(float((~judged.allowed[~judged.same]).mean()), 4),
        },
        "sweep": [{"theta": theta, **_scores(judged.same, judged.predicted(theta))} for theta in THETAS],
    }


async def _judged(pairs: Sequence[Pair], embedder: Embedder) -> _Judged:
    texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
    at = {text: n for n, text in enumerate(texts)}
    vectors = await _embedded(texts, embedder)
    cosine = [float(vectors[at[pair.a]] @ vectors[at[pair.b]]) for pair in pairs]
    return _Judged(
        cosine=np.array(cosine, np.float64),
        allowed=np.array([says_same(pair.a, pair.b, 1.0, 0.0) for pair in pairs], np.bool_),
        equal=np.array([says_same(pair.a, pair.b, -1.0, 0.0) for pair in pairs], np.bool_),
        same=np.array([pair.same for pair in pairs], np.bool_),
    )


async def _embedded(texts: Sequence[str], embedder: Embedder) -> Vector:
    parts = [await embedder.embed(texts[n : n + _BATCH]) for n in range(0, len(texts), _BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, embedder.dimensions), np.float32)


def _scores(same: Bools, predicted: Bools) -> dict[str, float]:
    """Both kinds count alike. 0 where nothing was predicted or nothing was there."""
    right, false = float(predicted[same].mean()), float(predicted[~same].mean())
    precision = right / (right + false) if right + false else 0.0
    f1 = 2 * right / (1 + right + false)
    other = 2 * (1 - false) / (1 + (1 - false) + (1 - right))
    return {
        "precision": round(precision, 4),
        "recall": round(right, 4),
        "f1": round(f1, 4),
        "weighted_f1": round((f1 + other) / 2, 4),
    }


def _best(judged: _Judged, wanted: float) -> float:
    """The middle of the best stretch: one lucky pair must not choose."""
    points = [_scores(judged.same, judged.predicted(theta)) for theta in THETAS]
    precision = _smooth([p["precision"] if p["recall"] else 1.0 for p in points])
    smooth = np.where(precision >= wanted, _smooth([p["weighted_f1"] for p in points]), -1.0)
    best = np.flatnonzero(smooth >= smooth.max() - 1e-9)
    return THETAS[int(best[len(best) // 2])]


def _smooth(curve: Sequence[float]) -> Floats:
    around = np.pad(np.array(curve), _SMOOTH, mode="edge")
    window = 2 * _SMOOTH + 1
    found: Floats = np.convolve(around, np.ones(window) / window, mode="valid")
    return found


def _by_source(
    pairs: Sequence[Pair], judged: _Judged, thetas: Sequence[float]
) -> dict[str, list[dict[str, float]]]:
    """Only of sources with both kinds of pairs."""
    found = {}
    sources = np.array([pair.source for pair in pairs])
    for source in dict.fromkeys(sources.tolist()):
        part = judged.of(sources == source)
        if 0 < part.same.sum() < len(part.same):
            found[source] = [{"theta": t, **_scores(part.same, part.predicted(t))} for t in thetas]
    return found


def _folds(pairs: Sequence[Pair]) -> NDArray[np.int64]:
    """Whole groups where there are enough of them, else pairs by their texts."""
    groups = {pair.group for pair in pairs}
    by_group = len(groups) >= FOLDS
    return np.array([_number(pair.group if by_group else pair.a) % FOLDS for pair in pairs])


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big")


def _held_out(judged: _Judged, folds: NDArray[np.int64], wanted: float) -> tuple[list[float], Bools]:
    """The thetas that the other folds choose for each fold, and what it is called with them."""
    predicted = np.zeros(len(folds), np.bool_)
    thetas = []
    for fold in sorted(set(folds.tolist())):
        out = folds == fold
        rest = judged.of(~out)
        theta = _best(rest if 0 < rest.same.sum() < len(rest.same) else judged, wanted)
        thetas.append(theta)
        predicted[out] = judged.of(out).predicted(theta)
    return thetas, predicted


def _drawn(judged: _Judged, held: Bools, current: float, pairs: Sequence[Pair]) -> tuple[float, float]:
    """95% interval of the gain, drawing whole groups, or pairs where there are few groups."""
    names = [pair.group for pair in pairs]
    if len(set(names)) < FOLDS:
        names = [pair.a for pair in pairs]
    _, group = np.unique(names, return_inverse=True)
    members = [np.flatnonzero(group == g) for g in range(group.max() + 1)]
    before = judged.predicted(current)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(_ROUNDS):
        rows = np.concatenate([members[g] for g in rng.integers(len(members), size=len(members))])
        same = judged.same[rows]
        if 0 < same.sum() < len(same):
            gains.append(
                _scores(same, held[rows])["weighted_f1"] - _scores(same, before[rows])["weighted_f1"]
            )
    low, high = np.quantile(gains, [0.025, 0.975]) if gains else (-1.0, 1.0)
    return float(low), float(high)


def _counted(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for pair in pairs:
        of = found.setdefault(pair.source, {"same": 0, "different": 0})
        of["same" if pair.same else "different"] += 1
    return found
