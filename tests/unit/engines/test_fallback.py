"""What remains when the model fails, and that it goes away by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.models import engine_over, ordered
from tests.unit.engines.test_model_engine import ASKED, QUESTION, TALK, card, passage
from vigilbot.domain import Answer, PassageKind, Scope, Trust
from vigilbot.engines.fallback import FallbackEngine, _rescaled
from vigilbot.errors import ModelUnavailable
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.llm import LiteLlm
from vigilbot.testing import Answered, ScriptedEngine, ScriptedModel
from vigilbot.testing.model import broken
from vigilbot.testing.world import BEGIN
from vigilbot.usage import metered

PASSAGES = (passage(1), passage(2, "Where are the audit logs?", "In the bucket named audit.", dense=0.1))
pytestmark = pytest.mark.asyncio(loop_scope="session")


class Setting:
    def __init__(self, litellm: LiteLlm) -> None:
        self.clock = SimulatedClock(BEGIN)
        self.models = ordered(litellm, clock=self.clock)
        self.engine = FallbackEngine(
            model=engine_over(self.models), extractive=ScriptedEngine(least=0.7), clock=self.clock
        )


@pytest.fixture
def setting(litellm: LiteLlm, scripted_model: ScriptedModel) -> Setting:
    return Setting(litellm)


async def test_the_online_path_goes_on(setting: Setting, scripted_model: ScriptedModel) -> None:
    scripted_model.always(broken())
    with metered() as meter:
        found = await setting.engine.identify(TALK, TALK.messages[1:2], scope="")
        questions = await setting.engine.rewrite(TALK, TALK.messages[1:2])
        answer = await setting.engine.answer(TALK, QUESTION, PASSAGES)
    assert found.scope is Scope.WITHIN
    assert found.reason.startswith("without the model: ")
    assert questions[0].text == ASKED
    assert not answer.refused
    assert answer.passages[0].entry.id == "K1"
    assert answer.confidence >= setting.engine.post_threshold
    assert (answer.features["fallback"], answer.features["extractive"]) == (1.0, 0.8)
    assert [line.partition(":")[0] for line in meter.fallbacks] == ["identify", "rewrite", "answer"]


@pytest.mark.parametrize("why", ["trust", "kind", "sure"])
async def test_otherwise_silence(why: str, setting: Setting, scripted_model: ScriptedModel) -> None:
    scripted_model.always(broken())
    known = passage(1)
    if why == "trust":
        known = replace(known, entry=replace(known.entry, trust=Trust.PROBATION))
    elif why == "kind":
        known = replace(known, entry=replace(known.entry, kind=PassageKind.CHUNK))
    else:
        known = replace(known, dense=0.65)
    answer = await setting.engine.answer(TALK, QUESTION, (known,))
    assert answer.refused
    assert answer.confidence == 0.0
    assert answer.reason.startswith("without the model there is no sure answer (openai/scripted: ")


async def test_lessons_wait(setting: Setting, scripted_model: ScriptedModel) -> None:
    scripted_model.always(broken())
    with pytest.raises(ModelUnavailable):
        await setting.engine.extract(TALK, QUESTION)
    with pytest.raises(ModelUnavailable):
        await setting.engine.review(TALK, QUESTION, Answer(text="x", passages=(), confidence=1))


async def test_it_is_seen_and_recovers_by_itself(
    setting: Setting, scripted_model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scripted_model.always(broken())
    assert not setting.engine.state().engaged
    for _ in range(5):
        await setting.engine.answer(TALK, QUESTION, PASSAGES)
    state = setting.engine.state()
    assert (state.engaged, state.since, state.judgements) == (True, BEGIN, 5)
    assert "rests after" in state.last
    assert len(scripted_model.asked) == 3  # then the breaker spared it
    scripted_model.always(card("Set `export.workers` to 1 and restart the exporter [1].", [1]))
    await setting.engine.answer(TALK, QUESTION, PASSAGES)
    assert setting.engine.state().engaged
    setting.clock.advance_to(BEGIN + timedelta(minutes=1))
    answer = await setting.engine.answer(TALK, QUESTION, PASSAGES)
    assert "fallback" not in answer.features
    assert not setting.engine.state().engaged
    said = [record.message for record in caplog.records if record.name == "vigilbot.engine"]
    assert [line.partition(",")[0].partition(";")[0] for line in said] == [
        "the language model fails",
        "the language model works again",
    ]


async def test_nothing_found_says_nothing_of_the_model(
    setting: Setting, scripted_model: ScriptedModel
) -> None:
    scripted_model.always(broken())
    await setting.engine.answer(TALK, QUESTION, PASSAGES)
    await setting.engine.answer(TALK, QUESTION, ())
    assert setting.engine.state().engaged


async def test_a_garbled_reply_is_no_reply(setting: Setting, scripted_model: ScriptedModel) -> None:
    scripted_model.always(Answered(text="As an AI, I"))
    answer = await setting.engine.answer(TALK, QUESTION, PASSAGES)
    assert answer.features["fallback"] == 1.0


async def test_scales_meet_at_their_thresholds() -> None:
    assert [_rescaled(x, 0.7, 0.6) for x in (0.0, 0.7, 1.0)] == [0.0, 0.6, 1.0]
    assert _rescaled(0.35, 0.7, 0.6) == pytest.approx(0.3)
    assert _rescaled(0.85, 0.7, 0.6) == pytest.approx(0.8)
    assert _rescaled(1.0, 1.0, 0.6) == 1.0
