"""Replies kept in a file the user names, by the content of their requests: the second run makes no call.

JSON Lines, appended to and flushed reply by reply, so that what was paid for survives an interruption.
The file holds replies and digests, never requests. Only replies are kept, not failures of the network.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from vigilbot.errors import BadInput
from vigilbot.providers.llm import Reply, Request, Send

_REMEDY = "Name a file that --cache wrote, or a new one"


class CachedReplies:
    """``send`` looks into the file first. ``hits`` and ``misses`` count."""

    def __init__(self, send: Send, path: Path, known: dict[str, Reply]) -> None:
        self._send = send
        self._path = path
        self._known = known
        self._file: TextIO | None = None
        self.hits = 0
        self.misses = 0

    @classmethod
    def open(cls, path: Path, send: Send) -> CachedReplies:
        """A missing file is made with the first reply. Raises BadInput with file and line."""
        return cls(send, path, _read(path))

    async def send(self, request: Request) -> Reply:
        key = digest(request)
        known = self._known.get(key)
        if known is not None:
            self.hits += 1
            return replace(known, cached=True)
        self.misses += 1
        reply = await self._send(request)
        if key not in self._known:
            self._known[key] = reply
            self._write({"request": key, "stage": request.stage, "model": request.model, **_kept(reply)})
        return reply

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, record: dict[str, Any]) -> None:
        try:
            if self._file is None:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                self._file = os.fdopen(handle, "a", encoding="utf-8")
            self._file.write(json.dumps(record, sort_keys=True) + "\n")
            self._file.flush()
        except OSError as error:
            raise BadInput(
                f"cannot be written ({error.strerror})", place=str(self._path), remedy=_REMEDY
            ) from error


def digest(request: Request) -> str:
    """What a request is known by: everything that decides the reply, and nothing of where it goes."""
    body = [request.model, list(request.messages), request.schema, request.max_tokens]
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _kept(reply: Reply) -> dict[str, Any]:
    kept = asdict(reply)
    del kept["cached"]
    return kept


def _read(path: Path) -> dict[str, Reply]:
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise BadInput("its folder does not exist", place=str(path), remedy=_REMEDY) from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("cannot be read as text", place=str(path), remedy=_REMEDY) from error
    known: dict[str, Reply] = {}
    if lines == [""]:
        return known
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            key = record.pop("request")
            del record["stage"], record["model"]
            known.setdefault(str(key), Reply(**record))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines) > 1:  # the run was interrupted in the middle of a line
                path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
                break
            raise BadInput("is not a kept reply", place=f"{path}:{number}", remedy=_REMEDY) from error
    return known
