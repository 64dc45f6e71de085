"""Confidence after what became of the same answer before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from vigilbot.app import open_ledger
from vigilbot.autonomy.critic import OWN, PULL, Critic, Precedent, corrected, proposal
from vigilbot.domain import Answer, Citation, KnowledgeEntry, Outcome, Passage, PassageKind, Trust
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.rows import pack, pack_citations, stamp, vector_blob
from vigilbot.ports import Statement, Vector
from vigilbot.providers.clock import SimulatedClock
from vigilbot.testing.world import BEGIN

URL = "https://docs.example/reset?utm_source=chat"


def towards(degrees: float) -> Vector:
    angle = np.radians(degrees)
    return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


def seen(degrees: float, *, right: bool, confidence: float = 0.7) -> Precedent:
    return Precedent(vector=towards(degrees), confidence=confidence, right=right)


def test_without_a_past_nothing_changes() -> None:
    assert corrected(0.42, towards(0), []) == 0.42


def test_it_falls_after_a_wrong_answer_and_rises_after_a_right_one() -> None:
    wrong = corrected(0.7, towards(0), [seen(0, right=False)])
    assert wrong < 0.5 < 0.7 < corrected(0.7, towards(0), [seen(0, right=True)])
    assert corrected(0.7, towards(0), [seen(0, right=False)] * 2) < wrong


def test_a_question_like_it_counts_and_another_one_hardly() -> None:
    near, far = (corrected(0.7, towards(a), [seen(0, right=False)] * 3) for a in (10, 85))
    assert near < 0.3
    assert far == pytest.approx(0.7, abs=0.06)


def test_one_answer_can_be_right_for_these_and_wrong_for_those() -> None:
    past = [seen(0, right=True), seen(5, right=True), seen(80, right=False), seen(85, right=False)]
    assert corrected(0.6, towards(0), past) > 0.7
    assert corrected(0.6, towards(85), past) < 0.35


def test_it_comes_to_the_truth_however_sure_the_engine_was() -> None:
    past = [seen(0, right=number % 4 == 0, confidence=0.95) for number in range(200)]
    assert corrected(0.95, towards(0), past) == pytest.approx(0.25, abs=0.05)


def test_where_corrections_are_as_expected_confidences_come_true() -> None:
    """A score of precedents in many dimensions leaves much unknown: who forgets that is too sure."""
    drawn = np.random.default_rng(3)
    told, came = [], []
    for _ in range(2000):
        correction = drawn.normal(scale=np.sqrt(PULL), size=20)
        odds = drawn.normal(
            scale=0.5, size=20
        )  # what an engine states is right on average over all corrections
        stated = 1 / (1 + np.exp(-odds / np.sqrt(1 + np.pi * PULL / 8)))
        asked = drawn.normal(size=(20, 20))
        asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        right = drawn.uniform(size=20) < 1 / (1 + np.exp(-(odds + asked @ correction)))
        past = [
            Precedent(vector=v, confidence=float(c), right=bool(r))
            for v, c, r in zip(asked, stated, right, strict=True)
        ]
        told.append(corrected(float(stated[0]), asked[0], past[1:]))
        came.append(right[0])
    sure = np.array(told) >= 0.7
    assert sure.sum() > 200
    assert np.mean(np.array(told)[sure]) - np.mean(np.array(came)[sure]) < 0.04


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_it_stays_a_probability(confidence: float) -> None:
    for right in (True, False):
        assert 0 < corrected(confidence, towards(0), [seen(0, right=right, confidence=confidence)] * 200) < 1


# -- on a ledger


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(tmp_path, durable=False)
    yield opened
    await opened.close()


def passage(entry: str = "K1", url: str = URL) -> Passage:
    known = KnowledgeEntry(
        id=entry,
        revision=1,
        space="public",
        kind=PassageKind.QA,
        question="How do I reset it?",
        answer="Like this.",
        citations=(Citation(url=url, title="Reset"),) if url else (),
        trust=Trust.PROBATION,
        channel="C1",
        learned_from="O1",
        message_ids=("m1",),
        valid_from=BEGIN,
        actor="U1",
    )
    return Passage(entry=known, dense=0.9, lexical=1.0, score=0.8)


ANSWER = Answer(text="Like this. [1]", passages=(passage(),), confidence=0.7, features={"share": 0.6})
REFUSAL = Answer(text="", passages=(), confidence=0.3, reason="too weak")


async def judged(
    ledger: Ledger,
    name: str,
    outcome: Outcome | None,
    *,
    space: str = "public",
    answer: Answer = ANSWER,
    minutes: float = 1,
    learned: str = "",
    vector: Vector | None = None,
) -> None:
    """An answer of an on-call of its own, with what became of it."""
    at, then = stamp(BEGIN), stamp(BEGIN + timedelta(minutes=minutes))
    oncall = {"id": name, "tenant": "T1", "channel": "C1", "thread": name, "state": "open"}
    values = {"tenant": "T1", "oncall": name, "run": name}
    await ledger.write(
        Chats.put_oncall(**oncall, opened_at=at, last_at=at),
        Runs.put("runs", id=name, tenant="T1", oncall=name, purpose="customer", at=at, through=at,
                 triggers="[]", scope="within", within=1.0, result="decided", mode="everyone", trace="{}"),
        Runs.put("questions", **values, id=name, space=space, text="?", message_ids="[]", asker="U1",
                 asked_at=at, state="open", entry=learned,
                 vector=vector_blob(towards(0) if vector is None else vector)),
        Runs.put("answers", **values, id=name, question=name, at=at, mode="everyone", audience="everyone",
                 result="abstained" if answer.refused else "decided", would_post=1, leaned="{}",
                 confidence=answer.confidence, features=pack(dict(answer.features)), text=answer.text,
                 passages="[]", citations="[]", reason="", proposal=proposal(answer, [passage()]),
                 outcome=outcome, outcome_at=then if outcome else None),
    )  # fmt: skip
    if learned:
        told = {"entry": learned, "oncall": name, "tenant": "T1", "channel": "C1", "at": then}
        await ledger.write(
            Statement(
                "INSERT INTO support (entry, oncall, kind, tenant, channel, customer, at) "
                "VALUES (:entry, :oncall, 'learned', :tenant, :channel, 'U1', :at)",
                told,
            )
        )


async def asked(
    ledger: Ledger, *, hours: float = 1, space: str = "public", answer: Answer = ANSWER, tenant: str = "T1"
) -> Answer:
    clock = SimulatedClock(BEGIN + timedelta(hours=hours))
    critic = Critic(ledger=ledger, clock=clock, enough=0.5)
    return await critic.assess(answer, vector=towards(0), passages=[passage()], tenant=tenant, space=space)


async def test_what_was_contradicted_is_less_sure_the_next_time(ledger: Ledger) -> None:
    await judged(ledger, "1", Outcome.CONTRADICTED)
    found = await asked(ledger)
    assert found.confidence < 0.5
    assert found.features[OWN] == 0.7
    assert (found.text, found.passages) == (ANSWER.text, ANSWER.passages)


@pytest.mark.parametrize(
    "outcome", [Outcome.VERIFIED, Outcome.ACCEPTED_BY_ASKER, Outcome.CONSISTENT_BY_HUMAN]
)
async def test_what_people_confirmed_is_surer(ledger: Ledger, outcome: Outcome) -> None:
    await judged(ledger, "1", outcome)
    assert (await asked(ledger)).confidence > 0.75


@pytest.mark.parametrize("outcome", [None, Outcome.IGNORED, Outcome.BEATEN, Outcome.ENVIRONMENT])
async def test_what_says_nothing_about_the_answer_changes_nothing(
    ledger: Ledger, outcome: Outcome | None
) -> None:
    await judged(ledger, "1", outcome)
    assert await asked(ledger) == ANSWER


async def test_outcomes_of_the_future_other_spaces_and_other_answers_do_not_count(ledger: Ledger) -> None:
    other = replace(ANSWER, passages=(passage("K2", "https://docs.example/other"),))
    await judged(ledger, "1", Outcome.CONTRADICTED, minutes=120)
    await judged(ledger, "2", Outcome.CONTRADICTED, space="private:C9")
    await judged(ledger, "3", Outcome.CONTRADICTED, answer=other)
    assert await asked(ledger) == ANSWER
    assert await asked(ledger, tenant="T2", space="private:C9") == ANSWER
    assert (await asked(ledger, hours=3)).confidence < 0.5


async def test_another_entry_that_cites_the_document_is_the_same_proposal(ledger: Ledger) -> None:
    await judged(ledger, "1", Outcome.CONTRADICTED)
    again = replace(ANSWER, passages=(passage("K7", "http://docs.example/reset/"),))
    assert (await asked(ledger, answer=again)).confidence < 0.5


async def test_the_engines_own_confidence_is_what_a_correction_begins_with(ledger: Ledger) -> None:
    raised = replace(ANSWER, confidence=0.99, features={OWN: 0.7})
    await judged(ledger, "1", Outcome.CONTRADICTED, answer=raised)
    after = (await asked(ledger)).confidence
    assert after == pytest.approx(corrected(0.7, towards(0), [seen(0, right=False)]))


async def test_a_refusal_stays_one_and_is_a_precedent_once_people_resolved_the_question(
    ledger: Ledger,
) -> None:
    assert await asked(ledger, answer=REFUSAL) == REFUSAL
    entry = {"entry": "K5", "at": stamp(BEGIN), "citations": pack_citations([Citation(url=URL, title="")])}
    await ledger.write(
        Statement(
            "INSERT INTO knowledge (entry, revision, tenant, space, channel, learned_from, kind, question, "
            "answer, citations, message_ids, trust, operation, actor, reason, valid_from) VALUES "
            "(:entry, 1, 'T1', 'public', 'C1', 'O1', 'qa', 'q', 'a', :citations, '[]', 'probation', 'learn', "
            "'x', '', :at)",
            entry,
        )
    )
    await judged(ledger, "1", None, answer=REFUSAL)
    assert await asked(ledger) == ANSWER  # nobody knows yet
    await judged(ledger, "2", None, answer=REFUSAL, learned="K5", minutes=120)
    assert await asked(ledger) == ANSWER
    assert (await asked(ledger, hours=3)).confidence > 0.75
    assert await asked(ledger, hours=3, answer=REFUSAL) == REFUSAL


async def test_vectors_of_another_model_are_left_out(ledger: Ledger) -> None:
    await judged(ledger, "1", Outcome.CONTRADICTED, vector=np.ones(3, dtype=np.float32))
    assert await asked(ledger) == ANSWER


async def test_a_target_is_aimed_at_space_by_space(ledger: Ledger) -> None:
    for number in range(40):
        await judged(ledger, f"a{number}", Outcome.CONSISTENT_BY_HUMAN)
        await judged(ledger, f"b{number}", Outcome.CONTRADICTED, space="private:C9")
    critic = Critic(ledger=ledger, clock=SimulatedClock(BEGIN + timedelta(hours=1)), enough=0.5, target=0.9)
    assert await critic.enough(tenant="T1", space="public") == 0.7
    assert (await critic.enough(tenant="T1", space="private:C9")) >= 0.9
    assert await critic.enough(tenant="T1", space="new") == 0.9
    fixed = Critic(ledger=ledger, clock=SimulatedClock(BEGIN), enough=0.5)
    assert await fixed.enough(tenant="T1", space="public") == 0.5


def test_what_an_answer_comes_down_to() -> None:
    assert proposal(ANSWER, ()) == "docs.example/reset"
    assert proposal(REFUSAL, [passage(url="")]) == "K1"
    assert proposal(REFUSAL, []) == ""
    assert proposal(ANSWER, [passage("K9", "")]) == "docs.example/reset"  # what is cited, not what is first
