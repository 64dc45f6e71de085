"""What an entry did: the answers that leaned on it, the cards that stand, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vigilbot.admin import UNKNOWN
from vigilbot.errors import BadInput
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, optional_moment
from vigilbot.ports import Row

_LEANED = (
    "SELECT a.id, a.at, a.oncall, a.confidence, a.result, coalesce(a.outcome, '') AS outcome, "
    "l.value AS used, q.text AS question, q.asker, o.channel, o.state AS oncall_state, o.closed_at, "
    "coalesce(c.name, o.channel) AS channel_name, d.state AS delivery, d.sent_at, "
    "coalesce(d.accepted_by, '') AS accepted_by, d.text IS NOT NULL AS rewritten, coalesce(d.ts, '') AS ts, "
    "(SELECT max(r.state) FROM corrections r WHERE r.answer = a.id AND r.entry = l.key) AS correction "
    "FROM answers a JOIN json_each(a.leaned) l ON l.key = :entry JOIN questions q ON q.id = a.question "
    "JOIN oncalls o ON o.id = a.oncall "
    "LEFT JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
    "LEFT JOIN deliveries d ON d.answer = a.id AND d.audience = 'everyone' ORDER BY a.at, a.id"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaning:
    """One answer that leaned on the entry. ``delivery`` is "" without a card for everyone, ``outcome`` ""
    so far; ``accepted_by`` are user ids."""

    answer: str
    at: datetime
    oncall: str
    open: bool
    closed_at: datetime | None
    channel: str
    channel_name: str
    question: str
    asker: str
    revision: int
    confidence: float
    result: str
    delivery: str
    ts: str
    outcome: str
    accepted_by: tuple[str, ...]
    rewritten: bool
    correction: str

    @property
    def stands(self) -> bool:
        """People still read this card."""
        return self.delivery == "sent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    entry: str
    tenant: str
    revision: int
    retracted: bool
    question: str
    answers: tuple[Leaning, ...]

    @property
    def cards(self) -> int:
        return sum(each.stands for each in self.answers)

    @property
    def oncalls(self) -> int:
        return len({each.oncall for each in self.answers})

    @property
    def open(self) -> int:
        return len({each.oncall for each in self.answers if each.stands and each.open})

    @property
    def accepted(self) -> int:
        return sum(bool(each.accepted_by) for each in self.answers)


async def impact_of(ledger: Ledger, entry: str) -> Impact:
    """Every answer that leaned on an entry, in time order. Raises BadInput when there is no such entry."""
    row = await ledger.entries.entry(entry)
    if row is None:
        raise BadInput("no such entry", place=entry, remedy=UNKNOWN)
    rows = await ledger.fetch(_LEANED, entry=entry)
    return Impact(
        entry=entry,
        tenant=row["tenant"],
        revision=row["revision"],
        retracted=bool(row["retracted"]),
        question=row["question"],
        answers=tuple(_leaning(each) for each in rows),
    )


def _leaning(row: Row) -> Leaning:
    return Leaning(
        answer=row["id"],
        at=moment(row["at"]),
        oncall=row["oncall"],
        open=row["oncall_state"] != "closed",
        closed_at=optional_moment(row["closed_at"]),
        channel=row["channel"],
        channel_name=row["channel_name"],
        question=row["question"],
        asker=row["asker"],
        revision=row["used"],
        confidence=row["confidence"],
        result=row["result"],
        delivery=row["delivery"] or "",
        ts=row["ts"],
        outcome=row["outcome"],
        accepted_by=tuple(user for user in row["accepted_by"].split(",") if user),
        rewritten=bool(row["rewritten"]),
        correction=row["correction"] or "",
    )
