"""The knowledge base as one object: learn, revise, retract, undo, support, search.

The ledger is the truth and is written first, in one batch with whatever else the caller's decision
changes (``also``); the vector index follows and can be thrown away at any moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigilbot.domain import (
    Citation,
    Extraction,
    KnowledgeEntry,
    PassageKind,
    SupportKind,
    Trust,
)
from vigilbot.errors import BadInput
from vigilbot.knowledge.alike import Likenesses
from vigilbot.knowledge.chunks import Chunks
from vigilbot.knowledge.returning import Returning
from vigilbot.knowledge.revisions import lexemes_of, new_entry_id, next_revision, searchable_text
from vigilbot.knowledge.search import Search, index_space
from vigilbot.knowledge.trust import Trusting, TrustRules, verified
from vigilbot.knowledge.writing import Writing, alone
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import blob_matrix, to_entry
from vigilbot.ports import Clock, Embedder, Statement, Vector, VectorIndex
from vigilbot.redact import redact_secrets
from vigilbot.text.sameness import says_same

__all__ = ["Chunks", "Knowledge", "Learned", "Origin", "lexemes_of", "new_entry_id", "searchable_text"]

_PAGE = 1024  # vectors read and indexed at a time: some 5 ms of the event loop


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where knowledge comes from: an on-call, or "" for an import."""

    tenant: str
    space: str
    channel: str = ""
    oncall: str = ""
    customer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What became of a resolution: a new entry, or support for one that says the same. An entry that was
    retracted is neither: only somebody who vouches for the words brings it back."""

    entry: str
    new: bool


class Knowledge:
    """Everything the bot knows. Every operation reads, decides and writes in one turn (``writing``); a caller
    that decides on what it has read itself takes the turn around both."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        embedder: Embedder,
        index: VectorIndex,
        clock: Clock,
        theta: float,
        rules: TrustRules | None = None,
    ) -> None:
        self._ledger = ledger
        self._entries = ledger.entries
        self._embedder = embedder
        self._index = index
        self._clock = clock
        self._theta = theta
        self.likenesses = Likenesses(entries=ledger.entries, embedder=embedder, index=index, theta=theta)
        self.writing = Writing()
        self.trust = Trusting(ledger=ledger, clock=clock, rules=rules or TrustRules(), writing=self.writing)
        self.chunks = Chunks(ledger=ledger, embedder=embedder, index=index, clock=clock, writing=self.writing)
        self.returning = Returning(
            ledger=ledger, embedder=embedder, index=index, clock=clock, writing=self.writing
        )
        self.searching = Search(
            entries=ledger.entries,
            embedder=embedder,
            index=index,
            clock=clock,
            is_fresh=self.trust.is_fresh,
        )

    async def load(self) -> int:
        """Fills the index from the ledger; embeds what has no vector of this model yet."""
        missing = await self._entries.entries_without_embedding(self._embedder.model)
        for start in range(0, len(missing), 64):
            batch = missing[start : start + 64]
            vectors = await self._embedder.embed([searchable_text(to_entry(row)) for row in batch])
            await self._ledger.write(
                *(
                    self._embedding(
                        row["entry"], row["entry"], row["revision"], row["tenant"], row["space"], vector
                    )
                    for row, vector in zip(batch, vectors, strict=True)
                )
            )
        count, after = 0, ""
        while rows := await self._entries.embeddings(self._embedder.model, after=after, limit=_PAGE):
            await self._index.put(
                [row["key"] for row in rows],
                [index_space(row["tenant"], row["space"]) for row in rows],
                blob_matrix(row["vector"] for row in rows),
            )
            count, after = count + len(rows), rows[-1]["key"]
            await asyncio.sleep(0)  # events are taken in meanwhile
        return count

    async def follow(self, *, dropped: Sequence[str]) -> None:
        """After the ledger was written past the index: these keys leave it, what lacks a vector gets one."""
        await self._index.drop(dropped)
        await self.load()

    # -- reading

    async def vector(self, text: str) -> Vector:
        [found] = await self._embedder.embed([text])
        return np.asarray(found)

    async def get(self, entry_id: str) -> KnowledgeEntry | None:
        """The entry in force, None when unknown or retracted."""
        return (await self._entries.current([entry_id])).get(entry_id)

    async def says_otherwise(self, before: KnowledgeEntry, now: KnowledgeEntry) -> bool:
        """Whether whoever was told the one would want to hear the other."""
        told, tell = (f"{e.precondition}\n{e.answer}".strip() for e in (before, now))
        if told == tell:
            return False
        a, b = await self._embedder.embed([told, tell])
        return not says_same(told, tell, float(a @ b), self._theta)

    # -- writing

    @alone
    async def learn(
        self,
        extraction: Extraction,
        *,
        origin: Origin,
        entry_id: str,
        kind: SupportKind = SupportKind.LEARNED,
        trust: Trust = Trust.PROBATION,
        actor: str = "vigilbot",
        reason: str = "a human's resolution",
        also: Callable[[str], Sequence[Statement]] = lambda entry: (),
    ) -> Learned:
        """Adds the resolution as an entry, or supports the entry that says the same already.

        ``also`` gets the id of whichever it is, for the caller's part of the same write. Secrets are
        taken out first.
        """
        extraction = _without_secrets(extraction)
        [vector] = await self._embedder.embed([extraction.question])
        alike = await self.likenesses.of(extraction, vector, tenant=origin.tenant, spaces=[origin.space])
        same = alike.same[0] if alike.same else None
        row = await self._entries.entry(entry_id)
        if row is not None and row["retracted"] and trust is not Trust.VERIFIED:
            await self._ledger.write(*also(entry_id))
            return Learned(entry=entry_id, new=False)
        if same is None and row is not None and not row["retracted"]:
            same = to_entry(row)  # learned a moment ago from the same source
        if same is not None:
            repeated = SupportKind.REPEATED if kind is SupportKind.LEARNED else kind
            await self.support(
                same, origin=origin, kind=repeated, question=extraction.question, also=also(same.id)
            )
            return Learned(entry=same.id, new=False)
        revision = Revision(
            entry=entry_id,
            revision=row["revision"] + 1 if row else 1,
            tenant=origin.tenant,
            space=origin.space,
            channel=origin.channel,
            kind=PassageKind.QA,
            question=extraction.question,
            answer=extraction.answer,
            precondition=extraction.precondition,
            citations=extraction.citations,
            trust=trust,
            learned_from=origin.oncall,
            message_ids=extraction.message_ids,
            operation="learn",
            actor=actor,
            reason=reason,
            expires_at=self.trust.expiry(extraction, trust),
        )
        disputes = self.trust.disputes(alike, entry_id, tenant=origin.tenant, oncall=origin.oncall)
        support = self._support(entry_id, origin, kind, extraction.question)
        await self._append(revision, vector, also=[support, *disputes, *also(entry_id)])
        return Learned(entry=entry_id, new=True)

    @alone
    async def support(
        self,
        entry: KnowledgeEntry,
        *,
        origin: Origin,
        kind: SupportKind,
        question: str,
        verify: bool = False,
        actor: str = "vigilbot",
        also: Sequence[Statement] = (),
    ) -> None:
        """One more on-call speaks for the entry (or against it); its wording becomes searchable.

        ``entry`` may have changed since it was read: the one in force counts.
        """
        statements = [self._support(entry.id, origin, kind, question), *also]
        current = await self.get(entry.id)
        if current is None:
            await self._ledger.write(*statements)
            return
        entry = current
        keys: list[str] = []
        vectors: Vector | None = None
        if kind is not SupportKind.CONTRADICTED and question and origin.oncall != entry.learned_from:
            vectors = await self._embedder.embed([question])
            keys = [f"{entry.id}#{origin.oncall}"]
            statements.append(
                self._embedding(keys[0], entry.id, entry.revision, origin.tenant, entry.space, vectors[0])
            )
        revision = await self.trust.after_support(
            entry,
            tenant=origin.tenant,
            channel=origin.channel,
            oncall=origin.oncall,
            customer=origin.customer,
            kind=kind,
        )
        if verify and entry.trust is not Trust.VERIFIED:
            revision = verified(entry, origin.tenant, actor=actor, reason="accepted by an analyst")
        if revision is not None:
            statements += Entries.append(revision, at=self._clock.now(), lexemes=lexemes_of(entry))
        await self._ledger.write(*statements)
        if vectors is not None:
            await self._index.put(keys, [index_space(origin.tenant, entry.space)], vectors)

    @alone
    async def revise(
        self,
        entry: KnowledgeEntry,
        *,
        tenant: str,
        question: str,
        answer: str,
        precondition: str,
        citations: tuple[Citation, ...],
        message_ids: tuple[str, ...],
        actor: str,
        reason: str,
        also: Sequence[Statement] = (),
    ) -> bool:
        """A new revision with other words; earlier phrasings stay searchable.

        False when the entry has been retracted since it was read: it stays so, only ``also`` is written.
        """
        current = await self.get(entry.id)
        if current is None:
            await self._ledger.write(*also)
            return False
        changed = replace(
            current,
            question=redact_secrets(question),
            answer=redact_secrets(answer),
            precondition=redact_secrets(precondition),
            citations=citations,
            message_ids=message_ids,
        )
        revision = next_revision(
            changed, tenant, trust=current.trust, operation="revise", actor=actor, reason=reason
        )
        [vector] = await self._embedder.embed([searchable_text(changed)])
        await self._append(revision, vector, also=[*also, *await self.trust.copies_to_check(changed, tenant)])
        return True

    @alone
    async def retract(
        self, entry_id: str, *, actor: str, reason: str, also: Sequence[Statement] = ()
    ) -> None:
        """A tombstone: the entry answers nothing from now on; ``undo`` brings it back."""
        row = await self._entries.entry(entry_id)
        if row is None or row["retracted"]:
            raise BadInput(
                "no such entry in force", place=entry_id, remedy="`vigilbot kb list` shows what there is"
            )
        entry = to_entry(row)
        revision = replace(
            next_revision(
                entry, row["tenant"], trust=entry.trust, operation="retract", actor=actor, reason=reason
            ),
            retracted=True,
        )
        await self.returning.bury(revision, also=also)

    @alone
    async def undo(self, entry_id: str, *, actor: str, also: Sequence[Statement] = ()) -> str:
        """Takes back the entry's last operation by appending the state before it; returns what it was."""
        rows = await self._entries.revisions(entry_id)
        if not rows:
            raise BadInput("no such entry", place=entry_id, remedy="`vigilbot kb list` shows what there is")
        last = rows[-1]
        if len(rows) == 1:
            await self.retract(entry_id, actor=actor, reason=f"undo of {last['operation']}", also=also)
            return str(last["operation"])
        before = rows[-2]
        reason = f"undo of {last['operation']} (revision {last['revision']}), back to {before['revision']}"
        await self.returning.back(entry_id, before["revision"], actor=actor, reason=reason, also=also)
        return str(last["operation"])

    @alone
    async def restore(self, revision: Revision, *, also: Sequence[Statement] = ()) -> bool:
        """Puts one imported entry in force; False when the same revision text is there already."""
        row = await self._entries.entry(revision.entry)
        if row is not None:
            same = (row["question"], row["answer"]) == (revision.question, revision.answer)
            if same and not row["retracted"]:
                await self._ledger.write(*also)
                return False
            revision = replace(revision, revision=row["revision"] + 1)
        [vector] = await self._embedder.embed([searchable_text(revision)])
        await self._append(revision, vector, also=also)
        return True

    async def _append(self, revision: Revision, vector: Vector, *, also: Sequence[Statement]) -> None:
        lexemes = lexemes_of(revision)
        await self._ledger.write(
            *Entries.append(revision, at=self._clock.now(), lexemes=lexemes),
            self._embedding(
                revision.entry, revision.entry, revision.revision, revision.tenant, revision.space, vector
            ),
            *also,
        )
        space = index_space(revision.tenant, revision.space)
        await self._index.put([revision.entry], [space], vector[np.newaxis, :])

    def _embedding(
        self, key: str, entry: str, revision: int, tenant: str, space: str, vector: Vector
    ) -> Statement:
        return Entries.put_embedding(
            key=key,
            model=self._embedder.model,
            tenant=tenant,
            entry=entry,
            revision=revision,
            space=space,
            vector=vector,
        )

    def _support(self, entry: str, origin: Origin, kind: SupportKind, question: str) -> Statement:
        return Entries.put_support(
            entry=entry,
            oncall=origin.oncall or f"import:{entry}",
            kind=kind,
            tenant=origin.tenant,
            channel=origin.channel,
            customer=origin.customer,
            question=question,
            at=self._clock.now(),
        )


def _without_secrets(extraction: Extraction) -> Extraction:
    return replace(
        extraction,
        question=redact_secrets(extraction.question),
        answer=redact_secrets(extraction.answer),
        precondition=redact_secrets(extraction.precondition),
    )
