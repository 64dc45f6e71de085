"""Runs side by side: whose turn it is, and what becomes of those under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import Event, EventKind
from vigilbot.errors import LedgerError
from vigilbot.ledger import Chats, Ledger
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Row
from vigilbot.providers.clock import SimulatedClock
from vigilbot.testing.world import BEGIN
from vigilbot.turns import AT_ONCE, Turns

HERE = Event(
    kind=EventKind.MEMBER_JOINED,
    tenant="T",
    channel="busy",
    ts="1",
    thread="1",
    user="U",
    at=BEGIN,
    key="k",
    natural_key="n",
)


class Runs:
    """Runs that end when a test says so."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.begun: list[str] = []
        self.ended = 0
        self.delivered: list[str] = []
        self.sent = asyncio.Event()
        self.sent.set()
        self.go_on = asyncio.Event()

    async def act(self, oncall: Row) -> None:
        self.begun.append(oncall["id"])
        await self.go_on.wait()
        await self._ledger.write(Chats.timer_done(oncall["id"], "run", was=oncall["run_at"]))

    async def deliver(self, oncall: Row) -> None:
        await self.sent.wait()
        self.delivered.append(oncall["id"])

    def over(self) -> None:
        self.ended += 1


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(tmp_path, durable=False)
    for channel in ("busy", "calm", "idle"):
        await opened.write(Chats.put_channel(replace(HERE, channel=channel), space="public"))
    yield opened
    await opened.close()


async def due(ledger: Ledger, channel: str, count: int, *, after: int = 0) -> None:
    for number in range(count):
        await ledger.write(
            Chats.put_oncall(
                id=f"{channel} {number}",
                tenant="T",
                channel=channel,
                thread=str(number),
                state="open",
                opened_at=stamp(BEGIN),
                last_at=stamp(BEGIN),
                run_at=stamp(BEGIN + timedelta(seconds=after + number)),
            )
        )


def turns_of(ledger: Ledger, *, at_once: int = AT_ONCE) -> Turns:
    clock = SimulatedClock(BEGIN + timedelta(hours=1))
    return Turns(ledger=ledger, clock=clock, calls=0, at_once=at_once)


async def filled(turns: Turns, runs: Runs) -> None:
    """Begins as many as there is room for."""
    for _ in range(2 * AT_ONCE):
        await turns.begin(runs.act, then=runs.deliver, ended=runs.over)
        await asyncio.sleep(0.01)


async def test_a_flood_in_one_channel_does_not_hold_up_another(ledger: Ledger) -> None:
    await due(ledger, "busy", 200)
    await due(ledger, "calm", 1, after=3000)
    turns, runs = turns_of(ledger), Runs(ledger)
    await filled(turns, runs)
    assert len(runs.begun) == AT_ONCE
    assert runs.begun.index("calm 0") <= 1
    await due(ledger, "idle", 1, after=3500)
    runs.go_on.set()
    await turns.finish(wait=True)
    await turns.begin(runs.act, then=runs.deliver, ended=runs.over)
    await asyncio.sleep(0.01)
    assert "idle 0" in runs.begun[AT_ONCE : AT_ONCE + 2]
    await turns.finish(wait=True)
    assert runs.ended == len(runs.begun)


async def test_as_many_runs_as_configured_go_on_side_by_side(ledger: Ledger) -> None:
    await due(ledger, "busy", 4 * AT_ONCE)
    turns, runs = turns_of(ledger, at_once=2 * AT_ONCE), Runs(ledger)
    await filled(turns, runs)
    assert len(runs.begun) == 2 * AT_ONCE
    runs.go_on.set()
    await turns.finish(wait=True)


async def test_cards_that_wait_for_the_platform_take_no_room(ledger: Ledger) -> None:
    await due(ledger, "busy", 3 * AT_ONCE)
    turns, runs = turns_of(ledger), Runs(ledger)
    runs.sent.clear()
    runs.go_on.set()
    async with asyncio.timeout(10):
        while len(runs.begun) < 3 * AT_ONCE:
            await filled(turns, runs)
    assert runs.delivered == []
    runs.sent.set()
    await turns.finish(wait=True)
    assert sorted(runs.delivered) == sorted(runs.begun)


async def test_an_oncall_has_one_piece_of_work_at_a_time(ledger: Ledger) -> None:
    await due(ledger, "busy", 1)
    turns, runs = turns_of(ledger), Runs(ledger)
    await filled(turns, runs)
    assert not await turns.claimed("busy 0")
    assert await turns.each("run", runs.act) == 0
    assert runs.begun == ["busy 0"]
    runs.go_on.set()
    await turns.finish(wait=True)
    assert await turns.claimed("busy 0")


async def test_what_is_broken_off_can_be_done_again_at_once(ledger: Ledger) -> None:
    await due(ledger, "busy", 3)
    turns, runs = turns_of(ledger), Runs(ledger)
    await filled(turns, runs)
    await turns.finish(wait=False)
    assert len(runs.begun) == runs.ended == 3
    assert len(await ledger.chats.due_oncalls("run", now=BEGIN + timedelta(hours=1))) == 3


async def test_a_ledger_that_fails_under_a_run_is_told_to_the_next_round(ledger: Ledger) -> None:
    await due(ledger, "busy", 1)
    turns, runs = turns_of(ledger), Runs(ledger)

    async def broken(_: Row) -> None:
        raise LedgerError("disk full")

    await turns.begin(broken, then=runs.deliver, ended=runs.over)
    await turns.finish(wait=True)
    with pytest.raises(LedgerError, match="disk full"):
        await turns.begin(runs.act, then=runs.deliver, ended=runs.over)
    await turns.begin(runs.act, then=runs.deliver, ended=runs.over)
    await asyncio.sleep(0.01)
    await turns.finish(wait=False)
    assert runs.ended == 2
