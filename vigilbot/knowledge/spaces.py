"""Knowledge that leaves its space: only in redacted form, as an entry of its own that everybody may see.

The copy tells nothing of where it comes from: channel, on-call, messages and people stay with the original.
Which entry it was made from is kept beside it, for operators and for the day the original goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vigilbot.domain import Citation, Extraction, KnowledgeEntry, PassageKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.anonymous import Names, anonymous, customer_words, keeps
from vigilbot.knowledge.revisions import new_entry_id
from vigilbot.ledger import Ledger, Runs, TrustRows
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Clock, Row, Statement
from vigilbot.redact import redact
from vigilbot.text import canonical_url, links

PUBLIC = "public"
SHARED = "shared"
"""The space all internal public channels share, and the one for what was promoted to everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """What is told to everybody. ``links`` are the sources that may be opened."""

    question: str
    answer: str
    precondition: str = ""
    links: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Shared:
    """The entry everybody may see now; not ``new`` when there was one that said the same."""

    entry: str
    new: bool


class Spaces:
    def __init__(self, *, ledger: Ledger, knowledge: Knowledge, clock: Clock) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock

    async def shareable(self, entry_ids: Sequence[str]) -> KnowledgeEntry | None:
        """The first of these entries that is in force and that not everybody may see."""
        found = await self._ledger.entries.current(list(entry_ids))
        known = (found[entry] for entry in entry_ids if entry in found)
        return next((e for e in known if e.kind is PassageKind.QA and e.space != SHARED), None)

    async def redacted(self, entry: KnowledgeEntry, *, tenant: str) -> Words:
        """An entry's words without secrets, and without names of those who took part where it was learned."""
        names = await self._names(entry, tenant)

        def clean(text: str) -> str:
            return anonymous(redact(text), names)

        urls = dict.fromkeys([c.url for c in entry.citations if c.url] + list(links(entry.answer)))
        return Words(
            question=clean(entry.question),
            answer=clean(entry.answer),
            precondition=clean(entry.precondition),
            links=tuple(url for url in urls if keeps(url, names) and redact(url) == url),
        )

    async def _names(self, entry: KnowledgeEntry, tenant: str) -> Names:
        said = await self._ledger.trust.said_by(entry.id)
        channels = await self._ledger.channels.of(tenant)
        told = {c["channel"]: c for c in channels}
        own = {row["channel"] for row in await self._ledger.entries.supports([entry.id])} | {entry.channel}
        confined = [c for c in channels if c["private"] or c["external"]]
        here = [told[c] for c in own if c in told]
        customers = {word for c in (*confined, *here) if _confined(c) for word in customer_words(c["name"])}
        return Names(
            people=tuple(text for row in said for text in (row["author_name"], row["author"]) if text),
            channels=tuple(text for c in channels for text in _called(c)),
            customers=tuple(sorted(customers)),
        )

    async def share(
        self,
        entry: KnowledgeEntry,
        words: Words,
        *,
        tenant: str,
        actor: str,
        reason: str,
        trust: Trust = Trust.VERIFIED,
        also: Callable[[str], Sequence[Statement]] = lambda copy: (),
    ) -> Shared:
        """Puts a copy with these words in force for everybody; sharing again gives it these words.

        Secrets are taken out once more. Raises BadInput when the original is not in force any more.
        """
        async with self._knowledge.writing:
            current = await self._knowledge.get(entry.id)
            if current is None or current.space == SHARED:
                raise BadInput("cannot be shared: it is not in force, or everybody sees it", place=entry.id)
            words = _redacted(words)
            copy = new_entry_id(SHARED, tenant, entry.id)
            known = await self._known(words, tenant=tenant, but=copy)
            copy = known or copy
            statements = [
                TrustRows.share(
                    copy=copy,
                    original=current.id,
                    revision=current.revision,
                    tenant=tenant,
                    actor=actor,
                    at=self._clock.now(),
                ),
                self._audit(tenant, actor, copy, current.id),
                *also(copy),
            ]
            if known:
                await self._ledger.write(*statements)
                return Shared(entry=copy, new=False)
            await self._knowledge.restore(
                _revision(copy, current, words, tenant=tenant, actor=actor, reason=reason, trust=trust),
                also=statements,
            )
            return Shared(entry=copy, new=True)

    async def _known(self, words: Words, *, tenant: str, but: str) -> str:
        """An entry everybody sees that says the same already; "" where there is none."""
        vector = await self._knowledge.vector(words.question)
        alike = await self._knowledge.likenesses.of(
            _as_extraction(words, self._clock), vector, tenant=tenant, spaces=[SHARED]
        )
        return next((e.id for e in alike.same if e.id != but), "")

    def _audit(self, tenant: str, actor: str, copy: str, original: str) -> Statement:
        return Runs.put(
            "audit",
            tenant=tenant,
            at=stamp(self._clock.now()),
            actor=actor,
            action="share",
            subject=copy,
            detail=f"made from {original}",
        )


def _called(channel: Row) -> list[str]:
    """What can only mean this channel: its id, and a name that is no word."""
    name = str(channel["name"])
    return [str(channel["channel"]), *([name] if "-" in name or "_" in name else [])]


def _confined(channel: Row) -> bool:
    return bool(channel["private"] or channel["external"])


def _redacted(words: Words) -> Words:
    return Words(
        question=redact(words.question.strip()),
        answer=redact(words.answer.strip()),
        precondition=redact(words.precondition.strip()),
        links=tuple(url for url in words.links if redact(url) == url),
    )


def _as_extraction(words: Words, clock: Clock) -> Extraction:
    return Extraction(
        question=words.question,
        answer=words.answer,
        message_ids=(),
        citations=_citations(words),
        confirmed=False,
        resolved_at=clock.now(),
        precondition=words.precondition,
    )


def _citations(words: Words) -> tuple[Citation, ...]:
    """By address alone: a title may name somebody."""
    urls = {canonical_url(url): url for url in reversed(words.links)}
    return tuple(Citation(url=url, title=url) for url in reversed(urls.values()))


def _revision(
    copy: str,
    original: KnowledgeEntry,
    words: Words,
    *,
    tenant: str,
    actor: str,
    reason: str,
    trust: Trust,
) -> Revision:
    return Revision(
        entry=copy,
        revision=1,
        tenant=tenant,
        space=SHARED,
        channel="",
        kind=PassageKind.QA,
        question=words.question,
        answer=words.answer,
        precondition=words.precondition,
        citations=_citations(words),
        trust=trust,
        learned_from="",
        message_ids=(),
        operation="share",
        actor=actor,
        reason=reason,
        expires_at=original.expires_at,
    )
