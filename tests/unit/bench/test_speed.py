"""Measuring speed: waits are counted from where they begin, and the live bot that is measured answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vigilbot.bench import made
from vigilbot.bench.asking import Questions, waited
from vigilbot.bench.live import QUIET, live, settings_for, stage, stocked
from vigilbot.bench.player import replied
from vigilbot.bench.serial import SerialEngine
from vigilbot.providers.embedder_hash import HashEmbedder

DELAY = 0.2


def test_the_wait_begins_when_the_last_message_of_a_burst_was_quiet_long_enough() -> None:
    asked = {1: (10.0, "a"), 2: (10.3, "a"), 3: (10.7, "a"), 4: (12.0, "a"), 5: (10.0, "b"), 6: (11.0, "b")}
    cards = {1: 11.4, 2: 11.4, 3: 11.5, 4: 13.0, 5: 11.0}
    assert sorted(round(ms) for ms in waited(asked, cards)) == [200, 200, 300, 500, 500]
    assert QUIET == 0.5


def test_made_entries_and_questions_are_all_different_and_meet_by_their_codes() -> None:
    entries = [made.entry(n) for n in range(made.MOST)]
    assert len(set(entries)) == len({asked for asked, _ in entries}) == made.MOST == 10_000
    assert all(made.code(n) in made.question(n) and made.code(n) in entries[n][0] for n in (0, 77, 9_999))
    assert made.number_of(made.code(4_711)) == 4_711


def test_the_player_answers_with_the_passage_of_the_code_and_else_refuses() -> None:
    def asked(question: str) -> str:
        rows = [
            json.dumps({"n": n, "question": made.entry(n)[0], "answer": made.entry(n)[1]}) for n in (1, 2)
        ]
        blocks = {"question": json.dumps({"text": question}), "passages": "\n".join(rows)}
        return "\n".join(
            f"<{name} {'0' * 12}>\n{text}\n</{name} {'0' * 12}>" for name, text in blocks.items()
        )

    assert replied(asked(made.question(2)))["citations"] == [2]
    assert replied(asked(made.question(3)))["answer"] == ""


async def test_every_question_of_a_burst_gets_its_card_after_two_replies_and_after_three_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole bot, the workspace and the model as they are measured, with six channels."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    async with stage("workspace", 6) as (people, slack), stage("model", DELAY) as (server, model):
        api_base = json.dumps({"*": model["url"]})
        modelled = {"engine.kind": "model", "model.models": "openai/scripted", "model.api_base": api_base}
        await stocked(tmp_path, 20, tenant=slack["team"])
        settings = settings_for(slack, tmp_path, **{"embedder.model": "hash", **modelled})
        async with live(settings, slack, embedder=HashEmbedder()) as bot:
            questions, pipeline = Questions(people), bot.parts.bot.pipeline
            await people.ask("open", target=None)
            together = await questions.ask("together", anew=True)
            pipeline.engine = SerialEngine(pipeline.engine)
            serial = await questions.ask("together", anew=False)
            bodies = (await server.ask("asked"))["bodies"]
    assert together.asked == len(together.waits) == serial.asked == len(serial.waits) == 6
    assert min(together.waits) >= 2 * DELAY * 1000
    assert min(serial.waits) >= 3 * DELAY * 1000
    assert bodies.keys() == {"identify", "rewrite", "answer"}


def test_the_other_side_ends_with_its_last_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vigilbot.bench.stage", "model", "0.1"],
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["url"].startswith("http://127.0.0.1:")
