"""Inbox, channels, on-calls and messages as SQL: named queries, and statements for one write."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from vigilbot.domain import Dialogue, Event, EventKind, Message, OnCall, Role
from vigilbot.ledger.rows import columns, moment, pack, pack_event, stamp, to_message, to_oncall
from vigilbot.ports import Database, Row, Statement
from vigilbot.redact import Redact

DELETED, NOT_KEPT = 1, 2
"""``messages.deleted``: somebody deleted it; its text was removed with age, which says nothing of it."""


class Chats:
    """What people wrote, and in which on-call."""

    def __init__(self, database: Database, *, stored: Redact) -> None:
        self._database = database
        self._stored = stored

    async def receive(self, event: Event, *, at: datetime) -> bool:
        """Durable before it returns; False when this happening is known already."""
        [rows] = await self._database.write(
            Statement(
                "INSERT INTO inbox (tenant, key, natural_key, body, received_at, due_at) "
                "VALUES (:tenant, :key, :natural_key, :body, :at, :at) "
                "ON CONFLICT DO NOTHING RETURNING id",
                {
                    "tenant": event.tenant,
                    "key": event.key,
                    "natural_key": event.natural_key,
                    "body": pack_event(event, redact=self._stored),
                    "at": stamp(at),
                },
            )
        )
        return bool(rows)

    async def inbox(self, *, now: datetime, limit: int = 100) -> list[Row]:
        return await self._database.fetch(
            "SELECT id, body, attempts FROM inbox WHERE state = 'new' AND due_at <= :now "
            "ORDER BY due_at, id LIMIT :limit",
            now=stamp(now),
            limit=limit,
        )

    @staticmethod
    def inbox_done(inbox_id: int) -> Statement:
        return Statement("UPDATE inbox SET state = 'done' WHERE id = :id", {"id": inbox_id})

    @staticmethod
    def inbox_failed(inbox_id: int, *, due: datetime, error: str, dead: bool) -> Statement:
        return Statement(
            "UPDATE inbox SET attempts = attempts + 1, due_at = :due, last_error = :error, "
            "state = CASE WHEN :dead THEN 'dead' ELSE state END WHERE id = :id",
            {"id": inbox_id, "due": stamp(due), "error": error[:500], "dead": int(dead)},
        )

    async def forget_inbox(self, *, now: datetime, known: timedelta, reading: timedelta) -> int:
        """Deletes events taken in longer than ``known`` ago, at most 500 and about every hour.

        While a gap is being read it is ``reading`` ago: what is read again must be recognised. The newest
        event stays (``figures.COUNTS``).
        """
        [found] = await self._database.fetch(
            "SELECT (SELECT min(received_at) FROM inbox WHERE state = 'done') AS oldest, "
            "EXISTS (SELECT 1 FROM channels WHERE gap_from IS NOT NULL) AS reads"
        )
        before = now - (reading if found["reads"] else known)
        if not found["oldest"] or moment(found["oldest"]) > before - timedelta(hours=1):
            return 0
        [rows] = await self._database.write(
            Statement(
                "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE state = 'done' "
                "AND received_at < :before AND id < (SELECT max(id) FROM inbox) "
                "ORDER BY received_at, id LIMIT 500) RETURNING id",
                {"before": stamp(before)},
            )
        )
        return len(rows)

    async def channel(self, tenant: str, channel: str) -> Row | None:
        rows = await self._database.fetch(
            "SELECT * FROM channels WHERE tenant = :tenant AND channel = :channel",
            tenant=tenant,
            channel=channel,
        )
        return rows[0] if rows else None

    async def channels(self) -> list[Row]:
        return await self._database.fetch("SELECT * FROM channels ORDER BY tenant, name")

    @staticmethod
    def put_channel(event: Event, *, space: str) -> Statement:
        """The channel as the event has it, and that it was read up to the event's message.

        A channel that others begin to share falls back to the mode of such channels; ``listen`` stays. The
        bot's notice there is to say so.
        """
        return Statement(
            "INSERT INTO channels (tenant, channel, name, external, private, space, direct, archived, "
            "watermark) VALUES (:tenant, :channel, :name, :external, :private, :space, :direct, :archived, "
            ":watermark) ON CONFLICT (tenant, channel) DO UPDATE SET name = excluded.name, "
            "external = excluded.external, private = excluded.private, space = excluded.space, "
            "direct = excluded.direct, archived = excluded.archived, "
            "mode = CASE WHEN excluded.external > external AND mode != 'listen' THEN NULL ELSE mode END, "
            "greeting_due = CASE WHEN excluded.external != external AND greeting = 'sent' THEN :at "
            "ELSE greeting_due END, greeting = CASE WHEN excluded.external != external AND greeting = 'sent' "
            "THEN 'stale' ELSE greeting END, "
            "watermark = max(watermark, excluded.watermark)",
            {
                "tenant": event.tenant,
                "channel": event.channel,
                "name": event.channel_name or event.channel,
                "external": int(event.channel_external),
                "private": int(event.channel_private),
                "space": space,
                "direct": int(event.channel_direct),
                "archived": int(event.channel_archived),
                "watermark": event.ts if event.kind is EventKind.POSTED else "",
                "at": stamp(event.at),
            },
        )

    @staticmethod
    def bot_joined(event: Event) -> Statement:
        """The bot is in the channel; whoever has just let it in is owed an introduction.

        It counts as read up to then: what is said first may be said while the bot is away.
        """
        return Statement(
            "UPDATE channels SET member = 1, inviter = CASE WHEN :user != '' THEN :user ELSE inviter END, "
            "greeting = CASE WHEN member = 0 THEN 'due' ELSE greeting END, "
            "greeting_due = CASE WHEN member = 0 THEN :at ELSE greeting_due END, "
            "greeting_tries = CASE WHEN member = 0 THEN 0 ELSE greeting_tries END, "
            "watermark = CASE WHEN member = 0 THEN :ts ELSE watermark END "
            "WHERE tenant = :tenant AND channel = :channel",
            {
                "tenant": event.tenant,
                "channel": event.channel,
                "user": event.user,
                "at": stamp(event.at),
                "ts": event.ts,
            },
        )

    @staticmethod
    def bot_left(event: Event) -> Statement:
        """Removed: nothing is owed there any more. That it once was there stays known (``greeting``)."""
        return Statement(
            "UPDATE channels SET member = 0, greeting_due = NULL, gap_from = NULL, "
            "greeting = CASE WHEN greeting IN ('', 'due') THEN 'refused' ELSE greeting END "
            "WHERE tenant = :tenant AND channel = :channel",
            {"tenant": event.tenant, "channel": event.channel},
        )

    async def analysts_in(self, oncall: Row) -> tuple[str, ...]:
        """Who has written as an analyst in an on-call; where nobody has, in its channel of late."""
        here = await self._database.fetch(
            "SELECT DISTINCT author FROM messages WHERE oncall = :oncall AND role = 'analyst' "
            "AND deleted = 0 ORDER BY author",
            oncall=oncall["id"],
        )
        found = here or await self._database.fetch(
            "SELECT DISTINCT author FROM (SELECT author, role FROM messages WHERE tenant = :tenant "
            "AND channel = :channel ORDER BY at DESC LIMIT 2000) WHERE role = 'analyst' ORDER BY author",
            tenant=oncall["tenant"],
            channel=oncall["channel"],
        )
        return tuple(row["author"] for row in found)

    async def name_of(self, tenant: str, user: str) -> str:
        """How the platform last called somebody who has written; "" when nobody knows."""
        rows = await self._database.fetch(
            "SELECT author_name FROM messages WHERE tenant = :tenant AND author = :user "
            "AND author_name != '' ORDER BY at DESC LIMIT 1",
            tenant=tenant,
            user=user,
        )
        return str(rows[0]["author_name"]) if rows else ""

    async def oncall(self, oncall_id: str) -> OnCall | None:
        rows = await self._database.fetch("SELECT * FROM oncalls WHERE id = :id", id=oncall_id)
        return to_oncall(rows[0]) if rows else None

    async def oncall_row(self, oncall_id: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM oncalls WHERE id = :id", id=oncall_id)
        return rows[0] if rows else None

    async def latest_oncall(self, tenant: str, channel: str) -> Row | None:
        """The channel's newest on-call, for unit ``channel``."""
        rows = await self._database.fetch(
            "SELECT * FROM oncalls WHERE tenant = :tenant AND channel = :channel "
            "ORDER BY opened_at DESC, id DESC LIMIT 1",
            tenant=tenant,
            channel=channel,
        )
        return rows[0] if rows else None

    @staticmethod
    def put_oncall(**values: Any) -> Statement:
        return Statement(f"INSERT INTO oncalls {columns(values)} ON CONFLICT DO NOTHING", values)

    @staticmethod
    def change_oncall(oncall_id: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(f"UPDATE oncalls SET {changes} WHERE id = :id", {**values, "id": oncall_id})

    @staticmethod
    def timer_done(oncall_id: str, kind: str, *, was: str | None, then: datetime | None = None) -> Statement:
        """Clears (or moves) the ``run`` or ``learn`` timer, unless an event set it anew meanwhile."""
        column = {"run": "run_at", "learn": "learn_at"}[kind]
        return Statement(
            f"UPDATE oncalls SET {column} = :then WHERE id = :id AND COALESCE({column}, '') = :was",
            {"id": oncall_id, "was": was or "", "then": stamp(then) if then else None},
        )

    @staticmethod
    def learn_by(oncall_id: str, due: datetime) -> Statement:
        """Learning is due then at the latest."""
        return Statement(
            "UPDATE oncalls SET learn_at = :due WHERE id = :id AND (learn_at IS NULL OR learn_at > :due)",
            {"id": oncall_id, "due": stamp(due)},
        )

    @staticmethod
    def looked(oncall_id: str) -> Statement:
        """One more attempt to find a question that nobody asked in words."""
        return Statement("UPDATE oncalls SET looks = looks + 1 WHERE id = :id", {"id": oncall_id})

    @staticmethod
    def put_message(
        message: Message,
        *,
        event: Event,
        oncall: str,
        rule: str,
        held_until: datetime | None = None,
        run: str | None = None,
    ) -> Statement:
        """``run`` marks it as read already."""
        values = {
            "id": message.id,
            "tenant": event.tenant,
            "channel": event.channel,
            "oncall": oncall,
            "ts": message.ts,
            "at": stamp(message.at),
            "author": message.author,
            "author_name": message.author_name,
            "thread": message.thread,
            "role": message.role.value,
            "rule": rule,
            "text": message.text,
            "images": pack(
                [{"url": i.url, "title": i.title, "media_type": i.media_type} for i in message.images]
            ),
            "held_until": stamp(held_until) if held_until else None,
            "run": run,
        }
        return Statement(f"INSERT INTO messages {columns(values)} ON CONFLICT DO NOTHING", values)

    async def message(self, message_id: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM messages WHERE id = :id", id=message_id)
        return rows[0] if rows else None

    @staticmethod
    def edit_message(message_id: str, *, text: str, at: datetime) -> Statement:
        return Statement(
            "UPDATE messages SET text = :text, version = version + 1, edited_at = :at WHERE id = :id",
            {"id": message_id, "text": text, "at": stamp(at)},
        )

    @staticmethod
    def ask_anew(message_id: str, *, oncall: str) -> list[Statement]:
        """Uncovers what one run took together with this message; questions made of it are withdrawn.

        What a card of that run has answered stays answered.
        """
        args = {"id": message_id, "oncall": oncall}
        return [
            Statement(
                "UPDATE questions SET state = 'withdrawn', standing_at = NULL WHERE oncall = :oncall "
                "AND state IN ('open', 'unresolved') "
                "AND EXISTS (SELECT 1 FROM json_each(message_ids) WHERE value = :id)",
                args,
            ),
            Statement(
                "UPDATE messages SET run = NULL WHERE oncall = :oncall "
                "AND run = (SELECT run FROM messages WHERE id = :id) AND id NOT IN (SELECT m.value "
                "FROM questions q, json_each(q.message_ids) m WHERE q.oncall = :oncall "
                "AND q.state IN ('answered', 'resolved'))",
                args,
            ),
        ]

    @staticmethod
    def withdraw_deleted(oncall: str) -> Statement:
        """Questions of which no message is left are nobody's questions any more."""
        return Statement(
            "UPDATE questions SET state = 'withdrawn', standing_at = NULL WHERE oncall = :oncall "
            "AND state IN ('open', 'unresolved') AND NOT EXISTS (SELECT 1 FROM messages m "
            "WHERE m.deleted != 1 AND m.id IN (SELECT value FROM json_each(questions.message_ids)))",
            {"oncall": oncall},
        )

    @staticmethod
    def delete_message(message_id: str) -> Statement:
        return Statement(
            "UPDATE messages SET deleted = 1, text = '', images = '[]', version = version + 1 WHERE id = :id",
            {"id": message_id},
        )

    async def dialogue(self, oncall_id: str, *, limit: int = 1000) -> Dialogue:
        """The on-call's newest ``limit`` messages, in time order: a channel may talk for weeks."""
        rows = await self._database.fetch(
            "SELECT * FROM messages WHERE oncall = :oncall AND deleted = 0 "
            "ORDER BY at DESC, ts DESC LIMIT :limit",
            oncall=oncall_id,
            limit=limit,
        )
        return Dialogue(messages=tuple(to_message(row) for row in reversed(rows)))

    async def uncovered(self, oncall_id: str) -> tuple[Message, ...]:
        """Customer messages no run has covered yet, in time order."""
        rows = await self._database.fetch(
            "SELECT * FROM messages WHERE oncall = :oncall AND run IS NULL AND deleted = 0 "
            "AND role = :role ORDER BY at, ts",
            oncall=oncall_id,
            role=Role.CUSTOMER.value,
        )
        return tuple(to_message(row) for row in rows)

    async def held(self, oncall_id: str) -> dict[str, datetime]:
        """Until when which of the uncovered messages wait for the analyst who took them on."""
        rows = await self._database.fetch(
            "SELECT id, held_until FROM messages WHERE oncall = :oncall AND run IS NULL AND deleted = 0 "
            "AND held_until IS NOT NULL",
            oncall=oncall_id,
        )
        return {row["id"]: moment(row["held_until"]) for row in rows}

    @staticmethod
    def hold(message_ids: Sequence[str], *, until: datetime) -> Statement:
        return Statement(
            "UPDATE messages SET held_until = :until WHERE id IN (SELECT value FROM json_each(:ids))",
            {"until": stamp(until), "ids": pack(list(message_ids))},
        )

    async def due_oncalls(self, kind: str, *, now: datetime, limit: int = 50) -> list[Row]:
        """On-calls whose ``run``, ``learn`` or ``close`` timer has come, oldest first."""
        column = {"run": "run_at", "learn": "learn_at", "close": "close_at"}[kind]
        # what is to be learned are the questions that a run finds
        after = "AND (run_at IS NULL OR run_at > :now) " if kind == "learn" else ""
        return await self._database.fetch(
            f"SELECT * FROM oncalls WHERE {column} IS NOT NULL AND {column} <= :now {after}"
            f"AND (lease_until IS NULL OR lease_until <= :now) ORDER BY {column}, id LIMIT :limit",
            now=stamp(now),
            limit=limit,
        )

    async def runs_in_turn(self, *, now: datetime, limit: int) -> list[Row]:
        """Of every channel the on-call whose run is due longest; of them the oldest first."""
        return await self._database.fetch(
            "SELECT o.* FROM channels c JOIN oncalls o ON o.id = (SELECT id FROM oncalls "
            "WHERE tenant = c.tenant AND channel = c.channel AND run_at IS NOT NULL AND run_at <= :now "
            "AND (lease_until IS NULL OR lease_until <= :now) ORDER BY run_at, id LIMIT 1) "
            "ORDER BY o.run_at, o.id LIMIT :limit",
            now=stamp(now),
            limit=limit,
        )

    async def claim(self, oncall_id: str, *, now: datetime, until: datetime) -> bool:
        """Takes the on-call for one worker until it is released or the lease ends."""
        [rows] = await self._database.write(
            Statement(
                "UPDATE oncalls SET lease_until = :until WHERE id = :id "
                "AND (lease_until IS NULL OR lease_until <= :now) RETURNING id",
                {"id": oncall_id, "now": stamp(now), "until": stamp(until)},
            )
        )
        return bool(rows)

    async def release_all(self) -> None:
        """At start: no other process holds this ledger, so every lease is a dead one's."""
        await self._database.write(
            Statement("UPDATE oncalls SET lease_until = NULL WHERE lease_until IS NOT NULL", {})
        )

    async def messages_by_id(self, ids: Sequence[str]) -> tuple[Message, ...]:
        rows = await self._database.fetch(
            "SELECT * FROM messages WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY at, ts",
            ids=pack(list(ids)),
        )
        return tuple(to_message(row) for row in rows)
