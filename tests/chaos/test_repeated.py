"""Events that come twice, in disorder, hours later, across a restart: a question has one card at most."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.chaos.checker import check
from tests.chaos.lives import Plan, town_of
from tests.chaos.process import Launcher
from vigilbot.app import LEDGER

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOURS = 6 * 3600.0


async def test_what_comes_again_and_in_disorder_is_one_happening(tmp_path: Path, launcher: Launcher) -> None:
    async with town_of(tmp_path, Plan(seed=8, lives=0, events=0, places=6), launcher) as lives:
        town, ws = lives.town, lives.company.ws
        life = await lives.begin()
        ws.faults.duplicates, ws.faults.late, ws.faults.ack_loss = 1.0, 0.5, 0.1
        for what in ("ask", "mention", "burst", "edit", "edit", "wonder", "ask", "edit", "delete") * 4:
            await town.act(what)
        await asyncio.sleep(2.5)  # until the last that was late has left
        ws.faults.clear()
        lives.repeat()
        await lives.idle()
        await life.end(signal.SIGTERM)
        lives.ahead = HOURS
        life = await lives.begin()
        events = [e for e in ws.sent if e.type == "events_api"]
        for envelope in town.rng.sample(events, len(events)):
            ws.repeat(envelope)
        await lives.idle()
        await life.end(signal.SIGTERM)
        await lives.settled()
    assert check(tmp_path / "history.jsonl", tmp_path / "data" / LEDGER) == []


async def test_one_question_from_several_messages_at_once_has_one_card(
    tmp_path: Path, launcher: Launcher
) -> None:
    async with town_of(tmp_path, Plan(seed=9, lives=0, events=0, places=6), launcher) as lives:
        life = await lives.begin()
        for _ in range(12):
            await lives.town.act("burst")
        await lives.idle()
        await life.end(signal.SIGTERM)
        await lives.settled()
    assert check(tmp_path / "history.jsonl", tmp_path / "data" / LEDGER) == []


async def test_an_edit_that_comes_late_undoes_no_later_one(tmp_path: Path, launcher: Launcher) -> None:
    async with town_of(tmp_path, Plan(seed=10, lives=0, events=0, places=1), launcher) as lives:
        town, faults = lives.town, lives.company.ws.faults
        life = await lives.begin()
        await town.ask()
        await lives.idle()
        faults.late = 1.0
        assert await town.edit()
        faults.late = 0.0
        assert await town.edit()
        await asyncio.sleep(2.1)
        await lives.idle()
        await life.end(signal.SIGTERM)
        await lives.settled()
    assert check(tmp_path / "history.jsonl", tmp_path / "data" / LEDGER) == []
