"""How long a bot takes, from the start of its process, to take events in and to answer; and its memory."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vigilbot.app import open_ledger
from vigilbot.bench import Demand, Figure
from vigilbot.bench.corpus import revision_of
from vigilbot.bench.costs import resident
from vigilbot.bench.live import PROXIES
from vigilbot.bench.made import MOST, entry, question
from vigilbot.errors import VigilBotError
from vigilbot.knowledge import lexemes_of
from vigilbot.knowledge.spaces import PUBLIC
from vigilbot.ledger import Entries
from vigilbot.providers.clock import SystemClock
from vigilbot.settings import Settings
from vigilbot.workspace import Workspace

_QUIET: Final = 0.2  # seconds
_PATIENCE: Final = 180.0  # seconds
_LOOK: Final = 0.005
_MODEL: Final = """
import asyncio, sys
from pathlib import Path
from vigilbot.app import open_embedder
from vigilbot.settings import load
chosen = {"embedder.model": sys.argv[1]} | ({"embedder.path": sys.argv[2]} if sys.argv[2] else {})

async def main():
    model = await open_embedder(load(options=chosen))
    await model.embed(["The first text."])

asyncio.run(main())
print("loaded", flush=True)
sys.stdin.read()
"""
_BOLT: Final = "import slack_bolt.async_app, slack_bolt.adapter.socket_mode.async_handler\nprint('loaded')"


@dataclass(frozen=True, kw_only=True, slots=True)
class Started:
    """Seconds from the start of the process, and MB when it has answered."""

    taking_in: float
    answering: float
    memory: float


async def least(settings: Settings) -> Started:
    """What no bot on these libraries can do without: slack-bolt loaded; the embedding model loaded."""
    bolt, _ = await _until_loaded(_BOLT)
    path = str(settings.embedder.path or "")
    model, memory = await _until_loaded(_MODEL, settings.embedder.model, path)
    return Started(taking_in=bolt, answering=model, memory=memory)


async def starts(
    settings: Settings, ws: Workspace, folder: Path, *, times: int, done: Callable[[int], None]
) -> list[Started]:
    """So many starts on the ledger in ``folder``; after each a question is asked and answered."""
    asker = ws.add_user("Nina", title="Customer")
    owner = ws.add_user("Ada", owner=True)
    place = ws.add_channel("support", members=(asker, owner))
    await _known(folder, times, tenant=ws.team)
    runs: list[Started] = []
    async with ws:
        for number in range(times):
            runs.append(
                await _start(settings, ws, folder, place, asker=asker, owner=owner, number=MOST + number)
            )
            done(1)
    return runs


def figures(runs: Sequence[Started], floor: Started, *, count: int) -> list[Figure]:
    """Medians. The demands: events within 2 s, answers within 15 s."""
    size, n = f"{count:,} entries", len(runs)
    bolt, model = "a process that only loads slack-bolt", "a process that only loads the embedding model"
    return [
        Figure(
            name=f"from the start of the process to the first event taken in, {size}",
            value=statistics.median(run.taking_in for run in runs),
            unit="s",
            n=n,
            baseline=floor.taking_in,
            against=bolt,
            demand=Demand(limit=2),
        ),
        Figure(
            name=f"from the start of the process to the first card, {size}",
            value=statistics.median(run.answering for run in runs),
            unit="s",
            n=n,
            baseline=floor.answering,
            against=model,
            demand=Demand(limit=15),
            note=f"{_QUIET} s of them is the quiet time",
        ),
        Figure(
            name=f"memory of the bot, {size}",
            value=statistics.median(run.memory for run in runs),
            unit="MB",
            n=n,
            baseline=floor.memory or None,
            against=model,
        ),
    ]


async def _known(folder: Path, count: int, *, tenant: str) -> None:
    """Entries that answer what is asked; the bot embeds them when it loads."""
    ledger = await open_ledger(folder, durable=False)
    try:
        for number in range(MOST, MOST + count):
            asked, told = entry(number)
            revision = revision_of(f"right-{number}", asked, told, tenant=tenant, space=PUBLIC)
            now = SystemClock().now()
            await ledger.write(*Entries.append(revision, at=now, lexemes=lexemes_of(revision)))
    finally:
        await ledger.close()


async def _start(
    settings: Settings, ws: Workspace, folder: Path, place: str, *, asker: str, owner: str, number: int
) -> Started:
    log = folder / "bot.log"
    with log.open("wb") as sink:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vigilbot", "run"), env=_environment(settings, ws, folder), stderr=sink
        )
        try:
            await _until(lambda: ws.sockets > 0, process, log)
            await ws.invite(place, by=owner)
            ts = await ws.say(asker, place, question(number))
            sent = [e for e in ws.sent if e.payload.get("event", {}).get("ts") == ts]
            await _until(lambda: any(e.acknowledged for e in sent), process, log)
            taking_in = time.perf_counter() - began
            await _until(lambda: _answered(ws, ts), process, log)
            answering = time.perf_counter() - began
            memory, _ = await asyncio.to_thread(resident, process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    return Started(taking_in=taking_in, answering=answering, memory=memory)


def _answered(ws: Workspace, ts: str) -> bool:
    return any(c.method == "chat.postMessage" and c.args.get("thread_ts") == ts for c in ws.calls)


def _environment(settings: Settings, ws: Workspace, folder: Path) -> dict[str, str]:
    known = settings
    options = {
        "DATA_DIR": str(folder),
        "SLACK_BASE_URL": ws.api_url,
        "SLACK_MODE": "socket",
        "SERVER_PORT": "0",
        "ONCALL_GATE": "immediately",
        "ONCALL_BURST": f"{_QUIET}s",
        "ONCALL_GRACE": "0s",
        "CARDS_GAP": "0s",
        "LOG_LEVEL": "warning",
        "ENGINE_KIND": "extractive",
        "EMBEDDER_MODEL": known.embedder.model,
        "RETRIEVAL_INDEX": known.retrieval.index,
        "RETRIEVAL_CHROMA_FROM": str(known.retrieval.chroma_from),
    }
    if known.embedder.path is not None:
        options["EMBEDDER_PATH"] = str(known.embedder.path)
    return {
        **{name: value for name, value in os.environ.items() if name not in PROXIES},
        **{f"VIGILBOT_{name}": value for name, value in options.items()},
        "SLACK_BOT_TOKEN": ws.bot_token,
        "SLACK_APP_TOKEN": ws.app_token,
    }


async def _until(condition: Callable[[], bool], process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(_PATIENCE):
        while not condition():
            if process.returncode is not None:
                raise VigilBotError(f"the bot has ended: {_end_of(log)}")
            await asyncio.sleep(_LOOK)


def _end_of(log: Path) -> str:
    return " ".join(log.read_text(errors="replace")[-500:].split())


async def _until_loaded(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds until the program says something, and its memory then."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        told = await process.stdout.readline()
        seconds = time.perf_counter() - began
        memory, _ = await asyncio.to_thread(resident, process.pid)
        if not told:
            raise VigilBotError("a program to compare with has failed")
    finally:
        process.stdin.close()
        await process.wait()
    return seconds, memory
