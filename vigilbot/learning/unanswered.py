"""Learning from what the human said (Vigil 3.2.1): an in-scope question's definitive resolution."""

from __future__ import annotations

from vigilbot.domain import Dialogue, Extraction, QuestionState
from vigilbot.knowledge import Knowledge, Learned, Origin, new_entry_id
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import pack, stamp, to_question
from vigilbot.ports import Engine, Row


class Unanswered:
    """``attempts`` bounds how often one question is read again; the last try is kept for the close."""

    def __init__(self, *, engine: Engine, ledger: Ledger, knowledge: Knowledge, attempts: int) -> None:
        self._engine = engine
        self._ledger = ledger
        self._knowledge = knowledge
        self._attempts = attempts

    def may_try(self, question: Row, *, final: bool) -> bool:
        return bool(question["attempts"] < (self._attempts if final else self._attempts - 1))

    async def learn(
        self, question: Row, dialogue: Dialogue, *, origin: Origin, final: bool
    ) -> tuple[Extraction | None, Learned | None]:
        """Extracts and stores; (None, None) leaves the question waiting, or ends it when ``final``."""
        found = await self._engine.extract(dialogue, to_question(question))
        tries = question["attempts"] + 1
        if found is None:
            changes: dict[str, object] = {"attempts": tries}
            if final and question["state"] == QuestionState.OPEN:
                changes["state"] = QuestionState.UNRESOLVED.value
            await self._ledger.write(Runs.change_question(question["id"], **changes))
            return None, None
        if question["entry"]:
            await self._revisit(question, found, origin=origin, tries=tries)
            return found, None
        entry_id = new_entry_id(question["id"])
        learned = await self._knowledge.learn(
            found,
            origin=origin,
            entry_id=entry_id,
            also=[
                Runs.change_question(
                    question["id"],
                    attempts=tries,
                    state=QuestionState.RESOLVED.value,
                    resolved_at=stamp(found.resolved_at),
                    resolution_ids=pack(list(found.message_ids)),
                    entry=entry_id,
                )
            ],
        )
        if not learned.new:
            await self._ledger.write(Runs.change_question(question["id"], entry=learned.entry))
        return found, learned

    async def _revisit(self, question: Row, found: Extraction, *, origin: Origin, tries: int) -> None:
        """At the close: the human went on to say more, or something else."""
        entry = await self._knowledge.get(question["entry"])
        change = Runs.change_question(
            question["id"],
            attempts=tries,
            resolved_at=stamp(found.resolved_at),
            resolution_ids=pack(list(found.message_ids)),
        )
        own = entry is not None and entry.learned_from == origin.oncall
        if entry is None or not own or entry.answer == found.answer:
            await self._ledger.write(change)
            return
        await self._knowledge.revise(
            entry,
            tenant=origin.tenant,
            question=found.question,
            answer=found.answer,
            precondition=entry.precondition,
            citations=found.citations,
            message_ids=found.message_ids,
            actor="vigilbot",
            reason="the resolution went on after it was learned",
            also=[change],
        )
