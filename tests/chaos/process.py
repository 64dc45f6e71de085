"""`vigilbot run` as a process against a company's workspace: started, watched, killed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.company import Company

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def surroundings(company: Company) -> dict[str, str]:
    """The environment of a bot of that company."""
    env = {
        "SLACK_BOT_TOKEN": company.ws.bot_token,
        "SLACK_APP_TOKEN": company.ws.app_token,
        "SLACK_SIGNING_SECRET": company.ws.signing_secret,
        "OPENAI_API_KEY": "none",
    }
    for name, value in company.given().items():
        env[f"VIGILBOT_{name.upper().replace('.', '_')}"] = value
    return env


@dataclass(kw_only=True, slots=True)
class Life:
    """One process from its start to its end."""

    pid: int
    code: asyncio.Future[int]

    @property
    def over(self) -> bool:
        return self.code.done()

    def signal(self, number: signal.Signals) -> bool:
        """False when it was dead already."""
        if self.over:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    async def end(self, number: signal.Signals, *, within: float = 30.0) -> int:
        """Its exit code, or minus the signal. Raises TimeoutError when it does not end."""
        self.signal(number)
        return await asyncio.wait_for(asyncio.shield(self.code), within)


@dataclass(kw_only=True, slots=True)
class Launcher:
    """Begins lives, one after the other (tests/chaos/launcher.py)."""

    process: asyncio.subprocess.Process
    life: Life | None = field(default=None, init=False)
    _waiting: asyncio.Task[None] | None = field(default=None, init=False)

    async def start(self, env: Mapping[str, str], *, log: Path, **befalls: Any) -> Life:
        assert self.life is None or self.life.over
        if self._waiting is not None:
            await self._waiting
        asked = {"env": dict(env), "log": str(log), "befalls": befalls}
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(asked) + "\n").encode())
        await self.process.stdin.drain()
        life = Life(pid=(await self._told())["pid"], code=asyncio.get_running_loop().create_future())
        self.life = life
        self._waiting = asyncio.create_task(self._wait(life))
        return life

    async def _wait(self, life: Life) -> None:
        life.code.set_result((await self._told())["code"])

    async def _told(self) -> dict[str, int]:
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError("the launcher ended")
        return dict(json.loads(line))

    async def close(self) -> None:
        if self.life is not None and not self.life.over:
            await self.life.end(signal.SIGKILL)
        if self._waiting is not None:
            await self._waiting
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


@asynccontextmanager
async def launching() -> AsyncIterator[Launcher]:
    env = {name: value for name, value in os.environ.items() if name not in _PROXIES}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.chaos.launcher",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=env | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    made = Launcher(process=process)
    try:
        yield made
    finally:
        await made.close()


class Plain:
    """The same without a launcher: everything is imported at every start."""

    def __init__(self) -> None:
        self.life: Life | None = None
        self._waiting: asyncio.Task[None] | None = None

    async def start(self, env: Mapping[str, str], *, log: Path, **befalls: Any) -> Life:
        assert not befalls, "nothing can be put into a plain process"
        known = {name: value for name, value in os.environ.items() if name not in _PROXIES}
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vigilbot", "run", env=known | dict(env), stdout=sink, stderr=sink
            )
        self.life = life = Life(pid=process.pid, code=asyncio.get_running_loop().create_future())

        async def wait() -> None:
            life.code.set_result(await process.wait())

        self._waiting = asyncio.create_task(wait())
        return life

    async def close(self) -> None:
        if self.life is not None and not self.life.over:
            await self.life.end(signal.SIGKILL)
