"""Health, readiness and metrics over a real socket and a real ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web

from vigilbot.app import open_ledger
from vigilbot.domain import Event, EventKind
from vigilbot.ledger import Chats, DeadLetters, Ledger, Letter, Runs
from vigilbot.ledger.rows import pack, stamp
from vigilbot.ports import ModelState, TransportState
from vigilbot.providers.clock import SimulatedClock
from vigilbot.server import Condition, IndexFigures, Route, Server

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FINE = TransportState(
    platform="chat", connected=True, sockets=2, last_event_at=NOW - timedelta(seconds=40), limited=3
)


@dataclass
class Served:
    ledger: Ledger
    url: str = ""
    condition: Condition = field(default_factory=lambda: Condition(reasons=(), transport=FINE))

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.request(method, self.url + path) as answer:
            return answer.status, await answer.text()

    async def metrics(self) -> dict[str, float]:
        status, text = await self.get("/metrics")
        assert status == 200
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@asynccontextmanager
async def served(folder: Path, *routes: Route) -> AsyncIterator[Served]:
    ledger = await open_ledger(folder, durable=False)
    made = Served(ledger=ledger)

    async def condition() -> Condition:
        return made.condition

    server = Server(condition=condition, ledger=ledger, clock=SimulatedClock(NOW), routes=routes)
    made.url = await server.start(host="127.0.0.1", port=0)
    try:
        yield made
    finally:
        await server.stop()
        await ledger.close()


def event(number: int) -> Event:
    return Event(
        kind=EventKind.POSTED,
        tenant="T",
        channel="C",
        ts=f"{number}",
        thread=f"{number}",
        user="U",
        at=NOW,
        key=f"e{number}",
        natural_key=f"n{number}",
    )


async def test_alive_and_ready(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert await here.get("/healthz") == (200, '{"alive": true}')
        assert await here.get("/readyz") == (
            200,
            '{"ready": true, "reasons": [], "remarks": [], "remedies": {}}',
        )


async def test_not_ready_says_why_and_stays_alive(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        here.condition = Condition(reasons=("not connected to chat",), remarks=("a proxy is set",))
        status, body = await here.get("/readyz")
        assert (status, "not connected to chat" in body, "a proxy is set" in body) == (503, True, True)
        assert (await here.get("/healthz"))[0] == 200
        assert (await here.metrics())["vigilbot_ready"] == 0


async def test_the_figures_are_those_of_the_ledger(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        for number in range(3):
            await here.ledger.chats.receive(event(number), at=NOW - timedelta(seconds=30 - number))
        await here.ledger.write(
            Chats.inbox_done(1),
            Chats.inbox_failed(3, due=NOW, error="", dead=True),
            DeadLetters.put(Letter.EVENT, 3, at=NOW),
            Runs.put(
                "model_calls",
                tenant="T",
                oncall="O",
                channel="C",
                stage="answer",
                model="m",
                at=stamp(NOW),
                ms=5.0,
                tokens_in=100,
                tokens_out=10,
                cost=None,
                cached=0,
                error="",
            ),
        )
        here.condition = Condition(
            reasons=(),
            transport=FINE,
            models=(ModelState(model="m", state="open", until=NOW, last_error="HTTP 500"),),
            index=IndexFigures(ready=False, vectors=7, behind=2, rebuilds=1),
        )
        await here.ledger.write(
            Chats.put_oncall(
                id="O",
                tenant="T",
                channel="C",
                thread="1",
                state="open",
                opened_at=stamp(NOW),
                last_at=stamp(NOW),
            ),
            *(
                Runs.put(
                    "runs",
                    id=f"R{ms}",
                    tenant="T",
                    oncall="O",
                    purpose="customer",
                    at=stamp(NOW),
                    through=stamp(NOW),
                    triggers="[]",
                    scope="within",
                    within=0.9,
                    result="decided" if ms > 10 else "abstained",
                    mode="everyone",
                    trace=pack({"timings_ms": {"answer": ms}}),
                )
                for ms in (5, 15, 95)
            ),
        )
        found = await here.metrics()
    assert found["vigilbot_inbox_depth"] == 1
    assert found['vigilbot_dead_letters{kind="event"}'] == 1
    assert found['vigilbot_dead_letters{kind="card"}'] == 0
    assert found["vigilbot_deliveries_unknown"] == 0
    assert found['vigilbot_model_tokens_total{direction="sent",model="m"}'] == 100
    assert found['vigilbot_model_resting{model="m"}'] == 1
    assert found["vigilbot_index_ready"] == 0
    assert found["vigilbot_index_behind"] == 2
    assert found["vigilbot_index_rebuilds_total"] == 1
    assert found["vigilbot_inbox_age_seconds"] == 29
    assert found['vigilbot_events_total{state="done"}'] == 1
    assert found['vigilbot_runs_total{result="decided"}'] == 2
    assert found['vigilbot_oncalls{state="open"}'] == 1
    assert found['vigilbot_stage_milliseconds{quantile="0.5",stage="answer"}'] == 15
    assert found["vigilbot_rate_limited_total"] == 3
    assert found["vigilbot_last_event_age_seconds"] == 40
    assert found["vigilbot_sockets"] == 2


async def test_a_ledger_that_fails_does_not_take_the_metrics_with_it(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.ledger.close()
        found = await here.metrics()
    assert found["vigilbot_ledger_readable"] == 0
    assert found["vigilbot_connected"] == 1


async def test_the_pages_of_a_platform_are_served_beside(tmp_path: Path) -> None:
    async def events(request: web.Request) -> web.Response:
        return web.Response(text=await request.text() or "nothing")

    async with served(tmp_path, ("POST", "/slack/events", events)) as here:
        assert await here.get("/slack/events", "POST") == (200, "nothing")
        assert (await here.get("/slack/events"))[0] == 405
        assert (await here.get("/elsewhere"))[0] == 404
