"""A ledger as one file and back: consistent, read back, never half, and kept from before a migration."""

# ruff: noqa: ASYNC220, ASYNC221, ASYNC251  a test may block its own loop

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vigilbot.errors import BadInput, BadLedger
from vigilbot.ports import Statement
from vigilbot.stores.backup import Copy, automatic, back_up, forget_automatic, look_into, restore
from vigilbot.stores.migrations import Migration, bundled
from vigilbot.stores.sqlite import SqliteDatabase

NEWEST = max(migration.number for migration in bundled())
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
MORE = Migration(number=NEWEST + 1, name="more", sql="CREATE TABLE more (a TEXT) STRICT;")


async def ledger(place: Path, *, entries: int = 1) -> SqliteDatabase:
    opened = await SqliteDatabase.open(place, migrations=bundled())
    await opened.write(*(entry(f"K{n}") for n in range(entries)))
    return opened


def entry(name: str, answer: str = "restart it") -> Statement:
    return Statement(
        "INSERT INTO knowledge (entry, revision, tenant, space, channel, kind, question, answer, citations, "
        "trust, learned_from, message_ids, operation, actor, reason, valid_from) VALUES "
        "(:entry, 1, 'T', 'public', '', 'qa', 'q', :answer, '[]', 'probation', '', '[]', '', '', '', '')",
        {"entry": name, "answer": answer},
    )


def copied(place: Path, target: Path, *, replace: bool = False) -> Copy:
    return back_up(place, target, replace=replace, step=lambda left, total: None)


def restored(source: Path, place: Path) -> Path | None:
    return restore(source, place, known=NEWEST, actor="olga", at=NOW, step=lambda left, total: None)


def entries_of(path: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT entry FROM knowledge ORDER BY seq")]
    finally:
        connection.close()


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_a_backup_beside_a_writer_is_one_whole_file_for_nobody_else(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "out" / "copy.db"
    target.parent.mkdir()
    opened = await ledger(place, entries=3)
    made = copied(place, target)
    await opened.write(entry("later"))
    assert files(target.parent) == {"copy.db"}
    assert target.stat().st_mode & 0o777 == 0o600
    assert (made.entries, made.schema, made.last) == (3, NEWEST, None)
    assert made.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert entries_of(target) == ["K0", "K1", "K2"]
    target.chmod(0o400)
    assert look_into(target, known=NEWEST).sha256 == made.sha256
    assert files(target.parent) == {"copy.db"}
    await opened.close()


async def test_a_copy_is_of_one_moment_however_much_is_written_meanwhile(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    opened = await ledger(place, entries=1)
    await opened.write(*(entry(f"L{n}", "x" * 60_000) for n in range(600)))  # 36 MB: several steps
    writer = sqlite3.connect(place, isolation_level=None)
    steps = []

    def step(left: int, total: int) -> None:
        steps.append(left)
        assert len(steps) < 100, "it begins again and again"
        writer.execute("INSERT INTO audit (tenant, at, actor, action, subject) VALUES ('T', '', '', '', '')")

    back_up(place, target, replace=False, step=step)
    assert len(steps) > 2
    assert steps == sorted(steps, reverse=True), "it never begins again"
    copy = sqlite3.connect(target)
    assert copy.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    assert copy.execute("SELECT count(*) FROM knowledge").fetchone() == (601,)
    copy.close()
    writer.close()
    await opened.close()


async def test_a_file_that_is_there_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    target.write_text("mine")
    await (await ledger(place)).close()
    with pytest.raises(BadInput, match="is there already"):
        copied(place, target)
    assert target.read_text() == "mine"
    assert copied(place, target, replace=True).entries == 1


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "ledger.db.lock"])
async def test_a_backup_never_overwrites_the_ledger_itself(tmp_path: Path, name: str) -> None:
    place = tmp_path / "ledger.db"
    opened = await ledger(place)
    with pytest.raises(BadInput, match="the ledger itself"):
        copied(place, tmp_path / name, replace=True)
    assert (await opened.fetch("SELECT count(*) AS n FROM knowledge"))[0]["n"] == 1
    await opened.close()


async def test_a_damaged_ledger_gives_no_backup(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    opened = await ledger(place)
    await opened.write(*(entry(f"L{n}", "x" * 3000) for n in range(50)))
    await opened.close()
    content = bytearray(place.read_bytes())
    content[30 * 4096 : 34 * 4096] = b"\xff" * 4 * 4096
    place.write_bytes(content)
    with pytest.raises(BadLedger, match=r"ledger.db: (is damaged|cannot be read)"):
        copied(place, target)
    assert files(tmp_path) == {"ledger.db", "ledger.db.lock"}


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    await (await ledger(place)).close()
    with pytest.raises(BadInput, match="cannot be written") as refused:
        copied(place, tmp_path / "nowhere" / "copy.db")
    assert refused.value.remedy


async def test_a_restored_ledger_keeps_what_it_replaced_and_says_who_did_it(tmp_path: Path) -> None:
    place, target = tmp_path / "data" / "ledger.db", tmp_path / "copy.db"
    opened = await ledger(place, entries=2)
    await opened.write(
        Statement(
            "INSERT INTO channels (tenant, channel, name, external, private, space) "
            "VALUES ('T', 'C', 'help', 0, 0, 'public')",
            {},
        )
    )
    copied(place, target)
    await opened.write(entry("since"))
    await opened.close()
    kept = restored(target, place)
    assert kept is not None
    assert entries_of(kept) == ["K0", "K1", "since"]
    assert files(place.parent) == {"ledger.db", "ledger.db.lock", kept.name}
    assert place.stat().st_mode & 0o777 == 0o600
    again = await SqliteDatabase.open(place, migrations=bundled())
    assert [row["entry"] for row in await again.fetch("SELECT entry FROM knowledge")] == ["K0", "K1"]
    [row] = await again.fetch("SELECT tenant, actor, action, subject FROM audit")
    assert row == {"tenant": "T", "actor": "olga", "action": "restore", "subject": "copy.db"}
    await again.close()


async def test_what_was_committed_but_not_checkpointed_is_kept_with_the_replaced_ledger(
    tmp_path: Path,
) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    await (await ledger(place)).close()
    copied(place, target)
    script = (
        "import asyncio, os, sys\n"
        "from tests.unit.stores.test_ledger_copies import entry, ledger\n"
        "from pathlib import Path\n"
        "async def main():\n"
        "    opened = await ledger(Path(sys.argv[1]), entries=0)\n"
        "    await opened.write(entry('late'))\n"
        "    os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(place)], check=False).returncode == 9
    assert (tmp_path / "ledger.db-wal").stat().st_size
    kept = restored(target, place)
    assert kept is not None
    assert entries_of(kept) == ["K0", "late"]
    assert entries_of(place) == ["K0"]
    assert not (tmp_path / "ledger.db-wal").exists()


async def test_a_damaged_ledger_can_be_replaced(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    await (await ledger(place)).close()
    copied(place, target)
    place.write_bytes(place.read_bytes()[:5000])
    (tmp_path / "ledger.db-wal").write_bytes(b"rubbish" * 100)
    kept = restored(target, place)
    assert kept is not None
    assert kept.stat().st_size == 5000
    assert entries_of(place) == ["K0"]


async def test_nothing_is_restored_under_a_running_bot(tmp_path: Path) -> None:
    place, target = tmp_path / "ledger.db", tmp_path / "copy.db"
    opened = await ledger(place)
    copied(place, target)
    before = place.read_bytes()
    with pytest.raises(BadLedger, match="another process uses this ledger"):
        restored(target, place)
    assert place.read_bytes() == before
    await opened.close()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is no ledger"), (b"not a database at all", "is no ledger"), (None, "not a ledger of VigilBot")],
)
async def test_what_is_no_ledger_is_not_restored(tmp_path: Path, content: bytes | None, problem: str) -> None:
    place, source = tmp_path / "ledger.db", tmp_path / "source.db"
    await (await ledger(place)).close()
    if content is None:
        other = sqlite3.connect(source)
        other.execute("CREATE TABLE theirs (a TEXT)")
        other.close()
    else:
        source.write_bytes(content)
    before = place.read_bytes()
    with pytest.raises(BadLedger, match=problem):
        restored(source, place)
    assert place.read_bytes() == before
    assert files(tmp_path) == {"ledger.db", "ledger.db.lock", "source.db"}


async def test_a_newer_or_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    place, newer = tmp_path / "ledger.db", tmp_path / "newer.db"
    await (await ledger(place)).close()
    before = place.read_bytes()
    await (await SqliteDatabase.open(newer, migrations=(*bundled(), MORE))).close()
    with pytest.raises(BadLedger, match="made by a newer VigilBot") as refused:
        restored(newer, place)
    assert "Install" in refused.value.remedy
    cut = tmp_path / "cut.db"
    copied(place, cut)
    cut.write_bytes(cut.read_bytes()[:-8192])
    with pytest.raises(BadLedger, match=r"cut.db: (is damaged|cannot be read)"):
        restored(cut, place)
    assert place.read_bytes() == before


async def test_a_ledger_is_kept_as_it_was_before_a_migration(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "ledger.db"
    await (await ledger(place, entries=2)).close()
    assert automatic(place) == [], "a new ledger has nothing to be kept"
    with caplog.at_level(logging.INFO, "vigilbot"):
        await (await SqliteDatabase.open(place, migrations=(*bundled(), MORE))).close()
    [kept] = automatic(place)
    assert str(kept) in caplog.text
    assert look_into(kept, known=NEWEST).entries == 2
    assert kept.stat().st_mode & 0o777 == 0o600
    await (await SqliteDatabase.open(place, migrations=(*bundled(), MORE))).close()
    assert automatic(place) == [kept], "nothing changed, nothing is kept"


async def test_of_copies_from_before_migrations_two_are_kept_for_a_while(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    known = list(bundled())
    await (await ledger(place)).close()
    for number in range(NEWEST + 1, NEWEST + 5):
        known.append(Migration(number=number, name="m", sql=f"CREATE TABLE t{number} (a TEXT) STRICT;"))
        await (await SqliteDatabase.open(place, migrations=known)).close()
    expected = [f"ledger.db.schema-{NEWEST + 2:04d}", f"ledger.db.schema-{NEWEST + 3:04d}"]
    assert sorted(path.name for path in automatic(place)) == expected
    old = automatic(place)[0]
    os.utime(old, (NOW.timestamp(), NOW.timestamp()))
    assert forget_automatic(place, before=NOW + timedelta(days=1)) == 1
    assert old not in automatic(place)
    opened = await SqliteDatabase.open(place, migrations=known)
    await opened.scrub()
    assert automatic(place) == [], "what was erased is not left in them"
    await opened.close()


async def test_without_room_for_the_copy_nothing_is_migrated(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    await (await ledger(place)).close()
    (tmp_path / f"ledger.db.schema-{NEWEST:04d}").mkdir()  # stands for any reason why it cannot be written
    before = place.read_bytes()
    with pytest.raises(BadLedger, match="back-up before the migration") as refused:
        await SqliteDatabase.open(place, migrations=(*bundled(), MORE))
    assert refused.value.remedy
    assert look_into(place, known=NEWEST).schema == NEWEST
    assert len(place.read_bytes()) == len(before)


async def test_a_process_killed_within_a_migration_begins_it_again(tmp_path: Path) -> None:
    place = tmp_path / "ledger.db"
    await (await ledger(place, entries=2)).close()
    endless = (
        "CREATE TABLE more (a TEXT) STRICT; INSERT INTO more SELECT hex(zeroblob(2000)) FROM "
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) SELECT i FROM n);"
    )
    script = (
        "import asyncio, sys\n"
        "from vigilbot.stores.migrations import Migration, bundled\n"
        "from vigilbot.stores.sqlite import SqliteDatabase\n"
        f"slow = Migration(number={NEWEST + 1}, name='more', sql={endless!r})\n"
        "asyncio.run(SqliteDatabase.open(sys.argv[1], migrations=(*bundled(), slow)))\n"
    )
    wal = tmp_path / "ledger.db-wal"
    process = subprocess.Popen([sys.executable, "-c", script, str(place)])
    try:
        while not (wal.exists() and wal.stat().st_size > 20_000_000):  # pages of it have left the cache
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert wal.stat().st_size > 20_000_000
    opened = await SqliteDatabase.open(place, migrations=(*bundled(), MORE))
    assert await opened.fetch("SELECT count(*) AS n FROM more") == [{"n": 0}]
    assert (await opened.fetch("SELECT count(*) AS n FROM knowledge"))[0]["n"] == 2
    assert (await opened.fetch("SELECT max(number) AS n FROM migrations"))[0]["n"] == NEWEST + 1
    assert await opened.check() == []
    await opened.close()
    [kept] = automatic(place)
    assert look_into(kept, known=NEWEST).entries == 2
