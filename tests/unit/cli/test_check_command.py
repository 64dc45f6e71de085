"""`vigilbot check`: a replayed ledger agrees with itself; what a change breaks is told, and exits 1."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root

QUESTION, ANSWER = "How do I rotate the signing key?", "Run gatectl rotate on the primary node."
DAY = 86_400


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bot that learned an answer on the first day, gave it on the second and the third, and was told on
    each that a human says so too."""
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "export"
    (folder / "help").mkdir(parents=True)
    users = [{"id": "A", "profile": {"title": "Support analyst"}}, {"id": "C"}, {"id": "D"}, {"id": "E"}]
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "channels.json").write_text(json.dumps([{"id": "C0", "name": "help"}]))
    said = []
    for day, customer in enumerate("CDE"):
        first = 1_700_000_000 + day * DAY
        for after, user, text in ((0, customer, QUESTION), (900, "A", ANSWER), (1200, customer, "Thanks!")):
            said.append({"user": user, "ts": f"{first + after}.0", "thread_ts": f"{first}.0", "text": text})
    (folder / "help" / "2023-11-14.json").write_text(json.dumps(said))
    kept = tmp_path / "kept"
    done = vigilbot("replay", str(folder), "--start", "immediately", "--keep", str(kept))
    assert (done.exit_code, "2 cards" in done.output) == (0, True)
    return kept


def vigilbot(*args: str) -> Result:
    return CliRunner().invoke(root, list(args))


def checked(ledger: Path, *args: str) -> Result:
    return vigilbot("check", "--data", str(ledger), "--json", "found.json", *args)


def found() -> dict[str, object]:
    figures: dict[str, object] = json.loads(Path("found.json").read_text())
    return figures


def write(ledger: Path, *statements: str) -> None:
    connection = sqlite3.connect(ledger / "ledger.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def digest(ledger: Path) -> str:
    rows = sqlite3.connect(ledger / "ledger.db").iterdump()
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def test_a_replayed_ledger_agrees_with_itself_and_is_only_read(ledger: Path) -> None:
    before = digest(ledger)
    result = checked(ledger)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "No change" in result.stdout
    assert found()["before"] == found()["after"] == {"right": 2, "wrong": 0, "unknown": 0, "none": 0}
    assert (found()["worse"], found()["drift"]) == (False, None)
    assert digest(ledger) == before


def test_what_was_learned_retracted_or_said_later_changes_nothing_of_then(ledger: Path) -> None:
    [entry] = sqlite3.connect(ledger / "ledger.db").execute("SELECT DISTINCT entry FROM knowledge").fetchone()
    gone = vigilbot("kb", "retract", entry, "--data", str(ledger), "--reason", "no more")
    assert gone.exit_code == 0, gone.output
    result = checked(ledger)
    assert (result.exit_code, found()["after"]) == (0, {"right": 2, "wrong": 0, "unknown": 0, "none": 0})


def test_an_accepted_card_that_a_higher_threshold_would_lose_is_worse(ledger: Path) -> None:
    write(ledger, "UPDATE answers SET outcome = 'verified' WHERE outcome = 'consistent_by_human'")
    Path("new.yaml").write_text("answer:\n  post: 1.0\n")
    result = checked(ledger, "--config", "new.yaml")
    assert result.exit_code == 1
    assert "WORSE" in result.stdout
    assert "accepted, and" in result.stdout
    assert {key: found()[key] for key in ("accepted_lost", "newly_wrong", "lost", "gained", "drift")} == {
        "accepted_lost": 2,
        "newly_wrong": 2,
        "lost": 2,
        "gained": 0,
        "drift": 0,
    }


def test_a_withdrawn_card_that_the_change_ends_is_not_worse(ledger: Path) -> None:
    write(ledger, "UPDATE answers SET outcome = 'withdrawn' WHERE outcome = 'consistent_by_human'")
    Path("new.yaml").write_text("answer:\n  post: 1.0\n")
    result = checked(ledger, "--config", "new.yaml")
    assert (result.exit_code, found()["mended"], found()["newly_wrong"]) == (0, 2, 0)
    Path("old.yaml").write_text("answer:\n  post: 1.0\n")
    Path("new.yaml").write_text("answer:\n  post: 0.1\n")
    result = checked(ledger, "--current", "old.yaml", "--config", "new.yaml")
    assert (result.exit_code, found()["came_back"], found()["drift"]) == (1, 2, 2)


def test_a_question_that_was_edited_since_is_left_out(ledger: Path) -> None:
    write(ledger, "UPDATE messages SET version = 2, text = 'never mind' WHERE author = 'D'")
    result = checked(ledger)
    assert (result.exit_code, found()["cases"], found()["left_out"]) == (0, 1, 1)
    assert "edited or deleted since: 1" in result.stdout


def test_the_newest_so_many_answers(ledger: Path) -> None:
    assert (checked(ledger, "--limit", "1").exit_code, found()["cases"]) == (0, 1)


def test_nothing_judged_yet_is_said(ledger: Path) -> None:
    write(ledger, "UPDATE answers SET outcome = NULL")
    result = checked(ledger)
    assert (result.exit_code, found()["cases"]) == (0, 0)
    assert "nothing to check against" in result.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ("--data", "nowhere"),
            "nowhere/ledger.db: no ledger. Name the bot's folder with --data or data.dir",
        ),
        (("--config", "typo.yaml"), "typo.yaml:2: unknown key 'answer.psot'. Did you mean 'answer.post'?"),
        (("--limit", "0"), "check: Invalid value for '--limit': 0 is not in the range x>=1. See "),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("typo.yaml").write_text("answer:\n  psot: 0.5\n")
    result = vigilbot("check", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
