"""Reads a replayed ledger into the records a report is made of. Reads only, drives nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from vigilbot.domain import DeliveryState, Message, Outcome, Result
from vigilbot.evals.replay_records import CardPosted, Counts, KnowledgeCounts, Learned
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
            channel_name=channels.get(row["channel"], row["channel"]),
        )
        for row in rows
    )


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
    vectors = await embedder.embed(texts) if texts else []
    found = []
    for row, messages, text, vector in zip(rows, resolutions, texts, vectors, strict=True):
        similarity = float(blob_vector(row["vector"]) @ vector) if text else None
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
        triggers=tuple(m.rsplit("/", 1)[-1] for m in names(row["message_ids"])),
        human_at=moment(row["resolved_at"]) if row["resolved_at"] and messages else None,
        human_text=text,
        agrees=agrees,
        similarity=similarity,
        outcomes=(outcome,) if outcome else (),
    )
