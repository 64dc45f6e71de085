"""Reads documents in a process of their own, one each: a parser that hangs or grows is killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from vigilbot.errors import DocumentError, DocumentRefused
from vigilbot.ports import Page, Section
from vigilbot.text import clean

SECONDS = 20.0  # measured: 0.4 s for a common page, most of it for starting Python
_CHILD = "vigilbot.providers.reading_child"


class ProcessReader:
    """``ports.Reader``. At most ``at_once`` processes; ``seconds`` is the longest one may take."""

    def __init__(self, *, seconds: float = SECONDS, at_once: int = 2) -> None:
        self._seconds = seconds
        self._room = asyncio.Semaphore(at_once)

    async def read(self, content: bytes, *, media_type: str, charset: str, url: str) -> Page:
        head = {"media_type": media_type, "charset": charset, "url": url, "seconds": max(1, self._seconds)}
        async with self._room:
            written, failed = await self._run(json.dumps(head).encode() + b"\n" + content)
        if failed:
            raise DocumentRefused("it takes too much time or memory to be read")
        return _page(written)

    async def _run(self, told: bytes) -> tuple[bytes, bool]:
        """What the child wrote, and whether it came to a bad end."""
        try:
            child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _CHILD),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
            )
        except OSError as error:  # no memory or no process left on this machine: try again later
            raise DocumentError(f"no process to read it in: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._seconds):
                written, _ = await child.communicate(told)
        except TimeoutError:
            return b"", True
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return written, child.returncode != 0


def _environment() -> dict[str, str]:
    """What Python needs to find the package, and none of the bot's secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _page(written: bytes) -> Page:
    try:
        found: dict[str, Any] = json.loads(written)
    except ValueError as error:
        raise DocumentRefused("it cannot be read") from error
    if "reason" in found:
        raise DocumentRefused(str(found["reason"]))
    sections = tuple(
        Section(path=tuple(map(clean, each["path"])), text=clean(each["text"]), anchor=clean(each["anchor"]))
        for each in found["sections"]
    )
    return Page(title=clean(found["title"]), sections=sections, clipped=found["clipped"])
