"""Language models for tests: the real library before the scripted server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from vigilbot.engines.model import ModelEngine
from vigilbot.ports import Clock, LanguageModel
from vigilbot.prompts import load_prompts
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.llm import LiteLlm, Send
from vigilbot.providers.models import ModelRules, OrderedModels, Spending
from vigilbot.providers.pictures import Pictures
from vigilbot.testing.world import BEGIN

MODEL = "openai/scripted"


def ordered(
    library: LiteLlm,
    *,
    models: Sequence[str] = (MODEL,),
    stages: Mapping[str, Sequence[str]] | None = None,
    seconds: float = 5,
    at_once: int = 100,
    failures: int = 3,
    clock: Clock | None = None,
    send: Send | None = None,
    sees: bool = False,
    takes_schema: bool = True,
    most_cost: float | None = None,
    most_tokens: int | None = None,
    pictures: Pictures | None = None,
) -> OrderedModels:
    clock = clock or SimulatedClock(BEGIN)
    rules = ModelRules(
        models=models,
        stages=stages or {},
        timeout=seconds,
        at_once=at_once,
        failures=failures,
        cool_down=timedelta(minutes=1),
        max_tokens=1000,
        sees=lambda _: sees,
        takes_schema=lambda _: takes_schema,
    )
    spending = Spending(clock=clock, most_cost=most_cost, most_tokens=most_tokens)
    return OrderedModels(
        send=send or library.send, rules=rules, spending=spending, clock=clock, pictures=pictures
    )


def engine_over(model: LanguageModel, *, tokens: int = 12_000) -> ModelEngine:
    return ModelEngine(model=model, prompts=load_prompts(), max_input_tokens=tokens, passages=8)
