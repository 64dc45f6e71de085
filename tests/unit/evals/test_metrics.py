"""Figures against values worked out by hand or by definition."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from vigilbot.autonomy.aim import threshold
from vigilbot.evals.metrics import (
    MIN_CARDS,
    Judged,
    OperatingPoint,
    Resolved,
    bootstrap,
    ceiling,
    confusion,
    hindsight_curve,
    hit_at_k,
    macro,
    micro,
    no_text_prior,
    online_operating_point,
    percentile,
    scores,
    weighted_scores,
    wilson,
)


def at(seconds: float) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def judged(when: float, confidence: float, *, correct: bool, known: float | None = None) -> Judged:
    known_at = at(when + 0.5 if known is None else known)
    return Judged(at=at(when), known_at=known_at, confidence=confidence, correct=correct)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_bootstrap_draws_whole_groups() -> None:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    alike = [[1.0] * 50, [0.0] * 50]
    apart = [[value] for group in alike for value in group]
    by_group, by_item = bootstrap(alike, mean), bootstrap(apart, mean)
    assert (by_group.low, by_group.high) == (0.0, 1.0)
    assert 0.35 < by_item.low < 0.5 < by_item.high < 0.65
    assert bootstrap(apart, mean) == by_item
    with pytest.raises(ValueError, match="no groups"):
        bootstrap([], mean)


def test_percentile() -> None:
    assert percentile([4, 1, 3, 2], 0.5) == 2.5
    assert percentile(range(101), 0.9) == pytest.approx(90)
    assert percentile([7], 0.95) == 7
    assert percentile([], 0.5) is None


def test_scores_of_a_class_and_weighted() -> None:
    gold = ["a", "a", "a", "b", "b", "c"]
    said = ["a", "a", "b", "b", "a", "b"]
    one = scores(gold, said, of="a")
    assert (one.precision, one.recall, one.f1) == (pytest.approx(2 / 3),) * 3
    two = scores(gold, said, of="b")
    assert (two.precision, two.recall, two.f1) == (
        pytest.approx(1 / 3),
        pytest.approx(1 / 2),
        pytest.approx(0.4),
    )
    assert scores(gold, said, of="c").f1 == 0.0
    assert weighted_scores(gold, said).f1 == pytest.approx((3 * 2 / 3 + 2 * 0.4 + 0) / 6)
    assert confusion(gold, said, names=["a", "b", "c"])["c"] == {"a": 0, "b": 1, "c": 0}
    assert weighted_scores([], []).f1 == 0.0


def test_hits_count_distinct_documents() -> None:
    assert hit_at_k(["a", "a", "b"], "b", 2)
    assert not hit_at_k(["a", "b"], "b", 1)
    assert not hit_at_k([""], "", 8)


def test_micro_and_macro() -> None:
    hits = {"large": [True] * 9 + [False], "small": [False], "empty": []}
    assert micro([hit for group in hits.values() for hit in group]) == pytest.approx(9 / 11)
    assert macro(hits) == pytest.approx(0.45)
    assert macro({}) == micro([]) == 0.0


CASES = [
    Resolved(channel="x", at=at(3), document="b"),
    Resolved(channel="x", at=at(1), document="a"),
    Resolved(channel="x", at=at(2), document="b"),
    Resolved(channel="x", at=at(2), document="c"),  # known at the same moment as the one before
    Resolved(channel="x", at=at(9), document=""),
    Resolved(channel="y", at=at(9), document="b"),  # another channel's past is not this one's
]


def test_the_prior_knows_only_the_channels_past() -> None:
    assert no_text_prior(CASES) == [
        ("a", "b", "c"),
        (),
        ("a",),
        ("a",),
        ("b", "a", "c"),
        (),
    ]
    known_at = [at(3), at(1), at(0), at(3), at(2.5), at(10)]
    assert no_text_prior(CASES, known_at=known_at) == [
        ("a", "b", "c"),
        (),
        (),
        ("a", "b", "c"),
        ("a", "b", "c"),
        ("b",),
    ]
    assert ceiling(CASES) == pytest.approx(1 / 6)
    assert ceiling([]) == 0.0


def walk(rows: Sequence[Judged], target: float, total: int) -> OperatingPoint:
    """The definition, written down a second time without any cleverness."""
    accepted: list[bool] = []
    for row in sorted(rows, key=lambda r: r.at):
        past = [(p.confidence, p.correct) for p in rows if p.known_at < row.at]
        if row.confidence >= threshold(past, target):
            accepted.append(row.correct)
    precision = sum(accepted) / len(accepted) if accepted else None
    return OperatingPoint(
        threshold=None, coverage=len(accepted) / total, precision=precision, n=len(accepted)
    )


@pytest.mark.parametrize("seed", range(6))
def test_online_is_its_definition(seed: int) -> None:
    chance = random.Random(seed)
    rows = []
    for when in range(150):
        confidence = round(chance.random(), 1)
        known = when + chance.choice([0.5, 20, 200])
        rows.append(judged(when, confidence, correct=chance.random() < confidence, known=known))
    chance.shuffle(rows)
    for target in (0.9, 0.8, 0.6):
        expected = walk(rows, target, 200)
        found = online_operating_point(rows, target, total=200)
        assert (found.n, found.coverage, found.precision) == (
            expected.n,
            expected.coverage,
            expected.precision,
        )
    assert online_operating_point(rows, 0.6, total=200).n > 0


def test_online_does_not_see_the_future() -> None:
    past = [judged(n, 0.7, correct=True) for n in range(60)]
    now = judged(1000, 0.7, correct=True)
    assert online_operating_point([*past, now], 0.9, total=100).n == 1 + sum(
        threshold([(0.7, True)] * n, 0.9) <= 0.7 for n in range(60)
    )
    # The same decisions, but nobody learns how they went until later.
    late = [judged(n, 0.7, correct=True, known=1000) for n in range(60)]
    assert online_operating_point([*late, now], 0.9, total=100).n == 0
    # Its own truth does not count either.
    own = [judged(n, 0.9 if n else 0.89, correct=False) for n in range(1)]
    assert online_operating_point(own, 0.9, total=1).n == 0


def test_online_keeps_ties_together() -> None:
    past = [judged(n, 0.7, correct=n % 2 == 0) for n in range(60)]
    found = online_operating_point([*past, judged(80, 0.7, correct=True)], 0.8, total=61)
    assert (found.n, found.precision) == (0, None)


def test_the_curve_takes_ties_together_and_needs_enough_cards() -> None:
    rows = [judged(n, 0.9, correct=True) for n in range(MIN_CARDS - 1)]
    assert hindsight_curve(rows, total=100) == []
    rows += [judged(n, 0.5, correct=False) for n in range(11)]
    (point,) = hindsight_curve(rows, total=100)
    assert (point.n, point.coverage, point.threshold) == (60, 0.6, 0.5)
    assert point.precision == pytest.approx(49 / 60)
    assert hindsight_curve([], total=0) == []
