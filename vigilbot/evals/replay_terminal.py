"""The replay report for people: what a support lead wants to know before inviting the bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from vigilbot.evals.ablation_show import ablation_part
from vigilbot.evals.metrics import OperatingPoint, wilson
from vigilbot.evals.replay_report import JudgedCard, ReplayReport
from vigilbot.text import shorten

_WORST: Final = 8
_LEARNED: Final = 8
_BAR: Final = 40
_POINTS: Final = 12

TERMS: Final[Mapping[str, str]] = {
    "conversation": "a thread with at least one message of a human; a message without replies is one too",
    "run": "VigilBot looked at new messages of customers and decided what to do",
    "card": "an answer it would have posted, with the sources it cites",
    "abstained": "the question is in scope, but nothing it knew supported an answer, so it stayed silent",
    "held": "it had an answer and kept it back: not sure enough, enough cards already, or listening only",
    "duplicate": "a card or a human in the same conversation already said it",
    "beaten": "a human answered while it was still working, so it stayed silent",
    "lead": "time from its card to the human's own answer to the same question",
    "right": "its first source is the document that resolved the case; without gold: a human later said "
    "the same, or somebody accepted the card; cards nobody commented on are not counted",
    "at least": "with 19 in 20 chances the true share is between the lower and the upper value",
    "ceiling": "share of conversations whose document had been used before: nobody who starts empty and "
    "learns only from the past can do better",
    "guessing": "always naming the documents used most often in the channel so far, without reading a word",
    "per channel": "the mean of the channels' own shares, so that a large channel does not decide alone",
    "aiming at 90%": "answer.precision 0.9: answer only from the confidence on from which 90% should be "
    "right, as far as the past tells; it shows how much could be answered, and how right that really was",
    "calibration error": "how far confidence and the share of right answers are apart, in classes of equal "
    "width, weighted by their answers",
    "intrusive": "a card for messages that ask nothing within scope",
}


def print_report(report: ReplayReport, console: Console) -> None:
    """The whole report. People's texts are shown as plain text, cut to a line."""
    figures = report.figures
    parts: list[RenderableType] = [Panel(_headline(report), title="Replay", title_align="left")]
    parts += [_outcomes(figures), _knowledge(report)]
    if figures["gold"]:
        parts += [_rankings(figures["gold"]), _online(figures["gold"])]
    if report.curve:
        parts.append(_curve(report.curve))
    if figures["calibration"]:
        parts.append(_calibration(figures["calibration"]))
    if figures["labels"]:
        parts.append(_labels(figures["labels"]))
    if figures["ablation"]:
        parts.append(ablation_part(figures["ablation"]))
    parts += [_worst(report.cards), _timing(figures)]
    if lines := remarks(report):
        parts.append(Text("\n".join(lines), style="yellow"))
    parts.append(_terms(figures))
    console.print(Group(*[Padding(_titled(part), (0, 0, 1, 0)) for part in parts]))


def _titled(part: RenderableType) -> RenderableType:
    """A table's title as a line of its own, so that it is not broken at the table's width."""
    if not isinstance(part, Table) or not part.title:
        return part
    title, part.title = str(part.title), None
    return Group(Text(title, style="bold"), part)


def _headline(report: ReplayReport) -> Text:
    records, figures = report.records, report.figures
    days = max(1, (records.last_at - records.first_at).days)
    text = Text(
        f"VigilBot lived through {records.export}: {figures['conversations']:,} conversations, "
        f"{figures['messages']:,} messages, {figures['customer_messages']:,} of them by customers, "
        f"{records.first_at:%d %b %Y} to {records.last_at:%d %b %Y} ({days:,} days). It began knowing "
        f"nothing. Engine {figures['engine']}, start {figures['start']}.\n"
    )
    text.append(_verdict(report.cards) + "\n", style="bold")
    lead = figures["lead_seconds"]
    if lead["n"]:
        text.append(
            f"For {lead['n']:,} of them a human answered later: half of those cards came at least "
            f"{duration(lead['p50'])} earlier.\n"
        )
    if figures["beaten_by_human"]:
        text.append(f"{figures['beaten_by_human']:,} times a human was faster, and it stayed silent.\n")
    known = figures["knowledge"]
    text.append(f"By the end it had learned {known['qa']:,} answers from your team's own replies.")
    return text


def _verdict(cards: Sequence[JudgedCard]) -> str:
    if not cards:
        return "It would have posted no card."
    judged = [c for c in cards if c.right is not None]
    right = sum(c.right is True for c in judged)
    said = f"It would have posted {_count(len(cards), 'card')}."
    if not judged:
        return f"{said} Nothing in the export says which of them were right."
    share = wilson(right, len(judged))
    return (
        f"{said} Of the {len(judged):,} whose right answer is known, {right:,} were right "
        f"({right / len(judged):.0%}; with 95% confidence {share.low:.0%} to {share.high:.0%})."
    )


def _outcomes(figures: Mapping[str, Any]) -> Table:
    table = _table("What it did with the customers' messages", "", "times")
    rows = (
        ("Runs", "runs"),
        ("  posted a card", "posted"),
        ("  saw no question", "no_question"),
        ("  question out of scope", "out_of_scope"),
        ("  abstained: knew nothing that fits", "abstained"),
        ("  held an answer back", "held"),
        ("  duplicate: already said there", "duplicates"),
        ("  beaten by a human", "beaten_by_human"),
    )
    for label, key in rows:
        table.add_row(label, f"{figures[key]:,}")
    return table


def _knowledge(report: ReplayReport) -> RenderableType:
    known = report.figures["knowledge"]
    summary = Text(
        f"Knowledge at the end: {known['qa']:,} answers, {known['chunks']:,} passages of documents; "
        f"{known['revised']:,} revised and {known['retracted']:,} retracted on the way."
    )
    if not report.records.learned:
        return summary
    table = _table("What it learned (most confirmed first)", "question", "answer", "on-calls")
    best = sorted(report.records.learned, key=lambda entry: -entry.support)[:_LEARNED]
    for entry in best:
        table.add_row(_cell(entry.question, 120), _cell(entry.answer, 160), str(entry.support))
    return Group(summary, _titled(table))


def _rankings(gold: Mapping[str, Any]) -> Table:
    table = _table(
        f"The right document, in {gold['conversations']:,} conversations that ended with a known one "
        f"(ceiling {gold['ceiling']:.0%})",
        "asked",
        "first",
        "in first 3",
        "in first 8",
        "first, per channel",
    )
    rows = (
        ("at the first message", "first_message"),
        ("before the resolution", "before_resolution"),
        ("  guessing", "prior_last_message"),
        ("once more, as it comes", "at_resolution"),
        ("  guessing", "prior"),
    )
    for label, key in rows:
        row = gold[key]
        shares = [row[name] for name in ("hit_at_1", "hit_at_3", "hit_at_8", "macro_hit_at_1")]
        table.add_row(label, *(f"{share:.1%}" for share in shares))
    return table


def _online(gold: Mapping[str, Any]) -> Table:
    posted = gold["posted"]
    table = _table("How right, how often", "", "conversations", "answered", "right")
    table.add_row(
        "cards really posted",
        f"{posted['n']:,}",
        "",
        _share(posted["precision"]) + (f" (at least {posted['wilson_low']:.0%})" if posted["n"] else ""),
    )
    if posted["late"]["n"]:
        table.add_row(
            "  of them after the resolution",
            f"{posted['late']['n']:,}",
            "",
            f"{posted['late']['correct']:,} right",
        )
    for key, moment in (("online", "before the resolution"), ("online_first_message", "first message")):
        for target, point in gold[key].items():
            table.add_row(
                f"aiming at {float(target):.0%}, {moment}",
                f"{point['n']:,}",
                f"{point['coverage']:.1%}",
                _share(point["precision"]),
            )
    return table


def _curve(curve: Sequence[OperatingPoint]) -> Table:
    """At most _POINTS lines, evenly over the coverage reached."""
    table = _table(
        "Precision against coverage, choosing the threshold with hindsight (a chart, no result)",
        "answered",
        "right",
        "",
    )
    step = max(1.0, (len(curve) - 1) / (_POINTS - 1))
    chosen = sorted({min(len(curve) - 1, round(i * step)) for i in range(min(_POINTS, len(curve)))})
    for point in (curve[i] for i in chosen):
        precision = point.precision or 0.0
        table.add_row(f"{point.coverage:.0%}", f"{precision:.0%}", Text("█" * round(precision * _BAR)))
    return table


def _calibration(known: Mapping[str, Any]) -> RenderableType:
    """The reliability diagram: the bar is the share right, the mark in it the confidence."""
    told, own = known["told"], known["engine"]
    table = _table(
        f"As right as it is sure? {known['n']:,} answers, shown or not: bar right, ◆ sure",
        "sure",
        "answers",
        "right",
        "",
    )
    for row in told["bins"]:
        bar = _marked(row["right"], row["confidence"])
        table.add_row(f"{row['confidence']:.0%}", f"{row['n']:,}", f"{row['right']:.0%}", bar)
    return Group(
        _titled(table),
        Text(
            f"Calibration error {told['error']:.1%} in {known['bins']} bins (by chance alone "
            f"{told['by_chance']:.1%}), Brier score {told['brier']:.3f}; the engine without the past: "
            f"{own['error']:.1%}, {own['brier']:.3f}."
        ),
    )


def _marked(share: float, mark: float) -> Text:
    """A bar of a share, with a mark where it should end."""
    bar = "█" * round(share * _BAR)
    place = min(_BAR - 1, round(mark * _BAR))
    line = bar.ljust(place + 1)
    return Text(line[:place] + "◆" + line[place + 1 :])


def _labels(labels: Mapping[str, Any]) -> Table:
    table = _table(f"Against {labels['oncalls']:,} labelled on-calls", "", "")
    agreement = labels["agreement"]
    rows = (
        ("labelled messages of customers", f"{labels['customer_messages']:,}"),
        ("cards for labelled messages", f"{labels['cards']:,}"),
        ("  intrusive: nothing within scope was asked", f"{labels['intrusive']:,}"),
        ("questions within scope", f"{labels['questions']:,}"),
        ("  that got a card", f"{labels['answered']:,}"),
        (
            "  whose card says what the human said",
            f"{agreement['agreed']:,} of {agreement['n']:,} compared",
        ),
    )
    for label, value in rows:
        table.add_row(label, value)
    return table


def _worst(cards: Sequence[JudgedCard]) -> RenderableType:
    wrong = sorted((c for c in cards if c.right is False), key=lambda c: (-c.card.confidence, c.card.at))
    if not wrong:
        return Text("What was wrong: no card is known to be wrong." if cards else "What was wrong: nothing.")
    table = _table(
        f"What was wrong: the surest {min(_WORST, len(wrong))} of {_count(len(wrong), 'wrong card')}",
        "when, where",
        "asked",
        "it said",
        "a human gave",
        "sure",
    )
    for judged in wrong[:_WORST]:
        card = judged.card
        where = f"{card.at:%Y-%m-%d %H:%M} #{card.channel_name or card.channel}"
        said = f"{card.text} {card.first_url}".strip()
        table.add_row(
            _cell(where, 60),
            _cell(card.question, 120),
            _cell(said, 160),
            _cell(judged.instead, 120),
            f"{card.confidence:.0%}",
        )
    return table


def _timing(figures: Mapping[str, Any]) -> RenderableType:
    total = Text(f"The replay took {duration(figures['seconds'])}.")
    if not figures["latency_ms"]:
        return total
    table = _table("Time of a run, by stage (milliseconds)", "stage", "half within", "95% within")
    for stage, ms in figures["latency_ms"].items():
        table.add_row(Text(stage), _number(ms["p50"]), _number(ms["p95"]))
    return Group(_titled(table), total)


def remarks(report: ReplayReport) -> list[str]:
    """What a reader should know before believing the figures, a line each."""
    lines = list(report.records.warnings)
    if skipped := report.figures["skipped"]:
        lines.append("Not read as messages: " + ", ".join(f"{n:,} {why}" for why, n in skipped.items()))
    gold, labels = report.figures["gold"], report.figures["labels"]
    if gold and gold["missing"]:
        lines.append(f"{gold['missing']:,} gold conversations are not in this export")
    if gold and gold["left_out"]:
        lines.append(f"{gold['left_out']:,} gold conversations were not chosen")
    if labels and labels["left_out"]:
        lines.append(f"{labels['left_out']:,} labelled on-calls are not among the replayed conversations")
    return [shorten(line, 400) for line in lines]


def terms(figures: Mapping[str, Any]) -> dict[str, str]:
    """The words this report uses, explained."""
    only = {
        "gold": ("ceiling", "guessing", "per channel", "aiming at 90%"),
        "labels": ("intrusive",),
        "calibration": ("calibration error",),
    }
    hidden = {term for key, terms in only.items() if not figures[key] for term in terms}
    return {term: meaning for term, meaning in TERMS.items() if term not in hidden}


def _terms(figures: Mapping[str, Any]) -> Table:
    table = Table(title="Terms", box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for term, meaning in terms(figures).items():
        table.add_row(term, meaning)
    return table


def duration(seconds: float) -> str:
    """A length of time in at most two units, as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit, next_size, next_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if round(seconds) >= size:
            whole, rest = divmod(round(seconds), size)
            return f"{whole:,} {unit}" + (f" {rest // next_size} {next_unit}" if rest // next_size else "")
    return f"{round(seconds)} s"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, show_header=any(columns))
    numbers = {"times", "on-calls", "first", "conversations", "answered", "sure", "half within", "95% within"}
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _cell(text: str, limit: int) -> Text:
    return Text(shorten(text, limit))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
