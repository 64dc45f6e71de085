"""``vigilbot kb``: see and mend what the bot knows. Needs the ledger to itself, like the bot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from vigilbot.cli.kb_documents import add, documents
from vigilbot.cli.kb_mending import as_of, corrections, gaps, impact, undo
from vigilbot.cli.kb_report import report
from vigilbot.cli.kb_trust import contradictions, flagged, share, verify
from vigilbot.cli.options import A_PATH, installation, settings_of
from vigilbot.domain import PassageKind, Trust

C = TypeVar("C", bound=Callable[..., Any])
T = TypeVar("T")


@click.group()
def kb() -> None:
    """See and mend what the bot knows.

    The commands work on the ledger itself, so the bot must not be running on it. Whatever changes
    knowledge is recorded with who did it, and `vigilbot kb undo` takes it back.
    """


kb.add_command(add)
kb.add_command(documents)
for _more in (undo, as_of, impact, corrections, gaps, report, verify, share, contradictions, flagged):
    kb.add_command(_more)


def _as_json(command: C) -> C:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")(command)


def _actor(command: C) -> C:
    return click.option(
        "--actor", default=None, help="Who does this, for the record; default: your login name."
    )(command)


@kb.command("list", short_help="What it knows, an entry a line.")
@click.option("--channel", default="", help="Only what was learned in this channel, by name or id.")
@click.option("--space", default="", help="Only what this space may see.")
@click.option("--trust", type=click.Choice([t.value for t in Trust]), help="Only what is that far confirmed.")
@click.option("--kind", type=click.Choice(["qa", "chunk"]), help="Only this kind.")
@click.option("--retracted", is_flag=True, help="What was taken back, instead of what is in force.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Entries a page."
)
@click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="Which page.")
@_as_json
@installation
def list_(
    channel: str,
    space: str,
    trust: str | None,
    kind: str | None,
    retracted: bool,
    limit: int,
    page: int,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """List entries, a line each, in the order of their last change."""
    from vigilbot import admin
    from vigilbot.cli import kb_view
    from vigilbot.cli.installed import ledger_to_read

    async def act() -> admin.Page:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await admin.list_entries(
                ledger,
                channel=channel,
                space=space,
                trust=Trust(trust) if trust else None,
                kind=PassageKind(kind) if kind else None,
                retracted=retracted,
                limit=limit,
                offset=(page - 1) * limit,
            )

    found = _run(act())
    if as_json:
        _print_json(kb_view.page_json(found))
    else:
        kb_view.print_page(found, number=page, limit=limit)


@kb.command(short_help="The life of ENTRY and every answer that leaned on it.")
@click.argument("entry")
@_as_json
@installation
def show(entry: str, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Show the life of ENTRY: every revision, who supports it, the answers that leaned on it."""
    from vigilbot import admin
    from vigilbot.cli import kb_view
    from vigilbot.cli.installed import ledger_to_read

    async def act() -> admin.Life:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await admin.show_entry(ledger, entry)

    life = _run(act())
    if as_json:
        _print_json(kb_view.life_json(life))
    else:
        kb_view.print_life(life)


@kb.command(short_help="What it would find and answer for QUESTION.")
@click.argument("question")
@click.option(
    "--channel", default="", help="As asked in this channel (name or id), which sees only its spaces."
)
@click.option("--space", "spaces", multiple=True, help="Without --channel: only this space; repeatable.")
@click.option("--limit", type=click.IntRange(1, 1000), help="So many passages; default: retrieval.passages.")
@_as_json
@installation
def search(
    question: str,
    channel: str,
    spaces: tuple[str, ...],
    limit: int | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Rank what the bot knows for QUESTION, just as it would for a customer, and say what it would answer."""
    from vigilbot import admin
    from vigilbot.cli import kb_view
    from vigilbot.cli.installed import bot_of, place_of
    from vigilbot.errors import BadInput
    from vigilbot.pipeline import Judged
    from vigilbot.providers.clock import SystemClock

    if not question.strip():
        raise BadInput("the question is empty", place="kb search", remedy="Write it between quotes")
    settings = settings_of(config, data)

    async def act() -> Judged:
        clock = SystemClock()
        async with bot_of(settings, clock=clock, only_look=True) as parts:
            place = await place_of(parts.ledger, channel=channel, spaces=spaces)
            pipeline = parts.bot.pipeline
            return await admin.search(question, pipeline=pipeline, place=place, at=clock.now())

    judged = _run(act())
    shown = limit or settings.retrieval.passages
    if as_json:
        _print_json(kb_view.judged_json(judged, limit=shown))
    else:
        kb_view.print_judged(judged, limit=shown)


@kb.command(short_help="Take ENTRY out of use, with a reason.")
@click.argument("entry")
@click.option("--reason", required=True, help="Why, for the record and for whoever looks later.")
@_actor
@installation
def retract(entry: str, reason: str, actor: str | None, config: Path | None, data: Path | None) -> None:
    """Take ENTRY out of use: it answers nothing from now on. `vigilbot kb undo` brings it back."""
    from vigilbot import admin
    from vigilbot.cli.installed import knowledge_without_model, ledger_of, login
    from vigilbot.providers.clock import SystemClock

    async def act() -> None:
        clock = SystemClock()
        async with ledger_of(settings_of(config, data)) as ledger:
            knowledge = knowledge_without_model(ledger, clock=clock)
            await admin.retract(
                knowledge, ledger, entry, actor=actor or login(), reason=reason, at=clock.now()
            )

    _run(act())
    click.echo(f"Retracted {entry}. `vigilbot kb undo {entry}` brings it back.")


@kb.command(short_help="Embed what lacks a vector, rebuild the index.")
@click.option(
    "--all", "everything", is_flag=True, help="Every vector and lexical row, not only the missing ones."
)
@installation
def reindex(everything: bool, config: Path | None, data: Path | None) -> None:
    """Embed what has no vector of the configured model, and build the vector index anew.

    Wanted after embedder.model or embedder.path has changed, and after a restore. May be stopped and
    started again at any time.
    """
    from vigilbot.admin.reindex import embed_owed, owed_vectors, rewrite_lexical
    from vigilbot.cli.installed import build_generation, ledger_of
    from vigilbot.cli.progress import TerminalProgress

    settings = settings_of(config, data)

    async def act() -> None:
        from vigilbot.app import open_embedder

        progress = TerminalProgress()
        async with ledger_of(settings) as ledger:
            embedder = await open_embedder(settings)
            owed = await owed_vectors(ledger, model=embedder.model, everything=everything)
            with progress.phase("Embedding", len(owed)) as step:
                await embed_owed(ledger, embedder, owed, step=step)
            phrasings = sum(each.phrasing for each in owed)
            click.echo(
                f"Embedded {len(owed) - phrasings} entries and {phrasings} wordings with {embedder.model}."
            )
            if everything:
                click.echo(f"Wrote {await rewrite_lexical(ledger)} lexical rows.")
            if settings.retrieval.index == "chroma":
                vectors = await build_generation(settings, ledger, model=embedder.model, progress=progress)
                click.echo(f"Built the index: {vectors} vectors.")

    _run(act())


@kb.command(short_help="Write every entry in force as JSON Lines.")
@click.argument("file", type=A_PATH, required=False)
@installation
def export(file: Path | None, config: Path | None, data: Path | None) -> None:
    """Write every entry in force to FILE, or to standard output, as JSON Lines.

    One entry a line, in the order of their ids; `vigilbot kb import --help` lists the fields.
    """
    from vigilbot.admin.exchange import export_lines
    from vigilbot.cli.files import writable, write
    from vigilbot.cli.installed import ledger_to_read

    async def act() -> list[str]:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return [line async for line in export_lines(ledger)]

    writable(file)
    lines = _run(act())
    if file is None:
        click.echo("".join(line + "\n" for line in lines).encode(), nl=False)  # UTF-8 on every terminal
        return
    write(file, "".join(line + "\n" for line in lines))
    click.echo(f"Wrote {len(lines)} entries to {file}.")


@kb.command("import", short_help="Put the entries of a JSON Lines file in force.")
@click.argument("file", type=A_PATH)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--tenant", default=None, help="Workspace of lines without; default: the ledger's only one.")
@click.option("--space", default=None, help="Space for lines without; default: the configured or public one.")
@_as_json
@_actor
@installation
def import_(
    file: Path,
    dry_run: bool,
    tenant: str | None,
    space: str | None,
    as_json: bool,
    actor: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Put the entries of FILE (JSON Lines, as `vigilbot kb export` writes) in force, all or none.

    Every line is checked before anything is written. Importing a file twice changes nothing, and what
    was revised or retracted here since is left alone.

    The fields of a line; only the first three must be there, others left out stay as they are:

    \b
    id            text without spaces; the same id is the same entry wherever it is imported
    question      what the entry answers (of a chunk: its headings)
    answer        the answer (of a chunk: its text)
    format        1
    revision      the entry's revision, from 1
    kind          qa | chunk
    tenant        the workspace it belongs to; import has --tenant for lines without
    space         who may see it; import has --space for lines without
    channel       id of the channel it was learned in, "" for none
    precondition  when the answer holds, "" for always
    citations     [{"url": http(s) or "", "title": text}]
    trust         probation | confirmed | verified
    expires_at    time with offset, or null
    support       [{"oncall", "kind", "channel", "customer", "question", "at"}]
    provenance    {"learned_from", "message_ids", "operation", "actor", "reason", "valid_from"}
    """
    from vigilbot.admin.lines import read_lines
    from vigilbot.app import PUBLIC
    from vigilbot.cli import kb_view
    from vigilbot.cli.installed import bring_in, login

    settings = settings_of(config, data)
    done = _run(
        bring_in(
            settings,
            read_lines(file),
            actor=actor or login(),
            source=file.name,
            tenant=tenant,
            space=space or settings.scope.space or PUBLIC,
            dry_run=dry_run,
        )
    )
    if as_json:
        _print_json(kb_view.imported_json(done, dry_run=dry_run))
    else:
        kb_view.print_imported(done, dry_run=dry_run)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def _print_json(value: object) -> None:
    """ASCII, so that neither an encoding nor a text's control characters can spoil it."""
    click.echo(json.dumps(value, indent=2))
