"""Learning from an accepted answer (Vigil 3.2.2): one knowledge effect, whoever clicks how often."""

from __future__ import annotations

from vigilbot.domain import Extraction, Outcome, QuestionState, Role, SupportKind, Trust
from vigilbot.knowledge import Knowledge, Origin, new_entry_id
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import moment, names, stamp, to_entry, unpack_citations
from vigilbot.ports import Clock, Row, Statement


class Answered:
    """An asker's Accept says "solved for me"; an analyst's verifies."""

    def __init__(self, *, ledger: Ledger, knowledge: Knowledge, clock: Clock) -> None:
        self._ledger = ledger
        self._knowledge = knowledge
        self._clock = clock

    async def accept(self, feedback: Row, *, answer: Row, question: Row, origin: Origin) -> None:
        """Resolves the question and applies the click's effect, in one write with its bookkeeping.

        An answer that stands on one entry supports it; one drawn from several becomes an entry of
        its own, derived from them.
        """
        now = self._clock.now()
        verified = feedback["role"] == Role.ANALYST
        outcome = Outcome.VERIFIED if verified else Outcome.ACCEPTED_BY_ASKER
        kind = SupportKind.VERIFIED if verified else SupportKind.ACCEPTED_BY_ASKER
        also: list[Statement] = [
            Runs.feedback_applied(feedback["id"], at=now),
            Runs.accepted(answer["id"], actor=feedback["actor"]),
            Runs.change_question(
                question["id"], state=QuestionState.RESOLVED.value, resolved_at=stamp(moment(feedback["at"]))
            ),
        ]
        if verified or answer["outcome"] != Outcome.VERIFIED:  # an analyst's word stands
            also.append(Runs.set_outcome(answer["id"], outcome, at=now, final=True))
        leaned = leaned_on(answer)
        target = next(iter(leaned)) if len(leaned) == 1 else new_entry_id(answer["id"])
        row = await self._ledger.entries.entry(target)
        if row is not None and row["retracted"]:  # the click resolves, the knowledge stays gone
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
            reason="written by the bot, accepted; derived from " + ", ".join(leaned),
            also=lambda entry: also,
        )
