"""Every way in which a model misbehaves, over HTTP, with the real litellm."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import BaseModel, Field

from tests.models import MODEL, ordered
from vigilbot.domain import Image
from vigilbot.errors import ContextTooLong, ModelUnavailable, PlatformRefused
from vigilbot.ports import Ask
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.llm import LiteLlm
from vigilbot.providers.models import schema_of
from vigilbot.testing import Answered, ScriptedModel
from vigilbot.testing.model import broken, rate_limited, too_long, unknown_model, wrong_key
from vigilbot.testing.world import BEGIN
from vigilbot.usage import metered

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND = "openai/second"
ASK = Ask(stage="identify", instructions="Judge.", data="Is it?")


class Verdict(BaseModel):
    yes: bool
    share: float = Field(default=0.0, ge=0, le=1)


GOOD = Answered.of({"yes": True, "share": 0.5})


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (rate_limited(), "limits the rate or the quota is used up"),
        (broken(), "the provider failed: .*The server had an error"),
        (wrong_key(), "refuses the key: check OPENAI_API_KEY in the environment"),
        (unknown_model(), "knows no such model: check model.models"),
        (Answered(status=400, text="unsupported parameter"), "request refused: .*unsupported parameter"),
        (Answered(status=403, text="not for this project"), "refuses the key"),
        (Answered(status=503, text="overloaded"), "the provider failed"),
        (Answered(choices=0), r"the reply is empty \(no choices\)"),
        (Answered(text=""), "the reply is empty"),
        (Answered(text="   \n"), "the reply is empty"),
        (Answered(text='{"yes": tr', finish="length"), r"cut off \(model.max_tokens\)"),
        (Answered(text="I think yes."), "not what was asked for .no JSON object"),
        (Answered(text='{"yes": '), "not what was asked for"),
        (Answered.of({"no": True}), "not what was asked for .yes: Field required"),
        (Answered.of({"yes": True, "share": 7}), "share: Input should be less than or equal to 1"),
        (Answered(text='{"yes": true, "share": NaN}'), "share: "),
        (Answered(text='{"a":' * 100_000), "not what was asked for"),
        (Answered.of([1, 2]), "not what was asked for"),
        (Answered(raw="<html>busy</html>"), "the provider failed"),
        (Answered(refusal="I can't help with that."), "it refused: I can't help"),
        (Answered.of({"yes": True}, finish="content_filter"), "it refused: filter"),
    ],
)
async def test_each_fault_is_one_line_for_the_operator(
    reply: Answered, said: str, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.always(reply)
    with metered() as meter, pytest.raises(ModelUnavailable, match=said) as caught:
        await ordered(litellm).complete(ASK, Verdict)
    assert str(caught.value).startswith(f"{MODEL}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert len(meter.calls) == len(scripted_model.asked) <= 2
    assert all(call.error for call in meter.calls)


@pytest.mark.parametrize("reply", [wrong_key(), unknown_model(), Answered(status=400, text="no"), broken()])
async def test_what_cannot_be_mended_is_not_tried_again(
    reply: Answered, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.always(reply)
    with pytest.raises(ModelUnavailable):
        await ordered(litellm).complete(ASK, Verdict)
    assert len(scripted_model.asked) == 1


@pytest.mark.parametrize("reply", [Answered(hang=True), Answered(drip=True)])
async def test_neither_silence_nor_dripping_lasts(
    reply: Answered, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.then(reply)
    began = time.perf_counter()
    with metered() as meter, pytest.raises(ModelUnavailable, match=r"no reply within 0.3 s"):
        await ordered(litellm, seconds=0.3).complete(ASK, Verdict)
    assert time.perf_counter() - began < 2
    assert [bool(call.error) for call in meter.calls] == [True]


async def test_a_repair_shares_the_time_of_its_model(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.then(Answered(text="well"), Answered(hang=True))
    began = time.perf_counter()
    with pytest.raises(ModelUnavailable, match="no reply within"):
        await ordered(litellm, seconds=0.4).complete(ASK, Verdict)
    assert time.perf_counter() - began < 2


async def test_no_network_is_said(litellm: LiteLlm) -> None:
    alone = LiteLlm(litellm._library, api_bases={"*": "http://127.0.0.1:9/v1"}, seconds=2)
    with pytest.raises(ModelUnavailable, match=r"cannot be reached: check the network and model.api_base"):
        await ordered(alone).complete(ASK, Verdict)


@pytest.mark.parametrize(
    "bad",
    [Answered(text="no"), Answered.of({}), Answered(text='{"yes":', finish="length"), Answered(text="")],
)
async def test_one_repair(bad: Answered, scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.then(bad, GOOD)
    made = await ordered(litellm).complete(ASK, Verdict)
    assert made == Verdict(yes=True, share=0.5)
    assert "could not be used" in scripted_model.asked[1].text
    scripted_model.forget()
    scripted_model.then(bad, bad, GOOD)
    with pytest.raises(ModelUnavailable):
        await ordered(litellm).complete(ASK, Verdict)
    assert len(scripted_model.asked) == 2


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"yes": true, "share": 0.5}\n```',
        'Here it is: {"yes": true, "share": 0.5} I hope it helps',
        '<think>{"yes": false}</think>\n{"yes": true, "share": 0.5}',
        '{"yes": "true", "share": "0.5", "more": [1]}',
    ],
)
async def test_what_surrounds_an_object_does_not_matter(
    text: str, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.then(Answered(text=text))
    assert await ordered(litellm).complete(ASK, Verdict) == Verdict(yes=True, share=0.5)


@pytest.mark.parametrize("reply", [broken(), rate_limited(), wrong_key(), Answered(choices=0), too_long()])
async def test_the_next_model_takes_over(
    reply: Answered, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    models = ordered(litellm, models=[MODEL, SECOND])
    scripted_model.then(reply, *([reply] if reply.choices == 0 else []), GOOD)
    assert (await models.complete(ASK, Verdict)).yes
    assert scripted_model.asked[-1].model == "second"


async def test_a_judgement_may_have_models_of_its_own(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.always(GOOD)
    models = ordered(litellm, stages={"identify": [SECOND]})
    await models.complete(ASK, Verdict)
    await models.complete(replace(ASK, stage="answer"), Verdict)
    assert [asked.model for asked in scripted_model.asked] == ["second", "scripted"]


async def test_the_breaker_opens_rests_tries_and_closes(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    clock = SimulatedClock(BEGIN)
    models = ordered(litellm, clock=clock)

    async def asked(reply: Answered) -> int:
        scripted_model.forget()
        scripted_model.always(reply)
        with suppress(ModelUnavailable):
            await models.complete(ASK, Verdict)
        return len(scripted_model.asked)

    assert [await asked(broken()) for _ in range(5)] == [1, 1, 1, 0, 0]
    [state] = models.state()
    assert (state.state, state.until) == ("open", BEGIN + timedelta(minutes=1))
    assert "provider failed" in state.last_error
    with pytest.raises(ModelUnavailable, match=r"rests after: .*provider failed"):
        await models.complete(ASK, Verdict)
    clock.advance_to(BEGIN + timedelta(minutes=1))
    assert models.state()[0].state == "trying"
    assert [await asked(broken()), await asked(GOOD)] == [1, 0]  # one try, then rest again
    clock.advance_to(BEGIN + timedelta(minutes=2))
    assert [await asked(GOOD), await asked(GOOD)] == [1, 1]
    assert (models.state()[0].state, models.state()[0].last_error) == ("closed", "")


@pytest.mark.parametrize(("reply", "state"), [(wrong_key(), "open"), (unknown_model(), "open")])
async def test_what_a_person_must_mend_rests_at_once(
    reply: Answered, state: str, scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    models = ordered(litellm)
    scripted_model.always(reply)
    with pytest.raises(ModelUnavailable):
        await models.complete(ASK, Verdict)
    assert models.state()[0].state == state


async def test_nobody_can_write_a_model_into_resting(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    """A text that is refused says nothing about the model."""
    models = ordered(litellm)
    scripted_model.always(Answered(refusal="no"))
    for _ in range(6):
        with pytest.raises(ModelUnavailable):
            await models.complete(ASK, Verdict)
    assert models.state()[0].state == "closed"
    assert len(scripted_model.asked) == 6


async def test_one_trial_at_a_time(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    clock = SimulatedClock(BEGIN)
    models = ordered(litellm, clock=clock, failures=1)
    scripted_model.then(broken())
    with pytest.raises(ModelUnavailable):
        await models.complete(ASK, Verdict)
    clock.advance_to(BEGIN + timedelta(minutes=1))
    scripted_model.forget()
    scripted_model.always(GOOD)
    done = await asyncio.gather(*(models.complete(ASK, Verdict) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(each, Verdict) for each in done) == 1
    assert len(scripted_model.asked) == 1


async def test_a_call_that_is_no_longer_needed_is_noted_and_opens_nothing(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    models = ordered(litellm, failures=1)
    scripted_model.then(Answered(hang=True))
    with metered() as meter:
        asking = asyncio.ensure_future(models.complete(ASK, Verdict))
        await asyncio.wait_for(scripted_model.reached(1), 5)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert [call.error for call in meter.calls] == ["stopped: out of time, or no longer needed"]
    assert models.state()[0].state == "closed"


async def test_too_long_is_said_as_such(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.always(too_long())
    with pytest.raises(ContextTooLong, match="longer than it can read"):
        await ordered(litellm).complete(ASK, Verdict)


async def test_use_and_price_are_noted(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.then(GOOD, GOOD)
    with metered() as meter:
        await ordered(litellm, models=["openai/gpt-4o-mini"]).complete(ASK, Verdict)
        await ordered(litellm).complete(ASK, Verdict)
    known, unknown = meter.calls
    assert (known.stage, known.model, known.error) == ("identify", "openai/gpt-4o-mini", "")
    assert known.tokens_in > 0
    assert known.tokens_out > 0
    assert known.cost == pytest.approx(known.tokens_in * 0.15e-6 + known.tokens_out * 0.6e-6)
    assert unknown.cost is None
    assert known.ms > 0


async def test_the_budget_of_a_day(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    clock = SimulatedClock(BEGIN)
    scripted_model.always(GOOD)
    models = ordered(litellm, models=["openai/gpt-4o-mini"], clock=clock, most_cost=3e-6)
    await models.complete(ASK, Verdict)
    with pytest.raises(ModelUnavailable, match=r"today's budget of \$3e-06 is used up .model.budget."):
        await models.complete(ASK, Verdict)
    count = len(scripted_model.asked)
    clock.advance_to(BEGIN + timedelta(days=1))
    await models.complete(ASK, Verdict)
    assert len(scripted_model.asked) == count + 1
    in_tokens = ordered(litellm, most_tokens=1)
    await in_tokens.complete(ASK, Verdict)
    with pytest.raises(ModelUnavailable, match="budget of 1 tokens"):
        await in_tokens.complete(ASK, Verdict)


async def test_calls_of_one_piece_of_work_are_bounded(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.always(Answered(text="no"))
    models = ordered(litellm, models=[MODEL, SECOND], failures=100)
    with metered(3), pytest.raises(ModelUnavailable, match=r"model\.calls_per_run"):
        await models.complete(ASK, Verdict)
    assert len(scripted_model.asked) == 3
    assert models.state()[1].state == "closed"


PICTURES = (Image(url="https://files.example/a.png"), Image(url="https://files.example/gone.png"))
DATA = "data:image/png;base64,iVBORw=="


async def pictures(image: Image) -> str:
    if "gone" in image.url:
        raise PlatformRefused("the file is gone")
    return DATA


async def test_pictures_go_where_they_are_seen(
    scripted_model: ScriptedModel, litellm: LiteLlm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vigilbot.models")
    ask = replace(ASK, images=PICTURES)
    scripted_model.then(GOOD, GOOD, Answered(status=400, text="cannot read the image"), GOOD)
    await ordered(litellm, sees=True, pictures=pictures).complete(ask, Verdict)
    await ordered(litellm, sees=False, pictures=pictures).complete(ask, Verdict)
    await ordered(litellm, sees=True, pictures=pictures).complete(ask, Verdict)  # refused with, taken without
    assert [asked.images for asked in scripted_model.asked] == [[DATA], [], [DATA], []]
    seen, blind, *_ = (asked.text for asked in scripted_model.asked)
    assert "image 2 is left out" in seen
    assert "2 images are left out" in blind
    assert "a picture is left out: the file is gone" in caplog.text


async def test_without_a_way_to_pictures_no_address_is_told(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.then(GOOD)
    await ordered(litellm, sees=True).complete(replace(ASK, images=PICTURES), Verdict)
    assert "2 images are left out" in scripted_model.asked[0].text
    assert "files.example" not in str(scripted_model.asked[0].body)


async def test_the_form_is_asked_for(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.always(GOOD)
    await ordered(litellm, models=["openai/gpt-4o-mini"]).complete(ASK, Verdict)
    await ordered(litellm, takes_schema=False).complete(ASK, Verdict)
    with_schema, without = (asked.body["response_format"] for asked in scripted_model.asked)
    assert with_schema["json_schema"]["schema"] == schema_of(Verdict)
    assert without == {"type": "json_object"}


async def test_each_model_is_tried(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    scripted_model.then(Answered.of({"ready": True}), wrong_key())
    first, second = await ordered(litellm, models=["openai/gpt-4o-mini", SECOND]).try_each()
    assert (first.model, first.error) == ("openai/gpt-4o-mini", "")
    assert first.tokens > 0
    assert first.cost is not None
    assert "OPENAI_API_KEY" in second.error


async def test_faults_at_random_lose_no_turn(scripted_model: ScriptedModel, litellm: LiteLlm) -> None:
    """A third of all replies bad: at most 1.3 calls a turn, and the breaker opens and closes."""
    clock = SimulatedClock(BEGIN)
    models = ordered(litellm, clock=clock, seconds=2)
    bad = [rate_limited(), broken(), Answered(text="x"), Answered(choices=0), Answered(raw="x")]
    turns, answered, unavailable, rested = 150, 0, 0, 0
    with metered() as meter:
        for turn in range(turns):
            fault = (turn * 7919) % 10 < 3 or 40 <= turn < 50
            scripted_model.forget()
            scripted_model.then(bad[turn % len(bad)] if fault else GOOD)
            scripted_model.always(broken() if 40 <= turn < 50 else GOOD)
            clock.advance_to(clock.now() + timedelta(seconds=20))
            try:
                answered += (await models.complete(ASK, Verdict)).yes
            except ModelUnavailable as error:
                unavailable += 1
                rested += "rests" in str(error)
    assert answered + unavailable == turns
    assert rested > 0
    assert models.state()[0].state == "closed"
    assert len(meter.calls) <= 1.3 * turns


async def test_judgements_beyond_the_limit_wait_and_their_time_begins_when_they_are_asked_for(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    """Six judgements, two at a time, each of a quarter second: the last waits longer than it may take."""
    under_way = most = 0

    async def slow(_: object) -> Answered:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.25)
        under_way -= 1
        return GOOD

    scripted_model.play(slow)
    models = ordered(litellm, at_once=2, seconds=0.6)
    found = await asyncio.gather(*(models.complete(ASK, Verdict) for _ in range(6)))
    assert [each.yes for each in found] == [True] * 6
    assert most == 2
    assert [state.state for state in models.state()] == ["closed"]


async def test_a_judgement_nobody_waits_for_any_more_gives_its_place_to_the_next(
    scripted_model: ScriptedModel, litellm: LiteLlm
) -> None:
    scripted_model.then(Answered(hang=True), GOOD)
    models = ordered(litellm, at_once=1)
    first = asyncio.create_task(models.complete(ASK, Verdict))
    await scripted_model.reached(1)
    second = asyncio.create_task(models.complete(ASK, Verdict))
    first.cancel()
    assert (await second).yes
    with suppress(asyncio.CancelledError):
        await first
