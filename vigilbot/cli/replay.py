"""``vigilbot replay``: what the bot would have done on a team's own history."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, settings_of
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.evals.gold import Gold, Labels
    from vigilbot.evals.replay_report import ReplayReport
    from vigilbot.platforms.replay import Export


_DAY = 86_400  # seconds


@click.command()
@click.argument("source")
@click.option("--days", type=int, help="With slack:#channel or lark:CHAT: how far back; default: 90.")
@click.option(
    "--shared-app",
    is_flag=True,
    help="With slack:#channel: read a page of 15 a minute, as Slack wants of apps it did not review and that "
    "others made; default: what slack.history says.",
)
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
@click.option(
    "--channel",
    "channels",
    multiple=True,
    help="Only this channel of an export, by name or id; with slack: or lark: one more; repeatable.",
)
@click.option("--limit", type=int, help="Only the first so many conversations.")
@click.option(
    "--latency",
    type=float,
    callback=lambda _context, _option, seconds: _virtual(seconds),
    default=5.0,
    show_default=True,
    help="Virtual seconds one run takes, up to a day.",
)
@click.option(
    "--ablation",
    is_flag=True,
    help="Live through it twice more, without review and without learning, and compare.",
)
@click.option(
    "--warm-up",
    type=click.FloatRange(0.0, 0.95),
    default=0.5,
    show_default=True,
    help="With --ablation: the first share of the messages, in which every variant learns.",
)
@click.option("--keep", type=A_PATH, help="New folder for the ledger: start the bot with it, already warm.")
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@click.option("--html", "html_file", type=A_PATH, help="Also write the report to this file, as one page.")
def replay(
    source: str,
    days: int | None,
    shared_app: bool,
    gold: Path | None,
    labels: Path | None,
    engine: str | None,
    cache: Path | None,
    start: str | None,
    config: Path | None,
    channels: tuple[str, ...],
    limit: int | None,
    latency: float,
    ablation: bool,
    warm_up: float,
    keep: Path | None,
    json_file: Path | None,
    html_file: Path | None,
) -> None:
    """Live through SOURCE as if the bot had been there: a Slack export, slack:#channel, or lark:CHAT.

    A channel or chat is read with the secrets that `vigilbot run` has; what was read is kept under
    data.dir/history, where a reading that was stopped goes on. The bot starts knowing nothing and lives
    through it in time order on a simulated clock. Nothing leaves this machine, unless a model is hosted.
    """
    from rich.console import Console

    from vigilbot.app import open_embedder
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.cli.replay_sources import Asked, read_source
    from vigilbot.domain import Gate
    from vigilbot.evals.replay_terminal import print_report

    settings = settings_of(config, None, **({"engine.kind": engine} if engine else {}))
    for file in (json_file, html_file, cache):
        writable(file)
    progress = TerminalProgress()
    asked = Asked(days=days, shared=shared_app, channels=channels, limit=limit)
    read = read_source(source, settings, progress, asked)
    known_gold, known_labels = _truth(read, gold, labels)
    with _folder(keep) as folder:
        lived = partial(
            _lived,
            read,
            gold=known_gold,
            labels=known_labels,
            settings=settings,
            progress=progress,
            start=Gate(start) if start else None,
            latency=timedelta(seconds=latency),
            cache=cache,
            embedder=asyncio.run(open_embedder(settings)),
        )
        report = lived(folder=folder)
    if ablation:
        report = _ablated(read, report, warm_up, lived)
    print_report(report, Console())
    _write(report, json_file=json_file, html_file=html_file)
    if keep is not None:
        click.echo(f"Ledger: {keep} (start the bot with data.dir: {keep})")


def _truth(read: Export, gold: Path | None, labels: Path | None) -> tuple[Gold | None, Labels | None]:
    from vigilbot.evals.gold import match_gold, match_labels, read_gold, read_labels

    known = match_gold(read_gold(gold), read) if gold else None
    return known, match_labels(read_labels(labels), read) if labels else None


def _lived(read: Export, *, gold: Gold | None, labels: Labels | None, **how: Any) -> ReplayReport:
    """The report of one life; ``how`` goes to ``vigilbot.replay.replay``."""
    from vigilbot.evals.replay_report import replay_report
    from vigilbot.replay import replay as live

    cases = gold.by_thread() if gold else {}
    resolutions = {where: case.resolution_at for where, case in cases.items()}
    done = asyncio.run(live(read, resolutions=resolutions, **how))
    records = replace(done.records, warnings=(*done.records.warnings, *done.remarks))
    return replay_report(records, gold=gold, labels=labels)


def _ablated(
    read: Export, full: ReplayReport, share: float, lived: Callable[..., ReplayReport]
) -> ReplayReport:
    """The report with an ablation's figures. Each variant begins with an empty ledger of its own."""
    from vigilbot.evals.ablation import FULL, VARIANTS, ablation, warm_up_end

    until = warm_up_end(read.events, share)
    reports = {FULL: full}
    for variant in VARIANTS:
        if variant not in reports:
            with _folder(None) as folder:
                reports[variant] = lived(folder=folder, variant=variant, warm_up=until)
    return replace(full, figures={**full.figures, "ablation": ablation(reports, warm_up=until)})


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
