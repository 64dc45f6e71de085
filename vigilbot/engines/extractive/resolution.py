"""The learned weights by which extraction judges messages (extract.json)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from vigilbot.engines.extractive.coefficients import space
from vigilbot.engines.extractive.evidence import Evidence

FORMAT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Odds:
    """Logistic regression over named evidence; what is not named counts nothing."""

    bias: float
    weights: Mapping[str, float]

    def probability(self, evidence: Mapping[str, float]) -> float:
        score = self.bias + sum(w * evidence.get(name, 0.0) for name, w in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, score))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights(Odds):
    """How messages are judged one by one, and ``worth`` the whole that they make (worth.py)."""

    threshold: float  # from which a message belongs to the resolution
    any_threshold: float  # the best message must reach, or there is none
    sure_threshold: float  # from which a guess is taken for a resolution
    worth: Odds = field(default_factory=lambda: Odds(bias=0.0, weights={}))


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolutionScorer:
    """``form`` works with any embedding model or none; ``full`` with ``model`` only."""

    form: Weights
    full: Weights
    model: str
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def reads(self, model: str) -> bool:
        """Whether these weights were trained on that embedding model's cosines."""
        return bool(self.model) and space(model) == space(self.model)

    def of(self, rows: Sequence[Evidence]) -> Weights:
        return self.full if rows and all(row.nearness for row in rows) else self.form

    def probabilities(self, rows: Sequence[Evidence]) -> list[float]:
        """For each candidate, in order, how likely it is part of the resolution."""
        weights = self.of(rows)
        return [weights.probability({**row.form, **row.nearness}) for row in rows]

    def to_json(self) -> str:
        body = {
            "format": FORMAT,
            "provenance": dict(self.provenance),
            "model": self.model,
            "form": _weights_json(self.form),
            "full": _weights_json(self.full),
        }
        return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _weights_json(weights: Weights) -> dict[str, Any]:
    return {
        "threshold": round(weights.threshold, 3),
        "any_threshold": round(weights.any_threshold, 3),
        "sure_threshold": round(weights.sure_threshold, 3),
        "bias": round(weights.bias, 4),
        "weights": _rounded(weights.weights),
        "worth": {"bias": round(weights.worth.bias, 4), "weights": _rounded(weights.worth.weights)},
    }


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {name: round(w, 4) for name, w in sorted(weights.items())}


def parse(text: str) -> ResolutionScorer:
    """What ``to_json`` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    raw = json.loads(text)
    if raw["format"] != FORMAT:
        raise ValueError(f"format {raw['format']} is not {FORMAT}")
    return ResolutionScorer(
        form=_weights(raw["form"]),
        full=_weights(raw["full"]),
        model=str(raw["model"]),
        provenance=raw["provenance"],
    )


def _weights(raw: Mapping[str, Any]) -> Weights:
    return Weights(
        **_odds(raw),
        threshold=float(raw["threshold"]),
        any_threshold=float(raw["any_threshold"]),
        sure_threshold=float(raw["sure_threshold"]),
        worth=Odds(**_odds(raw["worth"])),
    )


def _odds(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {"bias": float(raw["bias"]), "weights": {str(k): float(v) for k, v in raw["weights"].items()}}


def shipped() -> ResolutionScorer:
    """The weights that come with the package."""
    file = resources.files("vigilbot.engines.extractive").joinpath("extract.json")
    return parse(file.read_text(encoding="utf-8"))
