"""A hundred tenants with the same questions and names: nobody reads another's, whatever the index says."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import PassageKind, Question, Trust
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.revisions import lexemes_of
from vigilbot.knowledge.search import index_space
from vigilbot.ledger.entries import Entries, Revision
from vigilbot.ports import Hit, Statement, Vector, VectorIndex
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import HashEmbedder
from vigilbot.testing.world import BEGIN

TENANTS = tuple(f"T{n}" for n in range(100))
CHANNELS = ("C1", "C2", "C3")
SPACES = ("public", "shared", *(f"channel:{channel}" for channel in CHANNELS))
THINGS = (
    "gateway",
    "exporter",
    "console",
    "relay",
    "scheduler",
    "importer",
    "invoice",
    "webhook",
    "quota",
    "agent",
)
DEEDS = (
    "rotate the key of",
    "restart",
    "rename",
    "upgrade",
    "remove",
    "pay for",
    "connect",
    "secure",
    "test",
    "share",
)
CASES = ("on Windows", "after ERR-4031", "in version 4.2", "for guests", "at night")
QUESTIONS = tuple(
    f"How do I {deed} the {thing} {case}?" for deed in DEEDS for thing in THINGS for case in CASES
)
QUERIES = 200


def revision(tenant: str, number: int, question: str) -> Revision:
    """Owned by one tenant and one of its spaces, which its id says; its words are everybody's."""
    space = SPACES[number % len(SPACES)]
    return Revision(
        entry=f"{tenant}|{space}|{number}",
        revision=1,
        tenant=tenant,
        space=space,
        channel=space.partition(":")[2] or "C1",
        kind=PassageKind.QA,
        question=question,
        answer=f"Ask {tenant} of {space}",
        citations=(),
        trust=Trust.VERIFIED,
        learned_from="",
        message_ids=(),
        operation="learn",
        actor="test",
        reason="test",
    )


class Confused:
    """An index that has lost all order: it hands out whatever it likes, everybody's."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._dice = random.Random(5)

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]:
        return [Hit(key=key, score=0.99) for key in self._dice.sample(self._keys, 50)]

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None: ...

    async def drop(self, keys: Sequence[str]) -> None: ...

    async def count(self) -> int:
        return len(self._keys)

    async def close(self) -> None: ...


@asynccontextmanager
async def company_of_all(folder: Path, index: VectorIndex, *, each: int) -> AsyncIterator[Knowledge]:
    """``each`` entries for every tenant, over one ledger and one index."""
    embedder, ledger = HashEmbedder(dimensions=64), await open_ledger(folder, durable=False)
    vectors = dict(zip(QUESTIONS, await embedder.embed(QUESTIONS), strict=True))
    words = {question: lexemes_of(revision("T0", 0, question)) for question in QUESTIONS}
    try:
        for tenant in TENANTS:
            statements: list[Statement] = []
            for number in range(each):
                made = revision(tenant, number, QUESTIONS[number % len(QUESTIONS)])
                _, _, *new = Entries.append(made, at=BEGIN, lexemes=words[made.question])  # none came before
                statements += new
                statements.append(
                    Entries.put_embedding(
                        key=made.entry,
                        model=embedder.model,
                        tenant=tenant,
                        entry=made.entry,
                        revision=1,
                        space=made.space,
                        vector=vectors[made.question],
                    )
                )
            await ledger.write(*statements)
        knowledge = Knowledge(
            ledger=ledger, embedder=embedder, index=index, clock=SimulatedClock(BEGIN), theta=0.7
        )
        assert await knowledge.load() == len(TENANTS) * each
        yield knowledge
    finally:
        await index.close()
        await ledger.close()


async def leaks(knowledge: Knowledge, *, queries: int) -> tuple[list[str], int]:
    """What somebody was told who may not know it; and how much was told in all."""
    dice, found, told = random.Random(11), [], 0
    for _ in range(queries):
        tenant, channel, text = dice.choice(TENANTS), dice.choice(CHANNELS), dice.choice(QUESTIONS)
        visible = ("public", f"channel:{channel}", *(["shared"] if dice.random() < 0.5 else []))
        question = Question(
            text=text, message_ids=("m",), terms=tuple(dice.choice(((), (tenant,), ("ERR-4031",))))
        )
        passages, _ = await knowledge.searching.candidates(
            question,
            await knowledge.vector(text),
            tenant=tenant,
            spaces=visible,
            channel=channel,
            limit=20,
        )
        told += len(passages)
        owners = [tuple(passage.entry.id.split("|")[:2]) for passage in passages]
        found += [
            f"{tenant}/{visible} was told of {o}" for o in owners if o[0] != tenant or o[1] not in visible
        ]
    return found, told


async def test_nobody_reads_anothers_by_exact_search(tmp_path: Path) -> None:
    async with company_of_all(tmp_path, ExactIndex(), each=500) as knowledge:
        found, told = await leaks(knowledge, queries=QUERIES)
    assert found == []
    assert told > 10 * QUERIES


async def test_nobody_reads_anothers_by_chroma(tmp_path: Path) -> None:
    index = await ChromaIndex.open(tmp_path / "index")
    async with company_of_all(tmp_path, index, each=20) as knowledge:
        found, told = await leaks(knowledge, queries=200)
    assert found == []
    assert told > 200


@pytest.mark.fuzz
async def test_nobody_reads_anothers_by_chroma_at_full_size(tmp_path: Path) -> None:
    index = await ChromaIndex.open(tmp_path / "index")
    async with company_of_all(tmp_path, index, each=500) as knowledge:
        found, told = await leaks(knowledge, queries=10 * QUERIES)
    assert found == []
    assert told > 100 * QUERIES


async def test_what_the_index_says_is_checked_against_the_ledger(tmp_path: Path) -> None:
    keys = [revision(tenant, n, "").entry for tenant in TENANTS for n in range(20)]
    async with company_of_all(tmp_path, Confused(keys), each=20) as knowledge:
        found, told = await leaks(knowledge, queries=500)
    assert found == []
    assert told > 0


def test_no_name_of_a_space_is_another_tenants() -> None:
    named = [index_space(tenant, space) for tenant in TENANTS for space in SPACES]
    assert len(set(named)) == len(named)
