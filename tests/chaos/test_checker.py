"""The checker sees what it is there for: four ways to build such a bot wrong, and every kind of loss."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.checker import check
from tests.chaos.history import Line, read
from tests.chaos.lives import Lives, Plan, town_of
from tests.chaos.process import Launcher
from tests.live.company import eventually
from vigilbot.app import LEDGER
from vigilbot.workspace.faults import Trouble

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW, GRACE = (
    3.0,
    4.5,
)  # seconds: a post that is applied late, and how long a careful bot waits before it looks
Story = Callable[[Lives, str], Awaitable[None]]


async def the_answer_to_a_post_is_lost(lives: Lives, defect: str) -> None:
    life = await lives.begin(defect=defect)
    lives.company.ws.faults.drop("chat.postMessage", applied=True)
    await lives.town.ask()
    await eventually(
        lambda: [c for c in lives.company.ws.calls if c.method == "chat.postMessage" and not c.status]
    )
    await asyncio.sleep(0.5)
    await life.end(signal.SIGTERM)
    life = await lives.begin(defect=defect)
    await lives.idle()
    await life.end(signal.SIGTERM)


async def killed_while_a_post_is_on_its_way(lives: Lives, defect: str) -> None:
    troubles = lives.company.ws.faults.troubles
    troubles.append(Trouble(method="chat.postMessage", drop=True, applied=True, delay=SLOW))
    life = await lives.begin(defect=defect)
    await lives.town.ask()
    await eventually(lambda: not troubles)
    await life.end(signal.SIGKILL)
    life = await lives.begin(defect=defect)
    await lives.idle()
    await asyncio.sleep(SLOW)
    await life.end(signal.SIGTERM)


async def killed_when_an_event_is_acknowledged(lives: Lives, defect: str) -> None:
    """A reaction: nothing but the event tells of it."""
    life = await lives.begin()
    await lives.town.ask()
    await lives.idle()
    await life.end(signal.SIGTERM)
    life = await lives.begin(defect=defect)
    await asyncio.sleep(0.5)
    assert await lives.town.close()
    [told] = [e for e in lives.company.ws.sent if e.name == "reaction_added"]
    await asyncio.wait_for(told.finished.wait(), 20)
    await life.end(signal.SIGKILL)


STORIES: dict[str, tuple[Story, str]] = {
    "naive resend": (the_answer_to_a_post_is_lost, "2 cards for the question"),
    "the vendor's retries": (the_answer_to_a_post_is_lost, "2 cards for the question"),
    "no grace": (killed_while_a_post_is_on_its_way, "2 cards for the question"),
    "acknowledges first": (killed_when_an_event_is_acknowledged, "the close of"),
}


async def told(folder: Path, launcher: Launcher, story: Story, defect: str) -> list[str]:
    plan = Plan(seed=1, lives=0, events=0, places=1)
    async with town_of(folder, plan, launcher, slack__grace=f"{GRACE}s") as lives:
        await story(lives, defect)
        await lives.settled()
    return check(folder / "history.jsonl", folder / "data" / LEDGER)


@pytest.mark.parametrize("defect", STORIES)
async def test_a_bot_that_is_built_wrong_is_caught(tmp_path: Path, launcher: Launcher, defect: str) -> None:
    story, said = STORIES[defect]
    found = await told(tmp_path, launcher, story, defect)
    assert any(said in line for line in found), found


@pytest.mark.parametrize("story", {story: None for story, _ in STORIES.values()}, ids=lambda s: s.__name__)
async def test_the_same_befalls_this_bot_and_nothing_is_found(
    tmp_path: Path, launcher: Launcher, story: Story
) -> None:
    assert await told(tmp_path, launcher, story, "") == []


ALTERED_LEDGER = {
    "DELETE FROM messages WHERE ts = :said": "is in the ledger 0 times",
    "UPDATE messages SET text = 'old' WHERE ts = :edited": "the edit of",
    "UPDATE messages SET deleted = 0 WHERE ts = :deleted": "the deletion of",
    "UPDATE oncalls SET state = 'open' WHERE thread = :closed": "the close of",
    "DELETE FROM feedback": "was confirmed and is lost",
    "DELETE FROM support WHERE kind = 'accepted_by_asker'": "had 0 effects",
    "UPDATE answers SET outcome = 'ignored'": "has the outcome ignored",
    "UPDATE knowledge SET learned_from = '' WHERE answer LIKE 'Set %'": "0 entries were learned",
    "UPDATE knowledge SET learned_from = (SELECT id FROM oncalls WHERE thread = :said)": "nobody said",
    "UPDATE inbox SET state = 'dead' WHERE id = 1": "given up in inbox",
}


async def a_day(lives: Lives) -> None:
    """A little of everything, and nothing goes wrong."""
    town = lives.town
    life = await lives.begin()
    for act in (town.ask, town.edit, town.ask, town.delete):
        assert await act()
    await lives.idle()
    for act in (town.ask, town.wonder):
        assert await act()
    await lives.idle()
    assert await town.answer()
    assert await town.accept()
    await town.calm()
    assert await town.close()
    await lives.idle()
    await life.end(signal.SIGTERM)


async def test_whatever_is_missing_or_there_twice_is_named(tmp_path: Path, launcher: Launcher) -> None:
    good = tmp_path / "good"
    async with town_of(good, Plan(seed=5, lives=0, events=0, places=1), launcher) as lives:
        await a_day(lives)
        await lives.settled()
    history, ledger = good / "history.jsonl", good / "data" / LEDGER
    assert check(history, ledger) == []
    lines = list(read(history))
    marks = {line["do"]: line["ts"] for line in lines if line["do"] in ("edited", "deleted", "closed")}
    marks["said"] = next(line["ts"] for line in lines if line["do"] == "asked" and line["kind"] == "known")
    for sql, said in ALTERED_LEDGER.items():
        altered = tmp_path / "altered.db"
        shutil.copy(ledger, altered)
        with closing(sqlite3.connect(altered)) as database:
            used = {name: value for name, value in marks.items() if f":{name}" in sql}
            assert database.execute(sql, used).rowcount, sql
            database.commit()
        assert any(said in line for line in check(history, altered)), sql
    [card, *_] = [line for line in lines if line["do"] == "shown" and line["card"]]
    assert "2 cards for" in checked([*lines, card | {"ts": "9"}], tmp_path, ledger)
    fewer = [line for line in lines if line["do"] != "shown"]
    assert "no card for the known question" in checked(fewer, tmp_path, ledger)


def checked(lines: list[Line], folder: Path, ledger: Path) -> str:
    path = folder / "altered.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return "\n".join(check(path, ledger))
