"""A model that fails in every way it can, three times of ten: no judgement is lost, few calls are wasted."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.models import engine_over, ordered
from tests.unit.engines.test_model_engine import ASKED, TALK
from vigilbot.domain import Scope
from vigilbot.engines.fallback import FallbackEngine
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.llm import LiteLlm
from vigilbot.testing import MarkPlayer, ScriptedEngine, ScriptedModel
from vigilbot.testing.faults import FAULTS, Failing
from vigilbot.testing.world import BEGIN
from vigilbot.usage import metered

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHARE = 0.3
SECONDS = 0.15  # that a reply may take: the good ones come within milliseconds
SIDE_BY_SIDE = 3
PACE = timedelta(seconds=30)  # of the simulated clock between two rounds: breakers rest for a minute


class Trial:
    """Judgements side by side, and what became of them and of the breaker."""

    def __init__(self, litellm: LiteLlm) -> None:
        self.clock = SimulatedClock(BEGIN)
        self.models = ordered(litellm, clock=self.clock, seconds=SECONDS)
        self.engine = FallbackEngine(
            model=engine_over(self.models), extractive=ScriptedEngine(least=0.7), clock=self.clock
        )
        self.ended: Counter[str] = Counter()
        self.breaker: list[str] = []

    async def turns(self, count: int) -> None:
        for begin in range(0, count, SIDE_BY_SIDE):
            self.clock.advance_to(self.clock.now() + PACE)
            await asyncio.gather(*(self._turn(n) for n in range(begin, min(count, begin + SIDE_BY_SIDE))))
            [model] = self.models.state()
            if not self.breaker or self.breaker[-1] != model.state:
                self.breaker.append(model.state)

    async def _turn(self, number: int) -> None:
        with metered() as meter:
            if number % 2:
                questions = await self.engine.rewrite(TALK, TALK.messages[1:2])
                right = [each.text for each in questions] == [ASKED]
            else:
                found = await self.engine.identify(TALK, TALK.messages[1:2], scope="")
                right = found.scope is Scope.WITHIN
        self.ended["right" if right else "wrong"] += 1
        self.ended["without the model"] += bool(meter.fallbacks)


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.fuzz)])
async def test_no_judgement_is_lost_and_few_calls_are_wasted(
    litellm: LiteLlm, scripted_model: ScriptedModel, count: int
) -> None:
    player = Failing(MarkPlayer(), share=SHARE, seed=5)
    scripted_model.play(player)
    trial = Trial(litellm)
    await trial.turns(count)
    calls = len(scripted_model.asked)
    told = f"{count} judgements, {calls} calls, {player.met.total()} faults, {trial.ended}"
    print(told, "breaker:", Counter(trial.breaker))  # noqa: T201 - the figures of make fuzz
    assert trial.ended["right"] == count, told
    assert calls <= 1.3 * count, told
    assert set(player.met) == set(FAULTS), told
    assert player.met.total() > 0.25 * calls, told
    assert "open" in trial.breaker, told
    assert trial.breaker.index("open") < len(trial.breaker) - 1 - trial.breaker[::-1].index("closed"), told
