"""When an answer says what a card of the on-call already says."""

from __future__ import annotations

import numpy as np
import pytest

from vigilbot.domain import Answer
from vigilbot.pipeline.dedup import Dedup, Sent
from vigilbot.ports import Vector
from vigilbot.testing import HashEmbedder

DEDUP = Dedup(embedder=HashEmbedder(), theta=0.7)


def towards(cosine: float) -> Vector:
    return np.array([cosine, (1 - cosine**2) ** 0.5], dtype=np.float32)


def card(text: str, *, leaned: dict[str, int] | None = None, current: dict[str, int] | None = None) -> Sent:
    leaned = {"K1": 1} if leaned is None else leaned
    return Sent(answer="A1", text=text, vector=towards(1.0), leaned=leaned, current=current or leaned)


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
def test_same_only_when_alike_and_nothing_differs(
    said: str, again: str, cosine: float, duplicate: bool
) -> None:
    found = DEDUP.find(answer(again), towards(cosine), [card(said)])
    assert (found is not None) is duplicate
    if found is not None:
        assert found.of == "A1"
        assert found.similarity == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("current", [{"K1": 2}, {"K2": 1}, {"K1": 1, "K2": 3}])
def test_never_when_what_the_card_leaned_on_has_changed(current: dict[str, int]) -> None:
    sent = card("Run the tool", leaned={"K1": 1, "K2": 1}, current=current)
    assert DEDUP.find(answer("Run the tool"), towards(1.0), [sent]) is None


def test_looks_at_every_card() -> None:
    cards = [card("Run it", current={"K1": 9}), card("Run the tool", current={"K1": 2}), card("Run the tool")]
    assert DEDUP.find(answer("Run the tool"), towards(1.0), cards[:2]) is None
    assert DEDUP.find(answer("Run the tool"), towards(1.0), cards) is not None
    assert DEDUP.find(answer("Run the tool"), towards(1.0), []) is None
