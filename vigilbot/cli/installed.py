"""What the commands of an operator open: the ledger, with or without a model, never a running bot."""

from __future__ import annotations

import asyncio
import getpass
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import numpy as np

from vigilbot.admin.exchange import Imported, import_lines
from vigilbot.admin.lines import Placed
from vigilbot.admin.reindex import embed_owed, owed_vectors
from vigilbot.app import INDEX, LEDGER, Parts, assembled, open_embedder, open_ledger, spaces_of, theta_of
from vigilbot.cards import Card, Notice
from vigilbot.cli.progress import TerminalProgress
from vigilbot.errors import BadInput, PlatformError, VigilBotError
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.search import index_space
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import blob_vector
from vigilbot.pipeline import Place
from vigilbot.ports import Clock, Embedder, Vector
from vigilbot.providers.clock import SystemClock
from vigilbot.settings import Settings
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.inspection import copy_ledger

BATCH = 500


@asynccontextmanager
async def ledger_of(settings: Settings, *, make: bool = False) -> AsyncIterator[Ledger]:
    """The configured ledger. Raises BadInput when there is none, unless it may be made."""
    folder = settings.data.dir
    if not make and not (folder / LEDGER).exists():
        raise BadInput(
            "there is no ledger",
            place=str(folder / LEDGER),
            remedy="Name the folder of one with --data, or start the bot first",
        )
    ledger = await open_ledger(folder)
    try:
        yield ledger
    finally:
        await ledger.close()


@asynccontextmanager
async def ledger_to_read(settings: Settings) -> AsyncIterator[Ledger]:
    """The configured ledger as it is at this moment, for looking only: a running bot is not disturbed."""
    place = settings.data.dir / LEDGER
    if not place.exists():
        async with ledger_of(settings) as ledger:  # which says what is missing
            yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="vigilbot-") as name:
        await asyncio.to_thread(copy_ledger, place, Path(name) / LEDGER)
        ledger = await open_ledger(Path(name), durable=False)
        try:
            yield ledger
        finally:
            await ledger.close()


@asynccontextmanager
async def ledger_to_try(settings: Settings) -> AsyncIterator[Ledger]:
    """The configured ledger, or, where there is none yet, an empty one that is thrown away."""
    if (settings.data.dir / LEDGER).exists():
        async with ledger_of(settings) as ledger:
            yield ledger
        return
    with tempfile.TemporaryDirectory(prefix="vigilbot-") as name:
        ledger = await open_ledger(Path(name), durable=False)
        try:
            yield ledger
        finally:
            await ledger.close()


@asynccontextmanager
async def bot_of(settings: Settings, *, clock: Clock, only_look: bool = False) -> AsyncIterator[Parts]:
    """The whole bot, put together as for running, with nobody to speak to and exact search.

    Chroma gives the same answers, and its files stay as they are for the next start. ``only_look``: what
    is written is thrown away, and a running bot is not disturbed.
    """
    exact = replace(settings, retrieval=replace(settings.retrieval, index="exact"))
    async with (
        (ledger_to_read if only_look else ledger_of)(settings) as ledger,
        assembled(exact, platform=Nobody(), clock=clock, folder=settings.data.dir, ledger=ledger) as parts,
    ):
        yield parts


@asynccontextmanager
async def copied_bot(
    settings: Settings, ledger: Ledger, *, folder: Path, clock: Clock
) -> AsyncIterator[Parts]:
    """The same bot on a ledger of its own in ``folder``, which is closed with it."""
    exact = replace(settings, retrieval=replace(settings.retrieval, index="exact"))
    async with assembled(exact, platform=Nobody(), clock=clock, folder=folder, ledger=ledger) as parts:
        yield parts


async def knowledge_of(settings: Settings, ledger: Ledger, *, clock: Clock) -> tuple[Knowledge, Embedder]:
    """Knowledge that can be changed; its index is empty and follows the ledger at the bot's next start."""
    embedder = await open_embedder(settings)
    knowledge = Knowledge(
        ledger=ledger, embedder=embedder, index=ExactIndex(), clock=clock, theta=theta_of(settings, embedder)
    )
    return knowledge, embedder


def knowledge_without_model(ledger: Ledger, *, clock: Clock) -> Knowledge:
    """Knowledge from which can be taken, which needs no vectors."""
    return Knowledge(ledger=ledger, embedder=NoModel(), index=ExactIndex(), clock=clock, theta=1.0)


async def bring_in(
    settings: Settings,
    lines: Sequence[Placed],
    *,
    actor: str,
    source: str,
    tenant: str | None,
    space: str,
    dry_run: bool,
) -> Imported:
    """An import, or what one would do; no ledger is made for lines that cannot be used."""

    async def put(ledger: Ledger, *, only_say: bool) -> Imported:
        return await import_lines(
            ledger,
            lines,
            actor=actor,
            at=SystemClock().now(),
            source=source,
            tenant=tenant,
            space=space,
            dry_run=only_say,
        )

    async with ledger_to_try(settings) as ledger:
        planned = await put(ledger, only_say=True)
    if dry_run or not planned.changes:
        return planned
    async with ledger_of(settings, make=True) as ledger:
        done = await put(ledger, only_say=False)
        await restore_vectors(ledger, await open_embedder(settings))
        return done


async def restore_vectors(ledger: Ledger, embedder: Embedder) -> None:
    """Embeds what an undo or an import left without a vector."""
    owed = await owed_vectors(ledger, model=embedder.model, everything=False)
    with TerminalProgress().phase("Embedding", len(owed)) as step:
        await embed_owed(ledger, embedder, owed, step=step)


async def build_generation(
    settings: Settings, ledger: Ledger, *, model: str, progress: TerminalProgress
) -> int:
    """Throws the index's files away and writes them anew from the ledger's vectors; says how many."""
    exact = await exact_of(ledger, model=model)
    generation = await ChromaIndex.open(settings.data.dir / INDEX)
    try:
        keys = exact.keys()
        with progress.phase("Building the index", len(keys)) as step:
            for start in range(0, len(keys), BATCH):
                known, spaces, vectors = await exact.get(keys[start : start + BATCH])
                await generation.put(known, spaces, vectors)
                step(len(known))
        await generation.seal(await exact.digest())
    finally:
        await generation.close()
    return len(keys)


async def exact_of(ledger: Ledger, *, model: str) -> ExactIndex:
    """The ledger's vectors, as the bot loads them."""
    exact = ExactIndex()
    rows = await ledger.entries.embeddings(model)
    if rows:
        await exact.put(
            [row["key"] for row in rows],
            [index_space(row["tenant"], row["space"]) for row in rows],
            np.stack([blob_vector(row["vector"]) for row in rows]),
        )
    return exact


async def place_of(ledger: Ledger, *, channel: str, spaces: Sequence[str]) -> Place:
    """Where a question is asked: in a known channel, or nowhere, with an eye on all or some spaces."""
    if channel:
        wanted = channel.removeprefix("#")
        rows = [row for row in await ledger.chats.channels() if wanted in (row["channel"], row["name"])]
        if not rows:
            raise BadInput(
                "no such channel in the ledger",
                place=channel,
                remedy="Give its name or id, or no --channel",
            )
        if len(rows) > 1:
            ids = ", ".join(row["channel"] for row in rows)
            raise BadInput("several channels have this name", place=channel, remedy=f"Give one's id: {ids}")
        return Place(tenant=rows[0]["tenant"], channel=rows[0]["channel"], spaces=spaces_of(rows[0]))
    known = await ledger.fetch("SELECT DISTINCT tenant, space FROM knowledge ORDER BY tenant, space")
    tenants = {row["tenant"] for row in known}
    if len(tenants) > 1:
        raise BadInput("the ledger has several tenants", remedy="Say where it is asked with --channel")
    everywhere = tuple(row["space"] for row in known)
    if strange := [space for space in spaces if space not in everywhere]:
        raise BadInput(
            "no entry was ever in this space", place=strange[0], remedy=f"There are: {', '.join(everywhere)}"
        )
    return Place(tenant=next(iter(tenants), ""), channel="", spaces=tuple(spaces) or everywhere)


def login() -> str:
    """Who sits here, for the record."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # no such user on this machine, as in some containers
        return "operator"


class Nobody:
    """A platform on which nothing can be posted: a command speaks to its operator only."""

    async def post(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        card: Card,
        key: str,
        readers: Sequence[str] = (),
        since: datetime | None = None,
    ) -> str:
        return self._refuse()

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        self._refuse()

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        self._refuse()

    async def notify(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        notice: Notice,
        key: str,
        reader: str = "",
        since: datetime | None = None,
    ) -> str:
        return self._refuse()

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        self._refuse()

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return ""

    def _refuse(self) -> NoReturn:
        raise PlatformError("a command of an operator posts nothing")


class NoModel:
    """An embedder for work that embeds nothing."""

    @property
    def model(self) -> str:
        return ""

    @property
    def dimensions(self) -> int:
        return 0

    async def embed(self, texts: Sequence[str]) -> Vector:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise VigilBotError("this command was not meant to need the embedding model; please report it")
