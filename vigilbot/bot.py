"""THE FLOW: event -> on-call -> pipeline -> decision -> card -> feedback -> knowledge.

Two independent halves read the same ledger: ``ingest`` takes events in and never waits for a model;
``work`` runs whatever is due (runs, deliveries, learning, closing). Were they one, an analyst's
reply would wait behind a running pipeline and the re-check at sending could never see it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigilbot.autonomy.gate import Gate
from vigilbot.delivery import Delivery
from vigilbot.domain import (
    Event,
    Message,
    Mode,
    OnCallState,
    Outcome,
    QuestionState,
    Role,
)
from vigilbot.errors import EngineError, LedgerError
from vigilbot.knowledge import Knowledge
from vigilbot.learning.lessons import Lessons
from vigilbot.learning.standing import Standing
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import moment, stamp, to_oncall, to_question, unpack_event
from vigilbot.oncalls import OnCalls, closing, unread
from vigilbot.pipeline import Pipeline, Place, Trace
from vigilbot.ports import Clock, Row, Statement
from vigilbot.record import Recorder, RunFacts, run_id, sent_cards
from vigilbot.roles import Roles
from vigilbot.usage import meter, metered

log = logging.getLogger("vigilbot")

LEASE = timedelta(minutes=10)
INBOX_TRIES = 5
RUN_TRIES = 3
LEARN_TRIES = 12  # the waits double, to 5 hours: a lesson may wait for a model that is away for half a day
SEND_TRIES = 6
"""Attempts before a piece of work is given up and said so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BotRules:
    """``latency`` is the virtual time one run takes (replay); zero when time is real."""

    card_gap: timedelta
    stale: timedelta
    scope: str
    mode_internal: Mode
    mode_external: Mode
    latency: timedelta = timedelta(0)
    calls_per_run: int = 0  # of language models, for one run or lesson; 0: no limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What the person who clicked sees, and whether it took."""

    text: str
    taken: bool


ACCEPT, WITHDRAW = "accept", "withdraw"  # kinds of feedback
OLD_CARD = Reply(text="This card is from another installation or an older version.", taken=False)


class Bot:
    """One bot on one ledger. Every part comes from the composition root."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        oncalls: OnCalls,
        roles: Roles,
        pipeline: Pipeline,
        gate: Gate,
        knowledge: Knowledge,
        lessons: Lessons,
        standing: Standing,
        delivery: Delivery,
        clock: Clock,
        rules: BotRules,
        spaces_of: Callable[[Row], tuple[str, ...]],
    ) -> None:
        self.ledger = ledger
        self.knowledge = knowledge
        self.pipeline = pipeline
        self._oncalls = oncalls
        self._roles = roles
        self._gate = gate
        self._lessons = lessons
        self._standing = standing
        self._delivery = delivery
        self._clock = clock
        self._rules = rules
        self._spaces_of = spaces_of
        self._recorder = Recorder(
            gate=gate, card_gap=rules.card_gap, stale=rules.stale, latency=rules.latency
        )

    # -- ingest

    async def receive(self, event: Event) -> bool:
        """Durable before it returns; False for a duplicate. The adapter acknowledges after it."""
        return await self.ledger.chats.receive(event, at=self._clock.now())

    async def ingest(self) -> int:
        """Turns inbox rows into messages of on-calls, in order; returns how many."""
        rows = await self.ledger.chats.inbox(now=self._clock.now())
        for row in rows:
            try:
                event = unpack_event(row["body"])
                done = await self._oncalls.ingest(event)
                learned: list[Statement] = []
                if done.deleted or done.edited:  # first, so that a crash between leaves the event to do again
                    changed = done.deleted or done.edited
                    learned = await self._lessons.source_changed(changed, gone=bool(done.deleted))
                await self.ledger.write(*done.statements, *learned, Chats.inbox_done(row["id"]))
            except LedgerError:
                raise
            except Exception as error:  # one malformed event must not stop the intake of all others
                log.exception("inbox row %s could not be ingested", row["id"])
                tries = row["attempts"] + 1
                due = self._clock.now() + timedelta(seconds=2**tries)
                dead = tries >= INBOX_TRIES
                await self.ledger.write(Chats.inbox_failed(row["id"], due=due, error=repr(error), dead=dead))
        return len(rows)

    # -- work

    async def work(self) -> int:
        """One pass over everything due now, in the order of the flow; returns how much was done."""
        done = await self._each("run", self.run)
        done += await self._standing_due()
        done += await self._deliver_due()
        done += await self._apply_feedback()
        done += await self._close_due()
        done += await self._each("learn", self.learn)
        return done

    async def _each(self, kind: str, act: Callable[[Row], Awaitable[None]]) -> int:
        now = self._clock.now()
        rows = await self.ledger.chats.due_oncalls(kind, now=now)
        for row in rows:
            if not await self.ledger.chats.claim(row["id"], now=now, until=now + LEASE):
                continue
            fresh = await self.ledger.chats.oncall_row(row["id"]) or row
            with metered(self._rules.calls_per_run):
                try:
                    await act(fresh)
                except EngineError as error:
                    await self._failed(kind, fresh, error)
                finally:
                    released = Chats.change_oncall(row["id"], lease_until=None)
                    await self.ledger.write(released, *Runs.put_calls(meter().fresh(), oncall=fresh))
        return len(rows)

    async def _failed(self, kind: str, oncall: Row, error: EngineError) -> None:
        """The engine could not judge: try again later, a few times, then leave it to the humans."""
        log.warning("%s of %s failed: %s", kind, oncall["id"], error)
        tries = oncall["run_attempts"] + 1
        most = LEARN_TRIES if kind == "learn" else RUN_TRIES
        due = None if tries >= most else self._clock.now() + timedelta(seconds=10 * 2**tries)
        await self.ledger.write(
            Chats.timer_done(oncall["id"], kind, was=oncall[f"{kind}_at"], then=due),
            Chats.change_oncall(oncall["id"], run_attempts=tries if due else 0, last_error=str(error)[:500]),
        )

    async def run(self, oncall: Row) -> None:
        """The pipeline for the customer messages of one on-call that no run has covered."""
        now = self._clock.now()
        newest = await self.ledger.chats.uncovered(oncall["id"])
        cleared = (
            Chats.timer_done(oncall["id"], "run", was=oncall["run_at"]),
            Chats.change_oncall(oncall["id"], run_attempts=0, hold_until=None, last_error=""),
        )
        if not newest or oncall["state"] == OnCallState.WAITING:
            await self.ledger.write(*cleared)
            return
        dialogue = await self.ledger.chats.dialogue(oncall["id"])
        channel = await self.channel(oncall)
        sent = await sent_cards(self.ledger, oncall["id"])
        trace = await self.pipeline.run(
            dialogue, newest, scope=self.scope(channel), place=self.place(channel), sent=sent
        )
        key = run_id("customer", [m.id if m.version == 1 else f"{m.id}@{m.version}" for m in newest])
        statements = await self._record(key, oncall, trace, triggers=newest, now=now)
        late = [q for q in trace.judged if q.addressed_by is not None]
        if late:  # the human was first: learn from it as if the question had been judged in time
            statements.append(Chats.learn_by(oncall["id"], now + self._lessons.delay))
        if oncall["state"] == OnCallState.CLOSED:
            statements.append(Chats.learn_by(oncall["id"], now))
        await self.ledger.write(*statements, *cleared, Runs.cover([m.id for m in newest], run=key))

    async def _record(
        self,
        key: str,
        oncall: Row,
        trace: Trace,
        *,
        triggers: Sequence[Message],
        now: datetime,
        standing: Row | None = None,
    ) -> list[Statement]:
        channel = await self.channel(oncall)
        facts = RunFacts(
            key=key,
            oncall=oncall,
            channel=channel,
            mode=self.mode(channel),
            triggers=[m.id for m in triggers],
            askers={m.id: m.author for m in triggers},
            too_late=self._too_late(oncall, now) if standing is None else "",
            sent=await self.ledger.runs.sent(oncall["id"]),
            now=now,
            engine=self.pipeline.engine,
            standing=standing,
            calls=meter().fresh(),
            fallbacks=tuple(meter().fallbacks),
        )
        return self._recorder.statements(trace, facts)

    def _too_late(self, oncall: Row, now: datetime) -> str:
        """Why an answer is of no use any more; "" when it is."""
        if oncall["state"] == OnCallState.CLOSED:
            return "the on-call was closed before"
        late = now - moment(oncall["run_at"]) if oncall["run_at"] else timedelta(0)
        return f"{late} too late (cards.stale)" if late > self._rules.stale else ""

    async def _standing_due(self) -> int:
        """Questions still waiting, for which another on-call has just taught something."""
        now = self._clock.now()
        rows = await self.ledger.runs.due_standing(now=now)
        for question in rows:
            with metered(self._rules.calls_per_run):
                await self._stand(question, now=now)
        return len(rows)

    async def _stand(self, question: Row, *, now: datetime) -> None:
        cleared = Runs.change_question(question["id"], standing_at=None, last_error="")
        oncall = await self.ledger.chats.oncall_row(question["oncall"])
        gone = oncall is None or oncall["state"] != OnCallState.OPEN
        if oncall is None or gone or question["state"] != QuestionState.OPEN:
            await self.ledger.write(cleared)
            return
        channel = await self.channel(oncall)
        sent = await sent_cards(self.ledger, oncall["id"])
        try:
            trace = await self.pipeline.again(
                await self.ledger.chats.dialogue(oncall["id"]),
                to_question(question),
                place=self.place(channel),
                sent=sent,
            )
        except EngineError as error:  # once more in a minute, then it waits for the next lesson
            log.warning("standing question %s failed: %s", question["id"], error)
            again = None if question["last_error"] else stamp(now + timedelta(minutes=1))
            failed = Runs.change_question(
                question["id"], standing_at=again, last_error=str(error)[:500] if again else ""
            )
            await self.ledger.write(failed, *Runs.put_calls(meter().fresh(), oncall=oncall))
            return
        key = run_id("standing", [question["id"], str(question["standing_seq"])])
        statements = await self._record(key, oncall, trace, triggers=[], now=now, standing=question)
        await self.ledger.write(*statements, cleared)

    # -- delivery

    async def _deliver_due(self) -> int:
        rows = await self.ledger.runs.due_deliveries(now=self._clock.now())
        for row in rows:
            await self._delivery.deliver(row)
        return len(rows)

    # -- feedback

    async def accept(self, *, answer_id: str, clicked: Event) -> Reply:
        """A click on Accept: durable, then the reply; its effect follows in ``work``.

        ``clicked`` carries who clicked; an analyst verifies, the asker says "solved for me".
        """
        answer, question = await self._clicked_on(answer_id)
        if answer is None or question is None:
            return OLD_CARD
        found = self._roles.of(clicked, thread_author=question["asker"])
        if found.role is not Role.ANALYST and clicked.user != question["asker"]:
            return Reply(text="Only the person who asked or an analyst can accept this answer.", taken=False)
        if answer["outcome"] == Outcome.WITHDRAWN:
            return Reply(text="This card was withdrawn.", taken=False)
        role = Role.ANALYST if found.role is Role.ANALYST else Role.CUSTOMER
        if not await self._take(answer, clicked, role=role, kind=ACCEPT):
            return Reply(text="Your Accept is recorded already.", taken=False)
        return Reply(text="Thank you: recorded.", taken=True)

    async def withdraw(self, *, answer_id: str, clicked: Event) -> Reply:
        """An analyst takes the card away. What it leaned on stays as it is."""
        answer, question = await self._clicked_on(answer_id)
        if answer is None or question is None:
            return OLD_CARD
        found = self._roles.of(clicked, thread_author=question["asker"])
        if found.role is not Role.ANALYST:
            return Reply(text="Only an analyst can withdraw this card.", taken=False)
        if not await self._take(answer, clicked, role=Role.ANALYST, kind=WITHDRAW):
            return Reply(text="This card was withdrawn already.", taken=False)
        return Reply(text="Withdrawn. What it was learned from stays as it is.", taken=True)

    async def _clicked_on(self, answer_id: str) -> tuple[Row | None, Row | None]:
        answer = await self.ledger.runs.answer(answer_id)
        return answer, await self.ledger.runs.question(answer["question"]) if answer else None

    async def _take(self, answer: Row, clicked: Event, *, role: Role, kind: str) -> bool:
        """Durable when it returns; False when this person's click is known."""
        [rows] = await self.ledger.write(
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

    async def _apply_feedback(self) -> int:
        rows = await self.ledger.runs.owed_feedback()
        for feedback in rows:
            if feedback["kind"] == WITHDRAW:
                await self._lessons.withdraw(feedback)
                await self._delivery.take_down(feedback["answer"])
            else:
                await self._lessons.accept(feedback)
                await self._delivery.show_accepted(feedback["answer"])
        return len(rows)

    # -- closing and learning

    async def _close_due(self) -> int:
        now = self._clock.now()
        rows = await self.ledger.chats.due_oncalls("close", now=now)
        for row in rows:
            asked = await unread(self.ledger.chats, row)
            await self.ledger.write(Chats.change_oncall(row["id"], **closing(now, "inactivity", asked=asked)))
        return len(rows)

    async def learn(self, oncall: Row) -> None:
        """Extraction and review of one on-call; what it taught may answer others that wait.

        The timer is cleared last: after a crash between, all of it is done again.
        """
        try:
            later = await self._lessons.learn(oncall)
        finally:  # also of a lesson that broke off: what it taught before that counts
            taught = await self.ledger.entries.taught_since(oncall["id"], oncall["learn_at"])
            if taught:
                await self._standing.wake(to_oncall(oncall), taught)
        await self.ledger.write(
            Chats.timer_done(oncall["id"], "learn", was=oncall["learn_at"], then=later),
            *([Chats.change_oncall(oncall["id"], run_attempts=0)] if oncall["run_attempts"] else []),
        )

    # -- what applies in a channel

    async def channel(self, oncall: Row) -> Row:
        row = await self.ledger.chats.channel(oncall["tenant"], oncall["channel"])
        if row is None:
            raise LedgerError(f"channel {oncall['channel']} of on-call {oncall['id']} is not in the ledger")
        return row

    def mode(self, channel: Row) -> Mode:
        if channel["mode"]:
            return Mode(channel["mode"])
        return self._rules.mode_external if channel["external"] else self._rules.mode_internal

    def scope(self, channel: Row) -> str:
        return str(channel["scope"] or self._rules.scope)

    def place(self, channel: Row) -> Place:
        return Place(tenant=channel["tenant"], channel=channel["channel"], spaces=self._spaces_of(channel))
