"""The state of the knowledge base as values: how it grew, how old it is, whether it is used and believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from vigilbot.evals.kb_gaps import Gap, gaps
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ports import Row
from vigilbot.text import clean, shorten

PERIODS: Final = 24
SHOWN: Final = 10
PAST: Final = timedelta(days=30)
_TEXT: Final = 300

AGES: Final = (("< 1 week", 7), ("1 to 4 weeks", 28), ("1 to 3 months", 91), ("3 to 12 months", 365))
OLDER: Final = "> 1 year"
USES: Final = (("never", 0), ("once", 1), ("2 to 4", 4), ("5 to 9", 9))
OFTEN: Final = "10 or more"
CONFIRMED: Final = (
    ("verified", "verified by an analyst"),
    ("accepted_by_asker", "accepted by who asked"),
    ("agreed", "a human said the same"),
    ("repeated", "learned more than once"),
    ("nobody", "nobody yet"),
)
"""How an entry is confirmed, the strongest first."""

_CURRENT = (
    "SELECT k.entry, k.kind, k.question, k.answer, k.trust, k.valid_from, k.channel, "
    "(SELECT min(valid_from) FROM knowledge f WHERE f.entry = k.entry) AS learned_at, "
    "(SELECT max(at) FROM support s WHERE s.entry = k.entry AND s.kind != 'contradicted') AS confirmed_at, "
    "(SELECT group_concat(DISTINCT kind) FROM support s WHERE s.entry = k.entry) AS kinds, "
    "(SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry AND s.kind != 'contradicted') "
    "AS support, (SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry "
    "AND s.kind = 'contradicted') AS against FROM knowledge k "
    "WHERE k.valid_to IS NULL AND k.retracted = 0 ORDER BY k.seq"
)
_CHANGES = "SELECT entry, revision, valid_from, retracted, operation FROM knowledge ORDER BY valid_from, seq"
_USED = (
    "SELECT l.key AS entry, count(*) AS cards, sum(d.accepted_by != '') AS accepted, max(d.sent_at) AS last "
    "FROM deliveries d JOIN answers a ON a.id = d.answer, json_each(a.leaned) l "
    "WHERE d.sent_at IS NOT NULL GROUP BY l.key"
)
_ASKED = (
    "SELECT q.asked_at, EXISTS (SELECT 1 FROM answers a JOIN deliveries d ON d.answer = a.id "
    "WHERE a.question = q.id AND d.sent_at IS NOT NULL) AS card FROM questions q "
    "WHERE q.state != 'withdrawn' ORDER BY q.asked_at"
)
_DISPUTED = (
    "SELECT c.first, c.second, c.at, a.question AS first_question, a.answer AS first_answer, "
    "b.answer AS second_answer FROM contradictions c "
    "JOIN knowledge a ON a.entry = c.first AND a.valid_to IS NULL AND a.retracted = 0 "
    "JOIN knowledge b ON b.entry = c.second AND b.valid_to IS NULL AND b.retracted = 0 "
    "WHERE c.dismissed_by = '' ORDER BY c.at DESC, c.first"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """An entry, and how often a card rested on it."""

    entry: str
    question: str
    answer: str
    trust: str
    support: int
    against: int
    cards: int
    accepted: int
    last_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispute:
    """Two entries in force that answer one question differently."""

    first: str
    second: str
    question: str
    says: str
    says_too: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class KbReport:
    """Everything about a knowledge base at one time. Counts by class keep the order of the classes."""

    at: datetime
    entries: int
    chunks: int
    retracted: int
    operations: Sequence[tuple[str, int]]
    growth: tuple[Sequence[date], Sequence[int]]
    asked: Sequence[tuple[datetime, int, int]]
    ages: Sequence[tuple[str, int]]
    uses: Sequence[tuple[str, int]]
    confirmed: Sequence[tuple[str, int]]
    best: Sequence[Used]
    doubted: Sequence[Used]
    disputes: Sequence[Dispute]
    gaps: Sequence[Gap]

    @property
    def used(self) -> int:
        """Entries on which at least one card rested."""
        return sum(n for _, n in self.uses[1:])

    @property
    def believed(self) -> int:
        """Entries that somebody or something has confirmed."""
        return sum(n for name, n in self.confirmed if name != "nobody")


async def kb_report(ledger: Ledger, *, now: datetime) -> KbReport:
    """Reads the whole knowledge base of a ledger. One in which nothing has happened for a month, such as a
    replay's, is reported as of its end."""
    [ended] = await ledger.fetch(
        "SELECT max(coalesce((SELECT max(at) FROM messages), ''), "
        "coalesce((SELECT max(valid_from) FROM knowledge), '')) AS at"
    )
    if ended["at"] and now - moment(ended["at"]) > PAST:
        now = moment(ended["at"])
    current = await ledger.fetch(_CURRENT)
    changes = await ledger.fetch(_CHANGES)
    used = {row["entry"]: row for row in await ledger.fetch(_USED)}
    entries = [_used(row, used.get(row["entry"])) for row in current]
    operations = Counter(str(row["operation"]) for row in changes)
    return KbReport(
        at=now,
        entries=sum(row["kind"] == "qa" for row in current),
        chunks=sum(row["kind"] == "chunk" for row in current),
        retracted=len({row["entry"] for row in changes}) - len(current),
        operations=operations.most_common(),
        growth=_growth(changes, now),
        asked=_periods(await ledger.fetch(_ASKED), now),
        ages=_classes([_days(row, now) for row in current], AGES, OLDER),
        uses=_classes([each.cards for each in entries], USES, OFTEN),
        confirmed=_confirmed(current),
        best=sorted((e for e in entries if e.cards), key=lambda e: (-e.cards, -e.accepted, e.entry))[:SHOWN],
        doubted=sorted((e for e in entries if e.against), key=lambda e: (-e.against, e.support, e.entry))[
            :SHOWN
        ],
        disputes=[_dispute(row) for row in await ledger.fetch(_DISPUTED)],
        gaps=await gaps(ledger, now=now, since=None),
    )


def _used(row: Row, use: Row | None) -> Used:
    return Used(
        entry=row["entry"],
        question=shorten(clean(row["question"]), _TEXT),
        answer=shorten(clean(row["answer"]), _TEXT),
        trust=row["trust"],
        support=row["support"],
        against=row["against"],
        cards=use["cards"] if use else 0,
        accepted=use["accepted"] if use else 0,
        last_at=moment(use["last"]) if use else None,
    )


def _dispute(row: Row) -> Dispute:
    return Dispute(
        first=row["first"],
        second=row["second"],
        question=shorten(clean(row["first_question"]), _TEXT),
        says=shorten(clean(row["first_answer"]), _TEXT),
        says_too=shorten(clean(row["second_answer"]), _TEXT),
        at=moment(row["at"]),
    )


def _days(row: Row, now: datetime) -> int:
    """Since somebody last confirmed the entry or its words changed."""
    last = max(row["valid_from"], row["confirmed_at"] or row["valid_from"])
    return (now - moment(last)).days


def _classes(values: Sequence[int], bounds: Sequence[tuple[str, int]], beyond: str) -> list[tuple[str, int]]:
    counts = Counter(next((name for name, most in bounds if value <= most), beyond) for value in values)
    return [(name, counts[name]) for name in (*(name for name, _ in bounds), beyond)]


def _confirmed(rows: Sequence[Row]) -> list[tuple[str, int]]:
    counts: Counter[str] = Counter()
    for row in rows:
        kinds = set((row["kinds"] or "").split(","))
        if row["trust"] == "verified":
            kinds.add("verified")
        counts[next((name for name, _ in CONFIRMED if name in kinds), "nobody")] += 1
    return [(name, counts[name]) for name, _ in CONFIRMED]


def _growth(changes: Sequence[Row], now: datetime) -> tuple[list[date], list[int]]:
    """Entries in force at the end of each day on which something changed, to today; never empty."""
    known: set[str] = set()
    by_day: dict[date, int] = {}
    for row in changes:
        (known.discard if row["retracted"] else known.add)(row["entry"])
        by_day[moment(row["valid_from"]).date()] = len(known)
    first = min(by_day, default=now.date())
    days = [first - timedelta(days=1), *by_day, max(now.date(), max(by_day, default=first))]
    return days, [0, *by_day.values(), len(known)]


def _periods(rows: Sequence[Row], now: datetime) -> list[tuple[datetime, int, int]]:
    """Equal periods from the first question to now: beginning, questions, those that got a card."""
    if not rows:
        return []
    first = moment(rows[0]["asked_at"])
    whole = max(max(now, moment(rows[-1]["asked_at"])) - first, timedelta(minutes=PERIODS))
    asked: Counter[int] = Counter()
    carded: Counter[int] = Counter()
    for row in rows:
        number = min(PERIODS - 1, int((moment(row["asked_at"]) - first) / whole * PERIODS))
        asked[number] += 1
        carded[number] += row["card"]
    return [(first + whole * i / PERIODS, asked[i], carded[i]) for i in range(PERIODS)]


def as_json(report: KbReport) -> dict[str, object]:
    """The report's figures for a machine."""
    return {
        "at": stamp(report.at),
        "entries": report.entries,
        "chunks": report.chunks,
        "retracted": report.retracted,
        "used": report.used,
        "operations": dict(report.operations),
        "ages": dict(report.ages),
        "uses": dict(report.uses),
        "confirmed": dict(report.confirmed),
        "doubted": [e.entry for e in report.doubted],
        "disputes": [[d.first, d.second] for d in report.disputes],
        "gaps": len(report.gaps),
    }
