"""The README's example of a bad day runs as it stands, and what it prints is what a bot needs."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import aiohttp

from vigilbot.testing import FAULTS, Answered, Asked, Failing

README = Path(__file__).resolve().parents[3] / "README.md"


async def test_the_readmes_example_opens_a_workspace_and_a_model_with_faults() -> None:
    [code] = [
        each
        for each in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
        if "Failing" in each
    ]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            lines = [(await process.stdout.readline()).decode() for _ in range(3)]
            told = dict(
                word.split("=", 1)
                for line in lines
                for word in line.strip().split(" ", 1 if "{" in line else -1)
                if "=" in word
            )
            model = re.findall(r'"(http[^"]+)"', lines[2])[0]
            async with aiohttp.ClientSession() as http:
                seen = set()
                while len(seen) < 2:  # a good answer, and a fault
                    seen.add(await _status(http, f"{model}/chat/completions"))
                bearer = {"Authorization": f"Bearer {told['SLACK_BOT_TOKEN']}"}
                oks = set()
                while len(oks) < 2:
                    oks.add(await _called(http, told["VIGILBOT_SLACK_BASE_URL"] + "auth.test", bearer))
    finally:
        process.kill()
        await process.wait()


async def _status(http: aiohttp.ClientSession, url: str) -> int:
    """0 when nothing came in time."""
    try:
        async with http.post(
            url, json={"model": "m", "messages": []}, timeout=aiohttp.ClientTimeout(0.3)
        ) as answer:
            await answer.read()
            return answer.status
    except (TimeoutError, aiohttp.ClientError):
        return 0


async def _called(http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> bool:
    try:
        async with http.post(url, headers=headers) as answer:
            return bool((await answer.json())["ok"])
    except aiohttp.ClientError:
        return False


async def test_as_many_replies_fail_as_was_said_and_the_same_ones_again() -> None:
    async def good(_: Asked) -> Answered:
        return Answered(text="good")

    async def life() -> list[Answered]:
        player = Failing(good, share=0.3, seed=3)
        return [await player(Asked(body={}, key="")) for _ in range(2000)]

    replies = await life()
    assert replies == await life()
    bad = [reply for reply in replies if reply.text != "good"]
    assert 500 < len(bad) < 700
    assert all(fault in bad for fault in FAULTS.values())
