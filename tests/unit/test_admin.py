"""Knowledge administration over real ledgers, with the hash embedder."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vigilbot import admin
from vigilbot.admin.exchange import Imported, export_lines, import_lines
from vigilbot.admin.lines import read_lines
from vigilbot.admin.reindex import embed_owed, owed_vectors, rewrite_lexical
from vigilbot.domain import Citation, Extraction, PassageKind, Question, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.ledger import Ledger, Runs
from vigilbot.ports import Statement
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase
from vigilbot.testing import HashEmbedder

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STAMP = "2026-03-02T09:00:00.000000+00:00"
TENANT = "T1"
GOOD = '{"id": "N1", "question": "q", "answer": "a"}'


@dataclass(frozen=True, slots=True)
class Known:
    """A ledger with the knowledge object on it."""

    ledger: Ledger
    knowledge: Knowledge
    embedder: HashEmbedder
    clock: SimulatedClock

    async def learn(self, entry: str, question: str, answer: str, **origin: str) -> None:
        where = {"space": "public", "channel": "C1", "oncall": f"O-{entry}", "customer": "U1", **origin}
        self.clock.advance_to(self.clock.now() + timedelta(minutes=1))
        done = await self.knowledge.learn(
            Extraction(
                question=question,
                answer=answer,
                message_ids=(f"m-{entry}",),
                citations=(Citation(url=f"https://docs.example.org/{entry}", title=entry),),
                confirmed=True,
                resolved_at=self.clock.now(),
            ),
            origin=Origin(tenant=TENANT, **where),
            entry_id=entry,
        )
        assert done.new

    async def support(self, entry: str, kind: SupportKind, oncall: str, question: str) -> None:
        found = await self.knowledge.get(entry)
        assert found is not None
        origin = Origin(tenant=TENANT, space="public", channel="C2", oncall=oncall, customer="U2")
        await self.knowledge.support(found, origin=origin, kind=kind, question=question)

    async def found(self, question: str, *spaces: str) -> list[str]:
        [vector] = await self.embedder.embed([question])
        passages, _ = await self.knowledge.searching.candidates(
            Question(text=question, message_ids=("m",)),
            vector,
            tenant=TENANT,
            spaces=spaces or ("public",),
            channel="C1",
            limit=10,
        )
        return [p.entry.id for p in passages]

    async def all_rows(self) -> dict[str, list[Any]]:
        tables = ("knowledge", "support", "embeddings", "lexical", "audit")
        return {
            table: await self.ledger.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables[:3]
        } | {
            table: await self.ledger.fetch(f"SELECT rowid, * FROM {table} ORDER BY 1") for table in tables[3:]
        }


@asynccontextmanager
async def knowing(folder: Path, *, dimensions: int = 256) -> AsyncIterator[Known]:
    ledger = Ledger(await SqliteDatabase.open(folder / "ledger.db", migrations=bundled(), durable=False))
    embedder, clock = HashEmbedder(dimensions=dimensions), SimulatedClock(BEGIN)
    knowledge = Knowledge(ledger=ledger, embedder=embedder, index=ExactIndex(), clock=clock, theta=0.7)
    await knowledge.load()
    try:
        yield Known(ledger, knowledge, embedder, clock)
    finally:
        await ledger.close()


@pytest.fixture
async def known(tmp_path: Path) -> AsyncIterator[Known]:
    """Three entries: K1 with a supporter and an opponent, K2 of a private space, K3 of another channel."""
    async with knowing(tmp_path / "data") as made:
        values = {"external": 0, "private": 0, "space": "public"}
        await made.ledger.write(
            Runs.put("channels", tenant=TENANT, channel="C1", name="support", **values),
            Runs.put("channels", tenant=TENANT, channel="C2", name="billing", **values),
        )
        await made.learn("K1", "How do I reset a password?", "Open Users and choose Reset.")
        await made.learn("K2", "Export stops with ERR-42", "Raise the timeout.", space="channel:C9")
        await made.learn("K3", "Where are invoices kept?", "Under Billing, Documents.", channel="C2")
        await made.support("K1", SupportKind.AGREED, "O-7", "lost my passphrase, what now")
        await made.support("K1", SupportKind.CONTRADICTED, "O-8", "reset does nothing")
        yield made


def ids(page: admin.Page) -> list[str]:
    return [each.entry.id for each in page.entries]


# -- list and show


async def test_list_says_where_and_how_well_supported(known: Known) -> None:
    page = await admin.list_entries(known.ledger)
    assert (ids(page), page.total) == (["K1", "K2", "K3"], 3)
    first = page.entries[0]
    assert (first.support, first.against, first.channel_name, first.tenant) == (2, 1, "support", TENANT)


async def test_list_is_paged(known: Known) -> None:
    page = await admin.list_entries(known.ledger, limit=2, offset=2)
    assert (ids(page), page.total, page.offset) == (["K3"], 3, 2)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"channel": "billing"}, ["K3"]),
        ({"channel": "#billing"}, ["K3"]),
        ({"channel": "C2"}, ["K3"]),
        ({"space": "channel:C9"}, ["K2"]),
        ({"trust": Trust.VERIFIED}, []),
        ({"trust": Trust.PROBATION, "channel": "C1"}, ["K1", "K2"]),
        ({"kind": PassageKind.CHUNK}, []),
        ({"kind": PassageKind.QA}, ["K1", "K2", "K3"]),
        ({"retracted": True}, []),
        ({"channel": "' OR 1=1 --"}, []),
    ],
)
async def test_list_filters(known: Known, filters: dict[str, Any], expected: list[str]) -> None:
    page = await admin.list_entries(known.ledger, **filters)
    assert ids(page) == expected
    assert page.total == len(expected)


async def lean_on(known: Known, entry: str, revision: int) -> None:
    """One answer in the ledger that rests on a revision, sent and accepted."""
    here = {"tenant": TENANT, "oncall": "O1"}
    oncall = {"tenant": TENANT, "channel": "C1", "thread": "1", "opened_at": STAMP, "last_at": STAMP}
    run = {"purpose": "customer", "through": STAMP, "triggers": "[]", "scope": "within", "within": 0.9}
    decided = {"at": STAMP, "result": "decided", "mode": "everyone"}
    asked = {"text": "forgot my password", "message_ids": "[]", "asker": "U5", "asked_at": STAMP}
    said = {"text": "Open Users.", "leaned": json.dumps({entry: revision}), "outcome": "verified"}
    empty = {"features": "{}", "passages": "[]", "citations": "[]", "reason": ""}
    card = {"audience": "everyone", "state": "sent", "due_at": STAMP, "stale_at": STAMP}
    put = Runs.put
    await known.ledger.write(
        put("oncalls", id="O1", state="open", **oncall),
        put("runs", id="R1", trace="{}", **here, **run, **decided),
        put("questions", id="Q1", run="R1", space="public", state="answered", **here, **asked),
        put(
            "answers",
            id="A1",
            run="R1",
            question="Q1",
            audience="everyone",
            would_post=1,
            confidence=0.83,
            **here,
            **decided,
            **said,
            **empty,
        ),
        put("deliveries", key="D1", answer="A1", **here, **card),
    )


async def test_show_tells_the_whole_life(known: Known) -> None:
    await lean_on(known, "K1", 1)
    now = known.clock.now()
    await admin.retract(known.knowledge, known.ledger, "K1", actor="ann", reason="wrong since 2.0", at=now)
    life = await admin.show_entry(known.ledger, "K1")
    assert life.now.retracted
    assert [(r.revision, r.operation, r.actor, r.reason) for r in life.revisions] == [
        (1, "learn", "vigilbot", "a human's resolution"),
        (2, "retract", "ann", "wrong since 2.0"),
    ]
    assert life.revisions[0].until == life.revisions[1].at == now
    assert [(s.kind, s.oncall, s.channel_name, s.customer) for s in life.supports] == [
        (SupportKind.LEARNED, "O-K1", "support", "U1"),
        (SupportKind.AGREED, "O-7", "billing", "U2"),
        (SupportKind.CONTRADICTED, "O-8", "billing", "U2"),
    ]
    [answer] = life.answers
    assert (answer.revision, answer.confidence, answer.delivery, answer.outcome) == (
        1,
        0.83,
        "sent",
        "verified",
    )
    assert (answer.question, answer.channel_name) == ("forgot my password", "support")


async def test_show_of_an_unknown_entry(known: Known) -> None:
    with pytest.raises(BadInput, match="no such entry") as caught:
        await admin.show_entry(known.ledger, "K9")
    assert caught.value.place == "K9"
    assert "kb list" in caught.value.remedy


# -- retract and undo


async def test_retract_ends_answering_and_is_audited(known: Known) -> None:
    assert "K1" in await known.found("How do I reset a password?")
    await admin.retract(known.knowledge, known.ledger, "K1", actor="ann", reason="wrong", at=BEGIN)
    assert "K1" not in await known.found("How do I reset a password?")
    assert "K1" not in await known.found("lost my passphrase, what now")
    assert ids(await admin.list_entries(known.ledger)) == ["K2", "K3"]
    assert ids(await admin.list_entries(known.ledger, retracted=True)) == ["K1"]
    [row] = await known.ledger.fetch("SELECT * FROM audit")
    assert (row["actor"], row["action"], row["subject"], row["detail"]) == ("ann", "retract", "K1", "wrong")


@pytest.mark.parametrize(
    ("entry", "reason", "problem"),
    [
        ("K9", "wrong", "no such entry"),
        ("K2", " \n", "reason is missing"),
        ("K1", "again", "retracted already"),
    ],
)
async def test_retract_refuses(known: Known, entry: str, reason: str, problem: str) -> None:
    await admin.retract(known.knowledge, known.ledger, "K1", actor="ann", reason="wrong", at=BEGIN)
    before = await known.all_rows()
    with pytest.raises(BadInput, match=problem):
        await admin.retract(known.knowledge, known.ledger, entry, actor="ann", reason=reason, at=BEGIN)
    assert await known.all_rows() == before


async def test_undo_brings_a_retracted_entry_back_with_all_its_wordings(known: Known) -> None:
    await admin.retract(known.knowledge, known.ledger, "K1", actor="ann", reason="wrong", at=BEGIN)
    assert await admin.undo(known.knowledge, known.ledger, "K1", actor="bob", at=BEGIN) == "retract"
    assert await owed_vectors(known.ledger, model=known.embedder.model, everything=False) == ()
    assert (await known.found("lost my passphrase, what now"))[0] == "K1"
    rows = await known.ledger.fetch("SELECT actor, action, detail FROM audit ORDER BY id")
    assert (rows[1]["actor"], rows[1]["action"], rows[1]["detail"]) == ("bob", "undo", "retract (revision 2)")
    assert (await admin.show_entry(known.ledger, "K1")).revisions[-1].actor == "bob"


async def test_undo_of_learning_retracts_and_undo_of_undo_does_it_again(known: Known) -> None:
    assert await admin.undo(known.knowledge, known.ledger, "K3", actor="ann", at=BEGIN) == "learn"
    assert (await admin.show_entry(known.ledger, "K3")).now.retracted
    await admin.undo(known.knowledge, known.ledger, "K3", actor="ann", at=BEGIN)
    assert not (await admin.show_entry(known.ledger, "K3")).now.retracted
    with pytest.raises(BadInput, match="no such entry"):
        await admin.undo(known.knowledge, known.ledger, "K9", actor="ann", at=BEGIN)


# -- reindex


async def test_another_model_is_owed_every_entry_and_wording(known: Known) -> None:
    model = known.embedder.model
    assert await owed_vectors(known.ledger, model=model, everything=False) == ()
    owed = await owed_vectors(known.ledger, model="another", everything=False)
    assert [each.key for each in owed] == ["K1", "K1#O-7", "K2", "K3"]
    assert owed == await owed_vectors(known.ledger, model=model, everything=True)


async def test_reindex_gives_the_same_vectors_as_learning(known: Known) -> None:
    query = "SELECT key, model, tenant, entry, space, vector FROM embeddings ORDER BY key"
    before = await known.ledger.fetch(query)
    await known.ledger.write(Statement("DELETE FROM embeddings", {}))
    owed = await owed_vectors(known.ledger, model=known.embedder.model, everything=False)
    steps: list[int] = []
    await embed_owed(known.ledger, known.embedder, owed, step=steps.append)
    assert await known.ledger.fetch(query) == before
    assert sum(steps) == len(owed) == 4
    assert await owed_vectors(known.ledger, model=known.embedder.model, everything=False) == ()


async def test_lexical_rows_are_written_anew(known: Known) -> None:
    before = await known.ledger.fetch("SELECT rowid, tokens FROM lexical ORDER BY rowid")
    await known.ledger.write(
        Statement("DELETE FROM lexical WHERE rowid = 1", {}),
        Statement("INSERT INTO lexical (rowid, tokens) VALUES (99, 'left over')", {}),
    )
    assert await rewrite_lexical(known.ledger) == 3
    assert await known.ledger.fetch("SELECT rowid, tokens FROM lexical ORDER BY rowid") == before


# -- export and import


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path


async def exported(known: Known, path: Path) -> Path:
    return write(path, *[line async for line in export_lines(known.ledger)])


async def imported(known: Known, path: Path, **changes: Any) -> Imported:
    options = {"actor": "ann", "at": BEGIN, "source": path.name, "tenant": None, "space": "public", **changes}
    return await import_lines(known.ledger, read_lines(path), **options)


HOSTILE = (
    "ERR-42 c++ foo:bar {id} {{x}} <!channel> \u202e \x07 '\"; DROP TABLE knowledge; 中文 \\n\nnext line"
)


async def test_export_and_import_keep_everything(known: Known, tmp_path: Path) -> None:
    await known.learn("K4", HOSTILE, f"Say {HOSTILE}")
    file = await exported(known, tmp_path / "kb.jsonl")
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["K1", "K2", "K3", "K4"]
    async with knowing(tmp_path / "other") as other:
        done = await imported(other, file)
        assert done.new == ("K1", "K2", "K3", "K4")
        assert done.support == 6
        again = [json.loads(line) async for line in export_lines(other.ledger)]
        for line, copy in zip(lines, again, strict=True):
            assert copy.pop("provenance")["operation"] == "import"
            origin = line.pop("provenance")
            assert origin["operation"] == "learn"
            assert copy == line
        await other.knowledge.load()
        assert (await other.found("How do I reset a password?"))[0] == "K1"
        life = await admin.show_entry(other.ledger, "K1")
        assert life.now.entry.learned_from == "O-K1"
        assert "learn by vigilbot" in life.revisions[0].reason


async def test_importing_twice_changes_nothing(known: Known, tmp_path: Path) -> None:
    file = await exported(known, tmp_path / "kb.jsonl")
    async with knowing(tmp_path / "other") as other:
        await imported(other, file)
        before = await other.all_rows()
        done = await imported(other, file)
        assert await other.all_rows() == before
        assert (done.changes, done.unchanged) == (False, ("K1", "K2", "K3"))
    done = await imported(known, file)
    assert not done.changes


async def test_an_import_brings_no_secrets_in(known: Known, tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLE"
    line = {
        "id": "K9",
        "question": f"What is {key}?",
        "answer": f"Set {key}.",
        "precondition": f"With {key}.",
    }
    support = {
        "oncall": "O9",
        "kind": "learned",
        "at": "2026-03-01T09:00:00Z",
        "question": f"{key}?",
    }
    origin = {"reason": f"told {key}"}
    told = json.dumps(line | {"tenant": "T1", "support": [support], "provenance": origin})
    file = write(tmp_path / "kb.jsonl", told)
    assert (await imported(known, file)).new == ("K9",)
    assert (await admin.show_entry(known.ledger, "K9")).now.entry.answer == "Set [REDACTED:aws-access-key]."
    assert key not in str(await known.all_rows())
    assert (await imported(known, file)).unchanged == ("K9",)


async def test_dry_run_says_the_same_and_changes_nothing(known: Known, tmp_path: Path) -> None:
    file = await exported(known, tmp_path / "kb.jsonl")
    async with knowing(tmp_path / "other") as other:
        before = await other.all_rows()
        planned = await imported(other, file, dry_run=True)
        assert await other.all_rows() == before
        assert planned == await imported(other, file)


async def test_what_a_line_leaves_out_stays_as_it_is(known: Known, tmp_path: Path) -> None:
    """Otherwise a private space's entry would become everybody's by silence."""
    file = write(tmp_path / "kb.jsonl", '{"id": "K2", "question": "ERR-42", "answer": "Upgrade."}')
    assert (await imported(known, file)).revised == ("K2",)
    found = (await admin.show_entry(known.ledger, "K2")).now.entry
    assert (found.space, found.channel, found.learned_from) == ("channel:C9", "C1", "O-K2")
    assert [c.url for c in found.citations] == ["https://docs.example.org/K2"]
    assert not (await imported(known, file)).changes


async def test_new_words_become_a_revision_and_lose_the_old_vectors(known: Known, tmp_path: Path) -> None:
    line = {"id": "K1", "question": "How is a passkey replaced?", "answer": "Ask your administrator."}
    file = write(tmp_path / "kb.jsonl", json.dumps(line))
    done = await imported(known, file)
    assert done.revised == ("K1",)
    life = await admin.show_entry(known.ledger, "K1")
    assert [r.operation for r in life.revisions] == ["learn", "import"]
    assert life.revisions[-1].reason == "import of kb.jsonl"
    owed = await owed_vectors(known.ledger, model=known.embedder.model, everything=False)
    assert [each.key for each in owed] == ["K1", "K1#O-7"]
    assert await known.ledger.entries.vectors(["K1"], model=known.embedder.model) == []


async def test_an_old_file_takes_nothing_back(known: Known, tmp_path: Path) -> None:
    file = await exported(known, tmp_path / "old.jsonl")
    entry = await known.knowledge.get("K2")
    assert entry is not None
    await known.knowledge.revise(
        entry,
        tenant=TENANT,
        question=entry.question,
        answer="Upgrade to 2.1.",
        precondition="",
        citations=entry.citations,
        message_ids=entry.message_ids,
        actor="review",
        reason="superseded",
    )
    await admin.retract(known.knowledge, known.ledger, "K3", actor="ann", reason="gone", at=BEGIN)
    before = await known.all_rows()
    done = await imported(known, file)
    assert (done.newer, done.retracted, done.unchanged) == (("K2",), ("K3",), ("K1",))
    assert await known.all_rows() == before


async def test_lines_without_a_tenant_take_the_only_one(known: Known, tmp_path: Path) -> None:
    file = tmp_path / "kb.jsonl"
    file.write_text(
        '{"id": "N1", "question": "Where is the status page?", "answer": "status.example.org"}\n\n'
    )
    await imported(known, file)
    assert (await admin.show_entry(known.ledger, "N1")).now.tenant == TENANT
    async with knowing(tmp_path / "empty") as empty:
        with pytest.raises(BadInput, match="tenant") as caught:
            await imported(empty, file)
        assert caught.value.place == f"{file}:1"
        assert (await imported(empty, file, tenant="T9", space="team")).new == ("N1",)
        found = (await admin.list_entries(empty.ledger)).entries[0]
        assert (found.tenant, found.entry.space, found.entry.trust) == ("T9", "team", Trust.PROBATION)


async def test_another_tenants_entry_is_never_touched(known: Known, tmp_path: Path) -> None:
    file = tmp_path / "kb.jsonl"
    write(file, GOOD, GOOD.replace("N1", "K1").replace("}", ', "tenant": "T2"}'))
    before = await known.all_rows()
    with pytest.raises(BadInput, match="another tenant") as caught:
        await imported(known, file)
    assert caught.value.place == f"{file}:2"
    assert await known.all_rows() == before


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ('{"id": "\\ud800", "question": "q", "answer": "a"}', "is not JSON"),
        ("[1]", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ('{"id": "N2", "question": "q"}', "field 'answer' is missing"),
        ({"anser": 1}, "unknown field 'anser'"),
        ({"question": 5}, "field 'question' should be a valid string"),
        ({"question": " "}, "field 'question'"),
        ({"answer": "a" * 200_001}, "field 'answer'"),
        ({"id": "a b"}, "field 'id'"),
        ({"id": "a#b"}, "field 'id'"),
        ({"revision": "1"}, "field 'revision' should be a valid integer"),
        ({"revision": 0}, "field 'revision'"),
        ({"trust": "total"}, "field 'trust'"),
        ({"kind": "tool"}, "field 'kind'"),
        ({"format": 2}, "another format than 1"),
        ({"expires_at": "2026-01-01T00:00:00"}, "field 'expires_at'"),
        ({"citations": [{"url": "javascript:x"}]}, "field 'citations.0.url'"),
        ({"citations": [{"link": "x"}]}, "unknown field 'citations.0.link'"),
        ({"support": [{"oncall": "O"}]}, "field 'support.0.kind' is missing"),
        (GOOD, "id 'N1' stands here a second time, first in line 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str | dict[str, Any], problem: str) -> None:
    if isinstance(line, dict):
        line = json.dumps({"id": "N2", "question": "q", "answer": "a", **line})
    file = write(tmp_path / "kb.jsonl", GOOD, "", line, "{")
    with pytest.raises(BadInput) as caught:
        read_lines(file)
    assert problem in caught.value.problem
    assert len(str(caught.value)) < 500
    assert caught.value.place == f"{file}:3"
    assert caught.value.remedy


def test_files_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "kb.jsonl"
    file.write_bytes(GOOD.encode() + b"\n\xff\xfe\n")
    with pytest.raises(BadInput, match="not UTF-8") as caught:
        read_lines(file)
    assert caught.value.place == f"{file}:2"
    with pytest.raises(BadInput, match="cannot be read"):
        read_lines(tmp_path / "missing.jsonl")
    with pytest.raises(BadInput, match="cannot be read"):
        read_lines(tmp_path)
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert [placed.line.id for placed in read_lines(file)] == ["N1"]
    file.write_bytes(b"[" * 100_000)
    with pytest.raises(BadInput, match="not JSON"):
        read_lines(file)
