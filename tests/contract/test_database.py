"""What every Database promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vigilbot.errors import LedgerError
from vigilbot.ports import Database, Statement
from vigilbot.stores.migrations import Migration
from vigilbot.stores.sqlite import SqliteDatabase

TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE) STRICT;"
SCHEMA = (Migration(number=1, name="notes", sql=TABLE),)
INSERT = "INSERT INTO notes (text) VALUES (:text) RETURNING id, text"


@pytest.fixture(params=["durable", "throw-away"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await SqliteDatabase.open(
        tmp_path / "ledger.db", migrations=SCHEMA, durable=request.param == "durable"
    )
    yield opened
    await opened.close()


def note(text: object) -> Statement:
    return Statement(INSERT, {"text": text})


class TestDatabase:
    async def test_write_returns_the_rows_of_every_statement_in_order(self, database: Database) -> None:
        rows = await database.write(
            note("a"), Statement("UPDATE notes SET text = 'b'", {}), Statement("SELECT text FROM notes", {})
        )
        assert rows == [[{"id": 1, "text": "a"}], [], [{"text": "b"}]]

    async def test_a_write_is_seen_by_the_next_fetch(self, database: Database) -> None:
        for number in range(50):
            await database.write(note(f"n{number}"))
            assert await database.fetch("SELECT count(*) AS n FROM notes") == [{"n": number + 1}]

    async def test_a_batch_is_all_or_nothing(self, database: Database) -> None:
        await database.write(note("kept"))
        with pytest.raises(LedgerError, match="UNIQUE"):
            await database.write(note("new"), note("kept"), note("never"))
        assert await database.fetch("SELECT text FROM notes") == [{"text": "kept"}]
        await database.write(note("after"))

    async def test_batches_do_not_mix(self, database: Database) -> None:
        async def pair(number: int) -> None:
            bad = number % 3 == 0
            try:
                await database.write(note(f"{number} a"), note(f"{number} a" if bad else f"{number} b"))
            except LedgerError:
                assert bad

        await asyncio.gather(*(pair(number) for number in range(60)))
        rows = await database.fetch("SELECT text FROM notes ORDER BY id")
        texts = [row["text"] for row in rows]
        assert len(texts) == 80
        assert all(a.split()[0] == b.split()[0] for a, b in zip(texts[::2], texts[1::2], strict=True))

    async def test_of_batches_at_the_same_time_each_fails_alone_and_the_order_is_kept(
        self, database: Database
    ) -> None:
        taken = {7, 40, 41, 159}
        for number in taken:
            await database.write(note(f"n{number} b"))
        done = await asyncio.gather(
            *(database.write(note(f"n{number} a"), note(f"n{number} b")) for number in range(160)),
            return_exceptions=True,
        )
        assert {number for number, found in enumerate(done) if isinstance(found, LedgerError)} == taken
        rows = await database.fetch(
            "SELECT text FROM notes WHERE id > :before ORDER BY id", before=len(taken)
        )
        kept = [number for number in range(160) if number not in taken]
        assert [row["text"] for row in rows] == [f"n{n} {part}" for n in kept for part in "ab"]
        told = [rows for rows in done if not isinstance(rows, BaseException)]
        assert [each[0][0]["text"] for each in told] == [f"n{n} a" for n in kept]

    async def test_a_cancelled_write_is_whole(self, database: Database) -> None:
        for number in range(30):
            task = asyncio.create_task(database.write(note(f"{number} a"), note(f"{number} b")))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await database.write(note("last"))
        [row] = await database.fetch("SELECT count(*) AS n FROM notes WHERE text LIKE '% %'")
        assert row["n"] % 2 == 0

    async def test_fetch_cannot_write(self, database: Database) -> None:
        with pytest.raises(LedgerError):
            await database.fetch(INSERT, text="x")

    @pytest.mark.parametrize("sql", ["SELECT nothing FROM nowhere", "SELEC", "SELECT :missing AS x"])
    async def test_a_wrong_statement_is_a_ledger_error(self, database: Database, sql: str) -> None:
        with pytest.raises(LedgerError):
            await database.fetch(sql)
        with pytest.raises(LedgerError):
            await database.write(Statement(sql, {}))

    @pytest.mark.parametrize("value", [2**63, object()])
    async def test_a_value_it_cannot_store_is_a_ledger_error(self, database: Database, value: object) -> None:
        with pytest.raises(LedgerError):
            await database.write(note(value))

    async def test_hostile_text_comes_back(self, database: Database) -> None:
        texts = ["", "{id} %s :a ?", "'; DROP TABLE notes; --", "a\x00b", "\u202eabc", "😀" * 99, "x" * 10**6]
        for text in texts:
            [[row]] = await database.write(note(text))
            assert row["text"] == text
            [found] = await database.fetch("SELECT text FROM notes WHERE id = :id", id=row["id"])
            assert found == {"text": text}

    async def test_half_a_surrogate_pair_is_replaced_the_same_way_when_read(self, database: Database) -> None:
        [[row]] = await database.write(note("a\ud83d b"))
        assert row["text"] == "a\ufffd b"
        [found] = await database.fetch("SELECT id FROM notes WHERE text = :t", t="a\ud83d b")
        assert found["id"] == row["id"]

    async def test_nothing_works_after_close(self, database: Database) -> None:
        await database.close()
        await database.close()
        with pytest.raises(LedgerError):
            await database.fetch("SELECT 1")
        with pytest.raises(LedgerError):
            await database.write(note("x"))

    async def test_an_empty_batch_is_nothing(self, database: Database) -> None:
        assert await database.write() == []
