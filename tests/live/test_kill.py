"""The real process, killed again and again while people write and click; and told to stop.

What was acknowledged is in the ledger, every question has its card once, and a confirmed Accept stays.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.live.company import AGAIN, Company, company, control, eventually
from vigilbot.app import open_ledger

KILLS = 10
QUESTIONS = 3  # in the life of a process
BETWEEN = (0.05, 0.9)  # seconds that it lives after it is connected
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


@dataclass(kw_only=True, slots=True)
class Process:
    """`vigilbot run` against a company's workspace."""

    company: Company
    running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        c = self.company
        env = {name: value for name, value in os.environ.items() if name not in _PROXIES}
        env |= {
            "SLACK_BOT_TOKEN": c.ws.bot_token,
            "SLACK_APP_TOKEN": c.ws.app_token,
            "SLACK_SIGNING_SECRET": c.ws.signing_secret,
        }
        for name, value in c.given().items():
            env[f"VIGILBOT_{name.upper().replace('.', '_')}"] = value
        log = c.folder.parent / "process.log"
        with log.open("ab") as sink:
            self.running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vigilbot", "run", env=env, stdout=sink, stderr=sink
            )

    async def end(self, number: signal.Signals) -> int:
        assert self.running is not None
        if self.running.returncode is None:
            self.running.send_signal(number)
        code = await asyncio.wait_for(self.running.wait(), 30)
        self.running = None
        return code


@asynccontextmanager
async def process(c: Company) -> AsyncIterator[Process]:
    made = Process(company=c)
    try:
        yield made
    finally:
        if made.running is not None:
            await made.end(signal.SIGKILL)


async def test_ten_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    rng = Random(4)
    async with company(tmp_path / "data") as c:
        places = [c.ws.add_channel(f"team-{n}", members=c.people.values()) for n in range(6)]
        c.channels |= {c.ws.channels[place].name: place for place in places}
        teams = [name for name in c.channels if name.startswith("team-")]
        async with c.running():
            await c.invited("support", *teams)
            await c.taught()
        asked: dict[str, str] = {}
        confirmed: set[str] = set()
        clicked: set[str] = set()

        async def ask() -> None:
            where = teams[len(asked) % len(teams)]
            text = AGAIN.replace("weekly", f"weekly {len(asked)}")
            asked[await c.say("omar", text, where=where)] = where

        async def accept() -> None:
            for card in [card for team in teams for card in c.all_cards(where=team)]:
                if card["ts"] in clicked or rng.random() < 0.5:
                    continue
                clicked.add(card["ts"])
                where = asked[card["thread_ts"]]
                name, _ = control(card, "accept")
                if await c.ws.click(c.people["omar"], c.channels[where], card["ts"], name):
                    confirmed.add(card["ts"])

        async def killed(bot: Process, after: float) -> None:
            await asyncio.sleep(after)
            await bot.end(signal.SIGKILL)

        async with process(c) as bot:
            for _ in range(KILLS):
                await ask()  # nobody listens
                await bot.start()
                await eventually(lambda: c.ws.sockets, within=30)
                killing = asyncio.create_task(killed(bot, rng.uniform(*BETWEEN)))
                for _ in range(QUESTIONS):
                    await ask()
                    await asyncio.sleep(rng.uniform(0, 0.3))
                    await accept()
                await killing
            await bot.start()
            await eventually(lambda: c.ws.sockets, within=30)
            c.ws.advance(70)  # Slack sends again what was not acknowledged
            await eventually(lambda: all(c.cards(ts, where=where) for ts, where in asked.items()), within=60)
            assert await bot.end(signal.SIGTERM) == 0
        cards = {ts: c.cards(ts, where=where) for ts, where in asked.items()}
        assert {len(shown) for shown in cards.values()} == {1}
        ledger = await open_ledger(tmp_path / "data")
        try:
            known = {row["ts"] for row in await ledger.fetch("SELECT ts FROM messages")}
            accepts = await ledger.fetch(
                "SELECT d.ts FROM feedback f JOIN deliveries d ON d.answer = f.answer WHERE f.kind = 'accept'"
            )
            left = await ledger.fetch("SELECT 1 FROM inbox WHERE state <> 'done'")
        finally:
            await ledger.close()
        assert known >= set(asked)
        assert not left
        assert confirmed <= {row["ts"] for row in accepts}
        assert len(confirmed) > 2  # else nothing was shown
