"""The three classes, from the model's probabilities (Vigil 3.1.1)."""

from __future__ import annotations

from vigilbot.domain import Identification, Scope
from vigilbot.engines.model.shapes import Identified
from vigilbot.text import shorten


def identified(said: Identified, *, threshold: float) -> Identification:
    total = said.within + said.out + said.none
    within, out, none = said.within / total, said.out / total, said.none / total
    unneeded = Scope.OUT if out > none else Scope.NONE
    scope = Scope.WITHIN if within >= threshold else unneeded
    return Identification(scope=scope, within=within, out=out, none=none, reason=shorten(said.reason, 200))
