"""A release that is known to be malicious stops the start, before anything of it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vigilbot.providers.packages import known_bad


def fake(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.mark.parametrize("command", [["run"], ["doctor"]])
def test_a_malicious_release_is_refused_at_the_start_and_by_the_doctor(
    tmp_path: Path, command: list[str]
) -> None:
    fake(tmp_path, "litellm", "1.82.8")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}", "VIGILBOT_EMBEDDER_MODEL": "hash"}
    env |= {
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_APP_TOKEN": "xapp-1",
        "VIGILBOT_SLACK_BASE_URL": "http://[::1]:9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "vigilbot", *command, "--data", str(tmp_path / "data")],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = done.stderr if command == ["run"] else done.stdout
    assert done.returncode == (2 if command == ["run"] else 1)
    assert "malicious code is installed: litellm 1.82.8" in told
    assert not (tmp_path / "data").exists()


def test_what_such_a_release_leaves_behind_is_found(tmp_path: Path) -> None:
    assert known_bad(lambda name: None, folder=tmp_path) == ()
    (tmp_path / "litellm_init.pth").touch()
    assert known_bad(lambda name: None, folder=tmp_path) == ("litellm_init.pth",)
    assert known_bad({"litellm": "1.82.6", "torchtriton": "3.0"}.get, folder=tmp_path.parent) == (
        "torchtriton 3.0",
    )


def test_what_is_installed_here_is_not_among_them() -> None:
    assert known_bad() == ()
