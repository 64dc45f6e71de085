"""Which on-calls came to an entry by themselves, entries that contradict each other, and what was shared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vigilbot.ledger.rows import columns, pack, stamp
from vigilbot.ports import Database, Row, Statement

_ENTRY = "SELECT * FROM knowledge WHERE valid_to IS NULL"


class TrustRows:
    """How far entries are confirmed, disputed and told to others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def customers(
        self,
        entry_id: str,
        *,
        channel: str = "",
        oncall: str = "",
        customer: str = "",
        at: datetime | None = None,
    ) -> set[str]:
        """Whose on-calls came to the entry by themselves; with ``oncall`` also the one that is about to.

        An on-call in which a card had shown the entry, or a copy of it, says nothing of its own. The customer
        of a channel that is shared or private is the channel, else the person who asked.
        """
        rows = await self._database.fetch(
            "SELECT DISTINCT "
            "CASE WHEN c.external OR c.private THEN s.channel ELSE s.customer END AS customer "
            "FROM (SELECT k.tenant, s.channel, s.oncall, s.customer, s.at FROM support s "
            "JOIN knowledge k ON k.entry = s.entry AND k.valid_to IS NULL WHERE s.entry = :entry "
            "AND s.kind IN ('learned', 'repeated', 'agreed') UNION ALL "
            "SELECT tenant, :channel, :oncall, :customer, :at FROM knowledge "
            "WHERE entry = :entry AND valid_to IS NULL) s "
            "LEFT JOIN channels c ON c.tenant = s.tenant AND c.channel = s.channel WHERE s.customer != '' "
            "AND NOT EXISTS (SELECT 1 FROM answers a JOIN deliveries d ON d.answer = a.id, "
            "json_each(a.leaned) j WHERE a.oncall = s.oncall AND d.sent_at <= s.at AND (j.key = :entry "
            "OR j.key IN (SELECT copy FROM shares WHERE original = :entry)))",
            entry=entry_id,
            channel=channel,
            oncall=oncall,
            customer=customer,
            at=stamp(at) if at else "",
        )
        return {row["customer"] for row in rows}

    # -- contradictions

    @staticmethod
    def contradict(
        *, tenant: str, first: str, second: str, oncall: str, difference: str, at: datetime
    ) -> Statement:
        values = {
            "tenant": tenant,
            "first": first,
            "second": second,
            "oncall": oncall,
            "difference": difference,
            "at": stamp(at),
        }
        return Statement(f"INSERT INTO contradictions {columns(values)} ON CONFLICT DO NOTHING", values)

    @staticmethod
    def dismiss(first: str, second: str, *, by: str) -> Statement:
        """Somebody says that both hold, in whichever order they are named."""
        return Statement(
            "UPDATE contradictions SET dismissed_by = :by "
            "WHERE first IN (:first, :second) AND second IN (:first, :second)",
            {"first": first, "second": second, "by": by},
        )

    async def contradictions(self, tenant: str = "") -> list[Row]:
        """Every pair found, oldest first; of each side its words, trust, and the on-calls that have spoken
        for it since."""
        since = (
            "(SELECT count(DISTINCT s.oncall) FROM support s WHERE s.entry = {0}.entry AND s.at > c.at "
            "AND s.oncall != c.oncall AND s.kind NOT IN ('learned', 'contradicted')) AS {0}_since"
        )
        sides = ", ".join(
            f"{side}.{name} AS {side}_{name}"
            for side in ("a", "b")
            for name in ("question", "answer", "trust", "retracted", "space", "channel", "expires_at")
        )
        return await self._database.fetch(
            f"SELECT c.*, {sides}, {since.format('a')}, {since.format('b')} FROM contradictions c "
            f"JOIN ({_ENTRY}) a ON a.entry = c.first JOIN ({_ENTRY}) b ON b.entry = c.second "
            "WHERE :tenant IN ('', c.tenant) ORDER BY c.at, c.first, c.second",
            tenant=tenant,
        )

    # -- what was shared

    @staticmethod
    def share(*, copy: str, original: str, revision: int, tenant: str, actor: str, at: datetime) -> Statement:
        values = {
            "copy": copy,
            "original": original,
            "revision": revision,
            "tenant": tenant,
            "actor": actor,
            "at": stamp(at),
        }
        return Statement(
            f"INSERT INTO shares {columns(values)} ON CONFLICT (copy, original) DO UPDATE SET "
            "revision = excluded.revision, actor = excluded.actor, at = excluded.at",
            values,
        )

    async def copies(self, entry_id: str) -> list[Row]:
        """What was shared from an entry: (copy, retracted, tenant, others), where ``others`` counts the other
        entries in force that the copy was made from, too."""
        return await self._database.fetch(
            "SELECT s.copy, s.tenant, k.retracted, (SELECT count(*) FROM shares o JOIN knowledge e "
            "ON e.entry = o.original AND e.valid_to IS NULL AND e.retracted = 0 "
            "WHERE o.copy = s.copy AND o.original != s.original) AS others "
            "FROM shares s JOIN knowledge k ON k.entry = s.copy AND k.valid_to IS NULL "
            "WHERE s.original = :entry ORDER BY s.copy",
            entry=entry_id,
        )

    async def told_by(self, copy: str) -> int:
        """How many spaces a shared entry was made from."""
        [row] = await self._database.fetch(
            "SELECT count(DISTINCT k.space) AS n FROM shares s "
            "JOIN knowledge k ON k.entry = s.original AND k.valid_to IS NULL WHERE s.copy = :copy",
            copy=copy,
        )
        return int(row["n"])

    async def confined_spaces(self, tenant: str) -> list[str]:
        """Spaces of one channel each that know something."""
        rows = await self._database.fetch(
            "SELECT DISTINCT space FROM knowledge WHERE tenant = :tenant AND space LIKE 'channel:%' "
            "AND valid_to IS NULL AND retracted = 0 ORDER BY space",
            tenant=tenant,
        )
        return [row["space"] for row in rows]

    async def said_by(self, entry_id: str) -> list[Row]:
        """Who took part where an entry comes from: (author, author_name) of its channel and its on-calls."""
        return await self._database.fetch(
            "SELECT DISTINCT m.author, m.author_name FROM messages m, knowledge k "
            "WHERE k.entry = :entry AND k.valid_to IS NULL AND m.tenant = k.tenant "
            "AND (m.channel = k.channel OR m.oncall = k.learned_from "
            "OR m.oncall IN (SELECT oncall FROM support s WHERE s.entry = k.entry))",
            entry=entry_id,
        )

    # -- what waits for an operator

    async def flagged(self, tenant: str = "") -> list[Row]:
        """Entries that a review holds for wrong and may not change itself, and that nobody has looked after
        since: the flag's row with the entry's words, newest first."""
        return await self._database.fetch(
            "SELECT f.*, k.question, k.answer, k.trust, k.kind, k.space, k.channel FROM audit f "
            "JOIN knowledge k ON k.entry = f.subject AND k.valid_to IS NULL AND k.retracted = 0 "
            "WHERE f.action = 'flag' AND :tenant IN ('', f.tenant) AND NOT EXISTS ("
            "SELECT 1 FROM knowledge r WHERE r.entry = f.subject AND r.valid_from > f.at "
            "AND r.operation != 'confirm') ORDER BY f.at DESC, f.id DESC",
            tenant=tenant,
        )

    async def expired(self, *, now: datetime, tenant: str = "") -> list[Row]:
        """Entries that answer no longer because nobody confirmed them in time, the latest first."""
        return await self._database.fetch(
            f"{_ENTRY} AND retracted = 0 AND expires_at <= :now AND :tenant IN ('', tenant) "
            "ORDER BY expires_at DESC, entry",
            now=stamp(now),
            tenant=tenant,
        )

    async def vouched(self, entry_ids: Sequence[str]) -> set[str]:
        """Those of the entries that somebody's Accept speaks for."""
        rows = await self._database.fetch(
            "SELECT DISTINCT entry FROM support WHERE entry IN (SELECT value FROM json_each(:ids)) "
            "AND kind IN ('accepted_by_asker', 'verified')",
            ids=pack(list(entry_ids)),
        )
        return {row["entry"] for row in rows}
