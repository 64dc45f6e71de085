"""``vigilbot kb add`` and ``vigilbot kb documents``: documents as a source of answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput
from vigilbot.ports import Row
from vigilbot.settings import Settings
from vigilbot.text import clean, shorten

if TYPE_CHECKING:
    from vigilbot.admin.collecting import Brought

STATES = ("asked", "due", "indexed", "refused", "gone", "ignored")


@click.command(short_help="Learn from pages, files, a folder or a sitemap.")
@click.argument("sources", nargs=-1, required=True, metavar="URL|FILE|FOLDER|SITEMAP...")
@click.option("--space", default=None, help="Who may see it; default: the configured or public space.")
@click.option("--tenant", default=None, help="The workspace; default: the ledger's only one.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="At most so many documents.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@click.option("--actor", default=None, help="Who does this, for the record; default: your login name.")
@installation
def add(
    sources: tuple[str, ...],
    space: str | None,
    tenant: str | None,
    limit: int,
    as_json: bool,
    actor: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Learn from documents: pages, files (HTML, Markdown, text, PDF), folders of them, sitemaps.

    Pages are looked at again from time to time (documents.refresh) while the bot runs; files when they
    are added again. What changed is revised, what is gone is taken back. A line tells of every document
    that could not be used, and why; the exit code is 1 when none could.
    """
    settings = settings_of(config, data)
    done, left_out = asyncio.run(
        _bring(settings, sources, space=space, tenant=tenant, limit=limit, actor=actor)
    )
    if as_json:
        failed = [{"source": name, "reason": reason} for name, reason in done.failed]
        shown = {"documents": [_json(row) for row in done.rows], "failed": failed, "left_out": left_out}
        click.echo(json.dumps(shown, indent=2))
    else:
        _tell(done)
        if left_out:
            click.echo(f"Left out {left_out} beyond --limit.", err=True)
    if done.lost and not done.known:
        raise SystemExit(1)


async def _bring(
    settings: Settings,
    sources: Sequence[str],
    *,
    space: str | None,
    tenant: str | None,
    limit: int,
    actor: str | None,
) -> tuple[Brought, int]:
    """What came of the sources, and how many documents were left out. Raises BadInput."""
    from vigilbot.admin.collecting import bring, collect
    from vigilbot.app import LEDGER, PUBLIC
    from vigilbot.cli.installed import knowledge_of, ledger_of, login
    from vigilbot.cli.progress import TerminalProgress
    from vigilbot.providers.clock import SystemClock
    from vigilbot.providers.kinds import BY_ENDING, XML, kind_of
    from vigilbot.reading import documents_of, fetcher_of

    clock = SystemClock()
    endings = [ending for ending, kind in BY_ENDING.items() if kind != XML]
    collected = await collect(sources, endings=endings, fetcher=fetcher_of(settings), limit=limit)
    remedy = f"Files end in {', '.join(endings)}"
    nothing = BadInput("nothing to add", place=" ".join(sources), remedy=remedy)
    if not collected.count and not (settings.data.dir / LEDGER).exists():
        raise nothing
    async with ledger_of(settings, make=True) as ledger:
        home = tenant or await ledger.only_tenant()
        if home is None:
            raise BadInput(
                "the ledger does not know just one workspace", place="kb add", remedy="Name it with --tenant"
            )
        knowledge, _ = await knowledge_of(settings, ledger, clock=clock)
        with TerminalProgress().phase("Reading documents", collected.count) as step:
            done = await bring(
                collected,
                documents=documents_of(settings, ledger=ledger, knowledge=knowledge, clock=clock),
                ledger=ledger,
                kind=lambda content, path: kind_of(content, address=path),
                tenant=home,
                space=space or settings.scope.space or PUBLIC,
                actor=actor or login(),
                at=clock.now(),
                step=step,
            )
    if not done.rows and not done.failed:  # and no file has left its folder either
        raise nothing
    return done, collected.left_out


@click.command(short_help="Every document it was given, and what came of it.")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--space", default="", help="Only those of this space.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def documents(state: str | None, space: str, as_json: bool, config: Path | None, data: Path | None) -> None:
    """List documents with their state.

    asked: a customer's link that waits for an analyst's word. due: not read yet. indexed: answers from it.
    refused: cannot be used, with the reason. gone: was not there any more. ignored: an analyst said no.
    """
    from vigilbot.cli.installed import ledger_to_read

    async def act() -> list[Row]:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await ledger.documents.all()

    found = [
        row
        for row in asyncio.run(act())
        if (not state or row["state"] == state) and (not space or row["space"] == space)
    ]
    if as_json:
        click.echo(json.dumps({"documents": [_json(row) for row in found]}, indent=2))
    else:
        _table(found)


def _json(row: Row) -> dict[str, Any]:
    names = ("id", "tenant", "space", "url", "title", "state", "chunks", "added_by", "added_at", "fetched_at")
    return {
        **{name: row[name] for name in names},
        "source": _source(row),
        "reason": row["last_error"],
        "due_at": row["due_at"],
    }


def _source(row: Row) -> str:
    return str(row["url"] or row["key"].removeprefix("file:"))


def _tell(done: Brought) -> None:
    for name, reason in done.failed:
        _line("refused", name, reason)
    for row in done.rows:
        if row["state"] != "indexed" or row["last_error"]:
            _line(row["state"], _source(row), row["last_error"])
    parts = sum(row["chunks"] for row in done.rows if row["state"] == "indexed")
    click.echo(f"{done.known} of {done.known + done.lost} documents are known, in {parts} parts.")


def _line(state: str, name: str, reason: str) -> None:
    click.echo(f"{state}: {shorten(clean(name), 300)}: {shorten(clean(reason), 300)}", err=True)


def _table(rows: list[Row]) -> None:
    console = Console()
    if not rows:
        console.print("No documents.")
        return
    table = Table(
        "state", "document", "parts", "space", "looked at", "reason", box=SIMPLE_HEAD, pad_edge=False
    )
    table.columns[1].overflow = "fold"
    for row in rows:
        title = shorten(clean(row["title"]), 120)
        name = Text(f"{title}\n{_source(row)}" if title else _source(row))
        looked = (row["fetched_at"] or "")[:16].replace("T", " ")
        table.add_row(
            row["state"],
            name,
            str(row["chunks"] or ""),
            row["space"],
            looked,
            Text(shorten(row["last_error"], 200)),
        )
    console.print(table)
