"""The curve of the first filter: what thresholds spare and lose, counted by hand."""

from __future__ import annotations

import pytest

from vigilbot.evals.first_filter import Asked, figures, highest, render


def community(source: str, *, within: list[float], others: list[float]) -> list[Asked]:
    rows = [(p, True) for p in within] + [(p, False) for p in others]
    return [Asked(source=source, within=needed, probability=p) for p, needed in rows]


ONE = community("one", within=[0.3, 0.9], others=[0.04, 0.2])
TWO = community("two", within=[0.1, 0.8], others=[0.05, 0.6])


def test_the_threshold_is_the_highest_that_loses_almost_nothing() -> None:
    assert highest(ONE) == 0.3  # one of two lost would be half of them
    many = community("many", within=[0.01, *[0.5] * 49, *[0.9] * 50], others=[])
    assert highest(many) == 0.5  # one of a hundred may be lost, a second at 0.5 would be the third
    assert highest(community("none", within=[], others=[0.5])) == 1.0


def test_every_source_is_judged_at_the_threshold_of_the_others() -> None:
    found = figures([*ONE, *TWO])
    assert found["chosen"]["sources"] == [
        {"source": "one", "below": 0.1, "spared": 1, "missed": 0, "saved": 0.25, "lost": 0.0},
        {"source": "two", "below": 0.3, "spared": 2, "missed": 1, "saved": 0.5, "lost": 0.5},
    ]
    assert (found["chosen"]["saved"], found["chosen"]["lost"]) == (0.375, 0.25)
    low, high = found["chosen"]["lost_interval"]
    assert low < 0.25 < high
    assert found["below"] == 0.1
    at = {row["below"]: (row["saved"], row["lost"]) for row in found["curve"]}
    assert at[0.05] == (0.125, 0.0)
    assert at[0.2] == (0.375, 0.25)


def test_the_curve_is_drawn_with_the_shares_beside_it() -> None:
    drawn = "\n".join(render(figures([*ONE, *TWO])))
    assert "0.20   37.5%   25.0%" in drawn
    assert drawn.count("█") > drawn.count("░")
    assert "one: at 0.100, chosen on the others, 25.0% saved, 0.0% lost" in drawn


@pytest.mark.parametrize("below", [0.02, 0.4])
def test_a_higher_threshold_never_spares_less(below: float) -> None:
    curve = figures([*ONE, *TWO])["curve"]
    at = next(row for row in curve if row["below"] == below)
    assert all(row["saved"] <= at["saved"] for row in curve if row["below"] <= below)
