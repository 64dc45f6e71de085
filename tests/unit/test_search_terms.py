"""Which words are searched for: those that tell most, and never so many rows that a customer waits."""

from __future__ import annotations

import pytest

from vigilbot.knowledge.search import MOST_ROWS, RAREST_TERMS, rarest


@pytest.mark.parametrize(
    ("frequency", "chosen"),
    [
        ({}, []),
        ({"the": 9, "err42": 1, "export": 4}, ["err42", "export", "the"]),
        ({"b": 2, "a": 2}, ["a", "b"]),
        ({"the": MOST_ROWS}, ["the"]),
        ({"the": 10 * MOST_ROWS, "a": 20 * MOST_ROWS}, ["the"]),
        ({"err42": 1, "the": MOST_ROWS, "export": 400}, ["err42", "export"]),
        ({"err42": 1, "the": MOST_ROWS - 1}, ["err42", "the"]),
    ],
)
def test_the_rarest_words_are_searched_for(frequency: dict[str, int], chosen: list[str]) -> None:
    assert rarest(frequency) == chosen


def test_a_long_message_is_searched_by_a_few_words() -> None:
    assert rarest({f"w{n:02}": 1 for n in range(50)}) == [f"w{n:02}" for n in range(RAREST_TERMS)]
