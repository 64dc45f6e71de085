"""Learning from what the human said (Vigil 3.2.1): an in-scope question's definitive resolution."""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Dialogue, Extraction, QuestionState, Role
from vigilbot.knowledge import Knowledge, Learned, Origin, new_entry_id
from vigilbot.learning.backing import teaches
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import pack, stamp, to_question
from vigilbot.ports import Engine, Row, Statement


class Unanswered:
    """``attempts`` bounds how often one question is read again; the last try is kept for the close."""

    def __init__(self, *, engine: Engine, ledger: Ledger, knowledge: Knowledge, attempts: int) -> None:
        self._engine = engine
        self._ledger = ledger
        self._knowledge = knowledge
        self._attempts = attempts

    def may_try(self, question: Row, *, final: bool) -> bool:
        return bool(question["attempts"] < (self._attempts if final else self._attempts - 1))

    def may_look(self, oncall: Row, *, final: bool) -> bool:
        """The same bound for an on-call in which no question was seen at all."""
        return bool(oncall["looks"] < (self._attempts if final else self._attempts - 1))

    async def learn(
        self, question: Row, dialogue: Dialogue, *, origin: Origin, final: bool
    ) -> Learned | None:
        """Extracts and stores what is new; without a resolution the question waits, or ends when ``final``.

        A question that was learned from before is read again: its entry follows what the human says now.
        What is weak replaces it only when a message it was learned from was edited (no attempts since).
        """
        pairs = await self._engine.extract(dialogue, to_question(question))
        pairs = tuple(pair for pair in pairs if _said_by_helpers(pair, dialogue))
        found = next((pair for pair in pairs if not pair.aside), None)
        if found is not None and not await self._counts(found, question, origin=origin):
            found = None
        await self._learn_asides(question, [p for p in pairs if p.aside], origin=origin)
        tries = question["attempts"] + 1
        if found is None:
            changes: dict[str, object] = {"attempts": tries}
            if final and question["state"] == QuestionState.OPEN:
                changes["state"] = QuestionState.UNRESOLVED.value
            await self._nothing(question, Runs.change_question(question["id"], **changes), origin=origin)
            return None
        if question["entry"]:
            await self._revisit(question, found, origin=origin, tries=tries)
            return None
        entry_id = new_entry_id(question["id"])
        return await self._knowledge.learn(
            found,
            origin=origin,
            entry_id=entry_id,
            also=lambda entry: [
                Runs.change_question(
                    question["id"],
                    attempts=tries,
                    state=QuestionState.RESOLVED.value,
                    resolved_at=stamp(found.resolved_at),
                    resolution_ids=pack(list(found.message_ids)),
                    entry=entry,
                )
            ],
        )

    async def _counts(self, found: Extraction, question: Row, *, origin: Origin) -> bool:
        if question["entry"] and found.weak:
            return not question["attempts"]
        return await teaches(found, self._ledger, origin=origin)

    async def _learn_asides(self, question: Row, pairs: Sequence[Extraction], *, origin: Origin) -> None:
        """What else was settled in the on-call. Read again, the same words are the same entry."""
        for pair in pairs:
            entry_id = new_entry_id(question["oncall"], pair.question, pair.answer)
            if await self._knowledge.get(entry_id) is None and await teaches(
                pair, self._ledger, origin=origin
            ):
                await self._knowledge.learn(pair, origin=origin, entry_id=entry_id)

    async def _nothing(self, question: Row, change: Statement, *, origin: Origin) -> None:
        """No resolution; an entry whose source was edited (no attempts since) loses its ground."""
        edited = question["entry"] and not question["attempts"]
        entry = await self._knowledge.get(question["entry"]) if edited else None
        if entry is None or entry.learned_from != origin.oncall:
            await self._ledger.write(change)
            return
        reason = "the message it was learned from says it no longer"
        await self._knowledge.retract(entry.id, actor="vigilbot", reason=reason, also=[change])

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
            precondition=found.precondition or entry.precondition,
            citations=found.citations,
            message_ids=found.message_ids,
            actor="vigilbot",
            reason="the resolution went on after it was learned",
            also=[change],
        )


def _said_by_helpers(found: Extraction, dialogue: Dialogue) -> bool:
    """Only what analysts and peers wrote is learned, whatever an engine says (reliability, promise 6)."""
    helpers = {m.id for m in dialogue.messages if m.role in (Role.ANALYST, Role.PEER)}
    return bool(found.message_ids) and helpers.issuperset(found.message_ids)
