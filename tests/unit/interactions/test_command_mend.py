"""Operators take back, correct, look for gaps and erase, from the chat, with the list first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.unit.interactions.office import SECRET, SUPPORT, Office, button, office
from vigilbot import admin
from vigilbot.cards import ActionKind
from vigilbot.ports import InteractionKind

KEY = "How do I rotate the signing key of the gateway?"
MINUTES = timedelta(minutes=10)


@asynccontextmanager
async def answering(folder: Path) -> AsyncIterator[tuple[Office, str]]:
    """An office in which one entry has answered Otto; and the entry's id."""
    options = {"oncall.gate": "immediately", "retrieval.index": "exact"}
    async with office(folder, channels=(SUPPORT, SECRET), options=options) as made:
        entry = await made.world.teach(KEY, "Run gatectl rotate on the primary")
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(MINUTES)
        assert len(made.world.platform.posted) == 1
        yield made, entry


async def retracted(made: Office, entry: str, actor: str = "U-ANN") -> None:
    parts = made.world.parts
    now = made.world.clock.now()
    await admin.retract(parts.knowledge, parts.ledger, entry, actor=actor, reason="wrong", at=now)


async def test_everything_by_somebody_is_shown_first_and_then_just_that_is_taken_back(tmp_path: Path) -> None:
    async with answering(tmp_path) as (made, entry):
        await retracted(made, entry)
        shown = await made.ask("ada", "kb undo <@U-ANN> 2h")
        assert "Take back 1 thing" in shown.text
        assert entry in shown.text
        assert (await made.ledger.entries.entry(entry))["retracted"]
        other = await made.world.teach("Where are the logs?", "In the bucket audit")
        await made.world.wait(MINUTES)
        await retracted(made, other)  # after the list was shown
        done = await made.click("ada", button(shown, ActionKind.CONFIRM))
        assert "Took back 1 thing" in done.text
        assert not (await made.ledger.entries.entry(entry))["retracted"]
        assert (await made.ledger.entries.entry(other))["retracted"]
        assert "nothing to take back" in await made.type("ada", "kb undo <@U-EVE> 2h")


async def test_corrections_are_listed_and_posted_only_after_the_click(tmp_path: Path) -> None:
    async with answering(tmp_path) as (made, entry):
        assert "No card stands" in await made.type("ada", "kb corrections")
        await retracted(made, entry)
        listed = await made.type("ada", "kb corrections")
        assert "1 correction owed in 1 thread" in listed
        home = await made.act(InteractionKind.HOME, "ada")
        assert home.panel is not None
        assert "Corrections owed" in [section.heading for section in home.panel.sections]
        shown = await made.ask("ada", "kb correct")
        await made.world.wait(MINUTES)
        before = len(made.notices(SUPPORT))
        await made.click("ada", button(shown, ActionKind.CONFIRM))
        await made.world.wait(MINUTES)
        assert len(made.notices(SUPPORT)) == before + 1
        assert "No correction is owed" in await made.type("ada", "kb correct")


async def test_corrections_can_be_let_be(tmp_path: Path) -> None:
    async with answering(tmp_path) as (made, entry):
        await retracted(made, entry)
        shown = await made.ask("ada", "kb correct none")
        assert "Let these be" in shown.text
        assert "will not be posted" in (await made.click("ada", button(shown, ActionKind.CONFIRM))).text
        assert "No card stands" in await made.type("ada", "kb corrections")


async def test_impact_and_gaps_tell_analysts_what_they_may_see(tmp_path: Path) -> None:
    async with answering(tmp_path) as (made, entry):
        said = await made.type("ann", f"kb impact {entry}")
        assert "1 answer in 1 on-call; 1 card stand" in said
        await made.world.say("otto", "Which ports does the exporter need?", on="ports", channel="support")
        await made.world.say("ada", "Where is the secret bucket?", on="hidden", channel="secret")
        await made.world.wait(MINUTES)
        assert "Which ports" in await made.type("ann", "kb gaps")
        assert "secret bucket" not in await made.type("ann", "kb gaps")
        assert "secret bucket" in await made.type("ada", "kb gaps")
        assert "is for operators" in await made.type("ann", "kb corrections")


async def test_erasure_asks_first_and_cannot_be_done_by_others(tmp_path: Path) -> None:
    async with answering(tmp_path) as (made, _):
        assert "is for operators" in await made.type("ann", "erase <@U-OTTO>")
        shown = await made.ask("ada", "erase <@U-OTTO>")
        assert "cannot be taken back" in shown.text
        assert (await made.ledger.fetch("SELECT text FROM messages"))[0]["text"] == KEY
        done = await made.click("ada", button(shown, ActionKind.CONFIRM))
        assert "Erased: 1 message" in done.text
        assert (await made.ledger.fetch("SELECT text FROM messages"))[0]["text"] == ""
        assert "I know nothing of this person" in await made.type("ada", "erase <@U-NOBODY>")
