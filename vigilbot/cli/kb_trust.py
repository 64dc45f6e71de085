"""``vigilbot kb verify``, ``share``, ``contradictions``, ``flagged``: what waits for an operator's word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput
from vigilbot.text import clean, shorten

LONG = 300  # characters of one text
_ACTOR = click.option(
    "--actor", default=None, help="Who does this, for the record; default: your login name."
)


@click.command(short_help="Stand by ENTRY: it leaves probation.")
@click.argument("entry")
@_ACTOR
@installation
def verify(entry: str, actor: str | None, config: Path | None, data: Path | None) -> None:
    """Stand by ENTRY: it leaves probation and does not expire. `vigilbot kb undo` takes it back."""
    from vigilbot.admin import trusting
    from vigilbot.cli.installed import knowledge_without_model, ledger_of, login
    from vigilbot.providers.clock import SystemClock

    async def act() -> bool:
        clock = SystemClock()
        async with ledger_of(settings_of(config, data)) as ledger:
            knowledge = knowledge_without_model(ledger, clock=clock)
            return await trusting.verify(knowledge, ledger, entry, actor=actor or login(), at=clock.now())

    done = asyncio.run(act())
    click.echo(f"{entry} is verified now." if done else f"{entry} is verified already.")


@click.command(short_help="Tell ENTRY to all customers, in redacted form.")
@click.argument("entry")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_ACTOR
@installation
def share(entry: str, yes: bool, actor: str | None, config: Path | None, data: Path | None) -> None:
    """Tell ENTRY to all customers: a copy without names, secrets and where it comes from.

    The text is shown first. `vigilbot kb undo` of the copy takes it back.
    """
    from vigilbot.cli.installed import knowledge_of, ledger_of, login
    from vigilbot.knowledge.spaces import Shared, Spaces
    from vigilbot.ledger.rows import to_entry
    from vigilbot.providers.clock import SystemClock

    settings = settings_of(config, data)

    async def act() -> Shared:
        clock = SystemClock()
        async with ledger_of(settings) as ledger:
            row = await ledger.entries.entry(entry)
            if row is None or row["retracted"]:
                raise BadInput("no such entry in force", place=entry, remedy="`vigilbot kb list` names them")
            knowledge, _ = await knowledge_of(settings, ledger, clock=clock)
            await knowledge.load()  # to find what says the same already
            spaces = Spaces(ledger=ledger, knowledge=knowledge, clock=clock)
            words = await spaces.redacted(to_entry(row), tenant=row["tenant"])
            click.echo(f"Q: {clean(words.question)}\nA: {clean(words.answer)}")
            if words.precondition:
                click.echo(f"Only if: {clean(words.precondition)}")
            for url in words.links:
                click.echo(f"link: {clean(url)}")
            if not yes:
                click.confirm("Tell this to all customers?", abort=True)
            return await spaces.share(
                to_entry(row),
                words,
                tenant=row["tenant"],
                actor=actor or login(),
                reason="shared by an operator",
            )

    shared = asyncio.run(act())
    if shared.new:
        click.echo(f"Shared as {shared.entry}. `vigilbot kb undo {shared.entry}` takes it back.")
    else:
        click.echo(f"Everybody could be told that already, as {shared.entry}.")


@click.command(short_help="Entries that answer one question differently.")
@click.option("--all", "everything", is_flag=True, help="Those that were settled, too.")
@installation
def contradictions(everything: bool, config: Path | None, data: Path | None) -> None:
    """List entries that answer the same question differently, and what settled them."""
    from vigilbot.admin import trusting
    from vigilbot.cli.installed import ledger_to_read
    from vigilbot.knowledge.trust import Dispute
    from vigilbot.providers.clock import SystemClock

    async def act() -> list[Dispute]:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await trusting.disputes(ledger, at=SystemClock().now())

    found = [each for each in asyncio.run(act()) if everything or each.open]
    if not found:
        click.echo("Nothing contradicts.")
    for each in found:
        row = each.row
        state = f"settled for {each.winner or 'both'}: {each.why}" if each.why else "open"
        click.echo(f"{shorten(clean(row['b_question']), LONG)} ({state})")
        click.echo(f"  {row['first']}  {shorten(clean(row['a_answer']), LONG)}")
        click.echo(f"  {row['second']}  {shorten(clean(row['b_answer']), LONG)}")


@click.command(short_help="Entries in doubt, and those that have expired.")
@installation
def flagged(config: Path | None, data: Path | None) -> None:
    """List what a review holds for wrong and may not change itself, with the evidence; and what expired."""
    from vigilbot.admin import trusting
    from vigilbot.admin.trusting import Waiting
    from vigilbot.cli.installed import ledger_to_read
    from vigilbot.providers.clock import SystemClock

    async def act() -> Waiting:
        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await trusting.waiting(ledger, at=SystemClock().now())

    found = asyncio.run(act())
    if not found.flagged and not found.expired:
        click.echo("Nothing is flagged, and nothing has expired.")
    for row in found.flagged:
        click.echo(
            f"{row['subject']}  in doubt since {row['at'][:16]}  {shorten(clean(row['question']), LONG)}"
        )
        click.echo(f"  says: {shorten(clean(row['answer']), LONG)}")
        click.echo(f"  why: {shorten(clean(row['detail']), LONG)}")
        for each in found.evidence[row["id"]]:
            click.echo(f"  said: {shorten(clean(each), LONG)}")
    for row in found.expired:
        click.echo(
            f"{row['entry']}  expired {row['expires_at'][:16]}  {shorten(clean(row['question']), LONG)}"
        )
