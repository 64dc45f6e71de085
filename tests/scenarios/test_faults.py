"""Fails every single write of one life, one after the other: nothing received is lost or said twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from vigilbot.domain import EventKind
from vigilbot.errors import LedgerError
from vigilbot.ledger.rows import stamp
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, Fault, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
FIX = "FIX: Run gatectl rotate on the primary"
PEOPLE = [
    Person(name="ann", title="Support Engineer"),
    *(Person(name=name) for name in ("carl", "dora", "emil")),
]


def world_in(folder: Path, fault: Fault) -> World:
    return World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={person.name: person for person in PEOPLE},
        channels={"help": Channel(name="help")},
        wrap=fault.wrap,
    )


class Life:
    """One life, step by step. A step that meets the fault is done again, as a platform or person would."""

    def __init__(self, world: World, *, restarts: bool) -> None:
        self.world = world
        self._restarts = restarts

    async def until_done(self, step: Callable[[], Awaitable[Any]]) -> None:
        for _ in range(3):
            try:
                await step()
                return
            except LedgerError:
                if self._restarts:
                    await self.world.stop()
                    await self.start()
        raise AssertionError("one fault, three failures")

    async def start(self) -> None:
        try:
            await self.world.start()
        except LedgerError:  # a process that cannot start is started again
            await self.world.start()

    async def say(self, who: str, text: str, **options: str) -> None:
        event = self.world.said(who, text, **options)
        await self.until_done(lambda: self.world.life.event(event))

    async def wait(self, span: timedelta) -> None:
        end = self.world.clock.now() + span

        async def until() -> None:
            await self.world.life.until(end)
            self.world.clock.advance_to(max(end, self.world.clock.now()))

        await self.until_done(until)

    async def live(self) -> None:
        pause = timedelta(minutes=12)  # longer than a lease: a process that carries on waits for its own
        await self.start()
        await self.say("emil", QUESTION, on="standing")
        await self.say("carl", QUESTION, on="taught")
        await self.wait(pause)
        await self.say("ann", FIX, on="taught", label="fix")
        await self.wait(pause)  # learned, and the standing question answered
        await self.say("dora", QUESTION, on="accepted")
        await self.wait(pause)
        await self.until_done(lambda: self.world.click("accept", "dora", on="accepted"))
        await self.say("ann", "SAME: yes", on="standing")
        await self.wait(3 * pause)  # reviewed
        retraction = self.world.about("fix", EventKind.DELETED, "ann")
        await self.until_done(lambda: self.world.life.event(retraction))
        await self.wait(timedelta(days=1))  # closed


async def end_state(world: World) -> dict[str, object]:
    """What people and later on-calls see: no ids, no times."""
    ledger = world.parts.ledger
    return {
        "messages": [
            (row["role"], row["text"], row["deleted"])
            for row in await ledger.fetch("SELECT * FROM messages ORDER BY at")
        ],
        "cards": {on: [p.card.body for p in world.cards(on)] for on in world.conversations},
        "questions": [
            (row["text"], row["state"])
            for row in await ledger.fetch("SELECT * FROM questions ORDER BY asked_at, id")
        ],
        "outcomes": sorted(
            str(row["outcome"]) for row in await ledger.fetch("SELECT * FROM answers WHERE text != ''")
        ),
        "deliveries": [row["state"] for row in await ledger.fetch("SELECT * FROM deliveries")],
        "oncalls": [row["state"] for row in await ledger.fetch("SELECT * FROM oncalls")],
        "knowledge": [
            (row["question"], row["answer"], row["retracted"], row["operation"])
            for row in await ledger.fetch("SELECT * FROM knowledge ORDER BY seq")
        ],
        "support": sorted(
            (row["kind"], row["customer"]) for row in await ledger.fetch("SELECT * FROM support")
        ),
        "owed": (
            await ledger.fetch("SELECT 1 FROM inbox WHERE state != 'done'"),
            await ledger.fetch("SELECT 1 FROM feedback WHERE applied_at IS NULL"),
            await ledger.fetch(
                "SELECT 1 FROM oncalls WHERE lease_until > :now", now=stamp(world.clock.now())
            ),
        ),
    }


async def lived(folder: Path, fault: Fault, *, restarts: bool) -> dict[str, object]:
    world = world_in(folder, fault)
    try:
        await Life(world, restarts=restarts).live()
        return await end_state(world)
    finally:
        await world.stop()


@pytest.mark.parametrize("after", [False, True], ids=["refused", "committed but not confirmed"])
async def test_every_write_may_fail(tmp_path: Path, after: bool) -> None:
    """After a refused write every other process carries on; all others start again from the ledger."""
    expected = await lived(tmp_path / "never", Fault(fail_at=0), restarts=False)
    assert expected["cards"] == {
        "standing": ["Run gatectl rotate on the primary [1]"],
        "taught": [],
        "accepted": ["Run gatectl rotate on the primary [1]"],
    }
    assert expected["outcomes"] == ["accepted_by_asker", "consistent_by_human"]
    for number in count(1):
        fault = Fault(fail_at=number, after=after)
        found = await lived(tmp_path / str(number), fault, restarts=after or number % 2 == 0)
        assert found == expected, f"after a fault in write {number}"
        if not fault.struck:
            assert number > 40
            return


class Busy(Life):
    """What people do to the bot: ask it, command it, post its drafts, accept and take back."""

    async def live(self) -> None:
        world, pause = self.world, timedelta(minutes=12)
        await self.start()
        for space in ("public", "shared"):
            await self.until_done(partial(world.teach, QUESTION, f"Use the {space} gatectl", space=space))
        await self.say("emil", "@vigilbot Where does the flux capacitor live?", on="reason")
        await self.say("emil", f"@vigilbot {QUESTION}", on="asked")
        await self.wait(pause)
        for action in ("accept", "take_back"):
            await self.until_done(partial(world.click, action, "emil", on="asked"))
        await self.say("emil", "@vigilbot quiet", on="asked")
        await self.say("ann", "Good morning", on="greeting", channel="shared")
        for on in ("edited", "posted", "dismissed"):
            await self.say("dora", QUESTION, on=on, channel="shared")
            await self.wait(pause)
        edit = partial(world.click, "post", "ann", on="edited", number=1, text="Open the vault")
        await self.until_done(edit)
        await self.until_done(partial(world.click, "post", "ann", on="posted", number=1))
        await self.until_done(partial(world.click, "dismiss", "ann", on="dismissed", number=1))
        await self.until_done(partial(world.click, "accept", "dora", on="edited"))
        await self.wait(timedelta(days=1))


async def test_every_write_may_fail_while_people_use_the_buttons(tmp_path: Path) -> None:
    """One reply a request, one card a draft, one effect a click."""

    async def busy(folder: Path, fault: Fault, *, restarts: bool) -> dict[str, object]:
        world = world_in(folder, fault)
        world.channels = {"help": Channel(name="help"), "shared": Channel(name="shared", external=True)}
        try:
            await Busy(world, restarts=restarts).live()
            told = sorted((n.thread, n.notice.text) for n in world.platform.notices)
            owed = await world.parts.ledger.fetch("SELECT state FROM requests WHERE state != 'replied'")
            stale = await world.parts.ledger.fetch("SELECT 1 FROM deliveries WHERE refresh_at IS NOT NULL")
            return await end_state(world) | {"told": [text for _, text in told], "asks": owed, "stale": stale}
        finally:
            await world.stop()

    expected = await busy(tmp_path / "never", Fault(fail_at=0), restarts=False)
    assert {on: len(bodies) for on, bodies in dict(expected["cards"]).items()} == {  # type: ignore[call-overload]
        "reason": 0,
        "asked": 1,
        "greeting": 0,
        "edited": 2,
        "posted": 2,
        "dismissed": 1,
    }
    assert expected["outcomes"] == ["contradicted", "ignored", "verified", "withdrawn"]
    for number in count(1):
        fault = Fault(fail_at=number, after=number % 2 == 0)
        found = await busy(tmp_path / str(number), fault, restarts=fault.after or number % 4 == 1)
        assert found == expected, f"after a fault in write {number}"
        if not fault.struck:
            assert number > 40
            return
