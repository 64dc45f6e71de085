"""The report on the knowledge base as one page that stands alone, like the replay's: no script, no fetch."""

from __future__ import annotations

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from vigilbot.evals.kb_report import CONFIRMED, KbReport
from vigilbot.evals.replay_charts import Bar, Chart, Ink, growth_chart, lead_chart, outcome_chart
from vigilbot.text import clean, shorten

GAPS: Final = 20
_INKS: Final = (Ink.RIGHT, Ink.UNJUDGED, Ink.BEATEN, Ink.HELD, Ink.ABSTAINED)


def kb_page(report: KbReport) -> str:
    """The whole page. Equal reports make equal pages."""
    environment = Environment(
        loader=PackageLoader("vigilbot.evals", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shorten": shorten}
    return environment.get_template("kb_report_page.html").render(_view(report))


def _shown(value: Any) -> Any:
    """What any expression of the template becomes before it is escaped; markup is no plain str."""
    return clean(value) if type(value) is str else value


def _view(report: KbReport) -> dict[str, Any]:
    whole = report.entries + report.chunks
    return {
        "report": report,
        "whole": whole,
        "headline": _headline(report, whole),
        "tiles": _tiles(report, whole),
        "confirmed": [
            (label, ink.name.lower(), dict(report.confirmed)[name])
            for (name, label), ink in zip(CONFIRMED, _INKS, strict=True)
        ],
        "charts": {
            name: {"wide": chart.wide, "narrow": chart.narrow, "alt": chart.alt}
            for name, chart in _charts(report).items()
        },
        "gaps": report.gaps[:GAPS],
    }


def _headline(report: KbReport, whole: int) -> str:
    if not whole:
        return "VigilBot knows nothing yet."
    said = f"VigilBot knows {whole:,} thing{'' if whole == 1 else 's'}"
    return f"{said}, {report.used:,} of which answered somebody."


def _tiles(report: KbReport, whole: int) -> list[tuple[str, str, str]]:
    """A number, what it counts, what it rests on."""
    return [
        (f"{whole:,}", "entries in force", f"{report.chunks:,} of them parts of documents"),
        (_share(report.used, whole), "answered somebody", f"{report.used:,} entries behind a card"),
        (_share(report.believed, whole), "are confirmed", f"{report.believed:,} entries, by whatever means"),
        (f"{len(report.gaps):,}", "subjects nobody answered", "alike questions counted once"),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "\u2013"


def _charts(report: KbReport) -> dict[str, Chart]:
    """Only charts that have something to show."""
    if not (report.entries or report.chunks or report.asked):
        return {}
    days, in_force = report.growth
    made = {
        "growth": growth_chart(
            days,
            in_force,
            report.asked,
            alt=f"Two charts over time. Entries known rise to {in_force[-1]:,}. Below, how many questions "
            "were asked in each period and how many of them got a card.",
        )
    }
    if report.entries or report.chunks:
        parts = [(float(n), ink) for (_, n), ink in zip(report.confirmed, _INKS, strict=True)]
        labels = dict(CONFIRMED)
        bar = Bar(label="All entries", parts=parts, note=f"{report.entries + report.chunks:,}")
        made["confirmed"] = outcome_chart(
            [bar],
            alt="One stacked bar: " + _listed([(labels[name], n) for name, n in report.confirmed]) + ".",
        )
        made["ages"] = lead_chart(
            report.ages, name="ages", alt="Bar chart of entries by age: " + _listed(report.ages) + "."
        )
        made["uses"] = lead_chart(
            report.uses, name="uses", alt="Bar chart of entries by cards: " + _listed(report.uses) + "."
        )
    return made


def _listed(pairs: Any) -> str:
    return ", ".join(f"{label} {n:,}" for label, n in pairs)
