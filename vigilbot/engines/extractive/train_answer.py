"""Training of the answer's confidence: `vigilbot train answer ROWS.jsonl`.

One row a line, in any order::

    {"features": {"share": 0.81, "novelty": 0.2, ...}, "agreed": true, "group": "channel"}

``features`` are what a run records of an answer or a refusal (of the reranker's evidence share
and novelty are used, 0 to 1); ``agreed``: the human's resolution was the same; ``group``: rows of one group
are never on both sides of a validation split.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vigilbot.engines.extractive.confidence import (
    ANY_MODEL,
    DOCUMENT,
    FEATURES,
    Confidence,
    Logistic,
    features,
    space,
)
from vigilbot.errors import BadInput

LEAST_ROWS = 50
CAREFUL = 0.4  # log odds taken off for a model the rows do not come from
# Likeness 1 is a mean paraphrase. Fitted once (plain logistic regression) to questions of two developers'
# chats and the case that came first for each among all of the chat: 114 put in other words by a reader, and
# 174 with their own on-call left out, of which 2 had been answered before. So few recur that the found ones
# count as 3 in 100. 0.5 is reached at a likeness of 1.18; by either chat alone at 1.15 and 1.20.
NEAR = Logistic(bias=-14.45, weights={"nearest": 12.24})
REGULARISATION = 1.0  # inverse strength, as scikit-learn's C

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    features: Mapping[str, float]  # a run's record, before the transform
    agreed: bool
    group: str


def parse_rows(lines: Iterable[str], *, place: str) -> list[Row]:
    """Raises BadInput with file and line."""
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            rows.append(
                Row(
                    features={str(k): float(v) for k, v in raw["features"].items()},
                    agreed=_truth(raw["agreed"]),
                    group=str(raw.get("group", "")),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(
                f"no training row ({type(error).__name__}: {error})",
                place=f"{place}, line {number}",
                remedy='A row is {"features": {...}, "agreed": true or false, "group": "..."}',
            ) from error
    return rows


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"agreed is {value!r}")
    return value


def train(
    rows: Sequence[Row], *, model: str, refuse: float, post: float, provenance: Mapping[str, Any]
) -> Confidence:
    """Coefficients from all rows; how they do on groups they have not seen goes into the provenance."""
    inputs, agreed = _matrix(rows)
    if len(rows) < LEAST_ROWS or len(set(agreed.tolist())) < 2:
        raise BadInput(
            f"{len(rows)} rows, {int(agreed.sum())} of them agreed, are too few to learn from",
            place="training rows",
            remedy=f"Give at least {LEAST_ROWS} rows with both outcomes",
        )
    fitted = _fit(inputs, agreed)
    careful = Logistic(weights=fitted.weights, bias=fitted.bias - CAREFUL)
    return Confidence(
        models={space(model): fitted, ANY_MODEL: careful},
        near=NEAR,
        document=DOCUMENT,
        refuse=refuse,
        post=post,
        provenance={
            **provenance,
            "rows": len(rows),
            "held_out": held_out(rows),
            "near": "288 pairs of questions of two developers' chats, see train_answer.py, NEAR",
        },
    )


def _matrix(rows: Sequence[Row]) -> tuple[Numbers, Numbers]:
    values = [[found[name] for name in FEATURES] for found in (features(row.features) for row in rows)]
    inputs = np.array(values, dtype=np.float64).reshape(len(rows), len(FEATURES))
    return inputs, np.array([row.agreed for row in rows], dtype=np.float64)


def _fit(inputs: Numbers, agreed: Numbers) -> Logistic:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(inputs, agreed)
    weights = {name: float(w) for name, w in zip(FEATURES, fitted.coef_[0], strict=True)}
    return Logistic(weights=weights, bias=float(fitted.intercept_[0]))


def held_out(rows: Sequence[Row]) -> dict[str, float]:
    """Leave one group out: Brier score, and share and precision of rows at or above 0.5 and 0.7."""
    groups = sorted({row.group for row in rows})
    if len(groups) < 2:
        return {}
    inputs, agreed = _matrix(rows)
    member = np.array([row.group for row in rows])
    predicted = np.full(len(rows), np.nan)
    for group in groups:
        rest = member != group
        if len(set(agreed[rest].tolist())) < 2:
            continue
        logistic = _fit(inputs[rest], agreed[rest])
        for i in np.flatnonzero(~rest):
            predicted[i] = logistic.probability(dict(zip(FEATURES, inputs[i].tolist(), strict=True)))
    known = ~np.isnan(predicted)
    if not known.any():
        return {}
    predicted, agreed = predicted[known], agreed[known]
    report = {"brier": round(float(np.mean((predicted - agreed) ** 2)), 4)}
    for threshold in (0.5, 0.7):
        shown = predicted >= threshold
        report[f"share_at_{threshold}"] = round(float(shown.mean()), 4)
        if shown.any():
            report[f"precision_at_{threshold}"] = round(float(agreed[shown].mean()), 4)
    return report
