"""Reads a replayed ledger into the records a report is made of. Reads only, drives nothing."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from itertools import accumulate
from typing import Any

from vigilbot.autonomy.critic import OWN
from vigilbot.domain import RIGHT, Citation, DeliveryState, Message, Outcome, QuestionState, Result
from vigilbot.evals.alike import alike
from vigilbot.evals.replay_records import (
    Asked,
    CardPosted,
    Counts,
    Fate,
    KnowledgeCounts,
    KnownOn,
    Learned,
    ModelUse,
    Reviewed,
)
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import blob_vector, moment, names
from vigilbot.ports import Embedder, Row

STAGES = ("identify", "rewrite", "retrieve", "rerank", "answer", "dedup")


async def counts(ledger: Ledger, *, conversations: int, messages: int) -> Counts:
    """``runs`` are runs for customer messages; results are counted per question of any run."""
    runs = await ledger.fetch(
        "SELECT result, count(*) AS n FROM runs WHERE purpose = 'customer' GROUP BY result"
    )
    by_run = {row["result"]: row["n"] for row in runs}
    answers = await ledger.fetch("SELECT result, count(*) AS n FROM answers GROUP BY result")
    by_answer = {row["result"]: row["n"] for row in answers}
    [customers] = await ledger.fetch("SELECT count(*) AS n FROM messages WHERE role = 'customer'")
    [beaten] = await ledger.fetch(
        "SELECT count(*) AS n FROM deliveries WHERE state = :state", state=DeliveryState.BEATEN_BY_HUMAN.value
    )
    return Counts(
        conversations=conversations,
        messages=messages,
        customer_messages=customers["n"],
        runs=sum(by_run.values()),
        abstained=by_answer.get(Result.ABSTAINED, 0),
        held=by_answer.get(Result.HELD, 0),
        duplicates=by_answer.get(Result.DUPLICATE, 0),
        beaten_by_human=beaten["n"],
        no_question=by_run.get(Result.NO_QUESTION, 0),
        out_of_scope=by_run.get(Result.OUT_OF_SCOPE, 0),
    )


async def knowledge_counts(ledger: Ledger) -> KnowledgeCounts:
    return KnowledgeCounts(**await ledger.entries.counts())


async def stage_ms(ledger: Ledger) -> dict[str, list[float]]:
    """Milliseconds of wall time each run spent in each stage, in the order of the stages."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in await ledger.fetch("SELECT trace FROM runs ORDER BY at, id"):
        for stage, ms in json.loads(row["trace"])["timings_ms"].items():
            found[stage].append(ms)
    return {stage: found[stage] for stage in STAGES if stage in found}


async def learned(ledger: Ledger) -> tuple[Learned, ...]:
    channels = {row["channel"]: row["name"] for row in await ledger.chats.channels()}
    rows = await ledger.entries.list_current()
    return tuple(
        Learned(
            question=row["question"],
            answer=row["answer"],
            support=row["support"],
            channel_name=str(channels.get(row["channel"], row["channel"])),
        )
        for row in rows
    )


async def growth(ledger: Ledger) -> tuple[KnownOn, ...]:
    """How many entries of either kind were in force, day by day."""
    change: Counter[date] = Counter()
    for row in await ledger.fetch("SELECT valid_from, valid_to FROM knowledge WHERE retracted = 0"):
        change[moment(row["valid_from"]).date()] += 1
        if row["valid_to"]:
            change[moment(row["valid_to"]).date()] -= 1
    days = sorted(day for day, by in change.items() if by)
    totals = accumulate(change[day] for day in days)
    return tuple(KnownOn(day=day, in_force=total) for day, total in zip(days, totals, strict=True))


async def model_use(ledger: Ledger) -> ModelUse | None:
    """Every request to a language model together; None when there was none."""
    rows = await ledger.fetch("SELECT model, ms, tokens_in, tokens_out, cost, error FROM model_calls")
    if not rows:
        return None
    good = [row for row in rows if not row["error"]]
    priced = all(row["cost"] is not None for row in good)
    return ModelUse(
        models=tuple(sorted({row["model"] for row in rows})),
        calls=len(rows),
        failed=len(rows) - len(good),
        input_tokens=sum(row["tokens_in"] for row in rows),
        output_tokens=sum(row["tokens_out"] for row in rows),
        dollars=sum(row["cost"] or 0.0 for row in rows) if priced else None,
        ms=tuple(row["ms"] for row in good),
    )


async def questions(ledger: Ledger) -> tuple[Asked, ...]:
    """Every question within scope in time order, with what became of it. Withdrawn ones are left out."""
    rows = await ledger.fetch(
        "SELECT q.id, q.text, q.asked_at, q.state, q.vector, o.channel, o.thread, c.name AS channel_name "
        "FROM questions q JOIN oncalls o ON o.id = q.oncall "
        "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
        "WHERE q.state != :withdrawn ORDER BY q.asked_at, q.id",
        withdrawn=QuestionState.WITHDRAWN.value,
    )
    said: dict[str, set[str]] = defaultdict(set)
    for row in await ledger.fetch(
        "SELECT a.question, a.result, d.state, d.sent_at "
        "FROM answers a LEFT JOIN deliveries d ON d.answer = a.id"
    ):
        said[row["question"]].add("card" if row["sent_at"] else row["state"] or row["result"])
    groups = alike([blob_vector(row["vector"]) if row["vector"] else None for row in rows])
    return tuple(
        Asked(
            channel=row["channel"],
            channel_name=row["channel_name"],
            thread=row["thread"],
            at=moment(row["asked_at"]),
            text=row["text"],
            fate=_fate(said[row["id"]]),
            settled=row["state"] == QuestionState.RESOLVED,
            group=group,
            id=row["id"],
        )
        for row, group in zip(rows, groups, strict=True)
    )


def _fate(said: set[str]) -> Fate:
    """The furthest a question came, over all runs for it."""
    for fate, signs in (
        (Fate.CARD, {"card"}),
        (Fate.BEATEN, {DeliveryState.BEATEN_BY_HUMAN, Result.ANSWERED_BY_HUMAN}),
        (Fate.DUPLICATE, {Result.DUPLICATE}),
        (Fate.HELD, {Result.HELD}),
        (Fate.ABSTAINED, {Result.ABSTAINED}),
    ):
        if said & {str(sign) for sign in signs}:
            return fate
    return Fate.LATE if said else Fate.ABSTAINED


async def cards(ledger: Ledger, embedder: Embedder) -> tuple[CardPosted, ...]:
    """Every card that was sent, beside what the human said afterwards about its question."""
    rows = await ledger.fetch(
        "SELECT a.*, d.sent_at, q.text AS question_text, q.message_ids, q.resolved_at, q.resolution_ids, "
        "o.channel, o.thread, c.name AS channel_name "
        "FROM deliveries d JOIN answers a ON a.id = d.answer JOIN questions q ON q.id = a.question "
        "JOIN oncalls o ON o.id = d.oncall "
        "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
        "WHERE d.sent_at IS NOT NULL ORDER BY d.sent_at, d.key"
    )
    resolutions = [await ledger.chats.messages_by_id(names(row["resolution_ids"])) for row in rows]
    texts = ["\n".join(m.text for m in messages) for messages in resolutions]
    if not rows:
        return ()
    told, vectors = await embedder.embed([row["text"] for row in rows]), await embedder.embed(texts)
    found = []
    for row, messages, text, own, vector in zip(rows, resolutions, texts, told, vectors, strict=True):
        similarity = float(own @ vector) if text else None
        found.append(_card(row, messages, text, similarity))
    return tuple(found)


def _card(row: Row, messages: Sequence[Message], text: str, similarity: float | None) -> CardPosted:
    outcome = Outcome(row["outcome"]) if row["outcome"] else None
    agrees = (
        {
            Outcome.CONSISTENT_BY_HUMAN: True,
            Outcome.VERIFIED: True,
            Outcome.ACCEPTED_BY_ASKER: True,
            Outcome.CONTRADICTED: False,
        }.get(outcome)
        if outcome
        else None
    )
    citations = json.loads(row["citations"])
    return CardPosted(
        channel=row["channel"],
        channel_name=row["channel_name"],
        thread=row["thread"],
        at=moment(row["sent_at"]),
        question=row["question_text"],
        text=row["text"],
        first_url=citations[0][0] if citations else "",
        confidence=row["confidence"],
        sources=tuple(Citation(url=url, title=title) for url, title in citations),
        triggers=tuple(m.rsplit("/", 1)[-1] for m in names(row["message_ids"])),
        human_at=moment(row["resolved_at"]) if row["resolved_at"] and messages else None,
        human_text=text,
        agrees=agrees,
        similarity=similarity,
        question_id=row["question"],
        outcomes=(outcome,) if outcome else (),
    )


async def judged_answers(ledger: Ledger) -> list[dict[str, Any]]:
    """Answers a human's later word judged: ``features``, ``confidence``, ``agreed``, ``group`` (channel)."""
    rows = await ledger.fetch(
        "SELECT a.features, a.confidence, a.outcome, o.channel "
        "FROM answers a JOIN oncalls o ON o.id = a.oncall "
        "WHERE a.outcome IS NOT NULL AND a.features != '{}' ORDER BY a.at, a.id"
    )
    return [
        {
            "features": json.loads(row["features"]),
            "confidence": row["confidence"],
            "agreed": row["outcome"] in RIGHT,
            "group": row["channel"],
        }
        for row in rows
        if row["outcome"] in RIGHT | {Outcome.CONTRADICTED}
    ]


async def reviewed(ledger: Ledger) -> tuple[Reviewed, ...]:
    """The same, as calibration wants them."""
    return tuple(
        Reviewed(
            confidence=row["confidence"],
            stated=row["features"].get(OWN, row["confidence"]),
            right=row["agreed"],
        )
        for row in await judged_answers(ledger)
    )
