"""Events become messages of on-calls: the gate, bursts, holds, closing and reopening (Vigil 3.1).

Nothing here waits or runs a model. Every timer is a due time written to the ledger:
``run_at`` (customer messages nobody has judged yet), ``learn_at`` (extraction and review) and
``close_at`` (inactivity).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vigilbot.commands import SPOKEN, changed_by, closing, reopening, spoken_command, unread
from vigilbot.domain import Event, EventKind, Gate, Message, OnCallState, Role, Unit
from vigilbot.holds import Holds, Waiting
from vigilbot.ledger import Chats, Ledger, Requests, Runs
from vigilbot.ledger.chats import DELETED
from vigilbot.ledger.requests import ASKED
from vigilbot.ledger.rows import moment, optional_moment, stamp
from vigilbot.ports import Row, Statement
from vigilbot.roles import Found, Roles

_ABOUT_KNOWN = (EventKind.EDITED, EventKind.DELETED)
"""What is told of messages the bot has, also where it does not listen any more."""
INACTIVITY = "inactivity"
"""Why an on-call closed that nobody closed."""
BURST_CAP = 4  # a burst is taken after this many quiet times at the latest


@dataclass(frozen=True, kw_only=True, slots=True)
class OnCallRules:
    """The timing of an on-call. Durations, not points in time."""

    unit: Unit
    gate: Gate
    grace: timedelta
    burst: timedelta
    inactivity: timedelta
    reopen: timedelta
    learn_delay: timedelta
    close_reactions: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ingested:
    """What one event changes, to be written at once, and what it touched."""

    statements: list[Statement] = field(default_factory=list)
    oncall: str = ""
    message: Message | None = None
    deleted: str = ""  # id of a message that is gone
    edited: str = ""  # id of a message whose text changed
    early: bool = False  # it is about a message that has not arrived yet


Confirms = Callable[[str], bool]  # the asker says that it worked


class OnCalls:
    """Turns events into ledger changes. ``space_of`` names the knowledge space of an event's channel."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roles: Roles,
        rules: OnCallRules,
        space_of: Callable[[Event], str],
        holds: Holds,
        confirms: Confirms,
    ) -> None:
        self._ledger = ledger
        self._chats = ledger.chats
        self._roles = roles
        self._rules = rules
        self.space_of = space_of
        self._holds = holds
        self._confirms = confirms

    async def ingest(self, event: Event, *, words: str = "") -> Ingested:
        """``words`` is what was said to the bot itself, without its name."""
        statements = [self._chats.put_channel(event, space=self.space_of(event))]
        if event.is_self:
            if event.kind is EventKind.MEMBER_JOINED:
                return Ingested(statements=[*statements, Chats.bot_joined(event)])
            if event.kind is EventKind.MEMBER_LEFT:
                return Ingested(statements=[*statements, Chats.bot_left(event)])
            return Ingested()
        asked = event.kind is EventKind.POSTED and event.addressed and not event.is_bot
        if asked:
            request = message_id(event.tenant, event.channel, event.ts)
            statements.append(Requests.put(replace(event, text=words), request=request))
        if asked and spoken_command(words):
            return Ingested(statements=statements)
        channel = await self._chats.channel(event.tenant, event.channel)
        if channel is not None and not channel["watched"] and event.kind not in _ABOUT_KNOWN:
            return Ingested(statements=statements)
        if event.kind is EventKind.POSTED:
            done = await self._posted(event)
        elif event.kind is EventKind.EDITED:
            done = await self._edited(event)
        elif event.kind is EventKind.DELETED:
            done = await self._deleted(event)
        elif event.kind in (EventKind.REACTION_ADDED, EventKind.REACTION_REMOVED, EventKind.COMMAND):
            done = await self._signalled(event)
        else:
            done = Ingested()
        return Ingested(
            statements=statements + done.statements,
            oncall=done.oncall,
            message=done.message,
            deleted=done.deleted,
            edited=done.edited,
            early=done.early,
        )

    async def _posted(self, event: Event) -> Ingested:
        row = await self.find(event)
        found = await self._role(event, row)
        message = Message(
            id=message_id(event.tenant, event.channel, event.ts),
            ts=event.ts,
            at=event.at,
            role=found.role,
            author=event.user,
            author_name=event.user_name,
            text=event.text,
            images=event.images,
            thread=event.thread,
        )
        statements: list[Statement] = []
        if row is None or self._starts_anew(row, event, found.role):
            oncall = self._new_id(event, taken=row is not None)
            statements.append(self._open(event, oncall))
            row = None
        else:
            oncall = row["id"]
        waiting = await self._waiting(row)
        customer = found.role is Role.CUSTOMER
        held = self._holds.held_with(message, waiting) if customer else None
        asked = event.addressed and found.role is not Role.BOT
        statements.append(
            self._chats.put_message(
                message,
                event=event,
                oncall=oncall,
                rule=found.rule,
                held_until=held,
                run=ASKED if asked else None,
            )
        )
        if event.channel_direct:
            statements.append(Chats.change_oncall(oncall, **self._private(message)))
        elif found.role is not Role.BOT:
            changes = self._effects(message, row, waiting, held)
            if found.role is Role.ANALYST:
                statements.append(Runs.wake_drafts(oncall, at=message.at))
            claimed = self._holds.claimed(message, waiting)
            if claimed:
                until = message.at + self._holds.span
                statements.append(Chats.hold([m.id for m in claimed], until=until))
                due = changes.get("run_at") or (row and row["run_at"])
                if due and not set(waiting.free(message.at)) - set(claimed):
                    changes["run_at"] = stamp(until)
            statements.append(Chats.change_oncall(oncall, **changes))
        return Ingested(statements=statements, oncall=oncall, message=message)

    async def _waiting(self, row: Row | None) -> Waiting:
        if row is None:
            return Waiting()
        return Waiting(
            messages=await self._chats.uncovered(row["id"]), held=await self._chats.held(row["id"])
        )

    async def find(self, event: Event) -> Row | None:
        """The on-call an event belongs to: its thread's newest, or its channel's."""
        if self._rules.unit is Unit.CHANNEL:
            return await self._chats.latest_oncall(event.tenant, event.channel)
        rows = await self._ledger.fetch(
            "SELECT * FROM oncalls WHERE tenant = :tenant AND channel = :channel AND thread = :thread "
            "ORDER BY opened_at DESC, id DESC LIMIT 1",
            tenant=event.tenant,
            channel=event.channel,
            thread=event.thread,
        )
        return rows[0] if rows else None

    async def _role(self, event: Event, row: Row | None) -> Found:
        author = event.user if event.ts == event.thread else event.thread_author
        if not author:
            root = await self._chats.message(message_id(event.tenant, event.channel, event.thread))
            author = root["author"] if root else (row["customer"] if row else "")
        return self._roles.of(event, thread_author=author)

    def _starts_anew(self, row: Row, event: Event, role: Role) -> bool:
        """A customer who comes back too late to reopen begins another on-call; in a channel, where silence
        is what divides one on-call from the next, whoever comes back after it."""
        closed = optional_moment(row["closed_at"])
        if row["state"] != OnCallState.CLOSED or closed is None:
            return False
        silence = self._rules.unit is Unit.CHANNEL and row["close_reason"] == INACTIVITY
        late = event.at - closed > self._rules.reopen
        return (silence or late) and role is Role.CUSTOMER

    def _new_id(self, event: Event, *, taken: bool) -> str:
        thread = f"{event.tenant}/{event.channel}/{event.thread}"
        if self._rules.unit is Unit.CHANNEL:
            return f"{event.tenant}/{event.channel}/{event.ts}"
        return f"{thread}#{event.ts}" if taken else thread

    def _open(self, event: Event, oncall: str) -> Statement:
        at_once = self._rules.gate is Gate.IMMEDIATELY
        return Chats.put_oncall(
            id=oncall,
            tenant=event.tenant,
            channel=event.channel,
            thread=event.thread if self._rules.unit is Unit.THREAD else event.ts,
            state=(OnCallState.OPEN if at_once else OnCallState.WAITING).value,
            opened_at=stamp(event.at),
            last_at=stamp(event.at),
            gate_reason="immediately" if at_once else "",
        )

    def _private(self, message: Message) -> dict[str, object]:
        """A direct message is answered as a request; nothing is judged or learned of its own accord."""
        return {
            "customer": message.author,
            "state": OnCallState.OPEN.value,
            "last_at": stamp(message.at),
            "close_at": stamp(message.at + self._rules.inactivity),
        }

    def _effects(
        self, message: Message, row: Row | None, waiting: Waiting, held: datetime | None
    ) -> dict[str, object]:
        """The on-call's columns after this person's message."""
        at = message.at if row is None else max(message.at, moment(row["last_at"]))  # it may have been late
        changes: dict[str, object] = {"last_at": stamp(at), "close_at": stamp(at + self._rules.inactivity)}
        if message.role is Role.CUSTOMER:
            changes |= self._customer_spoke(message, row, waiting, held)
        else:
            changes |= self._human_joined(message.at, f"{message.role.value} posted", row, waiting)
            if row is not None and row["customer"]:
                changes["learn_at"] = stamp(message.at + self._rules.learn_delay)
        closed = row is not None and row["state"] == OnCallState.CLOSED
        if closed and message.role is not Role.CUSTOMER:
            changes.pop("close_at")
        return changes

    def _customer_spoke(
        self, message: Message, row: Row | None, waiting: Waiting, held: datetime | None
    ) -> dict[str, object]:
        changes: dict[str, object] = {}
        if row is None or not row["customer"]:
            changes["customer"] = message.author
        state = self._state(row)
        if row is not None and row["state"] == OnCallState.CLOSED:
            changes |= {"state": state.value, "closed_at": None, "close_reason": ""}
        helped = row is not None and (row["learn_at"] or row["joined_at"])
        if helped and self._confirms(message.text):
            changes["learn_at"] = stamp(message.at)
        if state is OnCallState.OPEN and not (row and row["quiet"]):
            due = self._due(message, row, waiting, held)
            if due is not None:
                changes["run_at"] = stamp(due)
        return changes

    def _state(self, row: Row | None) -> OnCallState:
        """The state in which a customer's message finds the on-call; who comes back reopens a closed one,
        but not a gate that never was open."""
        if row is not None and row["state"] != OnCallState.CLOSED:
            return OnCallState(row["state"])
        joined = row is not None and row["joined_at"] is not None
        at_once = joined or self._rules.gate is Gate.IMMEDIATELY
        return OnCallState.OPEN if at_once else OnCallState.WAITING

    def _due(
        self, message: Message, row: Row | None, waiting: Waiting, held: datetime | None
    ) -> datetime | None:
        """When the run is due after a customer's message; None where it stays as it was."""
        at, rules = message.at, self._rules
        free = waiting.free(at)
        if held is not None:
            return None if free else held
        due = at + rules.burst
        if free and row is not None and row["run_at"]:
            due = min(due, max(at, free[0].at + BURST_CAP * rules.burst))
        if row is None:
            return max(due, at + rules.grace)
        if row["joined_at"] is None:
            return max(due, moment(row["opened_at"]) + rules.grace)
        return due

    def _human_joined(
        self, at: datetime, reason: str, row: Row | None, waiting: Waiting
    ) -> dict[str, object]:
        """The gate opens: customer messages not yet addressed are due at once."""
        if row is not None and row["joined_at"]:
            return {}
        changes: dict[str, object] = {"joined_at": stamp(at), "gate_reason": reason}
        opens = row is not None and row["state"] == OnCallState.WAITING
        if row is None or opens:
            changes["state"] = OnCallState.OPEN.value
        if opens and row is not None and not row["quiet"] and waiting.messages:
            changes["run_at"] = stamp(at)
        return changes

    async def _edited(self, event: Event) -> Ingested:
        row = await self._chats.message(message_id(event.tenant, event.channel, event.ts))
        if row is None:
            return Ingested(early=True)
        overtaken = (row["edited_at"] or "") > stamp(event.at)  # a later edit came first
        if row["deleted"] or overtaken or row["text"] == event.text:
            return Ingested()
        oncall = await self._chats.oncall_row(row["oncall"])
        answered = await self._ledger.fetch(
            "SELECT 1 FROM questions q, json_each(q.message_ids) m WHERE q.oncall = :oncall "
            "AND (q.state IN ('answered', 'resolved') OR EXISTS (SELECT 1 FROM answers a JOIN deliveries d "
            "ON d.answer = a.id WHERE a.question = q.id AND d.state = 'due' AND d.shown != '')) "
            "AND m.value = :message",
            oncall=row["oncall"],
            message=row["id"],
        )
        closed = oncall is None or oncall["state"] == OnCallState.CLOSED
        rerun = row["role"] == Role.CUSTOMER and not answered and not closed
        statements = [
            Chats.edit_message(row["id"], text=event.text, at=event.at),
            Runs.outdate_asked(row["id"], oncall=row["oncall"], at=event.at),
        ]
        if rerun:
            statements += Chats.ask_anew(row["id"], oncall=row["oncall"])
        if rerun and oncall is not None and oncall["state"] == OnCallState.OPEN and not oncall["quiet"]:
            statements.append(Chats.change_oncall(row["oncall"], run_at=stamp(event.at + self._rules.burst)))
        return Ingested(statements=statements, oncall=row["oncall"], edited=row["id"])

    async def _deleted(self, event: Event) -> Ingested:
        row = await self._chats.message(message_id(event.tenant, event.channel, event.ts))
        if row is None:
            return Ingested(early=True)
        if row["deleted"] == DELETED:
            return Ingested()
        statements = [
            Chats.delete_message(row["id"]),
            Chats.withdraw_deleted(row["oncall"]),
            Runs.outdate_asked(row["id"], oncall=row["oncall"], at=event.at),
        ]
        return Ingested(statements=statements, oncall=row["oncall"], deleted=row["id"])

    async def commanded(self, row: Row, word: str, *, at: datetime, helper: bool) -> dict[str, object] | None:
        """What a word said to the bot changes in an on-call; None where it is not this person's to say."""
        if word == "reopen" and helper:
            return reopening(row, self._state(row), close_at=at + self._rules.inactivity)
        return await changed_by(self._chats, row, word, at=at, helper=helper)

    async def _signalled(self, event: Event) -> Ingested:
        """A reaction or a command: joins, closes, quietens."""
        row = await self.find(event)
        if row is None:
            return Ingested()
        found = await self._role(event, row)
        helper = found.role in (Role.ANALYST, Role.PEER)
        waiting = await self._waiting(row)
        word = event.text.strip().casefold()
        changes: dict[str, object] = {}
        name = event.reaction.split("::")[0]
        closes = found.role is Role.ANALYST and event.ts == row["thread"]
        closes = closes and name in self._rules.close_reactions
        reason = f"reaction :{name}: by an analyst"
        if event.kind is EventKind.REACTION_REMOVED:
            if closes and row["close_reason"] == reason:
                changes = reopening(row, self._state(row), close_at=event.at + self._rules.inactivity)
        elif event.kind is EventKind.REACTION_ADDED and closes:
            changes = closing(event.at, reason, asked=await unread(self._chats, row))
        elif event.kind is EventKind.REACTION_ADDED and helper:
            changes = self._human_joined(event.at, f"{found.role.value} reacted", row, waiting)
        elif word in SPOKEN:
            changes = await self.commanded(row, word, at=event.at, helper=helper) or {}
        elif word in ("assign", "call"):
            changes = self._human_joined(event.at, f"command {word}", row, waiting)
        statements = [Chats.change_oncall(row["id"], **changes)] if changes else []
        return Ingested(statements=statements, oncall=row["id"])


def message_id(tenant: str, channel: str, ts: str) -> str:
    """The ledger's id of a platform message."""
    return f"{tenant}/{channel}/{ts}"
