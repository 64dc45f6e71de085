"""The other side of a live bot: `python -m vigilbot.bench.stage workspace CHANNELS | model DELAY`.

The workspace or the scripted model, on loopback and each in a process of its own, as in life; neither shares
the bot's event loop. A line of JSON is a command, a line of JSON its answer; the first says where it is.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vigilbot.bench.made import CODE, number_of, question
from vigilbot.bench.player import SlowModel, judgement
from vigilbot.testing.model import ScriptedModel
from vigilbot.workspace import Workspace

Command = Callable[..., Awaitable[Mapping[str, Any]]]
_NUMBER = re.compile(CODE)


class Customers:
    """People who ask made questions, one channel for each open on-call.

    Questions go by their numbers (``made.question``). What is asked is told as number to (time, thread).
    """

    def __init__(self, channels: int) -> None:
        self.ws = Workspace(limits=False)  # fifty channels joined in one second are no daily life
        self._asker = self.ws.add_user("Nina", title="Customer")
        self._owner = self.ws.add_user("Ada", owner=True)
        members = (self._asker, self.ws.add_user("Sam", title="Support analyst"), self._owner)
        self._places = [self.ws.add_channel(f"support-{n}", members=members) for n in range(channels)]
        self._threads: list[str] = []
        self._posted: dict[int, float] = {}  # question to the time of its card
        self._looked = self._counted = 0

    async def open(self, target: str | None) -> Mapping[str, Any]:
        """The bot is everywhere. ``target``: where events go in HTTP mode; None for Socket Mode."""
        self.ws.http_target = target
        for place in self._places:
            await self.ws.invite(place, by=self._owner)
        await self.ws.settled(60)
        return {}

    async def single(self, first: int, count: int, pause: float, beside: float) -> Mapping[str, Any]:
        """A question after the other, each begins a thread; ``beside`` other messages a second."""
        over, asked = asyncio.Event(), {}
        talking = asyncio.create_task(self._talk(beside, over))
        for n in range(first, first + count):
            asked[n] = await self._ask(n, n % len(self._places))
            await asyncio.sleep(pause)
        over.set()
        await talking
        return {"asked": asked}

    async def _talk(self, rate: float, over: asyncio.Event) -> None:
        number = 0
        while rate and not over.is_set():
            await self._spare(number)
            number += 1
            await asyncio.sleep(1 / rate)

    async def together(self, first: int, anew: bool) -> Mapping[str, Any]:
        """One question in every channel at the same time; ``anew``: in new threads, else in those."""
        if anew:
            self._threads = [""] * len(self._places)
        told = [await self._ask(first + n, n, self._threads[n]) for n in range(len(self._places))]
        self._threads = [thread for _, thread in told]
        return {"asked": {first + n: each for n, each in enumerate(told)}}

    async def poisson(self, first: int, seconds: float, rate: float, seed: int) -> Mapping[str, Any]:
        """Questions in the open threads, at ``rate`` a second in total."""
        rng, asked, n = random.Random(seed), {}, first
        began, at = time.perf_counter(), 0.0
        while (at := at + rng.expovariate(rate)) < seconds:
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            place = rng.randrange(len(self._places))
            asked[n] = await self._ask(n, place, self._threads[place])
            n += 1
        return {"asked": asked}

    async def _spare(self, number: int) -> None:
        place = self._places[number % len(self._places)]
        await self.ws.say(self._asker, place, f"Thanks everybody, lunch number {number} is served.")

    async def _ask(self, number: int, place: int, thread: str = "") -> tuple[str, str]:
        ts = await self.ws.say(self._asker, self._places[place], question(number), thread=thread)
        return ts, thread or ts

    async def cards(self, first: int, until: int, patience: float) -> Mapping[str, Any]:
        """When the card of each question was posted, once all are or after ``patience`` seconds."""
        ends = time.perf_counter() + patience
        while time.perf_counter() < ends and not self._posted.keys() >= set(range(first, until)):
            await asyncio.sleep(0.1)
            self._look()
        return {"cards": {n: at for n, at in self._posted.items() if first <= n < until}}

    def _look(self) -> None:
        """Notes which questions have got their cards since it last looked."""
        calls = self.ws.calls[self._looked :]
        self._looked += len(calls)
        for call in calls:
            if call.method == "chat.postMessage" and (found := _NUMBER.search(json.dumps(call.args))):
                self._posted.setdefault(number_of(found[0]), call.at.timestamp())

    async def flood(self, seconds: float, rate: int) -> Mapping[str, Any]:
        """So many messages that ask nothing, spread over the channels."""
        before, began, total = len(self.ws.sent), time.perf_counter(), int(seconds * rate)
        for n in range(total):
            await self._spare(n)
            ahead = began + (n + 1) / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
        spent = time.perf_counter() - began
        await self.ws.settled(120)
        sent = [e for e in self.ws.sent[before:] if e.name == "message"]
        return {
            "sent": total,
            "seconds": spent,
            "acknowledged": sum(e.acknowledged for e in sent),
            "repeated": sum(e.retries > 0 for e in sent),
        }

    async def acknowledgements(self) -> Mapping[str, Any]:
        """Milliseconds that each event took to be acknowledged, since the last time this was asked for."""
        sent = self.ws.sent[self._counted :]
        self._counted += len(sent)
        return {"ms": [e.milliseconds for e in sent if e.acknowledged]}


def tell(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def obey(commands: Mapping[str, Command]) -> None:
    """Until there are no more lines."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        tell(await commands[command.pop("do")](**command))


async def customers(channels: int) -> None:
    stage = Customers(channels)
    ws = stage.ws
    async with ws:
        tell(
            {
                "team": ws.team,
                "api": ws.api_url,
                "bot": ws.bot_token,
                "app": ws.app_token,
                "secret": ws.signing_secret,
            }
        )
        await obey(
            {
                "open": stage.open,
                "single": stage.single,
                "together": stage.together,
                "poisson": stage.poisson,
                "cards": stage.cards,
                "flood": stage.flood,
                "acknowledgements": stage.acknowledgements,
            }
        )


async def model(delay: float) -> None:
    async with ScriptedModel(player=SlowModel(delay)).serving() as server:

        async def asked() -> Mapping[str, Any]:
            """The newest request for each judgement, by its name."""
            return {"bodies": {judgement(each.text): dict(each.body) for each in server.asked[-20:]}}

        tell({"url": server.url})
        await obey({"asked": asked})


if __name__ == "__main__":
    role, number = sys.argv[1:]
    asyncio.run(customers(int(number)) if role == "workspace" else model(float(number)))
