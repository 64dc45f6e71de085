"""Corrections that are owed under cards, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vigilbot.ledger.rows import columns, pack, stamp
from vigilbot.ports import Database, Row, Statement

_TOLD = (
    "SELECT c.*, o.channel, o.state AS oncall_state, o.closed_at, o.thread AS oncall_thread, "
    "q.text AS question, coalesce(h.name, o.channel) AS channel_name, d.ts AS card FROM corrections c "
    "JOIN oncalls o ON o.id = c.oncall JOIN answers a ON a.id = c.answer "
    "JOIN questions q ON q.id = a.question "
    "LEFT JOIN channels h ON h.tenant = o.tenant AND h.channel = o.channel "
    "LEFT JOIN deliveries d ON d.answer = c.answer AND d.audience = 'everyone' "
)


class CorrectionRows:
    """One row a card and change of an entry it rests on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def owe(*, card: Row, thread: str, entry: str, used: int, revision: int, found_at: datetime) -> Statement:
        """A correction nobody has decided about; known ones stay as they are."""
        values = {
            "tenant": card["tenant"],
            "oncall": card["oncall"],
            "answer": card["answer"],
            "thread": thread,
            "entry": entry,
            "used": used,
            "revision": revision,
            "found_at": stamp(found_at),
        }
        return Statement(
            f"INSERT INTO corrections {columns(values)} ON CONFLICT DO NOTHING RETURNING id", values
        )

    async def changed_after(self, seq: int) -> list[Row]:
        """The current revisions of entries that were changed later than the knowledge row ``seq``."""
        return await self._database.fetch(
            "SELECT seq, entry, revision FROM knowledge WHERE seq > :seq AND valid_to IS NULL "
            "AND revision > 1 ORDER BY seq",
            seq=seq,
        )

    async def last_before(self, at: datetime) -> int:
        """The last knowledge row older than ``at``; 0 when there is none."""
        [row] = await self._database.fetch(
            "SELECT coalesce(max(seq), 0) AS seq FROM knowledge WHERE valid_from < :at", at=stamp(at)
        )
        return int(row["seq"])

    async def standing(
        self, entries: Sequence[str], *, sent_since: datetime, closed_since: datetime
    ) -> list[Row]:
        """Cards for everyone that stand on one of these entries in on-calls that are open or closed lately:
        (tenant, oncall, answer, entry, used). What an analyst wrote in other words stands on nothing.
        """
        return await self._database.fetch(
            "SELECT d.tenant, d.oncall, d.answer, l.key AS entry, l.value AS used FROM deliveries d "
            "JOIN oncalls o ON o.id = d.oncall JOIN answers a ON a.id = d.answer, json_each(a.leaned) l "
            "WHERE d.state = 'sent' AND d.sent_at >= :sent AND d.audience = 'everyone' AND d.text IS NULL "
            "AND (o.state != 'closed' OR o.closed_at >= :closed) "
            "AND l.key IN (SELECT value FROM json_each(:entries)) ORDER BY d.sent_at, d.key",
            entries=pack(list(entries)),
            sent=stamp(sent_since),
            closed=stamp(closed_since),
        )

    async def owed(self, tenant: str | None = None) -> list[Row]:
        """What waits for an operator's word, with channel, question and card; oldest first."""
        return await self._database.fetch(
            f"{_TOLD} WHERE c.state = 'owed' AND (:tenant IS NULL OR c.tenant = :tenant) "
            "ORDER BY c.found_at, c.id",
            tenant=tenant,
        )

    async def due(self, *, now: datetime, limit: int = 200) -> list[Row]:
        """What is to be posted now, the rows of one post together."""
        return await self._database.fetch(
            f"{_TOLD} WHERE c.state = 'due' AND c.due_at <= :now ORDER BY c.post, c.id LIMIT :limit",
            now=stamp(now),
            limit=limit,
        )

    async def of_answer(self, answer: str) -> list[Row]:
        """The corrections that were decided on for a card, oldest first."""
        return await self._database.fetch(
            "SELECT * FROM corrections WHERE answer = :answer AND state IN ('due', 'sent') ORDER BY id",
            answer=answer,
        )

    @staticmethod
    def decide(ids: Sequence[int], *, post: str, by: str, at: datetime) -> Statement:
        """They go out as one message. What was decided before stays so."""
        return Statement(
            "UPDATE corrections SET state = 'due', post = :post, due_at = :at, decided_by = :by, "
            "decided_at = :at WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 'owed'",
            {"ids": pack(list(ids)), "post": post, "by": by, "at": stamp(at)},
        )

    @staticmethod
    def drop(ids: Sequence[int], *, why: str, by: str, at: datetime) -> Statement:
        return Statement(
            "UPDATE corrections SET state = 'dropped', last_error = :why, decided_by = :by, "
            "decided_at = :at WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('owed', 'due')",
            {"ids": pack(list(ids)), "why": why, "by": by, "at": stamp(at)},
        )

    @staticmethod
    def sent(post: str, *, ts: str) -> Statement:
        return Statement(
            "UPDATE corrections SET state = 'sent', ts = :ts, last_error = '' "
            "WHERE post = :post AND state = 'due'",
            {"post": post, "ts": ts},
        )

    @staticmethod
    def failed(post: str, *, error: str, again: datetime | None) -> Statement:
        """To be tried ``again``, or given up."""
        return Statement(
            "UPDATE corrections SET attempts = attempts + 1, last_error = :error, "
            "state = CASE WHEN :again IS NULL THEN 'failed' ELSE state END, "
            "due_at = coalesce(:again, due_at) WHERE post = :post AND state = 'due'",
            {"post": post, "error": error[:500], "again": stamp(again) if again else None},
        )
