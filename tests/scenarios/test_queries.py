"""Every query of a whole life has an index: what is fast at ten on-calls is fast at a hundred thousand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from vigilbot.domain import EventKind
from vigilbot.ports import Database, Row, Statement
from vigilbot.settings import load
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, ScriptedEngine, World

QUESTION = "How do I rotate the signing key of the gateway?"
SMALL = {"json_each", "channels", "migrations", "audit", "model_calls", "roster"}
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_TABLE = re.compile(r"(?:FROM|JOIN|UPDATE|INTO) (\w+)(?: (?:AS )?(\w))?\b")
STARTUP = ("FROM knowledge k LEFT JOIN embeddings", "FROM embeddings WHERE model = :model ORDER BY key")
PARTIAL = {
    "oncalls_run", "oncalls_learn", "oncalls_close", "oncalls_leased", "inbox_due", "feedback_owed",
    "questions_standing", "deliveries_due", "corrections_owed", "corrections_due",
}  # fmt: skip
"""Indexes of what is owed now: short, so that reading all of one costs nothing."""


@dataclass(slots=True)
class Listening:
    """A database that remembers what it was asked."""

    database: Database
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def fetch(self, sql: str, **args: Any) -> list[Row]:
        self.asked[sql] = args
        return await self.database.fetch(sql, **args)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        self.asked |= {s.sql: dict(s.args) for s in statements if not s.sql.startswith("INSERT")}
        return await self.database.write(*statements)

    async def scrub(self, *, anew: bool = True) -> None:
        await self.database.scrub(anew=anew)

    async def close(self) -> None:
        await self.database.close()


async def live(world: World) -> None:
    """Asked, learned, waiting elsewhere, answered, accepted, edited, deleted, reviewed, held, closed."""
    await world.say("emil", QUESTION, on="waiting")
    await world.say("carl", QUESTION, on="taught", label="asked")
    await world.say("ann", "I'm on it", on="taught")
    await world.wait(timedelta(minutes=5))
    await world.say("ann", "FIX: run gatectl rotate", on="taught", label="fix")
    await world.wait(timedelta(minutes=5))
    await world.say("dora", QUESTION, on="accepted")
    await world.wait(timedelta(minutes=5))
    await world.click("accept", "dora", on="accepted")
    await world.say("ann", "NO: not for you", on="waiting")
    await world.wait(timedelta(hours=1))
    for label, kind in (("asked", EventKind.EDITED), ("fix", EventKind.EDITED), ("fix", EventKind.DELETED)):
        await world.life.event(world.about(label, kind, "ann", text="something else?"))
    await world.life.event(world.about("asked", EventKind.REACTION_ADDED, "ann", reaction="eyes"))
    await world.wait(timedelta(days=1))


async def test_no_query_of_the_flow_reads_a_whole_table(tmp_path: Path) -> None:
    heard: list[Listening] = []

    def listen(database: Database) -> Database:
        heard.append(Listening(database))
        return heard[-1]

    world = World(
        settings=load(options={"retrieval.index": "exact", "oncall.grace": "0s", "learn.delay": "1m"}),
        folder=tmp_path,
        embedder=HashEmbedder(),
        engine=DirectedEngine(ScriptedEngine()),
        people={
            "ann": Person(name="ann", title="Support Engineer"),
            **{name: Person(name=name) for name in ("carl", "dora", "emil")},
        },
        channels={"help": Channel(name="help")},
        wrap=listen,
    )
    await world.start()
    await live(world)
    asked = dict(heard[0].asked)
    found = []
    for sql, args in asked.items():
        if any(part in sql for part in STARTUP) or "lexical" in sql:
            continue
        names = {alias or table: table for table, alias in _TABLE.findall(sql)}
        for row in await heard[0].database.fetch(f"EXPLAIN QUERY PLAN {sql}", **args):
            scan = _SCAN.match(row["detail"])
            table = names.get(scan[1]) if scan else None
            if scan and table and table not in SMALL and scan[2] not in PARTIAL:
                found.append(f"{row['detail']}: {sql}")
    await world.stop()
    assert len(asked) > 40
    assert not found, "\n".join(found)
