"""Reranking: evidence for one resolution is pooled; unlike ones, other channels and clashes count less."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from vigilbot.domain import ChannelHistory, Citation, KnowledgeEntry, Passage, PassageKind, Question, Trust
from vigilbot.pipeline.likeness import Likeness, Scale, measure, pairs
from vigilbot.pipeline.rerank import EvidenceReranker
from vigilbot.ports import Vector
from vigilbot.testing import HashEmbedder
from vigilbot.text import canonical_url
from vigilbot.text.conflicts import conflict

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
RESET = "https://help.example.com/reset"
BILLING = "https://help.example.com/billing"


class CountingEmbedder(HashEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.pause = False  # lets others go on meanwhile

    async def embed(self, texts: Sequence[str]) -> Vector:
        self.texts += texts
        if self.pause:
            await asyncio.sleep(0)
        return await super().embed(texts)


def passage(
    n: int,
    question: str,
    answer: str,
    *urls: str,
    dense: float = 0.3,
    lexical: float = 0.0,
    resolutions: int = 1,
    **more: object,
) -> Passage:
    kind = more.pop("kind", PassageKind.QA)
    assert isinstance(kind, PassageKind)
    entry = KnowledgeEntry(
        id=f"K{n}",
        revision=1,
        kind=kind,
        question=question,
        answer=answer,
        citations=tuple(Citation(url=u, title="") for u in urls),
        trust=Trust.PROBATION,
        space="public",
        channel="c1",
        learned_from=f"o{n}",
        message_ids=(),
        valid_from=START + timedelta(hours=n),
        actor="vigilbot",
    )
    return Passage(entry=entry, dense=dense, lexical=lexical, score=0.0, resolutions=resolutions, **more)  # type: ignore[arg-type]


def asked(text: str) -> Question:
    return Question(text=text, message_ids=("m1",))


@pytest.fixture
def reranker() -> EvidenceReranker:
    return EvidenceReranker(embedder=HashEmbedder())


async def first_url(reranker: EvidenceReranker, question: str, passages: Sequence[Passage]) -> str:
    ranked = await reranker.rerank(asked(question), passages)
    return canonical_url(ranked[0].entry.citations[0].url)


async def test_nothing_stays_nothing(reranker: EvidenceReranker) -> None:
    assert await reranker.rerank(asked("anything"), ()) == ()


async def test_voices_for_one_document_outvote_a_slightly_nearer_one(reranker: EvidenceReranker) -> None:
    many = [passage(n, f"locked out {n}", "use the reset page", RESET, dense=0.20) for n in range(4)]
    near = passage(9, "charged twice", "see the billing page", BILLING, dense=0.24)
    both = "locked out and charged twice"
    assert await first_url(reranker, both, [near, *many]) == canonical_url(RESET)
    assert await first_url(reranker, both, [near, many[0]]) == canonical_url(BILLING)


async def test_addresses_of_one_page_are_one_resolution(reranker: EvidenceReranker) -> None:
    spellings = [
        RESET,
        "http://www.help.example.com/reset/?utm_source=chat",
        "https://help.example.com/reset/",
    ]
    passages = [passage(n, f"q{n}", f"answer {n}", url) for n, url in enumerate(spellings)]
    ranked = await reranker.rerank(asked("q"), passages)
    assert {p.evidence["voices"] for p in ranked} == {3.0}


async def test_every_passage_comes_back_once_and_scores_descend(reranker: EvidenceReranker) -> None:
    passages = [
        passage(n, f"question {n}", f"answer {n}", (RESET, BILLING)[n % 2], dense=n / 12) for n in range(10)
    ]
    ranked = await reranker.rerank(asked("question 9"), passages)
    assert sorted(p.entry.id for p in ranked) == sorted(p.entry.id for p in passages)
    scores = [p.score for p in ranked]
    assert scores == sorted(scores, reverse=True)
    assert {canonical_url(p.entry.citations[0].url) for p in ranked[:2]} == {
        canonical_url(RESET),
        canonical_url(BILLING),
    }
    assert ranked[0].entry.id == "K9"
    assert 0.0 < ranked[0].evidence["share"] < 1.0
    assert sum({p.evidence["share"] for p in ranked}) < 1.0  # the resolution nobody gave yet has the rest


async def test_order_of_candidates_does_not_matter(reranker: EvidenceReranker) -> None:
    passages = [passage(n, f"question {n % 3}", f"answer {n}", dense=0.3) for n in range(8)]
    one = await reranker.rerank(asked("question 1"), passages)
    two = await reranker.rerank(asked("question 1"), passages[::-1])
    assert [p.entry.id for p in one] == [p.entry.id for p in two]


async def test_another_channel_counts_less_than_the_own_but_alone_it_counts(
    reranker: EvidenceReranker,
) -> None:
    here = passage(1, "locked out", "reset it", RESET, dense=0.4)
    there = passage(2, "locked out", "see billing", BILLING, dense=0.5, resolutions=0)
    history = ChannelHistory(times={canonical_url(RESET): 6})
    ranked = await reranker.rerank(asked("locked out"), [there, here], history=history)
    assert ranked[0].entry.id == "K1"
    [only] = await reranker.rerank(asked("locked out"), [there], history=ChannelHistory())
    assert only.evidence["share"] > ranked[1].evidence["share"]
    assert only.resolutions == 0  # what the ledger said stays what it is


async def test_the_usual_resolution_of_the_channel_starts_ahead(reranker: EvidenceReranker) -> None:
    passages = [
        passage(1, "one", "use the reset page", RESET, dense=0.3),
        passage(2, "two", "see the billing page", BILLING, dense=0.32),
    ]
    without = await reranker.rerank(asked("xyz"), passages)
    history = ChannelHistory(times={canonical_url(RESET): 30, canonical_url(BILLING): 1})
    known = await reranker.rerank(asked("xyz"), passages, history=history)
    assert without[0].entry.id == "K2"
    assert known[0].entry.id == "K1"
    assert known[0].evidence["novelty"] < without[0].evidence["novelty"]


async def test_answers_in_the_same_words_are_one_resolution_unless_they_deny_it(
    reranker: EvidenceReranker,
) -> None:
    passages = [
        passage(1, "a", "Restart the agent and clear its cache folder."),
        passage(2, "b", "Restart the agent and clear its cache folder!"),
        passage(3, "c", "Do not restart the agent and clear its cache folder."),
    ]
    ranked = {p.entry.id: p for p in await reranker.rerank(asked("agent stuck"), passages)}
    assert ranked["K1"].evidence["voices"] == ranked["K2"].evidence["voices"] == 2.0
    assert ranked["K3"].evidence["voices"] == 1.0


async def test_another_error_code_loses_although_it_is_nearer(reranker: EvidenceReranker) -> None:
    wrong = passage(1, "import fails with ERR-42", "raise the quota", RESET, dense=0.95)
    right = passage(2, "ERR-43 when importing", "use a smaller file", BILLING, dense=0.8)
    ranked = await reranker.rerank(asked("import fails with ERR-43"), [wrong, right])
    assert [p.entry.id for p in ranked] == ["K2", "K1"]
    assert ranked[1].evidence["conflict"] == 1.0


async def test_contradicted_entries_sink(reranker: EvidenceReranker) -> None:
    bad = passage(1, "locked out", "see support", RESET, dense=0.45, against=4)
    good = passage(2, "locked out", "see support", BILLING, dense=0.42)
    ranked = await reranker.rerank(asked("locked out"), [bad, good])
    assert ranked[0].entry.id == "K2"


async def test_chunks_of_one_document_speak_once(reranker: EvidenceReranker) -> None:
    def chunks(count: int) -> list[Passage]:
        return [
            passage(n, "Guide", f"paragraph {n}", RESET, dense=0.4, resolutions=0, kind=PassageKind.CHUNK)
            for n in range(count)
        ]

    case = passage(99, "locked out", "see billing", BILLING, dense=0.5)
    assert await first_url(reranker, "locked out", [*chunks(30), case]) == canonical_url(BILLING)


async def test_citations_come_back_best_supported_first(reranker: EvidenceReranker) -> None:
    both = passage(1, "locked out", "see both", BILLING, RESET, dense=0.6)
    alone = [passage(n, "locked out", "reset it", RESET, dense=0.3) for n in range(2, 6)]
    ranked = await reranker.rerank(asked("locked out"), [both, *alone])
    assert [p.entry.citations[0].url for p in ranked if p.entry.id == "K1"] == [RESET]


async def test_answers_are_embedded_once() -> None:
    embedder = CountingEmbedder()
    reranker = EvidenceReranker(embedder=embedder)
    passages = [passage(1, "a", "the answer", RESET)]
    await reranker.rerank(asked("first"), passages)
    await reranker.rerank(asked("second"), passages)
    assert embedder.texts.count("the answer") == 1


async def test_the_scale_is_the_models_own() -> None:
    scale = await measure(HashEmbedder(), pairs()["en"])
    assert scale.unrelated < scale.paraphrase
    assert scale.of(scale.unrelated) == pytest.approx(0.0)
    assert scale.of(scale.paraphrase) == pytest.approx(1.0)
    assert np.isfinite(Likeness(unrelated=0.5, paraphrase=0.5).of(0.9))


async def test_hostile_texts_pass_quickly(reranker: EvidenceReranker) -> None:
    nasty = [
        "{id} {{x}} <!channel> ERR-42 c++ foo:bar",
        "\u202e\x00\ud800",
        "1." * 50_000,
        "-a1" * 30_000,
        "",
    ]
    passages = [passage(n, text, text, dense=0.2) for n, text in enumerate(nasty)]
    start = time.perf_counter()
    for text in nasty:
        assert len(await reranker.rerank(asked(text), passages)) == len(nasty)
    assert time.perf_counter() - start < 5.0


@pytest.mark.parametrize(
    ("one", "two", "clashes"),
    [
        ("import fails with ERR-42", "import fails with ERR-43", True),
        ("import fails with ERR-42", "ERR 42 on import", False),
        ("upgrade from 2.1.3 fails", "upgrade from 2.1.4 fails", True),
        ("upgrade from 2.1.3 fails", "the upgrade fails", False),
        ("no sound on my PS4", "no sound on my PS5", True),
        ("error 404 on login", "error 403 on login", True),
        ("Fehler 404 beim Anmelden", "Fehler 404 nach dem Anmelden", False),
        ("it is slow since 20min", "it is slow since 30min", False),
        ("code 0x80070005", "code 0x80070006", True),
        ("ERR-42 and ERR-43", "ERR-43", False),
        ("we use 2.1.4 here", "we use v2.1", False),
    ],
)
def test_conflicts(one: str, two: str, clashes: bool) -> None:
    assert bool(conflict(one, two)) is clashes
    assert bool(conflict(two, one)) is clashes


async def test_a_language_the_model_does_not_know_is_judged_by_its_words_too() -> None:
    blind = Likeness(unrelated=0.6, paraphrase=0.7, telling=False)
    known = "Jak zresetować hasło innego użytkownika?"
    assert blind.between(0.8, "Gdzie zresetować hasło użytkownika?", known) > 0.6
    assert blind.between(0.8, "Czy jest aplikacja na zegarek?", known) <= 0.5
    assert blind.between(0.8, "Błąd EX-4711 przy resetowaniu hasła użytkownika", known) < 0.6
    assert blind.between(0.6, "U nas EX-4711 w nocy", "Eksport kończy się błędem EX-4711") >= 0.6
    sees = Likeness(unrelated=0.1, paraphrase=0.7)
    assert sees.between(0.7, "Czy jest aplikacja na zegarek?", known) == pytest.approx(1.0)


async def test_every_language_has_its_own_scale() -> None:
    scale = Scale(HashEmbedder())
    german = await scale.likeness("Wie kann ich das Passwort zurücksetzen und was ist dann zu tun?")
    assert german == await measure(HashEmbedder(), pairs()["de"])
    assert await scale.likeness("reset") == await measure(HashEmbedder(), pairs()["en"])
    assert await scale.likeness("güncelleme çöküyor") != await scale.likeness("reset")
