"""What language models do when they do not do what they should, as replies of ``ScriptedModel``."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vigilbot.testing.model import Answered, Asked, Player, broken, rate_limited

FAULTS: Mapping[str, Answered] = MappingProxyType(
    {
        "timeout": Answered(hang=True),
        "drip": Answered(text="{}", drip=True),
        "429": rate_limited(),
        "500": broken(),
        "garbage": Answered(text="As a language model I would rather not answer in this form."),
        "no choices": Answered(choices=0),
        "truncated": Answered(text='{"reason": "it goes on and', finish="length"),
    }
)
"""By name: nothing comes; a byte now and then, for ever; slow down; broken; no such form; empty; cut off."""


class Failing:
    """A player of which a ``share`` (0 to 1) of the replies are faults, each of ``kinds`` as likely.

    The same ``seed`` gives the same faults in the same order. ``met`` counts them.
    """

    def __init__(
        self, player: Player, *, share: float, kinds: Sequence[str] = tuple(FAULTS), seed: int = 0
    ) -> None:
        self._player = player
        self._share = share
        self._kinds = tuple(kinds)
        self._chance = random.Random(seed)
        self.met: Counter[str] = Counter()

    async def __call__(self, asked: Asked) -> Answered:
        if self._chance.random() >= self._share:
            return await self._player(asked)
        kind = self._chance.choice(self._kinds)
        self.met[kind] += 1
        return FAULTS[kind]
