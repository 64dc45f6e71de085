"""Chroma, embedded, in a process of its own, as a generation of files that may be thrown away at any moment.

Chroma 1.5 does not survive a killed process: what it left behind can crash the next one, beyond what
Python can catch. And while it writes, it keeps the interpreter to itself: building a graph in the bot's
process held up its event loop for 0.3 s a batch at the start and for 3.7 s at 60,000 vectors. So it lives
in a child (``chroma_child``) that may crash, and whatever it does holds up nobody. Which files are taken
up again is told in ``generation``; what is in them can always be rebuilt (``generational``).

A large ``sync_threshold`` (never writing the graph) survives more kills, but opening takes 42 s at 100,000:
a generation that is not trusted after a kill does not need it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from vigilbot.errors import IndexFailed
from vigilbot.ports import Hit, Vector
from vigilbot.stores import generation

_CHILD = "vigilbot.stores.chroma_child"
_BATCH = 500
_PATIENCE = 300.0  # seconds for one command; a batch that makes Chroma write a large graph takes some
_SEARCHING = 30.0  # seconds for a search
_LEAVING = 10.0  # seconds for the process to end once it is told to
_LINE = 64 * 1024 * 1024  # bytes of one answer
_NO_ROWS: Vector = np.zeros((0, 0), np.float32)


class ChromaIndex:
    """``ports.VectorIndex`` on one generation; approximate.

    ``content`` names what a generation holds (``ExactIndex.digest``). Commands go to the child one after
    the other. After any failure the generation is not offered for reuse.
    """

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder
        self._files = folder
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._asking: set[asyncio.Task[dict[str, Any]]] = set()
        self._sound = True

    @classmethod
    async def open(cls, folder: str | os.PathLike[str], *, content: str = "") -> Self:
        """The generation in ``folder`` when it holds just ``content``; an empty one otherwise."""
        index = cls(folder=Path(folder))
        try:
            await index._open(content)
        except BaseException:
            await index._end(at_once=True)
            raise
        return index

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None:
        last = {key: at for at, key in enumerate(keys)}  # Chroma refuses a key twice in one batch
        rows = list(last.values())
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            await self._ask(
                "put", vectors[chosen], keys=[keys[at] for at in chosen], spaces=[spaces[at] for at in chosen]
            )

    async def drop(self, keys: Sequence[str]) -> None:
        if keys:
            await self._ask("drop", keys=list(dict.fromkeys(keys)))

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]:
        if not spaces or limit <= 0:
            return []
        return await self._search(vector, limit, spaces=sorted(set(spaces)))

    async def search_all(self, vector: Vector, *, limit: int) -> list[Hit]:
        """A search in every space there is, without the filter and its cost."""
        return await self._search(vector, limit, spaces=None)

    async def count(self) -> int:
        return int((await self._ask("count"))["count"])

    async def seal(self, content: str) -> None:
        """Closes and leaves the generation for the next process, as one that holds ``content``."""
        if self._process is None:
            return
        try:
            await self._ask("close")
        finally:
            await self._end()
        await asyncio.to_thread(self._leave, content)

    async def close(self) -> None:
        """Closes and leaves nothing. Closing twice is harmless."""
        if self._process is None:
            return
        await self._end(at_once=True)
        await asyncio.to_thread(self._leave, "")

    async def _search(self, vector: Vector, limit: int, *, spaces: Sequence[str] | None) -> list[Hit]:
        found = await self._ask(
            "search", vector.reshape(1, -1), patience=_SEARCHING, limit=limit, spaces=spaces
        )
        hits = [
            Hit(key=key, score=round(1.0 - distance, 6))
            for key, distance in zip(found["keys"], found["distances"], strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.key))

    async def _open(self, content: str) -> None:
        try:
            kept = await asyncio.to_thread(generation.left_behind, self._folder, content)
            self._files = await asyncio.to_thread(generation.begun, self._folder, keep=kept)
            if kept is not None and not await self._readable():
                await self._end(at_once=True)
                self._sound = True
                self._files = await asyncio.to_thread(generation.begun, self._folder, keep=None)
        except OSError as error:
            raise IndexFailed(f"{self._folder}: {error.strerror or error}") from error
        if self._process is None:
            await self._start()

    async def _readable(self) -> bool:
        """Whether a process can search in what was left, and live."""
        try:
            await self._start()
            await self._ask("probe")
        except IndexFailed:
            return False
        return True

    async def _start(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _CHILD, str(self._files)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the bot, which closes it cleanly
            )
        except OSError as error:  # no memory or no process left on this machine
            raise IndexFailed(f"no process for Chroma: {error.strerror}") from error
        await self._kept(self._answer(self._process, _PATIENCE))

    async def _ask(
        self, name: str, rows: Vector = _NO_ROWS, *, patience: float = _PATIENCE, **arguments: Any
    ) -> dict[str, Any]:
        head = json.dumps({"do": name, "shape": rows.shape, **arguments}).encode() + b"\n"
        body = np.ascontiguousarray(rows, dtype="<f4").tobytes()
        return await self._kept(self._exchange(head + body, patience))

    async def _kept(self, exchange: Any) -> dict[str, Any]:
        """The exchange goes on when its caller is cancelled: its answer must not pass for the next one's."""
        task: asyncio.Task[dict[str, Any]] = asyncio.ensure_future(exchange)
        self._asking.add(task)
        task.add_done_callback(self._asked)
        return await asyncio.shield(task)

    def _asked(self, task: asyncio.Task[dict[str, Any]]) -> None:
        self._asking.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._sound = False

    async def _exchange(self, request: bytes, patience: float) -> dict[str, Any]:
        async with self._turn:
            process = self._process
            if process is None or process.stdin is None:
                raise IndexFailed("the index is closed")
            with suppress(OSError):  # that it has ended is seen when its answer is read
                process.stdin.write(request)
                await process.stdin.drain()
            return await self._answer(process, patience)

    async def _answer(self, process: asyncio.subprocess.Process, patience: float) -> dict[str, Any]:
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), patience)
            answer = json.loads(line) if line else {}
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            if process.returncode is None:
                process.kill()  # what it still answers would pass for another's
            raise IndexFailed(f"Chroma's process: {type(error).__name__}") from error
        if not line:
            raise IndexFailed(f"Chroma's process has ended (code {await process.wait()})")
        if "error" in answer:
            raise IndexFailed(f"Chroma: {answer['error']}")
        return dict(answer)

    async def _end(self, *, at_once: bool = False) -> None:
        """No process any more; whoever waits for an answer gets IndexFailed."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        if at_once and process.returncode is None:
            process.kill()
        try:
            await asyncio.wait_for(process.wait(), _LEAVING)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _leave(self, content: str) -> None:
        if content and self._sound and (self._files / generation.DATABASE).exists():
            generation.mark(self._folder, self._files, content)
        else:
            shutil.rmtree(self._files, ignore_errors=True)


def _environment() -> dict[str, str]:
    """What Python and Chroma need, and none of the bot's secrets."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
