"""However events come, a question gets one card at most, and nobody's question is lost."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigilbot.domain import Event, EventKind
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

KEY = "How do I rotate the signing key of the gateway?"
LOGS = "Where are the audit logs stored?"
PEOPLE = {
    "ann": Person(name="ann", title="Support Engineer"),
    "carl": Person(name="carl"),
    "dora": Person(name="dora"),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that happens: an event of the conversation, and what befalls the bot before it."""

    event: int
    pause: int  # seconds
    restart: bool


def conversation(world: World) -> list[Event]:
    """Two questions and what their authors do with them. Edits keep the meaning."""
    second = timedelta(seconds=1)
    asked = world.said("carl", KEY, label="key", after=1 * second)
    other = world.said("dora", LOGS, label="logs", after=2 * second)
    events = [asked, other, world.said("carl", "Hello?", after=3 * second)]
    events.append(world.said("carl", f"{KEY} ", after=timedelta(seconds=4)))
    events.append(world.about("key", EventKind.EDITED, "carl", text=f"{KEY} Please."))
    events.append(world.about("logs", EventKind.EDITED, "dora", text=f"{LOGS} Thanks."))
    events.append(world.about("logs", EventKind.DELETED, "dora"))
    return events


def turns() -> st.SearchStrategy[list[Turn]]:
    turn = st.builds(Turn, st.integers(0, 6), st.sampled_from([0, 1, 5, 12, 70, 200]), st.booleans())
    return st.lists(turn, min_size=2, max_size=10)


async def play(played: list[Turn], folder: Path, unit: str) -> None:
    options = {"retrieval.index": "exact", "oncall.grace": "0s", "cards.gap": "0s", "oncall.unit": unit}
    world = World(
        settings=load(options={**options, "oncall.gate": "immediately"}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels={"help": Channel(name="help")},
        latency=timedelta(seconds=3),
    )
    await world.start()
    try:
        await world.teach(KEY, "Run gatectl rotate on the primary")
        await world.teach(LOGS, "In the bucket named audit")
        events = conversation(world)
        for turn in played:
            if turn.restart:
                await world.restart()
            await world.wait(timedelta(seconds=turn.pause))
            await world.parts.bot.receive(events[turn.event])
            await world.parts.bot.ingest()
        await world.wait(timedelta(minutes=30))
        cards = [posted.card.body for posted in world.platform.posted]
        assert len(cards) == len(set(cards)), cards
        happened = {turn.event for turn in played}
        if 0 in happened:  # nobody deleted it
            assert [body for body in cards if "gatectl" in body], "the question was lost"
        await world.wait(None)
    finally:
        await world.stop()


@given(played=turns(), unit=st.sampled_from(["thread", "channel"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_events_gives_one_card_a_question(played: list[Turn], unit: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(played, Path(folder), unit))
