"""Statements and queries of the ledger that scenarios do not pin down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import Event, EventKind, Image, Message, Outcome, Role
from vigilbot.ledger import Chats, Ledger, Runs
from vigilbot.ledger.figures import COUNTS
from vigilbot.ledger.rows import moment, pack_event, stamp, unpack_event
from vigilbot.ports import Statement
from vigilbot.testing.world import BEGIN, MOMENT

EVENT = Event(
    kind=EventKind.POSTED,
    tenant="T1",
    channel="C1",
    ts="1",
    thread="1",
    user="U1",
    at=BEGIN,
    key="delivery-1",
    natural_key="posted:1",
    text='{id} <!channel> "\u202e\u4f60\x00',
    images=(Image(url="https://x/y.png", title="t", media_type="image/png"),),
    user_groups=("S1", "S2"),
)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(tmp_path, durable=False)
    yield opened
    await opened.close()


async def an_oncall(ledger: Ledger, name: str = "O1", **values: object) -> None:
    columns: dict[str, object] = {
        "id": name,
        "tenant": "T1",
        "channel": "C1",
        "thread": "1",
        "state": "open",
        "opened_at": stamp(BEGIN),
        "last_at": stamp(BEGIN),
        **values,
    }
    await ledger.write(Chats.put_oncall(**columns))


def test_an_event_survives_its_row() -> None:
    assert unpack_event(pack_event(EVENT)) == EVENT


def test_times_are_texts_that_sort() -> None:
    times = [
        BEGIN,
        BEGIN + timedelta(microseconds=1),
        BEGIN + timedelta(seconds=1),
        BEGIN + timedelta(days=400),
    ]
    texts = [stamp(at) for at in times]
    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {32}
    assert [moment(text) for text in texts] == times


@pytest.mark.parametrize(
    ("key", "natural_key", "taken"),
    [
        ("delivery-2", "posted:2", True),
        ("delivery-1", "posted:2", False),
        ("delivery-2", "posted:1", False),
    ],
)
async def test_an_event_is_received_once_by_either_key(
    ledger: Ledger, key: str, natural_key: str, taken: bool
) -> None:
    assert await ledger.chats.receive(EVENT, at=BEGIN)
    again = replace(EVENT, key=key, natural_key=natural_key)
    assert await ledger.chats.receive(again, at=BEGIN) is taken
    other_tenant = replace(EVENT, tenant="T2")
    assert await ledger.chats.receive(other_tenant, at=BEGIN)


async def test_events_taken_in_long_ago_are_forgotten_and_still_counted(ledger: Ledger) -> None:
    day = timedelta(days=1)
    for number in range(6):
        event = replace(EVENT, key=f"k{number}", natural_key=f"n{number}")
        await ledger.chats.receive(event, at=BEGIN + number * day)
    rows = await ledger.chats.inbox(now=BEGIN + 10 * day)
    for row in rows[1:]:
        await ledger.write(Chats.inbox_done(row["id"]))
    await ledger.write(Chats.inbox_failed(rows[0]["id"], due=BEGIN, error="x", dead=True))

    async def forgotten(now: timedelta, **known: timedelta) -> int:
        return await ledger.chats.forget_inbox(
            now=BEGIN + now, **({"known": day, "reading": 4 * day} | known)
        )

    await ledger.write(Chats.put_channel(EVENT, space="public"))
    await ledger.write(Statement("UPDATE channels SET gap_from = '1'", {}))
    assert await forgotten(4 * day) == 0  # they may be read again
    await ledger.write(Statement("UPDATE channels SET gap_from = NULL", {}))
    assert await forgotten(4 * day) == 2
    assert await forgotten(9 * day) == 2  # the newest stays
    left = await ledger.fetch("SELECT state FROM inbox ORDER BY id")
    assert [row["state"] for row in left] == ["dead", "done"]
    counts = {row["label"]: row["n"] for row in await ledger.fetch(COUNTS) if row["name"] == "events"}
    assert counts == {"new": 0, "dead": 1, "done": 5}


async def test_inbox_keeps_order_and_gives_up(ledger: Ledger) -> None:
    await ledger.chats.receive(EVENT, at=BEGIN)
    [row] = await ledger.chats.inbox(now=BEGIN)
    later = BEGIN + timedelta(seconds=4)
    await ledger.write(Chats.inbox_failed(row["id"], due=later, error="x" * 9000, dead=False))
    assert await ledger.chats.inbox(now=BEGIN) == []
    [row] = await ledger.chats.inbox(now=later)
    assert row["attempts"] == 1
    await ledger.write(Chats.inbox_failed(row["id"], due=later, error="x", dead=True))
    assert await ledger.chats.inbox(now=later) == []


async def test_one_worker_claims_an_oncall_until_the_lease_ends(ledger: Ledger) -> None:
    await an_oncall(ledger, run_at=stamp(BEGIN))
    until = BEGIN + timedelta(minutes=10)
    assert await ledger.chats.claim("O1", now=BEGIN, until=until)
    assert not await ledger.chats.claim("O1", now=BEGIN + MOMENT, until=until)
    assert await ledger.chats.due_oncalls("run", now=BEGIN + MOMENT) == []
    assert await ledger.next_due() == until  # not before: whoever waits for it would spin
    assert await ledger.chats.claim("O1", now=until, until=until + MOMENT)
    await ledger.chats.release_all()
    assert len(await ledger.chats.due_oncalls("run", now=BEGIN)) == 1


async def test_a_timer_set_anew_meanwhile_is_kept(ledger: Ledger) -> None:
    await an_oncall(ledger, run_at=stamp(BEGIN), learn_at=stamp(BEGIN))
    later = BEGIN + MOMENT
    await ledger.write(Chats.change_oncall("O1", run_at=stamp(later)))  # a message came in during the run
    await ledger.write(
        Chats.timer_done("O1", "run", was=stamp(BEGIN)),
        Chats.timer_done("O1", "learn", was=stamp(BEGIN), then=later + MOMENT),
    )
    row = await ledger.chats.oncall_row("O1")
    assert row is not None
    assert (row["run_at"], row["learn_at"]) == (stamp(later), stamp(later + MOMENT))
    await ledger.write(Chats.timer_done("O1", "run", was=stamp(later)))
    row = await ledger.chats.oncall_row("O1")
    assert row is not None
    assert row["run_at"] is None


async def test_the_close_waits_for_the_lease_too(ledger: Ledger) -> None:
    await an_oncall(ledger, close_at=stamp(BEGIN))
    until = BEGIN + timedelta(minutes=10)
    assert await ledger.chats.claim("O1", now=BEGIN, until=until)
    assert await ledger.chats.due_oncalls("close", now=BEGIN + MOMENT) == []
    assert await ledger.next_due() == until
    await ledger.chats.release_all()
    assert await ledger.next_due() == BEGIN


async def test_asking_one_message_anew_leaves_what_a_card_answered(ledger: Ledger) -> None:
    await an_oncall(ledger)
    for name, state in (("m1", "answered"), ("m2", "open")):
        message = Message(id=name, ts=name, at=BEGIN, role=Role.CUSTOMER, author="U1", text=name, thread="1")
        await ledger.write(
            Chats.put_message(message, event=EVENT, oncall="O1", rule=""),
            Runs.put(
                "questions", id=f"q-{name}", tenant="T1", oncall="O1", run="R1", space="public", text=name,
                message_ids=f'["{name}"]', asker="U1", asked_at=stamp(BEGIN), state=state,
            ),
        )  # fmt: skip
    await ledger.write(*Runs.cover({"m1": 1, "m2": 1}, run="R1", oncall="O1"))
    assert await ledger.chats.uncovered("O1") == ()
    await ledger.write(*Chats.ask_anew("m2", oncall="O1"))
    assert [m.id for m in await ledger.chats.uncovered("O1")] == ["m2"]


async def test_a_long_dialogue_is_read_from_its_end(ledger: Ledger) -> None:
    await an_oncall(ledger)
    for n in range(5):
        message = Message(id=f"m{n}", ts=f"{n}", at=BEGIN + n * MOMENT, role=Role.PEER, author="U", text="x")
        await ledger.write(Chats.put_message(message, event=EVENT, oncall="O1", rule=""))
    assert [m.id for m in (await ledger.chats.dialogue("O1", limit=2)).messages] == ["m3", "m4"]


async def test_learning_is_only_moved_forward(ledger: Ledger) -> None:
    await an_oncall(ledger)
    found = []
    for seconds in (60, 90, 30):
        await ledger.write(Chats.learn_by("O1", BEGIN + timedelta(seconds=seconds)))
        row = await ledger.chats.oncall_row("O1")
        assert row is not None
        found.append((moment(row["learn_at"]) - BEGIN).total_seconds())
    assert found == [60, 60, 30]


async def test_next_due_sees_every_kind_of_work(ledger: Ledger) -> None:
    assert await ledger.next_due() is None
    await an_oncall(ledger, close_at=stamp(BEGIN + timedelta(hours=4)))
    assert await ledger.next_due() == BEGIN + timedelta(hours=4)
    for hours, column in ((3, "learn_at"), (2, "run_at")):
        await ledger.write(Chats.change_oncall("O1", **{column: stamp(BEGIN + timedelta(hours=hours))}))
        assert await ledger.next_due() == BEGIN + timedelta(hours=hours)
    await an_answer(ledger)
    await ledger.write(
        Runs.put_feedback(
            tenant="T1",
            answer="A1",
            actor="U1",
            role="customer",
            kind="accept",
            at=BEGIN + timedelta(hours=1),
        )
    )
    assert await ledger.next_due() == BEGIN + timedelta(hours=1)
    await ledger.chats.receive(EVENT, at=BEGIN)
    assert await ledger.next_due() == BEGIN


async def an_answer(ledger: Ledger) -> None:
    at = stamp(BEGIN)
    common = {"tenant": "T1", "oncall": "O1"}
    await ledger.write(
        Runs.put(
            "runs", id="R1", purpose="customer", at=at, through=at, triggers="[]", scope="within",
            within=1.0, result="decided", mode="everyone", trace="{}", **common,
        ),
        Runs.put(
            "questions", id="Q1", run="R1", space="public", text="How?", message_ids='["M1"]', asker="U1",
            asked_at=at, state="open", **common,
        ),
        Runs.put(
            "answers", id="A1", run="R1", question="Q1", at=at, result="decided", mode="everyone",
            audience="everyone", would_post=1, confidence=1.0, features="{}", text="So", passages="[]",
            leaned="{}", citations="[]", reason="", **common,
        ),
    )  # fmt: skip


async def test_a_review_never_overrules_a_click(ledger: Ledger) -> None:
    await an_oncall(ledger)
    await an_answer(ledger)

    async def outcome() -> str:
        row = await ledger.runs.answer("A1")
        assert row is not None
        return str(row["outcome"])

    await ledger.write(Runs.set_outcome("A1", Outcome.IGNORED, at=BEGIN))
    assert await outcome() == "ignored"
    await ledger.write(Runs.set_outcome("A1", Outcome.ACCEPTED_BY_ASKER, at=BEGIN, final=True))
    await ledger.write(Runs.set_outcome("A1", Outcome.CONTRADICTED, at=BEGIN))
    assert await outcome() == "accepted_by_asker"


async def test_the_same_click_is_one_row(ledger: Ledger) -> None:
    await an_oncall(ledger)
    await an_answer(ledger)
    click = Runs.put_feedback(tenant="T1", answer="A1", actor="U1", role="customer", kind="accept", at=BEGIN)
    [[first], second] = await ledger.write(click, click)
    assert first["id"]
    assert second == []
    assert len(await ledger.runs.owed_feedback(now=BEGIN)) == 1
    await ledger.write(Runs.feedback_applied(first["id"], at=BEGIN))
    assert await ledger.runs.owed_feedback(now=BEGIN) == []
