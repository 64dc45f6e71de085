"""What was known at a time: every entry as it stood then, and a ledger that knows nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from vigilbot.knowledge import lexemes_of, searchable_text
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import columns, pack, stamp, to_entry
from vigilbot.ports import Row, Statement

BATCH = 200  # entries a write

_THEN = (
    "SELECT k.*, coalesce(c.name, k.channel) AS channel_name, (SELECT count(DISTINCT oncall) FROM support s "
    "WHERE s.entry = k.entry AND s.kind != 'contradicted' AND s.at <= :at) AS support, "
    "(SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry AND s.kind = 'contradicted' "
    "AND s.at <= :at) AS against FROM knowledge k "
    "LEFT JOIN channels c ON c.tenant = k.tenant AND c.channel = k.channel "
    "WHERE k.valid_from <= :at AND (k.valid_to IS NULL OR k.valid_to > :at) AND k.retracted = 0 "
    "AND (k.expires_at IS NULL OR k.expires_at > :at) ORDER BY k.seq"
)
_JOINED = ("channel_name", "support", "against")


async def known_at(ledger: Ledger, at: datetime) -> list[Row]:
    """The revisions in force at a time, in the order they were made, each with its channel's name and how
    many on-calls spoke for and against it by then. Support that was taken back since is not counted."""
    return await ledger.fetch(_THEN, at=stamp(at))


async def copy_at(ledger: Ledger, target: Ledger, at: datetime) -> int:
    """Fills an empty ledger with what was known at a time; returns how many entries.

    Vectors come along where the text they were made of is still the text; what is missing is embedded
    when the copy is opened (Knowledge.load).
    """
    rows = await known_at(ledger, at)
    channels = await ledger.fetch("SELECT * FROM channels")
    await target.write(*(_insert("channels", row) for row in channels))
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        statements: list[Statement] = []
        for row in part:
            kept = {name: value for name, value in row.items() if name not in _JOINED}
            statements.append(_insert("knowledge", {**kept, "valid_to": None}))
            tokens = {"seq": row["seq"], "tokens": " ".join(lexemes_of(to_entry(row)))}
            statements.append(Statement("INSERT INTO lexical (rowid, tokens) VALUES (:seq, :tokens)", tokens))
        statements += [_insert("support", row) for row in await _supports(ledger, part, at)]
        statements += [_insert("embeddings", row) for row in await _vectors(ledger, part, at)]
        await target.write(*statements)
    return len(rows)


async def _supports(ledger: Ledger, rows: Sequence[Row], at: datetime) -> list[Row]:
    return await ledger.fetch(
        "SELECT * FROM support WHERE entry IN (SELECT value FROM json_each(:ids)) AND at <= :at",
        ids=pack([row["entry"] for row in rows]),
        at=stamp(at),
    )


async def _vectors(ledger: Ledger, rows: Sequence[Row], at: datetime) -> list[Row]:
    """The vectors that hold for these revisions: of the same text, and of wordings known by then."""
    then = {row["entry"]: row for row in rows}
    kept: list[Row] = []
    for vector in await ledger.fetch(
        "SELECT * FROM embeddings WHERE entry IN (SELECT value FROM json_each(:ids))", ids=pack(list(then))
    ):
        row = then[vector["entry"]]
        _, _, oncall = vector["key"].partition("#")
        if oncall:
            known = await ledger.fetch(
                "SELECT 1 FROM support WHERE entry = :entry AND oncall = :oncall AND at <= :at LIMIT 1",
                entry=row["entry"],
                oncall=oncall,
                at=stamp(at),
            )
            holds = bool(known)
        else:
            holds = await _text_of(ledger, vector) == searchable_text(to_entry(row))
        if holds:
            kept.append({**vector, "revision": row["revision"]})
    return kept


async def _text_of(ledger: Ledger, vector: Row) -> str | None:
    """The text a vector was made of; None when its revision is not there."""
    rows = await ledger.fetch(
        "SELECT * FROM knowledge WHERE entry = :entry AND revision = :revision",
        entry=vector["entry"],
        revision=vector["revision"],
    )
    return searchable_text(to_entry(rows[0])) if rows else None


def _insert(table: str, row: Row) -> Statement:
    return Statement(f"INSERT INTO {table} {columns(row)} ON CONFLICT DO NOTHING", dict(row))
