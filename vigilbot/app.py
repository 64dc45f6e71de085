"""The composition root: names every concrete part and puts one bot together.

Only this module reads Settings; everything else gets plain values.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from vigilbot.autonomy.critic import Critic
from vigilbot.autonomy.gate import Gate
from vigilbot.bot import Bot, BotRules
from vigilbot.delivery import Delivery
from vigilbot.domain import Gate as Start
from vigilbot.engine import engine_of as engine_of
from vigilbot.engine import first_filter_of as first_filter_of
from vigilbot.engine import habits_of as habits_of
from vigilbot.engine import open_engine as open_engine
from vigilbot.engine import theta_of as theta_of
from vigilbot.holds import Holds
from vigilbot.knowing import common_of, space_of
from vigilbot.knowing import knowledge_of as knowledge_of
from vigilbot.knowing import spaces_of as spaces_of
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.spaces import PUBLIC as PUBLIC
from vigilbot.learning.agreement import Comparison
from vigilbot.learning.answered import Answered
from vigilbot.learning.documents import Documents
from vigilbot.learning.hindsight import Hindsight
from vigilbot.learning.lessons import Lessons
from vigilbot.learning.pages import OwnFetcher
from vigilbot.learning.reviewer import Reviewer
from vigilbot.learning.standing import Standing
from vigilbot.learning.unanswered import Unanswered
from vigilbot.ledger import Ledger
from vigilbot.oncalls import OnCallRules, OnCalls
from vigilbot.pipeline import Pipeline
from vigilbot.pipeline.dedup import Dedup
from vigilbot.pipeline.recheck import Recheck
from vigilbot.pipeline.rerank import EvidenceReranker
from vigilbot.pipeline.retrieve import Retriever
from vigilbot.pipeline.told import Told
from vigilbot.ports import Clock, Directory, Embedder, Engine, Platform, VectorIndex
from vigilbot.providers.pictures import Pictures
from vigilbot.redact import redact_secrets, untouched
from vigilbot.roles import Roles, Roster
from vigilbot.settings import Settings
from vigilbot.stores.chroma import ChromaIndex
from vigilbot.stores.exact import ExactIndex
from vigilbot.stores.generational import GenerationalIndex
from vigilbot.stores.migrations import bundled
from vigilbot.stores.sqlite import SqliteDatabase
from vigilbot.text.replies import acknowledges, confirms, goes_on
from vigilbot.turns import AT_ONCE

LEDGER = "ledger.db"
INDEX = "index"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """A running bot and the parts a driver or a command also needs."""

    bot: Bot
    ledger: Ledger
    knowledge: Knowledge
    embedder: Embedder
    index: VectorIndex
    roles: Roles
    documents: Documents | None  # None: links are left alone
    told: Told


@dataclass(frozen=True, kw_only=True, slots=True)
class Stages:
    """What makes the stages that an ablation replaces; called with the parts the usual one is made of."""

    retriever: Callable[..., Retriever] = Retriever
    reviewer: Callable[..., Reviewer] = Reviewer


def roster(settings: Settings, *, peers_are_analysts: bool | None = None) -> Roster:
    known = settings.roles
    peers = known.peers_are_analysts if peers_are_analysts is None else peers_are_analysts
    return Roster(
        analysts=frozenset(known.analysts),
        customers=frozenset(known.customers),
        operators=frozenset(known.operators),
        analyst_groups=frozenset(known.analyst_groups),
        analyst_titles=known.analyst_titles,
        author_is_customer=known.author_is_customer,
        peers_are_analysts=peers,
    )


def gate_of(settings: Settings) -> Gate:
    return Gate(per_oncall=settings.cards.per_oncall)


def critic_of(settings: Settings, engine: Engine, *, ledger: Ledger, clock: Clock) -> Critic:
    known = settings.answer
    fixed = engine.post_threshold if known.post is None else known.post
    return Critic(ledger=ledger, clock=clock, enough=fixed, target=known.target)


def runs_at_once(settings: Settings) -> int:
    """With a language model runs mostly wait; identification and rewriting of each are under way together."""
    return max(1, settings.model.at_once // 2) if settings.engine.kind == "model" else AT_ONCE


async def open_ledger(folder: Path, *, durable: bool = True, redacts: bool = True) -> Ledger:
    """The ledger in a data folder, made when missing; ``redacts`` is data.redact. Raises BadLedger."""
    database = await SqliteDatabase.open(folder / LEDGER, migrations=bundled(), durable=durable)
    return Ledger(database, stored=redact_secrets if redacts else untouched)


async def open_embedder(settings: Settings) -> Embedder:
    """The configured embedding model, loaded. Raises BadSettings."""
    from vigilbot.providers.embedder import open_embedder as opened  # heavy: torch comes with it

    return await opened(model=settings.embedder.model, path=settings.embedder.path)


@asynccontextmanager
async def open_index(settings: Settings, folder: Path) -> AsyncIterator[VectorIndex]:
    """Exact search over the ledger's vectors; beside it, from a size on, a generation of Chroma."""
    if settings.retrieval.index == "exact":
        yield ExactIndex()
        return

    async def generation(content: str) -> ChromaIndex:
        return await ChromaIndex.open(folder / INDEX, content=content)

    index = GenerationalIndex(
        exact=ExactIndex(), open_generation=generation, chroma_from=settings.retrieval.chroma_from
    )
    try:
        yield index
    finally:
        await index.close()


@asynccontextmanager
async def upkeep(index: VectorIndex) -> AsyncIterator[None]:
    """What keeps an index in step, beside everything else. It must have been filled before: a generation is
    taken up again only by an index that holds all of it."""
    if not isinstance(index, GenerationalIndex):
        yield
        return
    keeping = asyncio.create_task(index.maintain())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@asynccontextmanager
async def assembled(
    settings: Settings,
    *,
    platform: Platform,
    clock: Clock,
    folder: Path,
    directory: Directory | None = None,
    embedder: Embedder | None = None,
    engine: Engine | None = None,
    ledger: Ledger | None = None,
    start: Start | None = None,
    latency: timedelta = timedelta(0),
    durable: bool = True,
    peers_are_analysts: bool | None = None,
    cache: Path | None = None,
    pictures: Pictures | None = None,
    reads_links: bool = False,
    own_documents: OwnFetcher = lambda url, tenant: None,
    stages: Stages = Stages(),
) -> AsyncIterator[Parts]:
    """One bot on the ledger in ``folder``, closed cleanly on the way out.

    What is given instead of opened here (embedder, engine, ledger) takes the configured part's place.
    ``cache`` is a file of a language model's kept replies, ``pictures`` how it gets to see images;
    ``reads_links``: links that people share lead to documents, fetched as configured, those of the chat
    platform itself with ``own_documents``.
    """
    async with AsyncExitStack() as stack:
        ledger = ledger or await open_ledger(folder, durable=durable, redacts=settings.data.redact)
        stack.push_async_callback(ledger.close)
        await ledger.chats.release_all()
        model = embedder or await open_embedder(settings)
        index = await stack.enter_async_context(open_index(settings, folder))
        knowledge = await knowledge_of(settings, ledger=ledger, embedder=model, index=index, clock=clock)
        await stack.enter_async_context(upkeep(index))
        if engine is None:
            engine = await stack.enter_async_context(
                open_engine(settings, model, clock=clock, ledger=ledger, cache=cache, pictures=pictures)
            )
        roles = Roles(roster(settings, peers_are_analysts=peers_are_analysts))
        roles.load(await ledger.channels.roster())
        yield _Wiring(
            settings=settings,
            ledger=ledger,
            knowledge=knowledge,
            embedder=model,
            index=index,
            engine=engine,
            roles=roles,
            platform=platform,
            directory=directory,
            clock=clock,
            start=start or settings.oncall.opens,
            latency=latency,
            reads_links=reads_links,
            own_documents=own_documents,
            stages=stages,
        ).parts()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wiring:
    """The concrete parts, and how they are put together."""

    settings: Settings
    ledger: Ledger
    knowledge: Knowledge
    embedder: Embedder
    index: VectorIndex
    engine: Engine
    roles: Roles
    platform: Platform
    directory: Directory | None
    clock: Clock
    start: Start
    latency: timedelta
    reads_links: bool
    own_documents: OwnFetcher
    stages: Stages

    def parts(self) -> Parts:
        documents = self._documents()
        told = Told(ledger=self.ledger, embedder=self.embedder)
        return Parts(
            bot=self._bot(documents, told),
            ledger=self.ledger,
            knowledge=self.knowledge,
            embedder=self.embedder,
            index=self.index,
            roles=self.roles,
            documents=documents,
            told=told,
        )

    def _documents(self) -> Documents | None:
        if not self.reads_links:
            return None
        from vigilbot.reading import documents_of  # replay fetches nothing, and needs none of it

        return documents_of(
            self.settings,
            ledger=self.ledger,
            knowledge=self.knowledge,
            clock=self.clock,
            standing=self._standing(),
            own=self.own_documents,
        )

    def _bot(self, documents: Documents | None, told: Told) -> Bot:
        known = self.settings
        recheck = Recheck(embedder=self.embedder, theta=theta_of(self.settings, self.embedder))
        return Bot(
            ledger=self.ledger,
            oncalls=self._oncalls(),
            roles=self.roles,
            pipeline=self._pipeline(recheck, told),
            gate=gate_of(known),
            knowledge=self.knowledge,
            lessons=self._lessons(),
            standing=self._standing(),
            delivery=self._delivery(recheck),
            clock=self.clock,
            rules=BotRules(
                card_gap=timedelta(seconds=known.cards.gap),
                stale=timedelta(seconds=known.cards.stale),
                scope=known.scope.statement,
                mode_internal=known.mode.internal,
                mode_external=known.mode.external,
                latency=self.latency,
                accept=known.cards.accept,
                calls_per_run=known.model.calls_per_run,
                at_once=runs_at_once(known),
            ),
            spaces_of=spaces_of,
            directory=self.directory,
            documents=documents,
            common=common_of(known, self.ledger, self.knowledge, self.clock),
        )

    def _oncalls(self) -> OnCalls:
        known = self.settings.oncall
        everywhere = self.settings.scope.space
        return OnCalls(
            ledger=self.ledger,
            roles=self.roles,
            rules=OnCallRules(
                unit=known.unit,
                gate=self.start,
                grace=timedelta(seconds=known.grace),
                burst=timedelta(seconds=known.burst),
                inactivity=timedelta(seconds=known.inactivity),
                reopen=timedelta(seconds=known.reopen),
                learn_delay=timedelta(seconds=self.settings.learn.delay),
                close_reactions=frozenset(known.close_reactions),
            ),
            space_of=lambda event: space_of(event, everywhere=everywhere),
            holds=Holds(span=timedelta(seconds=known.ack_hold), acknowledges=acknowledges, goes_on=goes_on),
            confirms=confirms,
        )

    def _pipeline(self, recheck: Recheck, told: Told) -> Pipeline:
        return Pipeline(
            engine=self.engine,
            retriever=self.stages.retriever(
                knowledge=self.knowledge,
                embedder=self.embedder,
                candidates=self.settings.retrieval.candidates,
            ),
            reranker=EvidenceReranker(
                embedder=self.embedder, recall=told.of, habits=habits_of(self.embedder)
            ),
            dedup=Dedup(embedder=self.embedder, theta=theta_of(self.settings, self.embedder)),
            recheck=recheck,
            critic=critic_of(self.settings, self.engine, ledger=self.ledger, clock=self.clock),
            first=first_filter_of(self.settings, self.embedder),
        )

    def _delivery(self, recheck: Recheck) -> Delivery:
        return Delivery(
            ledger=self.ledger,
            platform=self.platform,
            recheck=recheck,
            embedder=self.embedder,
            clock=self.clock,
            learn_delay=timedelta(seconds=self.settings.learn.delay),
            review_quiet=timedelta(seconds=self.settings.review.quiet),
            internal_hosts=self.settings.cards.internal_hosts,
        )

    def _standing(self) -> Standing:
        known = self.settings.standing
        return Standing(
            ledger=self.ledger,
            embedder=self.embedder,
            clock=self.clock,
            max_age=timedelta(seconds=known.max_age if known.enabled else 0),
            similarity=known.similarity,
            spaces_of=spaces_of,
        )

    def _lessons(self) -> Lessons:
        known = self.settings
        return Lessons(
            ledger=self.ledger,
            knowledge=self.knowledge,
            answered=Answered(ledger=self.ledger, knowledge=self.knowledge, clock=self.clock),
            unanswered=Unanswered(
                engine=self.engine,
                ledger=self.ledger,
                knowledge=self.knowledge,
                attempts=known.learn.attempts,
            ),
            reviewer=self.stages.reviewer(
                engine=self.engine,
                ledger=self.ledger,
                knowledge=self.knowledge,
                clock=self.clock,
                attempts=known.review.attempts,
            ),
            comparison=Comparison(embedder=self.embedder, theta=theta_of(known, self.embedder)),
            hindsight=Hindsight(engine=self.engine, ledger=self.ledger, scoped=bool(known.scope.statement)),
            clock=self.clock,
            delay=timedelta(seconds=known.learn.delay),
            quiet=timedelta(seconds=known.review.quiet),
        )
