"""The parts of documents in the knowledge base: one atomic write a document, however many parts changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigilbot.domain import Citation, PassageKind, Trust
from vigilbot.knowledge.revisions import lexemes_of, new_entry_id, next_revision, searchable_text
from vigilbot.knowledge.search import index_space
from vigilbot.knowledge.writing import Writing, alone
from vigilbot.ledger import DocumentRows, Entries, Ledger
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import to_entry
from vigilbot.ports import Clock, Embedder, Row, Statement, Vector, VectorIndex

ACTOR = "documents"
"""Who did it, where nobody did but the page itself."""
A_BATCH = 16  # texts embedded at once, so that a question does not wait behind a book
READY = 4000  # vectors kept for documents not written yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """One part of a document. ``heading`` is its path of headings, ``citation`` leads to it."""

    heading: str
    text: str
    citation: Citation


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What one version of a document changed against the one before, in parts."""

    added: int = 0
    revised: int = 0
    retracted: int = 0
    kept: int = 0

    @property
    def any(self) -> bool:
        return bool(self.added or self.revised or self.retracted)


class Chunks:
    """Writes whole documents. The ledger first, then the index, as everything in knowledge."""

    def __init__(
        self, *, ledger: Ledger, embedder: Embedder, index: VectorIndex, clock: Clock, writing: Writing
    ) -> None:
        self.writing = writing
        self._ledger = ledger
        self._embedder = embedder
        self._index = index
        self._clock = clock
        self._ready: dict[str, Vector] = {}  # by text: embedded, not written yet

    async def prepare(self, document: Row, chunks: Sequence[Chunk]) -> None:
        """Embeds what ``put`` will need, a few texts at a time: takes seconds, and changes nothing.

        Kept in memory only: after a restart ``put`` does it itself.
        """
        fresh, _ = await self._plan(document, chunks, reason="")
        texts = [text for text in map(searchable_text, fresh) if text not in self._ready]
        if len(self._ready) > READY:
            self._ready.clear()
        for start in range(0, len(texts), A_BATCH):
            part = texts[start : start + A_BATCH]
            self._ready.update(zip(part, await self._embedder.embed(part), strict=True))

    async def put(
        self,
        document: Row,
        chunks: Sequence[Chunk],
        *,
        reason: str,
        also: Sequence[Statement] = (),
    ) -> Changes:
        """Makes these the parts of the document: new ones join, other words revise, missing ones go.

        A part is known by its headings and its number under them. What an operator retracted stays
        away until the page says something else there. ``document`` is its row; ``also`` is the
        caller's share of the same write.
        """
        await self.prepare(document, chunks)  # before the turn: a book must not keep a click waiting
        return await self._put(document, chunks, reason=reason, also=also)

    @alone
    async def _put(
        self, document: Row, chunks: Sequence[Chunk], *, reason: str, also: Sequence[Statement]
    ) -> Changes:
        fresh, before = await self._plan(document, chunks, reason=reason)
        entries = _named(document["id"], chunks)
        statements = [
            DocumentRows.put_chunk(entry=entry, document=document["id"], place=place)
            for place, entry in enumerate(entries)
        ]
        gone = [row for row in before if row["entry"] not in entries and not row["retracted"]]
        dropped = await self._bury(gone, statements, reason=f"no longer in the document: {reason}")
        await self._write(fresh, statements, also)
        if dropped:
            await self._index.drop(dropped)
        revised = sum(revision.operation == "revise" for revision in fresh)
        return Changes(
            added=len(fresh) - revised,
            revised=revised,
            retracted=len(gone),
            kept=len(chunks) - len(fresh),
        )

    async def _plan(
        self, document: Row, chunks: Sequence[Chunk], *, reason: str
    ) -> tuple[list[Revision], list[Row]]:
        """The revisions that are wanted, and the parts there were; imported ones know of no document."""
        entries = _named(document["id"], chunks)
        rows = await self._ledger.documents.chunks(document["id"], also=entries)
        before = {row["entry"]: row for row in rows}
        wanted = [
            _revision(entry, chunk, document, before.get(entry), reason)
            for entry, chunk in zip(entries, chunks, strict=True)
        ]
        return [revision for revision in wanted if revision is not None], rows

    @alone
    async def retract(
        self, document: Row, *, actor: str, reason: str, also: Sequence[Statement] = ()
    ) -> Changes:
        """Takes every part of the document out of use; ``put`` brings back what ``documents`` took out."""
        rows = [row for row in await self._ledger.documents.chunks(document["id"]) if not row["retracted"]]
        statements: list[Statement] = []
        dropped = await self._bury(rows, statements, actor=actor, reason=reason)
        await self._write([], statements, also)
        if dropped:
            await self._index.drop(dropped)
        return Changes(retracted=len(rows))

    async def _bury(
        self, rows: Sequence[Row], statements: list[Statement], *, reason: str, actor: str = ACTOR
    ) -> list[str]:
        """Adds the tombstones; returns the vectors' keys."""
        keys: list[str] = []
        for row in rows:
            entry = to_entry(row)
            tombstone = next_revision(
                entry, row["tenant"], trust=entry.trust, operation="retract", actor=actor, reason=reason
            )
            keys += await self._ledger.entries.embedding_keys(entry.id)
            statements += Entries.append(replace(tombstone, retracted=True), at=self._clock.now(), lexemes=())
            statements.append(Entries.drop_embeddings(entry.id))
        return keys

    async def _write(
        self, fresh: Sequence[Revision], statements: list[Statement], also: Sequence[Statement]
    ) -> None:
        texts = [searchable_text(revision) for revision in fresh]
        missing = [text for text in dict.fromkeys(texts) if text not in self._ready]
        known = dict(self._ready)
        if missing:
            known.update(zip(missing, await self._embedder.embed(missing), strict=True))
        vectors = [known[text] for text in texts]
        for revision, vector in zip(fresh, vectors, strict=True):
            statements += Entries.append(revision, at=self._clock.now(), lexemes=lexemes_of(revision))
            statements.append(
                Entries.put_embedding(
                    key=revision.entry,
                    model=self._embedder.model,
                    tenant=revision.tenant,
                    entry=revision.entry,
                    revision=revision.revision,
                    space=revision.space,
                    vector=vector,
                )
            )
        await self._ledger.write(*statements, *also)
        for text in texts:
            self._ready.pop(text, None)
        if fresh:
            spaces = [index_space(revision.tenant, revision.space) for revision in fresh]
            await self._index.put([revision.entry for revision in fresh], spaces, np.asarray(vectors))


def _named(document: str, chunks: Sequence[Chunk]) -> list[str]:
    numbers: Counter[str] = Counter()
    entries = []
    for chunk in chunks:
        entries.append(new_entry_id(document, chunk.heading, str(numbers[chunk.heading])))
        numbers[chunk.heading] += 1
    return entries


def _revision(entry: str, chunk: Chunk, document: Row, before: Row | None, reason: str) -> Revision | None:
    """The next revision of a part, None where it stays as it is."""
    trust = Trust(document["trust"])
    made = Revision(
        entry=entry,
        revision=before["revision"] + 1 if before else 1,
        tenant=document["tenant"],
        space=document["space"],
        channel="",
        kind=PassageKind.CHUNK,
        question=chunk.heading,
        answer=chunk.text,
        citations=(chunk.citation,),
        trust=trust,
        learned_from="",
        message_ids=(),
        operation="import",
        actor=document["added_by"],
        reason=reason,
    )
    if before is None:
        return made
    known = to_entry(before)
    same = (known.question, known.answer, known.citations) == (chunk.heading, chunk.text, (chunk.citation,))
    if before["retracted"]:
        return None if same and before["actor"] != ACTOR else replace(made, actor=ACTOR)
    return None if same else replace(made, operation="revise", actor=ACTOR)
