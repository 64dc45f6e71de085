"""What identification has learned: linear weights over signs and over the message's placement, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vigilbot.errors import BadInput

Numbers = NDArray[np.float64]
FORMAT = 2
_REMEDY = "Train again with: vigilbot train identify FILE.jsonl --out {place}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A probability: logistic(weights · signs + bias), by signs alone or with a placement.

    ``weights`` apply to signs as they are (scaling is folded in). A placement (identify.Placer) says how
    the message is put. With one, ``placed_weights`` and ``placement`` judge together; with another model
    than they were trained on, or for a text in another language, the signs judge alone by ``weights``.
    """

    weights: Numbers
    bias: float
    placed_weights: Numbers  # of the signs beside a placement; empty: trained without
    placement: Numbers  # empty: trained without
    placed_bias: float
    threshold: float

    def probability(self, signs: Numbers, placement: Numbers | None) -> float:
        if placement is not None and self.placement.size:
            logit = float(signs @ self.placed_weights) + float(placement @ self.placement) + self.placed_bias
        else:
            logit = float(signs @ self.weights) + self.bias
        return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, logit))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficients:
    """``within`` against the rest, and ``out`` among the rest; ``provenance`` says what it comes from."""

    names: tuple[str, ...]
    within: Head
    out: Head
    model: str  # that placed the messages; "" when trained on signs alone
    dimensions: int  # of a placement
    provenance: Mapping[str, Any]

    def fits(self, model: str, dimensions: int) -> bool:
        """Whether this model makes the placements these weights were trained on."""
        return bool(self.model) and dimensions == self.dimensions and space(model) == space(self.model)

    @property
    def fingerprints(self) -> frozenset[str]:
        """SHA-256 of the files it was trained on."""
        return frozenset(str(d.get("sha256", "")) for d in self.provenance.get("data", ()))

    def to_json(self) -> str:
        """One value a line where there are few, whole arrays where there are many."""
        rows = {
            "format": FORMAT,
            "provenance": dict(self.provenance),
            "placement": {"model": self.model, "dimensions": self.dimensions},
            "signs": list(self.names),
            "within": _head_json(self.within),
            "out": _head_json(self.out),
        }
        body = ",\n".join(f" {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in rows.items())
        return "{\n" + body + "\n}\n"


def space(model: str) -> str:
    """The name of a model without its owner and its revision: who ships it does not matter."""
    return model.casefold().rsplit("/", 1)[-1].split("@", 1)[0]


def _head_json(head: Head) -> dict[str, Any]:
    return {
        "threshold": round(head.threshold, 3),
        "bias": round(head.bias, 5),
        "weights": [round(float(w), 5) for w in head.weights],
        "placed_bias": round(head.placed_bias, 5),
        "placed_weights": [round(float(w), 5) for w in head.placed_weights],
        "placement": [round(float(w), 5) for w in head.placement],
    }


def shipped() -> Coefficients:
    """The coefficients that come with the package."""
    file = resources.files("vigilbot").joinpath("engines", "extractive", "identify.json")
    return parse(file.read_text(encoding="utf-8"), place="identify.json")


def load(path: Path) -> Coefficients:
    """Coefficients of a file that ``train`` wrote; BadInput when it is none."""
    try:
        return parse(path.read_text(encoding="utf-8"), place=str(path))
    except OSError as error:
        raise BadInput(
            error.strerror or "cannot be read", place=str(path), remedy="Check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput("no UTF-8 text", place=str(path), remedy=_REMEDY.format(place=path)) from error


def parse(text: str, *, place: str) -> Coefficients:
    """Raises BadInput, with ``place``, for anything but what ``to_json`` writes."""
    try:
        raw = json.loads(text)
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']} is not {FORMAT}")
        names, dimensions = tuple(str(n) for n in raw["signs"]), int(raw["placement"]["dimensions"])
        return Coefficients(
            names=names,
            within=_head(raw["within"], signs=len(names), dimensions=dimensions),
            out=_head(raw["out"], signs=len(names), dimensions=dimensions),
            model=str(raw["placement"]["model"]),
            dimensions=dimensions,
            provenance=dict(raw["provenance"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        problem = f"no coefficients of identification ({error})"
        raise BadInput(problem, place=place, remedy=_REMEDY.format(place=place)) from error


def _head(raw: Mapping[str, Any], *, signs: int, dimensions: int) -> Head:
    weights, beside, placement = (_numbers(raw[name]) for name in ("weights", "placed_weights", "placement"))
    if weights.size != signs or (beside.size, placement.size) not in ((0, 0), (signs, dimensions)):
        raise ValueError("the weights do not match the signs or the dimensions")
    rest = _numbers([raw["bias"], raw["placed_bias"], raw["threshold"]])
    return Head(
        weights=weights,
        bias=float(rest[0]),
        placed_weights=beside,
        placement=placement,
        placed_bias=float(rest[1]),
        threshold=float(rest[2]),
    )


def _numbers(values: Sequence[float]) -> Numbers:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not bool(np.isfinite(array).all()):
        raise ValueError("a list of finite numbers is expected")
    return array
