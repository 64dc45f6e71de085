"""``vigilbot check``: what a change would do to answers that people have judged, before it goes live."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, USUAL, settings_of

WORSE = 1


@click.command()
@click.option(
    "--config",
    "new",
    type=A_PATH,
    help="Configuration with the change; default: none, then the one in force is held against the record.",
)
@click.option("--current", type=A_PATH, help=f"Configuration in force; default: {USUAL} if it is there.")
@click.option(
    "--data", type=A_PATH, help="Folder of the ledger; wins over data.dir of the configuration in force."
)
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many answers.")
@click.option(
    "--cache",
    type=A_PATH,
    help="With engine model: keep the models' replies in this file; a second run makes no call.",
)
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@click.pass_context
def check(
    ctx: click.Context,
    new: Path | None,
    current: Path | None,
    data: Path | None,
    limit: int | None,
    cache: Path | None,
    json_file: Path | None,
) -> None:
    """Re-run the answers that people accepted, withdrew or contradicted, with what was known at their time.

    Use it before a change of model, prompts, threshold or scope. Nothing is posted and the ledger is only
    read, beside a running bot if there is one. Exit code 1: worse, that is an accepted card is lost, one
    that was wrong comes back, a right one says something else, or significantly fewer are right.
    """
    from rich.console import Console

    from vigilbot.checking import check as checked
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.evals.check_show import print_check

    in_force = settings_of(current, data)
    changed = settings_of(new, data) if new is not None else None
    for file in (json_file, cache):
        writable(file)
    found = asyncio.run(
        checked(
            in_force,
            changed,
            folder=in_force.data.dir,
            progress=TerminalProgress(),
            limit=limit,
            cache=cache,
        )
    )
    print_check(found.figures, found.differences, found.remarks, Console())
    if json_file is not None:
        write(json_file, json.dumps(found.figures, indent=2) + "\n")
        click.echo(f"Figures: {json_file}")
    if found.figures["worse"]:
        ctx.exit(WORSE)
