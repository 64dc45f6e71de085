"""Much at once with a slow model: is every on-call's order kept, what memory does it take, is the loop free?

python -m tests.chaos.load [MESSAGES [ONCALLS]]        10,000 messages over 1,000 on-calls by default
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.lives import SETTINGS, ledger_of
from tests.chaos.process import Launcher, launching, surroundings
from tests.live.company import Company, company, eventually
from vigilbot.testing import Answered, Asked, MarkPlayer, ScriptedModel

DELAY = 0.2  # seconds that every reply of the model takes
PLACES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """``late``: milliseconds by which a short timer was late: median, 99 and 99.9 of a hundred, worst."""

    messages: int
    disordered: int  # messages that stand behind a later one of their on-call
    unread: int  # customers' messages that no run has seen in the end
    twice: int  # on-calls with more than one card
    acknowledged: float  # seconds until everything was
    done: float  # seconds until all runs were
    grown: float  # megabytes of memory from the idle bot to its largest
    late: tuple[float, ...]


class Slow:
    """The model's part, played slowly."""

    def __init__(self) -> None:
        self._player = MarkPlayer()

    async def __call__(self, asked: Asked) -> Answered:
        await asyncio.sleep(DELAY)
        return await self._player(asked)


async def carried(folder: Path, launcher: Launcher, *, messages: int, oncalls: int) -> Carried:
    async with ScriptedModel(player=Slow()).serving() as model:
        given = SETTINGS | {"model__api_base": json.dumps({"*": model.url}), "oncall__burst": "1s"}
        given |= {"slack__timeout": "10s", "slack__grace": "15s"}
        async with company(folder / "data", **given) as made:
            return await _through(made, launcher, messages=messages, oncalls=oncalls)


async def _through(made: Company, launcher: Launcher, *, messages: int, oncalls: int) -> Carried:
    folder = made.folder.parent
    places = [made.ws.add_channel(f"load-{n}", members=made.people.values()) for n in range(PLACES)]
    made.channels |= {f"load-{n}": place for n, place in enumerate(places)}
    watch = folder / "watch"
    life = await launcher.start(surroundings(made), log=folder / "process.log", watch=str(watch))
    await eventually(lambda: made.ws.sockets, within=30)
    await made.invited(*(f"load-{n}" for n in range(PLACES)))
    await asyncio.sleep(1)
    idle = largest = memory(life.pid)
    began = time.perf_counter()
    threads: list[tuple[int, str]] = []
    for number in range(messages):
        turn, which = divmod(number, oncalls)
        if not turn:
            where = which % PLACES
            threads.append(
                (where, await made.say("nina", f"Question {which}: what now?", where=f"load-{where}"))
            )
        else:
            where, root = threads[which]
            await made.say("nina", f"Line {turn} of {which}", where=f"load-{where}", thread=root)
        if number % 50 == 49:
            largest = max(largest, memory(life.pid))
            await asyncio.sleep(0.05)
    sent = [e for e in made.ws.sent if e.type == "events_api"]
    await eventually(lambda: all(e.acknowledged for e in sent), within=600)
    acknowledged = time.perf_counter() - began
    while left(folder / "data", messages):
        largest = max(largest, memory(life.pid))
        await asyncio.sleep(0.2)
    done = time.perf_counter() - began
    await life.end(signal.SIGTERM)
    with suppress(OSError):
        late = tuple(float(each) for each in watch.read_text(encoding="utf-8").split())
    return _counted(made, messages, acknowledged, done, (largest - idle) / 2**20, late)


def _counted(
    made: Company, messages: int, acknowledged: float, done: float, grown: float, late: tuple[float, ...]
) -> Carried:
    with closing(ledger_of(made.folder)) as ledger:
        rows = ledger.execute("SELECT oncall, ts FROM messages ORDER BY rowid").fetchall()
        unread = ledger.execute("SELECT count(*) FROM messages WHERE run IS NULL").fetchone()[0]
        twice = ledger.execute(
            "SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'sent' GROUP BY oncall "
            "HAVING count(*) > 1)"
        ).fetchone()[0]
    last: dict[str, float] = {}
    disordered = 0
    for oncall, ts in rows:
        disordered += float(ts) < last.get(oncall, 0.0)
        last[oncall] = max(float(ts), last.get(oncall, 0.0))
    return Carried(
        messages=len(rows),
        disordered=disordered,
        unread=unread,
        twice=twice,
        acknowledged=acknowledged,
        done=done,
        grown=grown,
        late=late,
    )


def left(folder: Path, messages: int) -> bool:
    """Whether anything of it is not read yet."""
    with closing(ledger_of(folder)) as ledger:
        [[known, waiting]] = ledger.execute(
            "SELECT count(*), coalesce(sum(run IS NULL), 0) FROM messages"
        ).fetchall()
        [[due]] = ledger.execute("SELECT count(*) FROM oncalls WHERE run_at IS NOT NULL").fetchall()
    return bool(known < messages or (waiting and due))


def memory(pid: int) -> int:
    """Bytes of memory that are the process's own: what it shares with its launcher is not counted."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    return 0


async def main(messages: int, oncalls: int) -> None:
    async with launching() as launcher:
        with tempfile.TemporaryDirectory() as folder:
            found = await carried(Path(folder), launcher, messages=messages, oncalls=oncalls)
    sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # of a request that was cancelled
    given = [int(each) for each in sys.argv[1:]]
    asyncio.run(main(given[0] if given else 10_000, given[1] if len(given) > 1 else 1000))
