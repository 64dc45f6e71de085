"""``replay``, ``eval identify`` and ``doctor`` with a language model, as an operator calls them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.testing import MarkPlayer, ScriptedModel
from vigilbot.testing.model import wrong_key

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "How do I rotate the signing key of the gateway?"
CONFIG = """
data: {{dir: '{folder}/data'}}
embedder: {{model: hash}}
retrieval: {{index: exact}}
engine: {{kind: {kind}}}
model: {{models: [openai/gpt-4o-mini, openai/second], api_base: {{'*': '{url}'}}}}
roles: {{analysts: [U-ANN]}}
"""


@pytest.fixture
def config(tmp_path: Path, scripted_model: ScriptedModel) -> Path:
    scripted_model.play(MarkPlayer())
    path = tmp_path / "vigilbot.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, kind="model", url=scripted_model.url))
    return path


async def called(*args: object) -> Result:
    """In a thread: the command has a loop of its own, the server lives in ours."""
    words = [str(arg) for arg in args]
    return await asyncio.to_thread(CliRunner().invoke, root, words)


def export(folder: Path) -> Path:
    said = [
        ("U-CARL", QUESTION, 0, 0),
        ("U-ANN", "FIX: Run gatectl rotate on the primary", 600, 0),
        ("U-CARL", "worked, thanks", 700, 0),
        ("U-DORA", QUESTION, 20_000, 20_000),
        ("U-ANN", "FIX: Run gatectl rotate on the primary", 22_000, 20_000),
    ]
    rows: list[dict[str, Any]] = [
        {
            "type": "message",
            "user": user,
            "text": text,
            "ts": f"{1_700_000_000 + at}.000000",
            "thread_ts": f"{1_700_000_000 + thread}.000000",
        }
        for user, text, at, thread in said
    ]
    files: dict[str, object] = {
        "users.json": [{"id": user, "name": user.lower()} for user in ("U-ANN", "U-CARL", "U-DORA")],
        "channels.json": [{"id": "C1", "name": "help"}],
        "help/2023-11-14.json": rows,
    }
    for name, body in files.items():
        path = folder / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(body))
    return folder / "export"


async def test_a_replay_is_played_again_from_its_file(
    config: Path, tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    cache, found = tmp_path / "replies.jsonl", []
    for n in range(2):
        figures = tmp_path / f"{n}.json"
        options = ["--engine", "model", "--cache", cache, "--start", "immediately", "--json", figures]
        result = await called("replay", export(tmp_path), "--config", config, *options)
        assert result.exit_code == 0, result.output
        found.append(json.loads(figures.read_text()))
        if not n:
            made = len(scripted_model.asked)
            scripted_model.always(wrong_key())  # nobody may be asked any more
    assert made > 5
    assert len(scripted_model.asked) == made
    for each in found:
        each.pop("seconds", None)
        each.pop("latency_ms", None)
    assert found[0] == found[1]
    assert (found[0]["engine"], found[0]["posted"]) == ("model", 1)


async def test_a_replay_without_its_model_says_so(
    config: Path, tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    scripted_model.always(wrong_key())
    result = await called("replay", export(tmp_path), "--config", config)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "judgements were made without the language model, the last because: openai/gpt-4o-mini" in said


async def test_identification_is_measured_with_a_model(
    config: Path, tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    labelled = tmp_path / "labels.jsonl"
    messages = [
        {"i": i, "ts": f"{100 + i}.000000", "role": role, "user": role, "text": text, "label": label}
        for i, (role, label, text) in enumerate(
            [("customer", "within", "How?"), ("analyst", None, "So"), ("customer", "none", "thanks")]
        )
    ]
    rows = [
        {"source": "s", "scope": "all", "thread_ts": f"{n}00.000000", "messages": messages, "qa": []}
        for n in (1, 2)
    ]
    labelled.write_text("".join(json.dumps(row) + "\n" for row in rows))
    cache = tmp_path / "replies.jsonl"
    for n in range(2):
        figures = tmp_path / f"{n}.json"
        result = await called(
            *("eval", "identify", labelled, "--config", config, "--cache", cache, "--json", figures)
        )
        assert result.exit_code == 0, result.output
        made = json.loads(figures.read_text())
        assert (made["engine"], made["within"]["f1_w"], made["failed"]) == ("model", 1.0, 0)
        assert len(scripted_model.asked) == 2  # the two on-calls are alike
    scripted_model.always(wrong_key())
    result = await called("eval", "identify", labelled, "--config", config, "--json", figures)
    assert result.exit_code == 0, result.output
    assert json.loads(figures.read_text())["failed"] == 4  # nothing else answers for the model


async def test_training_is_not_for_a_model(config: Path, tmp_path: Path) -> None:
    result = await called("eval", "identify", tmp_path / "x", "--cross-community", "--config", config)
    assert result.exit_code == 2
    assert "--cross-community trains the extractive engine" in result.output


@pytest.mark.parametrize(("silent", "status"), [(0, "ok"), (1, "warning"), (2, "failed")])
async def test_doctor_tries_each_model(
    silent: int, status: str, config: Path, scripted_model: ScriptedModel
) -> None:
    scripted_model.play(None)
    models = ["gpt-4o-mini", "second"][: 2 - silent]
    scripted_model.insist(models=models or ["other"])

    async def ready(asked: object) -> Any:
        from vigilbot.testing import Answered

        return Answered.of({"ready": True})

    scripted_model.play(ready)
    result = await called("doctor", "--config", config, "--json")
    [check] = [c for c in json.loads(result.stdout)["checks"] if c["name"] == "language model"]
    assert check["status"] == status
    if silent < 2:
        assert "openai/gpt-4o-mini answered in" in check["found"]
    if silent:
        assert "openai/second: the provider knows no such model" in check["found"]
    assert result.exit_code == (1 if silent == 2 else 0)
