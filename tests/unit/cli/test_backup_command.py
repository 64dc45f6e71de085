"""`vigilbot backup` and `restore`: one line says what is wrong, and nothing is half done."""

# ruff: noqa: ASYNC240  a test may block its own loop

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.app import LEDGER, open_ledger


def called(*args: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(root, [str(arg) for arg in args], input=answer)


async def ledger(folder: Path) -> None:
    await (await open_ledger(folder)).close()


async def test_a_backup_tells_what_is_in_it_and_is_restored_after_a_yes(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    await ledger(data)
    made = called("backup", copy, "--data", data)
    assert made.exit_code == 0
    assert "0 entries in force, no messages" in made.stdout
    digest = made.stdout.split("sha256 ")[1].strip()
    refused = called("restore", copy, "--data", data, answer="n\n")
    assert refused.exit_code == 1
    assert sorted(path.name for path in data.iterdir()) == [LEDGER, f"{LEDGER}.lock"]
    restored = called("restore", copy, "--data", data, "--sha256", digest, answer="y\n")
    assert restored.exit_code == 0
    [kept] = data.glob(f"{LEDGER}.replaced-*")
    assert kept.name in restored.stdout


async def test_where_there_is_no_ledger_nothing_is_asked_and_one_is_made(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy.db"
    await ledger(data)
    called("backup", copy, "--data", data)
    restored = called("restore", copy, "--data", tmp_path / "new" / "place")
    assert restored.exit_code == 0
    assert "kept as" not in restored.stdout
    assert (tmp_path / "new" / "place" / LEDGER).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("backup", "copy.db", "--data", "data"), "is there already"),
        (("backup", "other.db", "--data", "nothing"), "no ledger"),
        (("backup", "no/folder.db", "--data", "data"), "cannot be written"),
        (("restore", "nothing.db", "--data", "data", "--yes"), "No such file"),
        (("restore", "copy.db", "--data", "data", "--yes"), "is no ledger"),
        (("restore", "data/ledger.db", "--data", "data", "--yes"), "is the ledger itself"),
        (("restore", "good.db", "--data", "data", "--yes", "--sha256", "00ff"), "another checksum"),
    ],
)
async def test_what_cannot_be_done_is_told_in_one_line_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    await ledger(tmp_path / "data")
    called("backup", "good.db", "--data", "data")
    (tmp_path / "copy.db").write_text("mine")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = called(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
