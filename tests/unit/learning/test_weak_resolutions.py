"""A resolution that a stranger could hardly use teaches nothing, unless its source has helped elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.domain import Dialogue, EventKind, Extraction, Identification, Message, Question, Scope
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
SOURCE = "https://docs.example/gateway/keys"
OTHER = "https://docs.example/lunch"


class Doubting(ScriptedEngine):
    """Every resolution is weak, and the answer to the question, unless told otherwise."""

    weak = True
    aside = False
    sees_questions = True

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        if self.sees_questions:
            return await super().identify(dialogue, newest, scope=scope)
        return Identification(scope=Scope.NONE, within=0.0, out=0.0, none=1.0, reason="sees nothing")

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        found = await super().extract(dialogue, question)
        return tuple(replace(each, weak=self.weak, aside=self.aside) for each in found)


@pytest.fixture
def engine() -> Doubting:
    return Doubting()


@pytest.fixture
async def made(tmp_path: Path, engine: Doubting) -> AsyncIterator[World]:
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(engine),
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"main": Channel(name="main")},
    )
    await world.start()
    yield world
    await world.stop()


async def learned(made: World) -> list[str]:
    rows = await made.parts.ledger.fetch(
        "SELECT answer FROM knowledge WHERE valid_to IS NULL AND retracted = 0 ORDER BY seq"
    )
    return [row["answer"] for row in rows]


async def resolve(made: World, question: str, answer: str, *, thread: str) -> None:
    await made.say("carl", question, on=thread)
    await made.wait(timedelta(minutes=1))
    await made.say("ann", f"FIX: {answer}", on=thread, label=thread)
    await made.wait(timedelta(hours=48))


async def test_a_weak_resolution_alone_teaches_nothing(made: World) -> None:
    await resolve(made, QUESTION, f"see {SOURCE}", thread="one")
    assert await learned(made) == []
    [question] = await made.parts.ledger.fetch("SELECT state FROM questions")
    assert question["state"] == "unresolved"


async def test_it_teaches_when_its_source_has_helped_elsewhere(made: World, engine: Doubting) -> None:
    engine.weak = False
    await resolve(made, QUESTION, f"run gatectl rotate, see {SOURCE}", thread="one")
    engine.weak = True
    await resolve(made, "Why is the certificate of the proxy old?", f"see {OTHER}", thread="two")
    assert len(await learned(made)) == 1
    await resolve(made, "What became of the old key after a restart?", f"see {SOURCE}", thread="three")
    assert len(await learned(made)) == 2


async def test_another_spelling_of_the_address_is_the_same_source(made: World, engine: Doubting) -> None:
    engine.weak = False
    await resolve(made, QUESTION, f"run gatectl rotate, see {SOURCE}", thread="one")
    engine.weak = True
    other = "https://www.docs.example/gateway/keys/#rotation"
    await resolve(made, "What became of the old key after a restart?", f"see {other}", thread="two")
    near = "https://docs.example/gateway/keys/backup"
    await resolve(made, "Where does the proxy keep its backup?", f"see {near}", thread="three")
    assert len(await learned(made)) == 2


async def test_what_was_only_imported_has_not_helped_yet(made: World) -> None:
    await made.teach("Where is the manual of the gateway?", "in the wiki", url=SOURCE)
    await resolve(made, "What became of the old key after a restart?", f"see {SOURCE}", thread="one")
    assert await learned(made) == ["in the wiki"]
    rows = await made.parts.ledger.fetch("SELECT space FROM knowledge UNION SELECT space FROM channels")
    assert len(rows) == 1


@pytest.mark.parametrize("way", ["aside", "hindsight"])
async def test_what_is_said_aside_or_seen_in_hindsight_needs_the_same_backing(
    made: World, engine: Doubting, way: str
) -> None:
    engine.weak = False
    await resolve(made, QUESTION, f"run gatectl rotate, see {SOURCE}", thread="one")
    engine.weak = True
    engine.aside = way == "aside"
    engine.sees_questions = way != "hindsight"
    await resolve(made, "Why is the certificate of the proxy old?", f"see {OTHER}", thread="two")
    assert len(await learned(made)) == 1
    await resolve(made, "What became of the old key after a restart?", f"see {SOURCE}", thread="three")
    assert len(await learned(made)) == 2


async def test_an_edit_that_makes_it_weak_is_followed_and_one_that_takes_it_back_retracts(
    made: World, engine: Doubting
) -> None:
    engine.weak = False
    await resolve(made, QUESTION, "runn gatectl rotate", thread="one")
    engine.weak = True
    await made.life.event(made.about("one", EventKind.EDITED, "ann", text="FIX: run gatectl rotate"))
    await made.wait(timedelta(hours=1))
    assert await learned(made) == ["run gatectl rotate"]
    await made.life.event(made.about("one", EventKind.EDITED, "ann", text="never mind"))
    await made.wait(timedelta(hours=1))
    assert await learned(made) == []


async def test_what_was_learned_is_not_replaced_by_something_weak(made: World, engine: Doubting) -> None:
    engine.weak = False
    await made.say("carl", QUESTION, on="one")
    await made.wait(timedelta(minutes=1))
    await made.say("ann", "FIX: run gatectl rotate", on="one")
    await made.wait(timedelta(minutes=30))
    assert await learned(made) == ["run gatectl rotate"]
    engine.weak = True
    await made.say("ann", "FIX: I went home then", on="one")
    await made.wait(timedelta(hours=48))
    assert await learned(made) == ["run gatectl rotate"]
