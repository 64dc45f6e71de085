"""Questions, runs, answers, deliveries, feedback and reviews as SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from vigilbot.domain import DeliveryState, Outcome, QuestionState, Review
from vigilbot.ledger.dead import CLICK_TRIES
from vigilbot.ledger.rows import columns, pack, stamp
from vigilbot.ports import Database, Row, Statement
from vigilbot.usage import ModelCall

OWED = (
    f"f.applied_at IS NULL AND f.attempts < {CLICK_TRIES} AND NOT EXISTS (SELECT 1 FROM feedback e "
    "WHERE e.answer = f.answer AND e.applied_at IS NULL AND e.attempts > 0 AND e.id < f.id)"
)
"""Clicks ``f`` whose effect is still to come: not given up, and not behind a failing one on the same card."""

ASKS = "COALESCE((SELECT r.within FROM runs r WHERE r.id = q.run AND r.purpose = 'customer'), 1.0) AS asks"
"""How probable it is that question ``q`` asks anything; what was said to the bot itself does."""


class Runs:
    """What the bot decided, said, and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def put(table: str, **values: Any) -> Statement:
        """A new row of ``runs``, ``questions``, ``answers`` or ``deliveries``; a known key stays."""
        return Statement(f"INSERT INTO {table} {columns(values)} ON CONFLICT DO NOTHING", values)

    @staticmethod
    def cover(seen: Mapping[str, int], *, run: str, oncall: str) -> list[Statement]:
        """Marks a run's messages as read. ``seen``: the version of each that it read.

        When one was edited while the run went on, nothing it concluded counts, and all are read again.
        """
        edited = (
            "EXISTS (SELECT 1 FROM json_each(:seen) s JOIN messages m ON m.id = s.key "
            "WHERE m.deleted = 0 AND m.version > s.value)"
        )
        args = {"run": run, "oncall": oncall, "seen": pack(dict(seen))}
        return [
            Statement(
                "UPDATE questions SET state = 'withdrawn' "
                f"WHERE oncall = :oncall AND run = :run AND {edited}",
                args,
            ),
            Statement(
                "UPDATE messages SET run = :run "
                f"WHERE id IN (SELECT key FROM json_each(:seen)) AND NOT {edited}",
                args,
            ),
        ]

    async def run(self, run_id: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM runs WHERE id = :id", id=run_id)
        return rows[0] if rows else None

    async def question(self, question_id: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM questions WHERE id = :id", id=question_id)
        return rows[0] if rows else None

    async def questions(self, oncall: str, *states: QuestionState) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM questions WHERE oncall = :oncall "
            "AND state IN (SELECT value FROM json_each(:states)) ORDER BY asked_at, id",
            oncall=oncall,
            states=pack([s.value for s in states or tuple(QuestionState)]),
        )

    async def waiting_questions(self, *, tenant: str, since: datetime) -> list[Row]:
        """Open questions of on-calls that have not closed, each with its channel: another may answer them."""
        return await self._database.fetch(
            "SELECT q.id, q.oncall, q.vector, q.standing_seq, o.channel "
            "FROM questions q JOIN oncalls o ON o.id = q.oncall "
            "WHERE q.tenant = :tenant AND q.state = 'open' AND q.resolved_at IS NULL "
            "AND q.vector IS NOT NULL AND o.state = 'open' AND o.quiet = 0 "
            "AND q.asked_at >= :since ORDER BY q.asked_at, q.id",
            tenant=tenant,
            since=stamp(since),
        )

    async def due_standing(self, *, now: datetime) -> list[Row]:
        return await self._database.fetch(
            f"SELECT q.*, {ASKS} FROM questions q WHERE q.standing_at IS NOT NULL AND q.standing_at <= :now "
            "ORDER BY q.standing_at, q.id LIMIT 50",
            now=stamp(now),
        )

    @staticmethod
    def change_question(question_id: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(f"UPDATE questions SET {changes} WHERE id = :id", {**values, "id": question_id})

    @staticmethod
    def on_its_way(key: str, *, shown: str) -> Statement:
        """The card is about to be posted, and may stand from now on whatever is heard of it.

        Returns its key, unless its question was withdrawn. ``shown`` of a card that is due says this.
        """
        return Statement(
            "UPDATE deliveries SET shown = :shown WHERE key = :key AND state = 'due' AND EXISTS "
            "(SELECT 1 FROM answers a JOIN questions q ON q.id = a.question WHERE a.id = deliveries.answer "
            "AND q.state != 'withdrawn') RETURNING key",
            {"key": key, "shown": shown},
        )

    @staticmethod
    def answered(question_id: str) -> Statement:
        """A card stands; unless the question was withdrawn or resolved while it was posted."""
        return Statement(
            "UPDATE questions SET state = 'answered' WHERE id = :id AND state IN ('open', 'unresolved')",
            {"id": question_id},
        )

    async def answer(self, answer_id: str) -> Row | None:
        rows = await self._database.fetch("SELECT * FROM answers WHERE id = :id", id=answer_id)
        return rows[0] if rows else None

    async def answers(self, oncall: str) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM answers WHERE oncall = :oncall ORDER BY at, id", oncall=oncall
        )

    async def sent(self, oncall: str, *, also: Sequence[DeliveryState] = ()) -> list[Row]:
        """Answers whose card stands or is about to (or is in one of these states), with the delivery's.

        A card that waits for a question that was withdrawn meanwhile is not about to: it will be skipped.
        """
        states = [DeliveryState.DUE, DeliveryState.SENT, *also]
        return await self._database.fetch(
            "SELECT a.*, d.state AS delivery_state, d.sent_at, d.due_at, d.accepted_by, "
            "d.key AS delivery_key FROM deliveries d JOIN answers a ON a.id = d.answer "
            "JOIN questions q ON q.id = a.question "
            "WHERE d.oncall = :oncall AND d.state IN (SELECT value FROM json_each(:states)) "
            "AND NOT (d.state = 'due' AND q.state = 'withdrawn') "
            "ORDER BY d.due_at, d.key",
            oncall=oncall,
            states=pack([state.value for state in states]),
        )

    async def due_deliveries(self, *, now: datetime, oncall: str = "") -> list[Row]:
        """The cards due, of one on-call or of all."""
        return await self._database.fetch(
            "SELECT * FROM deliveries WHERE state = 'due' AND due_at <= :now "
            "AND (:oncall = '' OR oncall = :oncall) ORDER BY due_at, key LIMIT 50",
            now=stamp(now),
            oncall=oncall,
        )

    async def due_delivery(self, key: str) -> Row | None:
        """One card, if it is still to be sent."""
        rows = await self._database.fetch(
            "SELECT * FROM deliveries WHERE key = :key AND state = 'due'", key=key
        )
        return rows[0] if rows else None

    async def delivery(self, *, answer: str) -> Row | None:
        """The card of an answer: what everybody sees, else the draft for analysts."""
        rows = await self._database.fetch(
            "SELECT * FROM deliveries WHERE answer = :answer "
            "ORDER BY audience = 'everyone' DESC, due_at DESC LIMIT 1",
            answer=answer,
        )
        return rows[0] if rows else None

    async def card_at(self, tenant: str, channel: str, ts: str) -> Row | None:
        """The delivery whose card stands at a platform's message, None when it is no card."""
        rows = await self._database.fetch(
            "SELECT d.* FROM deliveries d JOIN oncalls o ON o.id = d.oncall "
            "WHERE d.tenant = :tenant AND d.ts = :ts AND d.ts != '' AND o.channel = :channel "
            "AND d.audience = 'everyone'",
            tenant=tenant,
            channel=channel,
            ts=ts,
        )
        return rows[0] if rows else None

    @staticmethod
    def wake_drafts(oncall: str, *, at: datetime) -> Statement:
        """An analyst is there now: drafts that waited for one are due."""
        return Statement(
            "UPDATE deliveries SET due_at = min(due_at, :at) WHERE oncall = :oncall AND state = 'due' "
            "AND audience = 'analysts'",
            {"oncall": oncall, "at": stamp(at)},
        )

    @staticmethod
    def outdate(answer_id: str, *, at: datetime) -> Statement:
        """The card that stands no longer says the truth: it is to be drawn anew, or taken down."""
        return Statement(
            "UPDATE deliveries SET refresh_at = :at WHERE answer = :answer AND audience = 'everyone' "
            "AND ts != ''",
            {"answer": answer_id, "at": stamp(at)},
        )

    @staticmethod
    def outdate_asked(message_id: str, *, oncall: str, at: datetime) -> Statement:
        """The same for the cards that answer a message, which was edited or deleted."""
        return Statement(
            "UPDATE deliveries SET refresh_at = :at WHERE oncall = :oncall AND audience = 'everyone' "
            "AND state = 'sent' AND answer IN (SELECT a.id FROM answers a JOIN questions q "
            "ON q.id = a.question, json_each(q.message_ids) m WHERE a.oncall = :oncall AND m.value = :id)",
            {"id": message_id, "oncall": oncall, "at": stamp(at)},
        )

    @staticmethod
    def refreshed(key: str, *, was: str, shown: str, again: datetime | None = None) -> Statement:
        """The card shows that now (or is tried ``again``), unless something else changed it meanwhile."""
        return Statement(
            "UPDATE deliveries SET refresh_at = :again, shown = :shown "
            "WHERE key = :key AND refresh_at = :was",
            {"key": key, "was": was, "shown": shown, "again": stamp(again) if again else None},
        )

    async def due_refreshes(self, *, now: datetime) -> list[Row]:
        return await self._database.fetch(
            "SELECT * FROM deliveries WHERE refresh_at IS NOT NULL AND refresh_at <= :now "
            "ORDER BY refresh_at, key LIMIT 50",
            now=stamp(now),
        )

    async def edited_answers(self, oncall: str) -> set[str]:
        """Answers that an analyst posted in words of their own."""
        rows = await self._database.fetch(
            "SELECT answer FROM deliveries WHERE oncall = :oncall AND text IS NOT NULL", oncall=oncall
        )
        return {row["answer"] for row in rows}

    async def last_review(self, answer_id: str) -> Row | None:
        rows = await self._database.fetch(
            "SELECT * FROM reviews WHERE answer = :answer ORDER BY through DESC, id DESC LIMIT 1",
            answer=answer_id,
        )
        return rows[0] if rows else None

    @staticmethod
    def change_delivery(key: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(f"UPDATE deliveries SET {changes} WHERE key = :key", {**values, "key": key})

    @staticmethod
    def withdrawn(answer_id: str) -> Statement:
        """Whatever state its card is in, it is not sent any more."""
        return Statement(
            "UPDATE deliveries SET state = 'withdrawn' WHERE answer = :answer", {"answer": answer_id}
        )

    @staticmethod
    def accepted(answer_id: str, *, by: Sequence[str]) -> Statement:
        """Whose Accept stands, in the order they clicked."""
        return Statement(
            "UPDATE deliveries SET accepted_by = :by WHERE answer = :answer",
            {"by": ",".join(by), "answer": answer_id},
        )

    async def feedback(self, answer_id: str) -> list[Row]:
        """Every click on an answer's card, in order."""
        return await self._database.fetch(
            "SELECT * FROM feedback WHERE answer = :answer ORDER BY id", answer=answer_id
        )

    @staticmethod
    def end_delivery(key: str, state: DeliveryState, *, error: str = "") -> Statement:
        return Statement(
            "UPDATE deliveries SET state = :state, last_error = :error WHERE key = :key AND state = 'due'",
            {"key": key, "state": state.value, "error": error[:500]},
        )

    @staticmethod
    def change_answer(answer_id: str, **values: Any) -> Statement:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        return Statement(f"UPDATE answers SET {changes} WHERE id = :id", {**values, "id": answer_id})

    @staticmethod
    def set_outcome(answer_id: str, outcome: Outcome, *, at: datetime, final: bool = False) -> Statement:
        """A person's click outranks what review concludes: ``final`` overwrites, a review does not."""
        guard = (
            ""
            if final
            else " AND COALESCE(outcome, '') NOT IN ('accepted_by_asker', 'verified', 'withdrawn')"
        )
        return Statement(
            f"UPDATE answers SET outcome = :outcome, outcome_at = :at WHERE id = :id{guard}",
            {"id": answer_id, "outcome": outcome.value, "at": stamp(at)},
        )

    @staticmethod
    def put_feedback(
        *,
        tenant: str,
        answer: str,
        actor: str,
        role: str,
        kind: str,
        at: datetime,
        subject: str = "",
        actor_name: str = "",
    ) -> Statement:
        values = {
            "tenant": tenant,
            "answer": answer,
            "actor": actor,
            "actor_name": actor_name,
            "role": role,
            "kind": kind,
            "subject": subject,
            "at": stamp(at),
        }
        return Statement(
            f"INSERT INTO feedback {columns(values)} ON CONFLICT DO NOTHING RETURNING id", values
        )

    async def owed_feedback(self, *, now: datetime) -> list[Row]:
        return await self._database.fetch(
            f"SELECT f.* FROM feedback f WHERE {OWED} AND f.due_at <= :now ORDER BY f.id LIMIT 50",
            now=stamp(now),
        )

    @staticmethod
    def feedback_failed(feedback_id: int, *, due: datetime, error: str) -> Statement:
        return Statement(
            "UPDATE feedback SET attempts = attempts + 1, due_at = :due, last_error = :error WHERE id = :id",
            {"id": feedback_id, "due": stamp(due), "error": error[:500]},
        )

    @staticmethod
    def feedback_applied(feedback_id: int, *, at: datetime) -> Statement:
        return Statement(
            "UPDATE feedback SET applied_at = :at WHERE id = :id", {"id": feedback_id, "at": stamp(at)}
        )

    @staticmethod
    def put_calls(calls: Sequence[ModelCall], *, oncall: Row, run: str = "") -> list[Statement]:
        """Requests to language models, on the account of an on-call and, where there is one, a run."""
        found = []
        for call in calls:
            values = {
                "tenant": oncall["tenant"],
                "channel": oncall["channel"],
                "oncall": oncall["id"],
                "run": run,
                "stage": call.stage,
                "model": call.model,
                "at": stamp(call.at),
                "ms": call.ms,
                "tokens_in": call.tokens_in,
                "tokens_out": call.tokens_out,
                "cost": call.cost,
                "cached": int(call.cached),
                "error": call.error[:500],
            }
            found.append(Statement(f"INSERT INTO model_calls {columns(values)}", values))
        return found

    async def spending(self, *, since: datetime, until: datetime | None = None) -> list[Row]:
        """Use of language models by day (UTC) and channel, oldest first.

        ``paid`` is what was spent, ``cost`` what it would have been without kept replies, both in US
        dollars; ``unpriced`` counts calls of models without a known price.
        """
        return await self._database.fetch(
            "SELECT substr(at, 1, 10) AS day, tenant, channel, count(*) AS calls, "
            "sum(error != '') AS failed, sum(cached) AS cached, sum(tokens_in) AS tokens_in, "
            "sum(tokens_out) AS tokens_out, sum(CASE WHEN cached THEN 0 ELSE tokens_in + tokens_out END) "
            "AS tokens_paid, total(CASE WHEN cached THEN 0 ELSE cost END) AS paid, total(cost) AS cost, "
            "sum(cost IS NULL AND error = '') AS unpriced FROM model_calls "
            "WHERE at >= :since AND (:until IS NULL OR at < :until) "
            "GROUP BY day, tenant, channel ORDER BY day, tenant, channel",
            since=stamp(since),
            until=stamp(until) if until else None,
        )

    @staticmethod
    def put_review(review: Review, *, tenant: str, answer: str, through: datetime, at: datetime) -> Statement:
        values = {
            "tenant": tenant,
            "answer": answer,
            "through": stamp(through),
            "verdict": review.verdict.value,
            "agreed": int(review.agreed),
            "message_ids": pack(list(review.message_ids)),
            "reason": review.reason,
            "at": stamp(at),
        }
        return Statement(f"INSERT INTO reviews {columns(values)} ON CONFLICT DO NOTHING", values)
