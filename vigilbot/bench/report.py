"""What was measured, as JSON and as the tables and charts of a document.

The document keeps its own words: only what stands between ``<!-- bench:PART -->`` and
``<!-- /bench:PART -->`` is written anew, and only of parts that were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from vigilbot.bench import Bars, Demand, Figure, Part, Section
from vigilbot.bench.machine import Machine
from vigilbot.errors import BadInput

_WIDE: Final = 44  # characters of the longest bar
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    at: datetime
    machine: Machine
    sections: tuple[Section, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """What has something to show: neither skipped as a whole nor failed."""
        told = (s.part for s in self.sections if not s.skipped and not s.failed)
        return tuple(dict.fromkeys(told))

    @property
    def failed(self) -> tuple[Section, ...]:
        return tuple(section for section in self.sections if section.failed)


def to_json(report: Report) -> dict[str, Any]:
    sections = []
    for section in report.sections:
        figures = [{**asdict(f), "ratio": f.ratio, "met": f.met} for f in section.figures]
        sections.append({**asdict(section), "figures": figures})
    return {
        "at": report.at.isoformat(timespec="seconds"),
        "machine": asdict(report.machine),
        "sections": sections,
    }


def markdown(report: Report, part: Part) -> str:
    """The sections of one part, for a document."""
    lines = [f"Measured on {report.at:%d %B %Y}: {report.machine.line}."]
    for section in report.sections:
        if section.part is part:
            lines += ["", *_of_section(section)]
    return "\n".join(lines)


def summary(report: Report, took: Mapping[Part, float]) -> str:
    """Every aim with met or missed, what was skipped or failed, and the seconds of each part."""
    aims = [(section, f) for section in report.sections for f in section.figures if f.met is not None]
    lines = [f"{sum(bool(f.met) for _, f in aims)} of {len(aims)} aims are met."]
    for section, figure in aims:
        said = f"{_judged(figure)}, {_wanted(figure).partition(':')[0]}"
        lines.append(f"  {'met   ' if figure.met else 'MISSED'}  {section.title}: {figure.name}: {said}")
    lines += [f"  skipped {s.title}: {s.skipped}" for s in report.sections if s.skipped]
    lines += [f"  FAILED  {s.title}: {s.failed}" for s in report.failed]
    spent = ", ".join(f"{part} {clock(seconds)}" for part, seconds in took.items())
    return "\n".join([*lines, f"In {clock(sum(took.values()))}: {spent}."])


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def place_of(part: Part, document: str, *, name: str = "the document") -> tuple[int, int]:
    """From where to where the tables of a part stand. BadInput when they have no place."""
    opening, closing = f"<!-- bench:{part} -->", f"<!-- /bench:{part} -->"
    first = document.find(opening)
    last = document.find(closing, first)
    if first < 0 or last < 0:
        raise BadInput(
            f"{name} has no place for {part}",
            place=f"{opening} ... {closing}",
            remedy="Put these two lines where its tables belong",
        )
    return first + len(opening), last


def written_into(document: str, report: Report) -> str:
    """The document with the parts that were measured in their places. Raises BadInput."""
    for part in report.parts:
        first, last = place_of(part, document)
        document = f"{document[:first]}\n\n{markdown(report, part)}\n\n{document[last:]}"
    return document


def _of_section(section: Section) -> list[str]:
    lines = [f"### {section.title}", ""]
    if section.skipped:
        return [*lines, f"Skipped: {section.skipped}."]
    if section.failed:
        return [*lines, f"**Failed**: {section.failed}."]
    took = f" ({section.seconds:.0f} s)" if section.seconds else ""
    lines += [f"{section.ran_on.rstrip('.')}.{took}", ""]
    lines += _table(section.figures)
    for chart in section.charts:
        if chart.bars:
            lines += ["", *_drawn(chart)]
    if section.notes:
        lines += ["", *section.notes]
    return lines


def _table(figures: Sequence[Figure]) -> list[str]:
    """Only the columns that say something."""
    head = ["what", "measured", "n"]
    compared = any(f.baseline is not None for f in figures)
    demanded = any(f.demand is not None for f in figures)
    head += ["beside it", "ratio"] if compared else []
    head += ["wanted"] if demanded else []
    lines = [_row(head), "|---" * len(head) + "|"]
    for figure in figures:
        cells = [figure.name, _told(figure), f"{figure.n:,}"]
        if compared:
            beside = "" if figure.baseline is None else _number(figure.baseline, figure.unit)
            cells += [f"{beside} {figure.against}".strip() if beside else ""]
            cells += [f"{figure.ratio:.2f}" if figure.ratio is not None else ""]
        if demanded:
            cells += [_wanted(figure)]
        lines.append(_row(cells))
    return lines


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _told(figure: Figure) -> str:
    value = "-" if figure.value is None else _number(figure.value, figure.unit)
    return f"{value} ({figure.note})" if figure.note else value


def _judged(figure: Figure) -> str:
    """What the demand is held against."""
    if figure.demand_on_ratio and figure.ratio is not None:
        return f"{figure.ratio:.2f} times {figure.against}"
    return _told(figure)


def _wanted(figure: Figure) -> str:
    demand: Demand | None = figure.demand
    if demand is None:
        return ""
    limit = f"{demand.limit:g} times" if figure.demand_on_ratio else _number(demand.limit, figure.unit)
    return f"{'at most' if demand.at_most else 'at least'} {limit}: {'yes' if figure.met else '**no**'}"


def _number(value: float, unit: str) -> str:
    """Three digits that mean something."""
    if value == int(value) and abs(value) < 1e6:
        text = f"{int(value):,}"
    elif abs(value) >= 100:
        text = f"{value:,.0f}"
    elif abs(value) >= 10:
        text = f"{value:.1f}"
    else:
        text = f"{value:.3f}" if not unit else f"{value:.2f}"
    return f"{text} {unit}".strip()


def _drawn(chart: Bars) -> list[str]:
    """A chart as text, which every reader of the document can show."""
    longest = max(value for _, value in chart.bars) or 1.0
    label = max(len(name) for name, _ in chart.bars)
    lines = ["```text", chart.title]
    for name, value in chart.bars:
        lines.append(f"{name:<{label}}  {_bar(value / longest)} {_number(value, chart.unit)}")
    return [*lines, "```"]


def _bar(share: float) -> str:
    eighths = round(max(0.0, share) * _WIDE * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip() or "▏"
