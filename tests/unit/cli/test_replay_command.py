"""`vigilbot replay` on the command line: what it refuses, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root

QUESTION, ANSWER = "How do I rotate the signing key?", "Run gatectl rotate on the primary node."


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")
    folder = tmp_path / "export"
    (folder / "help").mkdir(parents=True)
    users = [{"id": "A", "profile": {"title": "Support analyst"}}, {"id": "C"}, {"id": "D"}]
    (folder / "users.json").write_text(json.dumps(users))
    (folder / "channels.json").write_text(json.dumps([{"id": "C0", "name": "help"}]))
    said = [
        {"user": "C", "ts": "1700000000.0", "thread_ts": "1700000000.0", "text": QUESTION},
        {"user": "A", "ts": "1700000300.0", "thread_ts": "1700000000.0", "text": ANSWER},
        {"user": "C", "ts": "1700000600.0", "thread_ts": "1700000000.0", "text": "That worked, thanks!"},
        {"user": "D", "ts": "1700050000.0", "thread_ts": "1700050000.0", "text": QUESTION},
    ]
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
