"""The replay report as one HTML page that stands alone: no script, nothing fetched, nothing left out.

People's words reach the page through autoescaping, without control and bidi characters, and only
http(s) links become links. The page's own policy forbids every fetch, should anything slip through.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from vigilbot.evals import replay_findings as findings
from vigilbot.evals.ablation import FULL, NO_LEARNING, NO_REVIEW, VARIANTS
from vigilbot.evals.ablation_show import HEADINGS, NAMES, NOTE, ablation_lines, ablation_rows
from vigilbot.evals.metrics import percentile, wilson
from vigilbot.evals.replay_charts import (
    Bar,
    Chart,
    Ink,
    Mark,
    ablation_chart,
    curve_chart,
    growth_chart,
    lead_chart,
    outcome_chart,
    reliability_chart,
)
from vigilbot.evals.replay_findings import Channel
from vigilbot.evals.replay_records import ReplayRecords
from vigilbot.evals.replay_report import JudgedCard, ReplayReport
from vigilbot.evals.replay_terminal import duration, remarks, terms
from vigilbot.text import clean, shorten

CARDS: Final = 10  # best, and as many worst
GAPS: Final = 15
CHANNELS: Final = 12
LEARNED: Final = 8
_ANSWER: Final = 900  # characters of a card shown
_QUESTION: Final = 420

FATES: Final = (
    ("right", Ink.RIGHT, "card, right"),
    ("unjudged", Ink.UNJUDGED, "card, nobody can tell"),
    ("wrong", Ink.WRONG, "card, wrong"),
    ("beaten", Ink.BEATEN, "a human was faster"),
    ("held", Ink.HELD, "had an answer, not sure enough"),
    ("abstained", Ink.ABSTAINED, "knew nothing that fits"),
)
_LINES: Final = {FULL: Ink.RIGHT, NO_REVIEW: Ink.BEATEN, NO_LEARNING: Ink.WRONG}
_JUDGING: Final = {"told": Ink.RIGHT, "engine": Ink.BEATEN}
_AIMS: Final = (("o", "●"), ("D", "◆"))  # one for each of TARGETS


def replay_page(report: ReplayReport) -> str:
    """The whole page. Equal reports make equal pages."""
    environment = Environment(
        loader=PackageLoader("vigilbot.evals", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "shorten": shorten, "clip": clip, "percent": _percent}
    return environment.get_template("replay_page.html").render(_view(report))


def clip(text: str, limit: int) -> str:
    """At most ``limit`` characters with the line breaks they came with, ending in "…" when cut."""
    known = re.sub(r"\n\s*\n\s*", "\n\n", clean(text[: limit * 4])).strip()
    if len(known) <= limit:
        return known if len(text) <= limit * 4 else known + "…"
    return known[:limit].rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"


def _shown(value: Any) -> Any:
    """What any expression of the template becomes before it is escaped; markup is no plain str."""
    return clean(value) if type(value) is str else value


def _percent(value: float | None, digits: int = 0) -> str:
    return "\u2013" if value is None else f"{value:.{digits}%}"


def _view(report: ReplayReport) -> dict[str, Any]:
    records, cards = report.records, report.cards
    channels = findings.channels(report)
    return {
        "figures": report.figures,
        "records": records,
        "version": _version(),
        "period": _period(report),
        "headline": findings.headline(report),
        "tiles": _tiles(report),
        "fates": [(name, label) for name, _, label in FATES],
        "channels": channels,
        "best": [_card(c) for c in findings.best(cards, CARDS)],
        "worst": [_card(c) for c in findings.worst(cards, CARDS)],
        "right": sum(c.right is True for c in cards),
        "wrong": sum(c.right is False for c in cards),
        "gaps": findings.gaps(records.questions)[:GAPS],
        "gap_count": len(findings.gaps(records.questions)),
        "learned": sorted(records.learned, key=lambda e: -e.support)[:LEARNED],
        "marks": _marks(report),
        "charts": {
            name: {"wide": chart.wide, "narrow": chart.narrow, "alt": chart.alt}
            for name, chart in _charts(report, channels).items()
        },
        "leads": findings.lead_classes(cards),
        "ablation": _ablation(report.figures["ablation"]),
        "call_ms": _call_ms(records),
        "remarks": remarks(report),
        "terms": terms(report.figures),
    }


def _ablation(figures: Any) -> dict[str, Any] | None:
    if not figures:
        return None
    return {
        "said": ablation_lines(figures),
        "headings": HEADINGS,
        "note": NOTE,
        "rows": ablation_rows(figures),
        "meant": [(NAMES[name], VARIANTS[name]) for name in figures["variants"]],
        "key": [(ink.name.lower(), NAMES[name]) for name, ink in _LINES.items()],
    }


def _ablation_chart(figures: Any) -> Chart:
    curve = figures["curve"]
    said = "; ".join(f"{NAMES[name]} {curve[name][-1]:.1%}" for name in _LINES)
    return ablation_chart(
        curve["questions"],
        [(curve[name], ink) for name, ink in _LINES.items()],
        warm_up=max(curve["questions"]) - figures["questions"],
        alt=f"Line chart over time of the share of questions with a correct card. At the end: {said}.",
    )


def _call_ms(records: ReplayRecords) -> tuple[float, float] | None:
    ms = records.model_use.ms if records.model_use else ()
    half, most = percentile(ms, 0.5), percentile(ms, 0.95)
    return None if half is None or most is None else (half, most)


def _version() -> str:
    try:
        return version("vigilbot")
    except PackageNotFoundError:
        return ""


def _period(report: ReplayReport) -> str:
    first, last = report.records.first_at, report.records.last_at
    days = max(1, (last - first).days)
    return f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}, {days:,} day{'' if days == 1 else 's'}"


def _tiles(report: ReplayReport) -> list[tuple[str, str, str]]:
    """The four figures that matter: a number, what it counts, what it rests on."""
    figures, cards = report.figures, report.cards
    reached, total = findings.reached(report)
    judged = [c for c in cards if c.right is not None]
    right = sum(c.right is True for c in judged)
    span = wilson(right, len(judged))
    lead, known = figures["lead_seconds"], figures["knowledge"]
    return [
        (
            _percent(reached / total if total else None),
            "of conversations got a card",
            f"{reached:,} of {total:,}",
        ),
        (
            _percent(right / len(judged) if judged else None),
            "of the cards were right",
            f"{right:,} of {len(judged):,} that can be checked; 95% sure between "
            f"{span.low:.0%} and {span.high:.0%}"
            if judged
            else "no card can be checked",
        ),
        (
            duration(lead["p50"]) if lead["n"] else "\u2013",
            "ahead of the human, or more, for half of the cards",
            f"{lead['n']:,} card{'' if lead['n'] == 1 else 's'} that a human answered later",
        ),
        (
            f"{known['qa']:,}",
            "answers learned" if known["qa"] != 1 else "answer learned",
            "from your team\u2019s own replies; it began with none",
        ),
    ]


def _card(judged: JudgedCard) -> dict[str, Any]:
    card = judged.card
    human = clip(card.human_text, _ANSWER)
    told = judged.right or judged.instead == card.human_text  # shown already
    instead = "" if told else judged.instead
    return {
        "channel": card.channel_name or card.channel,
        "at": card.at,
        "confidence": card.confidence,
        "lead": duration(judged.lead_seconds) if judged.lead_seconds is not None else "",
        "late": judged.late,
        "question": clip(card.question, _QUESTION),
        "text": clip(card.text, _ANSWER),
        "sources": [findings.source(c.url, c.title) for c in card.sources],
        "human": human,
        "instead": findings.source(instead, "") if instead else None,
        "nearness": card.similarity,
    }


def _marks(report: ReplayReport) -> list[dict[str, Any]]:
    """The honest points: what was posted, and thresholds chosen from the past alone."""
    aims = findings.online(report).items()
    marks = [
        {"said": f"aiming at {float(target):.0%}", "sign": sign, "marker": marker, "point": point}
        for (target, point), (marker, sign) in zip(aims, _AIMS, strict=True)
    ]
    if (posted := findings.posted(report)) is not None:
        marks.append({"said": "cards really posted", "sign": "■", "marker": "s", "point": posted})
    return marks


def _charts(report: ReplayReport, channels: Sequence[Channel]) -> dict[str, Chart]:
    """Only charts that have something to show."""
    made: dict[str, Chart] = {}
    if bars := _bars(channels):
        made["outcomes"] = outcome_chart(bars, alt=_outcomes_alt(channels))
    if points := findings.curve(report):
        made["curve"] = curve_chart(
            points,
            [
                Mark(coverage=m["point"].coverage, precision=m["point"].precision, marker=m["marker"])
                for m in _marks(report)
                if m["point"].n
            ],
            answered="answered",
            alt=f"Line chart of precision against coverage: {points[0].precision or 0:.0%} right when "
            f"{points[0].coverage:.0%} are answered, {points[-1].precision or 0:.0%} right when "
            f"{points[-1].coverage:.0%} are.",
        )
    if known := report.figures["calibration"]:
        made["reliability"] = _reliability(known)
    leads = findings.lead_classes(report.cards)
    if any(n for _, n in leads):
        made["lead"] = lead_chart(
            leads, alt="Bar chart of cards by lead over the human: " + _listed(leads) + "."
        )
    if report.figures["ablation"] and report.figures["ablation"]["curve"]["questions"]:
        made["ablation"] = _ablation_chart(report.figures["ablation"])
    if report.records.growth or report.records.questions:
        days, in_force = findings.growth(report.records)
        made["growth"] = growth_chart(
            days,
            in_force,
            findings.periods(report.records),
            alt=f"Two charts over time. Entries known rise from none to {in_force[-1]:,}. Below, how many "
            "questions were asked in each period and how many of them got a card.",
        )
    return made


def _reliability(known: Any) -> Chart:
    lines = [
        ([(b["confidence"], b["right"], b["n"]) for b in known[name]["bins"]], ink)
        for name, ink in _JUDGING.items()
    ]
    said = _listed(
        [(f"{b['right']:.0%} right at {b['confidence']:.0%}:", b["n"]) for b in known["told"]["bins"]]
    )
    return reliability_chart(lines, alt=f"Share of right answers by confidence, with their number: {said}.")


def _bars(channels: Sequence[Channel]) -> list[Bar]:
    """A bar for everything together, then one a channel; the smallest channels share the last one."""
    if not channels:
        return []
    shown = list(channels)
    if len(shown) > CHANNELS:
        rest = shown[CHANNELS - 1 :]
        shown = [*shown[: CHANNELS - 1], findings.together(f"{len(rest)} smaller channels", rest)]
    if len(channels) > 1:
        shown = [findings.together("All channels", channels), *shown]
    return [
        Bar(
            label=channel.name,
            parts=[(channel.fates[name], ink) for name, ink, _ in FATES],
            note=f"{channel.total:,}",
        )
        for channel in shown
    ]


def _outcomes_alt(channels: Sequence[Channel]) -> str:
    whole = findings.together("", channels)
    said = _listed([(label, whole.fates[name]) for name, _, label in FATES])
    return f"Stacked bars by channel. Of {whole.total:,} questions: {said}."


def _listed(pairs: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{label} {n:,}" for label, n in pairs)
