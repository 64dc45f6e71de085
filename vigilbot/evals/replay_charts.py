"""The charts of the replay page: SVG to stand inside HTML, in the colours of the page around it.

Each chart is drawn at two widths, so that it is as readable on a phone as on a sheet of paper. The
library knows only fixed colours, so it draws with stand-ins (``Ink``) that become CSS variables.
Text stays text: the page's font, any script, selectable. Nothing in the output is loaded from
anywhere, and every id is made unique to its chart.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from vigilbot.evals.metrics import OperatingPoint, wilson
from vigilbot.text import shorten

WIDE: Final = 680  # user units, one to a CSS pixel at full size
NARROW: Final = 330
_POINTS: Final = 160  # of a curve: more cannot be told apart
_LABEL: Final = 40


class Ink(StrEnum):
    """Stand-in colours, and the page's variables they become."""

    INK = "#010203"
    MUTED = "#010204"
    RULE = "#010205"
    RIGHT = "#010206"
    WRONG = "#010207"
    UNJUDGED = "#010208"
    BEATEN = "#010209"
    HELD = "#01020a"
    ABSTAINED = "#01020b"
    PAPER = "#01020c"

    @property
    def variable(self) -> str:
        return f"var(--{self.name.lower()})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """The same chart twice; ``alt`` says in words what it shows."""

    wide: str
    narrow: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One point to be seen on the curve. ``marker`` is matplotlib's."""

    coverage: float
    precision: float
    marker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    label: str
    parts: Sequence[tuple[float, Ink]]
    note: str


def curve_chart(curve: Sequence[OperatingPoint], marks: Sequence[Mark], *, answered: str, alt: str) -> Chart:
    """Precision against coverage with its 95% band; ``answered`` names the axis of coverage."""
    step = max(1, len(curve) // _POINTS)
    points = [*curve[:-1:step], *curve[-1:]]

    def draw(figure: Figure, narrow: bool) -> None:
        axes = _axes(figure, bottom=44, left=44)
        x = [p.coverage for p in points]
        bands = [wilson(round((p.precision or 0.0) * p.n), p.n) for p in points]
        lows, highs = [b.low for b in bands], [b.high for b in bands]
        axes.fill_between(x, lows, highs, color=Ink.RIGHT, alpha=0.14, linewidth=0)
        axes.plot(x, [p.precision or 0.0 for p in points], color=Ink.RIGHT, linewidth=1.8)
        for mark in marks:
            axes.plot(
                [mark.coverage], [mark.precision], mark.marker, color=Ink.INK, markersize=10,
                markeredgecolor=Ink.PAPER, markeredgewidth=1.5, zorder=5, clip_on=False,
            )  # fmt: skip
        far = max([*x, *(m.coverage for m in marks), 0.1])
        axes.set(xlim=(0, min(1.0, far * 1.06)), ylim=(0, 1.0))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 10, steps=[1, 2, 5, 10]))
        axes.set_xlabel(answered, loc="right")
        _caption(axes, "right")
        axes.grid(axis="y", color=Ink.RULE, linewidth=0.8)

    return _chart("curve", draw, alt=alt, height=330, narrow_height=270)


def reliability_chart(lines: Sequence[tuple[Sequence[tuple[float, float, int]], Ink]], *, alt: str) -> Chart:
    """The share right against the confidence: points (confidence, right, answers), a line for each way of
    judging. On the diagonal a confidence is true; the size of a point tells how many answers it rests on."""

    def draw(figure: Figure, narrow: bool) -> None:
        axes = _axes(figure, bottom=44, left=44)
        axes.plot([0, 1], [0, 1], color=Ink.MUTED, linewidth=0.8, linestyle=":")
        for number, (points, ink) in enumerate(lines):
            x, y = [p[0] for p in points], [p[1] for p in points]
            sizes = [14 + 1.6 * p[2] for p in points]
            axes.plot(x, y, color=ink, linewidth=1.2, linestyle=(0, (5, 3)) if number else "-")
            axes.scatter(x, y, s=sizes, color=ink, edgecolor=Ink.PAPER, linewidth=1.0, zorder=4 - number)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("confidence", loc="right")
        _caption(axes, "right")
        axes.grid(axis="y", color=Ink.RULE, linewidth=0.8)

    return _chart("reliability", draw, alt=alt, height=330, narrow_height=270)


def lead_chart(bars: Sequence[tuple[str, int]], *, alt: str, name: str = "lead") -> Chart:
    """How many there are of each class, such as cards by how long before the human they came.

    ``name`` is unique on its page.
    """

    def draw(figure: Figure, narrow: bool) -> None:
        axes = _axes(figure, bottom=40 if narrow else 28, left=4, top=26)
        at = range(len(bars))
        axes.bar(at, [n for _, n in bars], color=Ink.RIGHT, width=0.72)
        highest = max((n for _, n in bars), default=0) or 1
        for i, (_, n) in enumerate(bars):
            axes.text(i, n + highest * 0.025, f"{n:,}", ha="center", va="bottom", color=Ink.INK)
        axes.set_xticks(at, [_stacked(label) if narrow else label for label, _ in bars])
        axes.set(yticks=[], ylim=(0, highest * 1.02))

    return _chart(name, draw, alt=alt, height=240, narrow_height=210)


def growth_chart(
    days: Sequence[date],
    in_force: Sequence[int],
    asked: Sequence[tuple[datetime, int, int]],
    *,
    alt: str,
) -> Chart:
    """Above, entries in force by day; below, by period, questions asked and those that got a card.

    ``asked`` has a period's beginning, its questions and its cards; periods are equally long.
    """

    def draw(figure: Figure, narrow: bool) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _place(figure, bottom=30, left=44, top=24, hspace=0.42)
        for axes in (upper, lower):
            _bare(axes)
            axes.grid(axis="y", color=Ink.RULE, linewidth=0.8)
            axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        x: list[Any] = list(days)
        upper.fill_between(x, in_force, step="post", color=Ink.RIGHT, alpha=0.14, linewidth=0)
        upper.step(x, in_force, where="post", color=Ink.RIGHT, linewidth=1.8)
        upper.set_ylim(bottom=0)
        _caption(upper, "entries known")
        if asked:
            starts: list[Any] = [start for start, _, _ in asked]
            width = (starts[1] - starts[0]) * 0.86 if len(starts) > 1 else 1.0
            lower.bar(starts, [n for _, n, _ in asked], width=width, align="edge", color=Ink.ABSTAINED)
            lower.bar(starts, [n for _, _, n in asked], width=width, align="edge", color=Ink.RIGHT)
        _caption(lower, "questions asked, and those that got a card")
        places = AutoDateLocator(minticks=3, maxticks=4 if narrow else 8)  # type: ignore[no-untyped-call]
        lower.xaxis.set_major_locator(places)
        written = ConciseDateFormatter(places, show_offset=False)  # type: ignore[no-untyped-call]
        lower.xaxis.set_major_formatter(written)

    return _chart("growth", draw, alt=alt, height=400, narrow_height=340)


def ablation_chart(
    questions: Sequence[int], lines: Sequence[tuple[Sequence[float], Ink]], *, warm_up: int, alt: str
) -> Chart:
    """After so many questions, the share of them that got a correct card, a line a variant."""

    def draw(figure: Figure, narrow: bool) -> None:
        axes = _axes(figure, bottom=44, left=44)
        axes.axvline(warm_up, color=Ink.MUTED, linewidth=0.8, linestyle=":")
        for number, (shares, ink) in enumerate(lines):  # broken where it lies upon the first
            style = (0, (5, 3)) if number else "-"
            axes.plot(questions, shares, color=ink, linewidth=1.8, linestyle=style)
        axes.set(xlim=(0, max(questions, default=1)), ylim=(0, None))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
        axes.set_xlabel("questions so far", loc="right")
        _caption(axes, "with a correct card")
        axes.grid(axis="y", color=Ink.RULE, linewidth=0.8)

    return _chart("ablation", draw, alt=alt, height=300, narrow_height=250)


def sweep_chart(
    thetas: Sequence[float],
    lines: Sequence[tuple[Sequence[float], Ink]],
    marks: Sequence[tuple[float, str]],
    *,
    alt: str,
) -> Chart:
    """Shares at every threshold, a line each; ``marks`` are thresholds with their names."""

    def draw(figure: Figure, narrow: bool) -> None:
        axes = _axes(figure, bottom=44, left=44)
        for shares, ink in lines:
            axes.plot(thetas, shares, color=ink, linewidth=1.8)
        for row, (theta, name) in enumerate(marks):
            axes.axvline(theta, color=Ink.MUTED, linewidth=0.8, linestyle=":")
            axes.text(
                theta, 0.02 + 0.07 * row, f" {name}", color=Ink.INK, ha="right" if theta > 0.7 else "left"
            )
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 10, steps=[1, 2, 5, 10]))
        axes.set_xlabel("theta", loc="right")
        axes.grid(axis="y", color=Ink.RULE, linewidth=0.8)

    return _chart("sweep", draw, alt=alt, height=330, narrow_height=270)


def outcome_chart(bars: Sequence[Bar], *, alt: str) -> Chart:
    """One bar of shares a row, its label above it: room for any script at any width."""

    def draw(figure: Figure, narrow: bool) -> None:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 1), ylim=(len(bars), -0.02))
        axes.axis("off")
        for row, bar in enumerate(bars):
            whole, left = sum(n for n, _ in bar.parts), 0.0
            for n, ink in bar.parts:
                share = n / whole if whole else 0.0
                if share:
                    axes.barh(
                        row + 0.64, share, left=left, height=0.38, color=ink,
                        edgecolor=Ink.PAPER, linewidth=0.8,
                    )  # fmt: skip
                left += share
            label = shorten(bar.label, _LABEL // 2 if narrow else _LABEL)
            weight = "bold" if row == 0 else "normal"
            axes.text(0, row + 0.34, label, color=Ink.INK, fontweight=weight, parse_math=False)
            axes.text(1, row + 0.34, bar.note, color=Ink.MUTED, ha="right", parse_math=False)

    height = 46 * len(bars) + 4
    return _chart("outcomes", draw, alt=alt, height=height, narrow_height=height)


def _stacked(label: str) -> str:
    """A duration in two lines, the unit below."""
    return "\n".join(label.replace(" to ", "\u2013").rsplit(" ", 1))


def _axes(figure: Figure, *, bottom: float, left: float, top: float = 30) -> Axes:
    axes = figure.add_subplot()
    _place(figure, bottom=bottom, left=left, top=top)
    _bare(axes)
    return axes


def _place(figure: Figure, *, bottom: float, left: float, top: float, hspace: float = 0.0) -> None:
    """Margins in user units, the same on every screen."""
    width, height = figure.get_size_inches() * 72
    figure.subplots_adjust(
        left=left / width, right=1 - 10 / width, bottom=bottom / height, top=1 - top / height, hspace=hspace
    )


def _bare(axes: Axes) -> None:
    """Without frame and ticks: only the line on which things stand."""
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(Ink.MUTED)
    axes.tick_params(length=0, pad=6, colors=Ink.MUTED)
    axes.xaxis.label.set_color(Ink.MUTED)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)


def _caption(axes: Axes, text: str) -> None:
    """What the vertical axis counts, written across instead of upwards."""
    axes.set_title(text, loc="left", color=Ink.MUTED, fontsize=12, pad=9)


def _chart(
    name: str, draw: Callable[[Figure, bool], None], *, alt: str, height: int, narrow_height: int
) -> Chart:
    return Chart(
        wide=_drawn(f"{name}-w", draw, width=WIDE, height=height, narrow=False),
        narrow=_drawn(f"{name}-n", draw, width=NARROW, height=narrow_height, narrow=True),
        alt=alt,
    )


def _drawn(name: str, draw: Callable[[Figure, bool], None], *, width: int, height: int, narrow: bool) -> str:
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 12,
        "font.family": "DejaVu Sans",
    }
    out = io.StringIO()
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a script its own font cannot draw: the page's can
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        figure.patch.set_visible(False)
        draw(figure, narrow)
        FigureCanvasSVG(figure).print_svg(out)  # type: ignore[no-untyped-call]
    return _inline(out.getvalue(), name)


_AROUND = re.compile(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL)
_BOX = re.compile(r"<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>")
_TAG = re.compile(r"<[^>]*>")  # in XML as matplotlib writes it, > stands nowhere else
_COLOUR = re.compile("|".join(ink.value for ink in Ink))


def _inline(drawn: str, name: str) -> str:
    """The svg element alone; people's words in it stay as they are, only tags are changed."""

    def tag(found: re.Match[str]) -> str:
        text = re.sub(r'<g id="[^"]*"', "<g", found[0])
        text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
        text = re.sub(r'font-family: [^;"]*', "font-family: inherit", text)
        return _COLOUR.sub(lambda m: Ink(m[0]).variable, text)

    body = _AROUND.sub("", drawn[drawn.index("<svg") :])
    body = _TAG.sub(tag, _BOX.sub(r'<svg \1 aria-hidden="true" focusable="false">', body, count=1))
    return re.sub(r"\n\s*", "\n", body).strip()
