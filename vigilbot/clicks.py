"""What people click on a card: durable, then the reply; the effect follows in ``work``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vigilbot.delivery import Delivery, Obstacle
from vigilbot.domain import Decision, DeliveryState, Event, Outcome, Role
from vigilbot.errors import LedgerError
from vigilbot.learning.lessons import Lessons
from vigilbot.ledger import DeadLetters, Ledger, Letter, Runs
from vigilbot.ledger.rows import moment, stamp
from vigilbot.logs import cause
from vigilbot.ports import Clock, Row, Statement
from vigilbot.record import delivery_key, purpose_of
from vigilbot.roles import Roles

log = logging.getLogger("vigilbot")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the person who clicked sees, and whether it took.

    ``over``: the private prompt that was clicked on has no further use. ``refused``: this person may not.
    """

    text: str
    taken: bool
    over: bool = False
    refused: bool = False


ACCEPT, TAKE_BACK, WITHDRAW = "accept", "take_back", "withdraw"
POST, EDIT, DISMISS = "post", "edit", "dismiss"
"""Kinds of feedback."""
TAKEN_BACK_WITHIN = timedelta(minutes=10)
NOT_KEPT = Reply(text="This is too long ago: what was asked here is not kept any more.", taken=False)
OLD_CARD = Reply(
    text="This card is from another installation or an older version.", taken=False, refused=True
)


def standing_accepts(feedback: Sequence[Row]) -> list[Row]:
    """Every Accept that was not taken back, in the order of the clicks."""
    taken_back = {(row["actor"], row["subject"]) for row in feedback if row["kind"] == TAKE_BACK}
    return [
        row for row in feedback if row["kind"] == ACCEPT and (row["actor"], row["subject"]) not in taken_back
    ]


class Clicks:
    """Who may do what with a card, and what it does.

    ``accept`` is ``analyst_and_asker`` or ``analyst``. A draft that an analyst posts is of use for
    another ``stale``.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        roles: Roles,
        lessons: Lessons,
        delivery: Delivery,
        clock: Clock,
        accept: str,
        stale: timedelta,
    ) -> None:
        self._ledger = ledger
        self._roles = roles
        self._lessons = lessons
        self._delivery = delivery
        self._clock = clock
        self._accept = accept
        self._stale = stale
        self._deciding = asyncio.Lock()  # from what others clicked to this click

    # -- a card everybody sees

    async def accept(self, *, answer_id: str, clicked: Event) -> Reply:
        """``clicked`` carries who clicked; an analyst verifies, the asker says "solved for me"."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, question, role = found
        asker = clicked.user == question["asker"]
        if role is not Role.ANALYST and (not asker or self._accept == "analyst"):
            who = "An analyst" if self._accept == "analyst" else "Only the person who asked or an analyst"
            return Reply(text=f"{who} can accept this answer.", taken=False, refused=True)
        if answer["outcome"] == Outcome.WITHDRAWN:
            return Reply(text="This card was withdrawn.", taken=False)
        if not question["text"]:
            return NOT_KEPT
        async with self._deciding:
            before = await self._ledger.runs.feedback(answer_id)
            if any(row["actor"] == clicked.user for row in standing_accepts(before)):
                return Reply(text="Your Accept is recorded already.", taken=False)
            by = Role.ANALYST if role is Role.ANALYST else Role.CUSTOMER
            await self._take(answer, clicked, role=by, kind=ACCEPT, subject=_round(before, clicked.user))
        return Reply(
            text="Thank you: recorded. For ten minutes you can take it back in the card's menu.",
            taken=True,
        )

    async def take_back(self, *, answer_id: str, clicked: Event) -> Reply:
        """For ten minutes the one who accepted, an operator always."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, _, role = found
        operator = self._roles.is_operator(clicked)
        async with self._deciding:
            before = await self._ledger.runs.feedback(answer_id)
            standing = standing_accepts(before)
            own = [row for row in standing if row["actor"] == clicked.user]
            if not standing:
                return Reply(text="Nobody's Accept stands on this card.", taken=False)
            if not own and not operator:
                return Reply(
                    text="Only who accepted, or an operator, can take it back.", taken=False, refused=True
                )
            meant = (own or standing)[-1]
            late = self._clock.now() - moment(meant["at"]) > TAKEN_BACK_WITHIN
            if late and not operator:
                return Reply(
                    text="The ten minutes for taking it back are over; ask an operator.", taken=False
                )
            await self._ledger.write(
                Runs.put_feedback(
                    tenant=answer["tenant"],
                    answer=answer["id"],
                    actor=meant["actor"],
                    role=role.value,
                    kind=TAKE_BACK,
                    subject=meant["subject"],
                    at=self._clock.now(),
                ),
                *self._audit(answer, clicked, "take back an Accept"),
            )
        return Reply(text="Taken back.", taken=True)

    async def withdraw(self, *, answer_id: str, clicked: Event) -> Reply:
        """An analyst takes the card away. What it leaned on stays as it is."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, _, role = found
        if role is not Role.ANALYST:
            return Reply(text="Only an analyst can withdraw this card.", taken=False, refused=True)
        gone = answer["outcome"] == Outcome.WITHDRAWN  # deleted by hand
        if gone or not await self._take(answer, clicked, role=Role.ANALYST, kind=WITHDRAW):
            return Reply(text="This card was withdrawn already.", taken=False)
        return Reply(text="Withdrawn. What it was learned from stays as it is.", taken=True)

    # -- a draft that analysts see

    async def draft(self, *, answer_id: str, clicked: Event) -> tuple[Row, Row] | Reply:
        """The answer and question of a draft that this person may post now, else why not."""
        found = await self._clicked_on(answer_id, clicked)
        if found is None:
            return OLD_CARD
        answer, question, role = found
        if role is not Role.ANALYST:
            return Reply(text="Only an analyst can decide about this draft.", taken=False, refused=True)
        decided = await self._decided(answer)
        if not decided and not answer["text"]:
            return NOT_KEPT
        return Reply(text=decided, taken=False, over=True) if decided else (answer, question)

    async def post(self, *, answer_id: str, clicked: Event, text: str | None = None) -> Reply:
        """The draft goes out for everybody, in the analyst's words where ``text`` gives others."""
        async with self._deciding:
            found = await self.draft(answer_id=answer_id, clicked=clicked)
            if isinstance(found, Reply):
                return found
            answer, question = found
            draft = await self._ledger.runs.delivery(answer=answer_id)
            oncall = await self._ledger.chats.oncall_row(answer["oncall"])
            if draft is None or oncall is None:
                return OLD_CARD
            now = self._clock.now()
            stale_at = stamp(now + self._stale)
            obstacle = await self._delivery.obstacle({**draft, "stale_at": stale_at}, answer, oncall)
            if obstacle is not None:
                return Reply(text=_spoken(obstacle), taken=False, over=True)
            purpose = purpose_of(draft["key"])
            posted = Runs.put(
                "deliveries",
                key=delivery_key(answer["run"], question["id"], purpose, Decision.EVERYONE.value),
                tenant=answer["tenant"],
                oncall=answer["oncall"],
                answer=answer["id"],
                audience=Decision.EVERYONE.value,
                state=DeliveryState.DUE.value,
                due_at=stamp(now),
                stale_at=stale_at,
                text=text,
                posted_by=clicked.user,
            )
            kind = POST if text is None else EDIT
            await self._ledger.write(posted, self._feedback(answer, clicked, role=Role.ANALYST, kind=kind))
        return Reply(text="Posted for everybody, in your name.", taken=True, over=True)

    async def dismiss(self, *, answer_id: str, clicked: Event) -> Reply:
        async with self._deciding:
            found = await self.draft(answer_id=answer_id, clicked=clicked)
            if isinstance(found, Reply):
                return found
            await self._take(found[0], clicked, role=Role.ANALYST, kind=DISMISS)
        return Reply(text="Dismissed. Nothing was posted.", taken=True, over=True)

    async def _decided(self, answer: Row) -> str:
        """What became of a draft already, in words; "" when it still waits for a decision."""
        for row in await self._ledger.runs.feedback(answer["id"]):
            if row["kind"] in (POST, EDIT, DISMISS):
                who = row["actor_name"] or "An analyst"
                did = "dismissed this draft" if row["kind"] == DISMISS else "has posted this answer"
                return f"{who} {did} already."
        if answer["outcome"] == Outcome.WITHDRAWN:
            return "This draft was dismissed already."
        return ""

    # -- effects

    async def apply(self) -> int:
        """The effects of clicks not applied yet; returns how many were looked at.

        A click that fails is tried again later; what was clicked on the same card after it waits for it.
        """
        rows = await self._ledger.runs.owed_feedback(now=self._clock.now())
        waiting: set[str] = set()  # answers
        for feedback in rows:
            if feedback["answer"] in waiting:
                continue
            try:
                await self._apply(feedback)
            except LedgerError:
                raise
            except Exception as error:  # one click that cannot be applied must not stop all other work
                waiting.add(feedback["answer"])
                await self._failed(feedback, error)
        return len(rows)

    async def _apply(self, feedback: Row) -> None:
        if feedback["kind"] in (WITHDRAW, DISMISS):
            await self._lessons.withdraw(feedback)
        elif feedback["kind"] in (POST, EDIT):
            await self._lessons.posted(feedback)
        else:
            every = await self._ledger.runs.feedback(feedback["answer"])
            applied = [r for r in every if r["applied_at"] or r["id"] == feedback["id"]]
            standing = standing_accepts(applied)
            if feedback["kind"] == TAKE_BACK:
                await self._lessons.take_back(feedback, standing=standing)
            else:
                await self._lessons.accept(feedback, standing=standing)

    async def _failed(self, feedback: Row, error: Exception) -> None:
        log.warning("click %s had no effect yet: %s", feedback["id"], cause(error), exc_info=True)
        now = self._clock.now()
        due = now + timedelta(seconds=10 * 2 ** (feedback["attempts"] + 1))
        await self._ledger.write(
            Runs.feedback_failed(feedback["id"], due=due, error=cause(error)),
            DeadLetters.put(Letter.CLICK, feedback["id"], at=now),
        )

    async def clicker(self, *, answer_id: str, clicked: Event) -> tuple[Row, Role] | None:
        """The answer that was clicked on and what the clicker is there; None for what was told elsewhere."""
        found = await self._clicked_on(answer_id, clicked)
        return (found[0], found[2]) if found else None

    async def _clicked_on(self, answer_id: str, clicked: Event) -> tuple[Row, Row, Role] | None:
        """Answer, question, and the clicker's role; None for what was told elsewhere, or nowhere.

        Elsewhere is another tenant, and another channel where the click came from one.
        """
        answer = await self._ledger.runs.answer(answer_id)
        if answer is None or answer["tenant"] != clicked.tenant:
            return None
        oncall = await self._ledger.chats.oncall_row(answer["oncall"])
        if oncall is None or clicked.channel not in ("", oncall["channel"]):
            return None
        question = await self._ledger.runs.question(answer["question"])
        if question is None:
            return None
        return answer, question, self._roles.of(clicked, thread_author=question["asker"]).role

    async def _take(self, answer: Row, clicked: Event, *, role: Role, kind: str, subject: str = "") -> bool:
        """Durable when it returns; False when this person's click is known."""
        [rows] = await self._ledger.write(
            self._feedback(answer, clicked, role=role, kind=kind, subject=subject)
        )
        return bool(rows)

    def _feedback(
        self, answer: Row, clicked: Event, *, role: Role, kind: str, subject: str = ""
    ) -> Statement:
        return Runs.put_feedback(
            tenant=answer["tenant"],
            answer=answer["id"],
            actor=clicked.user,
            actor_name=clicked.user_name,
            role=role.value,
            kind=kind,
            subject=subject,
            at=self._clock.now(),
        )

    def _audit(self, answer: Row, clicked: Event, action: str) -> list[Statement]:
        values: Mapping[str, object] = {
            "tenant": answer["tenant"],
            "at": stamp(self._clock.now()),
            "actor": clicked.user,
            "action": action,
            "subject": answer["id"],
        }
        return [Runs.put("audit", **values)]


def _round(feedback: Sequence[Row], user: str) -> str:
    """Which of somebody's Accepts on a card this is: "" for the first, else how many were taken back."""
    before = sum(1 for row in feedback if row["kind"] == TAKE_BACK and row["actor"] == user)
    return str(before) if before else ""


def _spoken(obstacle: Obstacle) -> str:
    """Why a draft cannot be posted, for the analyst who wanted to."""
    if obstacle.outcome is Outcome.BEATEN or obstacle.why == "the question is resolved":
        return "This question was answered by a human meanwhile. Nothing was posted."
    return f"Nothing was posted: {obstacle.why}."
