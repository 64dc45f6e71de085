"""The process that Chroma runs in: ``python -m vigilbot.stores.chroma_child FOLDER``.

Standard input is a line of JSON a command (``do`` and its arguments, ``rows`` of them behind it as float32),
standard output a line of JSON an answer; ``error`` in it says what went wrong. It ends with its input.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vigilbot.errors import IndexFailed
from vigilbot.ports import Vector
from vigilbot.stores.generation import DATABASE, GRAPH

_NAME = "vectors"
_NICE = 5  # building a graph takes minutes of a processor; the bot's own work goes first
_PROBED = 50


class Generation:
    """One collection of Chroma, as commands."""

    def __init__(self, files: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        self._files = files
        self._client = chromadb.PersistentClient(
            path=str(files), settings=Settings(anonymized_telemetry=False)
        )
        self._vectors = self._client.get_or_create_collection(
            _NAME, configuration={"hnsw": GRAPH}, embedding_function=None
        )

    def put(self, rows: Vector, *, keys: list[str], spaces: list[str]) -> dict[str, Any]:
        self._there()
        metadatas = [{"space": space} for space in spaces]
        self._vectors.upsert(ids=keys, embeddings=rows, metadatas=metadatas)  # type: ignore[arg-type]
        return {}

    def drop(self, _: Vector, *, keys: list[str]) -> dict[str, Any]:
        self._there()
        self._vectors.delete(ids=keys)
        return {}

    def search(self, rows: Vector, *, limit: int, spaces: list[str] | None) -> dict[str, Any]:
        """``spaces`` None: in all there are, without the filter and its cost."""
        self._there()
        found = self._vectors.query(
            query_embeddings=rows,
            n_results=limit,
            where=None if spaces is None else {"space": {"$in": spaces}},  # type: ignore[dict-item]
            include=["distances"],
        )
        distances = (found["distances"] or [[]])[0]
        return {"keys": found["ids"][0], "distances": [float(each) for each in distances]}

    def count(self, _: Vector) -> dict[str, Any]:
        self._there()
        return {"count": self._vectors.count()}

    def probe(self, _: Vector) -> dict[str, Any]:
        """Counts and searches as a running bot would, and dies of what is damaged."""
        some = self._vectors.get(limit=1, include=["embeddings"])["embeddings"]
        if some is not None and len(some):
            wanted = min(_PROBED, self._vectors.count())
            found = self._vectors.query(query_embeddings=some, n_results=wanted, include=["distances"])
            if len(found["ids"][0]) < wanted:
                raise IndexFailed("the graph has lost vectors")
        return {}

    def close(self, _: Vector) -> dict[str, Any]:
        self._client.close()  # type: ignore[attr-defined]  # its declared type lacks what every client has
        return {}

    def _there(self) -> None:
        if not (self._files / DATABASE).exists():  # Chroma would go on from its memory
            raise IndexFailed(f"{self._files} is gone")


def answered(generation: Generation, command: dict[str, Any], rows: Vector) -> dict[str, Any]:
    try:
        done: dict[str, Any] = getattr(generation, command.pop("do"))(rows, **command)
    except BaseException as error:  # a panic in Chroma's Rust code is no Exception
        return told(error)
    return done


def told(error: BaseException) -> dict[str, Any]:
    reason = " ".join(str(error).split())[:300]
    return {"error": reason if isinstance(error, IndexFailed) else f"{type(error).__name__}: {reason}"}


def main(arguments: Sequence[str]) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed may pass for an answer
    with suppress(OSError):
        os.nice(_NICE)
    commands = sys.stdin.buffer

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()

    try:
        generation = Generation(Path(arguments[0]))
    except BaseException as error:  # as above
        tell(told(error))
        return
    tell({})
    with suppress(BrokenPipeError):  # the bot has ended
        while line := commands.readline():
            command = json.loads(line)
            count, width = command.pop("shape")
            rows = np.frombuffer(commands.read(4 * count * width), "<f4").reshape(count, width)
            tell(answered(generation, command, rows))


if __name__ == "__main__":
    main(sys.argv[1:])
