"""How fast a live bot is, over loopback: `python -m tests.live_speed [http] [SECONDS [RATE]]`.

The real bot with its real embedding model and the extractive engine, over slack-bolt, in Socket Mode or over
HTTP, in the local workspace, which runs in a process of its own, as Slack does. Figures: from the end of the
quiet time to the card; the acknowledgement while runs are in progress; whether a minute of 300 messages a
second is all there afterwards, and how long the bot needs for what it left waiting; and all the time, by how
much a timer of 5 ms was late because something held up the event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vigilbot.ledger import Ledger
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service, keep_what_is_loaded
from vigilbot.serve.slack import SlackSecrets, slack_chat
from vigilbot.settings import load
from vigilbot.workspace import Workspace

CHANNELS = 12
QUIET = 0.5  # seconds
ASKED = 48
LONGEST = 60.0  # seconds to watch the rest of a flood being taken into on-calls
BESIDE = 8  # messages a second beside the questions; each of them is judged, too
ANSWER = (
    "ERR-4031 means that the write token of the bucket has expired. Create a new token under "
    "Settings > Tokens and restart the exporter."
)
QUESTIONS = (
    "Our nightly export to the Harbor bucket fails with ERR-4031, how do we get it running again?",
    "Uploads to the Harbor bucket are rejected with ERR-4031 since today. What can we do about it?",
    "What does ERR-4031 mean? The export of team {n} to the Harbor bucket stopped with it.",
    "Since the weekend export {n} to our Harbor bucket fails with ERR-4031. How can we mend it?",
)
SPARE = "Thanks everybody, lunch number {n} is served."


async def workspace() -> None:
    """The other process: one line of JSON a command, one line of JSON an answer."""
    ws = Workspace()
    asker = ws.add_user("Nina", title="Customer")
    analyst = ws.add_user("Sam", title="Support analyst")
    owner = ws.add_user("Ada", owner=True)
    places = [ws.add_channel(f"support-{n}", members=(asker, analyst, owner)) for n in range(CHANNELS)]
    async with ws:
        tell({"api": ws.api_url, "bot": ws.bot_token, "app": ws.app_token, "secret": ws.signing_secret})
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            if command["do"] == "open":
                ws.http_target = command["target"]
                for place in places:
                    await ws.invite(place, by=owner)
                root = await ws.say(asker, places[0], QUESTIONS[0])
                await ws.say(analyst, places[0], ANSWER, thread=root)
                await ws.settled(30)
                tell({"done": True})
            elif command["do"] == "cards":
                tell(await _cards(ws, asker, places, beside=command["beside"]))
            else:
                tell(await _flood(ws, asker, places, seconds=command["seconds"], rate=command["rate"]))


def tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _cards(ws: Workspace, asker: str, places: Sequence[str], *, beside: int) -> dict[str, Any]:
    """Milliseconds from the end of the quiet time to the post, and the acknowledgements meanwhile."""
    before = len(ws.sent)
    asked: dict[str, float] = {}
    over = asyncio.Event()

    async def talk() -> None:
        number = 0
        while beside and not over.is_set():
            await ws.say(asker, places[number % CHANNELS], SPARE.format(n=number))
            number += 1
            await asyncio.sleep(1 / beside)

    talking = asyncio.create_task(talk())
    for number in range(ASKED):
        text = QUESTIONS[number % len(QUESTIONS)].format(n=number)
        ts = await ws.say(asker, places[number % CHANNELS], text)
        asked[ts] = float(ts)
        await asyncio.sleep(0.4)
    await asyncio.sleep(5)
    over.set()
    await talking
    posts = [c for c in ws.calls if c.method == "chat.postMessage" and c.args.get("thread_ts") in asked]
    spent = [(c.at.timestamp() - asked[str(c.args["thread_ts"])] - QUIET) * 1000 for c in posts]
    acks = [e.milliseconds for e in ws.sent[before:] if e.acknowledged]
    return {"asked": len(asked), "spent": spent, "acks": acks}


async def _flood(
    ws: Workspace, asker: str, places: Sequence[str], *, seconds: float, rate: int
) -> dict[str, Any]:
    before = len(ws.sent)
    began = time.perf_counter()
    total = int(seconds * rate)
    for number in range(total):
        await ws.say(asker, places[number % CHANNELS], SPARE.format(n=number))
        ahead = began + (number + 1) / rate - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
    spent = time.perf_counter() - began
    await ws.settled(120)
    envelopes = [e for e in ws.sent[before:] if e.name == "message"]
    return {
        "sent": total,
        "seconds": spent,
        "acknowledged": sum(e.acknowledged for e in envelopes),
        "repeated": sum(e.retries > 0 for e in envelopes),
        "acks": [e.milliseconds for e in envelopes if e.acknowledged],
    }


class Watch:
    """Milliseconds by which a short timer was late, one after the other."""

    STEP = 0.005

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(self.STEP)
            self.late.append((time.perf_counter() - began - self.STEP) * 1000)

    def told(self) -> str:
        late, self.late = self.late, []
        return f"event loop held up {spread(late)}"


class Other:
    """The workspace's process, as a place to ask."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the workspace's process ended")
        return dict(json.loads(line))

    async def ask(self, **command: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write((json.dumps(command) + "\n").encode())
        await self._process.stdin.drain()
        return await self.read()


async def main(seconds: float, rate: int, *, mode: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.live_speed",
        "--workspace",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    other = Other(process)
    slack = await other.read()
    with tempfile.TemporaryDirectory() as folder:
        settings = load(
            options={
                "data.dir": str(Path(folder)),
                "slack.base_url": slack["api"],
                "slack.mode": mode,
                "server.port": "0",
                "oncall.burst": f"{QUIET}s",
                "oncall.grace": "0s",
                "learn.delay": "0s",
                "log.level": "warning",
            }
        )
        secrets = SlackSecrets(bot_token=slack["bot"], app_token=slack["app"], signing_secret=slack["secret"])
        clock = SystemClock()
        chat = slack_chat(settings, secrets, clock=clock)
        service = Service(settings=settings, chat=chat, clock=clock, loaded=keep_what_is_loaded)
        stop = asyncio.Event()
        running = asyncio.create_task(service.run(stop))
        ready = asyncio.create_task(service.ready.wait())
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        assert service.parts is not None
        ledger = service.parts.ledger
        target = f"{service.address}/slack/events" if mode == "http" else None
        await other.ask(do="open", target=target)
        while not await ledger.entries.list_current():  # noqa: ASYNC110 - until it has learned
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        watch = Watch()
        watching = asyncio.create_task(watch.run())
        for beside in (0, BESIDE):
            found = await other.ask(do="cards", beside=beside)
            told(
                f"{beside} other messages a second: quiet time to card {spread(found['spent'])}, "
                f"{len(found['spent'])} cards of {found['asked']}; acknowledgement {spread(found['acks'])}; "
                + watch.told()
            )
        await flooded(ledger, other, watch, seconds=seconds, rate=rate)
        watching.cancel()
        stop.set()
        await running
    process.kill()
    await process.wait()


async def flooded(ledger: Ledger, other: Other, watch: Watch, *, seconds: float, rate: int) -> None:
    [before] = await ledger.fetch("SELECT count(*) AS n FROM messages")
    worked = time.process_time()
    found = await other.ask(do="flood", seconds=seconds, rate=rate)
    worked = time.process_time() - worked
    [inbox] = await ledger.fetch("SELECT count(*) AS n FROM inbox WHERE body LIKE '%lunch number%'")
    told(
        f"{found['sent']} messages in {found['seconds']:.1f} s: {found['acknowledged']} acknowledged, "
        f"{found['repeated']} sent again, {inbox['n']} kept; acknowledgement {spread(found['acks'])}; "
        f"{watch.told()}; {worked:.0f} s of processor time"
    )
    began, worked = time.perf_counter(), time.process_time()
    while await ledger.next_event() is not None and time.perf_counter() - began < LONGEST:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    [after] = await ledger.fetch("SELECT count(*) AS n FROM messages")
    spent = time.perf_counter() - began
    told(f"{after['n'] - before['n']} of them in on-calls {spent:.1f} s after the last; {watch.told()}")
    while True:
        [left] = await ledger.fetch("SELECT count(*) AS n FROM oncalls WHERE run_at IS NOT NULL")
        if not left["n"] or time.perf_counter() - began > 2 * LONGEST:
            break
        await asyncio.sleep(0.1)
    told(
        f"{left['n']} of their runs left {time.perf_counter() - began:.1f} s after the last, "
        f"{time.process_time() - worked:.0f} s of processor time; {watch.told()}"
    )


def told(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def spread(times: Sequence[float]) -> str:
    ordered = sorted(times)
    if not ordered:
        return "none"
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    return f"p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, worst {ordered[-1]:.1f} ms"


if __name__ == "__main__":
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        os.environ.pop(name, None)
    if "--workspace" in sys.argv:
        asyncio.run(workspace())
    else:
        given = [float(each) for each in sys.argv[1:] if each != "http"]
        asyncio.run(
            main(
                given[0] if given else 60.0,
                int(given[1]) if len(given) > 1 else 300,
                mode="http" if "http" in sys.argv else "socket",
            )
        )
