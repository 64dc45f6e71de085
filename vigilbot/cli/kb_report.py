"""``vigilbot kb report``: the state of the knowledge base, in the terminal and as a page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigilbot.cli.options import A_PATH, installation, settings_of
from vigilbot.text import clean, shorten

if TYPE_CHECKING:
    from vigilbot.evals.kb_report import KbReport

BAR = 40  # columns of the longest bar
FEW = 5


@click.command(short_help="How it grew, its age, use, confirmation, contradictions and gaps.")
@click.option("--html", type=A_PATH, help="Also as one page to show around.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def report(html: Path | None, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Say how the knowledge base is doing: growth, age, use, confirmation, contradictions, gaps."""
    from vigilbot.cli.files import writable, write
    from vigilbot.evals import kb_report

    writable(html)
    found = asyncio.run(_found(config, data))
    if html is not None:
        from vigilbot.evals.kb_report_html import kb_page

        write(html, kb_page(found))
    if as_json:
        click.echo(json.dumps(kb_report.as_json(found), indent=2))
        return
    _print(found)
    if html is not None:
        click.echo(f"Wrote {html}.")


async def _found(config: Path | None, data: Path | None) -> KbReport:
    from vigilbot.cli.installed import ledger_to_read
    from vigilbot.evals.kb_report import kb_report
    from vigilbot.providers.clock import SystemClock

    async with ledger_to_read(settings_of(config, data)) as ledger:
        return await kb_report(ledger, now=SystemClock().now())


def _print(found: KbReport) -> None:
    from vigilbot.evals.kb_report import CONFIRMED

    console = Console(highlight=False, markup=False, emoji=False)
    whole = found.entries + found.chunks
    console.print(
        f"{whole:,} entries in force ({found.chunks:,} parts of documents), {found.used:,} behind a card, "
        f"{found.believed:,} confirmed; {found.retracted:,} out of use."
    )
    made = ", ".join(f"{name} {n:,}" for name, n in found.operations)
    console.print(f"Operations: {made or 'none'}.\n")
    days, in_force = found.growth
    step = max(1, len(days) // 8)
    grown = [(f"{day}", n) for day, n in list(zip(days, in_force, strict=True))[::step]][-8:]
    _bars(console, "Entries known", grown)
    labels = dict(CONFIRMED)
    _bars(console, "Confirmed by", [(labels[name], n) for name, n in found.confirmed])
    _bars(console, "Unchanged and unconfirmed for", found.ages)
    _bars(console, "Cards that rested on an entry", found.uses)
    doubted = [(e.question, f"{e.entry}: {e.against} against, {e.support} for") for e in found.doubted]
    _lines(console, "A human said otherwise", doubted)
    disputes = [(d.question, f"{d.first} and {d.second} differ") for d in found.disputes]
    _lines(console, "Contradictions", disputes)
    gaps = [
        (g.question, f"{g.askers} askers, {g.oncalls} on-calls, #{', #'.join(g.channels)}")
        for g in found.gaps
    ]
    _lines(console, "Questions nobody answered", gaps)


def _bars(console: Console, title: str, rows: Sequence[tuple[str, int]]) -> None:
    most = max((n for _, n in rows), default=0) or 1
    table = Table(title, "", "", box=SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = "right"
    for name, n in rows:
        table.add_row(name, f"{n:,}", Text("█" * round(n / most * BAR), style="green"))
    console.print(table)


def _lines(console: Console, title: str, rows: Sequence[tuple[str, str]]) -> None:
    console.print(Text(f"{title}: {len(rows) or 'none'}", style="bold"))
    for text, remark in rows[:FEW]:
        console.print(Text(f"  {shorten(clean(text), 100)} ").append(f"({clean(remark)})", style="dim"))
    if len(rows) > FEW:
        console.print(f"  and {len(rows) - FEW} more")
