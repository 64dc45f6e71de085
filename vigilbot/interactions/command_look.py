"""Commands that only look: status, stats, doctor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from vigilbot.admin.activity import Activity, activity
from vigilbot.doctor import Check, Status
from vigilbot.errors import BadInput
from vigilbot.interactions.arguments import span_of
from vigilbot.interactions.command_channels import pause_words
from vigilbot.interactions.command_trust import doubts
from vigilbot.interactions.commands import Asked, Places, Subcommand
from vigilbot.interactions.joining import REFUSED
from vigilbot.interactions.linking import lost_pages
from vigilbot.interactions.modes import Modes
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.wording import counted, day_and_time, literal
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Clock, Row

MOST = 20  # channels named in one answer
BAR = 12  # characters of the longest bar
SIGNS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILED: "✗"}

_NOW = (
    "SELECT (SELECT count(*) FROM oncalls WHERE tenant = :tenant AND state != 'closed') AS oncalls, "
    "(SELECT count(*) FROM questions WHERE tenant = :tenant AND state = 'open') AS questions, "
    "(SELECT count(*) FROM knowledge WHERE tenant = :tenant AND valid_to IS NULL AND retracted = 0) "
    "AS known, "
    "(SELECT count(*) FROM inbox WHERE tenant = :tenant AND state = 'new') AS unread, "
    "(SELECT count(*) FROM deliveries WHERE tenant = :tenant AND state = 'due') AS due, "
    "(SELECT count(*) FROM deliveries WHERE tenant = :tenant AND sent_at >= :since) AS cards"
)

_UNPOSTED = (
    "SELECT d.last_error AS why, count(*) OVER () AS cards FROM deliveries d "
    "JOIN answers a ON a.id = d.answer WHERE d.tenant = :tenant AND d.state = 'skipped' "
    "AND a.outcome = 'environment' AND a.outcome_at >= :since AND d.last_error != 'stale' "
    "ORDER BY a.outcome_at DESC LIMIT 1"
)
"""Cards that the platform did not take, and what it said of the last."""

Problems = Callable[[], Sequence[str]]
Doctor = Callable[[], Awaitable[Sequence[Check]]]


class LookCommands:
    """``problems`` are lines on what is wrong with connections and models, ``doctor`` examines everything."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        places: Places,
        modes: Modes,
        seeing: Seeing,
        problems: Problems,
        doctor: Doctor,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._places = places
        self._modes = modes
        self._seeing = seeing
        self._problems = problems
        self._doctor = doctor

    def all(self) -> Sequence[Subcommand]:
        return (
            Subcommand(
                name="status",
                usage="status",
                help="What I am doing, where, and what is wrong.",
                run=self._status,
                analysts=True,
            ),
            Subcommand(
                name="stats",
                usage="stats [30d] [#channel]",
                help="What came of my cards, and what I learned. Of the last 30 days unless you say "
                "otherwise.",
                run=self._stats,
                analysts=True,
            ),
            Subcommand(
                name="doctor",
                usage="doctor",
                help="Examines everything I need, and says how to mend what is missing. Takes a while.",
                run=self._examine,
            ),
        )

    async def _status(self, asked: Asked) -> str:
        tenant, now = asked.event.tenant, self._clock.now()
        since = stamp(now - timedelta(days=1))
        [row] = await self._ledger.fetch(_NOW, tenant=tenant, since=since)
        channels = await self._seeing.channels(asked.event)
        troubles = [f"- {line}" for line in self._problems()] if asked.operator else []
        if dead := await self._ledger.dead.counted(tenant=tenant):
            kinds = ", ".join(counted(n, kind) for kind, n in dead.items())
            troubles.append(f"- given up: {kinds} (`dead list`)")
        for lost in await self._ledger.fetch(_UNPOSTED, tenant=tenant, since=since):
            troubles.append(
                f"- {counted(lost['cards'], 'card')} could not be posted in 24 hours, the last because of "
                f"{literal(lost['why'])}"
            )
        if asked.operator:
            troubles += [f"- {line}" for line in await lost_pages(self._ledger, tenant, now=now)]
            troubles += [f"- {line}" for line in await doubts(self._ledger, tenant, at=now)]
        for channel in channels:
            troubles += await self._trouble(channel)
        lines = [
            f"{counted(row['oncalls'], 'on-call')} open, {counted(row['questions'], 'question')} waiting, "
            f"{counted(row['cards'], 'card')} in 24 hours, "
            f"{counted(row['known'], 'piece of knowledge', 'pieces of knowledge')} in force",
        ]
        if row["unread"] or row["due"]:
            lines.append(f"Just now: {counted(row['unread'], 'event')} to read, {row['due']} to post")
        lines += [f"- {self._line(channel, now)}" for channel in channels[:MOST]]
        if len(channels) > MOST:
            lines.append(f"- and {len(channels) - MOST} more")
        if not channels:
            lines.append("I am in no channel that you can see.")
        head = "**Something is wrong**" if troubles else "**All is well**"
        return "\n".join([head, *troubles, "", *lines])

    def _line(self, row: Row, now: datetime) -> str:
        if row["archived"]:
            state = "archived"
        elif not row["member"]:
            state = "I am not a member"
        elif not row["watched"]:
            state = "not watched"
        else:
            state = " · ".join(part for part in (self._modes.of(row).value, pause_words(row, now)) if part)
        kinds = [kind for kind, on in (("shared", row["external"]), ("private", row["private"])) if on]
        return f"#{literal(row['name'], 80)}: {state}{' (' + ', '.join(kinds) + ')' if kinds else ''}"

    async def _trouble(self, row: Row) -> list[str]:
        name = f"#{literal(row['name'], 80)}"
        found = []
        if row["greeting"] == "refused" and row["member"] and not row["archived"]:
            rows = await self._ledger.channels.audited(row["tenant"], REFUSED, row["channel"])
            why = f": {literal(rows[0]['detail'])}" if rows else ""
            found.append(f"- {name}: I could not introduce myself{why}")
        if row["gap_from"] and row["member"] and not row["archived"]:
            found.append(f"- {name}: what was said while I was away has not been read yet")
        return found

    async def _stats(self, asked: Asked) -> str:
        visible = await self._seeing.channels(asked.event)
        span, channels, where = timedelta(days=30), {row["channel"] for row in visible}, ""
        for word in asked.words:
            if (given := span_of(word)) is not None:
                span = given
                continue
            row = await self._places.of(asked, word)
            if row["channel"] not in channels:
                raise BadInput("You cannot see that channel")
            channels, where = {row["channel"]}, f" in #{literal(row['name'], 80)}"
        everywhere = asked.operator and not where
        found = await activity(
            self._ledger,
            tenant=asked.event.tenant,
            since=self._clock.now() - span,
            channels=None if everywhere else channels,
        )
        return stats_text(found, where=where)

    async def _examine(self, asked: Asked) -> str:
        checks = await self._doctor()
        if not checks:
            raise BadInput("There is nobody to ask", remedy="Run `vigilbot doctor` on my machine")
        lines = [
            f"{SIGNS[check.status]} {check.name}: {literal(check.found, 400)}"
            + (f" → {literal(check.remedy, 300)}" if check.remedy else "")
            for check in checks
        ]
        failed = sum(check.status is not Status.OK for check in checks)
        return "\n".join([f"**{counted(failed, 'finding')}**" if failed else "**All is well**", *lines])


def stats_text(found: Activity, *, where: str = "") -> str:
    """Numbers with bars that compare them, for a fixed-width block."""
    accepted = found.accepted_by_asker + found.verified
    rows = [
        ("questions", found.questions),
        ("cards", found.cards),
        ("drafts", found.drafts),
        ("accepted", accepted),
        ("  by askers", found.accepted_by_asker),
        ("  by analysts", found.verified),
        ("human agreed", found.agreed),
        ("contradicted", found.contradicted),
        ("withdrawn", found.withdrawn),
        ("human was first", found.beaten),
        ("no answer", found.unanswered),
        ("still waiting", found.waiting),
        ("learned", found.learned),
    ]
    top = max(1, *(n for _, n in rows))
    lines = [f"{name:<16}{n:>6}  {'█' * round(BAR * n / top)}".rstrip() for name, n in rows]
    tail = []
    if found.lead is not None:
        tail.append(f"A card stood {_span(found.lead)} before a human resolved the same question (median).")
    if found.accepters:
        tail.append("Accepted by " + ", ".join(f"{literal(name, 60)} ({n})" for name, n in found.accepters))
    head = f"**Since {day_and_time(found.since)}{where}**"
    return "\n".join([head, "```", *lines, "```", *tail])


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return counted(seconds, "second")
