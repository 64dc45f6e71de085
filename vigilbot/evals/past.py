"""The knowledge base as it was: a copied ledger, brought forward revision by revision.

Every revision is still in the ledger, and every on-call that spoke for one. Vectors of earlier wordings
are not, so they are made again. What was taken back without a trace stays away: the support of an Accept
that its clicker took back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from vigilbot.domain import SupportKind
from vigilbot.knowledge import lexemes_of, searchable_text
from vigilbot.knowledge.search import index_space
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.rows import blob_vector, columns, stamp, to_entry
from vigilbot.ports import Embedder, Row, Statement, Vector, VectorIndex

_NOTHING = (
    "UPDATE knowledge SET valid_to = valid_from WHERE valid_to IS NULL",
    "DELETE FROM support",
    "DELETE FROM embeddings",
    "DELETE FROM lexical",
)
_BATCH = 256  # texts embedded, and steps written, at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """One revision that came into force, or one on-call that spoke for (or against) an entry."""

    at: str
    entry: str
    row: Row
    revision: int = 0  # 0: no revision
    text: str = ""  # whose vector finds the entry from then on, "" for none


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """What a step does: to the ledger, and to the index (keys that go, vectors of the entry in ``row``)."""

    statements: list[Statement]
    gone: Sequence[str] = ()
    row: Row | None = None
    vectors: Mapping[str, Vector] = field(default_factory=dict)


class Past:
    """Begins with knowing nothing; ``forward`` goes on in time, never back."""

    def __init__(
        self, *, ledger: Ledger, steps: Sequence[_Step], known: Mapping[str, Mapping[str, Vector]]
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._kept = known
        self._places = {(step.entry, step.revision): n for n, step in enumerate(steps) if step.revision}
        self._done = 0
        self._vectors: dict[str, Vector] = {}
        self._entries: dict[str, Row] = {}  # in force
        self._phrased: dict[str, dict[str, Vector]] = {}  # entry: by key, how other on-calls put it
        self._found_by: dict[str, dict[str, Vector]] = {}  # entry: key: vector, as the index has them

    @classmethod
    async def of(cls, ledger: Ledger) -> Past:
        """Reads the history of a ledger that nobody else uses, and empties what is known there."""
        revisions = await ledger.fetch("SELECT * FROM knowledge ORDER BY seq")
        supports = await ledger.fetch("SELECT rowid AS place, * FROM support ORDER BY at, place")
        texts = {(r["entry"], r["revision"]): searchable_text(to_entry(r)) for r in revisions}
        origin = {r["entry"]: r["learned_from"] for r in revisions}
        steps = [
            _Step(
                at=row["valid_from"],
                entry=row["entry"],
                row=row,
                revision=row["revision"],
                text="" if row["retracted"] else texts[row["entry"], row["revision"]],
            )
            for row in revisions
        ]
        steps += [
            _Step(at=row["at"], entry=row["entry"], row=row, text=_wording(row, origin)) for row in supports
        ]
        known: dict[str, dict[str, Vector]] = {}
        for row in await ledger.fetch("SELECT key, model, entry, revision, vector FROM embeddings"):
            if row["key"] == row["entry"] and (row["entry"], row["revision"]) in texts:
                text = texts[row["entry"], row["revision"]]
                known.setdefault(row["model"], {})[text] = blob_vector(row["vector"])
        await ledger.write(*(Statement(sql, {}) for sql in _NOTHING))
        # In the order of writing; of one time, the revision before what speaks for it.
        return cls(ledger=ledger, steps=sorted(steps, key=lambda s: (s.at, not s.revision)), known=known)

    async def embed(self, embedder: Embedder) -> None:
        """Makes all vectors that will be needed and are not there, in large batches."""
        self._vectors = dict(self._kept.get(embedder.model, {}))
        missing = sorted({s.text for s in self._steps if s.text} - self._vectors.keys(), key=len)
        for first in range(0, len(missing), _BATCH):
            batch = missing[first : first + _BATCH]
            self._vectors |= dict(zip(batch, await embedder.embed(batch), strict=True))

    async def forward(
        self,
        to: datetime,
        *,
        index: VectorIndex,
        model: str,
        seen: Mapping[str, int],
        at_once: bool,
    ) -> None:
        """What was known at ``to``, before anything else happened at that very time.

        ``seen`` are entries with the revision that a run of that time did see: they were there, whatever
        the clock said. ``at_once``: what was written at the very time counts too.
        """
        time = stamp(to)
        end = self._done
        while end < len(self._steps) and (
            self._steps[end].at < time or (at_once and self._steps[end].at == time)
        ):
            end += 1
        end = max([end, *(self._written_with(each) for each in seen.items())])
        while self._done < end:
            part = self._steps[self._done : min(end, self._done + _BATCH)]
            changes = [self._change(step, model) for step in part]
            await self._ledger.write(*[s for change in changes for s in change.statements])
            for change in changes:
                await index.drop(change.gone)
                if change.row is not None:
                    space = index_space(change.row["tenant"], change.row["space"])
                    vectors = np.stack([*change.vectors.values()])
                    await index.put([*change.vectors], [space] * len(vectors), vectors)
            self._done += len(part)

    def _written_with(self, revision: tuple[str, int]) -> int:
        """The place after a revision and after what speaks for it that was written together with it."""
        place = self._places.get(revision)
        if place is None:
            return 0
        first, end = self._steps[place], place + 1
        for n in range(end, len(self._steps)):
            step = self._steps[n]
            if step.at != first.at:
                break
            if not step.revision and step.entry == first.entry:
                end = n + 1
        return end

    def _change(self, step: _Step, model: str) -> _Change:
        found, row = self._found_by.setdefault(step.entry, {}), step.row
        if not step.revision:
            values = {name: value for name, value in row.items() if name != "place"}
            put = Statement(f"INSERT INTO support {columns(values)} ON CONFLICT DO NOTHING", values)
            phrased = {f"{step.entry}#{row['oncall']}": self._vectors[step.text]} if step.text else {}
            self._phrased.setdefault(step.entry, {}).update(phrased)
            if not phrased or step.entry not in found:
                return _Change(statements=[put])
            found |= phrased
            entry = self._entries[step.entry]
            return _Change(statements=[put, *_embeddings(entry, found, model)], row=entry, vectors={**found})
        args: dict[str, Any] = {"entry": step.entry, "seq": row["seq"], "at": row["valid_from"]}
        changes = [
            Statement(
                "DELETE FROM lexical WHERE rowid IN "
                "(SELECT seq FROM knowledge WHERE entry = :entry AND valid_to IS NULL)",
                args,
            ),
            Statement("UPDATE knowledge SET valid_to = :at WHERE entry = :entry AND valid_to IS NULL", args),
            Statement("UPDATE knowledge SET valid_to = NULL WHERE seq = :seq", args),
        ]
        if row["retracted"]:
            gone = [*found]
            found.clear()
            return _Change(statements=[*changes, Entries.drop_embeddings(step.entry)], gone=gone)
        words = {**args, "tokens": " ".join(lexemes_of(to_entry(row)))}
        changes.append(Statement("INSERT INTO lexical (rowid, tokens) VALUES (:seq, :tokens)", words))
        if not found and row["operation"] == "undo":  # back from a tombstone, and so are its other phrasings
            found |= self._phrased.get(step.entry, {})
        found[step.entry] = self._vectors[step.text]
        self._entries[step.entry] = row
        return _Change(statements=[*changes, *_embeddings(row, found, model)], row=row, vectors={**found})


def _wording(support: Row, origin: Mapping[str, str]) -> str:
    """How the question was put in an on-call, if that finds the entry too."""
    against = support["kind"] == SupportKind.CONTRADICTED
    own = support["oncall"] in (origin.get(support["entry"]), f"import:{support['entry']}")
    return "" if against or own else str(support["question"])


def _embeddings(row: Row, vectors: Mapping[str, Vector], model: str) -> list[Statement]:
    return [
        Entries.put_embedding(
            key=key,
            model=model,
            tenant=row["tenant"],
            entry=row["entry"],
            revision=row["revision"],
            space=row["space"],
            vector=vector,
        )
        for key, vector in vectors.items()
    ]
