"""Channels as the bot is in them, the roster, and who commanded what, as SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vigilbot.ledger.rows import columns, stamp
from vigilbot.ports import Database, Row, Statement

GREETED, WATCHED = "greeted", "watch"
"""Actions in the audit table after which the bot reads in a channel."""
_SINCE = (
    "m.at > coalesce((SELECT max(a.at) FROM audit a WHERE a.tenant = channels.tenant "
    f"AND a.subject = channels.channel AND a.action IN ('{GREETED}', '{WATCHED}')), '')"
)


class Channels:
    """Where the bot is, how far it may go there, and who is who by an operator's word."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def change(tenant: str, channel: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(
            f"UPDATE channels SET {changes} WHERE tenant = :tenant AND channel = :channel",
            {**values, "tenant": tenant, "channel": channel},
        )

    async def of(self, tenant: str) -> list[Row]:
        """A tenant's channels by name, direct messages left out."""
        return await self._database.fetch(
            "SELECT * FROM channels WHERE tenant = :tenant AND direct = 0 ORDER BY name, channel",
            tenant=tenant,
        )

    # -- greetings

    async def greetings(self, *, now: datetime) -> list[Row]:
        """Channels whose notice is to be posted (``due``) or no longer says the truth (``stale``)."""
        return await self._database.fetch(
            "SELECT * FROM channels WHERE greeting IN ('due', 'stale') AND archived = 0 AND direct = 0 "
            "AND (greeting_due IS NULL OR greeting_due <= :now) ORDER BY greeting_due, channel LIMIT 20",
            now=stamp(now),
        )

    @staticmethod
    def outdate_greeting(tenant: str, channel: str, *, at: datetime, but: str = "") -> Statement:
        """The notice that stands there has to be amended, unless it is the one called ``but``."""
        return Statement(
            "UPDATE channels SET greeting = 'stale', greeting_due = :at, greeting_tries = 0 "
            "WHERE tenant = :tenant AND channel = :channel AND greeting IN ('sent', 'stale') "
            "AND greeting_ts NOT IN ('', :but)",
            {"tenant": tenant, "channel": channel, "at": stamp(at), "but": but},
        )

    # -- what was missed

    async def open_gaps(self, *, before: datetime) -> None:
        """Notes for every channel the bot is in from where it has to be read again.

        That is the last message from ``before`` or earlier, so that what was missed is read again even if
        newer messages have come in already. What was said before the bot was let in, or while nobody wanted
        it to read, is none of its business. A gap that is known stays.
        """
        here = (
            f"FROM messages m WHERE m.tenant = channels.tenant AND m.channel = channels.channel AND {_SINCE}"
        )
        await self._database.write(
            Statement(
                f"UPDATE channels SET gap_from = coalesce((SELECT m.ts {here} AND m.at <= :before "
                f"ORDER BY m.at DESC LIMIT 1), (SELECT m.ts {here} ORDER BY m.at LIMIT 1), watermark) "
                "WHERE gap_from IS NULL AND member = 1 AND watched = 1 AND archived = 0 AND watermark != ''",
                {"before": stamp(before)},
            )
        )

    async def gaps(self) -> list[Row]:
        return await self._database.fetch(
            "SELECT tenant, channel, gap_from FROM channels WHERE gap_from IS NOT NULL AND member = 1 "
            "AND watched = 1 AND archived = 0 ORDER BY tenant, channel"
        )

    async def open_threads(self, *, limit: int = 300) -> list[Row]:
        """Threads of on-calls that have not closed, in channels with a gap; the last active first."""
        return await self._database.fetch(
            "SELECT o.tenant, o.channel, m.thread, max(m.at) AS last FROM oncalls o "
            "CROSS JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
            "CROSS JOIN messages m ON m.oncall = o.id WHERE o.close_at IS NOT NULL AND o.state != 'closed' "
            "AND c.gap_from IS NOT NULL AND m.thread != '' "
            "GROUP BY o.tenant, o.channel, m.thread ORDER BY last DESC, m.thread DESC LIMIT :limit",
            limit=limit,
        )

    @staticmethod
    def close_gap(tenant: str, channel: str, *, read_from: str) -> Statement:
        return Statement(
            "UPDATE channels SET gap_from = NULL WHERE tenant = :tenant AND channel = :channel "
            "AND gap_from = :read_from",
            {"tenant": tenant, "channel": channel, "read_from": read_from},
        )

    # -- roster

    async def roster(self) -> list[Row]:
        return await self._database.fetch("SELECT * FROM roster ORDER BY tenant, role, at, user")

    @staticmethod
    def enlist(**values: Any) -> Statement:
        return Statement(
            f"INSERT INTO roster {columns(values)} ON CONFLICT (tenant, user, role) DO UPDATE SET "
            "name = excluded.name, actor = excluded.actor, actor_name = excluded.actor_name, "
            "at = excluded.at",
            values,
        )

    @staticmethod
    def strike(tenant: str, user: str, role: str) -> Statement:
        return Statement(
            "DELETE FROM roster WHERE tenant = :tenant AND user = :user AND role = :role",
            {"tenant": tenant, "user": user, "role": role},
        )

    # -- people, as far as the ledger knows them

    async def wrote_in(self, tenant: str, user: str, *, since: datetime) -> set[str]:
        """Channels where somebody has written since then."""
        rows = await self._database.fetch(
            "SELECT DISTINCT channel FROM messages WHERE tenant = :tenant AND author = :user "
            "AND at >= :since AND deleted = 0",
            tenant=tenant,
            user=user,
            since=stamp(since),
        )
        return {row["channel"] for row in rows}

    async def analysts_seen(self, tenant: str, channel: str) -> int:
        """How many people have written in a channel as analysts."""
        [row] = await self._database.fetch(
            "SELECT count(DISTINCT m.author) AS n FROM messages m JOIN oncalls o ON o.id = m.oncall "
            "WHERE o.tenant = :tenant AND o.channel = :channel AND m.role = 'analyst'",
            tenant=tenant,
            channel=channel,
        )
        return int(row["n"])

    # -- audit

    async def audited(self, tenant: str, action: str, subject: str) -> list[Row]:
        """What was done to a subject, the last first."""
        return await self._database.fetch(
            "SELECT * FROM audit WHERE tenant = :tenant AND action = :action AND subject = :subject "
            "ORDER BY id DESC LIMIT 100",
            tenant=tenant,
            action=action,
            subject=subject,
        )
