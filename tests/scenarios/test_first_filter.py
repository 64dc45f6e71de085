"""Messages that plainly ask for nothing cost no call to a language model."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.test_model_in_the_bot import QUESTION, bot, settings_for
from vigilbot.engine import first_filter_of
from vigilbot.settings import load
from vigilbot.testing import HashEmbedder, MarkPlayer, ScriptedModel, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

THANKS = "Thanks, all good"


async def runs(world: World) -> list[dict[str, Any]]:
    return [dict(row) for row in await world.parts.ledger.fetch("SELECT * FROM runs ORDER BY rowid")]


async def test_thanks_cost_no_call_and_the_run_says_why(
    tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.say("carl", THANKS)
        await world.wait(timedelta(minutes=1))
        assert scripted_model.asked == []
        [run] = await runs(world)
        assert run["result"] == "no_question"
        trace = json.loads(run["trace"])
        assert trace["identification"]["reason"].startswith("spared by the first filter: ")


async def test_a_question_and_thanks_beside_it_reach_the_model(
    tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.teach(QUESTION, "Run gatectl rotate on the primary")
        scripted_model.asked.clear()
        await world.say("carl", QUESTION)
        await world.say("carl", THANKS)
        await world.wait(timedelta(minutes=1))
        assert len(scripted_model.asked) >= 3
        assert len(world.cards("main")) == 1


async def test_who_asks_the_bot_by_name_is_never_filtered(
    tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.say("carl", f"@vigilbot {THANKS}")
        await world.wait(timedelta(minutes=1))
        assert scripted_model.asked


async def test_turned_off_the_model_judges_everything(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model, **{"identify.first_filter": "0"})) as world:
        await world.say("carl", THANKS)
        await world.wait(timedelta(minutes=1))
        assert scripted_model.asked


async def test_without_a_language_model_there_is_nothing_to_spare() -> None:
    assert first_filter_of(load(), HashEmbedder()) is None
