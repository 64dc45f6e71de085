"""What a check found, for people: the counts, examples, and the verdict in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigilbot.evals.check import Change, Difference, State
from vigilbot.text import shorten

_EXAMPLES: Final = 12
_SAID: Final[Mapping[Change, str]] = {
    Change.ACCEPTED_LOST: "accepted, and lost",
    Change.CAME_BACK: "wrong, and comes back",
    Change.SAYS_OTHERWISE: "right, and says something else",
    Change.LOST: "right, and lost",
    Change.GAINED: "right, and gained",
    Change.MENDED: "wrong, and gone",
}
_STATES: Final[Mapping[State, str]] = {
    State.RIGHT: "right cards",
    State.WRONG: "wrong cards",
    State.UNKNOWN: "cards nobody has judged",
    State.NONE: "no card",
}


def print_check(
    figures: Mapping[str, Any], found: Sequence[Difference], remarks: Sequence[str], console: Console
) -> None:
    """The whole result. People's texts are shown as plain text, cut to a line."""
    for remark in remarks:
        console.print(Text(remark, style="yellow"))
    if figures["left_out"]:
        console.print(f"Left out, their question was edited or deleted since: {figures['left_out']:,}")
    if figures["failed"]:
        console.print(f"Left out, the engine could not judge them: {figures['failed']:,}")
    if not figures["cases"]:
        console.print("No recorded answer has an outcome yet: there is nothing to check against.")
        return
    changed = figures["drift"] is not None
    console.print(
        f"Recorded answers that were judged: {figures['cases']:,}, in {figures['conversations']:,} on-calls."
    )
    if changed:
        console.print(
            f"The configuration in force itself treats {figures['drift']:,} of them otherwise than recorded."
        )
    console.print(_states(figures, changed=changed))
    if found:
        console.print(_examples(found))
    console.print(Text(verdict(figures), style="bold"))


def _states(figures: Mapping[str, Any], *, changed: bool) -> Table:
    table = Table()
    for column in ("", "in force" if changed else "recorded", "with the change" if changed else "again"):
        table.add_column(column, justify="left" if not column else "right")
    for state, name in _STATES.items():
        table.add_row(name, f"{figures['before'][state]:,}", f"{figures['after'][state]:,}")
    return table


def _examples(found: Sequence[Difference]) -> Table:
    more = f", the first {_EXAMPLES} of {len(found):,}" if len(found) > _EXAMPLES else ""
    table = Table(title=f"What differs{more}", title_justify="left")
    for column in ("what", "when, where", "asked", "it said", "now"):
        table.add_column(column, overflow="fold")
    for one in found[:_EXAMPLES]:
        case = one.case
        table.add_row(
            Text(_SAID[one.change]),
            Text(f"{case.at:%Y-%m-%d} #{shorten(case.channel_name or case.channel, 40)}"),
            Text(shorten(case.question.text, 100)),
            Text(shorten(case.text, 120)),
            Text(shorten(one.said, 120)),
        )
    return table


def verdict(figures: Mapping[str, Any]) -> str:
    """In one sentence, with the counts it rests on."""
    net = figures["net"]
    counts = (
        f"{figures['gained']:,} gained, {figures['lost']:,} lost, {figures['mended']:,} wrong ones gone, "
        f"{figures['newly_wrong']:,} newly wrong ({figures['accepted_lost']:,} accepted ones lost, "
        f"{figures['came_back']:,} come back, {figures['says_otherwise']:,} say something else)"
    )
    span = f"right cards {100 * net['value']:+.1f} points of the cases ({100 * net['low']:+.1f} to "
    span += f"{100 * net['high']:+.1f} with 95% confidence)"
    if figures["worse"]:
        return f"WORSE: {counts}; {span}."
    same = not any(figures[key] for key in ("gained", "lost", "mended", "newly_wrong"))
    return f"No change: {span}." if same else f"Not worse: {counts}; {span}."
