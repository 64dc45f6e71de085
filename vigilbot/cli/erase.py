"""``vigilbot erase``: what a person wrote leaves the ledger for good."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput
from vigilbot.text import clean, shorten

if TYPE_CHECKING:
    from vigilbot.admin.erasing import Erasure
    from vigilbot.settings import Settings


@click.command()
@click.option("--person", required=True, help="The user id, such as U0123ABCD.")
@click.option("--tenant", default=None, help="The workspace; default: the ledger's only one.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--actor", default=None, help="Who does this, for the record; default: your login name.")
@installation
def erase(
    person: str, tenant: str | None, yes: bool, actor: str | None, config: Path | None, data: Path | None
) -> None:
    """Blank everything a person wrote, and what was learned from it alone. Cannot be taken back.

    Rows stay, their text goes: messages, events, requests, names, questions, answers and traces made of
    them; entries learned from their words are taken out of use and blanked in every revision, the words by
    which they asked for what others explained are dropped. Afterwards no byte of it is left in the ledger's
    files. Backups, exports, logs, kept pages of `replay slack:` and kept replies of
    models are yours to delete.
    """
    from vigilbot.interactions.command_mend import erased_words

    settings = settings_of(config, data)
    found = asyncio.run(_plan(settings, person, tenant))
    click.echo(f"{shorten(clean(found.name), 80) or person}: {erased_words(found)}.")
    if found.nothing:
        raise BadInput("nothing is known of this person", place=person, remedy="Give the user id")
    if not yes:
        click.confirm("Erase it for good? This cannot be taken back", abort=True)
    asyncio.run(_erase(settings, found, actor))
    click.echo("Erased. Backups and exports made before still hold it.")


async def _plan(settings: Settings, person: str, tenant: str | None) -> Erasure:
    from vigilbot.admin.erasing import plan
    from vigilbot.cli.installed import ledger_of

    async with ledger_of(settings) as ledger:
        home = tenant or await ledger.only_tenant()
        if home is None:
            remedy = "Name it with --tenant"
            raise BadInput("the ledger does not know just one workspace", place="erase", remedy=remedy)
        return await plan(ledger, tenant=home, person=person)


async def _erase(settings: Settings, found: Erasure, actor: str | None) -> None:
    from vigilbot.admin.erasing import erase as erased
    from vigilbot.cli.installed import knowledge_of, ledger_of, login
    from vigilbot.providers.clock import SystemClock

    clock = SystemClock()
    async with ledger_of(settings) as ledger:
        knowledge, _ = await knowledge_of(settings, ledger, clock=clock)
        await erased(found, ledger=ledger, knowledge=knowledge, actor=actor or login(), at=clock.now())
