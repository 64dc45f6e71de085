"""What people wrote goes after a while: once a day, from on-calls that closed long ago.

Two ages. ``messages``: the texts and pictures of messages, the questions made of them, reviewers'
words about them, what the bot was asked directly, events that could never be taken in, and answers of which
no card stands. ``traces``: the candidate passages of an answer, and the reasons and errors of a model.
Nothing of an on-call that is open or has work waiting is touched. What was learned stays, and so do support,
counts, outcomes, the audit, the words of cards that stand (they are drawn again) and who wrote when (names
must be known to be taken out of what is shared).

A round is many small writes; how far it came stands in the ledger. What is removed is overwritten.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from vigilbot.errors import LedgerError
from vigilbot.ledger import Ledger
from vigilbot.ledger.chats import NOT_KEPT
from vigilbot.ledger.rows import moment, pack, stamp
from vigilbot.ports import Clock, Row, Statement

log = logging.getLogger("vigilbot")

WORK = "retention"
EVERY = timedelta(days=1)
SOON = timedelta(hours=1)
COPIES = timedelta(days=7)
"""Copies of the ledger from before a migration are kept so long: what was removed is still in them."""

_ONCALLS = 50  # a write
_WRITES = 10  # a pass, between which the bot does other things

_SETTLED = (
    "SELECT o.id FROM oncalls o WHERE o.state = 'closed' AND o.{gone} IS NULL AND o.last_at < :before "
    "AND o.run_at IS NULL AND o.learn_at IS NULL AND o.lease_until IS NULL AND NOT EXISTS ("
    "SELECT 1 FROM deliveries d WHERE d.oncall = o.id AND (d.state = 'due' OR d.refresh_at IS NOT NULL)) "
    "AND NOT EXISTS (SELECT 1 FROM questions q WHERE q.oncall = o.id AND q.standing_at IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM answers a JOIN feedback f ON f.answer = a.id WHERE a.oncall = o.id "
    "AND f.applied_at IS NULL) ORDER BY o.last_at, o.id LIMIT :limit"
)
_IN = "oncall IN (SELECT value FROM json_each(:ids))"
_NO_CARD = "NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.answer = answers.id AND d.state = 'sent')"

_MESSAGES = {
    "messages": f"UPDATE messages SET text = '', images = '[]', "
    f"deleted = CASE deleted WHEN 0 THEN {NOT_KEPT} ELSE deleted END WHERE {_IN} RETURNING id",
    "questions": "UPDATE questions SET text = '', terms = '[]', vector = NULL, last_error = '' "
    f"WHERE {_IN} AND text != '' RETURNING id",
    "answers": "UPDATE answers SET text = '', citations = '[]', reason = '' "
    f"WHERE {_IN} AND text != '' AND {_NO_CARD} RETURNING id",
    "reviews": "UPDATE reviews SET reason = '' WHERE reason != '' AND answer IN "
    f"(SELECT id FROM answers WHERE {_IN}) RETURNING id",
}
_TRACES = {
    "traces": "UPDATE runs SET trace = json_remove(json_set(trace, '$.identification.reason', '', "
    f"'$.not_kept', 1), '$.fallbacks', '$.calls') WHERE {_IN} RETURNING id",
    "passages": f"UPDATE answers SET passages = '[]', reason = '' WHERE {_IN} AND passages != '[]' "
    "RETURNING id",
    "model errors": f"UPDATE model_calls SET error = 'not kept' WHERE {_IN} AND error != '' RETURNING id",
}
_BESIDE = {
    "requests": "UPDATE requests SET body = '{}', last_error = '' WHERE state != 'due' AND body != '{}' "
    "AND due_at < :before RETURNING id",
    "events": "UPDATE inbox SET body = '{}' WHERE state = 'done' AND body != '{}' AND received_at < :before "
    "RETURNING id",
    "lost events": "DELETE FROM inbox WHERE state = 'dead' AND received_at < :before "
    "AND id < (SELECT max(id) FROM inbox) RETURNING id",
}


class Retention:
    """``messages`` and ``traces`` are ages, zero keeps for ever. ``forget_copies`` deletes copies of the
    ledger that were made before a time, and says how many."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        messages: timedelta,
        traces: timedelta,
        forget_copies: Callable[[datetime], int],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._messages = messages
        self._traces = traces
        self._forget_copies = forget_copies

    async def work(self) -> int:
        """A part of today's round, if it is due; returns how many on-calls it was about."""
        rows = await self._ledger.fetch("SELECT * FROM upkeep WHERE work = :work", work=WORK)
        row = rows[0] if rows else None
        now = self._clock.now()
        if row is not None and moment(row["due_at"]) > now:
            return 0
        removed = Counter[str](json.loads(row["removed"]) if row is not None and row["going"] else {})
        done = 0
        for _ in range(_WRITES):
            found = await self._some(now, removed)
            done += found
            if not found:
                await self._end(row, removed, now)
                break
        return done

    async def _some(self, now: datetime, removed: Counter[str]) -> int:
        """One write about some on-calls; none are left when it returns 0."""
        statements, names = [], []
        oncalls: set[str] = set()
        for gone, age, changes in (
            ("messages_gone", self._messages, _MESSAGES),
            ("traces_gone", self._traces, _TRACES),
        ):
            ids = await self._settled(gone, now - age) if age else []
            if not ids:
                continue
            oncalls.update(ids)
            names += [*changes, ""]
            statements += [Statement(sql, {"ids": pack(ids)}) for sql in changes.values()]
            statements.append(
                Statement(
                    f"UPDATE oncalls SET {gone} = :now, last_error = '' "
                    "WHERE id IN (SELECT value FROM json_each(:ids))",
                    {"now": stamp(now), "ids": pack(ids)},
                )
            )
        if not statements:
            return 0
        rows = await self._ledger.write(*statements)
        removed.update({name: len(each) for name, each in zip(names, rows, strict=True) if name})
        await self._ledger.write(_noted(now, removed, going=True))
        return len(oncalls)

    async def _settled(self, gone: str, before: datetime) -> list[str]:
        rows = await self._ledger.fetch(_SETTLED.format(gone=gone), before=stamp(before), limit=_ONCALLS)
        return [row["id"] for row in rows]

    async def _end(self, row: Row | None, removed: Counter[str], now: datetime) -> None:
        """What belongs to no on-call; then no byte of what was removed may be left."""
        if self._messages:
            args = {"before": stamp(now - self._messages)}
            rows = await self._ledger.write(*(Statement(sql, args) for sql in _BESIDE.values()))
            removed.update({name: len(each) for name, each in zip(_BESIDE, rows, strict=True)})
        removed["copies"] += self._forget_copies(now - COPIES)
        # The first round writes the file anew: what was removed before overwriting began is gone then, too.
        first = row is None or row["ran_at"] is None
        try:
            if +removed:
                await self._ledger.scrub(anew=first)
        except LedgerError as error:
            log.warning("what retention removed is not overwritten yet, again in an hour: %s", error)
            await self._ledger.write(_noted(now + SOON, removed, going=True))
            return
        await self._ledger.write(_noted(now + EVERY, removed, going=False, ran=now))
        if +removed:
            log.info("retention ran, removed: %s", said(+removed))


def said(removed: Mapping[str, int]) -> str:
    """How much of what, as words."""
    return ", ".join(f"{n} {name}" for name, n in removed.items() if n) or "nothing"


def told(rows: Sequence[Row]) -> str:
    """The last round, from the rows of ``ledger.status.RETENTION``."""
    if not rows or (rows[0]["ran_at"] is None and not rows[0]["going"]):
        return "has not run yet"
    [row] = rows
    removed = said(json.loads(row["removed"]))
    if row["going"]:
        return f"is under way, removed so far: {removed}"
    return f"ran {moment(row['ran_at']):%Y-%m-%d %H:%M} UTC, removed: {removed}"


def _noted(due: datetime, removed: Counter[str], *, going: bool, ran: datetime | None = None) -> Statement:
    return Statement(
        "INSERT INTO upkeep (work, due_at, ran_at, going, removed) "
        "VALUES (:work, :due, :ran, :going, :removed) "
        "ON CONFLICT (work) DO UPDATE SET due_at = :due, ran_at = coalesce(:ran, ran_at), going = :going, "
        "removed = :removed",
        {
            "work": WORK,
            "due": stamp(due),
            "ran": stamp(ran) if ran else None,
            "going": int(going),
            "removed": pack(dict(+removed)),
        },
    )
