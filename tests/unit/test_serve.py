"""A running service on a platform in memory: what is taken in, what survives, how it ends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from pathlib import Path

import aiohttp
import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import Event, EventKind
from vigilbot.errors import BadInput, BadLedger, LedgerError, PlatformError
from vigilbot.ledger import DeadLetters, Ledger, Letter
from vigilbot.ports import Inbound, Interaction, InteractionKind, Statement, TransportState, Watermark
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.door import STARTING, STOPPING, Door
from vigilbot.serve.rounds import Rounds
from vigilbot.server import Route
from vigilbot.settings import Settings, load
from vigilbot.testing import HashEmbedder, RecordingPlatform


class Chat(RecordingPlatform):
    """A platform that delivers what a test says; whatever is not acknowledged is delivered again."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock())
        self.inbound: Inbound | None = None
        self.past: list[Event] = []
        self.refusal: BadInput | None = None
        self.silent = False
        self.unreachable = 0  # times

    async def connect(self, inbound: Inbound) -> None:
        if self.unreachable:
            self.unreachable -= 1
            raise PlatformError("no route to host")
        if self.refusal is not None:
            raise self.refusal
        self.inbound = inbound
        self.refuse(0)

    async def backfill(self) -> int:
        assert self.inbound is not None
        if self.silent:
            raise PlatformError("history is not permitted")
        await self.inbound.gaps()
        return sum([await self.inbound.receive(event) for event in self.past])

    async def disconnect(self) -> None:
        self.inbound = None
        self.refuse(1_000_000)  # nothing can be posted any more

    def state(self) -> TransportState:
        return TransportState(
            platform="chat",
            connected=self.inbound is not None,
            sockets=1,
            last_event_at=None,
            limited=0,
            problems=("a remark",),
        )

    def routes(self) -> Sequence[Route]:
        return ()

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        return replace(event, completed=True)

    async def deliver(self, event: Event) -> bool:
        assert self.inbound is not None
        return await self.inbound.receive(event)


def settings(folder: Path, **options: str) -> Settings:
    given = {
        "data.dir": str(folder),
        "embedder.model": "hash",
        "retrieval.index": "exact",
        "server.port": "0",
        "oncall.burst": "0s",
        "oncall.grace": "0s",
        "oncall.gate": "immediately",
        "learn.delay": "0s",
    }
    return load(options=given | {name.replace("__", "."): value for name, value in options.items()})


def said(
    text: str, *, ts: float, user: str = "U-NINA", thread: float | None = None, title: str = ""
) -> Event:
    stamp = f"{ts:.6f}"
    return Event(
        kind=EventKind.POSTED,
        tenant="T",
        channel="C",
        channel_name="support",
        ts=stamp,
        thread=f"{thread or ts:.6f}",
        user=user,
        user_title=title,
        at=datetime.now(UTC),  # noqa: TID251 - the service runs on the machine's clock
        key=f"event:{stamp}",
        natural_key=f"message:T:C:{stamp}",
        text=text,
    )


async def eventually(true: Callable[[], object], *, within: float = 10.0) -> None:
    """Until ``true`` says something true; it may be a coroutine function."""
    async with asyncio.timeout(within):
        while True:
            found = true()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(folder: Path, chat: Chat, **options: str) -> AsyncIterator[Service]:
    service = Service(settings=settings(folder, **options), chat=chat, clock=SystemClock())
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    ready = asyncio.create_task(service.ready.wait())
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
    ready.cancel()
    try:
        if running.done():
            await running
        yield service
    finally:
        stop.set()
        await running


async def messages(ledger: Ledger, wanted: int) -> bool:
    """Whether that many have been taken into on-calls."""
    [row] = await ledger.fetch("SELECT count(*) AS n FROM messages")
    return bool(row["n"] == wanted)


async def count(folder: Path, sql: str) -> int:
    ledger = await open_ledger(folder)
    try:
        [row] = await ledger.fetch(f"SELECT count(*) AS n FROM {sql}")
        return int(row["n"])
    finally:
        await ledger.close()


ASKED = "The nightly export fails with ERR-4031 since this morning. How do we get it running again?"
ANSWERED = "ERR-4031 means that the write token has expired. Create a new token and restart the exporter."


async def test_it_learns_from_one_conversation_and_answers_the_next(tmp_path: Path) -> None:
    chat = Chat()
    begin = 1_800_000_000.0
    async with serving(tmp_path, chat) as service:
        assert service.parts is not None
        ledger = service.parts.ledger
        await chat.deliver(said(ASKED, ts=begin))
        await chat.deliver(said(ANSWERED, ts=begin + 60, user="U-SAM", thread=begin, title="support analyst"))
        await eventually(lambda: ledger.entries.list_current())
        await chat.deliver(said(ASKED.replace("nightly", "weekly"), ts=begin + 900, user="U-OMAR"))
        await eventually(lambda: chat.posted)
    [card] = chat.posted
    assert card.thread == f"{begin + 900:.6f}"
    assert "token" in card.card.body


async def test_events_are_durable_while_the_model_is_still_loading(tmp_path: Path) -> None:
    chat = Chat()
    loading = asyncio.Event()

    class Slow(HashEmbedder):
        async def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
            await loading.wait()
            return await super().embed(texts)

    service = Service(settings=settings(tmp_path), chat=chat, clock=SystemClock(), embedder=Slow())
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    await eventually(lambda: chat.inbound)
    assert await chat.deliver(said(ASKED, ts=1_800_000_000.0))
    assert not await chat.deliver(said(ASKED, ts=1_800_000_000.0))
    assert chat.inbound is not None
    told = await chat.inbound.act(
        Interaction(kind=InteractionKind.COMMAND, event=said("", ts=1.0), name="", text="status")
    )
    assert told.text == STARTING
    async with aiohttp.ClientSession() as http, http.get(f"{service.address}/readyz") as answer:
        assert answer.status == 503
        body = await answer.json()
    assert body["reasons"] == ["the embedding model and the engine are still loading"]
    assert body["remarks"] == ["a remark"]
    stop.set()
    await asyncio.wait_for(running, 10)
    assert await count(tmp_path, "inbox WHERE state = 'new'") == 1
    async with serving(tmp_path, chat) as second:
        assert second.parts is not None
        ledger = second.parts.ledger
        await eventually(lambda: messages(ledger, 1))
    assert await count(tmp_path, "inbox WHERE state = 'new'") == 0
    assert await count(tmp_path, "messages") == 1


async def test_what_happened_while_nobody_listened_is_read(tmp_path: Path) -> None:
    chat = Chat()
    chat.past = [said(f"Export {n} fails, why?", ts=1_800_000_000.0 + n) for n in range(3)]
    async with serving(tmp_path, chat) as service:
        assert service.parts is not None
        ledger = service.parts.ledger
        await eventually(lambda: messages(ledger, 3))


async def test_a_past_that_cannot_be_read_does_not_end_the_present(tmp_path: Path) -> None:
    chat = Chat()
    chat.silent = True
    async with serving(tmp_path, chat) as service:
        await asyncio.sleep(0.05)
        assert await chat.deliver(said(ASKED, ts=1_800_000_000.0))
        assert service.ready.is_set()


async def test_a_bad_token_ends_it_before_anything_is_taken_in(tmp_path: Path) -> None:
    chat = Chat()
    chat.refusal = BadInput("is revoked", place="environment variable SLACK_BOT_TOKEN", remedy="Make another")
    with pytest.raises(BadInput, match="SLACK_BOT_TOKEN: is revoked"):
        async with serving(tmp_path, chat):
            pass


async def test_a_platform_that_cannot_be_reached_is_tried_again_and_said_to_be_so(tmp_path: Path) -> None:
    chat = Chat()
    chat.unreachable = 1
    service = Service(settings=settings(tmp_path), chat=chat, clock=SystemClock())
    stop, address = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(service.run(stop, listening=address.put_nowait))
    async with aiohttp.ClientSession() as web, web.get(f"{await address.get()}/readyz") as answer:
        assert answer.status == 503
        assert "chat cannot be reached (no route to host)" in (await answer.json())["reasons"]
    await asyncio.wait_for(service.ready.wait(), 20)
    assert await chat.deliver(said(ASKED, ts=1_800_000_000.0))
    stop.set()
    await running


async def test_it_can_be_stopped_while_the_platform_cannot_be_reached(tmp_path: Path) -> None:
    chat = Chat()
    chat.unreachable = 1000
    service = Service(settings=settings(tmp_path), chat=chat, clock=SystemClock())
    stop, address = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(service.run(stop, listening=address.put_nowait))
    await address.get()
    stop.set()
    await asyncio.wait_for(running, 5)


async def test_a_second_bot_on_the_same_ledger_does_not_start(tmp_path: Path) -> None:
    async with serving(tmp_path, Chat()):
        with pytest.raises(BadLedger, match=f"another process uses this ledger. Stop process {os.getpid()}"):
            async with serving(tmp_path, Chat()):
                pass


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    async with serving(tmp_path / "a", Chat()) as service:
        port = service.address.rpartition(":")[2]
        with pytest.raises(BadInput, match=f"server.port: cannot listen on 127.0.0.1 port {port}"):
            async with serving(tmp_path / "b", Chat(), server__port=port):
                pass


async def test_stopping_lets_finish_what_runs_and_nothing_is_lost(tmp_path: Path) -> None:
    chat = Chat()
    events = [said(f"Question {n}: why does export {n} fail?", ts=1_800_000_000.0 + n) for n in range(200)]
    service = Service(settings=settings(tmp_path), chat=chat, clock=SystemClock())
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    await service.ready.wait()
    inbound = chat.inbound
    assert inbound is not None
    acknowledged = 0
    for number, event in enumerate(events):
        if number == 120:
            stop.set()
        try:
            acknowledged += await inbound.receive(event)
        except LedgerError:  # closed: no acknowledgement, the platform sends it again
            break
    assert 120 <= acknowledged < 200
    await asyncio.wait_for(running, 30)
    told = await inbound.act(
        Interaction(kind=InteractionKind.CLICK, event=events[0], name="accept", value="x")
    )
    assert told.text == STOPPING
    assert await count(tmp_path, "inbox") == acknowledged
    async with serving(tmp_path, Chat()) as second:
        assert second.parts is not None
        ledger = second.parts.ledger
        await eventually(
            lambda: ledger.fetch("SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM inbox WHERE state = 'new')"),
            within=20,
        )
    assert await count(tmp_path, "messages") == acknowledged


async def test_work_that_does_not_end_is_broken_off_and_done_at_the_next_start(tmp_path: Path) -> None:
    chat = Chat()
    never = asyncio.Event()
    asked = asyncio.Event()

    class Hanging(HashEmbedder):
        async def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
            if any("ERR-4031" in text for text in texts):
                asked.set()
                await never.wait()
            return await super().embed(texts)

    service = Service(
        settings=settings(tmp_path), chat=chat, clock=SystemClock(), embedder=Hanging(), drain=0.2
    )
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    await service.ready.wait()
    await chat.deliver(said(ASKED, ts=1_800_000_000.0))
    await asyncio.wait_for(asked.wait(), 10)
    stop.set()
    await asyncio.wait_for(running, 10)
    assert await count(tmp_path, "runs") == 0
    async with serving(tmp_path, Chat()) as second:
        assert second.parts is not None
        ledger = second.parts.ledger
        await eventually(lambda: ledger.fetch("SELECT id FROM runs"))


async def test_a_failing_ledger_is_told_and_tried_again() -> None:
    clock = SystemClock()
    fails, done = True, 0

    async def ingest() -> int:
        nonlocal done
        if fails:
            raise LedgerError("database or disk is full")
        done += 1
        return 0

    async def nothing() -> int:
        return 0

    async def never() -> datetime | None:
        return None

    rounds = Rounds(next_event=never, next_due=never, busy=lambda: False, clock=clock)
    running = asyncio.create_task(rounds.run(ingest=ingest, work=[nothing]))
    await eventually(lambda: rounds.troubles)
    assert "database or disk is full" in rounds.troubles[0]
    fails = False
    await eventually(lambda: done)
    await eventually(lambda: not rounds.troubles)
    rounds.stop()
    await asyncio.wait_for(running, 5)


async def test_a_timer_is_met_within_a_moment() -> None:
    clock = SystemClock()
    due: datetime | None = None
    seen: list[float] = []

    async def work() -> int:
        nonlocal due
        if due is None or clock.now() < due:
            return 0
        seen.append((clock.now() - due).total_seconds())
        due = None
        return 1

    async def nothing() -> int:
        return 0

    async def never() -> datetime | None:
        return None

    async def next_due() -> datetime | None:
        return due

    rounds = Rounds(next_event=never, next_due=next_due, busy=lambda: False, clock=clock)
    running = asyncio.create_task(rounds.run(ingest=nothing, work=[work]))
    for _ in range(3):
        due = clock.now() + timedelta(milliseconds=150)
        rounds.called()
        before = len(seen)
        await eventually(lambda before=before: len(seen) > before)  # type: ignore[misc]
    rounds.stop()
    await asyncio.wait_for(running, 5)
    assert max(seen) < 2  # seconds; without the timer a round comes every minute


async def test_gaps_are_marked_before_the_desk_is_open_and_read_after_it(tmp_path: Path) -> None:
    chat = Chat()
    async with serving(tmp_path, chat) as first:
        assert first.parts is not None
        ledger = first.parts.ledger
        joined = replace(said("", ts=0.0, user="U-BOT"), kind=EventKind.MEMBER_JOINED, is_self=True)
        await chat.deliver(replace(joined, key="joined", natural_key="joined"))
        await chat.deliver(said(ASKED, ts=1_800_000_000.0))
        await eventually(lambda: messages(ledger, 1))
    ledger = await open_ledger(tmp_path)
    door = Door(ledger=ledger, clock=SystemClock(), arrived=lambda: None, acted=lambda: None)
    try:
        assert await door.gaps() == ()
        [row] = await ledger.channels.gaps()
        assert row["gap_from"] == "1800000000.000000"
    finally:
        await ledger.close()
    asked: list[Watermark] = []

    class Listening(Chat):
        async def backfill(self) -> int:
            assert self.inbound is not None
            asked.extend(await self.inbound.gaps())
            return 0

    async with serving(tmp_path, Listening()):
        await eventually(lambda: asked)
    assert {gap.after for gap in asked} == {"1800000000.000000"}
    assert {gap.thread for gap in asked} == {"", "1800000000.000000"}


async def test_an_event_that_cannot_be_written_is_refused_and_told(tmp_path: Path) -> None:
    ledger = await open_ledger(tmp_path)
    door = Door(ledger=ledger, clock=SystemClock(), arrived=lambda: None, acted=lambda: None)
    assert await door.receive(said(ASKED, ts=1.0))
    await ledger.close()
    with pytest.raises(LedgerError):
        await door.receive(said(ASKED, ts=2.0))
    assert "events are refused" in door.trouble


async def test_it_is_ready_again_as_soon_as_the_ledger_can_be_written_not_with_the_next_event(
    tmp_path: Path,
) -> None:
    chat = Chat()
    async with serving(tmp_path, chat) as service:
        assert service.parts is not None
        ledger = service.parts.ledger
        for table in ("inbox", "upkeep"):
            full = f"BEFORE INSERT ON {table} BEGIN SELECT raise(ABORT, 'database or disk is full'); END"
            await ledger.write(Statement(f"CREATE TRIGGER full_{table} {full}", {}))
        with pytest.raises(LedgerError):
            await chat.deliver(said(ASKED, ts=1_800_000_000.0))
        told = await service.condition()
        assert "events are refused" in told.reasons[0]
        assert "Free disk space" in told.remedies[told.reasons[0]]
        for table in ("inbox", "upkeep"):
            await ledger.write(Statement(f"DROP TRIGGER full_{table}", {}))
        assert (await service.condition()).reasons == ()


async def test_what_is_degraded_is_said_with_a_remedy_and_stops_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, Chat()) as service:
        assert service.parts is not None
        ledger = service.parts.ledger
        await ledger.chats.receive(said(ASKED, ts=1.0), at=SystemClock().now())
        dead = Statement("UPDATE inbox SET state = 'dead'", {})
        await ledger.write(dead, DeadLetters.put(Letter.EVENT, 1, at=SystemClock().now()))
        told = await service.condition()
    assert told.reasons == ()
    assert "given up after all tries: 1 event" in told.remarks
    assert "dead list" in told.remedies["given up after all tries: 1 event"]


async def test_a_card_that_is_under_way_is_posted_before_the_connection_closes(tmp_path: Path) -> None:
    chat = Chat()
    begin = 1_800_000_000.0
    judging, go_on = asyncio.Event(), asyncio.Event()

    class Pausing(HashEmbedder):
        async def embed(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
            if any("weekly" in text for text in texts):
                judging.set()
                await go_on.wait()
            return await super().embed(texts)

    service = Service(settings=settings(tmp_path), chat=chat, clock=SystemClock(), embedder=Pausing())
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    await service.ready.wait()
    assert service.parts is not None
    ledger = service.parts.ledger
    await chat.deliver(said(ASKED, ts=begin))
    await chat.deliver(said(ANSWERED, ts=begin + 60, user="U-SAM", thread=begin, title="support analyst"))
    await eventually(lambda: ledger.entries.list_current())
    await chat.deliver(said(ASKED.replace("nightly", "weekly"), ts=begin + 900, user="U-OMAR"))
    await asyncio.wait_for(judging.wait(), 10)
    stop.set()
    await asyncio.sleep(0.05)
    go_on.set()
    await asyncio.wait_for(running, 10)
    assert [card.thread for card in chat.posted] == [f"{begin + 900:.6f}"]


async def test_rounds_give_way_while_events_wait_to_be_written() -> None:
    busy, taken = True, 0

    async def ingest() -> int:
        nonlocal taken
        taken += 1
        return 0

    async def nothing() -> int:
        return 0

    async def never() -> datetime | None:
        return None

    rounds = Rounds(next_event=never, next_due=never, busy=lambda: busy, clock=SystemClock())
    running = asyncio.create_task(rounds.run(ingest=ingest, work=[nothing]))
    await asyncio.sleep(0.15)
    assert taken == 0
    busy = False
    await eventually(lambda: taken, within=1)
    rounds.stop()
    await asyncio.wait_for(running, 5)
