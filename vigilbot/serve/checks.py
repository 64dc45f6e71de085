"""What the doctor examines, from settings and environment: the installation, and Slack when it is set up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from vigilbot.admin.retention import told
from vigilbot.app import INDEX, LEDGER, engine_of, open_embedder
from vigilbot.doctor import Check, Premises, Status, TriedModel
from vigilbot.engine import open_models
from vigilbot.errors import BadInput
from vigilbot.knowledge.search import index_space
from vigilbot.ledger.rows import blob_matrix
from vigilbot.ledger.status import RETENTION
from vigilbot.platforms.slack_checks import check_slack
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.providers.packages import known_bad
from vigilbot.reading import leaving
from vigilbot.serve.slack import BOT_TOKEN, slack_secrets
from vigilbot.settings import Settings
from vigilbot.settings.rows import spoken_span
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.inspection import inspect_ledger, read_rows, read_vectors
from vigilbot.stores.migrations import bundled


def premises_of(
    settings: Settings, environ: Mapping[str, str], *, embedder: Embedder | None = None
) -> Premises:
    """``embedder`` is one that is loaded already, else the configured one is loaded."""
    ledger = settings.data.dir / LEDGER
    newest = max((migration.number for migration in bundled()), default=0)

    async def loaded() -> Embedder:
        return embedder or await open_embedder(settings)

    return Premises(
        prompts=settings.prompts.dir,
        data=settings.data.dir,
        ledger=ledger,
        newest_schema=newest,
        look=lambda: inspect_ledger(ledger, known=newest),
        open_embedder=loaded,
        make_engine=lambda model: engine_of(settings, model),
        try_models=(lambda: _tried(settings)) if settings.engine.kind == "model" else None,
        generation=None
        if settings.retrieval.index == "exact"
        else lambda model: _generation(settings.data.dir, model=model),
        platform=lambda: _slack(settings, environ),
        leaving=lambda: leaving(settings),
        known_bad=known_bad,
        retention=lambda: _retention(settings, ledger),
        environ=environ,
    )


def _retention(settings: Settings, ledger: Path) -> str:
    kept = [
        f"{what} {spoken_span(seconds)}" if seconds else f"{what} for ever"
        for what, seconds in (
            ("messages", settings.retention.messages),
            ("traces", settings.retention.traces),
        )
    ]
    return f"keeps {', '.join(kept)}; {told(read_rows(ledger, RETENTION))}"


async def _slack(settings: Settings, environ: Mapping[str, str]) -> Sequence[Check]:
    if not environ.get(BOT_TOKEN):
        remedy = "Needed for `vigilbot run` alone: `vigilbot manifest` makes the app that has the tokens"
        return [Check(name="Slack", status=Status.OK, found=f"not checked: no {BOT_TOKEN}", remedy=remedy)]
    try:
        secrets = slack_secrets(settings, environ)
    except BadInput as error:
        found = f"{error.place} {error.problem}"
        return [Check(name="Slack", status=Status.FAILED, found=found, remedy=error.remedy)]
    findings = await check_slack(
        bot_token=secrets.bot_token,
        app_token=secrets.app_token,
        signing_secret=secrets.signing_secret,
        mode=settings.slack.mode,
        base_url=settings.slack.base_url,
        seconds=settings.slack.timeout,
    )
    return [
        Check(name=each.name, status=Status(each.status), found=each.found, remedy=each.remedy)
        for each in findings
    ]


async def _tried(settings: Settings) -> Sequence[TriedModel]:
    async with open_models(settings, clock=SystemClock()) as models:
        return await models.try_each()


async def _generation(folder: Path, *, model: str) -> str:
    """The state of the index's files, as ``doctor.Premises.generation`` wants it."""
    from vigilbot.stores.generation import generation_state

    exact = ExactIndex()
    rows = read_vectors(folder / LEDGER, model=model)
    if rows:
        vectors = blob_matrix(vector for *_, vector in rows)
        spaces = [index_space(tenant, space) for _, tenant, space, _ in rows]
        await exact.put([key for key, *_ in rows], spaces, vectors)
    content = await exact.digest()
    return await asyncio.to_thread(generation_state, folder / INDEX, content=content)
