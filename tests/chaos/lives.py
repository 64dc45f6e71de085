"""One bot, many lives: started, used, killed, started again; at the end everything has to add up."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.befalling import ERRORS
from tests.chaos.checker import check
from tests.chaos.crash_points import POINTS, STRUCK
from tests.chaos.history import History
from tests.chaos.process import Launcher, Life, Plain, launching, surroundings
from tests.chaos.town import Town
from tests.live.company import Company, company, eventually
from vigilbot.app import LEDGER
from vigilbot.testing import MarkPlayer, ScriptedModel
from vigilbot.workspace.faults import Trouble

TIMEOUT, GRACE = 0.5, 1.4
CALM = 12.0  # seconds that a life may take to come to rest, which then ends it
USUAL = 0.15  # seconds to a connection on a machine that has nothing else to do
LATE = 0.9  # seconds after which a post is applied at the latest, whoever still waits for it
EVENTS = ("said", "edited", "deleted", "closed", "clicked", "missed")
"""Lines of the history that are something people did."""
WAITING = (
    "SELECT 'inbox' AS what, count(*) AS n FROM inbox WHERE state = 'new' "
    "UNION ALL SELECT 'cards', count(*) FROM deliveries WHERE state = 'due' "
    "UNION ALL SELECT 'requests', count(*) FROM requests WHERE state = 'due' "
    "UNION ALL SELECT 'clicks', count(*) FROM feedback WHERE applied_at IS NULL "
    "UNION ALL SELECT 'redraws', count(*) FROM deliveries WHERE refresh_at IS NOT NULL "
    "UNION ALL SELECT 'runs', count(*) FROM oncalls WHERE run_at IS NOT NULL "
    "UNION ALL SELECT 'lessons', count(*) FROM oncalls WHERE learn_at IS NOT NULL"
)
SETTINGS = {
    "slack__timeout": f"{TIMEOUT}s",
    "slack__grace": f"{GRACE}s",
    "cards__stale": "1d",
    "review__quiet": "3s",
    "engine__kind": "model",
    "model__models": "openai/scripted",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """``ends``: how lives end. ``points``: where some are struck. ``faults``: the workspace is bad, too."""

    seed: int
    lives: int
    events: int
    ends: Sequence[str] = ("kill", "crash", "crash")  # or "stop"
    points: Sequence[str] = tuple(POINTS)
    faults: bool = True
    places: int = 8
    failing: bool = False  # in each life another write to the ledger fails, the first in the first


@dataclass(kw_only=True, slots=True)
class Outcome:
    """``counts``: of events, deaths, faults. ``violations``: empty when everything adds up."""

    counts: Counter[str]
    violations: list[str]
    seconds: float
    struck: Counter[str] = field(default_factory=Counter)
    stops: list[float] = field(default_factory=list)  # seconds from SIGTERM to the end


class Lives:
    def __init__(
        self, made: Company, town: Town, history: History, launcher: Launcher | Plain, plan: Plan
    ) -> None:
        self.company = made
        self.town = town
        self._history = history
        self._launcher = launcher
        self._plan = plan
        self._rng = Random(plan.seed + 1)
        self.log = made.folder.parent / "process.log"
        self._points = self._shuffled()
        self._pace = 1.0  # how much slower than usual this machine is just now
        self._written = 0
        self.ahead = 0.0  # seconds by which lives that begin now are fast: the bot was away so long
        self.struck: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.stops: list[float] = []

    async def begin(self, **befalls: Any) -> Life:
        """A process that is connected, or dead."""
        if self.ahead:
            befalls = {"ahead": self.ahead} | befalls
        self._written = self.log.stat().st_size if self.log.exists() else 0
        began = time.perf_counter()
        life = await self._launcher.start(surroundings(self.company), log=self.log, **befalls)
        await eventually(lambda: self.company.ws.sockets or life.over, within=40)
        self._pace = min(8.0, max(1.0, (time.perf_counter() - began) / USUAL))
        return life

    def _said(self) -> str:
        """What the process that was begun last has written to its log."""
        with self.log.open("rb") as file:
            file.seek(self._written)
            return file.read().decode(errors="replace")

    async def all(self, progress: Callable[[str], None] = lambda _: None) -> None:
        left = self._plan.events
        for number in range(self._plan.lives):
            events = round(left / (self._plan.lives - number))
            left -= events
            await self._one(number, events)
            progress(f"{number + 1} of {self._plan.lives} lives, {self._plan.events - left} events")
        await self.settled()

    async def _one(self, number: int, events: int) -> None:
        rng, town = self._rng, self.town
        how, befalls, leading = self._fate(number)
        if self._plan.faults:
            self.trouble()
        missed = rng.randint(0, min(2, events))
        for _ in range(missed):
            await town.act()
        life = await self.begin(**befalls)
        self.repeat()
        span = await self._span(life, how)
        end = time.perf_counter() + span
        for turn in range(events - missed):
            await town.act("" if turn else leading)
            await asyncio.sleep(rng.uniform(0, 0.6) * min(span, 1.0) / max(1, events - missed))
        if self._plan.failing:
            with suppress(TimeoutError):
                await eventually(lambda: life.over or self._struck_a_write(number + 1), within=6)
                self.counts["writes failed"] += 1
        while not life.over and time.perf_counter() < end and (span < CALM or self.waiting()):
            await asyncio.wait({life.code}, timeout=min(0.1, max(0.0, end - time.perf_counter())))
        await self._die(life, how, befalls.get("crash", ""), number)

    def _fate(self, number: int) -> tuple[str, dict[str, Any], str]:
        """How a life ends, what befalls it, and what somebody does first."""
        how = self._rng.choice(self._plan.ends)
        if self._plan.failing:
            return how, {"error": tuple(ERRORS)[number % len(ERRORS)], "nth": number + 1}, ""
        if how != "crash":
            return how, {}, ""
        point = next(self._points)
        return how, {"crash": point, "nth": self._rng.choice((1, 1, 2))}, POINTS[point][2]

    async def _span(self, life: Life, how: str) -> float:
        """Seconds that it lives from now on. Some die while they start, one in ten may come to rest."""
        rng = self._rng
        chance = rng.random()
        if how == "kill" and chance < 0.6:
            return rng.uniform(0.05, 0.6) * self._pace
        with suppress(TimeoutError):
            await eventually(lambda: life.over or "ready: engine" in self._said(), within=30)
        if chance > 0.9:
            return CALM
        return GRACE + rng.uniform(0.2, 1.2) if chance > 0.6 else rng.uniform(0.2, 0.8) * self._pace

    async def _die(self, life: Life, how: str, point: str, number: int) -> None:
        began = time.perf_counter()
        struck = life.over
        code = await life.end(signal.SIGTERM if how == "stop" else signal.SIGKILL)
        if self._plan.failing and code in (1, 2):  # it could not start, and said why
            self.counts["not started"] += 1
        elif how == "stop" and not struck:
            self.stops.append(time.perf_counter() - began)
            self.counts["stops"] += 1
            if code != 0:
                self._history.note("broke", code=code, life=number)
        elif code == -signal.SIGKILL:
            self.counts["kills"] += 1
            if struck:
                assert self._last_line() == f"{STRUCK}{point}", self.log.read_text(encoding="utf-8")[-2000:]
                self.struck[point] += 1
                self.counts["at points"] += 1
        else:
            self._history.note("broke", code=code, life=number)
        self._history.note("died", how=point if struck else how, code=code)
        await eventually(lambda: not self.company.ws.sockets)

    def _struck_a_write(self, number: int) -> bool:
        return f"{STRUCK}write {number}\n" in self._said()

    def _last_line(self) -> str:
        return self._said().splitlines()[-1]

    def _shuffled(self) -> Any:
        while True:
            points = list(self._plan.points)
            self._rng.shuffle(points)
            yield from points

    # -- what the workspace does

    def trouble(self) -> None:
        rng, faults = self._rng, self.company.ws.faults
        faults.ack_loss, faults.duplicates, faults.late = 0.03, 0.06, 0.05
        faults.refreshes, faults.limited, faults.failing = 0.01, 0.02, 0.02
        faults.dropped_before, faults.dropped_after = 0.02, 0.05
        if rng.random() < 0.3:  # the request arrives, the caller gives up, and then it is applied
            late = rng.uniform(TIMEOUT, LATE)
            faults.troubles.append(Trouble(method="chat.postMessage", drop=True, applied=True, delay=late))

    def repeat(self) -> None:
        """What was not acknowledged comes again, and now and then something that was, long ago."""
        ws = self.company.ws
        for envelope in list(ws.sent):
            if envelope.type == "events_api" and not envelope.acknowledged:
                ws.repeat(envelope)
                self.counts["sent again"] += 1
        known = [e for e in ws.sent if e.type == "events_api" and e.acknowledged]
        for envelope in self._rng.sample(known, min(2, len(known))):
            ws.repeat(envelope)
            self.counts["sent again though acknowledged"] += 1

    # -- the end

    async def settled(self) -> None:
        """Started ten minutes later, in a world without faults, and left alone until it is done."""
        ws = self.company.ws
        ws.faults.clear()
        if not isinstance(self._launcher, Plain):
            self.ahead += 600
        life = await self.begin()
        await self.town.calm()
        if not await self._rested():
            self._history.note("unquiet", waiting=self.waiting())
        code = await life.end(signal.SIGTERM)
        if code != 0:
            self._history.note("broke", code=code, life=self._plan.lives)
        self.town.write_down()

    async def idle(self) -> None:
        """Until everything that was sent is acknowledged and done."""

        def done() -> bool:
            sent = [e for e in self.company.ws.sent if e.type == "events_api"]
            return all(e.acknowledged for e in sent) and not self.waiting()

        await eventually(done, within=40)

    async def _rested(self) -> bool:
        """Until nothing is left to do; False when for a minute nothing of it was done."""
        least, at = sys.maxsize, time.perf_counter()
        while time.perf_counter() - at < 60:
            ws = self.company.ws
            missing = [e for e in ws.sent if e.type == "events_api" and not e.acknowledged]
            for envelope in missing:
                ws.repeat(envelope)
            await asyncio.sleep(0.5 * self._pace)
            left = len(missing) + sum(self.waiting().values())
            if not left:
                await asyncio.sleep(0.5)
                if not self.waiting():
                    return True
            if left < least:
                least, at = left, time.perf_counter()
        return False

    def waiting(self) -> dict[str, int]:
        """What is due in the ledger and not done, by kind."""
        with closing(ledger_of(self.company.folder)) as ledger:
            rows = ledger.execute(WAITING).fetchall()
        return {what: n for what, n in rows if n}


def ledger_of(folder: Path) -> sqlite3.Connection:
    """The ledger as anybody may read it, also while the bot runs."""
    return sqlite3.connect(f"file:{folder / LEDGER}?mode=ro", uri=True, timeout=10)


def known_in(folder: Path) -> int:
    with closing(ledger_of(folder)) as ledger:
        [[n]] = ledger.execute("SELECT count(*) FROM knowledge WHERE valid_to IS NULL AND retracted = 0")
    return int(n)


@asynccontextmanager
async def town_of(
    folder: Path, plan: Plan, launcher: Launcher | Plain, **options: str
) -> AsyncIterator[Lives]:
    """A company with a scripted model, whose bot has learned what it will be asked; nothing runs yet."""
    history = History(folder / "history.jsonl")
    async with ScriptedModel(player=MarkPlayer()).serving() as model:
        given = SETTINGS | {"model__api_base": json.dumps({"*": model.url})} | options
        async with company(folder / "data", **given) as made:
            history.note("begun", seed=plan.seed, lives=plan.lives, events=plan.events, people=made.people)
            town = Town(made, history, Random(plan.seed), places=plan.places)
            lives = Lives(made, town, history, launcher, plan)
            try:
                life = await lives.begin()
                await town.learned(lambda: known_in(made.folder))
                await life.end(signal.SIGTERM)
                yield lives
            finally:
                history.close()
                if launcher.life is not None:
                    await launcher.life.end(signal.SIGKILL)


async def lived(
    folder: Path,
    plan: Plan,
    *,
    launcher: Launcher | Plain | None = None,
    progress: Callable[[str], None] = lambda _: None,
    **options: str,
) -> Outcome:
    """The whole of it, checked. The folder keeps ledger, history and the process's log."""
    if launcher is None:
        async with launching() as own:
            return await lived(folder, plan, launcher=own, progress=progress, **options)
    began = time.perf_counter()
    async with town_of(folder, plan, launcher, **options) as lives:
        await lives.all(progress)
        counts = lives.counts + lives.town.history.counts + faults_of(lives.company)
        counts["events"] = sum(counts[kind] for kind in EVENTS)
    violations = check(folder / "history.jsonl", folder / "data" / LEDGER)
    return Outcome(
        counts=counts,
        violations=violations,
        seconds=time.perf_counter() - began,
        struck=lives.struck,
        stops=lives.stops,
    )


def faults_of(made: Company) -> Counter[str]:
    """What went wrong on the workspace's side, counted."""
    calls = made.ws.calls
    return Counter(
        {
            "api calls": len(calls),
            "connections dropped": sum(c.status == 0 for c in calls),
            "of them applied": sum(c.status == 0 and c.applied for c in calls),
            "told to slow down": sum(c.status == 429 for c in calls),
            "internal errors": sum(c.answer.get("error") == "internal_error" for c in calls),
        }
    )
