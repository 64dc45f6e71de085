"""What a channel's resolutions are for is learned from the questions they resolved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.pipeline.test_rerank import BILLING, RESET, CountingEmbedder, asked, passage
from vigilbot.app import open_ledger
from vigilbot.domain import ChannelHistory, Citation, Extraction, PastCase, SupportKind
from vigilbot.engine import habits_of
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.ledger import Ledger
from vigilbot.pipeline.habits import Habits
from vigilbot.pipeline.rerank import EvidenceReranker
from vigilbot.pipeline.retrieve import Place, Retriever
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import HashEmbedder, RememberingEmbedder
from vigilbot.testing.world import BEGIN
from vigilbot.text import canonical_url

FORM, PAGE = canonical_url(RESET), canonical_url(BILLING)
WHAT = ("game", "realm", "server", "launcher", "world", "console")


def case(question: str, *resolutions: str) -> PastCase:
    return PastCase(oncall=question, question=question, resolutions=resolutions)


def history(*more: PastCase) -> ChannelHistory:
    """Who wants money back is sent to the form, whose thing crashes to the page."""
    cases = [case(f"please refund my {what}", FORM) for what in WHAT]
    cases += [case(f"the {what} keeps crashing at night", PAGE) for what in WHAT]
    return ChannelHistory(times={FORM: 6, PAGE: 6}, cases=(*cases, *more))


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def habits(embedder: CountingEmbedder) -> Habits:
    return Habits(embedder)


async def leanings(habits: Habits, text: str, known: ChannelHistory, *names: str) -> list[float]:
    leaning = await habits.leaning(text, known)
    assert leaning is not None
    return [leaning.of(name) for name in names]


async def test_a_question_leans_to_what_such_questions_were_given_here(habits: Habits) -> None:
    form, page = await leanings(habits, "the disc keeps crashing", history(), FORM, PAGE)
    assert page > form + 1
    form, page = await leanings(habits, "please refund the disc", history(), FORM, PAGE)
    assert form > page + 1


async def test_what_was_given_once_or_never_here_is_behind_what_is_usual(habits: Habits) -> None:
    known = history(case("where is the shop", "K1"))
    form, page, once, never = await leanings(habits, "something else entirely", known, FORM, PAGE, "K1", "K2")
    assert max(form, page) > once > never
    assert await leanings(habits, "where is the shop", known, "K1") == [once]  # one case is no habit


async def test_a_channel_without_habits_leans_nowhere(habits: Habits) -> None:
    assert await habits.leaning("anything", ChannelHistory()) is None
    single = tuple(case(f"question {n}", f"K{n}") for n in range(9))
    assert await habits.leaning("question 3", ChannelHistory(cases=single)) is None


async def test_the_past_is_read_once_and_anew_when_it_changes(
    habits: Habits, embedder: CountingEmbedder
) -> None:
    before = await leanings(habits, "the disc keeps crashing", history(), FORM, PAGE)
    assert await leanings(habits, "the disc keeps crashing", history(), FORM, PAGE) == before
    assert len(embedder.texts) == 2 + len(history().cases)
    now = history(*(case(f"the disc {n} keeps crashing", FORM) for n in range(8)))
    form, page = await leanings(habits, "the disc keeps crashing", now, FORM, PAGE)
    assert form > page


async def test_a_new_lesson_costs_its_own_question_alone(habits: Habits, embedder: CountingEmbedder) -> None:
    await leanings(habits, "the disc keeps crashing", history(), FORM)
    embedder.texts.clear()
    more = history(case("the disc is scratched", FORM))
    found = await leanings(habits, "where is it", more, FORM, PAGE)
    assert embedder.texts == ["where is it", "the disc is scratched"]
    assert found == await leanings(Habits(HashEmbedder()), "where is it", more, FORM, PAGE)


async def test_the_past_of_other_channels_pushes_nothing_out(
    habits: Habits, embedder: CountingEmbedder
) -> None:
    pasts = [replace(history(case(f"only here {n}", FORM)), channel=f"T/C{n}") for n in range(12)]
    for past in pasts:
        await leanings(habits, "where is it", past, FORM)
    embedder.texts.clear()
    for past in pasts:
        lesson = case(f"new in {past.channel}", FORM)
        await leanings(habits, "where is it", replace(past, cases=(lesson, *past.cases)), FORM)
    assert embedder.texts == [text for p in pasts for text in ("where is it", f"new in {p.channel}")]


async def test_many_who_ask_in_one_channel_share_one_reading_of_its_past(
    habits: Habits, embedder: CountingEmbedder
) -> None:
    embedder.pause = True
    asking = [leanings(habits, f"question {n}", history(), FORM) for n in range(5)]
    assert len(await asyncio.gather(*asking)) == 5
    assert len(embedder.texts) == 5 + len(history().cases)


async def test_habits_decide_between_resolutions_of_one_topic(habits: Habits) -> None:
    passages = [
        passage(1, "minecraft trouble", "write to us", RESET, dense=0.5, resolutions=6),
        passage(2, "minecraft trouble", "read this", BILLING, dense=0.5, resolutions=6),
    ]
    known, shares = [], []
    for reranker in (
        EvidenceReranker(embedder=HashEmbedder()),
        EvidenceReranker(embedder=HashEmbedder(), habits=habits),
    ):
        for text in ("please refund the disc", "the disc keeps crashing"):
            ranked = await reranker.rerank(asked(text), passages, history=history())
            known.append(ranked[0].entry.citations[0].url)
            shares.append(sum(p.score for p in ranked))
    assert known[2:] == [RESET, BILLING]
    assert known[0] == known[1]
    assert shares[2:] == pytest.approx(shares[:2])  # how new a question is stays as it was


def test_a_model_that_cannot_be_read_halfway_has_no_habits() -> None:
    assert habits_of(HashEmbedder()) is None
    assert habits_of(RememberingEmbedder(HashEmbedder())) is None


def test_the_shipped_model_has_habits(real_embedder: RememberingEmbedder) -> None:
    assert habits_of(real_embedder) is not None


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(tmp_path, durable=False)
    yield opened
    await opened.close()


@pytest.fixture
def knowledge(ledger: Ledger) -> Knowledge:
    return Knowledge(
        ledger=ledger, embedder=HashEmbedder(), index=ExactIndex(), clock=SimulatedClock(BEGIN), theta=0.7
    )


async def cases(
    knowledge: Knowledge, *, oncall: str = "", spaces: Sequence[str] = ("public",)
) -> set[PastCase]:
    retriever = Retriever(knowledge=knowledge, embedder=HashEmbedder(), candidates=8)
    place = Place(tenant="T1", channel="C1", spaces=tuple(spaces), oncall=oncall)
    return set((await retriever.retrieve(asked("how do I reset it"), place=place)).history.cases)


async def test_every_on_call_of_the_channel_counts_in_its_own_words(
    knowledge: Knowledge, ledger: Ledger
) -> None:
    def origin(oncall: str, channel: str = "C1", space: str = "public") -> Origin:
        return Origin(tenant="T1", space=space, channel=channel, oncall=oncall, customer=oncall)

    def fact(question: str, url: str) -> Extraction:
        return Extraction(
            question=question,
            answer=f"See {url}",
            message_ids=("M",),
            citations=(Citation(url=url, title=""),),
            confirmed=False,
            resolved_at=BEGIN,
        )

    await knowledge.learn(fact("How do I reset it?", RESET), origin=origin("O1"), entry_id="K1")
    [entry] = (await ledger.entries.current(["K1"])).values()
    words = "It forgot my password"
    await knowledge.support(entry, origin=origin("O2"), kind=SupportKind.AGREED, question=words)
    await knowledge.learn(fact("Where is the bill?", BILLING), origin=origin("O3", "C2"), entry_id="K2")
    hidden = origin("O4", space="channel:C1")
    await knowledge.learn(fact("Who are we?", BILLING), origin=hidden, entry_id="K3")
    first = PastCase(oncall="O1", question="How do I reset it?", resolutions=(FORM,))
    second = PastCase(oncall="O2", question="It forgot my password", resolutions=(FORM,))
    assert await cases(knowledge) == {first, second}
    assert await cases(knowledge, oncall="O2") == {first}
    assert len(await cases(knowledge, spaces=("public", "channel:C1"))) == 3
    await knowledge.retract("K1", actor="U", reason="wrong")
    assert await cases(knowledge) == set()


async def test_two_questions_of_one_on_call_are_two_cases(knowledge: Knowledge) -> None:
    origin = Origin(tenant="T1", space="public", channel="C1", oncall="O1", customer="O1")
    asked_and_told = [
        ("How do I reset it?", "Reset it on the form", RESET),
        ("Where is the bill?", "Bills are on this page", BILLING),
        ("How do I reset it?", "Another way leads there", BILLING),
        ("And the bills?", "They are on this page too", BILLING),
    ]
    for n, (question, answer, url) in enumerate(asked_and_told):
        said = Extraction(
            question=question,
            answer=f"{answer}: {url}",
            message_ids=(f"M{n}",),
            citations=(Citation(url=url, title=""),),
            confirmed=False,
            resolved_at=BEGIN,
        )
        await knowledge.learn(said, origin=origin, entry_id=f"K{n}")
    assert await cases(knowledge) == {
        PastCase(oncall="O1", question="How do I reset it?", resolutions=(PAGE, FORM)),
        PastCase(oncall="O1", question="And the bills?", resolutions=(PAGE,)),  # the newer wording
    }
