"""Chroma, embedded, as a generation of files that may be thrown away at any moment.

Chroma 1.5 does not survive a killed process: what it left behind can crash the next one, beyond
what Python can catch. So a generation is used again only with the marker of a clean shutdown,
unchanged since, and after a child process could read it; any other is deleted. What is in it can
always be rebuilt (``vigilbot.stores.generational``).

Measured at 384 dimensions on two busy cores, at 10,000, 20,000 and 100,000 vectors: a query
2.5, 3.7 and 2.3 ms; with a filter over 2 of 20 spaces 11, 19 and 66 ms; one upsert 8 to 20 ms;
building 15, 41 and 252 s. A large ``sync_threshold`` (never writing the graph) survives more
kills, but (with a smaller graph) one upsert took 65 ms at 10,000 and 890 ms at 100,000, and
opening 42 s: a generation that is not trusted after a kill does not need it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from vigilbot.errors import IndexFailed
from vigilbot.ports import Hit, Vector

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.collection_configuration import CreateHNSWConfiguration
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")

_NAME = "vectors"
_MARKER = "clean.json"
_BATCH = 500
_CHECK_SECONDS = 120
_GRAPH: CreateHNSWConfiguration = {
    "space": "cosine",
    "ef_construction": 200,
    "ef_search": 200,
    "max_neighbors": 32,  # with 16, a hundred equal vectors hid some of their neighbours
    "sync_threshold": 2000,
    "batch_size": 100,
}


class ChromaIndex:
    """``ports.VectorIndex`` on one generation; approximate (recall of the best 20 measured as 1.000).

    ``content`` names what a generation holds (``ExactIndex.digest``). Every call runs in this
    index's one thread. After any failure the generation is not offered for reuse.
    """

    def __init__(self, *, folder: Path, executor: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._files = folder
        self._executor = executor
        self._sound = True
        self._ended = False
        self._client: ClientAPI | None = None
        self._collection: Collection | None = None

    @classmethod
    async def open(cls, folder: str | os.PathLike[str], *, content: str = "") -> Self:
        """The generation in ``folder`` when it holds just ``content``; an empty one otherwise."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chroma")
        index = cls(folder=Path(folder), executor=executor)
        try:
            await index._call(lambda: index._open(content))
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return index

    async def put(self, keys: Sequence[str], spaces: Sequence[str], vectors: Vector) -> None:
        last = {key: at for at, key in enumerate(keys)}  # Chroma refuses a key twice in one batch
        rows = list(last.values())
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            upsert = partial(
                self._upsert, [keys[at] for at in chosen], [spaces[at] for at in chosen], vectors[chosen]
            )
            await self._call(upsert)

    async def drop(self, keys: Sequence[str]) -> None:
        if keys:
            await self._call(lambda: self._open_collection().delete(ids=list(dict.fromkeys(keys))))

    async def search(self, vector: Vector, *, spaces: Sequence[str], limit: int) -> list[Hit]:
        if not spaces or limit <= 0:
            return []
        wanted = sorted(set(spaces))
        return await self._call(lambda: self._search(vector, limit, where={"space": {"$in": wanted}}))

    async def search_all(self, vector: Vector, *, limit: int) -> list[Hit]:
        """A search in every space there is, without the filter and its cost."""
        return await self._call(lambda: self._search(vector, limit, where=None))

    async def count(self) -> int:
        return await self._call(lambda: self._open_collection().count())

    async def seal(self, content: str) -> None:
        """Closes and leaves the generation for the next process, as one that holds ``content``."""
        if self._client is None:
            return
        try:
            await self._call(lambda: self._close(content))
        finally:
            await self._end()

    async def close(self) -> None:
        """Closes and leaves nothing. Closing twice is harmless."""
        if self._client is None:
            return
        try:
            await self._call(lambda: self._close(""))
        finally:
            await self._end()

    async def _end(self) -> None:
        self._ended = True
        self._client = self._collection = None
        await asyncio.to_thread(self._executor.shutdown)

    async def _call(self, work: Callable[[], T]) -> T:
        if self._ended:
            raise IndexFailed("the index is closed")
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._translated, work)

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except IndexFailed:
            self._sound = False
            raise
        except BaseException as error:  # a panic in Chroma's Rust code is no Exception
            self._sound = False
            reason = " ".join(str(error).split())[:300]
            raise IndexFailed(f"Chroma: {type(error).__name__}: {reason}") from error

    def _open(self, content: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        reused = _reusable(self._folder, content)
        (self._folder / _MARKER).unlink(missing_ok=True)
        _sync(self._folder)
        for old in self._folder.glob("generation-*"):
            if old != reused:
                shutil.rmtree(old, ignore_errors=True)
        # A new name each time: what could not be deleted, or is still open, is never taken up again.
        self._files = reused or self._folder / f"generation-{secrets.token_hex(6)}"
        self._client, self._collection = _connect(self._files)

    def _open_collection(self) -> Collection:
        if self._collection is None:
            raise IndexFailed("the index is closed")
        if not (self._files / "chroma.sqlite3").exists():  # Chroma would go on from its memory
            raise IndexFailed(f"{self._files} is gone")
        return self._collection

    def _upsert(self, keys: list[str], spaces: list[str], vectors: Vector) -> None:
        self._open_collection().upsert(
            ids=keys,
            embeddings=np.asarray(vectors, dtype=np.float32),
            metadatas=[{"space": space} for space in spaces],
        )

    def _search(self, vector: Vector, limit: int, *, where: Any) -> list[Hit]:
        found = self._open_collection().query(
            query_embeddings=np.asarray(vector, dtype=np.float32).reshape(1, -1),
            n_results=limit,
            where=where,
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        hits = [
            Hit(key=key, score=round(1.0 - float(distance), 6))
            for key, distance in zip(found["ids"][0], distances, strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.key))

    def _close(self, content: str) -> None:
        if self._client is not None:
            _disconnect(self._client)
        if content and self._sound and (self._files / "chroma.sqlite3").exists():
            _mark(self._folder, self._files, content)
        else:
            shutil.rmtree(self._files, ignore_errors=True)


def _connect(files: Path) -> tuple[ClientAPI, Collection]:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(path=str(files), settings=Settings(anonymized_telemetry=False))
    collection = client.get_or_create_collection(
        _NAME, configuration={"hnsw": _GRAPH}, embedding_function=None
    )
    return client, collection


def _disconnect(client: ClientAPI) -> None:
    client.close()  # type: ignore[attr-defined]  # its declared type lacks what every client has


def _mark(folder: Path, files: Path, content: str) -> None:
    record = {**_made_by(), "generation": files.name, "content": content, "files": _fingerprint(files)}
    draft = folder / (_MARKER + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _MARKER)
    _sync(folder)


def _reusable(folder: Path, content: str) -> Path | None:
    """The marked generation, when it holds ``content``, is as it was left and can be read."""
    files = _as_left(folder, content)
    return files if files is not None and _readable(files) else None


def _as_left(folder: Path, content: str) -> Path | None:
    try:
        record = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
        files = folder / str(record["generation"])
        expected = {**_made_by(), "content": content, "files": _fingerprint(files)}
        if not content or any(record[name] != value for name, value in expected.items()):
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return files


def generation_state(folder: Path, *, content: str) -> str:
    """For people: "" without files, "sound" as far as can be told untouched, else what is the matter.

    Whether another process can read them is tried only at the next start, as it changes their times.
    """
    if not any(folder.glob("generation-*")):
        return ""
    try:
        record = json.loads((folder / _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "the process before did not close it"
    if not isinstance(record, dict) or record.get("content") != content:
        return "it holds other vectors than the ledger"
    if _as_left(folder, content) is None:
        return "another version made it, or its files have changed since"
    return "sound"


def _made_by() -> dict[str, Any]:
    return {"chromadb": metadata.version("chromadb"), "graph": dict(_GRAPH)}


def _fingerprint(files: Path) -> str:
    """Names, sizes and times of the files: enough to see that somebody touched them."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files.rglob("*")):
        if path.is_file():
            state = path.stat()
            digest.update(f"{path.relative_to(files)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _readable(files: Path) -> bool:
    """Whether another process can search there and live."""
    command = [sys.executable, "-m", __name__, str(files)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_CHECK_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _probe(files: Path) -> None:
    """Counts and searches as a running bot would, and dies of what is damaged."""
    client, collection = _connect(files)
    some = collection.get(limit=1, include=["embeddings"])
    vectors = some["embeddings"]
    if vectors is not None and len(vectors):
        count = collection.count()
        found = collection.query(query_embeddings=vectors, n_results=min(50, count), include=["distances"])
        if len(found["ids"][0]) < min(50, count):
            raise IndexFailed("the graph has lost vectors")
    _disconnect(client)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    _probe(Path(sys.argv[1]))
