"""THE FLOW: event -> on-call -> pipeline -> decision -> card -> feedback -> knowledge.

Two independent halves read the same ledger: ``ingest`` takes events in and never waits for a model;
``work`` runs whatever is due (runs, deliveries, learning, closing). Were they one, an analyst's
reply would wait behind a running pipeline and the re-check at sending could never see it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vigilbot.autonomy.gate import Gate
from vigilbot.clicks import Clicks
from vigilbot.commands import closing, unread
from vigilbot.delivery import Delivery
from vigilbot.domain import Event, Message, Mode, OnCallState, QuestionState
from vigilbot.errors import EngineError, LedgerError
from vigilbot.intake import Intake
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.common import Common
from vigilbot.learning.documents import Documents
from vigilbot.learning.lessons import Lessons
from vigilbot.learning.standing import Standing
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import moment, stamp, to_question
from vigilbot.logs import cause
from vigilbot.oncalls import INACTIVITY, OnCalls
from vigilbot.pipeline import Pipeline, Place, Trace
from vigilbot.ports import Clock, Directory, Row, Statement
from vigilbot.record import Recorder, RunFacts, acts_in, run_id, sent_cards, silence
from vigilbot.roles import Roles
from vigilbot.turns import AT_ONCE, Turns
from vigilbot.usage import meter, metered

log = logging.getLogger("vigilbot")


@dataclass(frozen=True, kw_only=True, slots=True)
class BotRules:
    """``latency`` is the virtual time one run takes (replay); zero when time is real."""

    card_gap: timedelta
    stale: timedelta
    scope: str
    mode_internal: Mode
    mode_external: Mode
    latency: timedelta = timedelta(0)
    accept: str = "analyst_and_asker"  # who may: or ``analyst``
    calls_per_run: int = 0  # of language models, for one run or lesson; 0: no limit
    at_once: int = AT_ONCE  # runs of different on-calls side by side


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
        directory: Directory | None = None,
        documents: Documents | None = None,
        common: Common | None = None,
    ) -> None:
        self.ledger = ledger
        self.knowledge = knowledge
        self.pipeline = pipeline
        self.delivery = delivery
        self.clicks = Clicks(
            ledger=ledger,
            roles=roles,
            lessons=lessons,
            delivery=delivery,
            clock=clock,
            accept=rules.accept,
            stale=rules.stale,
        )
        self._oncalls = oncalls
        self._gate = gate
        self._lessons = lessons
        self._standing = standing
        self._documents = documents
        self._common = common
        self._clock = clock
        self._rules = rules
        self._spaces_of = spaces_of
        self._sending: set[str] = set()  # keys of cards on their way
        self._turns = Turns(ledger=ledger, clock=clock, calls=rules.calls_per_run, at_once=rules.at_once)
        self._changing = asyncio.Lock()  # an on-call, from reading its row to writing it
        self._intake = Intake(
            ledger=ledger,
            oncalls=oncalls,
            lessons=lessons,
            directory=directory,
            documents=documents,
            clock=clock,
            changing=self._changing,
        )
        self._recorder = Recorder(
            gate=gate, card_gap=rules.card_gap, stale=rules.stale, latency=rules.latency
        )

    # -- ingest

    async def receive(self, event: Event) -> bool:
        """Durable before it returns; False for a duplicate. The adapter acknowledges after it."""
        return await self._intake.receive(event)

    async def ingest(self) -> int:
        """Turns inbox rows into messages of on-calls, in order; returns how many."""
        return await self._intake.ingest()

    async def command(self, oncall_id: str, word: str, *, helper: bool) -> dict[str, object] | None:
        """``close``, ``quiet``, ``resume`` or ``reopen``, durable when it returns what changed.

        Empty: it was so already. None: this is not for somebody who is no ``helper`` (an analyst, peer or
        operator) to say. Raises LedgerError for an on-call that is not there.
        """
        async with self._changing:
            row = await self.ledger.chats.oncall_row(oncall_id)
            if row is None:
                raise LedgerError(f"no on-call {oncall_id}")
            changes = await self._oncalls.commanded(row, word, at=self._clock.now(), helper=helper)
            if changes:
                await self.ledger.write(Chats.change_oncall(row["id"], **changes))
        return changes

    # -- work

    async def work(self) -> int:
        """One pass over everything due now, in the order of the flow; returns how much was done."""
        return await self._turns.each("run", self._answered) + await self.rest()

    async def begin_runs(self, *, ended: Callable[[], None]) -> int:
        """Begins runs that are due and waits for none; with ``rest`` beside it, all that ``work`` does."""
        return await self._turns.begin(self.run, then=self._cards_of, ended=ended)

    async def finish_runs(self, *, wait: bool) -> None:
        """No run is under way after this: they come to their end, or are broken off without ``wait``."""
        await self._turns.finish(wait=wait)

    async def rest(self) -> int:
        """One pass over everything due now but runs, in the order of the flow."""
        done = await self._standing_due()
        done += await self.deliver()
        done += await self.clicks.apply()
        done += await self.delivery.refresh()
        done += await self._close_due()
        done += await self._turns.each("learn", self.learn)
        done += await self._intake.forget()
        if self._documents is not None:
            done += await self._documents.index()
        return done

    async def _answered(self, oncall: Row) -> None:
        """A run, and the cards of its on-call: nobody's card waits for somebody else's run."""
        await self.run(oncall)
        await self._cards_of(oncall)

    async def run(self, oncall: Row) -> None:
        """The pipeline for the customer messages of one on-call that no run has covered."""
        now = self._clock.now()
        dialogue = await self.ledger.chats.dialogue(oncall["id"])
        here = {m.id for m in dialogue.messages}  # not what was deleted a moment ago
        waiting = [m for m in await self.ledger.chats.uncovered(oncall["id"]) if m.id in here]
        held = await self.ledger.chats.held(oncall["id"]) if oncall["state"] == OnCallState.OPEN else {}
        newest = [m for m in waiting if held.get(m.id, now) <= now]
        then = min((held[m.id] for m in waiting if m not in newest), default=None)
        cleared = (
            Chats.timer_done(oncall["id"], "run", was=oncall["run_at"], then=then),
            Chats.change_oncall(oncall["id"], run_attempts=0, last_error=""),
        )
        channel = await self.channel(oncall)
        if not newest or oncall["state"] == OnCallState.WAITING or not acts_in(channel):
            await self.ledger.write(*cleared)
            return
        sent = await sent_cards(self.ledger, oncall["id"])
        place = self.place(channel, oncall["id"])
        trace = await self.pipeline.run(dialogue, newest, scope=self.scope(channel), place=place, sent=sent)
        key = run_id("customer", [m.id if m.version == 1 else f"{m.id}@{m.version}" for m in newest])
        statements = await self.record(
            key, oncall, trace, triggers=newest, now=now, too_late=self._too_late(oncall, now)
        )
        late = [q for q in trace.judged if q.addressed_by is not None]
        if late:  # the human was first: learn from it as if the question had been judged in time
            statements.append(Chats.learn_by(oncall["id"], now + self._lessons.delay))
        if oncall["state"] == OnCallState.CLOSED:
            statements.append(Chats.learn_by(oncall["id"], now))
        covered = Runs.cover({m.id: m.version for m in newest}, run=key, oncall=oncall["id"])
        gone = Chats.withdraw_deleted(oncall["id"])  # deleted while the run went on
        await self.ledger.write(*statements, *cleared, *covered, gone)

    async def record(
        self,
        key: str,
        oncall: Row,
        trace: Trace,
        *,
        triggers: Sequence[Message],
        now: datetime,
        standing: Row | None = None,
        purpose: str = "customer",
        too_late: str = "",
    ) -> list[Statement]:
        """One run as rows: what it saw, concluded and is about to say."""
        channel = await self.channel(oncall)
        facts = RunFacts(
            key=key,
            oncall=oncall,
            channel=channel,
            mode=self.mode(channel),
            purpose="standing" if standing else purpose,
            triggers=[m.id for m in triggers],
            versions={m.id: m.version for m in triggers if m.version > 1},
            askers={m.id: m.author for m in triggers},
            too_late=too_late,
            silent=silence(channel, now),
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
        done = 0
        for question in await self.ledger.runs.due_standing(now=now):
            if not await self._turns.claimed(question["oncall"]):
                continue
            done += 1
            try:
                with metered(self._rules.calls_per_run):
                    await self._stand(question, now=now)
            finally:
                await self._turns.release(question["oncall"])
        return done

    async def _stand(self, question: Row, *, now: datetime) -> None:
        cleared = Runs.change_question(question["id"], standing_at=None, last_error="")
        oncall = await self.ledger.chats.oncall_row(question["oncall"])
        gone = oncall is None or oncall["state"] != OnCallState.OPEN
        if oncall is None or gone or question["state"] != QuestionState.OPEN:
            await self.ledger.write(cleared)
            return
        channel = await self.channel(oncall)
        if not acts_in(channel):
            await self.ledger.write(cleared)
            return
        sent = await sent_cards(self.ledger, oncall["id"])
        try:
            dialogue = await self.ledger.chats.dialogue(oncall["id"])
            place = self.place(channel, oncall["id"])
            trace = await self.pipeline.again(dialogue, to_question(question), place=place, sent=sent)
        except LedgerError:
            raise
        except Exception as error:  # once more in a minute, then it waits for the next lesson
            known = isinstance(error, EngineError)
            log.warning("standing question %s failed: %s", question["id"], cause(error), exc_info=not known)
            again = None if question["last_error"] else stamp(now + timedelta(minutes=1))
            failed = Runs.change_question(
                question["id"], standing_at=again, last_error=str(error)[:500] if again else ""
            )
            await self.ledger.write(failed, *Runs.put_calls(meter().fresh(), oncall=oncall))
            return
        key = run_id("standing", [question["id"], str(question["standing_seq"])])
        statements = await self.record(key, oncall, trace, triggers=[], now=now, standing=question)
        await self.ledger.write(*statements, cleared)

    # -- delivery

    def _cards_of(self, oncall: Row) -> Awaitable[int]:
        return self.deliver(oncall=oncall["id"])

    async def deliver(self, *, oncall: str = "") -> int:
        """Sends what is due, of one on-call or of all; returns how much. No card is sent twice at a time."""
        rows = await self.ledger.runs.due_deliveries(now=self._clock.now(), oncall=oncall)
        rows = [row for row in rows if row["key"] not in self._sending]
        for row in rows:
            if row["key"] not in self._sending:
                self._sending.add(row["key"])
                try:
                    await self._send(row["key"])
                finally:
                    self._sending.discard(row["key"])
        return len(rows)

    async def _send(self, key: str) -> None:
        row = await self.ledger.runs.due_delivery(key)
        if row is None:  # sent by somebody else, in the moment since it was found
            return
        try:
            await self.delivery.deliver(row)
        except LedgerError:
            raise
        except Exception as error:  # one card that cannot be shown must not stop all others
            log.exception("card %s could not be prepared", key)
            await self.delivery.failed(row, error)

    # -- closing and learning

    async def _close_due(self) -> int:
        now = self._clock.now()
        rows = await self.ledger.chats.due_oncalls("close", now=now)
        for due in rows:
            async with self._changing:  # a message may have come in since
                row = await self.ledger.chats.oncall_row(due["id"])
                if row is None or row["close_at"] != due["close_at"]:
                    continue
                asked = await unread(self.ledger.chats, row)
                changes = closing(now, INACTIVITY, asked=asked)
                await self.ledger.write(Chats.change_oncall(row["id"], **changes))
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
                everybody = await self._common.share(oncall["tenant"], taught) if self._common else []
                await self._standing.wake(
                    tenant=oncall["tenant"], taught=[*taught, *everybody], but=oncall["id"]
                )
        await self.ledger.write(
            Chats.timer_done(oncall["id"], "learn", was=oncall["learn_at"], then=later),
            *([Chats.change_oncall(oncall["id"], learn_attempts=0)] if oncall["learn_attempts"] else []),
        )

    async def taught(self, tenant: str, entries: Sequence[str]) -> None:
        """Somebody has made these entries visible to others: questions that wait may have their answer."""
        await self._standing.wake(tenant=tenant, taught=entries)

    # -- what applies in a channel

    async def oncall_of(self, event: Event) -> Row | None:
        """The on-call an event would belong to; None where there is none."""
        return await self._oncalls.find(event)

    @property
    def calls_per_run(self) -> int:
        """How often one piece of work may ask language models; 0: no limit."""
        return self._rules.calls_per_run

    @property
    def stale(self) -> timedelta:
        """A question older than this gets no card."""
        return self._rules.stale

    async def channel(self, oncall: Row) -> Row:
        row = await self.ledger.chats.channel(oncall["tenant"], oncall["channel"])
        if row is None:
            raise LedgerError(f"channel {oncall['channel']} of on-call {oncall['id']} is not in the ledger")
        return row

    def mode(self, channel: Row) -> Mode:
        """Between the bot and one person of its own company there is nobody to show a draft to."""
        if channel["mode"]:
            return Mode(channel["mode"])
        if channel["direct"] and not channel["external"]:
            return Mode.EVERYONE
        return self._rules.mode_external if channel["external"] else self._rules.mode_internal

    def scope(self, channel: Row) -> str:
        return str(channel["scope"] or self._rules.scope)

    def place(self, channel: Row, oncall: str = "") -> Place:
        tenant, name = channel["tenant"], channel["channel"]
        return Place(tenant=tenant, channel=name, spaces=self._spaces_of(channel), oncall=oncall)
