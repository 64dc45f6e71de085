"""Review: Keep, Update with the distinguishing precondition, and Delete only on good grounds."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engines.talk import asked, dialogue
from vigilbot.domain import (
    Answer,
    Citation,
    KnowledgeEntry,
    Passage,
    PassageKind,
    Review,
    Trust,
    Verdict,
)
from vigilbot.engines.extractive.review import Reviewer
from vigilbot.providers.embedder_hash import HashEmbedder

ASKED = "Why does the nightly export fail with ERR-42?"
KNOWN = "ERR-42 means that the export target is full. Clear the spool folder."


def known(answer: str = KNOWN, question: str = ASKED, url: str = "") -> Answer:
    entry = KnowledgeEntry(
        id="k1",
        revision=1,
        channel="C1",
        kind=PassageKind.QA,
        question=question,
        answer=answer,
        citations=(Citation(url=url, title=""),) if url else (),
        trust=Trust.PROBATION,
        space="s",
        learned_from="oncall-0",
        message_ids=("x1",),
        valid_from=datetime(2030, 1, 1, tzinfo=UTC),
        actor="vigilbot",
    )
    return Answer(
        text=f"{answer} [1]",
        passages=(Passage(entry=entry, dense=0.9, lexical=1.0, score=0.9),),
        confidence=0.8,
    )


async def reviewed(*said: tuple[str, str], answer: Answer | None = None, question: str = ASKED) -> Review:
    reviewer = Reviewer(embedder=HashEmbedder(), theta=0.7)
    return await reviewer.review(dialogue(*said), asked(question), answer or known())


async def test_the_topic_ended_keep_neutrally() -> None:
    review = await reviewed(("c:ann", ASKED), ("b", KNOWN))
    assert (review.verdict, review.agreed, review.message_ids) == (Verdict.KEEP, False, ())
    review = await reviewed(("c:ann", ASKED), ("b", KNOWN), ("c:ann", "ok"), ("a:bo", "hi, looking"))
    assert (review.verdict, review.agreed) == (Verdict.KEEP, False)


async def test_the_human_said_the_same() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("b", KNOWN),
        ("a:bo", "ERR-42 means the export target is full, clear the spool folder"),
    )
    assert (review.verdict, review.agreed, review.message_ids) == (Verdict.KEEP, True, ("m2",))


async def test_the_human_shared_the_same_link() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("a:bo", "Everything about that is here: http://www.help.example/err-42/?utm_source=chat"),
        answer=known("Follow https://help.example/err-42 please", url="https://help.example/err-42"),
    )
    assert (review.verdict, review.agreed, review.message_ids) == (Verdict.KEEP, True, ("m1",))


async def test_another_cause_becomes_a_branch_with_its_precondition() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("b", KNOWN),
        ("c:ann", "the spool is empty, I'm behind a corporate proxy"),
        ("a:bo", "If you are behind a proxy, you need to set HTTPS_PROXY for the export service"),
        ("c:ann", "that worked, thanks"),
    )
    assert review.verdict is Verdict.UPDATE
    assert not review.agreed
    assert "proxy" in review.precondition
    assert review.question == ASKED
    assert review.answer.startswith(KNOWN)
    assert "HTTPS_PROXY" in review.answer
    assert "m3" in review.message_ids


async def test_the_asker_s_own_fact_is_the_precondition_when_the_analyst_states_none() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("b", KNOWN),
        ("c:ann", "The spool is empty, we moved to the Frankfurt region yesterday."),
        ("a:bo", "You need to renew the storage token of the export service"),
        ("c:ann", "works now, thanks"),
    )
    assert review.verdict is Verdict.UPDATE
    assert "Frankfurt" in review.precondition
    assert "m2" in review.message_ids
    assert "m3" in review.message_ids


async def test_what_nobody_confirmed_is_no_other_cause() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("b", KNOWN),
        ("c:ann", "The spool is empty, we moved to the Frankfurt region yesterday."),
        ("a:bo", "You need to renew the storage token of the export service"),
        ("c:ann", "and where is the canteen?"),
    )
    assert (review.verdict, review.agreed) == (Verdict.KEEP, False)


async def test_a_second_branch_keeps_the_first() -> None:
    first = f"{KNOWN}\nIf you are behind a proxy: set HTTPS_PROXY"
    review = await reviewed(
        ("c:ann", ASKED),
        ("a:bo", "If the clock is skewed, you need to restart the time daemon of the export host"),
        ("c:ann", "that fixed it"),
        answer=known(first),
    )
    assert review.verdict is Verdict.UPDATE
    assert review.answer.startswith(first)
    assert "clock is skewed" in review.precondition


async def test_an_analyst_s_rejection_deletes() -> None:
    review = await reviewed(("c:ann", ASKED), ("b", KNOWN), ("a:bo", "ignore the bot, that is wrong"))
    assert (review.verdict, review.message_ids) == (Verdict.DELETE, ("m2",))


async def test_a_customer_s_rejection_does_not() -> None:
    review = await reviewed(("c:ann", ASKED), ("b", KNOWN), ("c:ann", "the bot is wrong"))
    assert review.verdict is Verdict.KEEP


async def test_that_s_not_it_counts_only_right_behind_the_card() -> None:
    behind = await reviewed(("c:ann", ASKED), ("b", KNOWN), ("a:bo", "that's not it"))
    assert behind.verdict is Verdict.DELETE
    elsewhere = await reviewed(
        ("c:ann", ASKED), ("b", KNOWN), ("c:ann", "is it the weather?"), ("a:bo", "that's not it")
    )
    assert elsewhere.verdict is Verdict.KEEP


async def test_the_contrary_of_the_same_answer_deletes() -> None:
    review = await reviewed(
        ("c:ann", "Is the nightly export of large tables supported?"),
        ("a:bo", "The nightly export of large tables is not supported"),
        answer=known(
            "The nightly export of large tables is supported",
            "Is the nightly export of large tables supported?",
        ),
        question="Is the nightly export of large tables supported?",
    )
    assert (review.verdict, review.message_ids) == (Verdict.DELETE, ("m1",))


async def test_another_answer_to_another_trouble_changes_nothing() -> None:
    review = await reviewed(
        ("c:ann", "How do I print an invoice?"),
        ("a:bo", "You can print it under Billing if you are an owner"),
        answer=known(),
        question="How do I print an invoice?",
    )
    assert (review.verdict, review.agreed) == (Verdict.KEEP, False)


async def test_an_answer_without_passages_is_reviewed_for_its_outcome() -> None:
    review = await reviewed(
        ("c:ann", ASKED),
        ("a:bo", "You should clear the spool folder"),
        answer=Answer(text="x", passages=(), confidence=0),
    )
    assert review.verdict is Verdict.KEEP


@pytest.mark.parametrize("unit", ["x", "If {id} {{x}} ", "\u202e", "not "])
async def test_hostile_dialogues_are_reviewed_quickly(unit: str) -> None:
    hostile = unit * (100_000 // len(unit))
    started = time.perf_counter()
    await reviewed(("c:ann", hostile), ("a:bo", hostile), question=hostile[:300], answer=known(hostile))
    assert time.perf_counter() - started < 4


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["c:ann", "a:bo", "b"]), st.text(max_size=60)), max_size=6))
async def test_a_verdict_names_only_messages_that_exist(said: list[tuple[str, str]]) -> None:
    talk = dialogue(("c:ann", ASKED), *said)
    review = await Reviewer(embedder=HashEmbedder(), theta=0.7).review(talk, asked(ASKED), known())
    assert set(review.message_ids) <= {m.id for m in talk.messages}
    assert review.reason
    assert (review.verdict is Verdict.UPDATE) == bool(review.answer)
    if review.verdict is not Verdict.KEEP:
        assert review.message_ids
