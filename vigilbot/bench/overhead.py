"""Our own code around one call of a language model, beside the bare library."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from vigilbot.app import open_embedder, open_engine
from vigilbot.bench import Figure, Part, Progress, Section, spread
from vigilbot.bench.bare import calls_in_turn
from vigilbot.bench.live import stage
from vigilbot.domain import Dialogue, Message, Role
from vigilbot.providers.clock import SystemClock
from vigilbot.settings import load

TIMES: Final = 100
_SIZES: Final = (5, 60)  # messages of a dialogue
_SAID: Final = "The export of the quarterly report stops at 40% with ERR-42, what can we do? " * 2


async def measure_overhead(progress: Progress, *, times: int = TIMES) -> Section:
    """In turns within one run, so that both meet the same machine."""
    began = time.perf_counter()
    figures: list[Figure] = []
    async with stage("model", 0) as (server, model):
        settings = load(
            options={
                "embedder.model": "hash",
                "engine.kind": "model",
                "model.models": "openai/scripted",
                "model.api_base": json.dumps({"*": model["url"]}),
            }
        )
        embedder = await open_embedder(settings)
        async with open_engine(settings, embedder, clock=SystemClock(), fallback=False) as engine:
            for size in _SIZES:
                talk = dialogue(size)

                async def ours(talk: Dialogue = talk) -> None:
                    await engine.identify(talk, talk.messages[-1:], scope="exports and reports")

                await ours()
                body = (await server.ask("asked"))["bodies"]["identify"]
                alone, whole = list[float](), list[float]()
                with progress.phase(f"A model's call, {size} messages", times) as step:
                    for _ in range(times):
                        alone += await calls_in_turn([body], at_once=1, url=model["url"])
                        whole.append(await _milliseconds(ours))
                        step(1)
                name = f"identification of a dialogue of {size} messages"
                figures += spread(
                    name, whole, unit="ms", baseline=alone, against="bare litellm", percentiles=(50,)
                )
    return Section(
        part=Part.LATENCY,
        title="Our code around one call of a language model",
        ran_on="litellm over HTTP to a scripted server that replies at once",
        figures=tuple(figures),
        seconds=time.perf_counter() - began,
    )


def dialogue(size: int) -> Dialogue:
    """A customer and an analyst in turns; a customer is the last."""
    messages = []
    for n in range(size):
        role = Role.CUSTOMER if (size - n) % 2 else Role.ANALYST
        at = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=40 * n)
        messages.append(
            Message(id=f"m{n}", ts=str(at.timestamp()), at=at, role=role, author=role.value, text=_SAID)
        )
    return Dialogue(messages=tuple(messages))


async def _milliseconds(call: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000
