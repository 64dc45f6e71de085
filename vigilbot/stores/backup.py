"""Copies of a ledger: one consistent file each, read back before it counts, and one put in its place.

A copy is written under another name and gets its own only when it is whole, so that a name never stands for
half a file. It needs no file beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from vigilbot.errors import BadInput, BadLedger
from vigilbot.stores.inspection import reading
from vigilbot.stores.lock import lock_of, take_lock

Step = Callable[[int, int], None]
"""Is told how many pages are left, and of how many."""

_PAGES = 4096  # copied between two looks at the progress
_BESIDE = ("-wal", "-shm")  # files of SQLite beside a ledger
_AUTOMATIC = re.compile(r"\.schema-\d{4}")
_KEPT = 2  # automatic copies at the most
_PROBLEMS = 5
_OLDER = "Restore an older backup"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """A file that was read back: ``sha256`` of all its bytes, its schema, the entries in force, and when the
    last message in it was written (None: there is none)."""

    path: Path
    size: int
    sha256: str
    schema: int
    entries: int
    last: datetime | None


def back_up(place: Path, target: Path, *, replace: bool, step: Step) -> Copy:
    """The ledger as it is now, whoever writes to it meanwhile, in the new file ``target``.

    Raises BadInput: there is such a file already (unless ``replace``), it cannot be written, the ledger
    cannot be read or is damaged. Nothing is left behind then.
    """
    if _same(target, place) or any(_same(target, each) for each in _with_it(place)):
        raise BadInput("is the ledger itself", place=str(target), remedy="Name another file")
    if target.is_dir() or (target.exists() and not replace):
        raise BadInput(
            "is there already", place=str(target), remedy="Name another file, or give --force to replace it"
        )
    with reading(place) as (connection, _), _partial(target) as partial:
        _copy(connection, partial, step)
        return replaced(_facts(partial, place), path=target)


def before_migration(connection: sqlite3.Connection, place: Path, *, schema: int) -> Path:
    """The automatic copy beside the ledger from before its schema changes; older ones than the last two go.

    Raises BadInput when it cannot be made: then nothing may be changed.
    """
    target = place.with_name(f"{place.name}.schema-{schema:04d}")
    with _partial(target) as partial:
        _copy(connection, partial, lambda *_: None)
    for old in sorted(automatic(place), reverse=True)[_KEPT:]:
        old.unlink()
    return target


def automatic(place: Path) -> list[Path]:
    """Copies that were made before migrations of this ledger."""
    if not place.parent.is_dir():
        return []
    return [p for p in place.parent.iterdir() if p.name.startswith(place.name) and _made_by_us(p, place)]


def forget_automatic(place: Path, *, before: datetime | None = None) -> int:
    """Deletes the automatic copies, or those made before a time; returns how many."""
    gone = 0
    for path in automatic(place):
        if before is None or datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
            path.unlink(missing_ok=True)
            gone += 1
    return gone


def look_into(source: Path, *, known: int) -> Copy:
    """What a copy holds. Raises BadLedger: no ledger, damaged, or of a newer schema than ``known``."""
    try:
        with source.open("rb") as file:
            if file.read(16) != b"SQLite format 3\0":
                raise BadLedger(
                    "is no ledger", place=str(source), remedy="Name a file that `vigilbot backup` wrote"
                )
        found = _facts(source, source)
    except OSError as error:
        raise BadLedger(
            error.strerror or "cannot be read", place=str(source), remedy="Name another file"
        ) from error
    if found.schema > known:
        raise BadLedger(
            f"made by a newer VigilBot (schema {found.schema}, this one knows {known})",
            place=str(source),
            remedy="Install that version",
        )
    return found


def restore(source: Path, place: Path, *, known: int, actor: str, at: datetime, step: Step) -> Path | None:
    """Puts a copy of ``source`` in the ledger's place; returns where the one that was there is kept.

    Nobody else may use the ledger meanwhile. Raises BadInput; the ledger is then as it was.
    """
    look_into(source, known=known)
    if place.exists() and _same(source, place):
        raise BadInput("is the ledger itself", place=str(source), remedy="Name the file of a backup")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(place)
    except OSError as error:
        raise BadInput(
            error.strerror or "cannot be written", place=str(place.parent), remedy="Give permission"
        ) from error
    try:
        with _partial(place) as partial:
            with _opened(source) as connection:
                _copy(connection, partial, step)
            with closing(sqlite3.connect(partial)) as copy:
                _note(copy, actor=actor, source=source, at=at)
            _facts(partial, source)
            return _aside(place, at)
    finally:
        os.close(lock)


def _note(copy: sqlite3.Connection, *, actor: str, source: Path, at: datetime) -> None:
    """The ledger itself says that it was put back: what happened since the copy is not in it."""
    values = {"at": at.astimezone(UTC).isoformat(timespec="microseconds"), "by": actor, "name": source.name}
    with copy:
        copy.execute(
            "INSERT INTO audit (tenant, at, actor, action, subject, detail) "
            "SELECT DISTINCT tenant, :at, :by, 'restore', :name, '' FROM channels",
            values,
        )


def _aside(place: Path, at: datetime) -> Path | None:
    """Gives the ledger, with all that was committed to it, a second name under which it is kept. Its own name
    goes to the copy in one step: there is no moment at which a bot could find none and begin anew."""
    kept = place.with_name(f"{place.name}.replaced-{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}")
    there = place.exists()
    if there:
        try:
            with closing(sqlite3.connect(place)) as connection:
                connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.Error:  # damaged, which may be why it is replaced: it is kept with its log as it is
            pass
        try:
            os.link(place, kept)
        except OSError:  # not every file system has second names
            place.rename(kept)
    for ending in _BESIDE:  # a log that is not the new ledger's would be read as its own
        log = place.with_name(place.name + ending)
        if log.exists():
            log.rename(kept.with_name(kept.name + ending))
    return kept if there else None


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A new file beside ``target`` that takes its name at the end, or is gone. Raises BadInput."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.unlink(missing_ok=True)  # of one that was killed
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        yield partial
        partial.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"cannot be written: {reason}",
            place=str(target),
            remedy="Make room, give permission, or name another place",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
        partial.with_name(f"{partial.name}-journal").unlink(missing_ok=True)


def _copy(connection: sqlite3.Connection, partial: Path, step: Step) -> None:
    """All of it as of one moment: the transaction keeps what others write meanwhile out of sight."""
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy, pages=_PAGES, progress=lambda _, left, total: step(left, total))
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # it shall need no log beside it
    finally:
        connection.execute("ROLLBACK")


def _facts(path: Path, named: Path) -> Copy:
    """Reads all of a file. Raises BadLedger, about the file by the name that people know."""
    try:
        with _opened(path) as connection:
            found = connection.execute(f"PRAGMA integrity_check({_PROBLEMS})").fetchall()
            problems = "; ".join(" ".join(str(row[0]).split()) for row in found if row[0] != "ok")
            if problems:
                raise BadLedger(f"is damaged: {problems}", place=str(named), remedy=_OLDER)
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone():
                raise BadLedger(
                    "is a database, but not a ledger of VigilBot",
                    place=str(named),
                    remedy="Name another file",
                )
            [schema] = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
            [entries] = connection.execute(
                "SELECT count(*) FROM knowledge WHERE valid_to IS NULL AND retracted = 0"
            ).fetchone()
            [last] = connection.execute("SELECT max(at) FROM messages").fetchone()
    except sqlite3.Error as error:
        reason = " ".join(str(error).split())
        raise BadLedger(f"cannot be read: {reason}", place=str(named), remedy=_OLDER) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Copy(
        path=path,
        size=path.stat().st_size,
        sha256=digest,
        schema=schema,
        entries=entries,
        last=datetime.fromisoformat(last) if last else None,
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """For reading; a file without a log beside it needs none made."""
    alone = not path.with_name(path.name + "-wal").exists()
    uri = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if alone else "")
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        yield connection


def _made_by_us(path: Path, place: Path) -> bool:
    return _AUTOMATIC.fullmatch(path.name.removeprefix(place.name)) is not None


def _with_it(place: Path) -> Iterator[Path]:
    yield lock_of(place)
    for ending in _BESIDE:
        yield place.with_name(place.name + ending)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()
