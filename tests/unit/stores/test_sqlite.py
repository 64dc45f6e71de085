"""Opening a ledger: what is refused, what is kept, what is moved on."""

# ruff: noqa: ASYNC220, ASYNC240  a test may block its own loop

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from vigilbot.errors import BadLedger, LedgerError
from vigilbot.ports import Statement
from vigilbot.stores.migrations import Migration, bundled, statements
from vigilbot.stores.sqlite import SqliteDatabase

ONE = Migration(number=1, name="one", sql="CREATE TABLE one (a TEXT) STRICT;")
TWO = Migration(number=2, name="two", sql="ALTER TABLE one ADD COLUMN b TEXT; UPDATE one SET b = 'new';")
ROWS = [Statement("INSERT INTO one (a) VALUES (:a)", {"a": str(n) * 2000}) for n in range(300)]
BROKEN = Migration(number=2, name="two", sql="CREATE TABLE two (a TEXT) STRICT; SELECT nothing FROM nowhere;")


async def opened(path: Path, *migrations: Migration) -> SqliteDatabase:
    return await SqliteDatabase.open(path, migrations=migrations or (ONE,))


async def test_a_ledger_keeps_what_was_written_and_moves_on(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "ledger.db"
    ledger = await opened(path)
    await ledger.write(Statement("INSERT INTO one (a) VALUES ('x')", {}))
    await ledger.close()
    ledger = await opened(path, ONE, TWO)
    assert await ledger.fetch("SELECT a, b FROM one") == [{"a": "x", "b": "new"}]
    assert await ledger.fetch("SELECT number, name FROM migrations") == [
        {"number": 1, "name": "one"},
        {"number": 2, "name": "two"},
    ]
    assert await ledger.check() == []
    await ledger.close()


async def test_it_is_as_safe_as_promised(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    [[mode], [sync], [keys]] = await ledger.write(
        Statement("PRAGMA journal_mode", {}),
        Statement("PRAGMA synchronous", {}),
        Statement("PRAGMA foreign_keys", {}),
    )
    assert (mode["journal_mode"], sync["synchronous"], keys["foreign_keys"]) == ("wal", 2, 1)
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    await ledger.close()


async def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await opened(path)).close()
    with pytest.raises(BadLedger, match="0002_two"):
        await opened(path, ONE, BROKEN)
    ledger = await opened(path)
    assert await ledger.fetch("SELECT name FROM sqlite_master WHERE name = 'two'") == []
    await ledger.close()


async def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await opened(path, ONE, TWO)).close()
    before = path.read_bytes()
    with pytest.raises(BadLedger, match="newer VigilBot") as refused:
        await opened(path, ONE)
    assert refused.value.remedy
    assert path.read_bytes() == before


async def test_another_process_keeps_it_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from vigilbot.stores.migrations import Migration\n"
        "from vigilbot.stores.sqlite import SqliteDatabase\n"
        "from vigilbot.ports import Statement\n"
        "async def main():\n"
        "    one = Migration(number=1, name='one', sql='CREATE TABLE one (a TEXT) STRICT;')\n"
        "    ledger = await SqliteDatabase.open(Path(sys.argv[1]), migrations=(one,))\n"
        "    await ledger.write(Statement(\"INSERT INTO one (a) VALUES ('acknowledged')\", {}))\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            with pytest.raises(BadLedger, match=f"another process.*{holder.pid}") as refused:
                await opened(path)
            assert str(holder.pid) in refused.value.remedy
            link = tmp_path / "link.db"
            link.symlink_to(path)
            with pytest.raises(BadLedger, match="another process"):
                await opened(link)
        finally:
            holder.kill()
    ledger = await opened(path)
    assert await ledger.fetch("SELECT a FROM one") == [{"a": "acknowledged"}]
    await ledger.close()


async def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    with pytest.raises(BadLedger, match=str(os.getpid())):
        await opened(tmp_path / "ledger.db")
    await ledger.close()
    await (await opened(tmp_path / "ledger.db")).close()


@pytest.mark.parametrize("content", [b"hello, this is text", b"SQLite format 3\x00" + b"\xff" * 5000, b"x"])
async def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    with pytest.raises(BadLedger) as refused:
        await opened(path)
    assert refused.value.place == str(path)
    assert refused.value.remedy
    assert path.read_bytes() == content


async def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE theirs (a)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(BadLedger, match="not a ledger"):
        await opened(path)
    assert path.read_bytes() == before


async def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await opened(path)
    await ledger.write(*ROWS)
    await ledger.close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 20000] = b"\x55" * 20000
    path.write_bytes(content)
    with pytest.raises(BadLedger) as refused:
        await opened(path)
    assert "backup" in refused.value.remedy


async def test_a_truncated_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = await opened(path)
    await ledger.write(*ROWS)
    await ledger.close()
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(BadLedger):
        await opened(path)


@pytest.mark.parametrize("name", ["", "file/ledger.db"])
async def test_a_place_that_cannot_hold_a_ledger_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadLedger) as refused:
        await opened(tmp_path / name if name else tmp_path)
    assert refused.value.remedy


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_an_unreadable_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await opened(path)).close()
    path.chmod(0)
    with pytest.raises(BadLedger, match="ermission"):
        await opened(path)


async def test_a_full_disk_is_a_ledger_error_that_changes_nothing(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    [[pages]] = await ledger.write(Statement("PRAGMA page_count", {}))
    await ledger.write(Statement(f"PRAGMA max_page_count = {pages['page_count'] + 3}", {}))
    big = Statement("INSERT INTO one (a) VALUES (:a)", {"a": "x" * 50_000})
    with pytest.raises(LedgerError, match="full"):
        await ledger.write(Statement("INSERT INTO one (a) VALUES ('small')", {}), big)
    assert await ledger.fetch("SELECT a FROM one") == []
    await ledger.write(Statement("INSERT INTO one (a) VALUES ('after')", {}))
    await ledger.close()


async def test_a_full_disk_spares_what_waited_beside(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    [[pages]] = await ledger.write(Statement("PRAGMA page_count", {}))
    await ledger.write(Statement(f"PRAGMA max_page_count = {pages['page_count'] + 3}", {}))
    texts = ["small", "x" * 50_000, "after"]
    done = await asyncio.gather(
        *(ledger.write(Statement("INSERT INTO one (a) VALUES (:a)", {"a": text})) for text in texts),
        return_exceptions=True,
    )
    assert [isinstance(found, LedgerError) for found in done] == [False, True, False]
    assert await ledger.fetch("SELECT a FROM one") == [{"a": "small"}, {"a": "after"}]
    await ledger.close()


def commits(wal: Path) -> int:
    """How many commits a write-ahead log holds: the frames that say how large the database then is."""
    content = wal.read_bytes()
    page = int.from_bytes(content[8:12], "big")
    starts = range(32, len(content), 24 + page)
    return sum(content[start + 4 : start + 8] != bytes(4) for start in starts)


async def test_a_long_query_holds_nobody_up_and_says_the_same(tmp_path: Path) -> None:
    """Near queries are answered at once, without a turn of the event loop; what takes long leaves it free."""
    ledger = await opened(tmp_path / "ledger.db")
    await ledger.write(*ROWS)
    long = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + :one FROM n WHERE i < 300000) "
        "SELECT count(*) AS n, sum(i) AS total FROM n"
    )
    turns = 0

    async def turning() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(turning())
    await asyncio.sleep(0)
    before = turns
    assert await ledger.fetch("SELECT count(*) AS n FROM one") == [{"n": 300}]
    assert turns == before
    for _ in range(2):
        before = turns
        assert await ledger.fetch(long, one=1) == [{"n": 300_000, "total": 300_000 * 300_001 // 2}]
        assert turns > before + 10
    other.cancel()
    await ledger.close()


async def test_another_thread_reads_too(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    await ledger.write(*ROWS)
    found = await asyncio.to_thread(lambda: asyncio.run(ledger.fetch("SELECT count(*) AS n FROM one")))
    assert found == [{"n": 300}]
    await ledger.close()


async def test_batches_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    ledger = await opened(tmp_path / "ledger.db")
    wal = tmp_path / "ledger.db-wal"
    before = commits(wal)
    insert = [Statement("INSERT INTO one (a) VALUES (:a)", {"a": f"{number}"}) for number in range(100)]
    await asyncio.gather(*(ledger.write(each) for each in insert))
    shared = commits(wal) - before
    for each in insert:
        await ledger.write(each)
    assert shared < 30
    assert commits(wal) - before - shared == 100
    await ledger.close()


async def test_what_is_told_done_outlives_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    code = (
        "import asyncio, os, sys\n"
        "from vigilbot.stores.migrations import Migration\n"
        "from vigilbot.stores.sqlite import SqliteDatabase\n"
        "from vigilbot.ports import Statement\n"
        "async def main():\n"
        "    one = Migration(number=1, name='one', sql='CREATE TABLE one (a TEXT) STRICT;')\n"
        "    ledger = await SqliteDatabase.open(sys.argv[1], migrations=(one,))\n"
        "    async def keep(worker):\n"
        "        for number in range(10000):\n"
        "            a = f'{worker}.{number}'\n"
        "            await ledger.write(Statement('INSERT INTO one (a) VALUES (:a)', {'a': a}))\n"
        "            os.write(1, f'{a}\\n'.encode())\n"
        "    await asyncio.gather(*(keep(worker) for worker in range(20)))\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    told = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(500):
            told.append(writer.stdout.readline().strip())
        writer.kill()
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    ledger = await opened(path)
    kept = {row["a"] for row in await ledger.fetch("SELECT a FROM one")}
    assert len(told) >= 500
    assert set(told) <= kept
    await ledger.close()


def test_a_bot_that_crashes_with_an_open_ledger_ends(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from vigilbot.stores.sqlite import SqliteDatabase\n"
        "async def main():\n"
        "    global ledger\n"
        "    ledger = await SqliteDatabase.open(sys.argv[1], migrations=())\n"
        "    raise SystemExit(7)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "ledger.db")]
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 7


def test_a_script_is_split_where_statements_end() -> None:
    script = """
    -- a comment; with a semicolon
    CREATE TABLE a (x TEXT DEFAULT 'semi;colon'); /* another; one */
    CREATE TRIGGER t AFTER INSERT ON a BEGIN
        UPDATE a SET x = ';';
        DELETE FROM a WHERE x = 'end;';
    END;
    INSERT INTO a VALUES ('it''s; fine');
    -- the end
    """
    parts = list(statements(script))
    assert len(parts) == 3
    connection = sqlite3.connect(":memory:")
    for part in parts:
        connection.execute(part)
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (1,)
    connection.close()


def test_an_unfinished_script_is_noticed() -> None:
    with pytest.raises(ValueError, match="unfinished"):
        list(statements("CREATE TABLE a (x); CREATE TABLE b (x)"))


async def test_the_bundled_migrations_are_numbered_and_apply(tmp_path: Path) -> None:
    migrations = bundled()
    assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
    ledger = await SqliteDatabase.open(tmp_path / "ledger.db", migrations=migrations)
    assert len(await ledger.fetch("SELECT number FROM migrations")) == len(migrations) > 0
    await ledger.close()
