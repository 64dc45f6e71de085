"""What people wrote goes after a while, to the last byte; what was learned stays, and so do the counts."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from vigilbot.admin.retention import EVERY, Retention, told
from vigilbot.app import LEDGER
from vigilbot.domain import EventKind
from vigilbot.errors import LedgerError
from vigilbot.ledger.status import RETENTION
from vigilbot.ports import Database, Row, Statement
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

KEY = "How do I rotate the signing key of the gateway?"
PEOPLE = {
    "ann": Person(name="ann", title="Support Engineer"),
    "carl": Person(name="carl"),
    "dora": Person(name="dora"),
}
AGE = timedelta(days=90)
MINUTES = timedelta(minutes=10)
SECRET_WORD = "quokkable"
"""Stands in messages and in nothing that is learned."""


@asynccontextmanager
async def world(
    folder: Path, wrap: Callable[[Database], Database] = lambda database: database
) -> AsyncIterator[World]:
    made = World(
        settings=load(
            options={"retrieval.index": "exact", "oncall.gate": "immediately", "oncall.grace": "0s"}
        ),
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people=PEOPLE,
        channels={"help": Channel(name="help")},
        wrap=wrap,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def retention(made: World, *, messages: timedelta = AGE, traces: timedelta = AGE) -> Retention:
    def forget(before: datetime) -> int:
        return 0

    return Retention(
        ledger=made.parts.ledger,
        clock=made.clock,
        messages=messages,
        traces=traces,
        forget_copies=forget,
    )


async def a_round(made: World, *, messages: timedelta = AGE, traces: timedelta = AGE) -> int:
    """A whole round, if it is due; how many on-calls it was about."""
    work = retention(made, messages=messages, traces=traces)
    done = 0
    while some := await work.work():
        done += some
    return done


async def lived(made: World) -> str:
    """Learned in one on-call, a card in another, whose words stand nowhere else; returns the entry."""
    await made.say("carl", KEY, on="first")
    await made.wait(timedelta(minutes=1))
    await made.say("ann", "FIX: run gatectl rotate on the replica", on="first", label="fix")
    await made.wait(MINUTES)
    await made.say("dora", KEY, on="second", label="asked")
    await made.wait(timedelta(minutes=1))
    assert len(made.cards("second")) == 1
    await made.say("dora", f"thanks, the {SECRET_WORD} gateway works again", on="second")
    await made.say("carl", f"@vigilbot where does the {SECRET_WORD} log go?", on="third")
    await made.wait(timedelta(days=2))
    [row] = await made.parts.ledger.entries.list_current()
    return str(row["entry"])


async def rows(made: World, sql: str) -> list[Row]:
    return await made.parts.ledger.fetch(sql)


async def counts(made: World) -> dict[str, int]:
    tables = (
        "messages",
        "oncalls",
        "questions",
        "runs",
        "answers",
        "deliveries",
        "support",
        "knowledge",
        "audit",
    )
    return {t: (await rows(made, f"SELECT count(*) AS n FROM {t}"))[0]["n"] for t in tables}


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{LEDGER}*")))


async def test_after_its_time_no_byte_of_what_was_written_is_left(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await lived(made)
        assert await a_round(made) == 0
        assert SECRET_WORD.encode() in everything(tmp_path)
        before = await counts(made)
        outcomes = await rows(made, "SELECT id, result, outcome, features, leaned FROM answers ORDER BY id")
        known = await rows(made, "SELECT * FROM knowledge")
        support = await rows(made, "SELECT * FROM support")
        await made.wait(AGE)
        assert await a_round(made) == 3
        assert SECRET_WORD.encode() not in everything(tmp_path)
        assert await rows(made, "SELECT 1 FROM messages WHERE text != ''") == []
        assert await rows(made, "SELECT 1 FROM questions WHERE text != '' OR vector IS NOT NULL") == []
        assert await rows(made, "SELECT 1 FROM answers WHERE passages != '[]'") == []
        assert await counts(made) == before
        again = await rows(made, "SELECT id, result, outcome, features, leaned FROM answers ORDER BY id")
        assert again == outcomes
        assert await rows(made, "SELECT * FROM knowledge") == known
        assert await rows(made, "SELECT * FROM support") == support
        await made.say("carl", KEY, on="fourth")
        await made.wait(timedelta(minutes=1))
        assert "gatectl rotate" in made.cards("fourth")[0].card.body
        assert entry in [row["entry"] for row in known]


async def test_what_is_young_or_open_is_not_touched(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await lived(made)
        await made.wait(AGE - timedelta(days=4))
        assert await a_round(made) == 0
        await made.wait(timedelta(days=3))
        await made.say("carl", f"Where is the {SECRET_WORD} manual?", on="new")
        await made.wait(timedelta(hours=1))
        assert await a_round(made) == 3
        [row] = await rows(made, "SELECT text FROM messages WHERE text != ''")
        assert SECRET_WORD in row["text"]
        assert (
            await rows(made, "SELECT 1 FROM oncalls WHERE state = 'open' AND messages_gone IS NOT NULL") == []
        )


@pytest.mark.parametrize(
    ("waits", "sql"),
    [
        ("a lesson", "UPDATE oncalls SET learn_at = '2030-01-01T00:00:00.000000+00:00'"),
        ("a run", "UPDATE oncalls SET run_at = '2030-01-01T00:00:00.000000+00:00'"),
        ("a card to redraw", "UPDATE deliveries SET refresh_at = '2030-01-01T00:00:00.000000+00:00'"),
        ("a standing question", "UPDATE questions SET standing_at = '2030-01-01T00:00:00.000000+00:00'"),
    ],
)
async def test_an_on_call_with_work_that_waits_is_not_touched(tmp_path: Path, waits: str, sql: str) -> None:
    async with world(tmp_path) as made:
        await lived(made)
        made.clock.advance_to(made.clock.now() + AGE)
        await made.parts.ledger.write(Statement(f"{sql} WHERE true", {}))
        touched = await a_round(made)
        left = await rows(made, "SELECT 1 FROM messages WHERE text != '' AND deleted = 0")
        assert left, waits
        assert touched < 3


async def test_messages_and_traces_have_ages_of_their_own_and_none_keeps_all(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await lived(made)
        await made.wait(AGE)
        never = timedelta(0)
        assert await a_round(made, messages=never, traces=never) == 0
        made.clock.advance_to(made.clock.now() + EVERY)
        assert await a_round(made, messages=never, traces=AGE) == 3
        assert len(await rows(made, "SELECT 1 FROM messages WHERE text != ''")) > 3
        traces = [json.loads(row["trace"]) for row in await rows(made, "SELECT trace FROM runs")]
        assert all(trace["not_kept"] and trace["timings_ms"] for trace in traces)
        made.clock.advance_to(made.clock.now() + EVERY)
        assert await a_round(made, messages=AGE, traces=never) == 3
        assert await rows(made, "SELECT 1 FROM messages WHERE text != ''") == []


async def test_a_round_comes_once_a_day_and_says_what_it_removed(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await lived(made)
        await made.wait(AGE)
        assert await a_round(made) == 3
        [row] = await rows(made, "SELECT * FROM upkeep")
        removed = Counter[str](json.loads(row["removed"]))
        assert removed["messages"] == (await counts(made))["messages"]
        assert removed["questions"] >= 2
        assert (row["ran_at"] is not None, row["going"]) == (True, 0)
        words = told(await rows(made, RETENTION))
        assert words.startswith(f"ran {made.clock.now():%Y-%m-%d %H:%M} UTC, removed: ")
        assert f"{removed['messages']} messages" in words
        await made.parts.ledger.write(Statement("UPDATE oncalls SET messages_gone = NULL", {}))
        await made.wait(EVERY - timedelta(minutes=1))
        assert await a_round(made) == 0
        await made.wait(timedelta(minutes=2))
        assert await a_round(made) == 3


async def test_whoever_deletes_a_message_later_still_takes_back_what_it_taught(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        entry = await lived(made)
        await made.wait(AGE)
        await a_round(made)
        edited = made.about("fix", EventKind.EDITED, "ann", text=f"FIX: {SECRET_WORD}")
        await made.life.event(edited)
        await made.wait(MINUTES)
        row = await made.parts.ledger.entries.entry(entry)
        assert row is not None
        assert not row["retracted"], "an edit after so long says nothing"
        assert await rows(made, "SELECT 1 FROM messages WHERE text != ''") == [], "and is not kept"
        await made.life.event(made.about("fix", EventKind.DELETED, "ann"))
        await made.wait(MINUTES)
        row = await made.parts.ledger.entries.entry(entry)
        assert row is not None
        assert row["retracted"]


async def test_an_old_card_stands_as_it_was_and_says_so_when_clicked(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await lived(made)
        text = made.cards("second")[0].card.body
        await made.wait(AGE)
        await a_round(made)
        reply = await made.click("accept", "ann", on="second")
        assert not reply.taken
        assert "too long ago" in reply.text
        support = await rows(made, "SELECT 1 FROM support WHERE question = ''")
        assert support == []
        await made.parts.ledger.write(
            Statement("UPDATE deliveries SET refresh_at = '2026-01-01T00:00:00.000000+00:00'", {})
        )
        await made.wait(MINUTES)
        card = made.cards("second")[0].card
        assert card.body == text
        assert not card.superseded, "nobody deleted the question"
        reply = await made.click("withdraw", "ann", on="second")
        assert reply.taken


class Refusing:
    """A ledger of which the log cannot be emptied for a while."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.refuses = 1
        self.asked: list[bool] = []

    async def fetch(self, sql: str, **args: object) -> list[Row]:
        return await self.database.fetch(sql, **args)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        return await self.database.write(*statements)

    async def scrub(self, *, anew: bool = True) -> None:
        self.asked.append(anew)
        self.refuses -= 1
        if self.refuses >= 0:
            raise LedgerError("the log is in use, as the test asked")
        await self.database.scrub(anew=anew)

    async def close(self) -> None:
        await self.database.close()


async def test_what_could_not_be_overwritten_is_tried_again(tmp_path: Path) -> None:
    heard: list[Refusing] = []

    def wrap(database: Database) -> Database:
        heard.append(Refusing(database))
        return heard[-1]

    async with world(tmp_path, wrap) as made:
        await lived(made)
        await made.wait(AGE)
        assert await a_round(made) == 3
        assert await rows(made, "SELECT 1 FROM upkeep WHERE ran_at IS NOT NULL") == []
        await a_round(made)
        assert heard[0].asked == [True], "in an hour, not at once"
        await made.wait(timedelta(hours=2))
        await a_round(made)
        assert heard[0].asked == [True, True]
        assert SECRET_WORD.encode() not in everything(tmp_path)
        [row] = await rows(made, "SELECT * FROM upkeep")
        assert json.loads(row["removed"])["messages"], "what was removed before is told, too"


async def test_later_rounds_overwrite_without_writing_the_ledger_anew(tmp_path: Path) -> None:
    heard: list[Refusing] = []

    def wrap(database: Database) -> Database:
        heard.append(Refusing(database))
        heard[-1].refuses = 0
        return heard[-1]

    async with world(tmp_path, wrap) as made:
        await a_round(made)
        await lived(made)
        await made.say("carl", f"{SECRET_WORD} " * 3000, on="long")  # it needs more than one page
        await made.wait(AGE + timedelta(days=2))
        assert await a_round(made) == 4
        assert heard[0].asked == [False]
        assert SECRET_WORD.encode() not in everything(tmp_path)
    with sqlite3.connect(tmp_path / LEDGER) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
