"""The ledger in one SQLite file: WAL, synchronous FULL, one writing and one reading connection.

Measured on two cores: a commit of one row 0.2 ms, a point query 0.04 ms (most of it is the way
through the connection's thread). The writing connection's thread runs one batch after the other and
nothing of a batch waits for the event loop, so that it is the lock the port speaks of: a caller
that is cancelled can leave a batch that still commits, but never half of one.

Batches that wait for the thread at the same time share one commit, and so one wait for the disk. Each is
a savepoint of its own, in the order of the calls; nobody is told that a batch is done before the commit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite

from vigilbot.errors import BadInput, BadLedger, LedgerError
from vigilbot.ports import Row, Statement
from vigilbot.stores.backup import before_migration, forget_automatic
from vigilbot.stores.lock import take_lock
from vigilbot.stores.migrations import Migration, statements
from vigilbot.stores.near import NearReader, read_only, rows_of, tune

T = TypeVar("T")

log = logging.getLogger("vigilbot.stores")

_BUSY_SECONDS = 5.0
_TOGETHER = 64  # batches of one commit: the first of them waits for the last
_SCRUB_TRIES = 5  # of _BUSY_SECONDS each
_QUICK_CHECK_BYTES = 256 * 1024 * 1024  # larger ledgers are checked by the doctor, not at every start
_HEADER = b"SQLite format 3\0"
_RECORD = """CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL
) STRICT"""
_NOT_OURS = "Name another file, or restore this one from a backup"


_FAILURES = (sqlite3.Error, sqlite3.Warning, OverflowError)


@dataclass(kw_only=True, slots=True, eq=False)
class _Batch:
    """One ``write``: after its commit it has rows, else an error and has changed nothing."""

    statements: Sequence[Statement]
    rows: list[list[Row]] | None = None
    error: Exception | None = None


class SqliteDatabase:
    """``ports.Database`` on one file that this process alone may use."""

    def __init__(
        self,
        *,
        place: Path,
        writer: aiosqlite.Connection,
        reader: aiosqlite.Connection,
        near: NearReader,
        lock: int,
    ) -> None:
        self._place = place
        self._writer = writer
        self._reader = reader
        self._near = near
        self._lock: int | None = lock
        self._waiting: deque[_Batch] = deque()  # filled by the event loop, emptied by the writer's thread

    @classmethod
    async def open(
        cls, path: str | os.PathLike[str], *, migrations: Sequence[Migration], durable: bool = True
    ) -> Self:
        """The ledger at ``path``, created or brought up to the last of ``migrations``.

        ``durable=False`` gives up safety against a power cut (a ledger that is thrown away).
        Raises BadLedger, and then has changed nothing but the steps that succeeded.
        """
        place, lock = await asyncio.to_thread(_claim, Path(path))
        opened: list[aiosqlite.Connection] = []
        try:
            writer = await _connect(place, opened)
            await _run(writer, lambda c: _prepare(c, place=place, migrations=migrations, durable=durable))
            reader = await _connect(place, opened)
            await _run(reader, read_only)
            near = NearReader(place)
        except BaseException as error:
            for connection in opened:
                await connection.close()
            os.close(lock)
            if isinstance(error, sqlite3.Error):
                raise BadLedger(f"cannot be opened: {error}", place=str(place), remedy=_NOT_OURS) from error
            raise
        return cls(place=place, writer=writer, reader=reader, near=near, lock=lock)

    async def fetch(self, sql: str, **args: Any) -> list[Row]:
        if self._lock is not None and (rows := self._near.rows(sql, args)) is not None:
            return rows
        return await self._guarded(self._reader, lambda c: rows_of(c, sql, args))

    async def write(self, *statements: Statement) -> list[list[Row]]:
        if not statements:
            return []
        batch = _Batch(statements=statements)
        self._waiting.append(batch)
        return await self._guarded(self._writer, lambda c: self._commit(c, batch))

    def _commit(self, connection: sqlite3.Connection, batch: _Batch) -> list[list[Row]]:
        """In the writer's thread: ``batch`` with all that wait behind it, unless an earlier call took it."""
        if batch.rows is None and batch.error is None:
            _together(
                connection, [self._waiting.popleft() for _ in range(min(len(self._waiting), _TOGETHER))]
            )
        if batch.error is not None:
            raise batch.error
        assert batch.rows is not None, "batches are taken in the order of their calls"
        return batch.rows

    async def check(self) -> list[str]:
        """What SQLite's own full check finds wrong; empty when the file is sound. Reads everything."""
        rows = await self.fetch("PRAGMA integrity_check")
        return [line for row in rows if (line := str(row["integrity_check"])) != "ok"]

    async def scrub(self, *, anew: bool = True) -> None:
        """Empties the log beside the file: what was deleted is overwritten with zeros in both. ``anew`` also
        writes the file itself again, and deletes the copies from before migrations."""
        await self._guarded(self._writer, lambda c: _scrub(c, anew=anew))
        if anew:
            await asyncio.to_thread(forget_automatic, self._place)

    async def close(self) -> None:
        """Waits for batches under way. Closing twice is harmless."""
        if self._lock is None:
            return
        lock, self._lock = self._lock, None
        try:
            self._near.close()
            await self._reader.close()
            await self._writer.close()
        except sqlite3.Error as error:
            raise LedgerError(f"closing the ledger: {error}") from error
        finally:
            os.close(lock)

    async def _guarded(self, connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._lock is None:
            raise LedgerError("the ledger is closed")
        try:
            return await _run(connection, work)
        except _FAILURES as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise LedgerError(f"{error} ({name})") from error


def _claim(name: Path) -> tuple[Path, int]:
    """The real path, and an open descriptor that holds the lock beside it until the process ends."""
    path = name.resolve()
    if path.is_dir():
        raise BadLedger("is a folder, not a file", place=str(path), remedy="Name a file in it")
    if path.exists() and not path.is_file():
        raise BadLedger("is not a regular file", place=str(path), remedy="Name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Conversations are nobody else's business: -wal and -shm take their mode from this file.
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        header = os.pread(file, len(_HEADER), 0)
        os.close(file)
        if header not in (b"", _HEADER):
            raise BadLedger("is not a database", place=str(path), remedy=_NOT_OURS)
        return path, take_lock(path)
    except OSError as error:
        raise BadLedger(
            f"cannot be opened for writing: {error.strerror}",
            place=str(path),
            remedy="Give this user permission to read and write the file and its folder, or name another",
        ) from error


async def _connect(path: Path, opened: list[aiosqlite.Connection]) -> aiosqlite.Connection:
    connecting = aiosqlite.connect(path, isolation_level=None, timeout=_BUSY_SECONDS, cached_statements=512)
    connecting._thread.daemon = True  # a bot that crashes without closing must end, not hang
    connection = await connecting
    opened.append(connection)
    return connection


async def _run(connection: aiosqlite.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Runs ``work`` in the connection's thread, in one hop.

    aiosqlite offers this only under a private name; its public calls are one hop a statement,
    between which a cancelled caller would leave a transaction open. The version is pinned.
    """
    result: T = await connection._execute(lambda: work(connection._conn))  # type: ignore[no-untyped-call]
    return result


def _prepare(
    connection: sqlite3.Connection, *, place: Path, migrations: Sequence[Migration], durable: bool
) -> None:
    """Looks before it touches: a file that is not ours stays as it was."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and "migrations" not in tables:
        raise BadLedger(
            "is a database, but not a ledger of VigilBot", place=str(place), remedy="Name another file"
        )
    if tables:
        _check_sound(connection, place)
        done = dict(connection.execute("SELECT number, name FROM migrations").fetchall())
    else:
        done = {}
    known = max((migration.number for migration in migrations), default=0)
    newest = max(done, default=0)
    if newest > known:
        raise BadLedger(
            f"made by a newer VigilBot (schema {newest}, this one knows {known})",
            place=str(place),
            remedy="Install that version, or name another ledger",
        )
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not just forgotten
    connection.execute("PRAGMA journal_size_limit = 67108864")
    tune(connection)
    pending = [each for each in sorted(migrations, key=lambda m: m.number) if each.number not in done]
    if pending and done and durable:
        try:
            kept = before_migration(connection, place, schema=newest)
        except BadInput as error:
            raise BadLedger(
                f"its back-up before the migration {error.problem}", place=error.place, remedy=error.remedy
            ) from error
        log.info(
            "the ledger is brought from schema %d to %d; as it was it is kept in %s", newest, known, kept
        )
    for migration in pending:
        _migrate(connection, migration, place)


def _check_sound(connection: sqlite3.Connection, place: Path) -> None:
    if place.stat().st_size > _QUICK_CHECK_BYTES:
        return
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found and found[0] != "ok":
        reason = " ".join(str(found[0]).split())
        raise BadLedger(f"is damaged: {reason}", place=str(place), remedy="Restore it from a backup")


def _migrate(connection: sqlite3.Connection, migration: Migration, place: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_RECORD)
        for sql in statements(migration.sql):
            connection.execute(sql)
        connection.execute(
            "INSERT INTO migrations (number, name) VALUES (:number, :name)",
            {"number": migration.number, "name": migration.name},
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        raise BadLedger(
            f"migration {migration.number:04d}_{migration.name} failed: {error}",
            place=str(place),
            remedy="The ledger is as before it; restore a backup, or report this",
        ) from error


def _together(connection: sqlite3.Connection, batches: Sequence[_Batch]) -> None:
    """All of these in one commit. What ends it for all of them (a full disk) makes each try it alone."""
    if len(batches) > 1:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for batch in batches:
                _inside(connection, batch)
            connection.execute("COMMIT")
            return
        except sqlite3.Error:
            _roll_back(connection)
    for batch in batches:
        batch.rows = batch.error = None
        try:
            connection.execute("BEGIN IMMEDIATE")
            rows = [rows_of(connection, each.sql, each.args) for each in batch.statements]
            connection.execute("COMMIT")
            batch.rows = rows
        except Exception as error:  # whatever it is, it is its caller's, and must not reach the others
            _roll_back(connection)
            batch.error = error


def _inside(connection: sqlite3.Connection, batch: _Batch) -> None:
    """One batch of several; raises only when the transaction around them is over."""
    connection.execute("SAVEPOINT batch")
    try:
        batch.rows = [rows_of(connection, each.sql, each.args) for each in batch.statements]
    except Exception as error:  # its caller's, as above
        if not connection.in_transaction:
            raise sqlite3.OperationalError("the transaction was ended") from error
        connection.execute("ROLLBACK TO batch")
        batch.error = error
    connection.execute("RELEASE batch")


def _scrub(connection: sqlite3.Connection, *, anew: bool) -> None:
    if anew:
        connection.execute("PRAGMA temp_store = FILE")  # a whole ledger need not fit into memory
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store = MEMORY")
    for _ in range(_SCRUB_TRIES):  # a reader's query may hold the log for a moment
        [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
    raise sqlite3.OperationalError("the log is in use")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # a full disk or an I/O error may have ended it already
        connection.execute("ROLLBACK")
