"""An entry goes back to what it said before: one more revision; whatever found it then finds it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vigilbot.domain import KnowledgeEntry, SupportKind
from vigilbot.errors import BadInput
from vigilbot.knowledge.revisions import lexemes_of, next_revision, searchable_text
from vigilbot.knowledge.search import index_space
from vigilbot.knowledge.writing import Writing, alone
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import to_entry
from vigilbot.ports import Clock, Embedder, Row, Statement, VectorIndex


class Returning:
    """``writing`` is the turn that all writers of the knowledge base share."""

    def __init__(
        self, *, ledger: Ledger, embedder: Embedder, index: VectorIndex, clock: Clock, writing: Writing
    ) -> None:
        self.writing = writing
        self._ledger = ledger
        self._embedder = embedder
        self._index = index
        self._clock = clock

    @alone
    async def back(
        self, entry_id: str, revision: int, *, actor: str, reason: str, also: Sequence[Statement] = ()
    ) -> None:
        """The entry says again what ``revision`` said; 0 is before it was known, a tombstone.

        Doing it where nothing would change is one more revision that says the same. Raises BadInput
        for an entry or a revision that there is not.
        """
        rows = await self._ledger.entries.revisions(entry_id)
        if not rows or not 0 <= revision < len(rows) + 1:
            raise BadInput("no such entry or revision", place=f"{entry_id}@{revision}")
        last = rows[-1]
        meant = rows[revision - 1] if revision else rows[0]
        entry = to_entry(meant)
        following = next_revision(
            replace(entry, revision=last["revision"]),
            last["tenant"],
            trust=entry.trust,
            operation="undo",
            actor=actor,
            reason=reason,
        )
        if revision and not meant["retracted"]:
            await self._return(following, last, also)
        else:
            await self.bury(replace(following, retracted=True), also=also)

    @alone
    async def bury(self, tombstone: Revision, *, also: Sequence[Statement]) -> None:
        """Appends a tombstone and takes the entry out of search, other phrasings included.

        What was shared from this entry and from no other goes before it does.
        """
        for row in await self._ledger.trust.copies(tombstone.entry):
            if not row["retracted"] and not row["others"]:
                reason = "what it was shared from is no longer in force"
                await self.back(row["copy"], 0, actor=tombstone.actor, reason=reason)
        keys = await self._ledger.entries.embedding_keys(tombstone.entry)
        await self._ledger.write(
            *Entries.append(tombstone, at=self._clock.now(), lexemes=()),
            Entries.drop_embeddings(tombstone.entry),
            *also,
        )
        await self._index.drop(keys)

    async def _return(self, revision: Revision, last: Row, also: Sequence[Statement]) -> None:
        texts = {revision.entry: searchable_text(revision)}
        if last["retracted"]:  # the tombstone took away what other on-calls called it, too
            texts |= await phrasings(self._ledger, to_entry(last))
        vectors = await self._embedder.embed(list(texts.values()))
        await self._ledger.write(
            *Entries.append(revision, at=self._clock.now(), lexemes=lexemes_of(revision)),
            *(
                Entries.put_embedding(
                    key=key,
                    model=self._embedder.model,
                    tenant=revision.tenant,
                    entry=revision.entry,
                    revision=revision.revision,
                    space=revision.space,
                    vector=vector,
                )
                for key, vector in zip(texts, vectors, strict=True)
            ),
            *also,
        )
        space = index_space(revision.tenant, revision.space)
        await self._index.put(list(texts), [space] * len(texts), vectors)


async def phrasings(ledger: Ledger, entry: KnowledgeEntry) -> dict[str, str]:
    """How other on-calls that speak for an entry put its question, by the key of the vector."""
    found: dict[str, str] = {}
    for support in await ledger.entries.supports([entry.id]):
        here = support["oncall"] in (entry.learned_from, f"import:{entry.id}")
        if not here and support["question"] and support["kind"] != SupportKind.CONTRADICTED:
            found[f"{entry.id}#{support['oncall']}"] = support["question"]
    return found
