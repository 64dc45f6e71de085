"""Review of answers nobody accepted (Vigil 3.2.2): Keep, Delete or Update, from the later dialogue.

A hidden draft is reviewed too, but only for its outcome: what was never shown teaches nothing.
"""

from __future__ import annotations

from datetime import datetime

from vigilbot.domain import (
    Answer,
    Citation,
    Dialogue,
    Extraction,
    KnowledgeEntry,
    Message,
    Outcome,
    Passage,
    QuestionState,
    Review,
    Role,
    SupportKind,
    Trust,
    Verdict,
)
from vigilbot.knowledge import Knowledge, Origin, new_entry_id
from vigilbot.knowledge.trust import outlives
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import moment, pack, stamp, to_question
from vigilbot.ports import Clock, Engine, Row, Statement
from vigilbot.text import canonical_url, fold

_STANDS_BY = ("accept", "post", "edit")
"""Kinds of feedback by which somebody stands by an answer."""


class Reviewer:
    def __init__(
        self, *, engine: Engine, ledger: Ledger, knowledge: Knowledge, clock: Clock, attempts: int
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock
        self._attempts = attempts

    def may_try(self, answer: Row, *, through: datetime, final: bool) -> bool:
        """There is something new to read, and the tries are not used up (the last is the close's)."""
        if answer["review_seen"] >= stamp(through) and not (final and answer["outcome"] is None):
            return False
        return bool(answer["review_attempts"] < (self._attempts if final else self._attempts - 1))

    async def review(
        self, answer: Row, question: Row, dialogue: Dialogue, *, origin: Origin, shown: bool
    ) -> Review:
        """Writes the verdict and applies it. ``shown``: a card stood in the on-call.

        An Accept that came while it was judged outranks it: the verdict is written down and changes nothing.
        """
        leaned = leaned_on(answer)
        entries = [e for e in [await self._knowledge.get(entry) for entry in leaned] if e is not None]
        heard = await self._with_card(answer, dialogue) if shown else dialogue
        review = await self._engine.review(heard, to_question(question), _answer(answer, entries))
        why = _unfounded(review, dialogue)
        if why:
            review = Review(
                verdict=Verdict.KEEP,
                agreed=False,
                message_ids=(),
                reason=f"verdict {review.verdict.value} dropped: {why}",
            )
        async with self._knowledge.writing:
            return await self._written(review, answer, question, dialogue, origin=origin, shown=shown)

    async def _with_card(self, answer: Row, dialogue: Dialogue) -> Dialogue:
        """The dialogue with the card where it stood: "that is wrong" right behind it is said of it.

        The bot's own posts are not kept as messages.
        """
        sent = await self._ledger.fetch(
            "SELECT sent_at, ts FROM deliveries WHERE answer = :answer AND audience = 'everyone' "
            "AND sent_at IS NOT NULL ORDER BY sent_at LIMIT 1",
            answer=answer["id"],
        )
        if not sent:
            return dialogue
        at, ts = moment(sent[0]["sent_at"]), sent[0]["ts"] or ""
        card = Message(id=f"card:{answer['id']}", ts=ts, at=at, role=Role.BOT, author="", text=answer["text"])
        return Dialogue(messages=tuple(sorted((*dialogue.messages, card), key=lambda m: (m.at, m.ts))))

    async def _written(
        self,
        review: Review,
        answer: Row,
        question: Row,
        dialogue: Dialogue,
        *,
        origin: Origin,
        shown: bool,
    ) -> Review:
        now, through = self._clock.now(), dialogue.messages[-1].at
        accepted = await self._accepted(answer["id"])
        if accepted:
            review = Review(
                verdict=Verdict.KEEP,
                agreed=True,
                message_ids=(),
                reason=f"verdict {review.verdict.value} dropped: it was accepted meanwhile",
            )
        record: list[Statement] = [
            Runs.put_review(review, tenant=origin.tenant, answer=answer["id"], through=through, at=now),
            Runs.change_answer(
                answer["id"], review_seen=stamp(through), review_attempts=answer["review_attempts"] + 1
            ),
        ]
        if accepted:
            await self._ledger.write(*record)
            return review
        outcome = _outcome(review, shown=shown)
        if outcome is not None:
            record += [Runs.set_outcome(answer["id"], outcome, at=now), Runs.outdate(answer["id"], at=now)]
        by_human = _by_human(review, dialogue)
        if review.agreed and by_human:
            record.append(
                Runs.change_question(
                    question["id"],
                    state=QuestionState.RESOLVED.value,
                    resolved_at=stamp(by_human[0].at),
                    resolution_ids=pack([m.id for m in by_human]),
                )
            )
        leaned = leaned_on(answer)
        entries = [e for e in [await self._knowledge.get(entry) for entry in leaned] if e is not None]
        await self._apply(review, question, entries, origin=origin, shown=shown, also=record)
        return review

    async def _accepted(self, answer_id: str) -> bool:
        """Whether somebody stands by the answer, also by a click that has had no effect yet."""
        answer = await self._ledger.runs.answer(answer_id)
        if answer is None or answer["outcome"] in (Outcome.ACCEPTED_BY_ASKER, Outcome.VERIFIED):
            return True
        clicks = await self._ledger.runs.feedback(answer_id)
        return any(row["kind"] in _STANDS_BY and row["applied_at"] is None for row in clicks)

    async def _apply(
        self,
        review: Review,
        question: Row,
        entries: list[KnowledgeEntry],
        *,
        origin: Origin,
        shown: bool,
        also: list[Statement],
    ) -> None:
        """One write for the verdict and its first effect; each further entry has its own.

        What somebody accepted is not deleted by a review, as what an analyst verified is not, nor what more
        on-calls speak for than against: operators are told.
        """
        if not shown or not entries:
            await self._ledger.write(*also)
        elif review.verdict is Verdict.KEEP and review.agreed:
            await self._knowledge.support(
                entries[0], origin=origin, kind=SupportKind.AGREED, question=question["text"], also=also
            )
        elif review.verdict is Verdict.UPDATE and _may_reword(entries[0], origin):
            await self._knowledge.revise(
                entries[0],
                tenant=origin.tenant,
                question=review.question or entries[0].question,
                answer=review.answer,
                precondition=review.precondition,
                citations=_sources(review, entries[0]),
                message_ids=tuple(dict.fromkeys((*entries[0].message_ids, *review.message_ids))),
                actor="review",
                reason=review.reason,
                also=[*also, self._against(entries[0], question, origin)],
            )
            await self._absorb(entries[0].id, origin)
        elif review.verdict is Verdict.UPDATE:
            await self._beside(review, question, entries[0], origin=origin, also=also)
        elif review.verdict is Verdict.DELETE:
            # The verdict comes last: after a crash between, the review is done again.
            wrong = await self._refuted(entries, origin)
            for entry in wrong:
                await self._knowledge.retract(entry.id, actor="review", reason=review.reason)
            flags = await self._flags([e for e in entries if e not in wrong], review, origin)
            await self._ledger.write(*flags, *(self._against(e, question, origin) for e in entries), *also)
        else:
            await self._ledger.write(*also)

    async def _refuted(self, entries: list[KnowledgeEntry], origin: Origin) -> list[KnowledgeEntry]:
        """Those that this one on-call's rejection takes out of use, however often it is reviewed."""
        names = [e.id for e in entries]
        vouched = await self._ledger.trust.vouched(names)
        counts = await self._ledger.entries.support_counts(names, apart_from=origin.oncall)
        return [
            e
            for e in entries
            if _may_change(e) and e.id not in vouched and not outlives(*counts.get(e.id, (0, 0)))
        ]

    async def _absorb(self, entry_id: str, origin: Origin) -> None:
        """Another cause of the same trouble that was an entry of its own is a branch of this one now: the
        other goes, its sources stay."""
        merged = await self._knowledge.get(entry_id)
        for row in await self._ledger.trust.contradictions(origin.tenant) if merged else ():
            if merged is None or entry_id not in (row["first"], row["second"]):
                continue
            other = await self._knowledge.get(row["second"] if row["first"] == entry_id else row["first"])
            if other is None or not _may_reword(other, origin) or not _says(merged.answer, other.answer):
                continue
            found = {c.url or c.title: c for c in (*merged.citations, *other.citations)}
            reason = f"the cause that {other.id} tells of is a branch of this one"
            await self._knowledge.revise(
                merged,
                tenant=origin.tenant,
                question=merged.question,
                answer=merged.answer,
                precondition=merged.precondition,
                citations=tuple(found.values()),
                message_ids=tuple(dict.fromkeys((*merged.message_ids, *other.message_ids))),
                actor="review",
                reason=reason,
            )
            await self._knowledge.retract(other.id, actor="review", reason=f"merged into {entry_id}")
            merged = await self._knowledge.get(entry_id)

    async def _beside(
        self, review: Review, question: Row, entry: KnowledgeEntry, *, origin: Origin, also: list[Statement]
    ) -> None:
        """What was said here becomes an entry of this space; the other is for operators to change.

        So what an analyst verified keeps its words, and those of a private channel stay in it.
        """
        found = Extraction(
            question=review.question or question["text"],
            answer=review.answer,
            message_ids=review.message_ids,
            citations=review.citations,
            confirmed=False,
            resolved_at=self._clock.now(),
            precondition=review.precondition,
        )
        bookkeeping = [
            *also,
            self._against(entry, question, origin),
            *await self._flags([entry], review, origin),
        ]
        await self._knowledge.learn(
            found,
            origin=origin,
            entry_id=new_entry_id(question["id"], "review"),
            actor="review",
            reason=f"beside {entry.id}: {review.reason}",
            also=lambda learned: bookkeeping,
        )

    def _against(self, entry: KnowledgeEntry, question: Row, origin: Origin) -> Statement:
        return self._ledger.entries.put_support(
            entry=entry.id,
            oncall=origin.oncall,
            kind=SupportKind.CONTRADICTED,
            tenant=origin.tenant,
            channel=origin.channel,
            customer=origin.customer,
            question=question["text"],
            at=self._clock.now(),
        )

    async def contradict(self, answer: Row, question: Row, *, origin: Origin) -> None:
        """The human resolved it otherwise: it counts against what the card leaned on."""
        entries = [e for e in [await self._knowledge.get(i) for i in leaned_on(answer)] if e is not None]
        now = self._clock.now()
        await self._ledger.write(
            Runs.set_outcome(answer["id"], Outcome.CONTRADICTED, at=now),
            Runs.outdate(answer["id"], at=now),
            *(self._against(e, question, origin) for e in entries),
        )

    async def _flags(self, entries: list[KnowledgeEntry], review: Review, origin: Origin) -> list[Statement]:
        """One for each entry, but for those that this on-call has spoken against before."""
        rows = await self._ledger.entries.supports([e.id for e in entries])
        told = {
            row["entry"]
            for row in rows
            if row["oncall"] == origin.oncall and row["kind"] == SupportKind.CONTRADICTED
        }
        return [self._flag(e, review, origin) for e in entries if e.id not in told]

    def _flag(self, entry: KnowledgeEntry, review: Review, origin: Origin) -> Statement:
        """What a document or a verified entry says is for operators to change."""
        return self._ledger.runs.put(
            "audit",
            tenant=origin.tenant,
            at=stamp(self._clock.now()),
            actor="review",
            action="flag",
            subject=entry.id,
            detail=f"{review.reason} ({', '.join(review.message_ids)})",
        )


def _unfounded(review: Review, dialogue: Dialogue) -> str:
    """Why a verdict may not be applied; "" when it may."""
    if set(review.message_ids) - {m.id for m in dialogue.messages}:
        return "it cites a message that is not there"
    if review.verdict is not Verdict.KEEP and not _by_human(review, dialogue):
        return "it rests on no analyst's words"
    return ""


def _may_change(entry: KnowledgeEntry) -> bool:
    """Only what was learned from on-calls and has not left probation."""
    return bool(entry.learned_from) and entry.trust is Trust.PROBATION


def _sources(review: Review, entry: KnowledgeEntry) -> tuple[Citation, ...]:
    """The sources of every branch."""
    found = {canonical_url(c.url) or c.title: c for c in (*entry.citations, *review.citations)}
    kept = {canonical_url(c.url) or c.title: c for c in review.citations}
    return tuple((kept | {key: c for key, c in found.items() if key not in kept}).values())


def _says(text: str, part: str) -> bool:
    def bare(words: str) -> str:
        return " ".join(fold(words).split()).strip(" .")

    return bool(bare(part)) and bare(part) in bare(text)


def _may_reword(entry: KnowledgeEntry, origin: Origin) -> bool:
    """What one space says may not be told in another."""
    return _may_change(entry) and entry.space == origin.space


def _outcome(review: Review, *, shown: bool) -> Outcome | None:
    if review.verdict is not Verdict.KEEP:
        return Outcome.CONTRADICTED
    if review.agreed:
        return Outcome.CONSISTENT_BY_HUMAN
    return Outcome.IGNORED if shown else None


def _by_human(review: Review, dialogue: Dialogue) -> list[Message]:
    """The humans' messages the verdict rests on, in time order."""
    return [
        m for m in dialogue.messages if m.id in review.message_ids and m.role in (Role.ANALYST, Role.PEER)
    ]


def _answer(row: Row, entries: list[KnowledgeEntry]) -> Answer:
    """The recorded answer as an engine reads it; entries as they are now."""
    return Answer(
        text=row["text"],
        passages=tuple(Passage(entry=e, dense=1.0, lexical=0.0, score=1.0) for e in entries),
        confidence=row["confidence"],
    )
