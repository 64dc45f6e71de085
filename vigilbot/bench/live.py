"""A whole bot over loopback, measured from outside: slack-bolt, the ledger, the real embedding model."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigilbot.admin.exchange import import_lines
from vigilbot.app import Parts, open_ledger
from vigilbot.bench.made import lines
from vigilbot.knowledge.spaces import PUBLIC
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service, keep_what_is_loaded
from vigilbot.serve.chat import Chat
from vigilbot.serve.slack import SlackSecrets, slack_chat
from vigilbot.settings import Settings, load

QUIET = 0.5  # seconds
LINE = 256 * 1024 * 1024  # bytes of an answer
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


class Other:
    """A process of ``bench.stage``, as a place to ask."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the other side's process ended")
        return dict(json.loads(line))

    async def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps({"do": do, **arguments}) + "\n").encode())
        await self._process.stdin.drain()
        return await self.read()


@asynccontextmanager
async def stage(
    role: str, number: float, *, module: str = "vigilbot.bench.stage"
) -> AsyncIterator[tuple[Other, Mapping[str, Any]]]:
    """The other side, and what it says of itself; ended on the way out."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, role, str(number)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE,
        env={name: value for name, value in os.environ.items() if name not in PROXIES},
    )
    try:
        other = Other(process)
        yield other, await other.read()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Watch:
    """Milliseconds by which a timer of 5 ms was late, since something held up the event loop."""

    STEP = 0.005

    def __init__(self) -> None:
        self._late: list[float] = []

    async def run(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(self.STEP)
            self._late.append((time.perf_counter() - began - self.STEP) * 1000)

    def taken(self) -> list[float]:
        """Since the last time."""
        late, self._late = self._late, []
        return late


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A bot that is ready, what it is made of, and by how much its event loop is late."""

    parts: Parts
    address: str
    watch: Watch


def settings_for(slack: Mapping[str, Any], folder: Path, **more: str) -> Settings:
    """Of a bot that answers after a short quiet time and holds no card back for what was said before."""
    return load(
        options={
            "data.dir": str(folder),
            "slack.base_url": slack["api"],
            "server.port": "0",
            "oncall.burst": f"{QUIET}s",
            "oncall.grace": "0s",
            "cards.gap": "0s",
            "cards.per_oncall": "100",
            "learn.delay": "1h",
            "log.level": "warning",
            **more,
        }
    )


@asynccontextmanager
async def live(
    settings: Settings,
    slack: Mapping[str, Any],
    *,
    embedder: Embedder | None = None,
    chat: Chat | None = None,
) -> AsyncIterator[Live]:
    """Runs until the way out, and then stops as a bot stops. Without another ``chat`` it is in Slack."""
    clock = SystemClock()
    if chat is None:
        tokens = {"bot_token": slack["bot"], "app_token": slack["app"], "signing_secret": slack["secret"]}
        chat = slack_chat(settings, SlackSecrets(**tokens), clock=clock)
    service = Service(
        settings=settings, chat=chat, clock=clock, embedder=embedder, loaded=keep_what_is_loaded
    )
    stop, watch = asyncio.Event(), Watch()
    running = asyncio.create_task(service.run(stop))
    ready = asyncio.create_task(service.ready.wait())
    watching = asyncio.create_task(watch.run())
    try:
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        assert service.parts is not None
        watch.taken()
        yield Live(parts=service.parts, address=service.address, watch=watch)
    finally:
        watching.cancel()
        ready.cancel()
        stop.set()
        await running


async def stocked(folder: Path, entries: int, *, tenant: str) -> None:
    """A ledger with so many made entries; their vectors come when a bot opens it."""
    ledger = await open_ledger(folder)
    try:
        await import_lines(
            ledger,
            tuple(lines(entries, tenant=tenant, space=PUBLIC)),
            actor="bench",
            at=SystemClock().now(),
            source="made",
            tenant=tenant,
            space=PUBLIC,
        )
    finally:
        await ledger.close()
