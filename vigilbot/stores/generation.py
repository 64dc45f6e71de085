"""The files of one generation of Chroma: whether they may be taken up again, and what is the matter if not.

A generation is used again only with the marker of a clean shutdown, unchanged since, and made by this
version with this graph; any other is deleted. What is in it can always be rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chromadb.api.collection_configuration import CreateHNSWConfiguration

MARKER = "clean.json"
DATABASE = "chroma.sqlite3"
GRAPH: CreateHNSWConfiguration = {
    "space": "cosine",
    "ef_construction": 150,
    "ef_search": 200,
    "max_neighbors": 32,  # with 16, a hundred equal vectors hid some of their neighbours
    "sync_threshold": 2000,
    "batch_size": 100,
}


def left_behind(folder: Path, content: str) -> Path | None:
    """The marked generation, when it holds ``content`` and is as it was left."""
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        files = folder / str(record["generation"])
        expected = {**_made_by(), "content": content, "files": _fingerprint(files)}
        if not content or any(record[name] != value for name, value in expected.items()):
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return files


def begun(folder: Path, *, keep: Path | None) -> Path:
    """``keep``, or the place of a new generation; the marker and all other generations are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).unlink(missing_ok=True)
    _sync(folder)
    for old in folder.glob("generation-*"):
        if old != keep:
            shutil.rmtree(old, ignore_errors=True)
    # A new name each time: what could not be deleted, or is still open, is never taken up again.
    return keep or folder / f"generation-{secrets.token_hex(6)}"


def mark(folder: Path, files: Path, content: str) -> None:
    """Says that these files were closed cleanly and hold ``content``."""
    record = {**_made_by(), "generation": files.name, "content": content, "files": _fingerprint(files)}
    draft = folder / (MARKER + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(record, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MARKER)
    _sync(folder)


def generation_state(folder: Path, *, content: str) -> str:
    """For people: "" without files, "sound" as far as can be told untouched, else what is the matter.

    Whether they can be read is tried only at the next start, as it changes their times.
    """
    if not any(folder.glob("generation-*")):
        return ""
    try:
        record = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "the process before did not close it"
    if not isinstance(record, dict) or record.get("content") != content:
        return "it holds other vectors than the ledger"
    if left_behind(folder, content) is None:
        return "another version made it, or its files have changed since"
    return "sound"


def _made_by() -> dict[str, Any]:
    return {"chromadb": metadata.version("chromadb"), "graph": dict(GRAPH)}


def _fingerprint(files: Path) -> str:
    """Names, sizes and times of the files: enough to see that somebody touched them."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files.rglob("*")):
        if path.is_file():
            state = path.stat()
            digest.update(f"{path.relative_to(files)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
