"""Our own code around one call of a model, beside the bare library: a ratio within one run (`make bench`)."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

os.environ.setdefault("OPENAI_API_KEY", "none")

from tests.models import MODEL, engine_over, ordered
from tests.unit.engines.talk import dialogue
from vigilbot.providers.llm import open_litellm
from vigilbot.testing import Answered, ScriptedModel

TIMES = 150
SAID = "The export of the quarterly report stops at 40% with ERR-42, what can we do? " * 2


async def _timed(call: Callable[[], Awaitable[object]], spent: list[float]) -> None:
    start = time.perf_counter()
    await call()
    spent.append((time.perf_counter() - start) * 1000)


async def main() -> None:
    async with ScriptedModel().serving() as server:
        server.always(Answered.of({"reason": "x", "within": 0.9, "out": 0.05, "none": 0.05}))
        library = await open_litellm(api_bases={"*": server.url}, seconds=5)
        engine = engine_over(ordered(library))
        for size in (5, 60):
            talk = dialogue(*[(("c:a", "a:b")[i % 2], SAID) for i in range(size)])
            await engine.identify(talk, talk.messages[-1:], scope="s")
            body = server.asked[-1].body

            async def bare(body: dict[str, object] = body) -> None:
                found = await library._library.acompletion(
                    model=MODEL,
                    messages=body["messages"],
                    response_format=body["response_format"],
                    max_tokens=1000,
                    temperature=0,
                    drop_params=True,
                    num_retries=0,
                    max_retries=0,
                    timeout=5,
                    api_base=server.url,
                    api_key="none",
                )
                json.loads(found.choices[0].message.content)

            async def ours(talk: object = talk) -> None:
                await engine.identify(talk, talk.messages[-1:], scope="s")  # type: ignore[attr-defined]

            alone: list[float] = []
            whole: list[float] = []
            for _ in range(TIMES):  # in turns, so that both meet the same machine
                await _timed(bare, alone)
                await _timed(ours, whole)
            first, second = statistics.median(alone), statistics.median(whole)
            sys.stdout.write(
                f"model call, {size} messages: bare {first:.2f} ms, with our code {second:.2f} ms "
                f"({second / first:.2f} times), medians of {TIMES}\n"
            )
        await library.close()


if __name__ == "__main__":
    asyncio.run(main())
