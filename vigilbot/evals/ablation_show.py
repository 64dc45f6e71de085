"""An ablation's figures for people: a table, and over time a line a variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from vigilbot.evals.ablation import FULL, VARIANTS

NAMES: Final[Mapping[str, str]] = {
    "full": "full",
    "no_review": "without review",
    "no_learning": "without learning",
}
_TICKS: Final = "▁▂▃▄▅▆▇█"


def ablation_lines(figures: Mapping[str, Any]) -> str:
    """What is compared."""
    until = datetime.fromisoformat(figures["warm_up"])
    return (
        f"{figures['questions']:,} questions within scope in {figures['conversations']:,} conversations, "
        f"asked after the warm-up, which ended on {until:%d %b %Y}. Nobody clicked Accept, and no click was "
        "invented."
    )


def ablation_rows(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """By variant the cells under HEADINGS; in a second line what the full bot has more."""
    rows: list[tuple[str, ...]] = []
    for name, found in figures["variants"].items():
        less = figures["differences"].get(name, {})
        cells = (
            ("correct_share", f"{found['correct']:,} ({_share(found['correct_share'])})"),
            ("precision", f"{_share(found['precision'])} of {found['judged']:,}"),
            ("coverage", _share(found["coverage"])),
        )
        told = [f"{cell}\n{_less(less[key])}" if key in less else cell for key, cell in cells]
        rows.append((NAMES[name], f"{found['posted']:,}", *told))
    return rows


NOTE: Final = (
    "Below a figure: what the full bot has more, in percentage points, with the 95% interval, drawn by "
    "conversation."
)
HEADINGS: Final = (
    "variant",
    "cards",
    "correct of all questions",
    "right of those judged",
    "got a card",
)


def ablation_part(figures: Mapping[str, Any]) -> RenderableType:
    table = Table()
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in ablation_rows(figures):
        table.add_row(*map(Text, row))
    curve = figures["curve"]
    highest = max((n or 0.0 for name in figures["variants"] for n in curve[name]), default=0.0)
    lines = Table(box=None, show_header=False)
    for name in figures["variants"]:
        last = curve[name][-1] if curve[name] else None
        lines.add_row(Text(NAMES[name]), Text(sparkline(curve[name], highest)), Text(_share({"value": last})))
    meant = "\n".join(f"{NAMES[name]}: {VARIANTS[name]}" for name in figures["variants"] if name != FULL)
    return Group(
        Text("What learning and review are worth", style="bold"),
        Text(ablation_lines(figures)),
        table,
        Text(f"{NOTE}\n{meant}"),
        Text("Share of questions so far that got a correct card, from the first question to the last:"),
        lines,
    )


def sparkline(values: Sequence[float | None], highest: float) -> str:
    """One sign a value, from nothing to ``highest``; a blank where there is no value."""
    if not highest:
        return "".join(" " if value is None else _TICKS[0] for value in values)
    top = len(_TICKS) - 1
    return "".join(" " if value is None else _TICKS[round(value / highest * top)] for value in values)


def _share(ranged: Mapping[str, float | None]) -> str:
    value = ranged["value"]
    return "-" if value is None else f"{value:.1%}"


def _less(ranged: Mapping[str, float | None]) -> str:
    value, low, high = ranged["value"], ranged["low"], ranged["high"]
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
