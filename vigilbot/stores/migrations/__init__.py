"""The ledger's schema as an ordered list of small steps, one file ``NNNN_name.sql`` each.

A step that has been released never changes: the next change is the next file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    """One step. Its statements and the record that it was made commit together."""

    number: int
    name: str
    sql: str


def bundled() -> tuple[Migration, ...]:
    """The steps that ship with this version, in order."""
    found = [
        Migration(number=int(match[1]), name=match[2], sql=file.read_text(encoding="utf-8"))
        for file in resources.files(__name__).iterdir()
        if (match := _FILE.fullmatch(file.name))
    ]
    return tuple(sorted(found, key=lambda migration: migration.number))


def statements(sql: str) -> Iterator[str]:
    """The statements of a script; semicolons in strings, comments and trigger bodies do not end one."""
    buffer = ""
    for piece in sql.split(";")[:-1]:
        buffer += piece + ";"
        if sqlite3.complete_statement(buffer):
            yield buffer.strip()
            buffer = ""
    rest = buffer + sql.rpartition(";")[2]
    if any(line.strip() and not line.strip().startswith("--") for line in rest.splitlines()):
        raise ValueError(f"unfinished SQL statement: {rest.strip()[:80]!r}")
