"""A look at a ledger's file without opening it as a bot does: nothing is created, changed or migrated.

It works beside a running bot too, whose commits are seen as they happen.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vigilbot.errors import BadLedger

_MOST_PROBLEMS = 5
_IN_FORCE = "WHERE k.valid_to IS NULL AND k.retracted = 0"


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerState:
    """What a ledger's file says of itself. Counts are empty when the schema is not the known one."""

    path: Path
    holder: str | None  # the process that uses it, "" when it left no id; None: nobody does
    schema: int
    problems: tuple[str, ...]  # of SQLite's full integrity check
    entries: int = 0  # knowledge in force
    lexical: int = 0  # rows of the lexical index
    covered: Mapping[str, int] | None = None  # embedding model: entries in force with a vector of it
    sizes: Mapping[str, tuple[int, ...]] | None = None  # embedding model: dimensions of its vectors


def inspect_ledger(path: Path, *, known: int) -> LedgerState:
    """``known`` is the newest schema this version reads. Raises BadLedger when the file cannot be read."""
    with reading(path) as (connection, holder):
        schema = _schema(connection, path)
        found = connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})").fetchall()
        problems = tuple(" ".join(str(row[0]).split()) for row in found if row[0] != "ok")
        state = LedgerState(path=path, holder=holder, schema=schema, problems=problems)
        if schema != known or problems:
            return state
        [[entries]] = connection.execute(f"SELECT count(*) FROM knowledge k {_IN_FORCE}").fetchall()
        [[lexical]] = connection.execute("SELECT count(*) FROM lexical").fetchall()
        covered = connection.execute(
            "SELECT e.model, count(*) FROM knowledge k JOIN embeddings e ON e.key = k.entry "
            f"{_IN_FORCE} GROUP BY e.model"
        ).fetchall()
        sizes: dict[str, list[int]] = {}
        for model, size in connection.execute(
            "SELECT DISTINCT model, length(vector) FROM embeddings ORDER BY 1, 2"
        ):
            sizes.setdefault(model, []).append(size // 4)
        return LedgerState(
            path=path,
            holder=holder,
            schema=schema,
            problems=problems,
            entries=entries,
            lexical=lexical,
            covered=dict(covered),
            sizes={model: tuple(each) for model, each in sizes.items()},
        )


def read_vectors(path: Path, *, model: str) -> Sequence[tuple[str, str, str, bytes]]:
    """(key, tenant, space, vector) of every vector of a model. Raises BadLedger."""
    with reading(path) as (connection, _):
        return connection.execute(
            "SELECT key, tenant, space, vector FROM embeddings WHERE model = :model", {"model": model}
        ).fetchall()


def copy_ledger(path: Path, target: Path) -> None:
    """A copy of the ledger as it is now, whoever writes to it meanwhile. Raises BadLedger."""
    with reading(path) as (connection, _):
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(target)) as copy:
            connection.backup(copy)


def _schema(connection: sqlite3.Connection, path: Path) -> int:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
        raise BadLedger("is not a ledger of VigilBot", place=str(path), remedy="Name another with data.dir")
    [number] = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return int(number)


@contextmanager
def reading(path: Path) -> Iterator[tuple[sqlite3.Connection, str | None]]:
    """A read-only connection, and who else uses the ledger; while it is open, nobody else starts to."""
    if not os.access(path, os.R_OK | os.W_OK):
        raise BadLedger(
            "may not be read and written by this user",
            place=str(path),
            remedy="Run this as the user that runs the bot, or give this one permission",
        )
    with _lock(path) as holder:
        alone = holder is None and not path.with_name(path.name + "-wal").exists()
        # A write-ahead log is part of what is committed; without one, SQLite need not create any file.
        uri = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if alone else "")
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as connection:
                yield connection, holder
        except sqlite3.Error as error:
            reason = " ".join(str(error).split())
            raise BadLedger(
                f"cannot be read: {reason}",
                place=str(path),
                remedy="Restore it from a backup, or name another folder with data.dir",
            ) from error


@contextmanager
def _lock(path: Path) -> Iterator[str | None]:
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise BadLedger(
            f"its lock cannot be read: {error.strerror}",
            place=str(path),
            remedy="Run this as the user that runs the bot",
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            holder = None
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise BadLedger(
                    f"cannot be locked: {error.strerror}", place=str(path), remedy="Put it on a local disk"
                ) from error
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip()
        yield holder if holder is None or holder.isdigit() else ""
    finally:
        os.close(lock)


def read_rows(path: Path, sql: str, **args: object) -> list[dict[str, object]]:
    """The rows of one query, as a reader beside a running bot sees them. Raises BadLedger."""
    with reading(path) as (connection, _):
        cursor = connection.execute(sql, args)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]
