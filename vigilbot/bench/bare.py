"""litellm alone: what any program that calls it twice in turn would take, with nothing of ours around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any


async def calls_in_turn(bodies: Sequence[Mapping[str, Any]], *, at_once: int, url: str) -> list[float]:
    """``at_once`` callers start together, each sends one body after the other; milliseconds they need."""
    import litellm

    async def caller() -> float:
        began = time.perf_counter()
        for body in bodies:
            await litellm.acompletion(
                model=f"openai/{body['model']}",
                messages=body["messages"],
                response_format=body.get("response_format"),
                max_tokens=body["max_tokens"],
                temperature=0,
                num_retries=0,
                max_retries=0,
                timeout=30,
                api_base=url,
                api_key="none",
            )
        return (time.perf_counter() - began) * 1000

    return await asyncio.gather(*(caller() for _ in range(at_once)))
