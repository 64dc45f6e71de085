"""`vigilbot replay` on the command line: what it refuses, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root

QUESTION, ANSWER = "How do I rotate the signing key?", "Run gatectl rotate on the primary node."


@pytest.fixture(autouse=True)
def hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    said = [
        {"user": "C", "ts": "1700000000.0", "thread_ts": "1700000000.0", "text": QUESTION},
        {"user": "A", "ts": "1700000300.0", "thread_ts": "1700000000.0", "text": ANSWER},
        {"user": "C", "ts": "1700000600.0", "thread_ts": "1700000000.0", "text": "That worked, thanks!"},
        {"user": "D", "ts": "1700050000.0", "thread_ts": "1700050000.0", "text": QUESTION},
    ]
    return exported(tmp_path, said)


def exported(tmp_path: Path, said: Sequence[Mapping[str, str]]) -> Path:
    folder = tmp_path / "export"
    (folder / "help").mkdir(parents=True)
    users = [{"id": "A", "profile": {"title": "Support analyst"}}, {"id": "C"}, {"id": "D"}]
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "channels.json").write_text(json.dumps([{"id": "C0", "name": "help"}]))
    (folder / "help" / "2023-11-14.json").write_text(json.dumps(said))
    return folder


def replayed(export: Path, *args: str) -> Result:
    return CliRunner().invoke(root, ["replay", str(export), "--start", "immediately", *args])


def test_a_replay_keeps_what_it_was_told_to_and_nothing_else(export: Path, tmp_path: Path) -> None:
    figures, kept = tmp_path / "figures.json", tmp_path / "kept"
    result = replayed(export, "--json", str(figures), "--keep", str(kept))
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(figures.read_text())["posted"] == 1
    assert {p.name for p in kept.iterdir()} >= {"ledger.db"}
    assert {p.name for p in tmp_path.iterdir()} == {"export", "figures.json", "kept"}


def test_what_others_taught_while_a_question_waited_counts_when_it_is_resolved(tmp_path: Path) -> None:
    page = "https://docs.example/keys"
    said, gold = [], []
    for user, asked, answered in (("D", 0, 9000), ("C", 60, 3600), ("E", 20000, 20300)):
        thread, ts = f"{1700000000 + asked}.0", f"{1700000000 + answered}.0"
        said.append({"user": user, "ts": thread, "thread_ts": thread, "text": QUESTION})
        said.append({"user": "A", "ts": ts, "thread_ts": thread, "text": f"{ANSWER} See {page}"})
        known = {"channel": "help", "thread_ts": thread, "resolution_ts": ts, "doc_id": "keys", "url": page}
        gold.append(json.dumps(known))
    folder = exported(tmp_path, sorted(said, key=lambda message: message["ts"]))
    (tmp_path / "gold.jsonl").write_text("\n".join(gold))
    figures = tmp_path / "figures.json"
    result = replayed(folder, "--gold", str(tmp_path / "gold.jsonl"), "--json", str(figures))
    assert (result.exit_code, result.stderr) == (0, "")
    scored = json.loads(figures.read_text())["gold"]
    moments = ("before_resolution", "at_resolution", "prior_last_message", "prior")
    assert [scored[moment]["hit_at_1"] for moment in moments] == [0.3333, 0.6667, 0.3333, 0.6667]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--latency", "nan"), "--latency nan. Give seconds of virtual time, 0 to 86400"),
        (("--latency", "1e300"), "--latency 1e+300. Give seconds of virtual time, 0 to 86400"),
        (("--limit", "0"), "--limit 0. Give the number of conversations to replay, 1 or more"),
        (("--keep", "."), ".: exists already. Name a new folder for --keep"),
        (("--channel", "hlep"), "no channel 'hlep'. It has help"),
    ],
)
def test_what_cannot_be_is_one_line(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], said: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    result = replayed(export, *args, "--json", str(tmp_path / "figures.json"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"{said}\n")
    assert result.stderr.count("\n") == 1
    assert {p.name for p in tmp_path.iterdir()} == {"export", "here"}
    assert not list(here.iterdir())


def test_prompts_that_cannot_be_used_are_told(
    export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGILBOT_PROMPTS_DIR", str(tmp_path / "nowhere"))
    result = replayed(export, "--keep", str(tmp_path / "kept"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nowhere/identify.md: cannot be read" in result.stderr
    assert {p.name for p in tmp_path.iterdir()} == {"export"}


def test_half_a_zip(tmp_path: Path) -> None:
    half = tmp_path / "export.zip"
    half.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    result = replayed(half)
    assert result.exit_code == 2
    assert result.stderr == f"vigilbot: {half}: a zip without its end. Download or unpack the export again\n"
