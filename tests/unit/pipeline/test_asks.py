"""How probable it is that anything was asked reaches whoever answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from vigilbot.domain import Answer, Dialogue, Identification, Message, Passage, Question
from vigilbot.replay import Shadow
from vigilbot.settings import load
from vigilbot.testing import Channel, HashEmbedder, Person, ScriptedEngine, World
from vigilbot.testing.world import BOT

QUESTION = "How do I rotate the signing key of the gateway?"


class Doubtful(ScriptedEngine):
    """Takes a question for one with a probability of 0.7."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        found = await super().identify(dialogue, newest, scope=scope)
        return replace(found, within=0.7, none=0.3) if found.within else found

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        self.told.append(question.asks)
        return await super().answer(dialogue, question, passages)


def doubted(engine: Doubtful, folder: Path) -> World:
    return World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=engine,
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            "carl": Person(name="carl"),
            "dora": Person(name="dora"),
        },
        channels={"main": Channel(name="main")},
    )


async def test_a_shadow_run_is_as_sure_as_the_run_would_be(tmp_path: Path) -> None:
    """Or a replay would report more confidence than anything is posted with."""
    engine = Doubtful()
    world = doubted(engine, tmp_path)
    await world.start()
    try:
        event = await world.say("carl", QUESTION)
        where = (event.channel, event.thread)
        shadow = Shadow(bot=world.parts.bot, resolutions={where: event.at + timedelta(hours=1)})
        engine.told.clear()
        await shadow.look(event)
        await shadow.look(await world.say("carl", "It is the one in the north."))
        await shadow.look_again(where, event.at + timedelta(hours=1))
        assert engine.told == [0.7, 0.7, 0.7]
    finally:
        await world.stop()


async def test_a_run_tells_it_and_so_does_the_waiting_question_later_but_who_asks_the_bot_asks(
    tmp_path: Path,
) -> None:
    engine = Doubtful()
    world = doubted(engine, tmp_path)
    await world.start()
    try:
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        assert engine.told == [0.7]
        await world.say("dora", QUESTION, on="second")
        await world.wait(timedelta(minutes=1))
        assert engine.told == [0.7, 0.7]
        await world.say("ann", "FIX: run gatectl rotate on the primary", on="second")
        await world.wait(timedelta(minutes=30))
        [standing] = await world.parts.ledger.fetch("SELECT oncall FROM runs WHERE purpose = 'standing'")
        assert standing
        assert engine.told == [0.7, 0.7, 0.7]
        await world.say("carl", f"{BOT} {QUESTION}", on="third")
        await world.wait(timedelta(minutes=1))
        assert engine.told[-1] == 1.0
    finally:
        await world.stop()
