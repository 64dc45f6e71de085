"""The vectors of what entries say are computed once, also across a restart, and go with the words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import Citation, Extraction, KnowledgeEntry, Passage, Question
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.ledger import Entries, Ledger
from vigilbot.pipeline import rerank
from vigilbot.pipeline.rerank import EvidenceReranker
from vigilbot.pipeline.told import Told
from vigilbot.ports import Vector
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import HashEmbedder
from vigilbot.testing.world import BEGIN

ORIGIN = Origin(tenant="T1", space="public", channel="C1", oncall="O1", customer="U1")
ASKED = Question(text="How do I rotate the gateway key?", message_ids=("m1",))
TOPICS = ("gateway key", "signing key", "mail password", "disk quota", "proxy rule", "build cache")


class CountingEmbedder(HashEmbedder):
    """Remembers what it was asked for, and lets others in between, as a real one does."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Vector:
        self.texts += texts
        await asyncio.sleep(0)
        return await super().embed(texts)


def answer(topic: str) -> str:
    return f"Run change --{topic.replace(' ', '-')} and wait."


@dataclass(kw_only=True)
class Known:
    ledger: Ledger
    knowledge: Knowledge
    embedder: CountingEmbedder

    def told(self, embedder: HashEmbedder | None = None) -> Told:
        return Told(ledger=self.ledger, embedder=embedder or self.embedder)

    async def filled(self) -> int:
        told, done = self.told(), 0
        while step := await told.fill():
            done += step
        return done

    async def kept(self) -> int:
        [row] = await self.ledger.fetch("SELECT count(*) AS n FROM answer_vectors")
        return int(row["n"])

    async def entry(self, number: int) -> KnowledgeEntry:
        found = await self.knowledge.get(f"K{number}")
        assert found is not None
        return found

    async def passages(self) -> list[Passage]:
        entries = [await self.entry(n) for n in range(len(TOPICS))]
        return [Passage(entry=entry, dense=0.4, lexical=0.0, score=0.0) for entry in entries]

    async def revise(self, entry: KnowledgeEntry, words: str) -> None:
        await self.knowledge.revise(
            entry,
            tenant="T1",
            question=entry.question,
            answer=words,
            precondition="",
            citations=(Citation(url="", title=""),),
            message_ids=("M2",),
            actor="U1",
            reason="",
        )


@pytest.fixture
async def known(tmp_path: Path) -> AsyncIterator[Known]:
    ledger, embedder = await open_ledger(tmp_path, durable=False), CountingEmbedder()
    clock = SimulatedClock(BEGIN)
    knowledge = Knowledge(ledger=ledger, embedder=embedder, index=ExactIndex(), clock=clock, theta=0.7)
    for number, topic in enumerate(TOPICS):
        learned = Extraction(
            question=f"How do I change the {topic}?",
            answer=answer(topic),
            message_ids=("M1",),
            citations=(),
            confirmed=False,
            resolved_at=BEGIN,
        )
        await knowledge.learn(learned, origin=ORIGIN, entry_id=f"K{number}")
    yield Known(ledger=ledger, knowledge=knowledge, embedder=embedder)
    await ledger.close()


async def test_after_a_restart_no_answer_is_computed_again(known: Known) -> None:
    passages = await known.passages()
    before = await EvidenceReranker(embedder=HashEmbedder()).rerank(ASKED, passages)
    assert await known.filled() == len(TOPICS)
    restarted = CountingEmbedder()
    after = await EvidenceReranker(embedder=restarted, recall=known.told(restarted).of).rerank(
        ASKED, passages
    )
    assert not {answer(topic) for topic in TOPICS}.intersection(restarted.texts)
    assert ASKED.text in restarted.texts
    assert [(p.entry.id, p.score) for p in after] == [(p.entry.id, p.score) for p in before]


async def test_what_is_not_kept_yet_is_computed(known: Known) -> None:
    passages = await known.passages()
    await EvidenceReranker(embedder=known.embedder, recall=known.told().of).rerank(ASKED, passages)
    assert {answer(topic) for topic in TOPICS} <= set(known.embedder.texts)


async def test_nothing_is_done_twice_and_what_is_learned_later_is_done(known: Known) -> None:
    told = known.told()
    while await told.fill():
        pass
    known.embedder.texts.clear()
    assert await told.fill() == 0
    assert await known.filled() == 0
    assert known.embedder.texts == []
    await known.revise(await known.entry(2), "Ask the mail desk.")
    assert await told.fill() == 1


@pytest.mark.parametrize("gone", ["revised", "retracted", "dropped"])
async def test_vectors_go_with_the_words(known: Known, gone: str) -> None:
    await known.filled()
    if gone == "revised":
        await known.revise(await known.entry(1), "Call the key desk.")
    elif gone == "retracted":
        await known.knowledge.retract("K1", actor="U1", reason="wrong")
        await known.ledger.write(Entries.drop_embeddings("K1"))
    else:
        await known.ledger.write(Entries.drop_embeddings("K1"))
    assert await known.kept() == len(TOPICS) - 1
    assert not await known.told().of(["K1"])


async def test_words_that_change_meanwhile_leave_no_vector(known: Known) -> None:
    """The entry is revised while the vector of its old answer is computed."""

    class Interrupted(CountingEmbedder):
        async def embed(self, texts: Sequence[str]) -> Vector:
            if answer(TOPICS[0]) in texts:
                await known.revise(await known.entry(0), "Call the gateway desk.")
            return await super().embed(texts)

    done = await known.told(Interrupted()).fill()
    assert not await known.told().of(["K0"])
    assert await known.kept() == done - 1 > 0


async def test_many_runs_side_by_side_push_no_vector_away_from_each_other(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerank, "REMEMBERED", 2)
    passages = await known.passages()
    reranker = EvidenceReranker(embedder=known.embedder, recall=known.told().of)
    alone = await EvidenceReranker(embedder=HashEmbedder()).rerank(ASKED, passages)
    for _ in range(3):
        found = await asyncio.gather(
            *(reranker.rerank(ASKED, [*passages[n:], *passages[:n]]) for n in range(len(passages)))
        )
    assert all(np.allclose([p.score for p in each], [p.score for p in alone], atol=1e-6) for each in found)
