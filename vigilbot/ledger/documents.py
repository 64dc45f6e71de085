"""Documents, their parts and the rules about hosts, as SQL."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vigilbot.ledger.rows import columns, optional_moment, pack, stamp
from vigilbot.ports import Database, Row, Statement


class DocumentRows:
    """What was shared or added, and what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def share(
        *,
        tenant: str,
        space: str,
        key: str,
        url: str,
        state: str,
        trust: str,
        added_by: str,
        at: datetime,
        due: datetime | None = None,
        oncall: str = "",
        message: str = "",
        title: str = "",
        again: bool = False,
    ) -> Statement:
        """A document that was not known becomes one; one that is asked about, refused or gone may become due.

        ``again``: whatever is known of it, it is fetched anew. Returns the document's id.
        """
        values = {
            "id": document_id(tenant, space, key),
            "tenant": tenant,
            "space": space,
            "key": key,
            "url": url,
            "title": title,
            "state": state,
            "due_at": stamp(due) if due else None,
            "trust": trust,
            "added_by": added_by,
            "added_at": stamp(at),
            "oncall": oncall,
            "message": message,
            "ask_at": None if due or not message else stamp(at),
        }
        wanted = "documents.state NOT IN ('due', 'indexed') AND excluded.state = 'due'"
        changes = (
            "state = 'due', due_at = excluded.due_at, attempts = 0, trust = excluded.trust, "
            "added_by = excluded.added_by, ask_at = NULL"
        )
        if again:
            wanted = "1"
            changes = (
                "state = CASE WHEN documents.state = 'indexed' THEN 'indexed' ELSE excluded.state END, "
                "due_at = excluded.due_at, trust = excluded.trust, attempts = 0, url = excluded.url, "
                "ask_at = NULL"
            )
        return Statement(
            f"INSERT INTO documents {columns(values)} ON CONFLICT (tenant, space, key) "
            f"DO UPDATE SET {changes} WHERE {wanted} RETURNING id",
            values,
        )

    @staticmethod
    def change(document: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(f"UPDATE documents SET {changes} WHERE id = :id", {**values, "id": document})

    async def claim(self, *, now: datetime, until: datetime, read: bool, limit: int) -> list[Row]:
        """What is due to be fetched, or (``read``) to be indexed: nobody else gets it before ``until``."""
        due = await self.next_due(read=read)
        if due is None or due > now:  # asked after every piece of work, so it must cost no write
            return []
        [rows] = await self._database.write(
            Statement(
                "UPDATE documents SET due_at = :until, attempts = attempts + 1 WHERE id IN ("
                "SELECT id FROM documents WHERE due_at <= :now AND (body IS NOT NULL) = :read "
                "ORDER BY due_at, id LIMIT :limit) RETURNING *",
                {"now": stamp(now), "until": stamp(until), "read": int(read), "limit": limit},
            )
        )
        return sorted(rows, key=lambda row: str(row["id"]))

    async def next_due(self, *, read: bool) -> datetime | None:
        """When the earliest document is to be fetched, or (``read``) indexed; None when there is none."""
        [row] = await self._database.fetch(
            "SELECT min(due_at) AS due FROM documents WHERE due_at IS NOT NULL "
            "AND (body IS NOT NULL) = :read",
            read=int(read),
        )
        return optional_moment(row["due"])

    async def get(self, document: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM documents WHERE id = :id", id=document)
        return rows[0] if rows else None

    async def several(self, documents: Sequence[str]) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM documents WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY key, space",
            ids=pack(list(documents)),
        )

    async def all(self) -> list[Row]:
        return await self._database.fetch("SELECT * FROM documents ORDER BY tenant, key, space")

    async def asked(self, *, tenant: str, oncall: str = "") -> list[Row]:
        """Links that wait for an analyst's word, oldest first; of one on-call, or of all."""
        return await self._database.fetch(
            "SELECT * FROM documents WHERE tenant = :tenant AND state = 'asked' "
            "AND (:oncall = '' OR oncall = :oncall) ORDER BY added_at, id",
            tenant=tenant,
            oncall=oncall,
        )

    async def to_ask(self, *, now: datetime, limit: int) -> list[Row]:
        """Links that analysts are to be asked about now, with their message's thread; the oldest first."""
        return await self._database.fetch(
            "SELECT d.*, m.thread FROM documents d JOIN messages m ON m.id = d.message "
            "WHERE d.ask_at <= :now AND d.state = 'asked' AND m.deleted = 0 "
            "ORDER BY d.ask_at, d.id LIMIT :limit",
            now=stamp(now),
            limit=limit,
        )

    async def to_open(self, *, now: datetime, asked: str, limit: int) -> list[Row]:
        """Documents that are closed to the bot and whose sharer is due to be asked, with the thread.

        ``was_asked``: the audit names it under the action ``asked``.
        """
        return await self._database.fetch(
            "SELECT d.*, m.thread, EXISTS (SELECT 1 FROM audit a WHERE a.action = :asked "
            "AND a.subject = d.id) AS was_asked FROM documents d LEFT JOIN messages m ON m.id = d.message "
            "WHERE d.ask_at <= :now AND d.state = 'refused' ORDER BY d.ask_at, d.id LIMIT :limit",
            now=stamp(now),
            asked=asked,
            limit=limit,
        )

    @staticmethod
    def ask_now(oncall: str, *, at: datetime) -> Statement:
        """An analyst has come: what nobody could be asked about before is asked now."""
        return Statement(
            "UPDATE documents SET ask_at = :at WHERE ask_at > :at AND state = 'asked' AND oncall = :oncall",
            {"oncall": oncall, "at": stamp(at)},
        )

    async def waking(self) -> list[Row]:
        """Documents that taught something which has woken no question yet."""
        return await self._database.fetch(
            "SELECT id, tenant, wakes_since FROM documents WHERE wakes_since IS NOT NULL ORDER BY id LIMIT 50"
        )

    async def taught(self, document: str, *, since: str) -> list[str]:
        """The document's parts in force that are new or changed since a time."""
        rows = await self._database.fetch(
            "SELECT k.entry FROM document_chunks c JOIN knowledge k ON k.entry = c.entry "
            "WHERE c.document = :document AND k.valid_to IS NULL AND k.retracted = 0 "
            "AND k.valid_from >= :since ORDER BY c.place",
            document=document,
            since=since,
        )
        return [row["entry"] for row in rows]

    async def lost(self, *, tenant: str, since: datetime) -> list[Row]:
        """Documents that answered once and have left since then, the last first."""
        return await self._database.fetch(
            "SELECT * FROM documents d WHERE tenant = :tenant AND state IN ('gone', 'refused') "
            "AND fetched_at >= :since AND EXISTS (SELECT 1 FROM document_chunks c WHERE c.document = d.id) "
            "ORDER BY fetched_at DESC, id LIMIT 20",
            tenant=tenant,
            since=stamp(since),
        )

    async def under(self, *, tenant: str, space: str, prefix: str) -> list[Row]:
        """Documents whose key begins so."""
        return await self._database.fetch(
            "SELECT * FROM documents WHERE tenant = :tenant AND space = :space "
            "AND substr(key, 1, length(:prefix)) = :prefix ORDER BY key",
            tenant=tenant,
            space=space,
            prefix=prefix,
        )

    @staticmethod
    def put_host(*, tenant: str, host: str, rule: str, actor: str, at: datetime) -> Statement:
        values = {"tenant": tenant, "host": host, "rule": rule, "actor": actor, "at": stamp(at)}
        return Statement(
            f"INSERT INTO document_hosts {columns(values)} ON CONFLICT (tenant, host) DO UPDATE SET "
            "rule = excluded.rule, actor = excluded.actor, at = excluded.at",
            values,
        )

    async def hosts(self, tenant: str) -> dict[str, str]:
        """What analysts said about hosts."""
        rows = await self._database.fetch(
            "SELECT host, rule FROM document_hosts WHERE tenant = :tenant", tenant=tenant
        )
        return {row["host"]: row["rule"] for row in rows}

    async def chunks(self, document: str, *, also: Sequence[str] = ()) -> list[Row]:
        """The current revisions of a document's parts and of these entries, tombstones included."""
        return await self._database.fetch(
            "SELECT k.*, c.place FROM knowledge k LEFT JOIN document_chunks c ON c.entry = k.entry "
            "WHERE k.valid_to IS NULL AND k.entry IN (SELECT entry FROM document_chunks "
            "WHERE document = :document UNION SELECT value FROM json_each(:also)) ORDER BY c.place, k.entry",
            document=document,
            also=pack(list(also)),
        )

    @staticmethod
    def put_chunk(*, entry: str, document: str, place: int) -> Statement:
        return Statement(
            "INSERT INTO document_chunks (entry, document, place) VALUES (:entry, :document, :place) "
            "ON CONFLICT (entry) DO UPDATE SET place = excluded.place",
            {"entry": entry, "document": document, "place": place},
        )


def document_id(tenant: str, space: str, key: str) -> str:
    return "D" + hashlib.sha256("\x1f".join((tenant, space, key)).encode()).hexdigest()[:12]
