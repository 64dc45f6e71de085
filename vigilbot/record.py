"""From a trace to the rows of one write: run, questions, answers, deliveries (architecture, state).

Every candidate passage is kept with its revision and scores, and so is what would have been posted
had the mode allowed it: "Why this?", replay, the report and later learners read these rows, and an
older run cannot be filled in afterwards.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vigilbot.autonomy.critic import proposal
from vigilbot.autonomy.gate import Gate, Verdict
from vigilbot.domain import (
    Citation,
    Decision,
    DeliveryState,
    KnowledgeEntry,
    Mode,
    Passage,
    QuestionState,
    Result,
    Scope,
)
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.requests import ASKED
from vigilbot.ledger.rows import (
    moment,
    optional_moment,
    pack,
    pack_citations,
    stamp,
    vector_blob,
)
from vigilbot.logs import WORK
from vigilbot.pipeline import Judged, Sent, Trace
from vigilbot.ports import Engine, Row, Statement
from vigilbot.usage import ModelCall

work = logging.getLogger(WORK)

_ORDER = (
    Result.DECIDED,
    Result.HELD,
    Result.STALE,
    Result.DUPLICATE,
    Result.ANSWERED_BY_HUMAN,
    Result.ABSTAINED,
)
"""A run of several questions is named after the furthest any of them came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """What is known of a run besides its trace."""

    key: str
    oncall: Row
    channel: Row
    mode: Mode
    purpose: str  # customer | standing | asked
    triggers: Sequence[str]
    sent: Sequence[Row]  # deliveries that stand or are due in this on-call
    now: datetime
    engine: Engine
    askers: Mapping[str, str] = field(default_factory=dict)  # who wrote each trigger
    versions: Mapping[str, int] = field(default_factory=dict)  # of triggers that were edited before
    too_late: str = ""  # why an answer is of no use any more
    silent: str = ""  # why nothing is said in this channel for now
    standing: Row | None = None  # the question, when the run is about a standing one
    calls: Sequence[ModelCall] = ()  # of language models
    fallbacks: Sequence[str] = ()  # judgements made without the model, and why


def run_id(purpose: str, parts: Sequence[str]) -> str:
    """Derived from what triggered it: a run repeated after a crash is the same run."""
    digest = hashlib.sha256("\x1f".join([purpose, *sorted(parts)]).encode())
    return "R" + digest.hexdigest()[:16]


def delivery_key(run: str, question: str, purpose: str, audience: str) -> str:
    """One card at most for each: a repeated decision is the same delivery."""
    return f"{run}:{question}:{purpose}:{audience}"


def purpose_of(key: str) -> str:
    """What a delivery is for: customer, standing or asked."""
    return key.rsplit(":", 2)[1]


def acts_in(channel: Row) -> bool:
    """Whether the bot does anything in a channel of its own accord: not where it was told to leave alone,
    where it was removed, or where nobody can write any more."""
    removed = bool(channel["greeting"]) and not channel["member"]
    return bool(channel["watched"]) and not channel["archived"] and not removed


def silence(channel: Row, now: datetime) -> str:
    """Why nothing is said in a channel for now; "" when the bot may speak."""
    paused = optional_moment(channel["paused_until"])
    if paused is not None and paused > now:
        return f"paused until {paused:%Y-%m-%d %H:%M} UTC"
    return "" if acts_in(channel) else "the bot does not act in this channel"


class Recorder:
    def __init__(self, *, gate: Gate, card_gap: timedelta, stale: timedelta, latency: timedelta) -> None:
        self._gate = gate
        self._card_gap = card_gap
        self._stale = stale
        self._latency = latency

    def statements(self, trace: Trace, facts: RunFacts) -> list[Statement]:
        parts: list[Statement] = []
        results: list[Result] = []
        waiting = {row["id"] for row in facts.sent if not row["accepted_by"]}
        standing = 0 if facts.purpose == ASKED else len(waiting)
        due = self._next_slot(facts)
        for number, judged in enumerate(trace.judged):
            result, verdict = self._result(judged, facts, standing)
            results.append(result)
            question_id = facts.standing["id"] if facts.standing else f"{facts.key}.{number}"
            if facts.standing is None:
                parts.append(_question_row(question_id, judged, facts))
            answer_id = f"{facts.key}.{number}"
            parts.append(_answer_row(answer_id, question_id, judged, result, verdict, facts))
            if result is Result.DECIDED:
                standing += 1
                parts.append(self._delivery_row(answer_id, question_id, verdict.decision, due, facts))
                due += self._card_gap
        calls = Runs.put_calls(facts.calls, oncall=facts.oncall, run=facts.key)
        return [_run_row(trace, results, facts), *parts, *calls]

    def _next_slot(self, facts: RunFacts) -> datetime:
        """When the next card may go out: after the run's own time and the gap to the last card.

        Who asked the bot itself waits for no gap.
        """
        due = facts.now + self._latency
        if facts.purpose == ASKED:
            return due
        for row in facts.sent:
            due = max(due, moment(row["sent_at"] or row["due_at"]) + self._card_gap)
        return due

    def _result(self, judged: Judged, facts: RunFacts, standing: int) -> tuple[Result, Verdict]:
        verdict = self._gate.decide(
            mode=facts.mode,
            confidence=judged.answer.confidence,
            standing=standing,
            quiet=bool(facts.oncall["quiet"]),
            enough=judged.enough,
        )
        if judged.answer.refused:
            result, reason = Result.ABSTAINED, judged.answer.reason or "no passage supports an answer"
        elif judged.addressed_by is not None:
            result, reason = Result.ANSWERED_BY_HUMAN, f"answered by {judged.addressed_by.id} before the run"
        elif judged.said_by is not None:
            result, reason = Result.DUPLICATE, f"a human has said so already ({judged.said_by.id})"
        elif judged.duplicate is not None:
            result = Result.DUPLICATE
            reason = f"says what {judged.duplicate.of} says (cosine {judged.duplicate.similarity:.2f})"
        elif facts.too_late:
            result, reason = Result.STALE, facts.too_late
        elif facts.silent:
            would_post = verdict.would_post
            return Result.HELD, Verdict(decision=Decision.HOLD, would_post=would_post, reason=facts.silent)
        elif verdict.decision is Decision.HOLD:
            return Result.HELD, verdict
        else:
            return Result.DECIDED, verdict
        would_post = verdict.would_post and result is Result.ANSWERED_BY_HUMAN
        return result, Verdict(decision=Decision.HOLD, would_post=would_post, reason=reason)

    def _delivery_row(
        self, answer_id: str, question_id: str, decision: Decision, due: datetime, facts: RunFacts
    ) -> Statement:
        return Runs.put(
            "deliveries",
            key=delivery_key(facts.key, question_id, facts.purpose, decision),
            tenant=facts.oncall["tenant"],
            oncall=facts.oncall["id"],
            answer=answer_id,
            audience=decision.value,
            state=DeliveryState.DUE.value,
            due_at=stamp(due),
            stale_at=stamp(facts.now + self._latency + self._stale),
        )


def _run_row(trace: Trace, results: Sequence[Result], facts: RunFacts) -> Statement:
    scope = trace.identification.scope
    if results:
        result = min(results, key=_ORDER.index)
    elif scope is Scope.WITHIN:
        result = Result.NO_QUESTION
    else:
        result = Result.OUT_OF_SCOPE if scope is Scope.OUT else Result.NO_QUESTION
    ids = {"run": facts.key, "oncall": facts.oncall["id"]}
    work.info("run %s: %s, %d questions", facts.key, result, len(results), extra=ids)
    return Runs.put(
        "runs",
        id=facts.key,
        tenant=facts.oncall["tenant"],
        oncall=facts.oncall["id"],
        purpose=facts.purpose,
        at=stamp(facts.now),
        through=stamp(trace.through),
        triggers=pack(list(facts.triggers)),
        scope=scope.value,
        within=trace.identification.within,
        result=result.value,
        mode=facts.mode.value,
        trace=pack(
            {
                "identification": {
                    "within": trace.identification.within,
                    "out": trace.identification.out,
                    "none": trace.identification.none,
                    "reason": trace.identification.reason,
                },
                "timings_ms": dict(trace.timings),
                "engine": facts.engine.name,
                "engine_version": facts.engine.version,
                "gate": facts.oncall["gate_reason"],
                **({"calls": [_call(call) for call in facts.calls]} if facts.calls else {}),
                **({"versions": dict(facts.versions)} if facts.versions else {}),
                **({"fallbacks": list(facts.fallbacks)} if facts.fallbacks else {}),
            }
        ),
    )


def _call(call: ModelCall) -> dict[str, object]:
    return {
        "stage": call.stage,
        "model": call.model,
        "ms": call.ms,
        "tokens": [call.tokens_in, call.tokens_out],
        "cost": call.cost,
        "cached": call.cached,
        "error": call.error,
    }


def _question_row(question_id: str, judged: Judged, facts: RunFacts) -> Statement:
    return Runs.put(
        "questions",
        id=question_id,
        tenant=facts.oncall["tenant"],
        oncall=facts.oncall["id"],
        run=facts.key,
        space=facts.channel["space"],
        text=judged.question.text,
        terms=pack(list(judged.question.terms)),
        message_ids=pack(list(judged.question.message_ids)),
        asker=next(
            (facts.askers[i] for i in reversed(judged.question.message_ids) if i in facts.askers),
            facts.oncall["customer"],
        ),
        asked_at=stamp(facts.now),
        state=QuestionState.OPEN.value,
        vector=vector_blob(judged.vector),
    )


def _answer_row(
    answer_id: str, question_id: str, judged: Judged, result: Result, verdict: Verdict, facts: RunFacts
) -> Statement:
    answer = judged.answer
    leaned = {p.entry.id: p.entry.revision for p in answer.passages}
    sources = [sources_of(p.entry) for p in answer.passages]
    citations = [first[0] for first in sources] + [more for each in sources for more in each[1:]]
    return Runs.put(
        "answers",
        id=answer_id,
        tenant=facts.oncall["tenant"],
        oncall=facts.oncall["id"],
        run=facts.key,
        question=question_id,
        at=stamp(facts.now),
        result=result.value,
        mode=facts.mode.value,
        audience=verdict.decision.value,
        would_post=int(verdict.would_post),
        confidence=answer.confidence,
        features=pack(_rounded(answer.features)),
        proposal=proposal(answer, judged.passages),
        text=answer.text,
        passages=pack([_passage(p) for p in judged.passages]),
        leaned=json.dumps(leaned, separators=(",", ":")),  # in the order of the markers
        citations=pack_citations(citations),
        reason=verdict.reason,
    )


def sources_of(entry: KnowledgeEntry) -> tuple[Citation, ...]:
    """What a reader can check: the entry's links, or the earlier case itself."""
    return entry.citations or (Citation(url="", title=f"an earlier case ({entry.id})"),)


def _passage(passage: Passage) -> dict[str, object]:
    entry = passage.entry
    return {
        "entry": entry.id,
        "revision": entry.revision,
        "dense": round(passage.dense, 5),
        "lexical": round(passage.lexical, 5),
        "score": round(passage.score, 6),
        "support": passage.support,
        "against": passage.against,
        "resolutions": passage.resolutions,
        "urls": [c.url for c in entry.citations],
        **({"evidence": _rounded(passage.evidence)} if passage.evidence else {}),
    }


def _rounded(features: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in features.items()}


async def sent_cards(ledger: Ledger, oncall_id: str) -> list[Sent]:
    """Cards of an on-call as deduplication compares them: an analyst took a withdrawn one away for good."""
    rows = await ledger.runs.sent(oncall_id, also=[DeliveryState.WITHDRAWN])
    leaned = [leaned_on(row) for row in rows]
    current = await ledger.entries.current([entry for each in leaned for entry in each])
    same = await ledger.entries.unchanged([told for each in leaned for told in each.items()])
    return [
        Sent(
            answer=row["id"],
            text=row["text"],
            leaned=each,
            current={
                entry: revision if (entry, revision) in same else current[entry].revision
                for entry, revision in each.items()
                if entry in current
            },
        )
        for row, each in zip(rows, leaned, strict=True)
    ]
