"""``vigilbot dead``: work that was given up after all its tries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput
from vigilbot.text import clean, shorten

if TYPE_CHECKING:
    from vigilbot.admin.deadletters import DeadLetter
    from vigilbot.settings import Settings

_NUMBERS = click.argument("numbers", nargs=-1, type=click.IntRange(min=1))
_ALL = click.option("--all", "every", is_flag=True, help="All of them.")
_ACTOR = click.option(
    "--actor", default=None, help="Who does this, for the record; default: your login name."
)


@click.group()
def dead() -> None:
    """See, retry or drop what was given up: events, cards, clicks, runs, lessons, documents.

    Looking does not disturb a running bot. To retry or drop while it runs, use /vigil dead in the chat.
    """


@dead.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def list_(as_json: bool, config: Path | None, data: Path | None) -> None:
    """List them, the oldest first, each with its reason."""
    found = asyncio.run(_look(settings_of(config, data), ()))
    if as_json:
        click.echo(json.dumps({"dead": [_json(each) for each in found]}, indent=2))
        return
    if not found:
        click.echo("Nothing was given up.")
    for each in found:
        where = f" #{each.channel_name}" if each.channel_name else ""
        _line(f"{each.number:>5}  {each.kind:8}  {_minute(each)}{where}  {each.why}")


@dead.command()
@click.argument("number", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def show(number: int, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Show one: what it is about, why it was given up, and what may help."""
    [each] = asyncio.run(_look(settings_of(config, data), (number,)))
    if as_json:
        click.echo(json.dumps(_json(each), indent=2))
        return
    _line(f"{each.kind} {each.subject}, given up {_minute(each)} UTC")
    for name, value in (
        ("about", each.what),
        ("on-call", each.oncall),
        ("channel", each.channel_name),
        ("reason", each.why),
        ("remedy", each.remedy),
    ):
        if value:
            _line(f"{name:8} {value}")


@dead.command()
@_NUMBERS
@_ALL
@_ACTOR
@installation
def retry(
    numbers: tuple[int, ...], every: bool, actor: str | None, config: Path | None, data: Path | None
) -> None:
    """Have NUMBERS tried again from the bot's next start on, with all their tries."""
    done = asyncio.run(_decide(settings_of(config, data), _given(numbers, every), drop=False, actor=actor))
    click.echo(f"{done} will be tried again by the bot.")


@dead.command()
@_NUMBERS
@_ALL
@click.option("--yes", is_flag=True, help="Do not ask.")
@_ACTOR
@installation
def drop(
    numbers: tuple[int, ...],
    every: bool,
    yes: bool,
    actor: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Leave NUMBERS undone for good; asks first. A click that is dropped never has its effect."""
    settings = settings_of(config, data)
    found = asyncio.run(_look(settings, _given(numbers, every)))
    for each in found:
        _line(f"{each.number:>5}  {each.kind:8}  {_minute(each)}  {each.why}")
    if not yes and found:
        click.confirm(f"Drop these {len(found)}? They will never be done", abort=True)
    done = asyncio.run(_decide(settings, tuple(each.number for each in found), drop=True, actor=actor))
    click.echo(f"Dropped {done}.")


def _given(numbers: tuple[int, ...], every: bool) -> tuple[int, ...]:
    if bool(numbers) == every:
        raise BadInput("name numbers, or --all", place="dead", remedy="`vigilbot dead list` shows them")
    return numbers


async def _look(settings: Settings, numbers: Sequence[int]) -> tuple[DeadLetter, ...]:
    from vigilbot.admin.deadletters import find
    from vigilbot.cli.installed import ledger_to_read

    async with ledger_to_read(settings) as ledger:
        return await find(ledger, numbers)


async def _decide(settings: Settings, numbers: Sequence[int], *, drop: bool, actor: str | None) -> int:
    from vigilbot.admin import deadletters
    from vigilbot.cli.installed import ledger_of, login
    from vigilbot.providers.clock import SystemClock

    at, by = SystemClock().now(), actor or login()
    async with ledger_of(settings) as ledger:
        found = await deadletters.find(ledger, numbers)
        if drop:
            return await deadletters.drop(ledger, found, actor=by, at=at)
        stale = timedelta(seconds=settings.cards.stale)
        return await deadletters.retry(ledger, found, actor=by, at=at, stale=stale)


def _json(each: DeadLetter) -> dict[str, Any]:
    named = ("number", "tenant", "subject", "why", "what", "oncall", "channel_name", "remedy")
    return {
        **{name: getattr(each, name) for name in named},
        "kind": each.kind.value,
        "at": each.at.isoformat(),
    }


def _line(text: str) -> None:
    click.echo(shorten(clean(text).rstrip(), 480))


def _minute(each: DeadLetter) -> str:
    return f"{each.at.astimezone(UTC):%Y-%m-%d %H:%M}"
