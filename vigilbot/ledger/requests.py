"""What somebody asked the bot directly, as SQL: a request ends with a reply, or is given up and says so."""

from __future__ import annotations

from datetime import datetime

from vigilbot.domain import Event
from vigilbot.ledger.rows import pack_event, stamp
from vigilbot.ports import Database, Row, Statement

ASKED = "asked"
"""Stands in ``messages.run`` until the run exists: no other run reads what was said to the bot itself."""


class Requests:
    """One row a message that addressed the bot; ``body`` is the event, its text without the bot's name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def put(event: Event, *, request: str) -> Statement:
        return Statement(
            "INSERT INTO requests (id, tenant, channel, thread, user, body, due_at) "
            "VALUES (:id, :tenant, :channel, :thread, :user, :body, :due) ON CONFLICT DO NOTHING",
            {
                "id": request,
                "tenant": event.tenant,
                "channel": event.channel,
                "thread": event.thread,
                "user": event.user,
                "body": pack_event(event),
                "due": stamp(event.at),
            },
        )

    async def due(self, *, now: datetime) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM requests WHERE state = 'due' AND due_at <= :now ORDER BY due_at, id LIMIT 20",
            now=stamp(now),
        )

    async def get(self, request: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM requests WHERE id = :id", id=request)
        return rows[0] if rows else None

    @staticmethod
    def replied(request: str, *, ts: str) -> Statement:
        return Statement(
            "UPDATE requests SET state = 'replied', reply_ts = :ts WHERE id = :id",
            {"id": request, "ts": ts},
        )

    @staticmethod
    def later(request: str, *, due: datetime, failed: str = "") -> Statement:
        """To be looked at again; ``failed`` says why this try came to nothing, "" when it only waits."""
        return Statement(
            "UPDATE requests SET due_at = :due, attempts = attempts + :failures, "
            "last_error = CASE WHEN :failures THEN :error ELSE last_error END WHERE id = :id",
            {"id": request, "due": stamp(due), "failures": int(bool(failed)), "error": failed[:500]},
        )

    @staticmethod
    def given_up(request: str, *, error: str) -> Statement:
        return Statement(
            "UPDATE requests SET state = 'given_up', attempts = attempts + 1, last_error = :error "
            "WHERE id = :id",
            {"id": request, "error": error[:500]},
        )

    async def deliveries(self, run: str) -> list[Row]:
        """The cards of the run that answered a request, drafts included."""
        return await self._database.fetch(
            "SELECT d.* FROM deliveries d JOIN answers a ON a.id = d.answer WHERE a.run = :run "
            "ORDER BY d.due_at, d.key",
            run=run,
        )

    async def answers(self, run: str) -> list[Row]:
        return await self._database.fetch("SELECT * FROM answers WHERE run = :run ORDER BY id", run=run)
