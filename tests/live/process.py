"""`vigilbot run` as a process of its own, against a company's workspace."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.live.company import Company

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
