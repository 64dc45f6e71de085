"""``vigilbot kb`` on real ledgers, as an operator calls it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.admin.lines import Line
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase

LINES = (
    {
        "id": "K1",
        "tenant": "T1",
        "question": "How do I reset the password of another user?",
        "answer": "Open Admin, Users and choose Reset password.",
        "citations": [{"url": "https://docs.example.org/reset", "title": "Resetting"}],
        "trust": "verified",
    },
    {"id": "K2", "tenant": "T1", "question": "The export stops with ERR-42", "answer": "Raise the timeout."},
    {
        "id": "K3",
        "tenant": "T1",
        "space": "channel:C9",
        "question": "[bold]Where[/bold] is \x1b[31mthe invoice\u202e?",
        "answer": "Under Billing {id}.",
    },
)


class Installation:
    """A configuration, a data folder, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "vigilbot.yaml"
        self.config.write_text(
            f"data: {{dir: '{self.data}'}}\nembedder: {{model: hash}}\nretrieval: {{index: exact}}\n"
        )
        self.file = self.lines("kb.jsonl", LINES)

    def lines(self, name: str, lines: Sequence[dict[str, Any]]) -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        return path

    def __call__(self, *args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(root, [*args, "--config", str(self.config)])
        assert result.exit_code == exit_code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "--json").stdout)

    def ledger(self) -> bytes:
        return (self.data / "ledger.db").read_bytes()


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("COLUMNS", "120")
    return Installation(tmp_path)


@pytest.fixture
def full(bot: Installation) -> Installation:
    assert "Imported 3 new" in bot("kb", "import", str(bot.file)).stdout
    return bot


def test_list_pages_and_filters(full: Installation) -> None:
    first = full("kb", "list", "--limit", "2").stdout
    assert "K1" in first
    assert "K3" not in first
    assert "1 to 2 of 3; next: --page 2" in first
    second = full("kb", "list", "--limit", "2", "--page", "2").stdout
    assert "K3" in second
    assert "3 to 3 of 3" in second
    assert "there are 3" in full("kb", "list", "--page", "9").stdout
    found = full.json("kb", "list", "--trust", "verified")
    assert [each["id"] for each in found["entries"]] == ["K1"]
    assert (found["total"], found["entries"][0]["citations"][0]["title"]) == (1, "Resetting")


def test_texts_of_people_are_text(full: Installation) -> None:
    shown = full("kb", "list").stdout + full("kb", "show", "K3").stdout
    assert "[bold]Where[/bold]" in shown
    assert "{id}" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    raw = full("kb", "list", "--json").stdout
    assert raw.isascii()
    assert json.loads(raw)["entries"][2]["question"] == LINES[2]["question"]


def test_show_tells_a_life(full: Installation) -> None:
    full("kb", "retract", "K2", "--reason", "wrong since 2.0", "--actor", "ann")
    shown = full("kb", "show", "K2").stdout
    for part in ("retract by ann", "wrong since 2.0", "Raise the timeout.", "retracted"):
        assert part in shown
    life = full.json("kb", "show", "K2")
    assert [each["operation"] for each in life["revisions"]] == ["import", "retract"]
    assert life["retracted"]


def test_retract_and_undo(full: Installation) -> None:
    def first() -> list[str]:
        return [each["id"] for each in full.json("kb", "search", "export stops with ERR-42")["passages"]][:1]

    assert first() == ["K2"]
    full("kb", "retract", "K2", "--reason", "wrong")
    assert first() != ["K2"]
    assert [each["id"] for each in full.json("kb", "list", "--retracted")["entries"]] == ["K2"]
    assert "Took back: retract of K2" in full("kb", "undo", "K2").stdout
    assert first() == ["K2"]


def test_search_ranks_as_the_bot_does(full: Installation) -> None:
    found = full.json("kb", "search", "How can I reset the password of another user?")
    assert found["passages"][0]["id"] == "K1"
    assert found["candidates"] == 3
    assert found["passages"][0]["score"] > found["passages"][1]["score"]
    fields = {"refused", "text", "confidence", "post_threshold", "reason", "leans_on"}
    assert set(found["answer"]) == fields
    assert len(full.json("kb", "search", "reset the password", "--limit", "1")["passages"]) == 1
    spaces = full.json("kb", "search", "Where is the invoice?", "--space", "public")
    assert {each["id"] for each in spaces["passages"]} == {"K1", "K2"}
    assert "K1" in full("kb", "search", "reset the password of another user").stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("search", "x", "--channel", "nowhere"), "nowhere: no such channel"),
        (("search", "x", "--space", "nowhere"), "nowhere: no entry was ever in this space"),
        (("search", "  "), "the question is empty"),
        (("show", "K9"), "K9: no such entry"),
        (("undo", "K9"), "K9: no such entry"),
        (("retract", "K9", "--reason", "x"), "K9: no such entry"),
        (("retract", "K1", "--reason", " "), "a reason is missing"),
        (("show", "K\x1b[31m\n9"), "K[31m 9: no such entry"),
    ],
)
def test_what_cannot_be_done_is_one_line(full: Installation, args: tuple[str, ...], said: str) -> None:
    before = full.ledger()
    result = full("kb", *args, exit_code=2)
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("vigilbot: ")
    assert said in result.stderr
    assert result.stdout == ""
    assert full.ledger() == before


def test_a_reason_is_asked_for(full: Installation) -> None:
    assert "--reason" in full("kb", "retract", "K1", exit_code=2).stderr


def test_no_ledger_is_made_by_looking(bot: Installation) -> None:
    for args in (("list",), ("show", "K1"), ("export",), ("reindex",), ("search", "x")):
        assert "there is no ledger" in bot("kb", *args, exit_code=2).stderr
    bot("kb", "import", str(bot.file), "--dry-run")
    no_tenant = bot.lines("no-tenant.jsonl", [{"id": "N", "question": "q", "answer": "a"}])
    assert (
        f"{no_tenant}:1: field 'tenant' is missing" in bot("kb", "import", str(no_tenant), exit_code=2).stderr
    )
    assert not bot.data.exists()


def test_import_says_what_it_did_and_does_it_once(full: Installation) -> None:
    before = full.ledger()
    assert "Imported 0 new and 0 revised entries" in full("kb", "import", str(full.file)).stdout
    changed = full.lines("changed.jsonl", [{**LINES[0], "answer": "Ask an administrator."}])
    planned = full.json("kb", "import", str(changed), "--dry-run")
    assert (planned["revised"], planned["dry_run"]) == (["K1"], True)
    assert full.ledger() == before
    assert "1 revised" in full("kb", "import", str(changed)).stdout
    assert (
        full.json("kb", "search", "Ask an administrator")["passages"][0]["answer"] == "Ask an administrator."
    )
    assert "later than the file's: K1" in full("kb", "import", str(full.file)).stdout


def test_import_of_a_bad_file_changes_nothing(full: Installation) -> None:
    before = full.ledger()
    bad = full.lines("bad.jsonl", [{**LINES[0], "id": "N1"}, {"id": "N2", "question": "q"}])
    result = full("kb", "import", str(bad), exit_code=2)
    assert result.stderr.startswith(f"vigilbot: {bad}:2: field 'answer' is missing. ")
    assert full.ledger() == before


def test_export_to_a_file_and_to_standard_output(full: Installation, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert "Wrote 3 entries" in full("kb", "export", str(out)).stdout
    assert full("kb", "export").stdout == out.read_text("utf-8")
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(line["id"], line["question"]) for line in lines] == [(x["id"], x["question"]) for x in LINES]
    assert "cannot be written" in full("kb", "export", str(tmp_path), exit_code=2).stderr
    assert "cannot be written" in full("kb", "export", str(tmp_path / "no" / "x"), exit_code=2).stderr


def test_reindex_after_a_change_of_model(full: Installation) -> None:
    assert "Embedded 0 entries" in full("kb", "reindex").stdout
    everything = full("kb", "reindex", "--all").stdout
    assert "Embedded 3 entries" in everything
    assert "Wrote 3 lexical rows" in everything


def test_beside_a_running_bot_one_may_look_but_change_nothing(full: Installation) -> None:
    async def beside(*args: str, exit_code: int) -> Result:
        running = await SqliteDatabase.open(full.data / "ledger.db", migrations=bundled())
        try:
            return await asyncio.to_thread(full, *args, exit_code=exit_code)
        finally:
            await running.close()

    for args in (("list",), ("show", "K1"), ("export",), ("search", "reset the password"), ("gaps",)):
        assert asyncio.run(beside("kb", *args, exit_code=0)).stdout
    new = str(full.lines("new.jsonl", [{**LINES[0], "id": "N"}]))
    for args in (("import", new), ("retract", "K1", "--reason", "wrong")):
        result = asyncio.run(beside("kb", *args, exit_code=2))
        assert "another process uses this ledger" in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_bad_configuration(bot: Installation) -> None:
    bot.config.write_text("embedder: {modle: hash}\n")
    result = bot("kb", "list", exit_code=2)
    assert result.stderr.startswith(f"vigilbot: {bot.config}:1: unknown key 'embedder.modle'. ")


def test_data_wins_over_the_configuration(full: Installation, tmp_path: Path) -> None:
    assert "there is no ledger" in full("kb", "list", "--data", str(tmp_path / "else"), exit_code=2).stderr


def test_every_field_of_the_format_is_explained() -> None:
    shown = CliRunner().invoke(root, ["kb", "import", "--help"]).stdout
    for name in Line.model_fields:
        assert f"\n  {name} " in shown


# -- taking back, looking back, erasing


def test_everything_by_one_actor_is_listed_before_it_is_taken_back(full: Installation) -> None:
    full("kb", "retract", "K1", "--reason", "wrong", "--actor", "mallory")
    full("kb", "retract", "K2", "--reason", "wrong", "--actor", "mallory")
    before = full.ledger()
    asked = full("kb", "undo", "--by", "mallory", "--since", "1h", exit_code=1)
    assert "2 to take back" in asked.stdout
    assert "K1 retract" in asked.stdout
    assert full.ledger() == before
    assert "Took back 2" in full("kb", "undo", "--by", "mallory", "--since", "1h", "--yes").stdout
    assert full.json("kb", "list")["total"] == 3
    assert "0 to take back" in full("kb", "undo", "--by", "mallory", "--since", "1h", "--yes").stdout


@pytest.mark.parametrize(
    "args",
    [(), ("K1", "--by", "x", "--since", "1h"), ("--by", "x"), ("K1", "--since", "1h")],
)
def test_undo_says_what_it_wants(full: Installation, args: tuple[str, ...]) -> None:
    assert "See --help" in str(full("kb", "undo", *args, exit_code=2).output)


def test_as_of_answers_with_what_was_known_then(full: Installation) -> None:
    full("kb", "retract", "K1", "--reason", "wrong")
    assert full.json("kb", "as-of", "2020-01-01")["entries"] == []
    known = full.json("kb", "as-of", "2999-01-01")
    assert [entry["entry"] for entry in known["entries"]] == ["K2", "K3"]
    question = "How do I reset the password of another user?"
    then = full.json("kb", "as-of", "2020-01-01", "--question", question)
    assert then["passages"] == []


def test_impact_and_corrections_of_an_entry_that_answered_nothing(full: Installation) -> None:
    found = full.json("kb", "impact", "K1")
    assert (found["cards"], found["answers"]) == (0, [])
    full("kb", "retract", "K1", "--reason", "wrong")
    assert "0 corrections owed" in full("kb", "corrections").stdout
    assert "no such entry" in full("kb", "impact", "K9", exit_code=2).output


def test_gaps_of_a_ledger_without_questions(full: Installation) -> None:
    assert full.json("kb", "gaps") == {"total": 0, "gaps": []}


def test_erasing_somebody_unknown_is_refused(full: Installation) -> None:
    before = full.ledger()
    assert "nothing is known" in full("erase", "--person", "U404", "--yes", exit_code=2).output
    assert full.ledger() == before
