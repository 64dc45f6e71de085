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
from vigilbot.errors import BadInput


@click.group(name="eval")
def evaluate() -> None:
    """Score one judgement of the engine on labelled conversations."""


@evaluate.command(short_help="How well questions are told from everything else.")
@click.argument("file", type=A_PATH)
@click.option(
    "--cross-community",
    is_flag=True,
    help="Train on one source of FILE and judge on the other, both ways: how it does among strangers.",
)
@click.option(
    "--engine", type=click.Choice(["extractive", "model"]), help="The engine; default: the configured one."
)
@click.option(
    "--cache",
    type=A_PATH,
    help="With engine model: keep the models' replies in this file; a second run makes no call.",
)
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@installation
def identify(
    file: Path,
    cross_community: bool,
    engine: str | None,
    cache: Path | None,
    json_file: Path | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """How well questions are told from everything else, on FILE (JSON Lines, one on-call a line).

    Beside it stands the simplest judge there is: "has a question mark". Intervals are at 95%, drawn by
    conversation.
    """
    from vigilbot.app import open_embedder, open_engine
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.engines.extractive.coefficients import shipped
    from vigilbot.evals import identify as scoring
    from vigilbot.providers.clock import SystemClock

    settings = settings_of(config, data, **({"engine.kind": engine} if engine else {}))
    if cross_community and settings.engine.kind != "extractive":
        raise BadInput("--cross-community trains the extractive engine", remedy="Leave out one of the two")
    writable(json_file)
    writable(cache)
    labelled = scoring.read(file)
    progress = TerminalProgress()

    async def run() -> dict[str, Any]:
        embedder = await open_embedder(settings)
        with progress.phase("Judging", labelled.messages) as step:
            done = _steps(step)
            if cross_community:
                return await scoring.evaluate_across(labelled, embedder, progress=done)
            # Alone: where a model fails, nothing else may answer for it.
            async with open_engine(
                settings, embedder, clock=SystemClock(), cache=cache, fallback=False
            ) as judge:
                return await scoring.evaluate(
                    labelled,
                    judge,
                    engine=judge.name,
                    trained_on=shipped().fingerprints if judge.name == "extractive" else frozenset(),
                    progress=done,
                )

    result = asyncio.run(run())
    click.echo(scoring.render(result))
    if json_file is not None:
        write(json_file, json.dumps(result, indent=2) + "\n")
        click.echo(f"Figures: {json_file}")


@evaluate.command(short_help="How much of what humans resolved is learned.")
@click.argument("file", type=A_PATH)
@click.option("--json", "json_file", type=A_PATH, help="Also write the figures to this file.")
@installation
def learning(file: Path, json_file: Path | None, config: Path | None, data: Path | None) -> None:
    """How much of what humans resolved is learned, on FILE (JSON Lines, one on-call a line).

    The bot lives through every on-call by itself, from empty knowledge. Beside it stand three rules: the
    last analyst's message, the nearest by meaning, the first two after the question.
    """
    import tempfile
    from time import perf_counter

    from vigilbot.app import open_embedder
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.evals import learning as scoring
    from vigilbot.evals.gold import read_labels
    from vigilbot.replay import taught

    settings = settings_of(config, data)
    writable(json_file)
    labels = read_labels(file)
    began = perf_counter()

    async def run() -> dict[str, Any]:
        embedder = await open_embedder(settings)
        with tempfile.TemporaryDirectory(prefix="vigilbot-eval-") as folder:
            found = await taught(
                labels,
                settings=settings,
                folder=Path(folder),
                embedder=embedder,
                progress=TerminalProgress(),
            )
        return await scoring.score(labels, found, embedder)

    result = asyncio.run(run())
    click.echo(scoring.render(result, oncalls=len(labels.oncalls), seconds=perf_counter() - began))
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
