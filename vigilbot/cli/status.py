"""``vigilbot status``: what the bot is doing, read beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput

ASKING = 2.0  # seconds for the running bot to answer


@click.command()
@click.option("--hours", type=click.FloatRange(min=0.01, max=24 * 366), default=24.0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
@installation
def status(hours: float, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Whether the bot runs and is ready; on-calls, cards, outcomes, knowledge; and whether its model answers.

    Read beside a running bot, from its ledger and its /readyz, without disturbing it. Cards, outcomes, runs
    and requests are those of the last HOURS.
    """
    from vigilbot.admin.retention import told
    from vigilbot.app import LEDGER
    from vigilbot.ledger.dead import COUNTED
    from vigilbot.ledger.figures import UNKNOWN, WAITING
    from vigilbot.ledger.rows import moment, stamp
    from vigilbot.ledger.status import FALLBACKS, MODELS, RETENTION, STATUS
    from vigilbot.providers.clock import SystemClock
    from vigilbot.stores.inspection import read_rows

    settings = settings_of(config, data)
    path = settings.data.dir / LEDGER
    if not path.is_file():
        raise BadInput("no ledger", place=str(path), remedy="Name the bot's folder with --data or data.dir")
    now = SystemClock().now()
    since = stamp(now - timedelta(hours=hours))
    found: dict[str, Any] = {"bot": _running(settings.server.host, settings.server.port)}
    found |= {
        name: {row["state"]: row["n"] for row in read_rows(path, sql, since=since)}
        for name, sql in STATUS.items()
    }
    found["runs"] = read_rows(path, FALLBACKS, since=since)[0]
    found["models"] = read_rows(path, MODELS, since=since)
    tables = {row["name"] for row in read_rows(path, "SELECT name FROM sqlite_master")}  # of an older version
    found["retention"] = told(read_rows(path, RETENTION) if "upkeep" in tables else ())
    letters = read_rows(path, COUNTED, tenant="") if "dead_letters" in tables else []
    found["given up"] = {row["state"]: row["n"] for row in letters}
    [waiting] = read_rows(path, WAITING)
    age = (now - moment(str(waiting["oldest"]))).total_seconds() if waiting["oldest"] else 0.0
    found["inbox"] = {"events": waiting["events"], "oldest_seconds": max(0.0, age)}
    found["cards of unknown fate"] = read_rows(path, UNKNOWN)[0]["n"]
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    click.echo(f"{'bot':18} {found['bot']['said']}")
    for name in STATUS:
        counts = ", ".join(f"{n} {state}" for state, n in found[name].items())
        click.echo(f"{name:18} {counts or 'none'}")
    runs = found["runs"]
    fell = f", {runs['fell_back']} without the model (last: {runs['last']})" if runs["fell_back"] else ""
    click.echo(f"{'runs':18} {runs['runs']}{fell}")
    click.echo(f"{'retention':18} {found['retention']}")
    if waiting["events"]:
        click.echo(f"{'inbox':18} {waiting['events']} events wait, the oldest for {age:.0f} s")
    if unknown := found["cards of unknown fate"]:
        click.echo(f"{'unknown':18} {unknown} cards of which nothing was heard; they are looked up")
    if letters:
        kinds = ", ".join(f"{n} {kind}" for kind, n in found["given up"].items())
        click.echo(f"{'given up':18} {kinds}: `vigilbot dead list` shows them")
    for row in found["models"]:
        failed = f", {row['failed']} failed ({row['error']})" if row["failed"] else ""
        click.echo(f"{row['model']:18} {row['calls']} requests{failed}, {row['paid']:.4f} US dollars")


def _running(host: str, port: int) -> dict[str, Any]:
    """What the bot's own web server says, and the same as a line. Nobody there is no failure."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    if not port:
        return {"said": "not asked: server.port is 0"}
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    try:
        try:
            with build_opener(ProxyHandler({})).open(
                f"http://{name}:{port}/readyz", timeout=ASKING
            ) as answer:
                body = answer.read()
        except HTTPError as refused:  # not ready: the reasons are in the answer
            with refused:
                body = refused.read()
        told: dict[str, Any] = dict(json.loads(body))
        remedies = dict(told.get("remedies", {}))
        lines = [
            f"{each} ({remedies[each]})" if each in remedies else str(each)
            for each in (*told["reasons"], *told["remarks"])
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return {"said": f"nothing of ours answers on {host} port {port}"}
    state = "ready" if told.get("ready") else "NOT ready"
    return {**told, "said": "; ".join([state, *lines])}
