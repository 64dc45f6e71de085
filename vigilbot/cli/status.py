"""``vigilbot status``: what the bot is doing, read beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput


@click.command()
@click.option("--hours", type=click.FloatRange(min=0.01, max=24 * 366), default=24.0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def status(hours: float, as_json: bool, config: Path | None, data: Path | None) -> None:
    """On-calls, cards, outcomes, knowledge; and whether the language model answers.

    Read from the ledger without disturbing a running bot. Cards, outcomes, runs and requests are those of
    the last HOURS.
    """
    from vigilbot.app import LEDGER
    from vigilbot.ledger.rows import stamp
    from vigilbot.ledger.status import FALLBACKS, MODELS, STATUS
    from vigilbot.providers.clock import SystemClock
    from vigilbot.stores.inspection import read_rows

    path = settings_of(config, data).data.dir / LEDGER
    if not path.is_file():
        raise BadInput("no ledger", place=str(path), remedy="Name the bot's folder with --data or data.dir")
    since = stamp(SystemClock().now() - timedelta(hours=hours))
    found: dict[str, Any] = {
        name: {row["state"]: row["n"] for row in read_rows(path, sql, since=since)}
        for name, sql in STATUS.items()
    }
    found["runs"] = read_rows(path, FALLBACKS, since=since)[0]
    found["models"] = read_rows(path, MODELS, since=since)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name in STATUS:
        counts = ", ".join(f"{n} {state}" for state, n in found[name].items())
        click.echo(f"{name:18} {counts or 'none'}")
    runs = found["runs"]
    fell = f", {runs['fell_back']} without the model (last: {runs['last']})" if runs["fell_back"] else ""
    click.echo(f"{'runs':18} {runs['runs']}{fell}")
    for row in found["models"]:
        failed = f", {row['failed']} failed ({row['error']})" if row["failed"] else ""
        click.echo(f"{row['model']:18} {row['calls']} requests{failed}, {row['paid']:.4f} US dollars")
