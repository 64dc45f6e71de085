"""What the review of a card gets to read: the card too, where it stood."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from vigilbot.domain import Answer, Dialogue, Question, Review, Role
from vigilbot.settings import load
from vigilbot.testing import Channel, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"


class Listening(ScriptedEngine):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Dialogue] = []

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        self.heard.append(dialogue)
        return await super().review(dialogue, question, answer)


async def test_what_is_said_right_behind_a_card_is_read_as_said_of_it(tmp_path: Path) -> None:
    """ "That is wrong" names nothing: without the card before it nobody could tell what is."""
    engine = Listening()
    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=engine,
        people={"ann": Person(name="ann", title="Support Engineer"), "carl": Person(name="carl")},
        channels={"main": Channel(name="main")},
    )
    await world.start()
    try:
        await world.teach(QUESTION, "Delete the key file")
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        await world.say("ann", "That is wrong. Run gatectl rotate.")
        await world.wait(timedelta(hours=1))
        said = [(m.role, m.text[:19]) for m in engine.heard[0].messages]
        assert said == [
            (Role.CUSTOMER, QUESTION[:19]),
            (Role.BOT, "Delete the key file"),
            (Role.ANALYST, "That is wrong. Run "),
        ]
        [review] = await world.parts.ledger.fetch("SELECT * FROM reviews")
        assert "card:" not in review["message_ids"]
    finally:
        await world.stop()
