"""Knowledge revisions, support, embeddings and lexical rows as SQL.

Revisions are append-only: a change closes the current revision (``valid_to``) and appends the next;
retraction appends a tombstone. Undo is one more revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vigilbot.domain import Citation, KnowledgeEntry, PassageKind, SupportKind, Trust
from vigilbot.ledger.rows import columns, pack, pack_citations, stamp, to_entry, vector_blob
from vigilbot.ports import Database, Row, Statement, Vector


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What one new revision says; times, number and sequence are the ledger's."""

    entry: str
    revision: int
    tenant: str
    space: str
    channel: str
    kind: PassageKind
    question: str
    answer: str
    citations: tuple[Citation, ...]
    trust: Trust
    learned_from: str
    message_ids: tuple[str, ...]
    operation: str
    actor: str
    reason: str
    precondition: str = ""
    retracted: bool = False
    expires_at: datetime | None = None


def lexeme(token: str) -> str:
    """A token as FTS5's ``ascii`` tokenizer keeps it whole: punctuation would split it."""
    if all(c.isalnum() or ord(c) > 127 for c in token):
        return token
    return "x" + token.encode().hex()


class Entries:
    """What the bot knows, when it knew it, and who said so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def append(revision: Revision, *, at: datetime, lexemes: Sequence[str]) -> list[Statement]:
        """Closes the entry's current revision and makes this one current, with its lexical row."""
        key = {"entry": revision.entry}
        values: dict[str, Any] = {
            "entry": revision.entry,
            "revision": revision.revision,
            "tenant": revision.tenant,
            "space": revision.space,
            "channel": revision.channel,
            "kind": revision.kind.value,
            "question": revision.question,
            "answer": revision.answer,
            "precondition": revision.precondition,
            "citations": pack_citations(revision.citations),
            "trust": revision.trust.value,
            "learned_from": revision.learned_from,
            "message_ids": pack(list(revision.message_ids)),
            "operation": revision.operation,
            "actor": revision.actor,
            "reason": revision.reason,
            "valid_from": stamp(at),
            "retracted": int(revision.retracted),
            "expires_at": stamp(revision.expires_at) if revision.expires_at else None,
        }
        statements = [
            Statement(
                "DELETE FROM lexical WHERE rowid IN "
                "(SELECT seq FROM knowledge WHERE entry = :entry AND valid_to IS NULL)",
                key,
            ),
            Statement(
                "UPDATE knowledge SET valid_to = :at WHERE entry = :entry AND valid_to IS NULL",
                {**key, "at": stamp(at)},
            ),
            Statement(f"INSERT INTO knowledge {columns(values)} RETURNING seq", values),
        ]
        if not revision.retracted:
            statements.append(
                Statement(
                    "INSERT INTO lexical (rowid, tokens) SELECT seq, :tokens FROM knowledge "
                    "WHERE entry = :entry AND valid_to IS NULL",
                    {**key, "tokens": " ".join(lexemes)},
                )
            )
        return statements

    @staticmethod
    def put_embedding(
        *, key: str, model: str, tenant: str, entry: str, revision: int, space: str, vector: Vector
    ) -> Statement:
        values = {
            "key": key,
            "model": model,
            "tenant": tenant,
            "entry": entry,
            "revision": revision,
            "space": space,
            "vector": vector_blob(vector),
        }
        return Statement(
            f"INSERT INTO embeddings {columns(values)} ON CONFLICT (key, model) DO UPDATE SET "
            "revision = excluded.revision, space = excluded.space, vector = excluded.vector",
            values,
        )

    @staticmethod
    def drop_embeddings(entry: str) -> Statement:
        return Statement("DELETE FROM embeddings WHERE entry = :entry", {"entry": entry})

    @staticmethod
    def put_support(
        *,
        entry: str,
        oncall: str,
        kind: SupportKind,
        tenant: str,
        channel: str,
        customer: str,
        question: str,
        at: datetime,
    ) -> Statement:
        values = {
            "entry": entry,
            "oncall": oncall,
            "kind": kind.value,
            "tenant": tenant,
            "channel": channel,
            "customer": customer,
            "question": question,
            "at": stamp(at),
        }
        return Statement(f"INSERT INTO support {columns(values)} ON CONFLICT DO NOTHING", values)

    @staticmethod
    def drop_support(*, entry: str, oncall: str, kind: SupportKind) -> Statement:
        """An on-call speaks for the entry no longer, as far as this kind goes."""
        return Statement(
            "DELETE FROM support WHERE entry = :entry AND oncall = :oncall AND kind = :kind",
            {"entry": entry, "oncall": oncall, "kind": kind.value},
        )

    async def entry(self, entry_id: str) -> Row | None:
        """The current revision's row, tombstones included."""
        rows = await self._database.fetch(
            "SELECT * FROM knowledge WHERE entry = :entry AND valid_to IS NULL", entry=entry_id
        )
        return rows[0] if rows else None

    async def revisions(self, entry_id: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM knowledge WHERE entry = :entry ORDER BY revision", entry=entry_id
        )

    async def current(
        self, entry_ids: Sequence[str], *, tenant: str | None = None
    ) -> dict[str, KnowledgeEntry]:
        """Entries in force by id, of one tenant or of any; retracted and unknown ones are left out."""
        rows = await self._database.fetch(
            "SELECT * FROM knowledge WHERE entry IN (SELECT value FROM json_each(:ids)) "
            "AND valid_to IS NULL AND retracted = 0 AND (:tenant IS NULL OR tenant = :tenant)",
            ids=pack(list(entry_ids)),
            tenant=tenant,
        )
        return {row["entry"]: to_entry(row) for row in rows}

    async def unchanged(self, told: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
        """Of these entries and revisions those whose answer is still in force, word for word."""
        rows = await self._database.fetch(
            "SELECT t.entry, t.revision FROM json_each(:told) e JOIN knowledge t "
            "ON t.entry = json_extract(e.value, '$[0]') AND t.revision = json_extract(e.value, '$[1]') "
            "JOIN knowledge k ON k.entry = t.entry AND k.valid_to IS NULL AND k.retracted = 0 "
            "WHERE k.answer = t.answer AND k.precondition = t.precondition",
            told=pack([list(each) for each in told]),
        )
        return {(row["entry"], row["revision"]) for row in rows}

    async def list_current(self, *, limit: int = -1, offset: int = 0) -> list[Row]:
        return await self._database.fetch(
            "SELECT k.*, (SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry "
            "AND s.kind != 'contradicted') AS support FROM knowledge k "
            "WHERE valid_to IS NULL AND retracted = 0 ORDER BY seq LIMIT :limit OFFSET :offset",
            limit=limit,
            offset=offset,
        )

    async def learned_from(self, oncall: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM knowledge WHERE learned_from = :oncall AND valid_to IS NULL AND retracted = 0 "
            "ORDER BY seq",
            oncall=oncall,
        )

    async def taught_since(self, oncall: str, since: str) -> list[str]:
        """Entries in force that an on-call has taught, changed or repeated since a time."""
        rows = await self._database.fetch(
            "SELECT entry FROM knowledge WHERE valid_to IS NULL AND retracted = 0 AND valid_from >= :since "
            "AND (learned_from = :oncall OR entry IN "
            "(SELECT entry FROM support WHERE oncall = :oncall AND at >= :since)) "
            "UNION SELECT entry FROM support WHERE oncall = :oncall AND at >= :since AND kind = 'repeated' "
            "ORDER BY entry",
            oncall=oncall,
            since=since,
        )
        return [row["entry"] for row in rows]

    async def supports(self, entry_ids: Sequence[str]) -> list[Row]:
        """Support rows of these entries, in time order."""
        return await self._database.fetch(
            "SELECT * FROM support WHERE entry IN (SELECT value FROM json_each(:ids)) ORDER BY at, oncall",
            ids=pack(list(entry_ids)),
        )

    async def support_counts(
        self, entry_ids: Sequence[str], *, apart_from: str = ""
    ) -> dict[str, tuple[int, int]]:
        """Entry to how many on-calls speak for it and against it; entries without any are left out.
        What the on-call ``apart_from`` says against any is not counted."""
        rows = await self._database.fetch(
            "SELECT entry, count(DISTINCT CASE WHEN kind != 'contradicted' THEN oncall END) AS agreed, "
            "count(DISTINCT CASE WHEN kind = 'contradicted' AND oncall != :apart THEN oncall END) AS against "
            "FROM support WHERE entry IN (SELECT value FROM json_each(:ids)) GROUP BY entry",
            ids=pack(list(entry_ids)),
            apart=apart_from,
        )
        return {row["entry"]: (row["agreed"], row["against"]) for row in rows}

    async def resolutions(
        self, *, tenant: str, channel: str, spaces: Sequence[str], newest: int
    ) -> list[Row]:
        """How often each entry in force resolved an on-call of this channel, by the ``newest`` rows of
        support written there: (entry, times, last, citations)."""
        return await self._database.fetch(
            "SELECT s.entry, count(DISTINCT s.oncall) AS times, max(s.at) AS last, k.citations "
            "FROM (SELECT entry, oncall, at FROM support WHERE tenant = :tenant AND channel = :channel "
            "AND kind != 'contradicted' ORDER BY rowid DESC LIMIT :newest) s "
            "JOIN knowledge k ON k.entry = s.entry AND k.valid_to IS NULL AND k.retracted = 0 "
            "WHERE k.space IN (SELECT value FROM json_each(:spaces)) "
            "GROUP BY s.entry ORDER BY times DESC, last DESC, s.entry",
            tenant=tenant,
            channel=channel,
            spaces=pack(list(spaces)),
            newest=newest,
        )

    async def resolved_cases(
        self, *, tenant: str, channel: str, spaces: Sequence[str], newest: int
    ) -> list[Row]:
        """How this channel's on-calls put the question that an entry in force resolved, by the ``newest``
        rows of support written there: (oncall, question, entry, citations), newest first."""
        return await self._database.fetch(
            "SELECT s.oncall, CASE WHEN s.question = '' OR s.oncall = k.learned_from THEN k.question "
            "ELSE s.question END AS question, s.entry, k.citations "
            "FROM (SELECT rowid AS n, entry, oncall, question FROM support WHERE tenant = :tenant "
            "AND channel = :channel AND kind != 'contradicted' ORDER BY rowid DESC LIMIT :newest) s "
            "JOIN knowledge k ON k.entry = s.entry AND k.valid_to IS NULL AND k.retracted = 0 "
            "WHERE k.space IN (SELECT value FROM json_each(:spaces)) ORDER BY s.n DESC",
            tenant=tenant,
            channel=channel,
            spaces=pack(list(spaces)),
            newest=newest,
        )

    async def embeddings(self, model: str, *, after: str = "", limit: int = -1) -> list[Row]:
        """Vectors of entries in force, for building an index, by key and from behind ``after``."""
        return await self._database.fetch(
            "SELECT key, entry, tenant, space, vector FROM embeddings WHERE model = :model AND key > :after "
            "ORDER BY key LIMIT :limit",
            model=model,
            after=after,
            limit=limit,
        )

    async def vectors(self, entry_ids: Sequence[str], *, model: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT entry, key, vector FROM embeddings WHERE model = :model "
            "AND entry IN (SELECT value FROM json_each(:ids)) ORDER BY key",
            model=model,
            ids=pack(list(entry_ids)),
        )

    async def embedding_keys(self, entry_id: str) -> list[str]:
        rows = await self._database.fetch(
            "SELECT DISTINCT key FROM embeddings WHERE entry = :entry ORDER BY key", entry=entry_id
        )
        return [row["key"] for row in rows]

    async def entries_without_embedding(self, model: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT k.* FROM knowledge k LEFT JOIN embeddings e ON e.key = k.entry AND e.model = :model "
            "WHERE k.valid_to IS NULL AND k.retracted = 0 AND e.key IS NULL ORDER BY k.seq",
            model=model,
        )

    # -- what entries say, as vectors

    async def answer_vectors(self, entry_ids: Sequence[str], *, model: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT mark, vector FROM answer_vectors WHERE model = :model "
            "AND entry IN (SELECT value FROM json_each(:ids))",
            model=model,
            ids=pack(list(entry_ids)),
        )

    async def newest(self) -> int:
        """The number of the last revision; 0 when there is none."""
        [row] = await self._database.fetch("SELECT coalesce(max(seq), 0) AS seq FROM knowledge")
        return int(row["seq"])

    async def without_answer_vectors(self, model: str, *, after: int, limit: int) -> list[Row]:
        """Entries in force, by the number of their revision and from behind ``after``."""
        return await self._database.fetch(
            "SELECT k.* FROM knowledge k WHERE k.seq > :after AND k.valid_to IS NULL AND k.retracted = 0 "
            "AND NOT EXISTS (SELECT 1 FROM answer_vectors a WHERE a.entry = k.entry AND a.model = :model) "
            "ORDER BY k.seq LIMIT :limit",
            model=model,
            after=after,
            limit=limit,
        )

    @staticmethod
    def put_answer_vector(entry: Row, *, model: str, mark: bytes, vector: Vector) -> Statement:
        """Nothing is kept when the entry has got other words since it was read, or is found no more."""
        return Statement(
            "INSERT OR REPLACE INTO answer_vectors (entry, model, mark, vector) "
            "SELECT entry, :model, :mark, :vector FROM knowledge WHERE seq = :seq AND valid_to IS NULL "
            "AND retracted = 0 AND question = :question AND answer = :answer "
            "AND EXISTS (SELECT 1 FROM embeddings e WHERE e.entry = knowledge.entry)",
            {
                "model": model,
                "mark": mark,
                "vector": vector_blob(vector),
                **{name: entry[name] for name in ("seq", "question", "answer")},
            },
        )

    async def document_frequencies(self, lexemes: Sequence[str]) -> dict[str, int]:
        rows = await self._database.fetch(
            "SELECT t.term, t.doc FROM json_each(:terms) j JOIN lexical_terms t ON t.term = j.value",
            terms=pack(list(lexemes)),
        )
        return {row["term"]: row["doc"] for row in rows}

    async def match(
        self, lexemes: Sequence[str], *, tenant: str, spaces: Sequence[str], limit: int
    ) -> list[Row]:
        """Entries in force that share a term, by BM25, best first: (entry, score > 0)."""
        if not lexemes:
            return []
        return await self._database.fetch(
            "SELECT k.entry, -bm25(lexical) AS score FROM lexical "
            "JOIN knowledge k ON k.seq = lexical.rowid WHERE lexical MATCH :query "
            "AND k.tenant = :tenant AND k.space IN (SELECT value FROM json_each(:spaces)) "
            "AND k.valid_to IS NULL ORDER BY bm25(lexical), k.entry LIMIT :limit",
            query=" OR ".join(f'"{term}"' for term in lexemes),
            tenant=tenant,
            spaces=pack(list(spaces)),
            limit=limit,
        )

    async def counts(self) -> dict[str, int]:
        [row] = await self._database.fetch(
            "SELECT coalesce(sum(kind = 'qa' AND valid_to IS NULL AND retracted = 0), 0) AS qa, "
            "coalesce(sum(kind = 'chunk' AND valid_to IS NULL AND retracted = 0), 0) AS chunks, "
            "coalesce(sum(operation = 'revise'), 0) AS revised, "
            "coalesce(sum(operation = 'retract'), 0) AS retracted FROM knowledge"
        )
        return dict(row)
