"""What people click on a card: durable, then the reply; the effect follows in ``work``."""

from __future__ import annotations

from dataclasses import dataclass

from vigilbot.delivery import Delivery
from vigilbot.domain import Event, Outcome, Role
from vigilbot.learning.lessons import Lessons
from vigilbot.ledger import Ledger, Runs
from vigilbot.ports import Clock, Row
from vigilbot.roles import Roles


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the person who clicked sees, and whether it took."""

    text: str
    taken: bool


ACCEPT, WITHDRAW = "accept", "withdraw"  # kinds of feedback
OLD_CARD = Reply(text="This card is from another installation or an older version.", taken=False)


class Clicks:
    """Who may do what with a card, and what it does."""

    def __init__(
        self, *, ledger: Ledger, roles: Roles, lessons: Lessons, delivery: Delivery, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._roles = roles
        self._lessons = lessons
        self._delivery = delivery
        self._clock = clock

    async def accept(self, *, answer_id: str, clicked: Event) -> Reply:
        """``clicked`` carries who clicked; an analyst verifies, the asker says "solved for me"."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, question, role = found
        if role is not Role.ANALYST and clicked.user != question["asker"]:
            return Reply(text="Only the person who asked or an analyst can accept this answer.", taken=False)
        if answer["outcome"] == Outcome.WITHDRAWN:
            return Reply(text="This card was withdrawn.", taken=False)
        by = Role.ANALYST if role is Role.ANALYST else Role.CUSTOMER
        if not await self._take(answer, clicked, role=by, kind=ACCEPT):
            return Reply(text="Your Accept is recorded already.", taken=False)
        return Reply(text="Thank you: recorded.", taken=True)

    async def withdraw(self, *, answer_id: str, clicked: Event) -> Reply:
        """An analyst takes the card away. What it leaned on stays as it is."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, _, role = found
        if role is not Role.ANALYST:
            return Reply(text="Only an analyst can withdraw this card.", taken=False)
        if not await self._take(answer, clicked, role=Role.ANALYST, kind=WITHDRAW):
            return Reply(text="This card was withdrawn already.", taken=False)
        return Reply(text="Withdrawn. What it was learned from stays as it is.", taken=True)

    async def apply(self) -> int:
        """The effects of clicks not applied yet; returns how many."""
        rows = await self._ledger.runs.owed_feedback()
        for feedback in rows:
            if feedback["kind"] == WITHDRAW:
                await self._lessons.withdraw(feedback)
                await self._delivery.take_down(feedback["answer"])
            else:
                await self._lessons.accept(feedback)
                await self._delivery.show_accepted(feedback["answer"])
        return len(rows)

    async def _clicked_on(self, answer_id: str, clicked: Event) -> tuple[Row, Row, Role] | None:
        """Answer, question, and the clicker's role; None for what another tenant was told, or nobody."""
        answer = await self._ledger.runs.answer(answer_id)
        if answer is None or answer["tenant"] != clicked.tenant:
            return None
        question = await self._ledger.runs.question(answer["question"])
        if question is None:
            return None
        return answer, question, self._roles.of(clicked, thread_author=question["asker"]).role

    async def _take(self, answer: Row, clicked: Event, *, role: Role, kind: str) -> bool:
        """Durable when it returns; False when this person's click is known."""
        [rows] = await self._ledger.write(
            Runs.put_feedback(
                tenant=answer["tenant"],
                answer=answer["id"],
                actor=clicked.user,
                role=role.value,
                kind=kind,
                at=self._clock.now(),
            )
        )
        return bool(rows)
