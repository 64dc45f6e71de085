"""The confidence from which a wanted share of cards is right, found in the past alone (selective autonomy).

A threshold that was right for the few answers judged so far is often too low for those to come, and with
none judged there would be no threshold at all. So what the confidences promise counts like some judged
answers: it carries the first decisions, and steadies the later ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TRUST = 20  # judged answers that the confidences' own promise counts like
LEAST = 0.5  # whatever the target: what is more probably wrong than right is no card


def threshold(judged: Sequence[tuple[float, bool]], target: float) -> float:
    """The lowest confidence, not below LEAST, at which the share of right answers is expected to reach
    ``target``: that of the judged answers at or above it, pooled with TRUST more as right as these claim.

    ``judged`` are confidences with the truth, of answers shown or not. Without any, the target itself.
    """
    sure = [(confidence, right) for confidence, right in judged if confidence >= LEAST]
    if not sure:
        return max(LEAST, target)
    confidence = np.array([each for each, _ in sure])
    order = np.argsort(-confidence, kind="stable")
    confidence = confidence[order]
    right = np.cumsum(np.array([each for _, each in sure], dtype=np.float64)[order])
    n = np.arange(1, len(sure) + 1)
    claimed = np.cumsum(confidence) / n
    expected = (right + TRUST * claimed) / (n + TRUST)
    together = np.append(confidence[1:] != confidence[:-1], True)  # equal confidences are one choice
    found = np.flatnonzero(together & (expected >= target - 1e-9))
    if found.size:
        return float(confidence[found[-1]])
    return max(target, float(np.nextafter(confidence[0], 2.0)))
