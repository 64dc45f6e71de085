"""``vigilbot bench``: the measurements of BENCHMARKS.md, on the data folder VIGILBOT_DATA names."""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from vigilbot.cli.files import writable, write
from vigilbot.cli.options import A_PATH, settings_of
from vigilbot.errors import BadInput

VARIABLE = "VIGILBOT_DATA"


@click.command()
@click.option("--out", type=A_PATH, help="Also write the tables to this file.")
def bench(out: Path | None) -> None:
    """Replay every export and score every labelled file of the data folder, and say what was measured.

    The folder is named by the environment variable VIGILBOT_DATA: exports as NAME.zip, known documents as
    NAME.gold.jsonl beside them, labelled on-calls as *.jsonl. Without it there is nothing to measure.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        click.echo(f"skipped: no data ({VARIABLE} is not set)")
        return
    data = Path(folder)
    if not data.is_dir():
        raise BadInput("no such folder", place=f"{VARIABLE}={folder}", remedy="Name the folder of the data")
    writable(out)
    exports = sorted(data.glob("*.zip"))
    labelled = sorted(p for p in data.glob("*.jsonl") if not p.name.endswith(".gold.jsonl"))
    if not exports and not labelled:
        click.echo(f"skipped: no data (no *.zip and no *.jsonl in {VARIABLE})")
        return
    text = asyncio.run(_tables(exports, labelled))
    click.echo(text)
    if out is not None:
        write(out, text + "\n")


async def _tables(exports: list[Path], labelled: list[Path]) -> str:
    lines = [
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, engine extractive.",
        "",
        "| export | start | conversations | messages | posted | precision | hit@1 | macro | hit@3 | hit@8 | "
        "prior hit@1 | macro | ceiling | online 0.9 | online 0.8 | learned | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for export in exports:
        for start in ("immediately", "analyst_joined"):
            lines.append(_row(export.stem, start, await _replayed(export, start)))
    for file in labelled:
        lines += ["", f"Identification on {file.name}, trained on one community and judged on the other:", ""]
        lines.append(await _identified(file))
    return "\n".join(lines)


async def _replayed(export: Path, start: str) -> dict[str, Any]:
    from vigilbot.app import open_embedder
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.domain import Gate
    from vigilbot.evals.gold import match_gold, read_gold
    from vigilbot.evals.replay_report import replay_report
    from vigilbot.platforms.replay import read_export
    from vigilbot.replay import replay

    settings = settings_of(None, None)
    read = read_export(export)
    known = export.with_suffix(".gold.jsonl")
    gold = match_gold(read_gold(known), read) if known.is_file() else None
    resolutions = {w: c.resolution_at for w, c in (gold.by_thread() if gold else {}).items()}
    with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
        done = await replay(
            read,
            settings=settings,
            folder=Path(folder),
            progress=TerminalProgress(),
            start=Gate(start),
            latency=timedelta(seconds=5),
            resolutions=resolutions,
            embedder=await open_embedder(settings),
        )
    return dict(replay_report(done.records, gold=gold).figures)


def _row(name: str, start: str, figures: dict[str, Any]) -> str:
    gold = figures["gold"]
    cells: list[object] = [name, start, figures["conversations"], figures["messages"], figures["posted"]]
    if gold is None:
        cells += ["-"] * 10
    else:
        at = gold["before_resolution"]
        cells += [gold["posted"]["precision"], at["hit_at_1"], at["macro_hit_at_1"], at["hit_at_3"]]
        cells += [at["hit_at_8"], gold["prior"]["hit_at_1"], gold["prior"]["macro_hit_at_1"], gold["ceiling"]]
        cells += [f"{p['coverage']} at {p['precision']}" for p in gold["online"].values()]
    cells += [figures["knowledge"]["qa"], figures["seconds"]]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


async def _identified(file: Path) -> str:
    from vigilbot.app import open_embedder
    from vigilbot.evals import identify

    return identify.render(
        await identify.evaluate_across(identify.read(file), await open_embedder(settings_of(None, None)))
    )
