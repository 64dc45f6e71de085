"""Figures and their uncertainty. Pure functions; every rate is a share between 0 and 1."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vigilbot.autonomy.aim import threshold

T = TypeVar("T")

MIN_CARDS: Final = 50  # cards a point of the hindsight curve must rest on


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """0 where nothing was predicted (precision) or nothing was there (recall)."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A conversation that ended with a document; ``document`` "" when none resolved it."""

    channel: str
    at: datetime
    document: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A decision with its truth. ``known_at`` is when a bot could first have known ``correct``."""

    at: datetime
    known_at: datetime
    confidence: float
    correct: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPoint:
    """``n`` decisions accepted, ``coverage`` of all conversations; ``precision`` None when n is 0."""

    threshold: float | None
    coverage: float
    precision: float | None
    n: int


def wilson(successes: int, n: int, *, z: float = 1.959964) -> Interval:
    """Wilson's score interval of a share, 95% by default; 0 to 1 when nothing was counted."""
    if n == 0:
        return Interval(low=0.0, high=1.0)
    share, zz = successes / n, z * z
    centre = (share + zz / (2 * n)) / (1 + zz / n)
    half = z * math.sqrt(share * (1 - share) / n + zz / (4 * n * n)) / (1 + zz / n)
    return Interval(low=max(0.0, centre - half), high=min(1.0, centre + half))


def bootstrap(
    groups: Sequence[Sequence[T]],
    statistic: Callable[[Sequence[T]], float],
    *,
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic, drawing whole groups (conversations) with replacement.

    What people write in one conversation hangs together, so single messages would look too sure.
    Raises ValueError without a group.
    """
    if not groups:
        raise ValueError("no groups to draw from")
    drawn = np.random.default_rng(seed).integers(len(groups), size=(rounds, len(groups)))
    values = [statistic([item for g in row for item in groups[g]]) for row in drawn]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(low=float(low), high=float(high))


def percentile(values: Iterable[float], share: float) -> float | None:
    """The value below which ``share`` lies (0.5 is the median), interpolated; None without values."""
    known = sorted(values)
    if not known:
        return None
    place = share * (len(known) - 1)
    low = math.floor(place)
    high = min(low + 1, len(known) - 1)
    return known[low] + (known[high] - known[low]) * (place - low)


def scores(gold: Sequence[str], predicted: Sequence[str], *, of: str) -> Scores:
    """Precision, recall and F1 of one class."""
    hits = sum(g == p == of for g, p in zip(gold, predicted, strict=True))
    said, there = sum(p == of for p in predicted), sum(g == of for g in gold)
    precision = hits / said if said else 0.0
    recall = hits / there if there else 0.0
    f1 = 2 * hits / (said + there) if said + there else 0.0
    return Scores(precision=precision, recall=recall, f1=f1)


def weighted_scores(gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Scores of every class that occurs in ``gold``, averaged with its share as the weight."""
    shares = Counter(gold)
    if not shares:
        return Scores(precision=0.0, recall=0.0, f1=0.0)
    each = [(n / len(gold), scores(gold, predicted, of=name)) for name, n in sorted(shares.items())]
    return Scores(
        precision=sum(weight * s.precision for weight, s in each),
        recall=sum(weight * s.recall for weight, s in each),
        f1=sum(weight * s.f1 for weight, s in each),
    )


def confusion(
    gold: Sequence[str], predicted: Sequence[str], *, names: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Counts by gold class, then by predicted class."""
    counts = Counter(zip(gold, predicted, strict=True))
    return {g: {p: counts[g, p] for p in names} for g in names}


def hit_at_k(ranked: Sequence[str], wanted: str, k: int) -> bool:
    """True when ``wanted`` is among the first ``k`` distinct of ``ranked``; never for ""."""
    return bool(wanted) and wanted in list(dict.fromkeys(ranked))[:k]


def micro(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0


def macro(hits: Mapping[str, Sequence[bool]]) -> float:
    """The mean over groups of each group's own share."""
    shares = [micro(group) for group in hits.values() if group]
    return sum(shares) / len(shares) if shares else 0.0


def no_text_prior(
    cases: Sequence[Resolved], *, known_at: Sequence[datetime] | None = None
) -> list[tuple[str, ...]]:
    """For every case its channel's documents so far, most frequent first, ties by first use.

    "So far" is all that was resolved before this case was, or before its time in ``known_at``: what a bot
    could say at best without reading a word. Same order as ``cases``.
    """
    asked = [case.at for case in cases] if known_at is None else known_at
    pasts: dict[str, list[Resolved]] = {}
    for case in sorted(cases, key=lambda c: c.at):
        pasts.setdefault(case.channel, []).append(case)
    ranked: dict[int, tuple[str, ...]] = {}
    counts: dict[str, Counter[str]] = {channel: Counter() for channel in pasts}
    seen = dict.fromkeys(pasts, 0)
    for i in sorted(range(len(cases)), key=lambda i: asked[i]):
        channel = cases[i].channel
        past = pasts[channel]
        while seen[channel] < len(past) and past[seen[channel]].at < asked[i]:
            if document := past[seen[channel]].document:
                counts[channel][document] += 1
            seen[channel] += 1
        ranked[i] = tuple(document for document, _ in counts[channel].most_common())
    return [ranked[i] for i in range(len(cases))]


def ceiling(cases: Sequence[Resolved]) -> float:
    """The share of cases whose document had resolved another of the same channel before.

    No bot that starts empty and only learns from the past can score higher.
    """
    known = no_text_prior(cases)
    return micro([case.document in before for case, before in zip(cases, known, strict=True)])


def online_operating_point(rows: Sequence[Judged], target: float, *, total: int) -> OperatingPoint:
    """What a bot would have achieved that aims at a precision of ``target`` as it goes.

    Decisions are walked through in time order. Before each, the threshold is found as the bot itself finds it
    (``autonomy.aim``), from the decisions whose truth was known by then (``known_at`` before ``at``),
    accepted or not: the bot scores what it holds back too. ``total`` is the number of all conversations,
    with those in which nothing was decided. The ``threshold`` given is the last one.
    """
    past: list[tuple[float, bool]] = []
    waiting = sorted(rows, key=lambda r: r.known_at, reverse=True)
    least = threshold(past, target)
    accepted = right = 0
    for row in sorted(rows, key=lambda r: r.at):
        before = len(past)
        while waiting and waiting[-1].known_at < row.at:
            known = waiting.pop()
            past.append((known.confidence, known.correct))
        if len(past) > before:
            least = threshold(past, target)
        if row.confidence >= least:
            accepted += 1
            right += row.correct
    return OperatingPoint(
        threshold=least,
        coverage=accepted / total if total else 0.0,
        precision=right / accepted if accepted else None,
        n=accepted,
    )


def hindsight_curve(rows: Sequence[Judged], *, total: int) -> list[OperatingPoint]:
    """Precision against coverage for every threshold, chosen with hindsight: a chart, no result.

    Decisions of equal confidence are accepted together; points rest on at least MIN_CARDS.
    """
    confidence, precision, n = _cumulative(rows)
    return [
        OperatingPoint(
            threshold=float(c), coverage=int(k) / total if total else 0.0, precision=float(p), n=int(k)
        )
        for c, p, k in zip(confidence, precision, n, strict=True)
        if k >= MIN_CARDS
    ]


def _cumulative(
    rows: Sequence[Judged],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Distinct confidences from the highest, with precision and number of all rows at or above each."""
    confidence = np.array([r.confidence for r in rows], dtype=np.float64)
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    right = np.cumsum(np.array([r.correct for r in rows], dtype=np.float64)[order])
    last = np.append(confidence[1:] != confidence[:-1], True)[: confidence.size]
    n = np.arange(1, confidence.size + 1, dtype=np.int64)[last]
    return confidence[last], right[last] / n, n
