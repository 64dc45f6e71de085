"""The configured engine, opened: extractive, or a language model with the extractive engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vigilbot.engines.extractive import ExtractiveEngine
from vigilbot.engines.extractive.identify import Layered
from vigilbot.engines.fallback import FallbackEngine
from vigilbot.engines.model import ModelEngine
from vigilbot.errors import BadSettings
from vigilbot.ledger import Ledger
from vigilbot.pipeline.first import FirstFilter
from vigilbot.pipeline.habits import Habits
from vigilbot.ports import Clock, Embedder, Engine
from vigilbot.prompts import OWN_FOLDER, VARIABLES, load_prompts
from vigilbot.redact import redact, untouched
from vigilbot.settings import Settings

if TYPE_CHECKING:
    from vigilbot.providers.models import OrderedModels
    from vigilbot.providers.pictures import Pictures

MODEL = "model"


def engine_of(settings: Settings, embedder: Embedder) -> ExtractiveEngine:
    """The extractive engine, whatever ``engine.kind`` says."""
    return ExtractiveEngine(
        embedder=embedder,
        theta=theta_of(settings, embedder),
        identify_threshold=settings.identify.threshold if settings.engine.kind != MODEL else None,
        refuse_below=settings.answer.refuse if settings.engine.kind != MODEL else None,
    )


def first_filter_of(settings: Settings, embedder: Embedder) -> FirstFilter | None:
    """What spares a language model its calls; None without a model, or when it is turned off."""
    below = settings.identify.first_filter
    if settings.engine.kind != MODEL or not below:
        return None
    return FirstFilter(judge=engine_of(settings, embedder), below=below)


def habits_of(embedder: Embedder) -> Habits | None:
    """What channels' resolutions are for; None for a model that cannot be read halfway."""
    halfway = embedder.halfway if isinstance(embedder, Layered) else embedder
    return None if halfway.model == embedder.model else Habits(halfway)


def theta_of(settings: Settings, embedder: Embedder) -> float:
    """The deduplication threshold of this embedding model; the paper's 0.7 when none is calibrated."""
    return settings.dedup.theta.get(embedder.model, 0.7)


@asynccontextmanager
async def open_engine(
    settings: Settings,
    embedder: Embedder,
    *,
    clock: Clock,
    ledger: Ledger | None = None,
    cache: Path | None = None,
    fallback: bool = True,
    pictures: Pictures | None = None,
) -> AsyncIterator[Engine]:
    """``ledger`` knows what today has cost already; ``cache`` is a file of kept replies; ``pictures``
    are how a model gets to see images.

    Without ``fallback`` a language model stands alone, to be measured.

    Raises BadSettings, BadPrompt, BadInput.
    """
    extractive = engine_of(settings, embedder)
    prompts = load_prompts(settings.prompts.dir or OWN_FOLDER)  # wrong ones are told whoever judges
    if settings.engine.kind != MODEL:
        yield extractive
        return
    async with open_models(settings, clock=clock, ledger=ledger, cache=cache, pictures=pictures) as models:
        model = ModelEngine(
            model=models,
            prompts=prompts,
            max_input_tokens=settings.model.max_input_tokens,
            passages=settings.retrieval.passages,
            threshold=settings.identify.threshold,
            refuse=settings.answer.refuse,
            redacting=redact if settings.model.redact else untouched,
        )
        if not fallback:
            yield model
            return
        yield FallbackEngine(model=model, extractive=extractive, clock=clock, models=models.state)


@asynccontextmanager
async def open_models(
    settings: Settings,
    *,
    clock: Clock,
    ledger: Ledger | None = None,
    cache: Path | None = None,
    pictures: Pictures | None = None,
) -> AsyncIterator[OrderedModels]:
    """The configured language models. litellm takes seconds to import: in a thread, now and not before."""
    from vigilbot.providers.llm import open_litellm
    from vigilbot.providers.llm_cache import CachedReplies
    from vigilbot.providers.models import ModelRules, OrderedModels, Spending

    known = settings.model
    if not known.models:
        remedy = "Name one, for instance model.models: [openai/gpt-4.1-mini]"
        raise BadSettings("engine.kind is model and no model is named", place="model.models", remedy=remedy)
    stages = {stage: _listed(names) for stage, names in known.stages.items()}
    if strange := sorted(stages.keys() - VARIABLES.keys()):
        remedy = f"There are {', '.join(VARIABLES)}"
        raise BadSettings(f"no judgement is called '{strange[0]}'", place="model.stages", remedy=remedy)
    names = tuple(dict.fromkeys([*known.models, *(n for listed in stages.values() for n in listed)]))
    library = await open_litellm(api_bases=known.api_base, seconds=known.timeout, models=names)
    send = library.send
    kept: CachedReplies | None = None
    if cache is None:
        for name in names:
            library.check(name)
    else:
        kept = CachedReplies.open(cache, library.send)
        send = kept.send
    spending = Spending(clock=clock, most_cost=known.budget, most_tokens=known.budget_tokens)
    if ledger is not None:
        today = datetime.combine(clock.now().astimezone(UTC).date(), time(), tzinfo=UTC)
        rows = await ledger.runs.spending(since=today)
        spending.start(cost=sum(row["paid"] for row in rows), tokens=sum(row["tokens_paid"] for row in rows))
    rules = ModelRules(
        models=known.models,
        stages=stages,
        timeout=known.timeout,
        at_once=known.at_once,
        failures=known.failures,
        cool_down=timedelta(seconds=known.cool_down),
        max_tokens=known.max_tokens,
        sees=library.sees if known.vision == "auto" else lambda _: known.vision == "on",
        takes_schema=library.takes_schema
        if known.structured == "auto"
        else lambda _: known.structured == "schema",
    )
    try:
        yield OrderedModels(send=send, rules=rules, spending=spending, clock=clock, pictures=pictures)
    finally:
        if kept is not None:
            kept.close()
        await library.close()


def _listed(names: str) -> Sequence[str]:
    return tuple(name.strip() for name in names.split(",") if name.strip())
