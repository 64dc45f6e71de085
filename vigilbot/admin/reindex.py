"""Vectors and lexical rows brought back in step with the words of the entries in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vigilbot.domain import SupportKind
from vigilbot.knowledge import lexemes_of, searchable_text
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.rows import to_entry
from vigilbot.ports import Embedder, Row, Statement

BATCH = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """A text whose vector is wanted: an entry's own words, or how the question was put elsewhere."""

    key: str
    entry: str
    revision: int
    tenant: str
    space: str
    text: str

    @property
    def phrasing(self) -> bool:
        return self.key != self.entry


async def owed_vectors(ledger: Ledger, *, model: str, everything: bool) -> tuple[Owed, ...]:
    """Texts of entries in force without a vector of this model; every text with ``everything``."""
    rows = await ledger.entries.list_current()
    phrasings = await _phrasings(ledger, {row["entry"]: row for row in rows})
    wanted: list[Owed] = []
    for row in rows:
        wanted.append(_owed(row, key=row["entry"], text=searchable_text(to_entry(row))))
        wanted += phrasings.get(row["entry"], {}).values()
    if everything:
        return tuple(wanted)
    have = {row["key"] for row in await ledger.entries.embeddings(model)}
    return tuple(each for each in wanted if each.key not in have)


async def embed_owed(
    ledger: Ledger, embedder: Embedder, owed: Sequence[Owed], *, step: Callable[[int], None]
) -> None:
    """Embeds in batches, each written at once: after an interruption the rest is still owed."""
    for start in range(0, len(owed), BATCH):
        batch = owed[start : start + BATCH]
        vectors = await embedder.embed([each.text for each in batch])
        await ledger.write(
            *(
                Entries.put_embedding(
                    key=each.key,
                    model=embedder.model,
                    tenant=each.tenant,
                    entry=each.entry,
                    revision=each.revision,
                    space=each.space,
                    vector=vector,
                )
                for each, vector in zip(batch, vectors, strict=True)
            )
        )
        step(len(batch))


async def rewrite_lexical(ledger: Ledger) -> int:
    """Every entry's lexical row anew, for a tokeniser that has changed; says how many."""
    rows = await ledger.entries.list_current()
    current = "SELECT seq FROM knowledge WHERE valid_to IS NULL AND retracted = 0"
    statements = [Statement(f"DELETE FROM lexical WHERE rowid NOT IN ({current})", {})]
    for row in rows:
        values = {"seq": row["seq"], "tokens": " ".join(lexemes_of(to_entry(row)))}
        statements += [
            Statement("DELETE FROM lexical WHERE rowid = :seq", {"seq": row["seq"]}),
            Statement("INSERT INTO lexical (rowid, tokens) VALUES (:seq, :tokens)", values),
        ]
    await ledger.write(*statements)
    return len(rows)


async def _phrasings(ledger: Ledger, current: dict[str, Row]) -> dict[str, dict[str, Owed]]:
    """By entry and key: the wordings under which other on-calls asked for it, the last one of each."""
    found: dict[str, dict[str, Owed]] = {}
    for support in await ledger.entries.supports(list(current)):
        row = current[support["entry"]]
        told_here = support["oncall"] in (row["learned_from"], f"import:{row['entry']}")
        if told_here or not support["question"] or support["kind"] == SupportKind.CONTRADICTED:
            continue
        key = f"{row['entry']}#{support['oncall']}"
        found.setdefault(row["entry"], {})[key] = _owed(row, key=key, text=support["question"])
    return found


def _owed(row: Row, *, key: str, text: str) -> Owed:
    return Owed(
        key=key,
        entry=row["entry"],
        revision=row["revision"],
        tenant=row["tenant"],
        space=row["space"],
        text=text,
    )
