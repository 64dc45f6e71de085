"""``vigilbot doctor`` as an operator calls it: lines, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root

CONFIG = "data: {{dir: '{data}'}}\nembedder: {{model: hash}}\nretrieval: {{index: {index}}}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    path = tmp_path / "vigilbot.yaml"
    path.write_text(CONFIG.format(data=tmp_path / "data", index="chroma"))
    return path


def doctor(config: Path, *args: str) -> Result:
    return CliRunner().invoke(root, ["doctor", "--config", str(config), *args])


def test_a_fresh_installation(config: Path) -> None:
    result = doctor(config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ok", "configuration", str(config)]
    assert "extractive" in result.stdout
    assert "hash-256, 256 dimensions" in result.stdout
    assert not (config.parent / "data").exists()


def test_json_says_the_same(config: Path) -> None:
    result = doctor(config, "--json")
    found = json.loads(result.stdout)
    assert found["failed"] == 0
    assert found["ok"] + found["warning"] == len(found["checks"]) == 14
    assert set(found["checks"][0]) == {"name", "status", "found", "remedy"}


def test_a_failed_check(config: Path) -> None:
    folder = config.parent / "prompts"
    folder.mkdir()
    config.write_text(config.read_text() + f"prompts: {{dir: '{folder}'}}\n")
    result = doctor(config)
    assert result.exit_code == 1
    assert f"failed   prompts          {folder / 'identify.md'}: cannot be read" in result.stdout
    assert "to mend: Restore the file or set prompts.dir" in result.stdout
    assert "network" in result.stdout


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_an_unusable_configuration(config: Path, args: tuple[str, ...]) -> None:
    config.write_text("embedder: {modle: hash}\n")
    result = doctor(config, *args)
    assert result.exit_code == 2
    assert "unknown key 'embedder.modle'" in result.stdout
    assert f"{config}:1" in result.stdout


def test_settings_of_the_environment_are_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGILBOT_ONCALL_GRACE", "45s")
    assert "VIGILBOT_ONCALL_GRACE" in doctor(config).stdout


def test_the_index_is_compared_with_the_ledger(config: Path) -> None:
    def index() -> dict[str, str]:
        checks = json.loads(doctor(config, "--json").stdout)["checks"]
        [found] = [check for check in checks if check["name"] == "index"]
        return dict(found)

    line = '{"id": "K1", "tenant": "T1", "question": "Where is the log?", "answer": "In /var/log."}\n'
    (config.parent / "kb.jsonl").write_text(line)
    run = CliRunner().invoke
    imported = run(root, ["kb", "import", str(config.parent / "kb.jsonl"), "--config", str(config)])
    assert imported.exit_code == 0, imported.output
    assert "none on disk" in index()["found"]
    built = run(root, ["kb", "reindex", "--config", str(config)])
    assert "Built the index: 1 vectors" in built.stdout, built.output
    assert index()["status"] == "ok"
    assert "hold just the ledger's vectors" in index()["found"]
    run(root, ["kb", "retract", "K1", "--reason", "moved", "--config", str(config)])
    assert index()["status"] == "warning"
    assert "other vectors than the ledger" in index()["found"]
