"""``vigilbot bench``: the measurements of BENCHMARKS.md."""

from __future__ import annotations

import asyncio
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.bench import Part, Progress, Section
from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, settings_of
from vigilbot.cli.progress import TerminalProgress
from vigilbot.errors import BadInput

if TYPE_CHECKING:
    from vigilbot.settings import Settings

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
    """Measure speed, search and judgement, each beside a baseline in the same run; all of it takes
    some eighteen minutes on two cores.

    What needs conversations finds them in the folder that the environment variable VIGILBOT_DATA names:
    exports as NAME.zip, known documents as NAME.gold.jsonl beside them, labelled on-calls as *.jsonl.
    Without it those parts say that they are skipped, and search is measured on made texts.
    """
    if ctx.invoked_subcommand is None:
        measured(tuple(Part), json_file, document)
    elif json_file is not None or document is not None:
        raise BadInput("--json and --write belong behind the name of the part")


@bench.command(short_help="From a question to its card, with and without a language model.")
@_outputs
def latency(json_file: Path | None, document: Path | None) -> None:
    """From the end of the quiet time to the card: the live bot on loopback, extractive and with a model that
    answers after a fixed delay; and the bot's own work for a message."""
    measured((Part.LATENCY,), json_file, document)


@bench.command(short_help="How many events a second are taken in, and what becomes of them.")
@_outputs
def throughput(json_file: Path | None, document: Path | None) -> None:
    """Events at 300 a second: acknowledged, kept, worked off."""
    measured((Part.THROUGHPUT,), json_file, document)


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
    measured((Part.RETRIEVAL,), json_file, document, sizes=entries)


@bench.command(short_help="How well questions are told from everything else.")
@_outputs
def identify(json_file: Path | None, document: Path | None) -> None:
    """Every labelled file of the data folder, trained on one community and judged on the other."""
    measured((Part.IDENTIFY,), json_file, document)


@bench.command(short_help="Whole histories of chats, lived through from empty knowledge.")
@_outputs
def replay(json_file: Path | None, document: Path | None) -> None:
    """Every export of the data folder."""
    measured((Part.REPLAY,), json_file, document)


def measured(
    parts: Sequence[Part], json_file: Path | None, document: Path | None, *, sizes: tuple[int, ...] = ()
) -> None:
    """Measures; prints every part's tables as they are ready and writes them into the document, then the
    figures and a summary. Exit code 1 when something failed."""
    from vigilbot.bench.machine import this_machine
    from vigilbot.bench.report import Report, markdown, summary, to_json, written_into
    from vigilbot.providers.clock import SystemClock

    data = _folder()
    printed = json_file == STDOUT
    writable(None if printed else json_file)
    before = _document(document, parts)
    machine, at = this_machine(), SystemClock().now()
    sections: list[Section] = []
    took: dict[Part, float] = {}
    report = Report(at=at, machine=machine, sections=())
    for part, found, seconds in _found(parts, data, sizes):
        sections += found
        took[part] = seconds
        report = Report(at=at, machine=machine, sections=tuple(sections))
        click.echo(markdown(report, part) + "\n", err=printed)
        if document is not None:  # at once: what has been measured must not be lost with what comes
            write(document, written_into(before, report))
    figures = json.dumps(to_json(report), indent=2, default=str)
    if printed:
        click.echo(figures)
    elif json_file is not None:
        write(json_file, figures + "\n")
        click.echo(f"Figures: {json_file}")
    if document is not None:
        click.echo(f"Written into {document}", err=printed)
    click.echo(summary(report, took), err=printed)
    if report.failed:
        click.get_current_context().exit(1)


def _found(
    parts: Sequence[Part], data: Path | None, sizes: tuple[int, ...]
) -> Iterator[tuple[Part, list[Section], float]]:
    """Each part with the seconds that it took. Among several, one that fails says so in its own place."""
    from vigilbot.bench.report import clock

    began = time.monotonic()
    for part in parts:
        since = time.monotonic()
        found: list[Section] = []
        for name, step in _steps(part, data, sizes):
            click.echo(f"[{clock(time.monotonic() - began)}] {name}", err=True)
            try:
                found += step()
            except Exception as error:  # the outermost loop: the tables of the others are worth having
                if len(parts) == 1:
                    raise
                click.echo(traceback.format_exc(), err=True)
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                found.append(Section(part=part, title=name[0].upper() + name[1:], ran_on="", failed=reason))
        yield part, found, time.monotonic() - since


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


def _steps(
    part: Part, data: Path | None, sizes: tuple[int, ...]
) -> Iterator[tuple[str, Callable[[], list[Section]]]]:
    """What is measured of a part one after the other, by name."""
    settings, progress = settings_of(None, None), TerminalProgress(begins=True)
    if part is Part.LATENCY:
        from vigilbot.bench import latency as speed
        from vigilbot.bench import platforms
        from vigilbot.bench.overhead import measure_overhead

        yield "latency", lambda: asyncio.run(speed.measure(progress))
        yield "latency, Slack and Lark", lambda: asyncio.run(platforms.measure(progress))
        yield "latency, a model's call", lambda: [asyncio.run(measure_overhead(progress))]
    elif part is Part.THROUGHPUT:
        from vigilbot.bench import throughput as events

        yield "throughput", lambda: asyncio.run(events.measure(progress))
    elif part is Part.RETRIEVAL:
        from vigilbot.bench import retrieval as search

        at = sizes or search.SIZES
        yield "retrieval", lambda: asyncio.run(search.measure(settings, progress, data=data, sizes=at))
    else:
        yield part.value, lambda: _judged(part, data, settings, progress)


def _judged(part: Part, data: Path | None, settings: Settings, progress: Progress) -> list[Section]:
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
