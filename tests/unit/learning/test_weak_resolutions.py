"""A resolution that a stranger could hardly use teaches nothing, unless its source has helped elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from vigilbot.domain import Dialogue, Extraction, Question
from vigilbot.settings import load
from vigilbot.testing import Channel, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
SOURCE = "https://docs.example/gateway/keys"
OTHER = "https://docs.example/lunch"


class Doubting(ScriptedEngine):
    """Every resolution is weak, unless told otherwise."""

    weak = True

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        found = await super().extract(dialogue, question)
        return tuple(replace(each, weak=self.weak) for each in found)


async def world(folder: Path, engine: Doubting) -> World:
    made = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s"}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=engine,
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"main": Channel(name="main")},
    )
    await made.start()
    return made


async def learned(made: World) -> list[str]:
    rows = await made.parts.ledger.fetch(
        "SELECT answer FROM knowledge WHERE valid_to IS NULL AND retracted = 0 ORDER BY seq"
    )
    return [row["answer"] for row in rows]


async def resolve(made: World, question: str, answer: str, *, thread: str) -> None:
    await made.say("carl", question, on=thread)
    await made.wait(timedelta(minutes=1))
    await made.say("ann", f"FIX: {answer}", on=thread)
    await made.wait(timedelta(hours=48))


async def test_a_weak_resolution_alone_teaches_nothing(tmp_path: Path) -> None:
    made = await world(tmp_path, Doubting())
    try:
        await resolve(made, QUESTION, f"see {SOURCE}", thread="one")
        assert await learned(made) == []
        [question] = await made.parts.ledger.fetch("SELECT state FROM questions")
        assert question["state"] == "unresolved"
    finally:
        await made.stop()


async def test_it_teaches_when_its_source_has_helped_elsewhere(tmp_path: Path) -> None:
    engine = Doubting()
    made = await world(tmp_path, engine)
    try:
        engine.weak = False
        await resolve(made, QUESTION, f"run gatectl rotate, see {SOURCE}", thread="one")
        engine.weak = True
        await resolve(made, "Why is the certificate of the proxy old?", f"see {OTHER}", thread="two")
        assert len(await learned(made)) == 1
        await resolve(made, "What became of the old key after a restart?", f"see {SOURCE}", thread="three")
        assert len(await learned(made)) == 2
    finally:
        await made.stop()
