"""Queries without a way to another thread.

A query is first tried in the event loop's own thread, for two milliseconds: nearly all of them take a
twentieth of that, and the way to another thread and back costs more, most of all while the embedding
model's threads compete for the interpreter. What takes longer is broken off and done in the reading
connection's thread, from then on at once.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vigilbot.ports import Row

_MOMENT = 0.002  # seconds that a query may compute
_AT_MOST = 0.02  # seconds that it may take, with waiting for the disk or the processor
_STEPS = 1000  # of SQLite's machine between two looks at the clock; some ten microseconds
_SLOW = 500  # queries that are known not to be done in a moment


class NearReader:
    """A reading connection of the thread that opens it, for queries that are done in a moment."""

    def __init__(self, place: Path) -> None:
        self._thread = threading.get_ident()
        self._slow: set[str] = set()
        self._computed = self._until = 0.0  # the ends of what it may take
        # No waiting for a lock here; closing is left to whoever ends the process.
        self._connection = sqlite3.connect(
            place, isolation_level=None, timeout=0, cached_statements=512, check_same_thread=False
        )
        read_only(self._connection)
        self._connection.set_progress_handler(self._over, _STEPS)

    def rows(self, sql: str, args: Mapping[str, Any]) -> list[Row] | None:
        """None when the query must be done elsewhere: it takes too long, or cannot be done at all."""
        if sql in self._slow or threading.get_ident() != self._thread:
            return None
        self._computed = time.thread_time() + _MOMENT
        self._until = time.perf_counter() + _AT_MOST
        try:
            return rows_of(self._connection, sql, args)
        except (sqlite3.Error, sqlite3.Warning, OverflowError):  # the other way tells what is wrong
            if time.thread_time() > self._computed and len(self._slow) < _SLOW:
                self._slow.add(sql)
            return None

    def close(self) -> None:
        self._connection.close()

    def _over(self) -> bool:
        return time.thread_time() > self._computed or time.perf_counter() > self._until


def read_only(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")
    tune(connection)


def tune(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA cache_size = -32768")  # KiB
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA mmap_size = 0")  # a damaged disk is an error to catch, not a signal


def rows_of(connection: sqlite3.Connection, sql: str, args: Mapping[str, Any]) -> list[Row]:
    try:
        cursor = connection.execute(sql, args)
    except UnicodeEncodeError:
        cursor = connection.execute(sql, {name: _storable(value) for name, value in args.items()})
    rows = cursor.fetchall()
    if not rows:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _storable(value: Any) -> Any:
    """Half of a surrogate pair, which JSON can carry and UTF-8 cannot, becomes U+FFFD."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
