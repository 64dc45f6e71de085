"""``vigilbot backup`` and ``vigilbot restore``: the ledger as one file, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import A_PATH, installation, settings_of

if TYPE_CHECKING:
    from vigilbot.stores.backup import Copy


@click.command()
@click.argument("file", type=A_PATH)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@installation
def backup(file: Path, force: bool, config: Path | None, data: Path | None) -> None:
    """Copy the ledger into FILE, beside a running bot.

    One file with everything as of one moment; it is read back before it gets its name. It holds what people
    wrote: only you may read it, and what is erased later is still in it.
    """
    from vigilbot.app import LEDGER
    from vigilbot.stores.backup import back_up

    place = _ledger(settings_of(config, data).data.dir / LEDGER)
    with _progress("Copying the ledger") as step:
        made = back_up(place, file, replace=force, step=step)
    click.echo(f"{file}: {_described(made)}")
    click.echo(f"sha256 {made.sha256}")


@click.command()
@click.argument("file", type=A_PATH)
@click.option("--sha256", default="", help="What `vigilbot backup` said of FILE; anything else is refused.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--actor", default=None, help="Who does this, for the record; default: your login name.")
@installation
def restore(
    file: Path, sha256: str, yes: bool, actor: str | None, config: Path | None, data: Path | None
) -> None:
    """Put the backup FILE in the ledger's place. No bot may run on it meanwhile.

    FILE is read in full before anything changes. The ledger that was there is kept beside the new one. The
    vector index follows by itself at the next start.
    """
    from vigilbot.app import LEDGER
    from vigilbot.cli.installed import login
    from vigilbot.errors import BadInput
    from vigilbot.providers.clock import SystemClock
    from vigilbot.stores.backup import look_into
    from vigilbot.stores.backup import restore as put_back
    from vigilbot.stores.migrations import bundled

    place = settings_of(config, data).data.dir / LEDGER
    known = max(migration.number for migration in bundled())
    found = look_into(file, known=known)
    click.echo(f"{file}: {_described(found)}")
    if sha256 and sha256.strip().lower() != found.sha256:
        raise BadInput(
            f"has another checksum ({found.sha256})", place=str(file), remedy="Fetch the backup again"
        )
    if place.exists() and not yes:
        click.confirm(f"Put it in the place of {place}, which is kept beside it?", abort=True)
    with _progress("Restoring") as step:
        kept = put_back(file, place, known=known, actor=actor or login(), at=SystemClock().now(), step=step)
    click.echo(f"Restored to {place}." + (f" What was there is kept as {kept.name}." if kept else ""))


def _ledger(place: Path) -> Path:
    from vigilbot.errors import BadInput

    if not place.is_file():
        raise BadInput("no ledger", place=str(place), remedy="Name the bot's folder with --data or data.dir")
    return place


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Tells of pages, of which a small ledger has few: then it says nothing."""
    from vigilbot.cli.progress import TerminalProgress

    steps: list[Callable[[int], None]] = []
    done = 0
    with ExitStack() as stack:

        def step(left: int, total: int) -> None:
            nonlocal done
            if not steps:
                steps.append(stack.enter_context(TerminalProgress().phase(title, total)))
            steps[0](total - left - done)
            done = total - left

        yield step


def _described(copy: Copy) -> str:
    last = f"last message {_time(copy.last)}" if copy.last else "no messages"
    return f"{copy.size / 1e6:.1f} MB, schema {copy.schema}, {copy.entries} entries in force, {last}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
