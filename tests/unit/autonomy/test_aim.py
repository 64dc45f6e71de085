"""Which confidence keeps a wanted share of right cards."""

from __future__ import annotations

import random

import pytest

from vigilbot.autonomy.aim import LEAST, TRUST, threshold


def slow(judged: list[tuple[float, bool]], target: float) -> float:
    """The definition, written down a second time without any cleverness."""
    good = []
    for least in {confidence for confidence, _ in judged if confidence >= LEAST}:
        above = [(confidence, right) for confidence, right in judged if confidence >= least]
        claimed = sum(confidence for confidence, _ in above) / len(above)
        if (sum(right for _, right in above) + TRUST * claimed) / (len(above) + TRUST) >= target - 1e-12:
            good.append(least)
    surest = max((confidence for confidence, _ in judged), default=0.0)
    return min(good) if good else max(target, surest)


@pytest.mark.parametrize("seed", range(5))
def test_the_threshold_is_its_definition(seed: int) -> None:
    chance = random.Random(seed)
    judged = [(round(chance.random(), 1), chance.random() < 0.7) for _ in range(chance.choice([3, 40, 200]))]
    for target in (0.95, 0.8, 0.6):
        assert threshold(judged, target) == pytest.approx(slow(judged, target), abs=1e-9)


def test_with_no_past_a_confidence_is_taken_at_its_word() -> None:
    assert threshold([], 0.9) == 0.9
    assert threshold([(0.3, True)] * 50, 0.9) == 0.9  # what is that unsure says nothing of the sure


def test_a_bad_past_raises_the_threshold_and_a_good_one_lowers_it() -> None:
    assert threshold([(0.9, False)] * 10, 0.9) > 0.9
    assert threshold([(0.7, True)] * 100, 0.9) == 0.7


def test_what_is_more_probably_wrong_is_never_a_card() -> None:
    assert threshold([(0.9, True)] * 500 + [(0.2, True)] * 500, 0.6) == 0.9


def test_aiming_higher_never_posts_more() -> None:
    chance = random.Random(1)
    judged = [(c, chance.random() < c) for c in (chance.random() for _ in range(300))]
    found = [threshold(judged, target / 100) for target in range(50, 100)]
    assert found == sorted(found)


def test_the_promise_is_kept_on_what_is_judged_later() -> None:
    chance = random.Random(2)

    def drawn(n: int) -> list[tuple[float, bool]]:  # surer than they should be, by a fifth
        return [(c, chance.random() < 0.8 * c) for c in (chance.random() for _ in range(n))]

    least = threshold(drawn(2000), 0.7)
    later = [right for confidence, right in drawn(4000) if confidence >= least]
    assert sum(later) / len(later) == pytest.approx(0.7, abs=0.03)
