"""The desk of a running bot, equipped from settings, and the work that it leaves behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vigilbot.admin.retention import Retention
from vigilbot.app import LEDGER, Parts
from vigilbot.doctor import Check
from vigilbot.interactions import Desk
from vigilbot.interactions.joining import Facts
from vigilbot.interactions.opening import Equipment, open_desk
from vigilbot.ports import Clock, Directory, Platform
from vigilbot.reading import leaving
from vigilbot.settings import Settings
from vigilbot.stores.backup import forget_automatic


@dataclass(frozen=True, kw_only=True, slots=True)
class Staff:
    """Each part of the work does what is due and returns how much.

    ``work`` is all of it, a part after the other, for a time that stands still meanwhile. Where time goes
    on, ``rest`` is done so, and beside it whatever people wait for.
    """

    desk: Desk
    work: tuple[Callable[[], Awaitable[int]], ...]
    rest: tuple[Callable[[], Awaitable[int]], ...]
    beside: Mapping[str, Callable[[], Awaitable[int]]]


async def staffed(
    parts: Parts,
    *,
    settings: Settings,
    platform: Platform,
    directory: Directory,
    clock: Clock,
    problems: Callable[[], Sequence[str]],
    doctor: Callable[[], Awaitable[Sequence[Check]]],
    wake: Callable[[], None],
) -> Staff:
    """Everybody at the desk. People wait for direct answers, so these come first."""
    parts.roles.load(await parts.ledger.channels.roster())
    opened = open_desk(
        Equipment(
            bot=parts.bot,
            roles=parts.roles,
            directory=directory,
            platform=platform,
            clock=clock,
            facts=Facts(
                command=settings.slack.command,
                models=settings.model.models if settings.engine.kind == "model" else (),
                redact=settings.model.redact,
                leaving=leaving(settings) if parts.documents else "",
            ),
            problems=problems,
            doctor=doctor,
            wake=wake,
            documents=parts.documents,
        )
    )
    bot = parts.bot
    retention = Retention(
        ledger=parts.ledger,
        clock=clock,
        messages=timedelta(seconds=settings.retention.messages),
        traces=timedelta(seconds=settings.retention.traces),
        forget_copies=lambda before: forget_automatic(settings.data.dir / LEDGER, before=before),
    )
    then = (opened.joining.work, opened.linking.work, opened.corrections.work, retention.work)
    return Staff(
        desk=opened.desk,
        work=(opened.asking.work, bot.work, *then),
        rest=(bot.rest, *then),
        beside={
            "requests": opened.asking.work,
            "runs": lambda: bot.begin_runs(ended=wake),
            "vectors": parts.told.fill,
        },
    )
