"""Exact nearest neighbours in memory: the reference for every other index, and their fallback.

One matrix a space, so that a space is filtered by not being looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vigilbot.errors import IndexFailed
from vigilbot.ports import Hit, Vector

T = TypeVar("T")

_THREAD_ABOVE = 20_000  # rows; fewer take about 2 ms, less than the event loop minds
_MARGIN = 1e-5  # more than float32 sums in another order can differ
_SEGMENT = 4096  # rows; of 384 dimensions some 6 MB
_SMALL = 512  # rows of a segment that is still copied to grow
_DIGESTED = 1000  # rows of a digest between two moments in which others may search
_DIGITS = 6  # scores are equal, and ties go by key, when they agree in these


class ExactIndex:
    """``ports.VectorIndex`` over matrices in segments.

    Scores are computed in double precision for the best rows, so that they do not depend on
    where in a matrix a row happens to lie.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, _Block] = {}
        self._space_of: dict[str, str] = {}
        self._dimensions = 0
        self._lock = asyncio.Lock()

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None:
        await self.renew(keys, spaces, vectors)

    async def renew(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> list[str]:
        """``put``; returns the keys that were not there, or in another space, or with another vector."""
        if not len(keys) == len(spaces) == len(vectors):
            raise IndexFailed(f"{len(keys)} keys, {len(spaces)} spaces, {len(vectors)} vectors")
        if not keys:
            return []
        changed = []
        units = self._units(vectors)
        async with self._lock:
            if len(set(keys)) == len(keys) and self._space_of.keys().isdisjoint(keys):
                self._take(keys, spaces, units)
                return list(keys)
            for key, space, unit in zip(keys, spaces, units, strict=True):
                if self._space_of.get(key, space) != space:
                    self._drop(key)
                block = self._block(space)
                if block.put(key, unit):
                    changed.append(key)
                self._space_of[key] = block.space  # one string for all of a space
        return changed

    async def drop(self, keys: Sequence[str]) -> None:
        async with self._lock:
            for key in keys:
                if key in self._space_of:
                    self._drop(key)

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]:
        async with self._lock:
            blocks = [block for space in dict.fromkeys(spaces) if (block := self._blocks.get(space))]
            if not blocks or limit <= 0:
                return []
            query = self._units(vector.reshape(1, -1))[0]
            return await self._sized(blocks, lambda: _search(blocks, query, limit))

    async def score(self, vector: Vector, keys: Iterable[str]) -> list[Hit]:
        """The known ones of ``keys`` with their scores, ordered as a search would order them."""
        async with self._lock:
            known = [key for key in keys if key in self._space_of]
            if not known:
                return []
            rows = np.stack([self._blocks[self._space_of[key]].row(key) for key in known])
        return _ranked(known, rows, self._units(vector.reshape(1, -1))[0])

    async def get(self, keys: Iterable[str]) -> tuple[list[str], list[str], Vector]:
        """Keys, spaces and vectors of the known ones of ``keys``."""
        async with self._lock:
            known = [key for key in keys if key in self._space_of]
            rows = [self._blocks[self._space_of[key]].row(key) for key in known]
            vectors = np.stack(rows) if rows else np.zeros((0, self._dimensions), np.float32)
            return known, [self._space_of[key] for key in known], vectors

    async def digest(self) -> str:
        """Equal for equal contents (keys, spaces and vectors), whatever the order they came in.

        Searches go on meanwhile. What changes meanwhile may be in it or not.
        """
        total = 0
        keys = list(self._space_of)
        for start in range(0, len(keys), _DIGESTED):
            async with self._lock:
                part = keys[start : start + _DIGESTED]
                total += await asyncio.to_thread(self._digest, part)  # 3 ms a thousand vectors
        return f"{total % 2**128:032x}"

    def __len__(self) -> int:
        return len(self._space_of)

    def keys(self) -> list[str]:
        return list(self._space_of)

    def size_of(self, spaces: Iterable[str]) -> int:
        """How many vectors a search in ``spaces`` looks at."""
        return sum(len(self._blocks[space].keys) for space in set(spaces) if space in self._blocks)

    async def count(self) -> int:
        return len(self._space_of)

    async def close(self) -> None:
        self._blocks.clear()
        self._space_of.clear()

    async def _sized(self, blocks: Iterable[_Block], work: Callable[[], T]) -> T:
        if sum(len(block.keys) for block in blocks) < _THREAD_ABOVE:
            return work()
        return await asyncio.to_thread(work)

    def _units(self, vectors: Vector) -> Vector:
        """Rows of length one; a zero row stays zero and is like nothing."""
        rows = np.asarray(vectors, dtype=np.float32)
        if rows.ndim != 2 or rows.shape[1] != (self._dimensions or rows.shape[1]):
            raise IndexFailed(f"vectors of shape {rows.shape[1:]} in an index of {self._dimensions}")
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise IndexFailed("a vector is not finite")
        self._dimensions = rows.shape[1]
        # Unit vectors are left as they are, bit for bit.
        lengths[(lengths == 0) | (abs(lengths - 1) < _MARGIN)] = 1
        units: Vector = rows if (lengths == 1).all() else np.divide(rows, lengths, dtype=np.float32)
        return units

    def _take(self, keys: Sequence[str], spaces: Sequence[str], units: Vector) -> None:
        """What is all new, as when a bot starts: by pages it takes a third of the time."""
        places: dict[str, list[int]] = {}
        for at, space in enumerate(spaces):
            places.setdefault(space, []).append(at)
        for space, chosen in places.items():
            block = self._block(space)
            new = [keys[at] for at in chosen]
            block.extend(new, units if len(places) == 1 else units[chosen])
            self._space_of.update(dict.fromkeys(new, block.space))  # one string for all of a space

    def _block(self, space: str) -> _Block:
        if space not in self._blocks:
            self._blocks[space] = _Block(space, self._dimensions)
        return self._blocks[space]

    def _drop(self, key: str) -> None:
        space = self._space_of.pop(key)
        block = self._blocks[space]
        block.drop(key)
        if not block.keys:
            del self._blocks[space]

    def _digest(self, keys: Iterable[str]) -> int:
        """A sum, so that no order is needed: sorting many keys holds up every other thread."""
        total = 0
        for key in keys:
            if (space := self._space_of.get(key)) is not None:
                name = f"{len(key)} {key} {len(space)} {space}".encode("utf-8", "surrogatepass")
                row = hashlib.blake2b(name, digest_size=16)
                row.update(self._blocks[space].row(key).tobytes())
                total += int.from_bytes(row.digest(), "big")
        return total


class _Block:
    """The vectors of one space: rows 0 to len(keys), in no order, in segments.

    The first segment grows by doubling while it is small; then it has full size, as further ones have at
    once, and none of these is ever copied: copying a large matrix holds up the event loop, most of all when
    twenty spaces of one size do so at the same time. Memory is taken as rows are written.
    """

    def __init__(self, space: str, dimensions: int) -> None:
        self.space = space
        self.keys: list[str] = []
        self._at: dict[str, int] = {}
        self._segments: list[Vector] = [np.empty((4, dimensions), np.float32)]

    def row(self, key: str) -> Vector:
        return self._row(self._at[key])

    def rows(self, places: NDArray[np.intp]) -> Vector:
        """The vectors at these places, copied."""
        found = np.empty((len(places), self._segments[0].shape[1]), np.float32)
        for at, place in enumerate(places):
            found[at] = self._row(int(place))
        return found

    def segments(self) -> Iterator[Vector]:
        """All rows, in order."""
        for number, segment in enumerate(self._segments):
            yield segment[: len(self.keys) - number * _SEGMENT]

    def put(self, key: str, vector: Vector) -> bool:
        """Whether that changed anything."""
        at = self._at.get(key)
        if at is None:
            at = self._at[key] = len(self.keys)
            self.keys.append(key)
            self._make_room(at)
        elif np.array_equal(self._row(at), vector):
            return False
        self._row(at)[:] = vector
        return True

    def extend(self, keys: Sequence[str], rows: Vector) -> None:
        """``put`` of keys that are not there, a run of rows at a time."""
        first, done = len(self.keys), 0
        while done < len(rows):
            at = first + done
            self._make_room(at)
            segment, place = self._segments[at // _SEGMENT], at % _SEGMENT
            size = min(len(segment) - place, len(rows) - done)
            segment[place : place + size] = rows[done : done + size]
            done += size
        self._at.update(zip(keys, range(first, first + len(keys)), strict=True))
        self.keys.extend(keys)

    def drop(self, key: str) -> None:
        at = self._at.pop(key)
        last = self.keys.pop()
        if last != key:
            self.keys[at] = last
            self._at[last] = at
            self._row(at)[:] = self._row(len(self.keys))
        if len(self._segments) > len(self.keys) // _SEGMENT + 1:
            self._segments.pop()

    def _row(self, at: int) -> Vector:
        row: Vector = self._segments[at // _SEGMENT][at % _SEGMENT]
        return row

    def _make_room(self, at: int) -> None:
        if at >= len(self._segments) * _SEGMENT:
            self._segments.append(np.empty((_SEGMENT, self._segments[0].shape[1]), np.float32))
        elif at == len(self._segments[0]):
            grown = np.empty((2 * at if at < _SMALL else _SEGMENT, self._segments[0].shape[1]), np.float32)
            grown[:at] = self._segments[0]
            self._segments[0] = grown


def _search(blocks: Sequence[_Block], query: Vector, limit: int) -> list[Hit]:
    """Single precision finds the rows that can be among the best, double precision orders them."""
    sizes = [len(block.keys) for block in blocks]
    scores: NDArray[np.float32] = np.empty(sum(sizes), np.float32)
    done = 0
    for block in blocks:
        for rows in block.segments():
            # vecdot, not matmul: BLAS's own threads spin, and cost ten times more on a busy machine.
            np.vecdot(rows, query, out=scores[done : done + len(rows)])
            done += len(rows)
    if len(scores) > limit:
        worst = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        chosen = np.flatnonzero(scores >= worst - _MARGIN)
    else:
        chosen = np.arange(len(scores))
    keys: list[str] = []
    found: list[Vector] = []
    first = 0
    for block, size in zip(blocks, sizes, strict=True):
        places = chosen[(chosen >= first) & (chosen < first + size)] - first
        keys.extend(block.keys[at] for at in places)
        found.append(block.rows(places))
        first += size
    return _ranked(keys, np.concatenate(found), query)[:limit]


def _ranked(keys: Sequence[str], rows: Vector, query: Vector) -> list[Hit]:
    exact = np.einsum("ij,j->i", rows.astype(np.float64), query.astype(np.float64))
    scores = np.clip(np.round(exact, _DIGITS), -1.0, 1.0)
    return [Hit(key=keys[at], score=float(scores[at])) for at in np.lexsort((np.array(keys), -scores))]
