"""``vigilbot bench``: the measurements of BENCHMARKS.md."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.bench import Part, Section
from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, settings_of
from vigilbot.cli.progress import TerminalProgress
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.bench.report import Report

VARIABLE = "VIGILBOT_DATA"
STDOUT = Path("-")


def _outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--json`` and ``--write``."""
    command = click.option(
        "--write",
        "document",
        type=A_PATH,
        help="Put the tables into this document, between its markers <!-- bench:NAME -->.",
    )(command)
    return click.option(
        "--json", "json_file", type=A_PATH, help="Write the figures to this file; - prints only them."
    )(command)


@click.group(invoke_without_command=True)
@_outputs
@click.pass_context
def bench(ctx: click.Context, json_file: Path | None, document: Path | None) -> None:
    """Measure speed, search and judgement, each beside a baseline in the same run; all of it takes some
    twenty minutes on two cores.

    What needs conversations finds them in the folder that the environment variable VIGILBOT_DATA names:
    exports as NAME.zip, known documents as NAME.gold.jsonl beside them, labelled on-calls as *.jsonl.
    Without it those parts say that they are skipped, and search is measured on made texts.
    """
    if ctx.invoked_subcommand is None:
        _measured(tuple(Part), json_file, document)
    elif json_file is not None or document is not None:
        raise BadInput("--json and --write belong behind the name of the part")


@bench.command(short_help="From a question to its card, with and without a language model.")
@_outputs
def latency(json_file: Path | None, document: Path | None) -> None:
    """From the end of the quiet time to the card: the live bot on loopback, extractive and with a model that
    answers after a fixed delay; and the bot's own work for a message."""
    _measured((Part.LATENCY,), json_file, document)


@bench.command(short_help="How many events a second are taken in, and what becomes of them.")
@_outputs
def throughput(json_file: Path | None, document: Path | None) -> None:
    """Events at 300 a second: acknowledged, kept, worked off."""
    _measured((Part.THROUGHPUT,), json_file, document)


@bench.command(short_help="Search in small and large knowledge bases; start and memory.")
@_outputs
@click.option(
    "--entries",
    type=click.IntRange(100, 1_000_000),
    multiple=True,
    help="Sizes of the knowledge base; default: 10000 and 272325.",
)
def retrieval(json_file: Path | None, document: Path | None, entries: tuple[int, ...]) -> None:
    """Search by meaning and by words, building the index, loading, start and memory."""
    _measured((Part.RETRIEVAL,), json_file, document, sizes=entries)


@bench.command(short_help="How well questions are told from everything else.")
@_outputs
def identify(json_file: Path | None, document: Path | None) -> None:
    """Every labelled file of the data folder, trained on one community and judged on the other."""
    _measured((Part.IDENTIFY,), json_file, document)


@bench.command(short_help="Whole histories of chats, lived through from empty knowledge.")
@_outputs
def replay(json_file: Path | None, document: Path | None) -> None:
    """Every export of the data folder."""
    _measured((Part.REPLAY,), json_file, document)


def _measured(
    parts: Sequence[Part], json_file: Path | None, document: Path | None, *, sizes: tuple[int, ...] = ()
) -> None:
    """Measures, prints every table as it is ready, then writes what was asked for."""
    from vigilbot.bench.machine import this_machine
    from vigilbot.bench.report import Report, markdown, to_json, written_into
    from vigilbot.providers.clock import SystemClock

    data = _folder()
    printed = json_file == STDOUT
    writable(None if printed else json_file)
    before = _document(document, parts)
    machine, at = this_machine(), SystemClock().now()
    sections: list[Section] = []
    for part in parts:
        found = _sections(part, data, sizes)
        sections += found
        told = markdown(Report(at=at, machine=machine, sections=tuple(found)), part)
        click.echo(told + "\n", err=printed)
    report = Report(at=at, machine=machine, sections=tuple(sections))
    figures = json.dumps(to_json(report), indent=2, default=str)
    if printed:
        click.echo(figures)
    elif json_file is not None:
        write(json_file, figures + "\n")
        click.echo(f"Figures: {json_file}")
    if document is not None:
        write(document, written_into(before, report))
        click.echo(f"Written into {document}", err=printed)
    _say_missed(report, err=printed)


def _say_missed(report: Report, *, err: bool) -> None:
    for figure in report.missed:
        click.echo(f"Misses its aim: {figure.name}", err=err)


def _document(document: Path | None, parts: Sequence[Part]) -> str:
    """Its text; says before anything is measured if it could not be written."""
    if document is None:
        return ""
    from vigilbot.bench.report import place_of

    writable(document)
    try:
        text = document.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadInput("cannot be read", place=str(document), remedy="Name a document") from error
    for part in parts:
        place_of(part, text, name=str(document))
    return text


def _folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise BadInput("no such folder", place=f"{VARIABLE}={named}", remedy="Name the folder of the data")
    return folder


def _sections(part: Part, data: Path | None, sizes: tuple[int, ...]) -> list[Section]:
    settings, progress = settings_of(None, None), TerminalProgress()
    if part is Part.LATENCY:
        from vigilbot.bench import latency as speed
        from vigilbot.bench import platforms
        from vigilbot.bench.overhead import measure_overhead

        found = [*asyncio.run(speed.measure(progress)), *asyncio.run(platforms.measure(progress))]
        return [*found, asyncio.run(measure_overhead(progress))]
    if part is Part.THROUGHPUT:
        from vigilbot.bench import throughput as events

        return asyncio.run(events.measure(progress))
    if part is Part.RETRIEVAL:
        from vigilbot.bench import retrieval as search

        return asyncio.run(search.measure(settings, progress, data=data, sizes=sizes or search.SIZES))
    if data is None:
        return [_skipped(part, f"no data ({VARIABLE} is not set)")]
    from vigilbot.bench import judging

    exports = sorted(data.glob("*.zip"))
    labelled = sorted(p for p in data.glob("*.jsonl") if not p.name.endswith(".gold.jsonl"))
    if not (exports if part is Part.REPLAY else labelled):
        kind = "*.zip" if part is Part.REPLAY else "*.jsonl"
        return [_skipped(part, f"no data (no {kind} in {VARIABLE})")]
    if part is Part.REPLAY:
        return asyncio.run(
            judging.measure_replay(partial(settings_of, None, None), progress, exports=exports)
        )
    return asyncio.run(judging.measure_identify(settings, progress, files=labelled))


def _skipped(part: Part, why: str) -> Section:
    return Section(part=part, title=part.value.capitalize(), ran_on="", skipped=why)
