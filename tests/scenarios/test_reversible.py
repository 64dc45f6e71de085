"""Whatever is learned, accepted, reviewed, edited, deleted and undone in whatever order, with the bot dying
in between: ledger and index say the same, and every operation on an entry can be taken back."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigilbot import admin
from vigilbot.admin.corrections import corrections_of
from vigilbot.admin.undoing import deeds_of, undo_deeds
from vigilbot.domain import EventKind
from vigilbot.errors import BadInput, LedgerError
from vigilbot.settings import load
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import Channel, DirectedEngine, Fault, HashEmbedder, Person, ScriptedEngine, World

QUESTIONS = ("How do I rotate the signing key of the gateway?", "Where are the audit logs stored?")
FIXES = ("FIX: run gatectl rotate", "FIX: run gatectl rotate on host 7", "FIX: do not rotate it")
VERDICTS = ("NO: that is wrong", "SAME: yes", "BRANCH: on version 2 => use the new console", "GHOST: hm")
PEOPLE = {
    "ann": Person(name="ann", title="Support Engineer"),
    "bob": Person(name="bob", title="Support Engineer"),
    "carl": Person(name="carl"),
    "dora": Person(name="dora"),
}
DEEDS = ("ask", "fix", "verdict", "accept", "take_back", "withdraw", "edit", "delete", "undo", "retract")
MORE = ("undo_all", "correct", "close", "restart")
SAID = ("question", "answer", "precondition", "citations", "trust", "space", "retracted", "expires_at")


@dataclass(frozen=True, slots=True)
class Step:
    deed: str
    number: int  # which of several
    crash: int  # the write from now on that fails; 0: none
    after: bool  # the write is made, and its caller never knows


def steps() -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from([*DEEDS, *MORE]),
        st.integers(0, 5),
        st.sampled_from([0, 0, 0, 1, 2, 4, 7]),
        st.booleans(),
    )
    return st.lists(step, min_size=3, max_size=10)


class Play:
    """Does the steps on one world; a crash is a restart, after which people try once more."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.on: list[str] = []
        self.fixes: list[str] = []

    async def prelude(self) -> None:
        """Something is known, and helped somebody who asked in an on-call of their own."""
        for deed, number in (("ask", 0), ("fix", 0), ("ask", 2), ("accept", 2)):
            await self.step(Step(deed, number, 0, False))

    async def step(self, step: Step) -> None:
        if step.crash:
            fault = Fault(fail_at=step.crash + 1, after=step.after)  # the first write is the start's
            self.world.wrap = fault.wrap
            await self.world.restart()
            self.world.wrap = lambda database: database
        try:
            await self.deed(step)
            await self.world.wait(timedelta(minutes=12))
        except LedgerError:
            await self.world.restart()
            await self.world.wait(timedelta(minutes=12))
        if step.crash:
            await self.world.restart()

    async def deed(self, step: Step) -> None:
        await getattr(self, step.deed)(step.number)

    async def ask(self, number: int) -> None:
        self.on.append(f"talk {len(self.on)}")
        await self.world.say(("carl", "dora")[number // 2 % 2], QUESTIONS[number % 2], on=self.on[-1])

    async def fix(self, number: int) -> None:
        if self.on:
            self.fixes.append(f"fix {len(self.fixes)}")
            on = self.on[number % len(self.on)]
            await self.world.say("ann", FIXES[number % 3], on=on, label=self.fixes[-1])

    async def verdict(self, number: int) -> None:
        if self.on:
            await self.world.say("ann", VERDICTS[number % 4], on=self.on[number % len(self.on)])

    async def accept(self, number: int) -> None:
        await self.click("accept", ("bob", "carl", "dora")[number % 3], number)

    async def take_back(self, number: int) -> None:
        await self.click("take_back", ("bob", "carl", "dora")[number % 3], number)

    async def withdraw(self, number: int) -> None:
        await self.click("withdraw", "bob", number)

    async def click(self, action: str, who: str, number: int) -> None:
        cards = [on for on in self.on if self.world.cards(on)]
        if cards:
            await self.world.click(action, who, on=cards[number % len(cards)])

    async def edit(self, number: int) -> None:
        known = [label for label in self.fixes if label in self.world.events]
        if known:
            label = known[number % len(known)]
            event = self.world.about(label, EventKind.EDITED, "ann", text=FIXES[(number + 1) % 3])
            await self.world.life.event(event)

    async def delete(self, number: int) -> None:
        known = [label for label in self.fixes if label in self.world.events]
        if known:
            event = self.world.about(known[number % len(known)], EventKind.DELETED, "ann")
            await self.world.life.event(event)

    async def entries(self) -> list[str]:
        rows = await self.world.parts.ledger.fetch("SELECT DISTINCT entry FROM knowledge ORDER BY entry")
        return [row["entry"] for row in rows]

    async def undo(self, number: int) -> None:
        if known := await self.entries():
            parts = self.world.parts
            entry = known[number % len(known)]
            await admin.undo(parts.knowledge, parts.ledger, entry, actor="olga", at=self.world.clock.now())

    async def retract(self, number: int) -> None:
        if known := await self.entries():
            parts, now = self.world.parts, self.world.clock.now()
            try:
                await admin.retract(
                    parts.knowledge, parts.ledger, known[number % len(known)], actor="mal", reason="x", at=now
                )
            except BadInput:
                return  # it was retracted already

    async def undo_all(self, number: int) -> None:
        parts, now = self.world.parts, self.world.clock.now()
        actor = ("mal", "U-BOB", "review")[number % 3]
        deeds = await deeds_of(parts.ledger, actor, since=now - timedelta(days=1))
        await undo_deeds(parts.knowledge, parts.ledger, deeds, actor="olga", at=now)

    async def correct(self, number: int) -> None:
        desk = corrections_of(self.world.parts.bot, platform=self.world.platform, clock=self.world.clock)
        await desk.owed()
        await desk.confirm(by="olga")

    async def close(self, number: int) -> None:
        await self.world.wait(timedelta(hours=13))

    async def restart(self, number: int) -> None:
        await self.world.restart()


async def consistent(world: World) -> None:
    """The ledger's own rules, and that both indexes hold just what is in force."""
    ledger = world.parts.ledger
    lives: dict[str, list[Any]] = {}
    for row in await ledger.fetch("SELECT * FROM knowledge ORDER BY entry, revision"):
        lives.setdefault(row["entry"], []).append(row)
    for entry, life in lives.items():
        assert [row["revision"] for row in life] == list(range(1, len(life) + 1)), entry
        assert [row["valid_to"] for row in life[:-1]] == [row["valid_from"] for row in life[1:]], entry
        assert life[-1]["valid_to"] is None, entry
    current = {life[-1]["seq"]: entry for entry, life in lives.items() if not life[-1]["retracted"]}
    lexical = await ledger.fetch("SELECT rowid AS seq FROM lexical")
    assert sorted(row["seq"] for row in lexical) == sorted(current)
    vectors = await ledger.fetch("SELECT key, entry FROM embeddings ORDER BY key")
    assert {row["entry"] for row in vectors} == set(current.values())
    assert set(current.values()) <= {row["key"] for row in vectors}
    index = world.parts.knowledge._index
    assert isinstance(index, ExactIndex)
    assert sorted(index.keys()) == [row["key"] for row in vectors]
    posts = [notice.key for notice in world.platform.notices if notice.key.startswith("correction:")]
    assert len(posts) == len(set(posts))


async def reversible(world: World) -> None:
    """The last operation on every entry can be taken back, and that too; nothing is lost on the way."""
    parts = world.parts
    for row in await parts.ledger.fetch("SELECT DISTINCT entry FROM knowledge ORDER BY entry"):
        entry = row["entry"]
        life = await parts.ledger.entries.revisions(entry)
        before = await parts.ledger.entries.embedding_keys(entry)
        for expected in (life[-2] if len(life) > 1 else None, life[-1]):
            await admin.undo(parts.knowledge, parts.ledger, entry, actor="olga", at=world.clock.now())
            now = await parts.ledger.entries.entry(entry)
            assert now is not None
            if expected is None or expected["retracted"]:
                assert now["retracted"]
            else:
                assert [now[name] for name in SAID] == [expected[name] for name in SAID]
            await consistent(world)
        assert await parts.ledger.entries.embedding_keys(entry) == before


async def play(played: list[Step], folder: Path) -> None:
    options = {"retrieval.index": "exact", "oncall.grace": "0s", "cards.gap": "0s"}
    world = World(
        settings=load(options={**options, "oncall.gate": "immediately", "review.quiet": "5m"}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels={"help": Channel(name="help")},
    )
    await world.start()
    try:
        acting = Play(world)
        await acting.prelude()
        assert world.cards(acting.on[1])[0].card.accepted_by
        for step in played:
            await acting.step(step)
            await consistent(world)
        await reversible(world)
        await world.restart()
        await consistent(world)
    finally:
        await world.stop()


@given(played=steps())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_ledger_and_index_agree_and_every_operation_is_reversible(played: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(played, Path(folder)))
