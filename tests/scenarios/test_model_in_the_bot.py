"""The whole bot with the configured model engine: calls, record, price, fallback, all from settings."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from vigilbot.app import open_engine
from vigilbot.domain import Trust
from vigilbot.errors import BadSettings
from vigilbot.ledger import Ledger
from vigilbot.settings import Settings, load
from vigilbot.testing import (
    Channel,
    DirectedEngine,
    HashEmbedder,
    MarkPlayer,
    Person,
    ScriptedModel,
    World,
)
from vigilbot.testing.model import Answered, Asked, broken
from vigilbot.testing.world import BEGIN

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "How do I rotate the signing key of the gateway?"
PEOPLE = {name: Person(name=name) for name in ("carl", "dora")}
PEOPLE["ann"] = Person(name="ann", title="Support Engineer")


def settings_for(model: ScriptedModel, **options: str) -> Settings:
    known = {
        "engine.kind": "model",
        "model.models": "openai/gpt-4o-mini",
        "model.api_base": f'{{"*": "{model.url}"}}',
        "retrieval.index": "exact",
        "oncall.grace": "0s",
        "learn.delay": "1m",
    }
    return load(options={**known, **options})


@asynccontextmanager
async def bot(folder: Path, settings: Settings, *, cache: Path | None = None) -> AsyncIterator[World]:
    world = World(
        settings=settings,
        folder=folder,
        embedder=HashEmbedder(),
        engine=DirectedEngine(engine=None),  # type: ignore[arg-type]  # replaced below
        people=PEOPLE,
        channels={"help": Channel(name="help")},
    )
    async with open_engine(settings, world.embedder, clock=world.clock, cache=cache) as engine:
        world.engine = DirectedEngine(engine)
        await world.start()
        try:
            yield world
        finally:
            await world.stop()


async def spent(world: World) -> list[dict[str, object]]:
    return [dict(row) for row in await world.parts.ledger.fetch("SELECT * FROM model_calls ORDER BY id")]


async def test_a_question_costs_three_calls_two_of_them_in_a_row(
    tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    """Identify goes beside rewrite, then the answer; all is on the account of run, channel and day."""
    waiting, most = 0, 0
    player = MarkPlayer()

    async def watched(asked: Asked) -> Answered:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        if len(scripted_model.asked) < 2:
            await scripted_model.reached(2)
        waiting -= 1
        return await player(asked)

    scripted_model.play(watched)
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.teach(QUESTION, "Run gatectl rotate on the primary")
        scripted_model.asked.clear()
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        assert [p.card.body for p in world.cards("main")] == ["Run gatectl rotate on the primary [1]"]
        assert (len(scripted_model.asked), most) == (3, 2)
        rows = await spent(world)
        assert sorted(str(row["stage"]) for row in rows) == ["answer", "identify", "rewrite"]
        [run] = await world.parts.ledger.fetch("SELECT * FROM runs")
        assert {row["run"] for row in rows} == {run["id"]}
        trace = json.loads(run["trace"])
        assert len(trace["calls"]) == 3
        assert "answer 2-" in trace["engine_version"]
        assert "openai/gpt-4o-mini" in trace["engine_version"]
        await world.say("ann", "FIX: Run gatectl rotate on the primary")
        await world.wait(timedelta(hours=1))
        lessons = [row for row in await spent(world) if not row["run"]]
        assert {row["stage"] for row in lessons} <= {"review", "extract"}
        assert lessons
        [day] = await world.parts.ledger.runs.spending(since=BEGIN)
        assert (day["day"], day["channel"], day["failed"]) == ("2026-03-02", "C-HELP", 0)
        assert day["calls"] == len(await spent(world))
        assert day["paid"] == pytest.approx(sum(float(str(r["cost"])) for r in await spent(world)))
        assert day["paid"] > 0


async def test_a_composite_question_is_answered_side_by_side(
    tmp_path: Path, scripted_model: ScriptedModel
) -> None:
    together = 0
    player = MarkPlayer()

    async def watched(asked: Asked) -> Answered:
        nonlocal together
        if "<passages" in asked.text:
            await scripted_model.reached(4)  # both answers are asked for before either is given
            together += 1
        return await player(asked)

    scripted_model.play(watched)
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.teach(QUESTION, "Run gatectl rotate on the primary")
        await world.teach("Where are the audit logs stored?", "In the bucket named audit")
        await world.say("carl", f"{QUESTION} && Where are the audit logs stored?")
        await world.wait(timedelta(minutes=5))
        assert together == 2
        assert len(world.cards("main")) == 2


async def test_a_no_ends_the_rest(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model, **{"identify.first_filter": "0"})) as world:
        await world.say("carl", "Thanks, all good")
        await world.wait(timedelta(minutes=1))
        assert 1 <= len(scripted_model.asked) <= 2
        assert {row["stage"] for row in await spent(world)} <= {"identify", "rewrite"}


async def test_the_model_is_away_for_a_while(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    """Silence, no wrong card, no lost lesson; then as before."""
    scripted_model.always(broken())
    async with bot(tmp_path, settings_for(scripted_model)) as world:
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        await world.say("ann", "FIX: Run gatectl rotate on the primary")
        await world.wait(timedelta(minutes=10))
        assert world.cards("main") == []
        [run] = await world.parts.ledger.fetch("SELECT * FROM runs")
        assert {"identify", "rewrite"} <= {
            line.partition(":")[0] for line in json.loads(run["trace"])["fallbacks"]
        }
        failed = await spent(world)
        assert failed
        assert all(row["error"] and row["cost"] is None for row in failed)
        scripted_model.always(None)
        scripted_model.play(MarkPlayer())
        await world.wait(timedelta(hours=1))
        assert [row["answer"] for row in await world.parts.ledger.entries.list_current()] == [
            "Run gatectl rotate on the primary"
        ]
        await world.say("dora", QUESTION, on="second")
        await world.wait(timedelta(minutes=1))
        assert len(world.cards("second")) == 1


async def test_the_budget_survives_a_restart(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    scripted_model.play(MarkPlayer())
    settings = settings_for(scripted_model, **{"model.budget": "0.000001"})
    async with bot(tmp_path, settings) as world:
        await world.say("carl", QUESTION)
        await world.wait(timedelta(seconds=30))
        assert 1 <= len(scripted_model.asked) <= 2
        ledger: Ledger = world.parts.ledger
        before = len(scripted_model.asked)
        async with open_engine(settings, world.embedder, clock=world.clock, ledger=ledger) as again:
            await again.identify(
                await ledger.chats.dialogue((await world.oncalls("main"))[0]["id"]), (), scope=""
            )
        assert len(scripted_model.asked) == before


async def test_kept_replies_make_a_second_life_free(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    scripted_model.play(MarkPlayer())
    settings, cache = settings_for(scripted_model), tmp_path / "replies.jsonl"

    async def life(name: str) -> list[object]:
        async with bot(tmp_path / name, settings, cache=cache) as world:
            await world.say("carl", QUESTION)
            await world.wait(timedelta(minutes=1))
            await world.say("ann", "FIX: Run gatectl rotate on the primary")
            await world.wait(timedelta(minutes=10))
            await world.say("dora", QUESTION, on="second")
            await world.wait(timedelta(hours=3))
            [day] = await world.parts.ledger.runs.spending(since=BEGIN)
            rows = await spent(world)
            return [
                [p.card.body for p in world.cards("second")],
                day["calls"],
                day["cost"],
                [(row["stage"], row["ms"], row["tokens_in"]) for row in rows],
                day["paid"] > 0,
            ]

    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = await life("one")
    made = len(scripted_model.asked)
    second = await life("two")
    assert made > 5
    assert len(scripted_model.asked) == made
    assert second[:-1] == first[:-1]
    assert (first[-1], second[-1]) == (True, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model.models": "[]"}, "engine.kind is model and no model is named"),
        ({"model.stages": "{guess: openai/gpt-4o}"}, "no judgement is called 'guess'"),
        ({"model.models": "nonsense"}, "'nonsense' names no known provider"),
        ({"model.api_base": "{}"}, "needs OPENAI_API_KEY in the environment"),
    ],
)
async def test_settings_that_cannot_work(
    options: dict[str, str],
    said: str,
    tmp_path: Path,
    scripted_model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadSettings, match=said):
        async with bot(tmp_path, settings_for(scripted_model, **options)):
            pass


async def test_a_verified_pair_is_still_told(tmp_path: Path, scripted_model: ScriptedModel) -> None:
    """The fallback in one bot with the extractive engine: sure of a verified pair, silent on another."""
    scripted_model.play(MarkPlayer())
    async with bot(tmp_path, settings_for(scripted_model, **{"oncall.burst": "0s"})) as world:
        entry = await world.teach(QUESTION, "Run gatectl rotate on the primary")
        await world.say("carl", QUESTION)
        await world.wait(timedelta(minutes=1))
        await world.click("accept", "ann")
        current = await world.parts.knowledge.get(entry)
        assert current is not None
        assert current.trust is Trust.VERIFIED
        scripted_model.always(broken())
        await world.say("dora", QUESTION, on="second")
        await world.wait(timedelta(minutes=1))
        [answer] = await world.rows("answers", "second", "at")
        features = json.loads(answer["features"])
        assert features["fallback"] == 1.0
        assert features["extractive"] > 0.5
        assert [p.card.body for p in world.cards("second")] == ["Run gatectl rotate on the primary [1]"]
        await world.teach("Where are the audit logs stored?", "In the bucket named audit")
        await world.say("carl", "Where are the audit logs stored?", on="third")
        await world.wait(timedelta(minutes=1))
        assert world.cards("third") == []  # nobody verified that one
