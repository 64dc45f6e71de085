"""How soon a card is there: from the end of the quiet time, and how much of that is the bot's own work.

Everything is real but the people and the model: slack-bolt, the ledger, the embedding model, litellm over
HTTP. The workspace and the model run in processes of their own.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from vigilbot.app import assembled, open_embedder
from vigilbot.bench import Demand, Figure, Part, Progress, Section, percentile, spread
from vigilbot.bench.asking import Questions, Waited
from vigilbot.bench.bare import calls_in_turn
from vigilbot.bench.live import Live, Other, live, settings_for, stage, stocked
from vigilbot.bench.made import question
from vigilbot.bench.own import Own, own_work
from vigilbot.bench.player import InstantModel
from vigilbot.bench.serial import SerialEngine
from vigilbot.engine import engine_of
from vigilbot.engines.fallback import FallbackEngine
from vigilbot.engines.model import ModelEngine
from vigilbot.ports import Embedder, Engine
from vigilbot.prompts import load_prompts
from vigilbot.providers.clock import SystemClock
from vigilbot.settings import Settings
from vigilbot.testing import RecordingPlatform

ENTRIES = 10_000
ONCALLS = 50
DELAY = 0.5  # seconds of every reply of the model
RATE = 3.0  # questions a second, in all on-calls together
SLICE = 15.0  # seconds of one way, then of the other
SLICES = 2
BURSTS = 3
ASKED, PAUSE = 40, 0.4  # questions one after the other, and seconds between them
BESIDE = 8  # other messages a second
WARM = 30  # questions before anything is timed
OWN = 150  # messages of each kind
HELD_UP = {100: Demand(limit=50.0)}
MODEL = "openai/scripted"
TWICE = 2 * DELAY * 1000  # milliseconds of two replies, one after the other


async def measure(progress: Progress, *, entries: int = ENTRIES) -> list[Section]:
    async with stage("workspace", ONCALLS) as (people, slack), stage("model", DELAY) as (server, model):
        with tempfile.TemporaryDirectory(prefix="vigilbot-bench-") as folder:
            place, questions = Path(folder), Questions(people)
            settings = settings_for(slack, place)
            embedder = await open_embedder(settings)
            await stocked(place, entries, tenant=slack["team"])
            own = await _own(settings, embedder, slack["team"], entries, progress)
            await people.ask("open", target=None)
            async with live(settings, slack, embedder=embedder) as bot:
                alone = await _extractive(bot, questions, entries, progress)
            modelled = settings_for(
                slack,
                place,
                **{
                    "engine.kind": "model",
                    "model.models": MODEL,
                    "model.api_base": json.dumps({"*": model["url"]}),
                },
            )
            async with live(modelled, slack, embedder=embedder) as bot:
                asked = await _modelled(bot, questions, server, model["url"], progress)
    return [own, alone, asked]


async def _own(
    settings: Settings, embedder: Embedder, tenant: str, entries: int, progress: Progress
) -> Section:
    began, clock = time.perf_counter(), SystemClock()
    model = ModelEngine(model=InstantModel(), prompts=load_prompts(), max_input_tokens=12_000, passages=8)
    instant = FallbackEngine(model=model, extractive=engine_of(settings, embedder), clock=clock)
    settings = replace(settings, oncall=replace(settings.oncall, burst=0.0))
    engines: tuple[tuple[str, Engine | None], ...] = (("extractive", None), ("model", instant))
    figures: list[Figure] = []
    last = entries
    for name, engine in engines:
        async with assembled(
            settings,
            platform=RecordingPlatform(clock=clock),
            clock=clock,
            folder=settings.data.dir,
            embedder=embedder,
            engine=engine,
        ) as parts:
            if engine is None:
                with progress.phase("Vectors of the answers", entries) as step:
                    while done := await parts.told.fill():
                        step(done)
            with progress.phase(f"Own work, {name} engine", WARM + OWN) as step:
                spent = []
                for number in range(last - 1, last - 1 - WARM - OWN, -1):
                    spent.append(await own_work(parts, number, clock=clock, tenant=tenant))
                    step(1)
                last -= WARM + OWN
            figures += _own_figures(name, spent[WARM:], await _alone(embedder, name))
    return Section(
        part=Part.LATENCY,
        title="Own work for one message",
        ran_on=f"{entries} made entries in ledger and index; one message after the other, "
        "from the event to the posted card, with a platform that needs no time; the model engine with a "
        "model that needs none either.",
        figures=tuple(figures),
        seconds=time.perf_counter() - began,
    )


async def _alone(embedder: Embedder, name: str) -> list[float]:
    """Milliseconds for the vector of one new text of a question's length."""
    spent = []
    for number in range(OWN):
        began = time.perf_counter()
        await embedder.embed([f"{question(number)} (asked of the {name} engine)"])
        spent.append((time.perf_counter() - began) * 1000)
    return spent


def _own_figures(name: str, spent: list[Own], alone: list[float]) -> list[Figure]:
    against = "the vector of one new text"
    most = {50: Demand(limit=40.0), 95: Demand(limit=80.0)}
    return [
        *spread(
            f"{name} engine, all of it",
            [each.wall for each in spent],
            unit="ms",
            baseline=alone,
            against=against,
            demands=most,
            percentiles=(50, 95, 99),
        ),
        *spread(f"{name} engine, processor time", [each.processor for each in spent], unit="ms"),
        *spread(f"{name} engine, taking in", [each.taking_in for each in spent], unit="ms"),
        *spread(f"{name} engine, run", [each.run for each in spent], unit="ms"),
        *spread(f"{name} engine, delivery", [each.delivery for each in spent], unit="ms"),
    ]


async def _extractive(bot: Live, questions: Questions, entries: int, progress: Progress) -> Section:
    began = time.perf_counter()
    with progress.phase("Quiet time to card, extractive engine", 2 * ASKED + WARM) as step:
        await questions.ask("single", count=WARM, pause=PAUSE / 2, beside=0)
        step(WARM)
        await questions.acknowledgements()
        bot.watch.taken()
        alone = await questions.ask("single", count=ASKED, pause=PAUSE, beside=0)
        step(ASKED)
        late, acks = bot.watch.taken(), await questions.acknowledgements()
        busy = await questions.ask("single", count=ASKED, pause=PAUSE, beside=BESIDE)
        step(ASKED)
        later, acks_busy = bot.watch.taken(), await questions.acknowledgements()
    against = "without other messages"
    return Section(
        part=Part.LATENCY,
        title="From the quiet time to the card, extractive engine",
        ran_on=f"The whole bot over Socket Mode with {entries} made entries, Slack's limits on calls "
        f"aside; a question every {PAUSE:g} s, without and with {BESIDE} other messages a second.",
        figures=(
            *spread("card, questions alone", alone.waits, unit="ms"),
            *spread(
                "card, among other messages", busy.waits, unit="ms", baseline=alone.waits, against=against
            ),
            _posted(alone + busy),
            *spread("acknowledgement, questions alone", acks, unit="ms"),
            *spread(
                "acknowledgement, among other messages",
                acks_busy,
                unit="ms",
                baseline=acks,
                against=against,
            ),
            *_held_up([*late, *later]),
        ),
        seconds=time.perf_counter() - began,
    )


def _posted(asked: Waited) -> Figure:
    return Figure(
        name="questions with a card", value=len(asked.waits) / max(1, asked.asked), n=asked.asked,
        demand=Demand(limit=1.0, at_most=False),
    )  # fmt: skip


def _held_up(late: list[float]) -> tuple[Figure, ...]:
    return spread("event loop held up", late, unit="ms", demands=HELD_UP, percentiles=(50, 99, 100))


async def _modelled(bot: Live, questions: Questions, server: Other, url: str, progress: Progress) -> Section:
    began, pipeline = time.perf_counter(), bot.parts.bot.pipeline
    side_by_side, serial = pipeline.engine, SerialEngine(pipeline.engine)
    flow = {side_by_side: Waited(asked=0, waits=()), serial: Waited(asked=0, waits=())}
    burst, bare = Waited(asked=0, waits=()), list[float]()
    with progress.phase("Quiet time to card, model engine", 2 * SLICES + BURSTS + 1) as step:
        await questions.ask("together", anew=True)  # opens the on-calls, and warms everything up
        step(1)
        bot.watch.taken()
        for seed in range(SLICES):  # in turns, so that both meet the same machine
            for engine in flow:
                pipeline.engine = engine
                flow[engine] += await questions.ask("poisson", seconds=SLICE, rate=RATE, seed=seed)
                step(1)
        pipeline.engine = side_by_side
        late = bot.watch.taken()
        bodies = (await server.ask("asked"))["bodies"]
        for _ in range(BURSTS):
            burst += await questions.ask("together", anew=False)
            bare += await calls_in_turn([bodies["identify"], bodies["answer"]], at_once=ONCALLS, url=url)
            step(1)
    figures = (
        *_flowing(flow[side_by_side], flow[serial]),
        *spread(
            f"burst of {ONCALLS}", burst.waits, unit="ms", baseline=bare,
            against=f"{ONCALLS} callers of bare litellm, two calls each", percentiles=(50, 100),
        ),
        _posted(flow[side_by_side] + flow[serial] + burst),
        *_held_up(late),
    )  # fmt: skip
    return Section(
        part=Part.LATENCY,
        title="From the quiet time to the card, model engine",
        ran_on=f"The same bot; the model on loopback takes {DELAY * 1000:g} ms for every reply. {ONCALLS} "
        f"open on-calls, Poisson arrivals of {RATE:g} questions a second in total, {SLICES} times "
        f"{SLICE:g} s each way in turns, then {BURSTS} bursts of a question in all {ONCALLS} at once.",
        figures=figures,
        seconds=time.perf_counter() - began,
    )


def _flowing(ours: Waited, serial: Waited) -> list[Figure]:
    """Against two replies of the model, which nothing can be faster than, and against one after the other."""
    limits = {50: 1.10, 95: 1.25}
    floor = [
        Figure(
            name=f"card, p{p}",
            value=percentile(ours.waits, p) if ours.waits else None,
            unit="ms",
            n=len(ours.waits),
            baseline=TWICE,
            against="two replies of the model",
            demand=Demand(limit=limits[p]),
            demand_on_ratio=True,
        )
        for p in limits
    ]
    return [
        *floor,
        *spread(
            "card, beside one after the other",
            ours.waits,
            unit="ms",
            baseline=serial.waits,
            against="identify, then rewrite, then answer",
            percentiles=(50, 95, 99),
        ),
    ]
