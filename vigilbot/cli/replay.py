"""``vigilbot replay``: what the bot would have done on a team's own history."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, settings_of
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.evals.replay_report import ReplayReport


_DAY = 86_400  # seconds


@click.command()
@click.argument("export", type=A_PATH)
@click.option(
    "--gold", type=A_PATH, help="Known resolving documents (JSON Lines); only scores, changes nothing."
)
@click.option("--labels", type=A_PATH, help="Labelled on-calls (JSON Lines); only scores, changes nothing.")
@click.option(
    "--engine", type=click.Choice(["extractive", "model"]), help="The engine; default: the configured one."
)
@click.option(
    "--cache",
    type=A_PATH,
    help="With engine model: keep the models' replies in this file; a second run makes no call.",
)
@click.option(
    "--start",
    type=click.Choice(["analyst_joined", "immediately"]),
    help="When an on-call's action cycle starts; default: the configured gate.",
)
@click.option("--config", type=A_PATH, help="Configuration file; default: config/vigilbot.yaml if it exists.")
@click.option("--channel", "channels", multiple=True, help="Only this channel, by name or id; repeatable.")
@click.option("--limit", type=int, help="Only the first so many conversations.")
@click.option(
    "--latency",
    type=float,
    callback=lambda _context, _option, seconds: _virtual(seconds),
    default=5.0,
    show_default=True,
    help="Virtual seconds one run takes, up to a day.",
)
@click.option("--keep", type=A_PATH, help="New folder for the ledger: start the bot with it, already warm.")
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@click.option("--html", "html_file", type=A_PATH, help="Also write the report to this file, as one page.")
def replay(
    export: Path,
    gold: Path | None,
    labels: Path | None,
    engine: str | None,
    cache: Path | None,
    start: str | None,
    config: Path | None,
    channels: tuple[str, ...],
    limit: int | None,
    latency: float,
    keep: Path | None,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    """Live through EXPORT, a Slack export (zip or folder), as if the bot had been there.

    The bot starts knowing nothing and lives through the history in time order on a simulated clock:
    what it would have posted and when, how long before the human, what it learned, what was wrong.
    Nothing leaves this machine, unless engine model asks a hosted model.
    """
    from rich.console import Console

    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.domain import Gate
    from vigilbot.evals.gold import match_gold, match_labels, read_gold, read_labels
    from vigilbot.evals.replay_report import replay_report
    from vigilbot.evals.replay_terminal import print_report
    from vigilbot.platforms.replay import read_export
    from vigilbot.replay import replay as live

    settings = settings_of(config, None, **({"engine.kind": engine} if engine else {}))
    for file in (json_file, html_file, cache):
        writable(file)
    read = read_export(export, channels=channels, limit=limit)
    known_gold = match_gold(read_gold(gold), read) if gold else None
    known_labels = match_labels(read_labels(labels), read) if labels else None
    cases = known_gold.by_thread() if known_gold else {}
    with _folder(keep) as folder:
        done = asyncio.run(
            live(
                read,
                settings=settings,
                folder=folder,
                progress=TerminalProgress(),
                start=Gate(start) if start else None,
                latency=timedelta(seconds=latency),
                resolutions={where: case.resolution_at for where, case in cases.items()},
                cache=cache,
            )
        )
    records = replace(done.records, warnings=(*done.records.warnings, *done.remarks))
    report = replay_report(records, gold=known_gold, labels=known_labels)
    print_report(report, Console())
    _write(report, json_file=json_file, html_file=html_file)
    if keep is not None:
        click.echo(f"Ledger: {keep} (start the bot with data.dir: {keep})")


def _virtual(seconds: float) -> float:
    if not 0 <= seconds <= _DAY:  # nan neither
        raise BadInput(f"--latency {seconds:g}", remedy=f"Give seconds of virtual time, 0 to {_DAY}")
    return seconds


def _write(report: ReplayReport, *, json_file: Path | None, html_file: Path | None) -> None:
    if html_file is not None:
        from vigilbot.evals.replay_html import replay_page

        write(html_file, replay_page(report))
        click.echo(f"Page: {html_file}")
    if json_file is not None:
        write(json_file, json.dumps(report.figures, indent=2, ensure_ascii=False) + "\n")
        click.echo(f"Figures: {json_file}")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A folder for the ledger: thrown away, or moved to ``keep`` when everything succeeded."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="vigilbot-replay-") as name:
            yield Path(name)
        return
    here = keep.resolve() == Path.cwd()
    if here or (keep.exists() and (not keep.is_dir() or any(keep.iterdir()))):
        raise BadInput("exists already", place=str(keep), remedy="Name a new folder for --keep")
    if not keep.parent.is_dir() or not os.access(keep.parent, os.W_OK):
        raise BadInput("cannot be made", place=str(keep), remedy="Name a folder where you may write")
    with tempfile.TemporaryDirectory(prefix=f".{keep.name}-", dir=keep.parent) as name:
        inner = Path(name) / "data"
        inner.mkdir()
        yield inner
        if keep.exists():
            keep.rmdir()
        inner.rename(keep)
