"""Whether answers are right as often as their confidence says (reliability diagram, calibration error)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vigilbot.evals.replay_records import Reviewed

BINS: Final = 10
_DRAWS: Final = 1000

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """``error``: mean distance between confidence and the share right in BINS equal bins, weighted by their
    answers; ``by_chance``: what it would be on average if every confidence were exactly true, for so few
    answers; ``brier``: mean squared distance of single answers; ``auc``: how often a right answer is surer
    than a wrong one, None without both. ``bins``: (lowest, n, mean confidence, share right), empty ones
    left out.
    """

    n: int
    error: float
    by_chance: float
    brier: float
    auc: float | None
    bins: tuple[tuple[float, int, float, float], ...]

    def figures(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "error": round(self.error, 4),
            "by_chance": round(self.by_chance, 4),
            "brier": round(self.brier, 4),
            "auc": None if self.auc is None else round(self.auc, 4),
            "bins": [
                {"from": low, "n": n, "confidence": round(mean, 4), "right": round(share, 4)}
                for low, n, mean, share in self.bins
            ],
        }


def calibration(confidences: Sequence[float], right: Sequence[bool]) -> Calibration | None:
    """None without an answer. Reproducible: the draws of ``by_chance`` begin with the same seed."""
    if not confidences:
        return None
    stated = np.array(confidences, dtype=np.float64)
    true = np.array(right, dtype=np.float64)
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    member: Numbers = np.eye(BINS)[place]  # answer by bin
    counts = member.sum(axis=0)
    drawn = np.random.default_rng(0).random((_DRAWS, len(stated))) < stated
    bins = tuple(
        (b / BINS, int(counts[b]), float(stated[place == b].mean()), float(true[place == b].mean()))
        for b in range(BINS)
        if counts[b]
    )
    return Calibration(
        n=len(stated),
        error=float(_error(stated, true[np.newaxis], member)[0]),
        by_chance=float(_error(stated, drawn.astype(np.float64), member).mean()),
        brier=float(np.mean((stated - true) ** 2)),
        auc=_auc(stated, true),
        bins=bins,
    )


def _error(stated: Numbers, true: Numbers, member: Numbers) -> Numbers:
    """One error for each row of ``true``."""
    found: Numbers = np.abs((true - stated) @ member).sum(axis=1) / len(stated)
    return found


def _auc(stated: Numbers, true: Numbers) -> float | None:
    good, bad = stated[true == 1], stated[true == 0]
    if not good.size or not bad.size:
        return None
    return float(np.mean((good[:, None] > bad) + 0.5 * (good[:, None] == bad)))


def compared(rows: Sequence[Reviewed]) -> dict[str, Any] | None:
    """As JSON: what the gate was told, and beside it the engine's own confidence; None without a row."""
    right = [row.right for row in rows]
    told = calibration([row.confidence for row in rows], right)
    own = calibration([row.stated for row in rows], right)
    if told is None or own is None:
        return None
    return {"n": told.n, "bins": BINS, "told": told.figures(), "engine": own.figures()}
