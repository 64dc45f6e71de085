"""The doctor's checks on real files: each failure is named, mended by its remedy, and stops no other."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from vigilbot.doctor import Check, Premises, Status, examine
from vigilbot.domain import Dialogue, Identification, Message, Scope
from vigilbot.errors import BadSettings
from vigilbot.ports import Embedder, Engine, Vector
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.inspection import inspect_ledger, read_vectors
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase
from vigilbot.testing import HashEmbedder, ScriptedEngine

NEWEST = max(migration.number for migration in bundled())
OK, WARNING, FAILED = Status.OK, Status.WARNING, Status.FAILED


def premises(folder: Path, **changes: object) -> Premises:
    async def embedder() -> Embedder:
        return HashEmbedder()

    ledger = folder / "ledger.db"
    made = Premises(
        prompts=None,
        data=folder,
        ledger=ledger,
        newest_schema=NEWEST,
        look=lambda: inspect_ledger(ledger, known=NEWEST),
        open_embedder=embedder,
        make_engine=lambda _: Judging(Scope.WITHIN),
        try_models=None,
        generation=None,
        environ={},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class Judging(ScriptedEngine):
    """An engine that judges everything alike."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._judged = scope

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        return Identification(scope=self._judged, within=0.75, out=0.25, none=0.0)


async def checks(made: Premises) -> dict[str, Check]:
    return {check.name: check async for check in examine(made)}


async def ledger(folder: Path, *statements: str) -> None:
    database = await SqliteDatabase.open(folder / "ledger.db", migrations=bundled(), durable=False)
    await database.close()
    with sqlite3.connect(folder / "ledger.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def entry(name: str, *, lexical: bool = True, vector: str = "", size: int = 256) -> list[str]:
    """SQL for one entry in force, with its lexical row and its vector of a model."""
    made = [
        "INSERT INTO knowledge (entry, revision, tenant, space, channel, kind, question, answer, citations,"
        " trust, learned_from, message_ids, operation, actor, reason, valid_from) VALUES"
        f" ('{name}', 1, 'T', 'public', '', 'qa', 'q', 'a', '[]', 'probation', '', '[]', '', '', '', '')"
    ]
    if lexical:
        made.append("INSERT INTO lexical (rowid, tokens) SELECT max(seq), 'q' FROM knowledge")
    if vector:
        blob = np.eye(1, size, dtype="<f4").tobytes().hex()
        made.append(
            "INSERT INTO embeddings (key, model, tenant, entry, revision, space, vector)"
            f" VALUES ('{name}', '{vector}', 'T', '{name}', 1, 'public', x'{blob}')"
        )
    return made


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


async def test_a_sound_installation(tmp_path: Path) -> None:
    await ledger(tmp_path, *entry("K1", vector="hash-256"))
    before = snapshot(tmp_path)
    found = await checks(premises(tmp_path))
    assert {name: check.status for name, check in found.items()} == dict.fromkeys(found, OK)
    assert list(found) == [
        "packages", "prompts", "data folder", "ledger", "embedding model", "vectors", "index", "engine",
        "language model", "documents", "retention", "network",
    ]  # fmt: skip
    assert "1 entries in force; nobody uses it" in found["ledger"].found
    assert "256 dimensions" in found["embedding model"].found
    assert "1 of 1" in found["vectors"].found
    assert snapshot(tmp_path) == before


async def test_a_fresh_machine_has_nothing_made_for_it(tmp_path: Path) -> None:
    found = await checks(premises(tmp_path / "data"))
    assert not [check for check in found.values() if check.status is not OK]
    assert "will be made" in found["data folder"].found
    assert snapshot(tmp_path) == {}


async def test_everything_is_checked_whatever_fails(tmp_path: Path) -> None:
    async def no_model() -> Embedder:
        raise BadSettings("no such model", place="embedder.path", remedy="Name a folder")

    (tmp_path / "prompts").mkdir()
    (tmp_path / "data").write_text("a file")
    (tmp_path / "ledger.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    found = await checks(
        premises(
            tmp_path,
            prompts=tmp_path / "prompts",
            data=tmp_path / "data",
            open_embedder=no_model,
            environ={"HTTPS_PROXY": "http://user:secret@proxy:1"},
        )
    )
    assert {name: check.status for name, check in found.items()} == {
        "packages": OK,
        "prompts": FAILED,
        "data folder": FAILED,
        "ledger": FAILED,
        "embedding model": FAILED,
        "vectors": WARNING,
        "index": OK,
        "engine": WARNING,
        "language model": OK,
        "documents": OK,
        "retention": OK,
        "network": WARNING,
    }
    assert all(check.remedy for check in found.values() if check.status is not OK)
    assert "embedder.path: no such model" in found["embedding model"].found
    assert found["embedding model"].remedy == "Name a folder"
    assert "HTTPS_PROXY" in found["network"].found
    assert "secret" not in found["network"].found
    assert not (tmp_path / "ledger.db.lock").exists()


async def test_what_nobody_foresaw_is_a_failed_check(tmp_path: Path) -> None:
    async def broken() -> Embedder:
        raise ModuleNotFoundError("No module named 'torch'")

    found = (await checks(premises(tmp_path, open_embedder=broken)))["embedding model"]
    assert (found.status, found.found) == (FAILED, "ModuleNotFoundError: No module named 'torch'")
    assert "make install" in found.remedy


async def test_a_damaged_ledger(tmp_path: Path) -> None:
    await ledger(tmp_path, *(sql for n in range(200) for sql in entry(f"K{n}", vector="hash-256")))
    with (tmp_path / "ledger.db").open("r+b") as file:
        file.seek(20 * 4096 + 100)
        file.write(b"\xff" * 40_000)
    before = snapshot(tmp_path)
    found = (await checks(premises(tmp_path)))["ledger"]
    assert found.status is FAILED
    assert "backup" in found.remedy
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(NEWEST + 1, FAILED, "newer VigilBot"), (0, WARNING, "next start brings it")],
)
async def test_a_ledger_of_another_version_is_left_alone(
    tmp_path: Path, number: int, status: Status, said: str
) -> None:
    await ledger(tmp_path, f"UPDATE migrations SET number = {number} WHERE number = {NEWEST}")
    before = snapshot(tmp_path)
    found = (await checks(premises(tmp_path)))["ledger"]
    assert (found.status, said in found.found) == (status, True)
    assert found.remedy
    assert snapshot(tmp_path) == before


async def test_a_database_that_is_no_ledger(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE other (x)")
    connection.close()
    found = (await checks(premises(tmp_path)))["ledger"]
    assert (found.status, "not a ledger" in found.found) == (FAILED, True)


async def test_beside_a_running_bot(tmp_path: Path) -> None:
    running = await SqliteDatabase.open(tmp_path / "ledger.db", migrations=bundled(), durable=False)
    try:
        found = await checks(premises(tmp_path, generation=unasked))
        assert found["ledger"].status is OK
        assert f"in use by process {os.getpid()}" in found["ledger"].found
        assert "running bot" in found["index"].found
    finally:
        await running.close()
    found = await checks(premises(tmp_path))
    assert "nobody uses it" in found["ledger"].found


async def unasked(model: str) -> str:
    raise AssertionError("the files of a running bot's index are its own")


async def test_committed_but_not_checkpointed_is_seen(tmp_path: Path) -> None:
    """As after a crash: the write-ahead log holds what the file does not."""
    await ledger(tmp_path)
    connection = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    for sql in entry("K1", vector="hash-256"):
        connection.execute(sql)
    assert "1 entries in force" in (await checks(premises(tmp_path)))["ledger"].found
    assert [key for key, *_ in read_vectors(tmp_path / "ledger.db", model="hash-256")] == ["K1"]
    connection.close()


@pytest.mark.parametrize(
    ("rows", "name", "status", "said"),
    [
        (entry("K1", vector="hash-256", lexical=False), "ledger", WARNING, "lexical index has 0"),
        (entry("K1"), "vectors", WARNING, "0 of 1"),
        (entry("K1", vector="another"), "vectors", WARNING, "also has vectors of another"),
        (entry("K1", vector="hash-256", size=64), "vectors", FAILED, "64 dimensions, the model gives 256"),
    ],
)
async def test_knowledge_out_of_step(
    tmp_path: Path, rows: list[str], name: str, status: Status, said: str
) -> None:
    await ledger(tmp_path, *rows)
    found = (await checks(premises(tmp_path)))[name]
    assert (found.status, said in found.found) == (status, True), found
    assert "vigilbot kb reindex" in found.remedy


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("sound", OK, "hold just the ledger's vectors"),
        ("", OK, "none on disk"),
        ("it holds other vectors than the ledger", WARNING, "thrown away"),
    ],
)
async def test_the_indexs_files(tmp_path: Path, state: str, status: Status, said: str) -> None:
    async def generation(model: str) -> str:
        assert model == "hash-256"
        return state

    await ledger(tmp_path)
    found = (await checks(premises(tmp_path, generation=generation)))["index"]
    assert (found.status, said in found.found) == (status, True)


async def test_an_engine_that_misses_a_plain_question(tmp_path: Path) -> None:
    def engine(_: Embedder) -> Engine:
        return Judging(Scope.NONE)

    found = (await checks(premises(tmp_path, make_engine=engine)))["engine"]
    assert found.status is WARNING
    assert "was judged none" in found.found
    assert "identify.threshold" in found.remedy


async def test_a_model_that_gives_no_unit_vectors(tmp_path: Path) -> None:
    class Loud(HashEmbedder):
        async def embed(self, texts: Sequence[str]) -> Vector:
            return await super().embed(texts) * 2

    async def loud() -> Embedder:
        return Loud()

    found = await checks(premises(tmp_path, open_embedder=loud))
    assert found["embedding model"].status is FAILED
    assert found["engine"].status is WARNING


async def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigilbot.doctor.LEAST_FREE", 10**18)
    found = (await checks(premises(tmp_path)))["data folder"]
    assert (found.status, "Make room" in found.remedy) == (WARNING, True)


def test_names_of_the_environment_are_matched_in_both_cases(tmp_path: Path) -> None:
    environments: Sequence[Mapping[str, str]] = ({"https_proxy": "x"}, {"ALL_PROXY": "x"}, {"HTTP_PROXY": ""})
    expected = [WARNING, WARNING, OK]
    assert [_network(tmp_path, environ) for environ in environments] == expected


def _network(folder: Path, environ: Mapping[str, str]) -> Status:
    import asyncio

    return asyncio.run(checks(premises(folder, environ=environ)))["network"].status


async def test_a_generation_on_disk(tmp_path: Path) -> None:
    """What the command asks for the index's files, with files that no Chroma made."""
    from vigilbot.stores.generation import generation_state

    index = tmp_path / "index"
    content = await ExactIndex().digest()
    assert generation_state(index, content=content) == ""
    (index / "generation-1").mkdir(parents=True)
    assert "did not close" in generation_state(index, content=content)
    (index / "clean.json").write_text('{"content": "older"}')
    assert "other vectors" in generation_state(index, content=content)
    (index / "clean.json").write_text(f'{{"content": "{content}", "generation": "generation-1"}}')
    assert "another version" in generation_state(index, content=content)


@dataclass(frozen=True, kw_only=True)
class Tried:
    model: str
    error: str = ""
    ms: float = 812.0
    tokens: int = 25
    cost: float | None = None


@pytest.mark.parametrize(
    ("tried", "status", "found"),
    [
        ([Tried(model="a", cost=0.00001)], OK, "a answered in 812 ms (25 tokens, $0.000010)"),
        ([Tried(model="a"), Tried(model="b", error="b: no key")], WARNING, "price unknown); b: no key"),
        (
            [Tried(model="a", error="a: no key"), Tried(model="b", error="b: gone")],
            FAILED,
            "a: no key; b: gone",
        ),
    ],
)
async def test_each_model_is_tried(tried: list[Tried], status: Status, found: str, tmp_path: Path) -> None:
    async def models() -> list[Tried]:
        return tried

    made = await checks(premises(tmp_path, try_models=models))
    assert made["language model"].status is status
    assert found in made["language model"].found
    assert "stands in while no model answers: " in made["engine"].found
