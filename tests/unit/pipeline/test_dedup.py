"""When an answer says what a card of the on-call already says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vigilbot.domain import Answer
from vigilbot.pipeline.dedup import Dedup, Duplicate, Sent
from vigilbot.ports import Vector


class Drawn:
    """``ports.Embedder``: what is embedded with the first text of each call lies at ``cosine`` from it."""

    model = "drawn"
    dimensions = 2

    def __init__(self, cosine: float) -> None:
        self._other = np.array([cosine, (1 - cosine**2) ** 0.5], dtype=np.float32)
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> Vector:
        self.asked += 1
        return np.stack([np.array([1, 0], np.float32), *[self._other for _ in texts[1:]]])


async def found(said: str, sent: Sequence[Sent], cosine: float = 1.0) -> Duplicate | None:
    return await Dedup(embedder=Drawn(cosine), theta=0.7).find(answer(said), sent)


def card(text: str, *, leaned: dict[str, int] | None = None, current: dict[str, int] | None = None) -> Sent:
    leaned = {"K1": 1} if leaned is None else leaned
    return Sent(answer="A1", text=text, leaned=leaned, current=current or leaned)


def answer(text: str) -> Answer:
    return Answer(text=text, passages=(), confidence=1.0)


@pytest.mark.parametrize(
    ("said", "again", "cosine", "duplicate"),
    [
        ("Run the tool", "Run that tool", 0.95, True),
        ("Run the tool", "Run that tool", 0.69, False),
        ("Run the tool", "  run the TOOL ", 0.0, True),  # equal but for case and white space
        ("Update to 2.1.3", "Update to 2.1.4", 0.99, False),
        ("The outage is resolved", "The outage is not resolved", 0.99, False),
        ("It takes 5 minutes", "It takes 50 minutes", 0.99, False),
        ("ERR-42 means expired", "ERR-43 means expired", 0.99, False),
    ],
)
async def test_same_only_when_alike_and_nothing_differs(
    said: str, again: str, cosine: float, duplicate: bool
) -> None:
    same = await found(again, [card(said)], cosine)
    assert (same is not None) is duplicate
    if same is not None:
        assert same.of == "A1"
        assert same.similarity == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("current", [{"K1": 2}, {"K2": 1}, {"K1": 1, "K2": 3}])
async def test_never_when_what_the_card_leaned_on_has_changed(current: dict[str, int]) -> None:
    sent = card("Run the tool", leaned={"K1": 1, "K2": 1}, current=current)
    assert await found("Run the tool", [sent]) is None


async def test_looks_at_every_card() -> None:
    cards = [card("Run it", current={"K1": 9}), card("Run the tool", current={"K1": 2}), card("Run the tool")]
    assert await found("Run the tool", cards[:2]) is None
    assert await found("Run the tool", cards) is not None


async def test_what_is_compared_with_nothing_needs_no_vector() -> None:
    embedder = Drawn(1.0)
    dedup = Dedup(embedder=embedder, theta=0.7)
    assert await dedup.find(answer("Run the tool"), [card("Run the tool", current={"K1": 9})]) is None
    assert await dedup.find(answer("Run the tool"), []) is None
    assert embedder.asked == 0
