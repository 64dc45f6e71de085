"""`vigilbot bench` on the command line: what it measures, what it skips, what it refuses before measuring."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.bench import Part
from vigilbot.cli.bench import measured

DOCUMENT = "By hand.\n\n<!-- bench:replay -->\n<!-- /bench:replay -->\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("VIGILBOT_DATA", str(folder))
    monkeypatch.setenv("VIGILBOT_EMBEDDER_MODEL", "hash")
    return folder


def bench(*args: str) -> Result:
    return CliRunner().invoke(root, ["bench", *args])


def with_history(data: Path) -> None:
    said = [
        {
            "user": "C",
            "ts": "1700000000.0",
            "thread_ts": "1700000000.0",
            "text": "How do I rotate the signing key?",
        },
        {
            "user": "A",
            "ts": "1700000300.0",
            "thread_ts": "1700000000.0",
            "text": "Run gatectl rotate on the primary node.",
        },
        {
            "user": "D",
            "ts": "1700050000.0",
            "thread_ts": "1700050000.0",
            "text": "How do I rotate the signing key?",
        },
    ]
    users = [{"id": "A", "profile": {"title": "Support analyst"}}, {"id": "C"}, {"id": "D"}]
    with zipfile.ZipFile(data / "team.zip", "w") as file:
        file.writestr("users.json", json.dumps(users))
        file.writestr("channels.json", json.dumps([{"id": "C0", "name": "help"}]))
        file.writestr("help/2023-11-14.json", json.dumps(said))


def test_a_replay_stands_in_the_document_and_in_the_json(data: Path, tmp_path: Path) -> None:
    with_history(data)
    document, figures = tmp_path / "B.md", tmp_path / "f.json"
    document.write_text(DOCUMENT)
    result = bench("replay", "--write", str(document), "--json", str(figures))
    assert result.exit_code == 0, result.output
    said = document.read_text()
    assert said.startswith("By hand.")
    assert "### Replay of team, start immediately" in said
    assert "| answers learned | 1 | 2 |" in said
    [section] = json.loads(figures.read_text())["sections"]
    assert section["part"] == "replay"


def test_known_documents_are_held_against_the_most_frequent_ones_from_both_starts(data: Path) -> None:
    with_history(data)
    known = {"channel": "help", "thread_ts": "1700000000.0", "resolution_ts": "1700000300.0", "analyst": "A"}
    gold = {**known, "doc_id": "1", "url": "https://docs.example.com/keys", "recurrence": False}
    (data / "team.gold.jsonl").write_text(json.dumps(gold) + "\n")
    result = bench("replay", "--json", "-")
    assert result.exit_code == 0, result.output
    sections = json.loads(result.stdout)["sections"]
    assert [each["title"].partition(", ")[2] for each in sections] == [
        "start immediately",
        "start analyst_joined",
    ]
    figures = {each["name"]: each for each in sections[0]["figures"]}
    ranked = [each for name, each in figures.items() if name.startswith("right document")]
    assert {(each["n"], each["baseline"], each["against"]) for each in ranked} == {
        (1, 0.0, "the channel's most frequent documents")
    }
    aimed = [each for each in sections[0]["figures"] if each["demand"]]
    assert len(aimed) == 7
    assert not [each for each in sections[1]["figures"] if each["demand"]]


def test_alone_it_prints_json_and_nothing_else(data: Path) -> None:
    with_history(data)
    result = bench("replay", "--json", "-")
    assert json.loads(result.stdout)["machine"]["cores"] >= 1
    assert "### Replay of team" in result.stderr


def test_what_fails_says_so_and_loses_no_other_table(data: Path, tmp_path: Path) -> None:
    with_history(data)
    (data / "broken.zip").write_text("no archive")
    (data / "labelled.jsonl").write_text("{}\n")
    document, figures = tmp_path / "B.md", tmp_path / "f.json"
    document.write_text(DOCUMENT + DOCUMENT.replace("replay", "identify").replace("-->\n<", "-->\nold\n<"))

    @click.command()
    def several() -> None:
        measured((Part.IDENTIFY, Part.REPLAY), figures, document)

    result = CliRunner().invoke(several)
    assert result.exit_code == 1
    said = document.read_text()
    assert "| answers learned | 1 | 2 |" in said
    assert "### Replay of broken\n\n**Failed**: BadExport" in said
    assert "<!-- bench:identify -->\nold\n<!-- /bench:identify -->" in said
    assert "  FAILED  Identify: BadExport: " in result.stdout
    assert "  FAILED  Replay of broken: " in result.stdout
    assert [bool(each["failed"]) for each in json.loads(figures.read_text())["sections"]] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("part", ["replay", "identify"])
def test_what_needs_conversations_says_that_it_is_skipped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    document = tmp_path / "B.md"
    document.write_text(DOCUMENT.replace("replay", part).replace("-->\n<", "-->\nold\n<"))
    empty = bench(part)
    monkeypatch.delenv("VIGILBOT_DATA")
    unset = bench(part, "--write", str(document))
    assert (empty.exit_code, unset.exit_code) == (0, 0)
    assert "Skipped: no data (no *." in empty.stdout
    assert "Skipped: no data (VIGILBOT_DATA is not set)" in unset.stdout
    assert "old" in document.read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("replay", "--write", "plain.md"), "plain.md has no place for replay"),
        (("--write", "replay.md"), "replay.md has no place for latency"),
        (("replay", "--write", "gone.md"), "gone.md: cannot be read. Name a document"),
        (("replay", "--json", "gone/f.json"), "cannot be written"),
        (("--json", "f.json", "replay"), "--json and --write belong behind the name of the part"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_measured(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], said: str
) -> None:
    (data / "team.zip").write_text("measuring would fail")
    here = tmp_path / "here"
    here.mkdir()
    (here / "plain.md").write_text("No markers.")
    (here / "replay.md").write_text(DOCUMENT)
    monkeypatch.chdir(here)
    result = bench(*args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert {path.name for path in here.iterdir()} == {"plain.md", "replay.md"}


def test_a_folder_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGILBOT_DATA", "nowhere")
    result = bench("replay")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "VIGILBOT_DATA=nowhere: no such folder" in result.stderr
