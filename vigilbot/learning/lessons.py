"""What one on-call teaches: its accepted, unaccepted and unanswered questions, in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from vigilbot.domain import Dialogue, OnCallState, Outcome, QuestionState, Role
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.learning.agreement import Agreement, Comparison
from vigilbot.learning.answered import Answered
from vigilbot.learning.hindsight import Hindsight
from vigilbot.learning.leaned import leaned_on
from vigilbot.learning.reviewer import Reviewer
from vigilbot.learning.unanswered import Unanswered
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import moment, unpack_citations
from vigilbot.ports import Clock, Row, Statement

_SETTLED = (Outcome.ACCEPTED_BY_ASKER, Outcome.VERIFIED)


_OUTCOMES = {
    Agreement.SAME: Outcome.CONSISTENT_BY_HUMAN,
    Agreement.NEAR: Outcome.IGNORED,
    Agreement.OTHER: Outcome.CONTRADICTED,
}


class Lessons:
    """``delay`` is how long after an analyst's message its resolution is read for the first time,
    ``quiet`` how long an on-call must be silent before an unaccepted card is reviewed."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        answered: Answered,
        unanswered: Unanswered,
        reviewer: Reviewer,
        hindsight: Hindsight,
        comparison: Comparison,
        clock: Clock,
        delay: timedelta,
        quiet: timedelta,
    ) -> None:
        self.delay = delay
        self._ledger = ledger
        self._knowledge = knowledge
        self._answered = answered
        self._unanswered = unanswered
        self._reviewer = reviewer
        self._hindsight = hindsight
        self._comparison = comparison
        self._clock = clock
        self._quiet = quiet

    async def accept(self, feedback: Row, *, standing: Sequence[Row]) -> None:
        """``standing``: the Accepts of this card that count, in order."""
        found = await self._clicked(feedback)
        if found is not None:
            answer, question, origin = found
            async with self._knowledge.writing:
                await self._answered.accept(
                    feedback, answer=answer, question=question, origin=origin, standing=standing
                )

    async def take_back(self, feedback: Row, *, standing: Sequence[Row]) -> None:
        """One Accept counts no longer; ``standing`` are the others."""
        found = await self._clicked(feedback)
        if found is None:
            return
        answer, question, origin = found
        every = await self._ledger.runs.feedback(answer["id"])
        who = ("accept", feedback["actor"], feedback["subject"])
        taken = next(row for row in every if (row["kind"], row["actor"], row["subject"]) == who)
        async with self._knowledge.writing:
            await self._answered.take_back(
                feedback, taken=taken, answer=answer, question=question, origin=origin, standing=standing
            )

    async def posted(self, feedback: Row) -> None:
        """An analyst posted a draft, as it was or in other words."""
        found = await self._clicked(feedback)
        if found is None:
            return
        answer, question, origin = found
        delivery = await self._ledger.runs.delivery(answer=answer["id"])
        if delivery is None or delivery["text"] is None:
            async with self._knowledge.writing:
                await self._answered.posted(feedback, answer=answer, question=question, origin=origin)
            return
        learned = await self._answered.rewritten(
            feedback, delivery["text"], answer=answer, question=question, origin=origin
        )
        entry = await self._knowledge.get(learned)
        same = entry is None or (await self._comparison.of(answer["text"], (), entry) is Agreement.SAME)
        now = self._clock.now()
        await self._ledger.write(
            Runs.feedback_applied(feedback["id"], at=now),
            Runs.set_outcome(
                answer["id"], Outcome.VERIFIED if same else Outcome.CONTRADICTED, at=now, final=True
            ),
            Runs.outdate(answer["id"], at=now),
        )

    async def _clicked(self, feedback: Row) -> tuple[Row, Row, Origin] | None:
        """What was clicked on; None, with the click done, when it is gone."""
        answer = await self._ledger.runs.answer(feedback["answer"])
        question = await self._ledger.runs.question(answer["question"]) if answer else None
        oncall = await self._ledger.chats.oncall_row(answer["oncall"]) if answer else None
        if answer is None or question is None or oncall is None:
            await self._ledger.write(Runs.feedback_applied(feedback["id"], at=self._clock.now()))
            return None
        return answer, question, await self._origin(oncall)

    async def withdraw(self, feedback: Row) -> None:
        """The card is gone, its question open again; what the human says instead is learned."""
        now = self._clock.now()
        answer = await self._ledger.runs.answer(feedback["answer"])
        applied = Runs.feedback_applied(feedback["id"], at=now)
        if answer is None:
            await self._ledger.write(applied)
            return
        await self._ledger.write(
            applied,
            Runs.set_outcome(answer["id"], Outcome.WITHDRAWN, at=now, final=True),
            Runs.withdrawn(answer["id"]),
            Runs.outdate(answer["id"], at=now),
            Runs.change_question(answer["question"], state=QuestionState.OPEN.value),
            Chats.learn_by(answer["oncall"], now + self.delay),
        )

    async def learn(self, oncall: Row) -> datetime | None:
        """Reviews and extracts what is due; returns when the on-call next has something to teach, or None.

        Doing it again after a crash changes nothing that was done.
        """
        now = self._clock.now()
        dialogue = await self._ledger.chats.dialogue(oncall["id"])
        final = oncall["state"] == OnCallState.CLOSED
        later: datetime | None = None
        if dialogue.messages:
            origin = await self._origin(oncall)
            last = dialogue.messages[-1].at
            settled = final or now >= last + self._quiet
            answers = {row["question"]: row for row in await self._ledger.runs.answers(oncall["id"])}
            shown = {
                row["id"]
                for row in await self._ledger.runs.sent(oncall["id"])
                if row["delivery_state"] == "sent"
            }
            rewritten = await self._ledger.runs.edited_answers(oncall["id"])
            questions = await self._ledger.runs.questions(oncall["id"])
            if (
                not questions
                and settled
                and self._unanswered.may_look(oncall, final=final)
                and await self._hindsight.look(dialogue, origin=origin)
            ):
                questions = await self._ledger.runs.questions(oncall["id"])
            for question in questions:
                if question["state"] == QuestionState.WITHDRAWN:
                    continue
                answer = answers.get(question["id"])
                if answer is not None and answer["id"] in rewritten:
                    continue  # an analyst has given the answer, and it is learned
                await self._one(
                    question,
                    answer,
                    dialogue,
                    origin=origin,
                    final=final,
                    settled=settled,
                    shown=answer is not None and answer["id"] in shown,
                )
            if not settled and (shown or not questions):
                later = last + self._quiet
        return later

    async def _one(
        self,
        question: Row,
        answer: Row | None,
        dialogue: Dialogue,
        *,
        origin: Origin,
        final: bool,
        settled: bool,
        shown: bool,
    ) -> None:
        """One question: review what was answered, then learn what the human said instead."""
        if (answer is not None and answer["outcome"] in _SETTLED) or (shown and not settled):
            return
        if answer is not None and answer["outcome"] == Outcome.WITHDRAWN:
            answer, shown = None, False  # nobody stands by it; the human's own words are what is left
        if answer is not None and answer["text"] and settled:
            through = dialogue.messages[-1].at
            heard = any(
                m.role in (Role.ANALYST, Role.PEER) and m.at > moment(answer["at"]) for m in dialogue.messages
            )
            if (heard or final) and self._reviewer.may_try(answer, through=through, final=final):
                review = await self._reviewer.review(answer, question, dialogue, origin=origin, shown=shown)
                if review.agreed or (review.answer and shown):
                    return
            elif answer["outcome"] == Outcome.CONSISTENT_BY_HUMAN:
                return
        await self._extract(question, answer, dialogue, origin=origin, final=final, shown=shown)

    async def _extract(
        self,
        question: Row,
        answer: Row | None,
        dialogue: Dialogue,
        *,
        origin: Origin,
        final: bool,
        shown: bool,
    ) -> None:
        fresh = await self._ledger.runs.question(question["id"]) or question
        known = fresh["state"] == QuestionState.RESOLVED
        edited = known and fresh["entry"] and not fresh["attempts"]  # its source changed (source_changed)
        said = answer is not None and answer["text"] and answer["outcome"] != Outcome.BEATEN
        if known and fresh["entry"] and answer is not None and said and not answer["outcome"]:
            # A crash came between the lesson and its comparison.
            await self._compare(answer, fresh["entry"], question, origin=origin, shown=shown)
        if known and not edited and not (final and fresh["entry"]):
            return
        if not self._unanswered.may_try(fresh, final=final):
            return
        learned = await self._unanswered.learn(fresh, dialogue, origin=origin, final=final)
        if learned is not None and answer is not None and said:
            await self._compare(answer, learned.entry, question, origin=origin, shown=shown)

    async def _compare(
        self, answer: Row, learned: str, question: Row, *, origin: Origin, shown: bool
    ) -> None:
        """The human's resolution against the bot's: the same agrees, another thing contradicts.

        About the same thing in other words is neither: no outcome, and nothing counts against the entry.
        """
        now = self._clock.now()
        entry = await self._knowledge.get(learned)
        agreement = Agreement.SAME if learned in leaned_on(answer) or entry is None else Agreement.OTHER
        if entry is not None and agreement is Agreement.OTHER and answer["text"]:
            agreement = await self._comparison.of(
                answer["text"], unpack_citations(answer["citations"]), entry
            )
        if agreement is Agreement.OTHER and shown:
            await self._reviewer.contradict(answer, question, origin=origin)
            return
        outcome = _OUTCOMES[agreement] if agreement is not Agreement.NEAR or shown else None
        if outcome is not None:
            await self._ledger.write(Runs.set_outcome(answer["id"], outcome, at=now))

    async def source_changed(self, message_id: str, *, oncall: str, gone: bool) -> list[Statement]:
        """A message something was learned from was deleted: retracts. Or edited: what makes it be read again.

        The statements belong into the write that changes the message.
        """
        again: list[Statement] = []
        rows = await self._ledger.fetch(
            "SELECT DISTINCT k.entry, k.learned_from FROM knowledge k, json_each(k.message_ids) m "
            "WHERE k.valid_to IS NULL AND k.retracted = 0 AND m.value = :message "
            "AND (k.learned_from = :oncall OR k.entry IN (SELECT entry FROM support WHERE oncall = :oncall))",
            message=message_id,
            oncall=oncall,
        )
        for row in rows:
            if gone:
                await self._knowledge.retract(
                    row["entry"], actor="vigilbot", reason="a message it was learned from was deleted"
                )
            else:
                again += [
                    Runs.change_question(q["id"], attempts=0)
                    for q in await self._ledger.runs.questions(row["learned_from"])
                    if q["entry"] == row["entry"]
                ]
                again.append(Chats.learn_by(row["learned_from"], self._clock.now()))
        return again

    async def _origin(self, oncall: Row) -> Origin:
        channel = await self._ledger.chats.channel(oncall["tenant"], oncall["channel"])
        return Origin(
            tenant=oncall["tenant"],
            space=channel["space"] if channel else "",
            channel=oncall["channel"],
            oncall=oncall["id"],
            customer=oncall["customer"],
        )
