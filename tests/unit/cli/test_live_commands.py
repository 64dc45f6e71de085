"""`vigilbot run`, `manifest` and `demo` as somebody new calls them: what is missing is said in one line."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.workspace import Workspace

BOT, APP = "xoxb-1-2-abc", "xapp-1-2-abc"


@pytest.fixture(autouse=True)
def no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def called(*args: str, **environ: str) -> Result:
    return CliRunner().invoke(root, args, env=environ)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "environment variable SLACK_BOT_TOKEN: is not set"),
        ({"SLACK_BOT_TOKEN": BOT}, "environment variable SLACK_APP_TOKEN: is not set"),
        ({"SLACK_BOT_TOKEN": APP, "SLACK_APP_TOKEN": APP}, "SLACK_BOT_TOKEN: does not begin with xoxb-"),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": BOT}, "SLACK_APP_TOKEN: does not begin with xapp-"),
        (
            {"SLACK_BOT_TOKEN": BOT, "VIGILBOT_SLACK_MODE": "http"},
            "environment variable SLACK_SIGNING_SECRET: is not set",
        ),
    ],
)
def test_a_missing_token_is_named_with_the_page_where_it_stands(
    environ: dict[str, str], said: str, tmp_path: Path
) -> None:
    result = called("run", "--data", str(tmp_path / "data"), **environ)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "https://api.slack.com/apps" in result.stderr
    assert "vigilbot manifest" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


async def test_a_token_that_slack_refuses_ends_it_with_the_reason(tmp_path: Path) -> None:
    async with Workspace() as ws:
        process = await _run(tmp_path, ws, bot=BOT)
        _, errors = await process.communicate()
    assert process.returncode == 2, errors
    assert b"SLACK_BOT_TOKEN" in errors


async def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    async with Workspace() as ws:
        process = await _run(tmp_path, ws, bot=ws.bot_token)
        assert process.stderr is not None
        said = b""
        while b"ready: engine" not in said:
            line = await process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGTERM)
        _, rest = await process.communicate()
    assert process.returncode == 0, said + rest
    assert b"stopped" in rest


async def _run(folder: Path, ws: Workspace, *, bot: str):  # type: ignore[no-untyped-def]
    import asyncio
    import os

    environ = {
        "PATH": os.environ["PATH"],
        "SLACK_BOT_TOKEN": bot,
        "SLACK_APP_TOKEN": ws.app_token,
        "VIGILBOT_SLACK_BASE_URL": ws.api_url,
        "VIGILBOT_EMBEDDER_MODEL": "hash",
        "VIGILBOT_RETRIEVAL_INDEX": "exact",
        "VIGILBOT_SERVER_PORT": "0",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vigilbot", "run", "--data", str(folder / "data")),
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def test_the_manifest_is_yaml_and_asks_for_no_more_than_wanted() -> None:
    usual = yaml.safe_load(called("manifest").stdout)
    assert usual["settings"]["socket_mode_enabled"] is True
    scopes = usual["oauth_config"]["scopes"]["bot"]
    assert "channels:history" in scopes
    assert "groups:history" not in scopes
    more = yaml.safe_load(called("manifest", "--private", "--command", "/helper").stdout)
    assert "groups:history" in more["oauth_config"]["scopes"]["bot"]
    assert more["features"]["slash_commands"][0]["command"] == "/helper"


@pytest.mark.parametrize("command", ["vigil", "/Vigil", "/vigil bot", "/"])
def test_a_manifest_that_the_platform_would_refuse_is_not_printed(command: str) -> None:
    refused = called("manifest", "--command", command)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "begin with /" in refused.stderr


def test_the_manifest_for_http_names_the_address() -> None:
    told = yaml.safe_load(called("manifest", "--http", "https://bot.example.com").stdout)
    assert told["settings"]["event_subscriptions"]["request_url"] == "https://bot.example.com/slack/events"
    refused = called("manifest", "--http", "http://bot.example.com")
    assert refused.exit_code == 2
    assert "not an https address" in refused.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--speed", "0"], "--speed 0: Give a number above 0"),
        (["--speed", "nan"], "--speed nan"),
        (["--headless", "--export", "x"], "--export needs the page"),
        (["--export", "nowhere.zip"], "nowhere.zip"),
    ],
)
def test_the_demo_says_what_it_cannot_play(args: list[str], said: str) -> None:
    result = called("demo", *args)
    assert result.exit_code == 2
    assert said in result.stderr.replace(". Give", ": Give")
