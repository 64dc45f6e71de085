"""``vigilbot kb undo``, ``as-of``, ``impact``, ``corrections`` and ``gaps``."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigilbot.cli.options import installation, settings_of
from vigilbot.errors import BadInput
from vigilbot.text import clean, shorten

if TYPE_CHECKING:
    from vigilbot.admin.corrections import Owed
    from vigilbot.admin.impact import Impact
    from vigilbot.admin.undoing import Deeds
    from vigilbot.evals.kb_gaps import Gap
    from vigilbot.pipeline import Judged
    from vigilbot.ports import Row
    from vigilbot.settings import Settings

LONG = 480  # characters of a line
_YES = click.option("--yes", is_flag=True, help="Do not ask.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a machine.")
_ACTOR = click.option(
    "--actor", default=None, help="Who does this, for the record; default: your login name."
)


class Time(click.ParamType[datetime]):
    """``2h``, ``3d`` ago, or a date or time; without a zone it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from vigilbot.interactions.arguments import span_of
        from vigilbot.providers.clock import SystemClock

        if isinstance(value, datetime):
            return value
        if (span := span_of(value)) is not None:
            return SystemClock().now() - span
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail("a time is 2h, 3d (ago), 2026-03-01 or 2026-03-01T09:00+01:00", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command(short_help="Take back the last operation on ENTRY, or everything by somebody.")
@click.argument("entry", required=False)
@click.option(
    "--by", default="", help="Instead of an entry: everything this actor did (user id, review, ...)."
)
@click.option("--since", type=Time(), help="With --by: from then on, such as 2h or 2026-03-01T09:00.")
@_YES
@_ACTOR
@installation
def undo(
    entry: str | None,
    by: str,
    since: datetime | None,
    yes: bool,
    actor: str | None,
    config: Path | None,
    data: Path | None,
) -> None:
    """Take back the last operation on ENTRY; a second undo does it again.

    With --by and --since: everything that actor did to knowledge since then, Accepts included. The list comes
    first. What others have changed since is left alone and named. Nothing is posted because of it: see
    `vigilbot kb corrections`.
    """
    settings = settings_of(config, data)
    if bool(entry) == bool(by) or bool(by) != bool(since):
        raise BadInput("name an entry, or --by and --since", place="kb undo", remedy="See --help")
    if entry:
        click.echo(f"Took back: {asyncio.run(_undo(settings, entry, actor))} of {entry}. "
                   f"`vigilbot kb show {entry}` tells its life.")  # fmt: skip
        return
    assert since is not None
    deeds = asyncio.run(_deeds(settings, by, since))
    _tell_deeds(deeds)
    if not deeds.count:
        return
    if not yes:
        click.confirm(f"Take back these {deeds.count}?", abort=True)
    taken = asyncio.run(_undo_deeds(settings, deeds, actor))
    click.echo(f"Took back {taken}. `vigilbot kb corrections` shows which cards it concerns.")


async def _undo(settings: Settings, entry: str, actor: str | None) -> str:
    from vigilbot import admin
    from vigilbot.cli.installed import knowledge_of, ledger_of, login
    from vigilbot.providers.clock import SystemClock

    clock = SystemClock()
    async with ledger_of(settings) as ledger:
        await admin.show_entry(ledger, entry)  # says so before a model is loaded
        knowledge, _ = await knowledge_of(settings, ledger, clock=clock)
        return await admin.undo(knowledge, ledger, entry, actor=actor or login(), at=clock.now())


async def _deeds(settings: Settings, by: str, since: datetime) -> Deeds:
    from vigilbot.admin.undoing import deeds_of
    from vigilbot.cli.installed import ledger_to_read

    async with ledger_to_read(settings) as ledger:
        return await deeds_of(ledger, by, since=since)


async def _undo_deeds(settings: Settings, deeds: Deeds, actor: str | None) -> int:
    from vigilbot.admin.undoing import undo_deeds
    from vigilbot.cli.installed import knowledge_of, ledger_of, login
    from vigilbot.providers.clock import SystemClock

    clock = SystemClock()
    async with ledger_of(settings) as ledger:
        knowledge, _ = await knowledge_of(settings, ledger, clock=clock)
        return await undo_deeds(knowledge, ledger, deeds, actor=actor or login(), at=clock.now())


def _tell_deeds(deeds: Deeds) -> None:
    _line(f"By {deeds.actor} since {_minute(deeds.since)}: {deeds.count} to take back.")
    for each in deeds.able:
        _line(f"  {each.entry}  {', '.join(each.operations)}  {_minute(each.at)}  {each.question}")
    for click_ in deeds.accepts:
        _line(f"  Accept of {click_.answer}  {_minute(click_.at)}  {click_.question}")
    for each in deeds.left:
        _line(f"  left alone: {each.entry}, changed since: {each.others}")


@click.command("as-of", short_help="What was known at TIME, and what would have been answered.")
@click.argument("time", type=Time())
@click.option("--question", default="", help="Say what would have been answered to this then.")
@click.option("--channel", default="", help="As asked in this channel (name or id).")
@_JSON
@installation
def as_of(
    time: datetime, question: str, channel: str, as_json: bool, config: Path | None, data: Path | None
) -> None:
    """List what was known at TIME (2h, 3d, 2026-03-01T09:00), or answer --question with just that."""
    from vigilbot.cli import kb_view

    settings = settings_of(config, data)
    if question.strip():
        judged = asyncio.run(_answered_then(settings, time, question, channel))
        if as_json:
            _dump(kb_view.judged_json(judged, limit=settings.retrieval.passages))
        else:
            kb_view.print_judged(judged, limit=settings.retrieval.passages)
        return
    rows = asyncio.run(_known(settings, time))
    if as_json:
        named = ("entry", "revision", "question", "answer", "trust", "space", "channel_name", "support")
        _dump({"at": time.isoformat(), "entries": [{name: row[name] for name in named} for row in rows]})
        return
    _line(f"{len(rows)} entries were known at {_minute(time)} UTC.")
    for row in rows:
        _line(f"  {row['entry']}@{row['revision']}  {row['trust']}  {row['question']}")


async def _known(settings: Settings, at: datetime) -> list[Row]:
    from vigilbot.admin.as_of import known_at
    from vigilbot.cli.installed import ledger_to_read

    async with ledger_to_read(settings) as ledger:
        return await known_at(ledger, at)


async def _answered_then(settings: Settings, at: datetime, question: str, channel: str) -> Judged:
    """In a copy of the ledger that knows nothing else, thrown away afterwards."""
    from vigilbot import admin
    from vigilbot.admin.as_of import copy_at
    from vigilbot.app import open_ledger
    from vigilbot.cli.installed import copied_bot, ledger_of, place_of
    from vigilbot.providers.clock import SimulatedClock

    with tempfile.TemporaryDirectory(prefix="vigilbot-") as name:
        folder = Path(name)
        target = await open_ledger(folder, durable=False)
        async with ledger_of(settings) as ledger:
            await copy_at(ledger, target, at)
        async with copied_bot(settings, target, folder=folder, clock=SimulatedClock(at)) as parts:
            place = await place_of(parts.ledger, channel=channel, spaces=())
            pipeline = parts.bot.pipeline
            return await admin.search(question, pipeline=pipeline, place=place, at=at)


@click.command(short_help="Which answers, cards and on-calls leaned on ENTRY.")
@click.argument("entry")
@_JSON
@installation
def impact(entry: str, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Show every answer that leaned on ENTRY: cards that stand, in which on-calls, accepted or not."""

    async def act() -> Impact:
        from vigilbot.admin.impact import impact_of
        from vigilbot.cli.installed import ledger_to_read

        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await impact_of(ledger, entry)

    found = asyncio.run(act())
    if as_json:
        _dump(_impact_json(found))
        return
    state = "retracted" if found.retracted else "in force"
    _line(f"{found.entry}@{found.revision} ({state}): {found.question}")
    _line(
        f"{len(found.answers)} answers in {found.oncalls} on-calls; {found.cards} cards stand, "
        f"{found.accepted} accepted; {found.open} on-calls with a card still open."
    )
    for each in found.answers:
        card = f"card {each.delivery}" if each.delivery else "no card"
        kept = ", ".join(part for part in (card, each.outcome, each.correction and "corrected") if part)
        where = f"#{each.channel_name}{' (open)' if each.open else ''}"
        _line(f"  {_minute(each.at)}  {where}  @{each.revision}  {kept}: {each.question}")


def _impact_json(found: Impact) -> dict[str, Any]:
    named = ("answer", "oncall", "channel", "question", "revision", "result", "delivery", "outcome")
    return {
        "entry": found.entry,
        "revision": found.revision,
        "retracted": found.retracted,
        "cards": found.cards,
        "accepted": found.accepted,
        "oncalls": found.oncalls,
        "open": found.open,
        "answers": [
            {**{name: getattr(each, name) for name in named}, "at": each.at.isoformat(), "open": each.open}
            for each in found.answers
        ],
    }


@click.command(short_help="Cards that stand on knowledge taken back or changed since.")
@click.option("--post", is_flag=True, help="Post these corrections, one message a thread; asks first.")
@click.option("--drop", is_flag=True, help="Let them be; asks first.")
@_YES
@_ACTOR
@installation
def corrections(
    post: bool, drop: bool, yes: bool, actor: str | None, config: Path | None, data: Path | None
) -> None:
    """List the corrections that are owed; nothing is posted without --post, and then by the bot's next start.

    Only on-calls that are open, or closed less than a day ago, and only what changed within two days.
    """
    if post and drop:
        raise BadInput("--post and --drop together", place="kb corrections", remedy="Name one of them")
    settings = settings_of(config, data)
    owed = asyncio.run(_owed(settings))
    threads = len({(each.channel, each.thread) for each in owed})
    _line(f"{len(owed)} corrections owed in {threads} threads.")
    for each in owed:
        now = each.now or "taken back"
        state = "open" if each.open else "closed"
        _line(f"  #{each.channel_name} ({state})  {each.entry}@{each.revision}  {each.question}  ->  {now}")
    if not owed or not (post or drop):
        return
    if not yes:
        click.confirm(f"{'Post' if post else 'Drop'} these?", abort=True)
    last = max(each.id for each in owed)
    done = asyncio.run(_decided(settings, post=post, through=last, actor=actor))
    click.echo(f"{done} messages will be posted by the bot." if post else f"Dropped {done}.")


async def _owed(settings: Settings) -> tuple[Owed, ...]:
    from vigilbot.admin.corrections import corrections_of
    from vigilbot.cli.installed import Nobody, bot_of
    from vigilbot.providers.clock import SystemClock

    clock = SystemClock()
    async with bot_of(settings, clock=clock) as parts:
        return await corrections_of(parts.bot, platform=Nobody(), clock=clock).owed()


async def _decided(settings: Settings, *, post: bool, through: int, actor: str | None) -> int:
    from vigilbot.admin.corrections import corrections_of
    from vigilbot.cli.installed import Nobody, bot_of, login
    from vigilbot.providers.clock import SystemClock

    clock = SystemClock()
    async with bot_of(settings, clock=clock) as parts:
        desk = corrections_of(parts.bot, platform=Nobody(), clock=clock)
        by = actor or login()
        return await (desk.confirm(by=by, through=through) if post else desk.dismiss(by=by))


@click.command(short_help="What people ask for and nobody has answered.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many.")
@_JSON
@installation
def gaps(limit: int, as_json: bool, config: Path | None, data: Path | None) -> None:
    """List questions within scope that got no answer, alike ones together, the most wanted first."""

    async def act() -> Sequence[Gap]:
        from vigilbot.cli.installed import ledger_to_read
        from vigilbot.evals.kb_gaps import gaps as gaps_of
        from vigilbot.providers.clock import SystemClock

        async with ledger_to_read(settings_of(config, data)) as ledger:
            return await gaps_of(ledger, now=SystemClock().now())

    found = asyncio.run(act())
    if as_json:
        _dump({"total": len(found), "gaps": [_gap_json(each) for each in found[:limit]]})
        return
    _line(f"{len(found)} subjects without an answer in the last 180 days.")
    for each in found[:limit]:
        who = f"; usually answered by {', '.join(each.answerers)}" if each.answerers else ""
        waiting = f", {each.waiting} waiting" if each.waiting else ""
        _line(
            f"  {each.askers} askers, {each.oncalls} on-calls{waiting}, since {each.first_at:%Y-%m-%d}, "
            f"#{', #'.join(each.channels)}{who}: {each.question}"
        )


def _gap_json(each: Gap) -> dict[str, Any]:
    named = ("question", "wordings", "askers", "oncalls", "waiting", "channels", "answerers")
    times = {"first_at": each.first_at.isoformat(), "last_at": each.last_at.isoformat()}
    return {**{name: getattr(each, name) for name in named}, **times}


def _line(text: str) -> None:
    """One line, whatever people wrote; what it is indented by stays."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    click.echo(indent + shorten(clean(text).strip(), LONG))


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _dump(value: object) -> None:
    click.echo(json.dumps(value, indent=2))
