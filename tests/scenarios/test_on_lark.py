"""The scenarios once more, in Lark: typed into a local tenant, over its long connection and its webhook.

Beside what each expects, the chats must show the cards that were posted and no others.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from vigilbot.testing import play, read_scenario
from vigilbot.testing.lark_world import LarkWorld

EDITS = "Lark tells bots nothing of a message that its author edits"
ELSEWHERE = {
    "gate_opens_by_assignment": "nobody is assigned to an on-call in Lark",
    "gate_opens_by_call": "in Lark people call the bot by its name; that is answered at once",
    "direct_message": "its chat is made by hand; tests/live has direct messages",
    "direct_message_of_another_company": "its chat is made by hand; tests/live has direct messages",
    "platform_refuses_always": "Lark says in real seconds when to come back",
    "platform_refuses_twice": "Lark says in real seconds when to come back",
    "asked_directly_and_the_platform_refuses": "Lark says in real seconds when to come back",
    "card_says_that_its_question_was_edited": EDITS,
    "confirmed_after_a_first_failed_try": EDITS,
    "edit_before_the_post": EDITS,
    "edit_of_an_answered_question": EDITS,
    "edit_of_an_unanswered_question": EDITS,
    "edit_stops_the_pending_card": EDITS,
    "edit_while_a_card_may_stand": EDITS,
    "edited_before_the_answer_is_no_news": EDITS,
    "edited_during_the_run": EDITS,
    "edited_source_after_the_close": EDITS,
    "edited_source_is_learned_again": EDITS,
    "edited_source_that_says_it_no_longer": EDITS,
    "revised_entry_is_no_duplicate": EDITS,
}
"""Scenarios that cannot be played in Lark, and why."""
OVER_HTTP = ("accept", "asked", "draft", "duplicate", "withdrawn")
"""How the names begin of those that are played over the webhook too: what differs there is the way in."""
FILES = [
    path
    for path in sorted(Path(__file__).parent.glob("*.yaml"))
    if not path.stem.startswith("product_") and path.stem not in ELSEWHERE
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_in_lark(path: Path, tmp_path: Path) -> None:
    await play(read_scenario(path), folder=tmp_path, world_of=partial(LarkWorld, mode="socket"))


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem.startswith(OVER_HTTP)], ids=lambda path: path.stem
)
async def test_in_lark_over_http(path: Path, tmp_path: Path) -> None:
    await play(read_scenario(path), folder=tmp_path, world_of=partial(LarkWorld, mode="webhook"))


def test_what_is_left_out_exists() -> None:
    names = {path.stem for path in Path(__file__).parent.glob("*.yaml")}
    assert set(ELSEWHERE) <= names
