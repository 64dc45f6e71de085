"""Logistic regression with bounded weights, in plain numpy and the same on every run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vigilbot.engines.extractive.coefficients import Numbers

Flags = NDArray[np.bool_]

_STEPS = 500


def sigmoid(logit: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -500, 500))))


def logistic(
    rows: Numbers,
    truth: Flags,
    *,
    share: Numbers,
    shrink: float,
    lower: Numbers,
    upper: Numbers,
) -> tuple[Numbers, float]:
    """Weights within bounds, and a free bias, with the least log loss + shrink / 2 · |weights|².

    ``share`` is each row's part of the loss (sums to 1).
    With one class only the bias says so and the weights are 0. Accelerated projected gradient descent with
    restarts; the step comes from the largest singular value.
    """
    if truth.all() or not truth.any():
        return np.zeros(rows.shape[1]), float(np.log((truth.sum() + 0.5) / ((~truth).sum() + 0.5)))
    design = np.hstack([rows, np.ones((len(truth), 1))])
    low, high = np.append(lower, -np.inf), np.append(upper, np.inf)
    penalty = np.append(np.full(rows.shape[1], shrink), 0.0)
    size = float(np.linalg.norm(design * np.sqrt(share)[:, None], 2))
    step = 1.0 / (size**2 / 4 + shrink)
    here, ahead, pace = np.zeros(design.shape[1]), np.zeros(design.shape[1]), 1.0
    for _ in range(_STEPS):
        slope = design.T @ (share * (sigmoid(design @ ahead) - truth)) + penalty * ahead
        there = np.clip(ahead - step * slope, low, high)
        if float((ahead - there) @ (there - here)) > 0:
            pace = 1.0
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead = there + (pace - 1) / faster * (there - here)
        moved = float(np.abs(there - here).max())
        here, pace = there, faster
        if moved < 1e-6:
            break
    return here[:-1], float(here[-1])
