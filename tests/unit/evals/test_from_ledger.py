"""What a report reads from a replayed ledger: questions and their fates, growth, the use of models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import DeliveryState, QuestionState, Result
from vigilbot.evals import from_ledger
from vigilbot.evals.alike import alike
from vigilbot.evals.replay_records import Asked, Fate, KnownOn
from vigilbot.ledger import Ledger
from vigilbot.ledger.chats import Chats
from vigilbot.ledger.rows import stamp, vector_blob
from vigilbot.ledger.runs import Runs
from vigilbot.ports import Vector

T0 = datetime(2024, 5, 1, 23, 30, tzinfo=UTC)
EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(tmp_path, durable=False)
    await opened.write(
        Runs.put("channels", tenant="T", channel="C1", name="help", external=0, private=0, space="public"),
        Chats.put_oncall(
            id="O1",
            tenant="T",
            channel="C1",
            thread="1",
            state="open",
            opened_at=stamp(T0),
            last_at=stamp(T0),
        ),
        Runs.put(
            "runs",
            id="R1",
            tenant="T",
            oncall="O1",
            purpose="customer",
            at=stamp(T0),
            through="",
            triggers="[]",
            scope="within",
            within=1.0,
            result="decided",
            mode="everyone",
            trace="{}",
        ),
    )
    yield opened
    await opened.close()


async def ask(
    ledger: Ledger,
    name: str,
    *results: Result | DeliveryState,
    state: QuestionState = QuestionState.OPEN,
    vector: Vector | None = EAST,
) -> None:
    """A question, a minute after the one before it, and what its runs came to one after another."""
    number = int(name.removeprefix("Q"))
    await ledger.write(
        Runs.put(
            "questions",
            id=name,
            tenant="T",
            oncall="O1",
            run="R1",
            space="public",
            text=f"{name}?",
            message_ids="[]",
            asker="U1",
            asked_at=stamp(T0 + timedelta(minutes=number)),
            state=state.value,
            vector=None if vector is None else vector_blob(vector),
        )
    )
    for i, result in enumerate(results):
        answer = f"{name}.{i}"
        delivered = isinstance(result, DeliveryState)
        values = {"features": "{}", "passages": "[]", "leaned": "[]", "citations": "[]", "reason": ""}
        await ledger.write(
            Runs.put(
                "answers",
                id=answer,
                tenant="T",
                oncall="O1",
                run="R1",
                question=name,
                at=stamp(T0),
                result=Result.DECIDED.value if delivered else result.value,
                mode="everyone",
                audience="everyone",
                would_post=0,
                confidence=0.5,
                text="So.",
                **values,
            )
        )
        if delivered:
            await ledger.write(
                Runs.put(
                    "deliveries",
                    key=answer,
                    tenant="T",
                    oncall="O1",
                    answer=answer,
                    audience="everyone",
                    state=result.value,
                    due_at=stamp(T0),
                    stale_at=stamp(T0),
                    sent_at=stamp(T0) if result in (DeliveryState.SENT, DeliveryState.WITHDRAWN) else None,
                )
            )


async def test_a_question_has_one_fate_over_all_its_runs(ledger: Ledger) -> None:
    expected = {
        (): Fate.ABSTAINED,
        (Result.ABSTAINED,): Fate.ABSTAINED,
        (Result.ABSTAINED, Result.HELD): Fate.HELD,
        (Result.HELD, DeliveryState.SENT): Fate.CARD,
        (DeliveryState.WITHDRAWN,): Fate.CARD,  # it stood there once
        (DeliveryState.BEATEN_BY_HUMAN,): Fate.BEATEN,
        (Result.ABSTAINED, Result.ANSWERED_BY_HUMAN): Fate.BEATEN,
        (Result.DUPLICATE,): Fate.DUPLICATE,
        (Result.STALE,): Fate.LATE,
        (DeliveryState.SKIPPED,): Fate.LATE,
    }
    for number, results in enumerate(expected):
        await ask(ledger, f"Q{number}", *results)
    found = await from_ledger.questions(ledger)
    assert {q.text: q.fate for q in found} == {f"Q{n}?": fate for n, fate in enumerate(expected.values())}


async def test_questions_with_their_place_state_and_group(ledger: Ledger) -> None:
    await ask(ledger, "Q1", Result.HELD, state=QuestionState.RESOLVED)
    await ask(ledger, "Q2", Result.HELD, state=QuestionState.WITHDRAWN)
    await ask(ledger, "Q3", Result.HELD, state=QuestionState.UNRESOLVED, vector=NORTH)
    await ask(ledger, "Q4", Result.HELD, vector=None)
    await ask(ledger, "Q5", Result.HELD)
    found = await from_ledger.questions(ledger)
    assert [(q.text, q.settled, q.group) for q in found] == [
        ("Q1?", True, 0),
        ("Q3?", False, 1),
        ("Q4?", False, 2),
        ("Q5?", False, 0),
    ]
    assert found[0] == Asked(
        channel="C1",
        channel_name="help",
        thread="1",
        at=T0 + timedelta(minutes=1),
        text="Q1?",
        fate=Fate.HELD,
        settled=True,
        group=0,
        id="Q1",
    )


async def test_knowledge_grows_and_shrinks_by_day(ledger: Ledger) -> None:
    async def known(entry: str, revision: int, day: int, until: int | None, *, retracted: int = 0) -> None:
        await ledger.write(
            Runs.put(
                "knowledge",
                entry=entry,
                revision=revision,
                tenant="T",
                space="public",
                channel="C1",
                kind="qa",
                question="q",
                answer="a",
                citations="[]",
                trust="probation",
                learned_from="O1",
                message_ids="[]",
                operation="learn",
                actor="bot",
                reason="",
                valid_from=stamp(T0 + timedelta(days=day)),
                valid_to=None if until is None else stamp(T0 + timedelta(days=until)),
                retracted=retracted,
            )
        )

    assert await from_ledger.growth(ledger) == ()
    await known("K1", 1, 0, 2)
    await known("K1", 2, 2, None)  # revised: as many as before
    await known("K2", 1, 0, 3)
    await known("K2", 2, 3, None, retracted=1)
    await known("K3", 1, 5, 5)  # came and went within a day
    assert await from_ledger.growth(ledger) == (
        KnownOn(day=date(2024, 5, 1), in_force=2),
        KnownOn(day=date(2024, 5, 4), in_force=1),
    )


async def test_the_use_of_models(ledger: Ledger) -> None:
    async def call(model: str, cost: float | None, error: str = "") -> None:
        values = {"ms": 10.0, "tokens_in": 100, "tokens_out": 5, "cost": cost, "cached": 0, "error": error}
        await ledger.write(
            Runs.put(
                "model_calls",
                tenant="T",
                channel="C1",
                oncall="O1",
                stage="answer",
                model=model,
                at=stamp(T0),
                **values,
            )
        )

    assert await from_ledger.model_use(ledger) is None
    await call("b", 0.5)
    await call("a", 0.25)
    await call("a", None, error="timeout")  # a failed call has no price
    use = await from_ledger.model_use(ledger)
    assert use is not None
    assert (use.models, use.calls, use.failed, use.dollars, use.ms) == (("a", "b"), 3, 1, 0.75, (10.0, 10.0))
    assert (use.input_tokens, use.output_tokens) == (300, 15)
    await call("own", None)
    use = await from_ledger.model_use(ledger)
    assert use is not None
    assert use.dollars is None


def test_alike_joins_the_nearest_and_does_not_chain() -> None:
    def towards(degrees: float) -> Vector:
        return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)

    # 0 and 80 begin groups; 45 is nearer to 80, and 125 near to 80 though far from 0
    assert alike([towards(0), towards(80), towards(45), towards(125), towards(180)], near=0.7) == [
        0,
        1,
        1,
        1,
        2,
    ]
    assert alike([None, EAST, None, EAST]) == [0, 1, 2, 1]
    assert alike([]) == []
    many = [towards(3 * n) for n in range(60)]  # more groups than it has room for at first
    assert alike(many, near=0.999) == list(range(60))
