"""How probable it is that a human would give the same resolution: logistic functions of few features.

One weighs how the votes lie; another asks whether the very same question was answered before, which
in a large and varied knowledge base no vote can show. The more hopeful one counts. A document's part has
no votes, since nobody was helped with it: a third asks how near it comes to the question. The coefficients
are ``answer.json``: per embedding model, with a more careful row ``*`` for every other one. train_answer.py
makes them; the provenance inside says from what.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from vigilbot.domain import Passage
from vigilbot.errors import BadInput

FORMAT = 1
FEATURES = ("share", "novelty")
NEAR_FEATURES = ("nearest",)
DOCUMENT_FEATURES = ("alike", "answers", "cover")
ANY_MODEL = "*"
_SMOOTH = 0.02
_REMEDY = "Train again with: vigilbot train answer ROWS.jsonl --out FILE"


def evidence(passage: Passage) -> dict[str, float]:
    """The reranker's evidence for a passage's resolution; what a run records as an answer's features.

    A passage that no reranker weighed gets half its cosine as share and everything else against it.
    """
    if passage.evidence:
        return {name: float(value) for name, value in passage.evidence.items()}
    return {"share": max(0.0, min(1.0, passage.dense)) / 2, "novelty": 1.0}


def features(found: Mapping[str, float]) -> dict[str, float]:
    """What the confidence is computed from; no scale of any embedding model is in it.

    ``share``: log odds of the resolution's share of all votes; ``novelty``: how often this channel
    needed a resolution it never had.
    """
    share = min(1.0, max(0.0, found.get("share", 0.0)))
    return {
        "share": math.log((share + _SMOOTH) / (1 - share + _SMOOTH)),
        "novelty": found.get("novelty", 1.0),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic:
    """Weights by feature, and what is added."""

    weights: Mapping[str, float]
    bias: float

    def probability(self, found: Mapping[str, float]) -> float:
        """0 to 1; features that are missing count as 0."""
        score = self.bias + sum(weight * found.get(name, 0.0) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))


# Fitted to 89 questions about eight documents of four kinds (tests/handbook among them), then moved so far
# towards silence that two of 55 questions which no document answers would get a card.
DOCUMENT = Logistic(bias=-6.15, weights={"alike": 2.9, "answers": 3.6, "cover": 2.3})
"""What counts where a file of coefficients, an older one, says nothing about documents."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confidence:
    """Coefficients of the votes by embedding model, of nearness, and the thresholds that go with them.

    Below ``refuse`` there is no answer at all; from ``post`` on a card for everyone is worth its noise.
    """

    models: Mapping[str, Logistic]
    near: Logistic
    document: Logistic
    refuse: float
    post: float
    provenance: Mapping[str, Any]

    def of(self, model: str) -> Logistic:
        """The row of this embedding model, whoever ships it; else the careful one."""
        return self.models.get(space(model), self.models[ANY_MODEL])

    def to_json(self) -> str:
        rows = {
            "format": FORMAT,
            "provenance": dict(self.provenance),
            "refuse": self.refuse,
            "post": self.post,
            "near": _row(self.near),
            "document": _row(self.document),
            "models": {name: _row(row) for name, row in self.models.items()},
        }
        return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _row(logistic: Logistic) -> dict[str, Any]:
    weights = {name: round(weight, 4) for name, weight in logistic.weights.items()}
    return {"bias": round(logistic.bias, 4), "weights": weights}


def space(model: str) -> str:
    """A model's name without its owner and its revision."""
    return model.casefold().rsplit("/", 1)[-1].split("@", 1)[0]


def shipped() -> Confidence:
    """The coefficients that come with the package."""
    file = resources.files("vigilbot.engines.extractive").joinpath("answer.json")
    return parse(file.read_text(encoding="utf-8"), place="answer.json")


def load(path: Path) -> Confidence:
    """Coefficients of a file that training wrote; BadInput when it is none."""
    try:
        return parse(path.read_text(encoding="utf-8"), place=str(path))
    except OSError as error:
        raise BadInput(
            error.strerror or "cannot be read", place=str(path), remedy="Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput("no UTF-8 text", place=str(path), remedy=_REMEDY) from error


def parse(text: str, *, place: str) -> Confidence:
    """Raises BadInput, with ``place``, for anything but what ``to_json`` writes."""
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']} is not {FORMAT}")
        models = {str(name): _logistic(row, FEATURES) for name, row in raw["models"].items()}
        if ANY_MODEL not in models:
            raise ValueError(f"no row {ANY_MODEL!r} for other models")
        return Confidence(
            models=models,
            near=_logistic(raw["near"], NEAR_FEATURES),
            document=_logistic(raw["document"], DOCUMENT_FEATURES) if "document" in raw else DOCUMENT,
            refuse=_probability(raw["refuse"]),
            post=_probability(raw["post"]),
            provenance=dict(raw["provenance"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"no coefficients of answers ({type(error).__name__}: {error})"
        raise BadInput(problem, place=place, remedy=_REMEDY) from error


def _logistic(row: Mapping[str, Any], known: tuple[str, ...]) -> Logistic:
    if unknown := sorted(set(row["weights"]) - set(known)):
        raise ValueError(f"unknown feature {unknown[0]!r}")
    weights = {str(name): _finite(weight) for name, weight in row["weights"].items()}
    return Logistic(bias=_finite(row["bias"]), weights=weights)


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number")
    return number


def _probability(value: object) -> float:
    number = _finite(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{number} is not between 0 and 1")
    return number
