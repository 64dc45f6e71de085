"""``vigilbot eval``: one judgement by itself, on conversations people labelled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, installation, settings_of


@click.group(name="eval")
def evaluate() -> None:
    """Score one judgement of the engine on labelled conversations."""


@evaluate.command()
@click.argument("file", type=A_PATH)
@click.option(
    "--cross-community",
    is_flag=True,
    help="Train on one source of FILE and judge on the other, both ways: how it does among strangers.",
)
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@installation
def identify(
    file: Path, cross_community: bool, json_file: Path | None, config: Path | None, data: Path | None
) -> None:
    """How well questions are told from everything else, on FILE (JSON Lines, one on-call a line).

    Beside it stands the simplest judge there is: "has a question mark". Intervals are at 95%, drawn by
    conversation.
    """
    from vigilbot.app import engine_of, open_embedder
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.engines.extractive.coefficients import shipped
    from vigilbot.evals import identify as scoring

    settings = settings_of(config, data)
    writable(json_file)
    labelled = scoring.read(file)
    progress = TerminalProgress()

    async def run() -> dict[str, Any]:
        embedder = await open_embedder(settings)
        with progress.phase("Judging", labelled.messages) as step:
            done = _steps(step)
            if cross_community:
                return await scoring.evaluate_across(labelled, embedder, progress=done)
            engine = engine_of(settings, embedder)
            return await scoring.evaluate(
                labelled,
                engine,
                engine=engine.name,
                trained_on=shipped().fingerprints,
                progress=done,
            )

    result = asyncio.run(run())
    click.echo(scoring.render(result))
    if json_file is not None:
        write(json_file, json.dumps(result, indent=2) + "\n")
        click.echo(f"Figures: {json_file}")


def _steps(step: Callable[[int], None]) -> Callable[[int, int], None]:
    """From "so many of so many are done" to "so many more"."""
    seen = 0

    def done(count: int, _total: int) -> None:
        nonlocal seen
        step(count - seen)
        seen = count

    return done
