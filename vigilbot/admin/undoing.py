"""Everything somebody did to the knowledge base since a time, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vigilbot.admin import audit
from vigilbot.clicks import TAKE_BACK, standing_accepts
from vigilbot.domain import Role
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ports import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What somebody did to one entry: ``operations`` in order, from revision ``first`` to ``last``.

    ``others`` did something to it since, in words; "" when nobody did. Then it is left alone.
    """

    entry: str
    tenant: str
    question: str
    operations: tuple[str, ...]
    first: int
    last: int
    at: datetime
    others: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """An Accept of theirs that stands."""

    answer: str
    tenant: str
    subject: str
    role: str
    question: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Deeds:
    """Everything of one actor that can be taken back together."""

    actor: str
    since: datetime
    entries: tuple[Done, ...]
    accepts: tuple[Accepted, ...]

    @property
    def able(self) -> tuple[Done, ...]:
        return tuple(each for each in self.entries if not each.others)

    @property
    def left(self) -> tuple[Done, ...]:
        return tuple(each for each in self.entries if each.others)

    @property
    def count(self) -> int:
        return len(self.able) + len(self.accepts)


async def deeds_of(
    ledger: Ledger, actor: str, *, since: datetime, until: datetime | None = None, tenant: str | None = None
) -> Deeds:
    """What ``actor`` did to knowledge from ``since`` on: operations on entries, and Accepts that stand.

    ``until`` bounds it; what came later is not theirs to be taken back with it. What was taken back since
    is not counted.
    """
    rows = await ledger.fetch(
        "SELECT DISTINCT entry FROM knowledge WHERE actor = :actor AND valid_from >= :since "
        "AND (:until IS NULL OR valid_from <= :until) AND (:tenant IS NULL OR tenant = :tenant) "
        "ORDER BY entry",
        actor=actor,
        since=stamp(since),
        until=stamp(until) if until else None,
        tenant=tenant,
    )
    entries = []
    for row in rows:
        life = await ledger.entries.revisions(row["entry"])
        if (done := _done(life, actor, since, until)) is not None:
            entries.append(done)
    entries.sort(key=lambda each: (each.at, each.entry))
    accepts = await _accepts(ledger, actor, since=since, until=until, tenant=tenant)
    return Deeds(actor=actor, since=since, entries=tuple(entries), accepts=tuple(accepts))


def _done(life: list[Row], actor: str, since: datetime, until: datetime | None) -> Done | None:
    """None when the entry is, since, back to what it was before."""
    end = stamp(until) if until else "~"
    theirs = [row for row in life if row["actor"] == actor and stamp(since) <= row["valid_from"] <= end]
    first = theirs[0]
    before = life[first["revision"] - 2] if first["revision"] > 1 else None
    later = [row for row in life if row["revision"] > first["revision"] and row not in theirs]
    if _same(life[-1], before):
        return None
    others = "; ".join(f"{row['operation']} by {row['actor']}" for row in later)
    return Done(
        entry=first["entry"],
        tenant=first["tenant"],
        question=first["question"],
        operations=tuple(row["operation"] for row in theirs),
        first=first["revision"],
        last=theirs[-1]["revision"],
        at=moment(first["valid_from"]),
        others=others,
    )


_SAID = ("retracted", "question", "answer", "precondition", "citations", "trust", "space", "expires_at")


def _same(now: Row, before: Row | None) -> bool:
    """Whether an entry is as it was before; before it was known it answered nothing."""
    if before is None or before["retracted"]:
        return bool(now["retracted"])
    return all(now[name] == before[name] for name in _SAID)


async def _accepts(
    ledger: Ledger, actor: str, *, since: datetime, until: datetime | None, tenant: str | None
) -> list[Accepted]:
    rows = await ledger.fetch(
        "SELECT f.answer, f.subject, q.text AS question FROM feedback f JOIN answers a ON a.id = f.answer "
        "JOIN questions q ON q.id = a.question WHERE f.actor = :actor AND f.kind = 'accept' "
        "AND f.at >= :since AND (:until IS NULL OR f.at <= :until) "
        "AND (:tenant IS NULL OR f.tenant = :tenant) ORDER BY f.id",
        actor=actor,
        since=stamp(since),
        until=stamp(until) if until else None,
        tenant=tenant,
    )
    found = []
    for row in rows:
        for click in standing_accepts(await ledger.runs.feedback(row["answer"])):
            if (click["actor"], click["subject"]) == (actor, row["subject"]):
                found.append(
                    Accepted(
                        answer=row["answer"],
                        tenant=click["tenant"],
                        subject=row["subject"],
                        role=click["role"],
                        question=row["question"],
                        at=moment(click["at"]),
                    )
                )
    return found


async def undo_deeds(knowledge: Knowledge, ledger: Ledger, deeds: Deeds, *, actor: str, at: datetime) -> int:
    """Takes them back, an entry a write; returns how many. Done twice, the second finds nothing.

    Accepts are taken back as their clicks were: durable at once, the effect follows with the bot's work.
    Nothing is posted because of it: corrections are only owed.
    """
    taken = 0
    for each in deeds.able:
        async with knowledge.writing:
            life = await ledger.entries.revisions(each.entry)
            if life[-1]["revision"] != each.last:
                continue  # somebody was faster than this list
            reason = f"undo of everything by {deeds.actor} since {deeds.since:%Y-%m-%d %H:%M}"
            detail = f"{', '.join(each.operations)} (from revision {each.first})"
            audited = audit(
                tenant=each.tenant, at=at, actor=actor, action="undo", subject=each.entry, detail=detail
            )
            await knowledge.returning.back(
                each.entry, each.first - 1, actor=actor, reason=reason, also=[audited]
            )
        taken += 1
    for click in deeds.accepts:
        await ledger.write(
            Runs.put_feedback(
                tenant=click.tenant,
                answer=click.answer,
                actor=deeds.actor,
                role=Role(click.role).value,
                kind=TAKE_BACK,
                subject=click.subject,
                at=at,
            ),
            audit(
                tenant=click.tenant,
                at=at,
                actor=actor,
                action="take back an Accept",
                subject=click.answer,
                detail=f"of {deeds.actor}",
            ),
        )
    return taken + len(deeds.accepts)
