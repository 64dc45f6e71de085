"""What the bot did for a workspace in a span of time, as numbers. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, pack, stamp


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """Counts since a time. ``lead``: the median of how long a card stood before a human resolved the same
    question; None when none did. ``accepters`` are (name or id, times), most often first."""

    since: datetime
    questions: int  # within scope
    cards: int  # for everyone, sent
    drafts: int  # for analysts, sent
    accepted_by_asker: int
    verified: int
    agreed: int  # a human said the same later
    contradicted: int
    beaten: int  # a human was first
    withdrawn: int
    unanswered: int  # questions that ended without an answer
    waiting: int
    learned: int
    lead: timedelta | None
    accepters: tuple[tuple[str, int], ...]


_HERE = "o.tenant = :tenant AND (:all OR o.channel IN (SELECT value FROM json_each(:channels)))"

_QUESTIONS = (
    "SELECT count(*) AS questions, coalesce(sum(q.state = 'unresolved'), 0) AS unanswered, "
    "coalesce(sum(q.state = 'open'), 0) AS waiting "
    f"FROM questions q JOIN oncalls o ON o.id = q.oncall WHERE {_HERE} "
    "AND q.asked_at >= :since AND q.state != 'withdrawn'"
)
_CARDS = (
    "SELECT coalesce(sum(d.sent_at IS NOT NULL AND d.audience = 'everyone'), 0) AS cards, "
    "coalesce(sum(d.sent_at IS NOT NULL AND d.audience = 'analysts'), 0) AS drafts, "
    "coalesce(sum(d.state = 'beaten_by_human'), 0) AS beaten "
    f"FROM deliveries d JOIN oncalls o ON o.id = d.oncall WHERE {_HERE} AND d.due_at >= :since"
)
_OUTCOMES = (
    "SELECT a.outcome, count(*) AS n FROM answers a JOIN oncalls o ON o.id = a.oncall "
    f"WHERE {_HERE} AND a.outcome IS NOT NULL AND a.outcome_at >= :since GROUP BY a.outcome"
)
_LEARNED = (
    "SELECT count(*) AS n FROM knowledge o WHERE o.operation IN ('learn', 'accept') AND o.valid_from >= "
    f":since AND {_HERE}"
)
_LEADS = (
    "SELECT d.sent_at, q.resolved_at FROM deliveries d JOIN answers a ON a.id = d.answer "
    "JOIN questions q ON q.id = a.question JOIN oncalls o ON o.id = d.oncall "
    f"WHERE {_HERE} AND d.sent_at >= :since AND d.audience = 'everyone' AND q.resolved_at > d.sent_at "
    "AND q.resolution_ids != '[]'"
)
_ACCEPTERS = (
    "SELECT f.actor, count(*) AS n FROM feedback f JOIN answers a ON a.id = f.answer "
    f"JOIN oncalls o ON o.id = a.oncall WHERE {_HERE} AND f.kind = 'accept' AND f.at >= :since "
    "GROUP BY f.actor ORDER BY n DESC, f.actor LIMIT 5"
)


async def activity(
    ledger: Ledger, *, tenant: str, since: datetime, channels: Collection[str] | None = None
) -> Activity:
    """``channels`` bounds where it is counted; None for all of the workspace."""
    where = {
        "tenant": tenant,
        "since": stamp(since),
        "all": int(channels is None),
        "channels": pack(sorted(channels or ())),
    }
    [asked] = await ledger.fetch(_QUESTIONS, **where)
    [sent] = await ledger.fetch(_CARDS, **where)
    [learned] = await ledger.fetch(_LEARNED, **where)
    outcomes = {row["outcome"]: row["n"] for row in await ledger.fetch(_OUTCOMES, **where)}
    leads = [
        (moment(row["resolved_at"]) - moment(row["sent_at"])).total_seconds()
        for row in await ledger.fetch(_LEADS, **where)
    ]
    accepters = [
        (await ledger.chats.name_of(tenant, row["actor"]) or row["actor"], row["n"])
        for row in await ledger.fetch(_ACCEPTERS, **where)
    ]
    return Activity(
        since=since,
        questions=asked["questions"],
        cards=sent["cards"],
        drafts=sent["drafts"],
        accepted_by_asker=outcomes.get("accepted_by_asker", 0),
        verified=outcomes.get("verified", 0),
        agreed=outcomes.get("consistent_by_human", 0),
        contradicted=outcomes.get("contradicted", 0),
        beaten=sent["beaten"],
        withdrawn=outcomes.get("withdrawn", 0),
        unanswered=asked["unanswered"],
        waiting=asked["waiting"],
        learned=learned["n"],
        lead=timedelta(seconds=median(leads)) if leads else None,
        accepters=tuple(accepters),
    )
