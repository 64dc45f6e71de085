"""Theta for people: the sweep as a table with bars, and as one page that stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from vigilbot.evals.replay_charts import Ink, sweep_chart
from vigilbot.text import clean

_BAR: Final = 30
_EVERY: Final = 5  # points of the sweep that are shown in the terminal
_LINES: Final = (("weighted_f1", Ink.INK), ("precision", Ink.RIGHT), ("recall", Ink.HELD))


def advice(found: Mapping[str, Any]) -> str:
    """What to do, with the setting's name."""
    current, chosen, held = found["current"]["theta"], found["chosen"]["theta"], found["held_out"]
    model, before = found["model"], found["current"]
    gain, (low, high) = found["gain"]["weighted_f1"], found["gain"]["interval"]
    span = f"{gain:+.3f}, with 95% confidence {low:+.3f} to {high:+.3f}"
    if chosen == current:
        return f"dedup.theta is {current:.2f} for {model}, and that is the best."
    if not found["worth_it"]:
        return (
            f"Keep dedup.theta at {current:.2f} for {model}: {chosen:.2f} looks best here, but on pairs it "
            f"was not chosen with weighted F1 gains nothing that is certain ({span})."
        )
    return (
        f"Set dedup.theta for {model} to {chosen:.2f} (it is {current:.2f}): on pairs it was not chosen "
        f"with, precision is {held['precision']:.3f} instead of {before['precision']:.3f} and weighted F1 "
        f"{held['weighted_f1']:.3f} instead of {before['weighted_f1']:.3f} ({span}). In the configuration "
        f"file: dedup: {{theta: {{{model}: {chosen}}}}}"
    )


def render(found: Mapping[str, Any]) -> str:
    """Plain text for a terminal."""
    lines = ["Pairs of answers: " + "; ".join(_sources(found)) + "."]
    guarded = found["guarded"]
    lines.append(
        f"Guards against differing numbers, versions, names and negations tell apart "
        f"{guarded['different']:.0%} of those that differ, and {guarded['same']:.0%} of those that do not, "
        "at any theta."
    )
    lines += ["", f"{'theta':>6} {'precision':>10} {'recall':>8} {'F1':>7} {'weighted':>9}"]
    current, chosen = found["current"]["theta"], found["chosen"]["theta"]
    for point in _points(found):
        theta = point["theta"]
        mark = (" <- chosen" if theta == chosen else "") + (" <- in force" if theta == current else "")
        bar = "█" * round(point["weighted_f1"] * _BAR)
        lines.append(
            f"{theta:>6.2f} {point['precision']:>10.3f} {point['recall']:>8.3f} {point['f1']:>7.3f} "
            f"{point['weighted_f1']:>9.3f} {bar}{mark}"
        )
    lines.append("")
    for source, points in found["by_source"].items():
        told = "; ".join(
            f"at {p['theta']:.2f} precision {p['precision']:.3f}, recall {p['recall']:.3f}" for p in points
        )
        lines.append(f"{source}: {told}")
    lines.append(
        f"Chosen is the best of those with a precision of at least {found['wanted']:.2f}; the best "
        f"weighted F1 of all is at {found['best_f1']:.2f}."
    )
    held = found["held_out"]
    thetas = ", ".join(f"{theta:.2f}" for theta in held["thetas"])
    lines += [
        f"Judged on pairs that did not choose it ({held['folds']} folds, thetas {thetas}): precision "
        f"{held['precision']:.3f}, recall {held['recall']:.3f}, weighted F1 {held['weighted_f1']:.3f}.",
        advice(found),
    ]
    return "\n".join(lines)


def page(found: Mapping[str, Any]) -> str:
    """The whole page, without script; it loads nothing."""
    environment = Environment(
        loader=PackageLoader("vigilbot.evals", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: clean(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sweep = found["sweep"]
    current, chosen = found["current"]["theta"], found["chosen"]["theta"]
    marks = [(current, f"in force: {current:.2f}")]
    marks += [(chosen, f"chosen: {chosen:.2f}")] if chosen != current else []
    best = max(point["weighted_f1"] for point in sweep)
    chart = sweep_chart(
        [point["theta"] for point in sweep],
        [([point[name] for point in sweep], ink) for name, ink in _LINES],
        marks,
        alt=f"Lines over theta of weighted F1, precision and recall; weighted F1 is at most {best:.3f}.",
    )
    shown = {"wide": chart.wide, "narrow": chart.narrow, "alt": chart.alt}
    return environment.get_template("theta_page.html").render(
        found=found, advice=advice(found), sources=_sources(found), chart=shown, points=_points(found)
    )


def _points(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Some of the sweep, the chosen theta and the one in force among them."""
    marked = (found["current"]["theta"], found["chosen"]["theta"])
    return [p for n, p in enumerate(found["sweep"]) if n % _EVERY == 0 or p["theta"] in marked]


def _sources(found: Mapping[str, Any]) -> list[str]:
    return [
        f"{counts['same']} that say the same and {counts['different']} that do not, {name}"
        for name, counts in found["pairs"].items()
    ]
