"""Work that was given up after all its tries, as SQL.

A letter says of which row, and when; why it failed stands in the row itself. A letter whose row was dealt
with otherwise meanwhile (done after all, erased, no longer kept) counts no more and is not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from vigilbot.ledger.rows import stamp
from vigilbot.ports import Database, Row, Statement

CLICK_TRIES = 12
"""As many as a lesson has; their waits double."""


class Letter(StrEnum):
    """What was given up."""

    EVENT = "event"  # could not be taken in
    CARD = "card"  # the platform did not take it
    CLICK = "click"  # what somebody clicked has had no effect yet
    RUN = "run"  # customers' messages that could not be judged
    LESSON = "lesson"  # an on-call that could not be learned from
    DOCUMENT = "document"  # could not be fetched or read


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """The row behind a letter: ``dead`` says that it still is given up; ``why``, ``oncall``, ``what`` and
    ``tries`` are columns of it. ``retry`` makes it due again, ``drop`` settles it."""

    table: str
    key: str
    dead: str
    why: str
    oncall: str
    what: str
    tries: str
    retry: tuple[str, ...]
    drop: tuple[str, ...] = ()


_SOURCES: Mapping[Letter, _Source] = MappingProxyType(
    {
        Letter.EVENT: _Source(
            table="inbox",
            key="id",
            dead="s.state = 'dead'",
            why="s.last_error",
            oncall="''",
            what="CASE WHEN json_valid(s.body) THEN json_extract(s.body, '$.text') END",
            tries="s.attempts",
            retry=(
                "UPDATE inbox SET state = 'new', attempts = 0, due_at = :now WHERE id = :id "
                "AND state = 'dead'",
            ),
            drop=("UPDATE inbox SET state = 'done' WHERE id = :id AND state = 'dead'",),
        ),
        Letter.CARD: _Source(
            table="deliveries",
            key="key",
            dead="s.state = 'skipped'",
            why="s.last_error",
            oncall="s.oncall",
            what="(SELECT q.text FROM answers a JOIN questions q ON q.id = a.question WHERE a.id = s.answer)",
            tries="s.attempts",
            retry=(
                "UPDATE answers SET outcome = NULL, outcome_at = NULL WHERE outcome = 'environment' "
                "AND id = (SELECT answer FROM deliveries WHERE key = :id AND state = 'skipped')",
                "UPDATE deliveries SET state = 'due', attempts = 0, due_at = :now, stale_at = :until "
                "WHERE key = :id AND state = 'skipped'",
            ),
        ),
        Letter.CLICK: _Source(
            table="feedback",
            key="id",
            dead=f"s.applied_at IS NULL AND s.attempts >= {CLICK_TRIES}",
            why="s.last_error",
            oncall="(SELECT a.oncall FROM answers a WHERE a.id = s.answer)",
            what="(SELECT q.text FROM answers a JOIN questions q ON q.id = a.question WHERE a.id = s.answer)",
            tries="s.attempts",
            retry=("UPDATE feedback SET attempts = 0, due_at = :now WHERE id = :id AND applied_at IS NULL",),
            drop=("UPDATE feedback SET applied_at = :now WHERE id = :id AND applied_at IS NULL",),
        ),
        Letter.RUN: _Source(
            table="oncalls",
            key="id",
            dead="s.run_at IS NULL",
            why="s.last_error",
            oncall="s.id",
            what="(SELECT m.text FROM messages m WHERE m.oncall = s.id AND m.role = 'customer' "
            "AND m.run IS NULL AND m.deleted = 0 ORDER BY m.at DESC LIMIT 1)",
            tries="0",
            retry=("UPDATE oncalls SET run_at = :now, run_attempts = 0 WHERE id = :id AND run_at IS NULL",),
        ),
        Letter.LESSON: _Source(
            table="oncalls",
            key="id",
            dead="s.learn_at IS NULL",
            why="s.last_error",
            oncall="s.id",
            what="(SELECT m.text FROM messages m WHERE m.oncall = s.id AND m.deleted = 0 "
            "ORDER BY m.at LIMIT 1)",
            tries="0",
            retry=(
                "UPDATE oncalls SET learn_at = :now, learn_attempts = 0 WHERE id = :id AND learn_at IS NULL",
            ),
        ),
        Letter.DOCUMENT: _Source(
            table="documents",
            key="id",
            dead="s.state = 'refused'",
            why="s.last_error",
            oncall="s.oncall",
            what="coalesce(nullif(s.url, ''), s.key)",
            tries="s.attempts",
            retry=(
                "UPDATE documents SET state = 'due', attempts = 0, due_at = :now, last_error = '' "
                "WHERE id = :id AND state = 'refused'",
            ),
        ),
    }
)

_EACH = " UNION ALL ".join(
    f"SELECT l.id, l.tenant, l.kind, l.subject, l.at, {s.why} AS why, coalesce({s.oncall}, '') AS oncall, "
    f"coalesce({s.what}, '') AS what, {s.tries} AS tries "
    f"FROM dead_letters l JOIN {s.table} s ON s.{s.key} = l.subject "
    f"WHERE l.kind = '{kind}' AND {s.dead} AND :tenant IN ('', l.tenant)"
    for kind, s in _SOURCES.items()
)
LISTED = (
    "SELECT e.*, coalesce(o.channel, '') AS channel, coalesce(c.name, '') AS channel_name "
    f"FROM ({_EACH}) e LEFT JOIN oncalls o ON o.id = e.oncall "
    "LEFT JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel ORDER BY e.at, e.id"
)
"""Every letter that counts, of one ``tenant`` or with "" of all, the oldest first."""

COUNTED = f"SELECT kind AS state, count(*) AS n FROM ({_EACH}) GROUP BY kind ORDER BY kind"


class DeadLetters:
    """One row a piece of work that was given up."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def put(kind: Letter, subject: str | int, *, at: datetime) -> Statement:
        """For the write that gives something up, behind it; changes nothing where it was not given up."""
        s = _SOURCES[kind]
        return Statement(
            f"INSERT INTO dead_letters (tenant, kind, subject, at) SELECT s.tenant, :kind, s.{s.key}, :at "
            f"FROM {s.table} s WHERE s.{s.key} = :subject AND {s.dead} "
            "ON CONFLICT (kind, subject) DO UPDATE SET at = excluded.at",
            {"kind": kind.value, "subject": subject, "at": stamp(at)},
        )

    @staticmethod
    def settled(kind: Letter, subject: str) -> Statement:
        """It was done after all."""
        return Statement(
            "DELETE FROM dead_letters WHERE kind = :kind AND subject = :subject",
            {"kind": kind.value, "subject": subject},
        )

    async def listed(self, *, tenant: str = "") -> list[Row]:
        return await self._database.fetch(LISTED, tenant=tenant)

    async def counted(self, *, tenant: str = "") -> dict[str, int]:
        """By kind; kinds without any are left out."""
        return {row["state"]: row["n"] for row in await self._database.fetch(COUNTED, tenant=tenant)}

    @staticmethod
    def again(letter: Row, *, at: datetime, until: datetime) -> list[Statement]:
        """It is due once more, with all its tries; a card is of use ``until`` then."""
        return _ended(letter, _SOURCES[Letter(letter["kind"])].retry, at=at, until=until)

    @staticmethod
    def dropped(letter: Row, *, at: datetime) -> list[Statement]:
        """It stays undone for good."""
        return _ended(letter, _SOURCES[Letter(letter["kind"])].drop, at=at, until=at)


def _ended(letter: Row, changes: tuple[str, ...], *, at: datetime, until: datetime) -> list[Statement]:
    values = {"id": letter["subject"], "now": stamp(at), "until": stamp(until)}
    used = [{k: v for k, v in values.items() if f":{k}" in sql} for sql in changes]
    return [
        *(Statement(sql, args) for sql, args in zip(changes, used, strict=True)),
        Statement("DELETE FROM dead_letters WHERE id = :id", {"id": letter["id"]}),
    ]
