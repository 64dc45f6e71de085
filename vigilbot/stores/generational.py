"""Exact search with Chroma beside it: the same answers, as far as an approximate graph can give them.

The exact index holds every vector (they come from the ledger at the start). The Chroma
generation is brought in step behind it; while it is missing, behind, damaged, or slower, exact
search serves. Nobody waits for Chroma, and nothing is lost with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

from vigilbot.errors import IndexFailed
from vigilbot.ports import Hit, Vector
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex

_log = logging.getLogger(__name__)

_BATCH = 500
_FIRST_WAIT = 4e-5  # ten times what reading them all for the digest takes
_NOTED = 20_000  # keys noted between two moments for others
_SLACK = 10  # hits asked for beyond twice the limit, to see whether equal scores go on after it


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexState:
    """What an operator is told. ``failure`` is the last one, even when it was mended since."""

    ready: bool
    behind: int  # vectors Chroma does not have yet
    vectors: int
    rebuilds: int
    failure: str


class GenerationalIndex:
    """``ports.VectorIndex``; ``maintain`` must run beside it for Chroma to be used.

    Chroma serves a search when it is in step, at least ``chroma_from`` vectors are in the wanted
    spaces, and no vector is outside them: its filter costs more than exact search at every size
    measured (66 ms against 1 at 100,000, 2 of 20 spaces), while unfiltered it is as fast at
    20,000 (3.7 ms against 3.4) and faster at 100,000 (2.3 ms against 14). Its hits are
    scored by the exact index, and hits that index does not know are dropped.
    """

    def __init__(
        self,
        *,
        exact: ExactIndex,
        open_generation: Callable[[str], Awaitable[ChromaIndex]],
        chroma_from: int,
        first_wait: float = _FIRST_WAIT,
        retry_seconds: float = 5.0,
    ) -> None:
        """``open_generation`` takes the digest of the content; see ``ChromaIndex.open``. ``first_wait``:
        seconds a vector that ``maintain`` leaves the processor to those who have waited for the start."""
        self._exact = exact
        self._open_generation = open_generation
        self._chroma_from = chroma_from
        self._first_wait = first_wait
        self._retry_seconds = retry_seconds
        self._generation: ChromaIndex | None = None
        self._behind: dict[str, None] = {}  # keys whose state Chroma lacks, oldest first
        self._in_step = False
        self._dead: list[ChromaIndex] = []  # failed, to be closed
        self._wake = asyncio.Event()
        self._rebuilds = 0
        self._failures = 0  # in a row
        self._failure = ""

    @property
    def state(self) -> IndexState:
        return IndexState(
            ready=self._in_step,
            behind=len(self._behind),
            vectors=len(self._exact),
            rebuilds=self._rebuilds,
            failure=self._failure,
        )

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None:
        if changed := await self._exact.renew(keys, spaces, vectors):
            self._changed(changed)

    async def drop(self, keys: Sequence[str]) -> None:
        await self._exact.drop(keys)
        self._changed(keys)

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]:
        hits = None
        if (generation := self._generation) is not None and limit > 0 and self._worth_it(spaces):
            hits = await self._ask(generation, vector, limit)
        if hits is None:
            hits = await self._exact.search(vector, spaces=spaces, limit=limit)
        return hits

    async def count(self) -> int:
        return await self._exact.count()

    async def maintain(self) -> NoReturn:
        """Keeps Chroma in step until cancelled; opens it when there are ``chroma_from`` vectors."""
        await asyncio.sleep(self._first_wait * len(self._exact))  # exact search serves meanwhile
        while True:
            await self._wake.wait()
            self._wake.clear()
            if len(self._exact) < self._chroma_from:
                continue
            try:
                await self._catch_up()
                self._failures = 0
            except IndexFailed as error:
                self._give_up(self._generation, error)
                if self._failures > 1:  # the first time, at once
                    await asyncio.sleep(min(self._retry_seconds * 2 ** (self._failures - 2), 3600.0))

    async def close(self) -> None:
        """Cancel ``maintain`` first. Leaves the generation for the next start when it is in step."""
        generation, self._generation = self._generation, None
        in_step, self._in_step = self._in_step, False
        try:
            if generation is not None and in_step:
                await generation.seal(await self._exact.digest())
            elif generation is not None:
                await generation.close()
        except IndexFailed as error:
            _log.warning("closing the vector index: %s", error)
        await self._bury()
        await self._exact.close()

    def _worth_it(self, spaces: Sequence[str]) -> bool:
        vectors = len(self._exact)
        return self._in_step and vectors >= self._chroma_from and self._exact.size_of(spaces) == vectors

    async def _ask(self, generation: ChromaIndex, vector: Vector, limit: int) -> list[Hit] | None:
        """What exact search would find, or None when Chroma cannot tell."""
        try:
            found = await generation.search_all(vector, limit=2 * limit + _SLACK)
        except IndexFailed as error:
            self._give_up(generation, error)
            return None
        hits = await self._exact.score(vector, [hit.key for hit in found])
        vectors = len(self._exact)
        if len(hits) < min(limit, vectors):  # the graph has lost some, or entries went meanwhile
            return None
        if limit < len(hits) < vectors and hits[limit - 1].score == hits[-1].score:
            return None  # many equal vectors: these are some of them, not the first by key
        return hits[:limit]

    def _changed(self, keys: Sequence[str]) -> None:
        self._behind.update(dict.fromkeys(keys))
        self._in_step = False
        self._wake.set()

    async def _catch_up(self) -> None:
        await self._bury()
        if self._generation is None:
            self._behind.clear()
            self._generation = await self._open_generation(await self._exact.digest())
            if await self._generation.count() == 0:
                keys = self._exact.keys()
                for start in range(0, len(keys), _NOTED):
                    self._behind.update(dict.fromkeys(keys[start : start + _NOTED]))
                    await asyncio.sleep(0)  # all at once would hold up the event loop
        generation = self._generation
        while self._behind:
            keys = list(islice(self._behind, _BATCH))
            for key in keys:
                del self._behind[key]
            known, spaces, vectors = await self._exact.get(keys)
            await generation.drop(sorted(set(keys) - set(known)))
            if known:
                await generation.put(known, spaces, vectors)
        held = await generation.count()
        if self._behind:  # something came in meanwhile, and has woken us
            return
        if self._generation is not generation:
            raise IndexFailed("the generation was given up while it was filled")
        if held != len(self._exact):
            raise IndexFailed(f"Chroma holds {held} vectors of {len(self._exact)}")
        self._in_step = True

    async def _bury(self) -> None:
        while self._dead:
            with suppress(IndexFailed):  # it has failed before; its files go with the next opening
                await self._dead.pop().close()

    def _give_up(self, generation: ChromaIndex | None, error: IndexFailed) -> None:
        """Throws the generation away; the next one is built by ``maintain``."""
        if generation is not self._generation:
            return  # somebody else noticed first
        if generation is not None:
            self._dead.append(generation)
        self._generation = None
        self._in_step = False
        self._rebuilds += 1
        self._failures += 1
        self._failure = str(error)
        self._wake.set()
        _log.warning("the vector index failed, exact search serves, rebuilding: %s", error)
