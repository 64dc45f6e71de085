"""``vigilbot calibrate``: thresholds that belong to a model, found on real conversations."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, installation, settings_of
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.evals.theta import Pair, Told
    from vigilbot.ports import Embedder
    from vigilbot.settings import Settings


@click.group()
def calibrate() -> None:
    """Find the thresholds that belong to the configured models. Nothing is changed: they are proposed."""


@calibrate.command(short_help="From which likeness on two answers say the same.")
@click.option(
    "--export",
    "exports",
    type=A_PATH,
    multiple=True,
    help="A Slack export: the bot lives through it, and answers that it learned are compared; those that "
    "lead to the same document say the same. May be given several times.",
)
@click.option(
    "--labels",
    type=A_PATH,
    multiple=True,
    help="Labelled on-calls: what the analysts wrote says the same as the resolution in the label.",
)
@click.option(
    "--pairs",
    type=A_PATH,
    multiple=True,
    help='Pairs of answers, a JSON object a line: {"a": "...", "b": "...", "same": true}.',
)
@click.option(
    "--precision",
    type=click.FloatRange(0, 1),
    default=0.9,
    show_default=True,
    help="At least this share of the answers called the same must be.",
)
@click.option("--html", type=A_PATH, help="Also write the sweep as a page to this file.")
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@installation
def dedup(
    exports: tuple[Path, ...],
    labels: tuple[Path, ...],
    pairs: tuple[Path, ...],
    precision: float,
    html: Path | None,
    json_file: Path | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Find dedup.theta for the configured embedding model: the cosine from which on two answers say the same.

    Every theta is tried on pairs of answers of which it is known whether they say the same; the choice is
    judged on pairs that had no part in it. The command changes nothing.
    """
    from vigilbot.evals.theta_show import page, render

    if not (exports or labels or pairs):
        raise BadInput("nothing to learn from", remedy="Give --export, --labels or --pairs")
    for target in (html, json_file):
        writable(target)
    settings = settings_of(config, data)
    found = asyncio.run(_found(settings, exports, labels, pairs, wanted=precision))
    click.echo(render(found))
    if html is not None:
        write(html, page(found))
        click.echo(f"Page: {html}")
    if json_file is not None:
        write(json_file, json.dumps(found, indent=2) + "\n")
        click.echo(f"Figures: {json_file}")


async def _found(
    settings: Settings,
    exports: Sequence[Path],
    labels: Sequence[Path],
    pairs: Sequence[Path],
    *,
    wanted: float,
) -> dict[str, Any]:
    from vigilbot.app import open_embedder, theta_of
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.evals.gold import read_labels
    from vigilbot.evals.theta import calibrated, paired
    from vigilbot.evals.theta_pairs import read_pairs, told_by_labels
    from vigilbot.platforms.replay import read_export

    known: list[Pair] = [pair for path in pairs for pair in read_pairs(path)]
    labelled = [(path, told_by_labels(read_labels(path))) for path in labels]
    read = [(path, read_export(path)) for path in exports]  # what cannot be read is told before long work
    embedder, progress = await open_embedder(settings), TerminalProgress()
    for path, told in labelled:
        known += await paired(told, embedder, source=f"resolutions of {path.name}")
    for path, export in read:
        learned = await _learned(settings, export, embedder, progress)
        known += await paired(learned, embedder, source=f"answers learned from {path.name}")
    return await calibrated(known, embedder, current=theta_of(settings, embedder), wanted=wanted)


async def _learned(
    settings: Settings, export: Any, embedder: Embedder, progress: TerminalProgress
) -> list[Told]:
    """What the bot knows at the end of an export's life."""
    from vigilbot.app import LEDGER
    from vigilbot.evals.theta_pairs import LEARNED, told_by_knowledge
    from vigilbot.replay import replay
    from vigilbot.stores.inspection import read_rows

    with tempfile.TemporaryDirectory(prefix="vigilbot-calibrate-") as folder:
        await replay(export, settings=settings, folder=Path(folder), progress=progress, embedder=embedder)
        return told_by_knowledge(read_rows(Path(folder) / LEDGER, LEARNED))
