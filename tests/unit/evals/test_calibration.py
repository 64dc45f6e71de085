"""Whether confidences are true."""

from __future__ import annotations

import random

import pytest

from vigilbot.evals.calibration import BINS, calibration, compared
from vigilbot.evals.replay_records import Reviewed


def test_true_confidences_are_as_far_off_as_chance_makes_them() -> None:
    chance = random.Random(3)
    stated = [chance.random() for _ in range(400)]
    found = calibration(stated, [chance.random() < each for each in stated])
    assert found is not None
    assert found.error == pytest.approx(found.by_chance, abs=0.03)
    assert 0.01 < found.by_chance < 0.1


def test_boasting_is_seen() -> None:
    chance = random.Random(3)
    stated = [chance.uniform(0.7, 1.0) for _ in range(400)]
    found = calibration(stated, [chance.random() < each - 0.4 for each in stated])
    assert found is not None
    assert found.error == pytest.approx(0.4, abs=0.06)
    assert found.error > 4 * found.by_chance


def test_the_figures_are_those_of_a_calculation_by_hand() -> None:
    found = calibration([0.0, 0.05, 0.62, 0.68, 1.0], [False, True, True, False, True])
    assert found is not None
    assert found.bins == (
        (0.0, 2, pytest.approx(0.025), 0.5),
        (0.6, 2, pytest.approx(0.65), 0.5),
        (0.9, 1, 1.0, 1.0),
    )
    assert found.error == pytest.approx((2 * 0.475 + 2 * 0.15 + 0) / 5)
    assert found.brier == pytest.approx((0 + 0.95**2 + 0.38**2 + 0.68**2 + 0) / 5)
    assert found.auc == pytest.approx(4 / 6)


def test_one_kind_of_answer_has_no_order() -> None:
    found = calibration([0.4, 0.6], [True, True])
    assert found is not None
    assert found.auc is None
    assert calibration([], []) is None


def test_both_ways_of_judging_stand_side_by_side() -> None:
    rows = [Reviewed(confidence=0.9, stated=0.5, right=True)] * 9
    rows.append(Reviewed(confidence=0.9, stated=0.5, right=False))
    found = compared(rows)
    assert found is not None
    assert (found["n"], found["bins"]) == (10, BINS)
    assert (found["told"]["error"], found["engine"]["error"]) == (0.0, 0.4)
    assert compared([]) is None
