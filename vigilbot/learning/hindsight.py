"""Questions recognised only by their answer.

Many customers state a trouble and ask nothing, and identification then sees no question. When an
analyst resolves it with a source nevertheless, it was one: the pair is worth as much as any other.
"""

from __future__ import annotations

from vigilbot.domain import Dialogue, QuestionState, Role, Scope
from vigilbot.knowledge import Origin
from vigilbot.learning.backing import teaches
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import pack, stamp
from vigilbot.ports import Engine

RUN = "hindsight"  # stands where other questions name the run that identified them


class Hindsight:
    """``scoped``: the operator stated a scope, so what was judged out of it stays out."""

    def __init__(self, *, engine: Engine, ledger: Ledger, scoped: bool) -> None:
        self._engine = engine
        self._ledger = ledger
        self._scoped = scoped

    async def look(self, dialogue: Dialogue, *, origin: Origin) -> bool:
        """Records the customer's words as a question if an analyst's resolution cites a source.

        Each look that asked the engine is counted in ``oncalls.looks``.
        """
        asked = [m for m in dialogue.messages if m.role is Role.CUSTOMER]
        if not asked or not any(m.role is Role.ANALYST and m.at > asked[0].at for m in dialogue.messages):
            return False
        if self._scoped and await self._out_of_scope(origin.oncall):
            return False
        looked = Chats.looked(origin.oncall)
        questions = await self._engine.rewrite(dialogue, asked)
        for question in questions[:1]:
            found = await self._engine.extract(dialogue, question)
            sourced = [each for each in found if any(c.url for c in each.citations)]
            if not any([await teaches(each, self._ledger, origin=origin) for each in sourced]):
                continue
            await self._ledger.write(
                looked,
                Runs.put(
                    "questions",
                    id=f"{origin.oncall}#{RUN}",
                    tenant=origin.tenant,
                    oncall=origin.oncall,
                    run=RUN,
                    space=origin.space,
                    text=question.text,
                    terms=pack(list(question.terms)),
                    message_ids=pack(list(question.message_ids)),
                    asker=asked[0].author,
                    asked_at=stamp(asked[0].at),
                    state=QuestionState.OPEN.value,
                ),
            )
            return True
        await self._ledger.write(looked)
        return False

    async def _out_of_scope(self, oncall: str) -> bool:
        rows = await self._ledger.fetch(
            "SELECT 1 FROM runs WHERE oncall = :oncall AND scope = :scope LIMIT 1",
            oncall=oncall,
            scope=Scope.OUT.value,
        )
        return bool(rows)
