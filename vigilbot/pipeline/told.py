"""The vectors of what entries say, kept in the ledger: the reranker compares dozens of answers with a
question, and after a start none of them would be known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from vigilbot.domain import KnowledgeEntry, PassageKind
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.rows import blob_vector, to_entry
from vigilbot.pipeline.parts import windows
from vigilbot.ports import Embedder, Vector

ANSWER = 4000  # characters of an answer that are compared
_AT_ONCE = 4  # entries of one step: a question that is asked meanwhile waits for it


def mark(text: str) -> bytes:
    """By which the vector of a text is known."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def pieces(entry: KnowledgeEntry) -> list[str]:
    """The texts of an entry that are compared with a question: its answer, or the windows of a part."""
    return windows(entry) if entry.kind is PassageKind.CHUNK else [entry.answer[:ANSWER]]


class Told:
    """Reads what is kept, and computes ahead what is not."""

    def __init__(self, *, ledger: Ledger, embedder: Embedder) -> None:
        self._ledger = ledger
        self._embedder = embedder
        self._through = 0  # the revision up to which all have their vectors

    async def of(self, entries: Sequence[str]) -> Mapping[bytes, Vector]:
        """What is kept for these entries, by the marks of the texts."""
        rows = await self._ledger.entries.answer_vectors(entries, model=self._embedder.model)
        return {row["mark"]: blob_vector(row["vector"]) for row in rows}

    async def fill(self) -> int:
        """One step towards every entry in force having its vectors; returns for how many it got them."""
        newest = await self._ledger.entries.newest()
        if newest <= self._through:
            return 0
        rows = await self._ledger.entries.without_answer_vectors(
            self._embedder.model, after=self._through, limit=_AT_ONCE
        )
        if not rows:
            self._through = newest
            return 0
        texts = [dict.fromkeys(pieces(to_entry(row))) for row in rows]
        vectors = await self._embedder.embed([text for several in texts for text in several])
        found = iter(vectors)
        await self._ledger.write(
            *(
                Entries.put_answer_vector(
                    row, model=self._embedder.model, mark=mark(text), vector=next(found)
                )
                for row, several in zip(rows, texts, strict=True)
                for text in several
            )
        )
        self._through = rows[-1]["seq"]
        return len(rows)
