"""A ledger as it is made for measuring, loaded as a bot loads it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.bench.test_retrieval import made
from vigilbot.app import INDEX, open_index, open_ledger, upkeep
from vigilbot.bench.corpus import stock
from vigilbot.domain import Question
from vigilbot.knowing import knowledge_of
from vigilbot.providers.clock import SystemClock
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.settings import load
from vigilbot.stores.generational import GenerationalIndex

COUNT = 2500  # more than two pages of what is loaded at a time
AT = datetime(2026, 1, 5, tzinfo=UTC)


async def opened(folder: Path) -> tuple[str, int]:
    """The name of the generation that served, and how often one was given up."""
    settings, embedder = load(options={"retrieval.chroma_from": "1000"}), HashEmbedder()
    ledger = await open_ledger(folder, durable=False)
    try:
        async with open_index(settings, folder) as index:
            await knowledge_of(settings, ledger=ledger, embedder=embedder, index=index, clock=SystemClock())
            assert isinstance(index, GenerationalIndex)
            async with upkeep(index), asyncio.timeout(60):
                while not index.state.ready:  # noqa: ASYNC110  it has no event to wait for
                    await asyncio.sleep(0.01)
                [generation] = (folder / INDEX).glob("generation-*")
                assert await index.count() == COUNT
                return generation.name, index.state.rebuilds
    finally:
        await ledger.close()


async def test_a_large_index_is_taken_up_again_after_a_restart(tmp_path: Path) -> None:
    """While it is being filled it holds a part only, which no generation fits."""
    embedder, texts = HashEmbedder(), await made()
    ledger = await open_ledger(tmp_path, durable=False)
    counted: list[int] = []
    await stock(
        ledger,
        texts,
        COUNT,
        model=embedder.model,
        tenant="T",
        space="public",
        at=AT,
        done=counted.append,
    )
    await ledger.close()
    assert sum(counted) == COUNT
    first, second = await opened(tmp_path), await opened(tmp_path)
    assert first == second


async def test_what_was_made_is_found_by_words_and_by_meaning(tmp_path: Path) -> None:
    embedder, texts = HashEmbedder(), await made()
    ledger = await open_ledger(tmp_path, durable=False)
    try:
        await stock(
            ledger,
            texts,
            300,
            model=embedder.model,
            tenant="T",
            space="public",
            at=AT,
            done=lambda _: None,
        )
        settings = load(options={"retrieval.index": "exact"})
        async with open_index(settings, tmp_path) as index:
            knowledge = await knowledge_of(
                settings, ledger=ledger, embedder=embedder, index=index, clock=SystemClock()
            )
            asked, _ = texts.words(7)
            found, _ = await knowledge.searching.candidates(
                Question(text=asked, message_ids=()),
                next(rows for _, rows in texts.batches(300))[7],
                tenant="T",
                spaces=["public"],
                channel="C",
                limit=10,
            )
            [mine] = [passage for passage in found if passage.entry.id == "made-7"]
            assert mine.dense == 1.0
            assert mine.lexical > 0
    finally:
        await ledger.close()
