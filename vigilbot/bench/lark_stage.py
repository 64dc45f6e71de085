"""The other side of a live bot in Lark: `python -m vigilbot.bench.lark_stage tenant CHATS`. As ``stage``."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections.abc import Mapping
from typing import Any

from vigilbot.bench.made import CODE, number_of, question
from vigilbot.bench.stage import obey, tell
from vigilbot.workspace.lark import LarkTenant

TENANT = "T0BENCH"
_NUMBER = re.compile(CODE)


class LarkCustomers:
    """People who ask made questions in group chats, one question a topic."""

    def __init__(self, chats: int) -> None:
        self.tenant = LarkTenant(limits=False)
        self.tenant.state.tenant = TENANT
        self._asker = self.tenant.add_user("Nina", title="Customer")
        members = [self._asker, self.tenant.add_user("Sam", title="Support analyst")]
        self._chats = [
            self.tenant.add_chat(f"support-{n}", public=True, members=members) for n in range(chats)
        ]
        self._posted: dict[int, float] = {}
        self._looked = 0

    async def open(self) -> Mapping[str, Any]:
        for chat in self._chats:
            await self.tenant.invite(chat, by=self._asker)
        await self.tenant.settled(60)
        return {}

    async def single(self, first: int, count: int, pause: float, beside: float) -> Mapping[str, Any]:
        """A question after the other, each begins a topic."""
        asked = {}
        for n in range(first, first + count):
            name = await self.tenant.say(self._asker, self._chats[n % len(self._chats)], question(n))
            asked[n] = (self.tenant.state.messages[name].at / 1000, name)
            await asyncio.sleep(pause)
        return {"asked": asked}

    async def cards(self, first: int, until: int, patience: float) -> Mapping[str, Any]:
        ends = time.perf_counter() + patience
        while time.perf_counter() < ends and not self._posted.keys() >= set(range(first, until)):
            await asyncio.sleep(0.1)
            self._look()
        return {"cards": {n: at for n, at in self._posted.items() if first <= n < until}}

    def _look(self) -> None:
        calls = self.tenant.api.calls[self._looked :]
        self._looked += len(calls)
        for call in calls:
            said = str(call.body.get("content", "")) if call.path.endswith("/reply") else ""
            if found := _NUMBER.search(said):
                self._posted.setdefault(number_of(found[0]), call.at.timestamp())


async def customers(chats: int) -> None:
    stage = LarkCustomers(chats)
    async with stage.tenant as tenant:
        tell({"url": tenant.url, "id": tenant.app_id, "secret": tenant.app_secret})
        await obey({"open": stage.open, "single": stage.single, "cards": stage.cards})


if __name__ == "__main__":
    asyncio.run(customers(int(sys.argv[2])))
