"""What several customers were each told alike, in a space of their own: that, and no more, is for everybody.

No single customer is behind any sentence of it. Still nobody has read it, so an operator has to allow this
(trust.automatic): names are taken out by rule, and what a rule misses three customers may all have been told.
"""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Extraction, KnowledgeEntry, PassageKind, Trust
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.spaces import Spaces, Words
from vigilbot.ledger import Ledger, TrustRows
from vigilbot.ports import Clock
from vigilbot.text import canonical_url, sentences
from vigilbot.text.sameness import says_same

SAME_SENTENCE = 0.85  # cosine above which two sentences are held to say the same, guard permitting
LOOKED_AT = 64  # vectors of all spaces together


class Common:
    """``customers`` is how many must have been told the same."""

    def __init__(
        self, *, ledger: Ledger, knowledge: Knowledge, spaces: Spaces, clock: Clock, customers: int
    ) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._spaces = spaces
        self._clock = clock
        self._customers = customers

    async def share(self, tenant: str, taught: Sequence[str]) -> list[str]:
        """The entries that everybody may be told now because of what was just learned."""
        shared = []
        for entry_id in taught:
            entry = await self._knowledge.get(entry_id)
            confined = entry is not None and entry.space.startswith("channel:")
            if entry is None or not confined or entry.kind is not PassageKind.QA:
                continue
            if await self._ledger.trust.copies(entry_id):
                continue
            group = await self._told_alike(entry, tenant)
            words = await self._words(group, tenant) if len(group) >= self._customers else None
            if words is not None:
                shared.append(await self._put(group, words, tenant))
        return shared

    async def _told_alike(self, entry: KnowledgeEntry, tenant: str) -> list[KnowledgeEntry]:
        """One entry a space about the same question, this one first."""
        asked = Extraction(
            question=entry.question,
            answer=entry.answer,
            message_ids=(),
            citations=entry.citations,
            confirmed=False,
            resolved_at=entry.valid_from,
            precondition=entry.precondition,
        )
        alike = await self._knowledge.likenesses.of(
            asked,
            await self._knowledge.vector(entry.question),
            tenant=tenant,
            spaces=await self._ledger.trust.confined_spaces(tenant),
            limit=LOOKED_AT,
        )
        found = {entry.space: entry}
        for other in (*alike.same, *(rival.entry for rival in alike.rivals if not rival.difference)):
            found.setdefault(other.space, other)
        return list(found.values())

    async def _words(self, group: Sequence[KnowledgeEntry], tenant: str) -> Words | None:
        """What enough of them say; None when that is nothing."""
        told = [await self._spaces.redacted(each, tenant=tenant) for each in group]
        parts = [list(sentences(words.answer)) for words in told]
        kept = [sentence for sentence in parts[0] if await self._times(sentence, parts) >= self._customers]
        if not kept:
            return None
        urls = [{canonical_url(url) for url in words.links} for words in told]
        return Words(
            question=min((words.question for words in told), key=len),
            answer=" ".join(kept),
            precondition=told[0].precondition,
            links=tuple(
                url
                for url in told[0].links
                if sum(canonical_url(url) in each for each in urls) >= self._customers
            ),
        )

    async def _times(self, sentence: str, parts: Sequence[Sequence[str]]) -> int:
        """How many of the answers have a sentence that says the same."""
        mine = await self._knowledge.vector(sentence)
        times = 0
        for answer in parts:
            for other in answer:
                theirs = await self._knowledge.vector(other)
                if says_same(sentence, other, float(mine @ theirs), SAME_SENTENCE):
                    times += 1
                    break
        return times

    async def _put(self, group: Sequence[KnowledgeEntry], words: Words, tenant: str) -> str:
        now = self._clock.now()
        done = await self._spaces.share(
            group[0],
            words,
            tenant=tenant,
            actor="vigilbot",
            reason=f"{len(group)} customers were told the same, each in a space of their own",
            trust=Trust.CONFIRMED,
            also=lambda copy: [
                TrustRows.share(
                    copy=copy,
                    original=each.id,
                    revision=each.revision,
                    tenant=tenant,
                    actor="vigilbot",
                    at=now,
                )
                for each in group[1:]
            ],
        )
        return done.entry
