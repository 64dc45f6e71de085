"""What a case's state before and after a change amounts to, and when all of them together are worse."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vigilbot.domain import Mode, Outcome, Question
from vigilbot.evals.check import (
    FIGURES,
    Again,
    Case,
    Change,
    Comparing,
    State,
    change,
    differences,
    figures,
    recorded,
)
from vigilbot.providers.embedder_hash import HashEmbedder

T0 = datetime(2024, 1, 1, tzinfo=UTC)
RIGHT, WRONG, UNKNOWN, NONE = State.RIGHT, State.WRONG, State.UNKNOWN, State.NONE


def case(name: str = "R1.0", **other: Any) -> Case:
    values: dict[str, Any] = {
        "answer": name,
        "run": name.split(".")[0],
        "tenant": "T",
        "channel": "C",
        "channel_name": "help",
        "conversation": name,
        "at": T0,
        "through": T0,
        "purpose": "customer",
        "triggers": ("M1",),
        "versions": {},
        "question": Question(text="How do I log in?", message_ids=("M1",)),
        "space": "public",
        "mode": Mode.EVERYONE,
        "text": "Clear the cache, then log in again.",
        "url": "",
        "truth": "",
        "outcome": Outcome.CONSISTENT_BY_HUMAN,
        "right": True,
        "clicked": False,
        "stood": True,
        "seen": {},
        **other,
    }
    return Case(**values)


def wrong(name: str = "R1.0", **other: Any) -> Case:
    return case(name, right=False, outcome=Outcome.WITHDRAWN, **other)


@pytest.mark.parametrize(
    ("known", "before", "after", "expected"),
    [
        (case(), RIGHT, RIGHT, None),
        (case(), RIGHT, NONE, Change.LOST),
        (case(clicked=True), RIGHT, NONE, Change.ACCEPTED_LOST),
        (case(clicked=True), RIGHT, WRONG, Change.SAYS_OTHERWISE),
        (case(stood=False), NONE, WRONG, Change.SAYS_OTHERWISE),
        (case(stood=False), NONE, RIGHT, Change.GAINED),
        (wrong(), NONE, WRONG, Change.CAME_BACK),
        (wrong(), WRONG, WRONG, None),
        (wrong(), WRONG, NONE, Change.MENDED),
        (wrong(), WRONG, UNKNOWN, Change.MENDED),
        (wrong(), WRONG, RIGHT, Change.GAINED),
        (wrong(), NONE, UNKNOWN, None),
    ],
)
def test_what_a_change_of_state_amounts_to(
    known: Case, before: State, after: State, expected: Change | None
) -> None:
    assert change(known, before, after) is expected


def told(known: list[Case], before: list[State], after: list[State]) -> dict[str, Any]:
    return figures(known, before, after, drift=None, left_out=0, failed=0)


def test_one_right_card_less_of_many_is_within_chance_but_many_are_not() -> None:
    many = [case(f"R{n}.0") for n in range(40)]
    one = told(many, [RIGHT] * 40, [NONE] + [RIGHT] * 39)
    assert (one["lost"], one["newly_wrong"], one["worse"]) == (1, 0, False)
    most = told(many, [RIGHT] * 40, [NONE] * 20 + [RIGHT] * 20)
    assert (most["net"]["value"], most["net"]["high"] < 0, most["worse"]) == (-0.5, True, True)
    assert told(many, [NONE] * 40, [RIGHT] * 40)["worse"] is False


@pytest.mark.parametrize(
    ("known", "before", "after"),
    [
        (case(clicked=True), RIGHT, NONE),
        (wrong(), NONE, WRONG),
        (case(), RIGHT, WRONG),
    ],
)
def test_one_newly_wrong_card_is_worse_however_many_are_gained(
    known: Case, before: State, after: State
) -> None:
    others = [case(f"R{n}.0", stood=False) for n in range(2, 60)]
    result = told([known, *others], [before, *[NONE] * 58], [after, *[RIGHT] * 58])
    assert (result["gained"], result["newly_wrong"], result["worse"]) == (58, 1, True)


def test_the_figures_are_those_that_are_explained() -> None:
    names = {name for key, text in FIGURES.items() for name in (key, *_also(text))}
    assert set(told([case()], [RIGHT], [RIGHT])) == names
    assert told([], [], [])["net"] == {"value": None, "low": None, "high": None}


def _also(text: str) -> list[str]:
    """A row of the table may explain a second key after a semicolon."""
    return [
        part.split(":")[0].strip() for part in text.split(";")[1:] if part.split(":")[0].strip().isalpha()
    ]


def test_what_is_newly_wrong_is_told_first() -> None:
    known = [case("R1.0"), wrong("R2.0")]
    found = differences(
        known,
        [RIGHT, NONE],
        [NONE, WRONG],
        [Again(stands=False, why="not sure"), Again(stands=True, text="So.")],
    )
    assert [(d.change, d.said) for d in found] == [(Change.CAME_BACK, "So."), (Change.LOST, "not sure")]


async def test_an_answer_is_worth_what_people_said_of_the_same_words() -> None:
    comparing = Comparing(embedder=HashEmbedder(), theta=0.7)
    same, other = (
        Again(stands=True, text=case().text),
        Again(stands=True, text="Call your bank about the fee."),
    )
    assert await comparing.state(case(), same) is RIGHT
    assert await comparing.state(wrong(), same) is WRONG
    assert await comparing.state(case(), other) is WRONG
    assert await comparing.state(wrong(), other) is UNKNOWN
    assert await comparing.state(wrong(truth="Call your bank about the fee."), other) is RIGHT
    assert await comparing.state(case(), Again(stands=False)) is NONE
    negated = Again(stands=True, text="Do not clear the cache, then log in again.")
    assert await comparing.state(case(), negated) is WRONG


async def test_the_same_first_source_is_the_same_answer_in_other_words() -> None:
    comparing = Comparing(embedder=HashEmbedder(), theta=0.7)
    again = Again(stands=True, text="The steps are all on this page.", url="https://docs.example/login/")
    assert await comparing.state(case(url="https://docs.example/login"), again) is RIGHT
    assert await comparing.state(wrong(truth="See https://docs.example/login please"), again) is RIGHT


def test_what_never_stood_has_no_state() -> None:
    assert [recorded(c) for c in (case(), wrong(), case(stood=False))] == [RIGHT, WRONG, NONE]
