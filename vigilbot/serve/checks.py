"""What the doctor examines, from settings and environment: the installation, and each chat that is named."""

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
from vigilbot.platforms.findings import Finding
from vigilbot.platforms.lark import PATH
from vigilbot.platforms.lark_checks import check_lark
from vigilbot.platforms.slack_checks import check_slack
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.providers.packages import known_bad
from vigilbot.reading import leaving
from vigilbot.serve.lark import HOSTS, lark_secrets
from vigilbot.serve.named import Named, named_chats
from vigilbot.serve.slack import BOT_TOKEN, SLACK, slack_secrets
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
        platform=lambda: _chats(settings, environ),
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


async def _chats(settings: Settings, environ: Mapping[str, str]) -> Sequence[Check]:
    """Of every chat that settings name, side by side: one that does not answer holds up no other."""
    named = named_chats(settings.platform.connect)
    if named == (SLACK,) and not environ.get(BOT_TOKEN):  # nobody has set anything up
        remedy = "Needed for `vigilbot run` alone: `vigilbot manifest` makes the app that has the tokens"
        return [Check(name="Slack", status=Status.OK, found=f"not checked: no {BOT_TOKEN}", remedy=remedy)]
    found = await asyncio.gather(*(_chat(settings, environ, each) for each in named))
    return [check for checks in found for check in checks]


async def _chat(settings: Settings, environ: Mapping[str, str], named: Named) -> Sequence[Check]:
    try:
        look = _slack if named.platform == "slack" else _lark
        findings = await look(settings, environ, named)
    except BadInput as error:
        found = f"{error.place} {error.problem}"
        title = "Slack" if named.platform == "slack" else "Lark"
        findings = [Finding(title, "failed", found, error.remedy)]
    of = f" ({named.name})" if named.name else ""
    return [
        Check(name=each.name + of, status=Status(each.status), found=each.found, remedy=each.remedy)
        for each in findings
    ]


async def _slack(settings: Settings, environ: Mapping[str, str], named: Named) -> Sequence[Finding]:
    secrets = slack_secrets(settings, environ, named)
    return await check_slack(
        bot_token=secrets.bot_token,
        app_token=secrets.app_token,
        signing_secret=secrets.signing_secret,
        mode=settings.slack.mode,
        base_url=settings.slack.base_url,
        seconds=settings.slack.timeout,
    )


async def _lark(settings: Settings, environ: Mapping[str, str], named: Named) -> Sequence[Finding]:
    secrets = lark_secrets(settings, environ, named)
    return await check_lark(
        app_id=secrets.app_id,
        app_secret=secrets.app_secret,
        encrypt_key=secrets.encrypt_key,
        token=secrets.token,
        mode=settings.lark.mode,
        base_url=settings.lark.base_url or HOSTS[named.platform],
        seconds=settings.lark.timeout,
        path=named.path(PATH),
    )


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
