"""What the first filter would spare and lose, on labelled messages (pipeline.first).

A threshold is only worth what it does among strangers: each source is judged at the threshold that its
fellow sources alone would choose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vigilbot.evals.metrics import wilson

MOST_LOST: Final = 0.02  # of the messages within
_SHOWN: Final = (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)
_BAR: Final = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A labelled message and the probability of ``within`` it was given."""

    source: str
    within: bool
    probability: float


def figures(asked: Sequence[Asked]) -> dict[str, Any]:
    """``below`` is the highest threshold that loses at most MOST_LOST of all; ``chosen`` says what such
    thresholds do in sources that had no say in them; ``curve`` is over all messages."""
    sources = sorted({each.source for each in asked})
    rows = []
    for source in sources:
        below = highest([each for each in asked if each.source != source])
        own = [each for each in asked if each.source == source]
        rows.append({"source": source, "below": round(below, 4), **_shares(own, below)})
    spared = sum(row["spared"] for row in rows)
    missed = sum(row["missed"] for row in rows)
    needed = sum(each.within for each in asked)
    return {
        "most_lost": MOST_LOST,
        "below": round(highest(asked), 4),
        "chosen": {
            "saved": _share(spared, len(asked)),
            "saved_interval": _interval(spared, len(asked)),
            "lost": _share(missed, needed),
            "lost_interval": _interval(missed, needed),
            "sources": rows,
        },
        "curve": [{"below": below, **_shares(asked, below)} for below in _SHOWN],
    }


def highest(asked: Sequence[Asked]) -> float:
    """The highest threshold below which at most MOST_LOST of the messages within lie; 1 without any."""
    needed = sorted(each.probability for each in asked if each.within)
    return needed[math.floor(MOST_LOST * len(needed))] if needed else 1.0


def _shares(asked: Sequence[Asked], below: float) -> dict[str, Any]:
    spared = [each for each in asked if each.probability < below]
    missed = sum(each.within for each in spared)
    return {
        "spared": len(spared),
        "missed": missed,
        "saved": _share(len(spared), len(asked)),
        "lost": _share(missed, sum(each.within for each in asked)),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def _interval(part: int, whole: int) -> list[float]:
    interval = wilson(part, whole)
    return [round(interval.low, 4), round(interval.high, 4)]


def render(found: Mapping[str, Any]) -> list[str]:
    """The curve as lines of plain text: beside each threshold a bar of what is saved and what is lost."""
    lines = ["", "First filter: model calls saved, and messages within that would be lost"]
    lines.append(f"{'below':>7}{'saved':>8}{'lost':>8}")
    for row in found["curve"]:
        bar = "█" * round(_BAR * row["saved"]) + "░" * math.ceil(_BAR * row["lost"])
        lines.append(f"{row['below']:>7.2f}{row['saved']:>8.1%}{row['lost']:>8.1%}  {bar}")
    lines.append("█ share of all messages that cost no call, ░ share of the messages within that are lost")
    for row in found["chosen"]["sources"]:
        lines.append(
            f"{row['source']}: at {row['below']:.3f}, chosen on the others, {row['saved']:.1%} saved,"
            f" {row['lost']:.1%} lost"
        )
    chosen = found["chosen"]
    saved, lost = (
        f"{chosen[key]:.1%} ({chosen[key + '_interval'][0]:.1%} to {chosen[key + '_interval'][1]:.1%})"
        for key in ("saved", "lost")
    )
    lines.append(f"together: {saved} saved, {lost} lost; chosen on all of them: {found['below']:.3f}")
    return lines
