"""The scenarios once more, in Slack: typed into a local workspace, through slack-bolt, in both modes.

Beside what each expects, the channels must show the cards that were posted and no others.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import pytest

from vigilbot.testing import play, read_scenario
from vigilbot.testing.slack_world import SlackWorld

ELSEWHERE = {
    "gate_opens_by_assignment": "nobody is assigned to an on-call in Slack",
    "gate_opens_by_call": "in Slack people call the bot by its name; that is answered at once",
    "asked_directly_and_the_platform_refuses": "Slack says in real seconds when to come back",
    "direct_message": "its channel is made by hand; tests/live has direct messages",
    "direct_message_of_another_company": "its channel is made by hand; tests/live has direct messages",
    "hostile_text": "Slack itself turns <!channel> into a broadcast while it is typed",
    "platform_loses_its_answer": "counts the tries of a platform that answers at once",
    "platform_refuses_always": "Slack says in real seconds when to come back",
    "platform_refuses_twice": "Slack says in real seconds when to come back",
}
"""Scenarios that cannot be played in Slack, and why."""
FILES = [
    path
    for path in sorted(Path(__file__).parent.glob("*.yaml"))
    if not path.stem.startswith("product_") and path.stem not in ELSEWHERE
]


@pytest.mark.parametrize("mode", ["socket", "http"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_in_slack(path: Path, mode: Literal["socket", "http"], tmp_path: Path) -> None:
    await play(read_scenario(path), folder=tmp_path, world_of=partial(SlackWorld, mode=mode))


def test_what_is_left_out_exists() -> None:
    names = {path.stem for path in Path(__file__).parent.glob("*.yaml")}
    assert set(ELSEWHERE) <= names
