"""What ``vigilbot bench`` measures, as values; ``bench.report`` writes them down.

A part of the benchmark is a module with ``async def measure(..., progress) -> list[Section]``. It measures
anew each time it is called; nothing is kept between two runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np


class Progress(Protocol):
    """Shows how far a long piece of work has come."""

    def phase(self, title: str, total: int) -> AbstractContextManager[Callable[[int], None]]: ...


class Part(StrEnum):
    """What can be measured by itself; the order in which all of it is."""

    LATENCY = "latency"
    THROUGHPUT = "throughput"
    RETRIEVAL = "retrieval"
    IDENTIFY = "identify"
    REPLAY = "replay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What a figure is meant to reach: a limit it may not pass, upwards or downwards."""

    limit: float
    at_most: bool = True

    def met(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One measured number. ``baseline`` was measured in the same run and has the same unit."""

    name: str
    value: float | None  # None: nothing came of it, and ``note`` says why
    unit: str = ""  # "ms", "s", "MB"; "" for a share or a score
    n: int  # of what was counted
    baseline: float | None = None
    against: str = ""  # what the baseline is
    demand: Demand | None = None
    demand_on_ratio: bool = False  # the demand is for ``ratio``, not for ``value``
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value in terms of its baseline."""
        if self.value is None or not self.baseline:
            return None
        return self.value / self.baseline

    @property
    def met(self) -> bool | None:
        """Whether the demand is met; None without a demand."""
        if self.demand is None:
            return None
        judged = self.ratio if self.demand_on_ratio else self.value
        return judged is not None and self.demand.met(judged)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """A chart of labelled values of one unit, the smallest possible being 0."""

    title: str
    bars: tuple[tuple[str, float], ...]
    unit: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Figures measured together, and on what."""

    part: Part
    title: str
    ran_on: str  # data and conditions, a sentence or two; names of files without their folder
    figures: tuple[Figure, ...] = ()
    charts: tuple[Bars, ...] = ()
    notes: tuple[str, ...] = ()  # lines below the table
    seconds: float = 0.0  # what measuring took
    skipped: str = ""  # why nothing was measured; then there are no figures
    failed: str = ""  # what went wrong while it was measured; then there are none either


def spread(
    name: str,
    values: Sequence[float],
    *,
    unit: str,
    baseline: Sequence[float] = (),
    against: str = "",
    demands: dict[int, Demand] | None = None,
    demand_on_ratio: bool = False,
    percentiles: tuple[int, ...] = (50, 99),
) -> tuple[Figure, ...]:
    """A figure a percentile of ``values``, each against the same percentile of ``baseline``."""
    return tuple(
        Figure(
            name=f"{name}, p{p}",
            value=percentile(values, p) if values else None,
            unit=unit,
            n=len(values),
            baseline=percentile(baseline, p) if baseline else None,
            against=against,
            demand=(demands or {}).get(p),
            demand_on_ratio=demand_on_ratio,
            note="" if values else "none measured",
        )
        for p in percentiles
    )


def percentile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(np.asarray(values, dtype=np.float64), percent))
