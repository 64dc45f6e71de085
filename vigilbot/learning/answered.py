"""Learning from an accepted answer (Vigil 3.2.2): one knowledge effect, whoever clicks how often."""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Citation, Extraction, Outcome, QuestionState, Role, SupportKind, Trust
from vigilbot.knowledge import Knowledge, Origin, new_entry_id
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Chats, Entries, Ledger, Runs
from vigilbot.ledger.rows import moment, names, stamp, to_entry, unpack_citations
from vigilbot.ports import Clock, Row, Statement
from vigilbot.text import links

EDITED = "edit"  # kind of feedback


class Answered:
    """An asker's Accept says "solved for me"; an analyst's verifies, and so does posting a draft."""

    def __init__(self, *, ledger: Ledger, knowledge: Knowledge, clock: Clock) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock

    async def accept(
        self, feedback: Row, *, answer: Row, question: Row, origin: Origin, standing: Sequence[Row]
    ) -> None:
        """Resolves the question and applies the click's effect, in one write with its bookkeeping.

        ``standing`` are the Accepts of this card that count now, in order.
        """
        now = self._clock.now()
        verified = feedback["role"] == Role.ANALYST
        edited = await self._was_edited(answer)
        also: list[Statement] = [
            Runs.feedback_applied(feedback["id"], at=now),
            Runs.accepted(answer["id"], by=[row["actor"] for row in standing]),
            Runs.change_question(
                question["id"], state=QuestionState.RESOLVED.value, resolved_at=stamp(moment(feedback["at"]))
            ),
            Runs.outdate(answer["id"], at=now),
        ]
        # An analyst's word stands; and what an analyst wrote says nothing of the bot's draft.
        if not edited and (verified or answer["outcome"] != Outcome.VERIFIED):
            outcome = Outcome.VERIFIED if verified else Outcome.ACCEPTED_BY_ASKER
            also.append(Runs.set_outcome(answer["id"], outcome, at=now, final=True))
        await self._credit(
            feedback, answer=answer, question=question, origin=origin, verified=verified, also=also
        )

    async def posted(self, feedback: Row, *, answer: Row, question: Row, origin: Origin) -> None:
        """An analyst stands by a draft as it is: verified, though the asker has not said that it helped."""
        now = self._clock.now()
        also = [
            Runs.feedback_applied(feedback["id"], at=now),
            Runs.set_outcome(answer["id"], Outcome.VERIFIED, at=now, final=True),
            Runs.outdate(answer["id"], at=now),
        ]
        await self._credit(
            feedback, answer=answer, question=question, origin=origin, verified=True, also=also
        )

    async def rewritten(self, feedback: Row, text: str, *, answer: Row, question: Row, origin: Origin) -> str:
        """An analyst posted other words: they become an entry of the analyst's own; returns its id.

        What the draft leaned on stays as it is. Doing it again changes nothing.
        """
        cited = [Citation(url=url, title=url) for url in links(text)]
        known = {c.url for c in cited}
        cited += [c for c in unpack_citations(answer["citations"]) if c.url and c.url not in known]
        learned = await self._knowledge.learn(
            Extraction(
                question=question["text"],
                answer=text,
                message_ids=(),
                citations=tuple(cited),
                confirmed=False,
                resolved_at=moment(feedback["at"]),
            ),
            origin=origin,
            entry_id=new_entry_id(answer["id"], EDITED),
            kind=SupportKind.VERIFIED,
            trust=Trust.VERIFIED,
            actor=feedback["actor"],
            reason="an analyst's words for a draft that came from " + ", ".join(leaned_on(answer)),
            also=lambda entry: [Runs.change_question(question["id"], entry=entry)],
        )
        entry = await self._knowledge.get(learned.entry)
        if entry is not None and entry.trust is not Trust.VERIFIED:
            await self._knowledge.support(
                entry,
                origin=origin,
                kind=SupportKind.VERIFIED,
                question=question["text"],
                verify=True,
                actor=feedback["actor"],
            )
        return learned.entry

    async def take_back(
        self,
        feedback: Row,
        *,
        taken: Row,
        answer: Row,
        question: Row,
        origin: Origin,
        standing: Sequence[Row],
    ) -> None:
        """Undoes one Accept: ``taken`` is its click, ``standing`` are those that still count."""
        now = self._clock.now()
        posted = any(row["kind"] == "post" for row in await self._ledger.runs.feedback(answer["id"]))
        analysts = posted or any(row["role"] == Role.ANALYST for row in standing)
        outcome = Outcome.ACCEPTED_BY_ASKER.value if standing else None
        also: list[Statement] = [
            Runs.feedback_applied(feedback["id"], at=now),
            Runs.accepted(answer["id"], by=[row["actor"] for row in standing]),
            Runs.outdate(answer["id"], at=now),
            Chats.learn_by(answer["oncall"], now),
        ]
        edited = await self._was_edited(answer)
        if not edited:
            also.append(
                Runs.change_answer(
                    answer["id"],
                    outcome=Outcome.VERIFIED.value if analysts else outcome,
                    outcome_at=stamp(now),
                )
            )
        if not standing and not names(question["resolution_ids"]):
            also.append(
                Runs.change_question(question["id"], state=QuestionState.ANSWERED.value, resolved_at=None)
            )
        verified = taken["role"] == Role.ANALYST
        kind = SupportKind.VERIFIED if verified else SupportKind.ACCEPTED_BY_ASKER
        left = any(row["role"] == taken["role"] for row in standing) or (verified and (posted or edited))
        target = await self._target(answer, question)
        row = await self._ledger.entries.entry(target)
        if left or row is None or row["retracted"]:
            await self._ledger.write(*also)
            return
        also.append(Entries.drop_support(entry=target, oncall=origin.oncall, kind=kind))
        own = target == new_entry_id(answer["id"]) and row["revision"] == 1 and not standing
        if own:
            await self._knowledge.retract(
                target, actor=feedback["actor"], reason="the Accept was taken back", also=also
            )
        elif verified and row["operation"] == "verify" and row["actor"] == taken["actor"]:
            await self._knowledge.undo(target, actor=feedback["actor"], also=also)
        else:
            await self._ledger.write(*also)

    async def _target(self, answer: Row, question: Row) -> str:
        """The entry an Accept speaks for: the one the answer stands on, or one derived from several."""
        if question["entry"] and await self._was_edited(answer):
            return str(question["entry"])
        leaned = leaned_on(answer)
        return next(iter(leaned)) if len(leaned) == 1 else new_entry_id(answer["id"])

    async def _was_edited(self, answer: Row) -> bool:
        return answer["id"] in await self._ledger.runs.edited_answers(answer["oncall"])

    async def _credit(
        self,
        feedback: Row,
        *,
        answer: Row,
        question: Row,
        origin: Origin,
        verified: bool,
        also: list[Statement],
    ) -> None:
        """An answer that stands on one entry supports it; one drawn from several becomes an entry of
        its own, derived from them."""
        kind = SupportKind.VERIFIED if verified else SupportKind.ACCEPTED_BY_ASKER
        target = await self._target(answer, question)
        row = await self._ledger.entries.entry(target)
        if row is not None and row["retracted"]:  # the click counts, the knowledge stays gone
            await self._ledger.write(*also)
            return
        if row is not None:
            await self._knowledge.support(
                to_entry(row),
                origin=origin,
                kind=kind,
                question=question["text"],
                verify=verified,
                actor=feedback["actor"],
                also=also,
            )
            return
        await self._knowledge.learn(
            Extraction(
                question=question["text"],
                answer=answer["text"],
                message_ids=names(question["message_ids"]),
                citations=unpack_citations(answer["citations"]),
                confirmed=True,
                resolved_at=moment(feedback["at"]),
            ),
            origin=origin,
            entry_id=target,
            kind=kind,
            trust=Trust.VERIFIED if verified else Trust.PROBATION,
            actor=feedback["actor"],
            reason="written by the bot, accepted; derived from " + ", ".join(leaned_on(answer)),
            also=lambda entry: also,
        )
