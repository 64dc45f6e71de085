"""``vigilbot doctor``: is everything there that the bot needs, and how to mend what is not."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigilbot.cli.options import config_file, installation, settings_of
from vigilbot.errors import BadSettings

if TYPE_CHECKING:
    from vigilbot.doctor import Check
    from vigilbot.settings import Settings

UNUSABLE = 2
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@click.option(
    "--data-flow", is_flag=True, help="Only say what is stored where, and what leaves to which host."
)
@installation
def doctor(as_json: bool, data_flow: bool, config: Path | None, data: Path | None) -> None:
    """Check everything the bot needs, and say how to mend what is not right.

    Nothing is created or changed, and a running bot is not disturbed. Exit code: 0 when nothing
    failed (warnings are no failures), 1 when a check failed, 2 when the configuration cannot be used.
    """
    if data_flow:
        _tell_flow(settings_of(config, data), as_json=as_json)
        return
    from vigilbot.doctor import Check, Status, examine
    from vigilbot.serve.checks import premises_of

    try:
        settings = settings_of(config, data)
    except BadSettings as error:
        place = f"{error.place}: " if error.place else ""
        failed = Check(
            name="configuration", status=Status.FAILED, found=f"{place}{error.problem}", remedy=error.remedy
        )
        _tell([failed], as_json=as_json)
        raise click.exceptions.Exit(UNUSABLE) from error
    used = config_file(config)
    found = str(used) if used else "no file, every setting at its default"
    variables = [name for name in os.environ if name.startswith("VIGILBOT_") and name != "VIGILBOT_DATA"]
    if variables:
        found += f"; from the environment: {', '.join(sorted(variables))}"
    first = Check(name="configuration", status=Status.OK, found=found)

    async def act() -> list[Check]:
        checks = [first]
        _show(first, as_json=as_json)
        async for check in examine(premises_of(settings, os.environ)):
            checks.append(check)
            _show(check, as_json=as_json)
        return checks

    checks = asyncio.run(act())
    if as_json:
        _tell(checks, as_json=True)
    failed_ones = sum(check.status is Status.FAILED for check in checks)
    if failed_ones:
        raise click.exceptions.Exit(1)


def _show(check: Check, *, as_json: bool) -> None:
    if as_json:
        return
    from vigilbot.text import clean

    status = click.style(f"{check.status.value:<8}", fg=COLOURS[check.status.value])
    click.echo(f"{status} {check.name:<16} {' '.join(clean(check.found).split())}")
    if check.remedy:
        click.echo(f"{'':25} to mend: {' '.join(clean(check.remedy).split())}")


def _tell(checks: list[Check], *, as_json: bool) -> None:
    if not as_json:
        for check in checks:
            _show(check, as_json=False)
        return
    counts = {status: sum(check.status.value == status for check in checks) for status in COLOURS}
    click.echo(json.dumps({**counts, "checks": [asdict(check) for check in checks]}, indent=2))


def _tell_flow(settings: Settings, *, as_json: bool) -> None:
    from vigilbot.serve.flow import data_flow

    flow = data_flow(settings, os.environ)
    if as_json:
        click.echo(json.dumps(asdict(flow), indent=2, ensure_ascii=False))
        return
    click.echo("Stored on this machine")
    last = ""
    for kept in flow.stored:
        if kept.place != last:
            click.echo(f"  {kept.place}")
            last = kept.place
        click.echo(f"    {kept.what}: {kept.holds}")
        click.echo(f"      kept: {kept.until}")
    click.echo("\nLeaves this machine, to these hosts and no other")
    for each in flow.leaves:
        click.echo(f"  {each.host}\n    {each.what}\n      when: {each.when}")
        if each.taken_out:
            click.echo(f"      taken out before: {each.taken_out}")
    for title, lines in (("Comes in", flow.comes_in), ("What is taken out of texts", flow.redaction)):
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}")
