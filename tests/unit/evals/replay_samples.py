"""Small pieces of a replay to make reports of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from vigilbot.evals.gold import Gold, GoldCase
from vigilbot.evals.replay_records import CardPosted, Counts, KnowledgeCounts, Point, RankedAt, ReplayRecords


def at(seconds: float) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def case(thread: str, resolved: float, document: str, channel: str = "C1") -> GoldCase:
    return GoldCase(
        channel=channel,
        thread=thread,
        asked_at=at(resolved - 50),
        resolution_at=at(resolved),
        doc_id=document,
        url=f"https://docs.example/{document}" if document else "",
        line=1,
    )


def gold(*cases: GoldCase) -> Gold:
    documents = {f"docs.example/{c.doc_id}": c.doc_id for c in cases if c.doc_id}
    return Gold(path="gold", cases=cases, documents=documents | {"docs.example/a2": "a"})


GOLD = gold(
    case("1", 100, "a"),
    case("2", 200, "a"),
    case("3", 300, "b"),
    case("4", 400, "", channel="C2"),
)


def ranked(
    thread: str, when: float, *names: str, point: Point = Point.BEFORE_RESOLUTION, **extra: Any
) -> RankedAt:
    values: dict[str, Any] = {"channel": "C1", "confidence": 0.5, **extra}
    values.setdefault("stated", values["confidence"])
    urls = tuple(f"https://docs.example/{name}" for name in names)
    return RankedAt(thread=thread, point=point, at=at(when), urls=urls, **values)


def card(thread: str, when: float, document: str = "", **extra: Any) -> CardPosted:
    values: dict[str, Any] = {
        "channel": "C1",
        "channel_name": "help",
        "question": "How?",
        "text": "So.",
        "first_url": f"https://docs.example/{document}" if document else "",
        "confidence": 0.5,
        **extra,
    }
    return CardPosted(thread=thread, at=at(when), **values)


def records(**extra: Any) -> ReplayRecords:
    counts = Counts(
        conversations=5,
        messages=20,
        customer_messages=12,
        runs=9,
        abstained=3,
        held=1,
        duplicates=1,
        beaten_by_human=2,
    )
    values: dict[str, Any] = {
        "counts": counts,
        "knowledge": KnowledgeCounts(qa=4, chunks=0, revised=1, retracted=0),
        "cards": (),
        **extra,
    }
    return ReplayRecords(
        export="e.zip", engine="extractive", start="immediately", first_at=at(0), last_at=at(10**6), **values
    )
