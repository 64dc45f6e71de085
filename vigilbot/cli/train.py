"""``vigilbot train``: the small classifiers of the extractive engine, from a team's own labels."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, installation, settings_of

OUT = click.option("--out", type=A_PATH, required=True, help="Where the coefficients go (JSON).")


@click.group()
def train() -> None:
    """Train the extractive engine's classifiers anew.

    The coefficients that ship are the JSON files in vigilbot/engines/extractive; each says what it was
    trained on. A file trained here takes its place by that path.
    """


@train.command(short_help="From labelled on-calls (JSON Lines).")
@click.argument("file", type=A_PATH)
@OUT
@installation
def identify(file: Path, out: Path, config: Path | None, data: Path | None) -> None:
    """Question identification, from labelled on-calls (JSON Lines)."""
    from vigilbot.app import open_embedder
    from vigilbot.engines.extractive.train import train as fitted
    from vigilbot.evals.identify import read
    from vigilbot.providers.clock import SystemClock

    settings = settings_of(config, data)
    writable(out)
    labelled = read(file)
    trained_on = SystemClock().now().date()

    async def run() -> str:
        coefficients = await fitted(
            labelled.oncalls,
            await open_embedder(settings),
            data=labelled.name,
            sha256=labelled.sha256,
            command=f"vigilbot train identify {file.name} --out {out.name}",
            on=trained_on,
        )
        return coefficients.to_json()

    write(out, asyncio.run(run()))
    click.echo(f"Coefficients: {out}")


@train.command(short_help="From on-calls that name the answering messages.")
@click.argument("file", type=A_PATH)
@click.option("--judged", type=A_PATH, help="What people said of resolutions that were taken, JSONL.")
@OUT
@installation
def extract(file: Path, judged: Path | None, out: Path, config: Path | None, data: Path | None) -> None:
    """Extraction of resolutions, from on-calls whose questions name their answering messages."""
    from vigilbot.app import open_embedder
    from vigilbot.engines.extractive.extract_training import train as fitted

    settings = settings_of(config, data)
    writable(out)

    async def run() -> str:
        embedder = await open_embedder(settings)
        also = f" --judged {judged.name}" if judged else ""
        command = f"vigilbot train extract {file.name}{also} --out {out.name}"
        return (await fitted(file, embedder, command=command, judged=judged)).to_json()

    write(out, asyncio.run(run()))
    click.echo(f"Coefficients: {out}")


@train.command(short_help="From what a ledger says became of its answers.")
@click.argument("ledger", type=A_PATH)
@OUT
@installation
def answer(ledger: Path, out: Path, config: Path | None, data: Path | None) -> None:
    """Confidence of answers, from LEDGER: a data folder of the bot, or of `vigilbot replay --keep`.

    What counts as right is what the humans said later: the typed outcome of each answer.
    """
    from vigilbot.app import open_ledger
    from vigilbot.engines.extractive.confidence import shipped
    from vigilbot.engines.extractive.train_answer import Row
    from vigilbot.engines.extractive.train_answer import train as fitted
    from vigilbot.errors import BadInput
    from vigilbot.evals.from_ledger import judged_answers

    settings = settings_of(config, data)
    writable(out)
    if not ledger.is_dir():
        raise BadInput("no such folder", place=str(ledger), remedy="Name the data folder of a bot")

    async def run() -> list[dict[str, Any]]:
        opened = await open_ledger(ledger)
        try:
            return await judged_answers(opened)
        finally:
            await opened.close()

    rows = [Row(features=r["features"], agreed=r["agreed"], group=r["group"]) for r in asyncio.run(run())]
    known = shipped()
    confidence = fitted(
        rows,
        model=settings.embedder.model,
        refuse=known.refuse,
        post=known.post,
        provenance={
            "data": [{"name": ledger.name}],
            "command": f"vigilbot train answer {ledger.name} --out {out.name}",
        },
    )
    write(out, confidence.to_json())
    click.echo(f"Coefficients: {out}, from {len(rows)} answers")
