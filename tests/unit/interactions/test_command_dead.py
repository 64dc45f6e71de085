"""What was given up is listed for operators, who have it tried again or drop it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.interactions.office import SUPPORT, Office, button, office
from vigilbot.__main__ import root
from vigilbot.cards import ActionKind
from vigilbot.ports import Statement

KEY = "How do I rotate the signing key of the gateway?"
OPTIONS = {"oncall.gate": "immediately", "retrieval.index": "exact", "learn.delay": "1m"}
HOUR = timedelta(hours=1)


@asynccontextmanager
async def company(folder: Path) -> AsyncIterator[Office]:
    async with office(folder, channels=(SUPPORT,), options=OPTIONS) as made:
        await made.world.teach(KEY, "Run gatectl rotate on the primary")
        yield made


async def spoil(made: Office, sql: str, **args: object) -> None:
    await made.ledger.write(Statement(sql, args))


async def number(made: Office, kind: str) -> int:
    [letter] = [row for row in await made.ledger.dead.listed(tenant="T1") if row["kind"] == kind]
    assert f"- {letter['id']}: {kind}" in await made.type("ada", "dead list")
    assert f"given up: 1 {kind}" in await made.type("ada", "status")
    return int(letter["id"])


async def retried(made: Office, kind: str) -> None:
    woken = made.woken
    assert "1 piece of work" in await made.type("ada", f"dead retry {await number(made, kind)}")
    assert made.woken > woken
    await made.world.wait(timedelta(minutes=5))
    assert kind not in await made.ledger.dead.counted()


async def test_an_event_that_could_not_be_taken_in_is_taken_in_when_it_is_tried_again(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        event = made.world.said("otto", KEY, channel="support")
        await made.world.parts.bot.receive(event)
        [row] = await made.ledger.fetch("SELECT id, body FROM inbox WHERE state = 'new'")
        await spoil(made, "UPDATE inbox SET body = '{' WHERE id = :id", id=row["id"])
        await made.world.wait(HOUR)
        shown = await made.type("ada", f"dead show {await number(made, 'event')}")
        assert "JSONDecodeError" in shown
        await spoil(made, "UPDATE inbox SET body = :body WHERE id = :id", **row)
        await retried(made, "event")
        assert [row["text"] for row in await made.ledger.fetch("SELECT text FROM messages")] == [KEY]


async def test_a_card_that_the_platform_never_took_is_posted_when_it_is_tried_again(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.platform.refuse(99)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(HOUR)
        assert not made.world.platform.posted
        assert "refused, as the test asked" in await made.type(
            "ada", f"dead show {await number(made, 'card')}"
        )
        made.world.platform.refuse(0)
        await retried(made, "card")
        assert len(made.world.platform.posted) == 1


async def test_a_card_that_is_tried_again_is_checked_again_first(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.platform.refuse(99)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(HOUR)
        made.world.platform.refuse(0)
        await made.world.say("ann", "FIX: Run gatectl rotate on the primary", channel="support")
        await retried(made, "card")
        assert not made.world.platform.posted


async def test_a_click_without_effect_holds_up_nobody_and_has_it_when_it_is_tried_again(
    tmp_path: Path,
) -> None:
    async with company(tmp_path) as made:
        await made.world.say("otto", KEY, channel="support", on="first")
        await made.world.wait(timedelta(minutes=1))
        [answer] = await made.ledger.fetch("SELECT id, leaned FROM answers")
        await spoil(made, "UPDATE answers SET leaned = '{' WHERE id = :id", id=answer["id"])
        clicks = made.world.parts.bot.clicks
        by_otto, _ = await made.world.clicked("otto", on="first")
        assert (await clicks.accept(answer_id=answer["id"], clicked=by_otto)).taken
        await made.world.wait(timedelta(minutes=1))
        by_ann, _ = await made.world.clicked("ann", on="first")
        assert (await clicks.accept(answer_id=answer["id"], clicked=by_ann)).taken  # waits behind it
        await made.world.say("eve", KEY, channel="support", on="second")
        await made.world.wait(timedelta(hours=24))
        assert len(made.world.platform.posted) == 2
        assert len(await made.ledger.fetch("SELECT 1 FROM feedback WHERE applied_at IS NULL")) == 2
        await spoil(made, "UPDATE answers SET leaned = :leaned WHERE id = :id", **answer)
        await retried(made, "click")
        assert not await made.ledger.fetch("SELECT 1 FROM feedback WHERE applied_at IS NULL")
        [found] = await made.ledger.fetch("SELECT outcome FROM answers WHERE id = :id", id=answer["id"])
        assert found["outcome"] == "verified"


@pytest.mark.parametrize(("call", "kind"), [("answer", "run"), ("extract", "lesson")])
async def test_work_for_which_the_engine_failed_is_done_when_it_is_tried_again(
    tmp_path: Path, call: str, kind: str
) -> None:
    async with company(tmp_path) as made:
        made.world.engine.fail(call, 99)
        text = KEY if kind == "run" else "Where does the flux capacitor live?"
        await made.world.say("otto", text, channel="support")
        await made.world.wait(timedelta(minutes=5))
        if kind == "lesson":
            await made.world.say("ann", "FIX: in the cupboard", channel="support")
        await made.world.wait(timedelta(minutes=10) if kind == "run" else timedelta(hours=30))
        made.world.engine.fail(call, 0)
        await retried(made, kind)
        if kind == "run":
            assert len(made.world.platform.posted) == 1
        else:
            rows = await made.ledger.fetch("SELECT answer FROM knowledge WHERE learned_from != ''")
            assert [row["answer"] for row in rows] == ["in the cupboard"]


async def test_what_is_done_by_itself_later_is_no_dead_letter_any_more(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.engine.fail("answer", 3)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(timedelta(minutes=5))
        await number(made, "run")
        await made.world.say("otto", "Please, it is urgent", channel="support")
        await made.world.wait(timedelta(minutes=5))
        assert "given nothing up" in await made.type("ada", "dead list")


async def test_dropping_asks_first_is_recorded_and_for_operators_alone(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.platform.refuse(99)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(HOUR)
        one = await number(made, "card")
        assert "is for operators" in await made.type("ann", f"dead drop {one}")
        shown = await made.ask("ada", "dead drop all")
        assert "undone for good" in shown.text
        assert await made.ledger.dead.listed()
        assert "Dropped 1" in (await made.click("ada", button(shown, ActionKind.CONFIRM))).text
        assert ("U-ADA", "dead letter dropped") in [row[:2] for row in await made.audit()]
        assert "is no dead letter" in await made.type("ada", f"dead retry {one}")
        made.world.platform.refuse(0)
        await made.world.wait(HOUR)
        assert not made.world.platform.posted


async def test_another_company_neither_sees_nor_touches_them(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.platform.refuse(99)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(HOUR)
        one = await number(made, "card")
        await spoil(made, "UPDATE dead_letters SET tenant = 'T2'")
        assert "given nothing up" in await made.type("ada", "dead list")
        assert "is no dead letter" in await made.type("ada", f"dead retry {one}")
        assert "given up" not in await made.type("ada", "status")


@pytest.mark.parametrize("words", ["", "x", "99999999999999999999", "1 zwei"])
async def test_what_is_no_number_is_refused_in_one_line(tmp_path: Path, words: str) -> None:
    async with company(tmp_path) as made:
        said = await made.type("ada", f"dead retry {words}")
        assert "dead list" in said
        assert len(said.splitlines()) == 1


async def test_the_same_from_the_command_line(tmp_path: Path) -> None:
    async with company(tmp_path) as made:
        made.world.platform.refuse(99)
        await made.world.say("otto", KEY, channel="support")
        await made.world.wait(HOUR)
        one = str(await number(made, "card"))
    where = ["--data", str(tmp_path)]

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(root, ["dead", *words, *where])
        assert result.exit_code == code, result.output
        return result.output

    await asyncio.to_thread(as_an_operator, run, one)


def as_an_operator(run: Callable[..., str], one: str) -> None:
    """Commands have a loop of their own."""
    assert "refused, as the test asked" in run("list")
    assert "remedy" in run("show", one)
    assert "--all" in run("retry", code=2)
    assert "is no dead letter" in run("show", "99", code=2)
    assert "will be tried again" in run("retry", one, "--actor", "me")
    assert "Nothing was given up" in run("list")
    assert "Dropped 0" in run("drop", "--all", "--yes")
