"""A bot that is running: takes events in within moments, answers once its model is loaded, ends cleanly.

Starting: ledger, web server and connection come first, so that no event is missed while the embedding
model loads in a thread. Stopping: what runs may finish; what still comes is durable, and done at the next
start like everything that stands in the ledger.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress

from vigilbot.app import Parts, assembled, open_embedder, open_ledger
from vigilbot.doctor import Check, examine
from vigilbot.errors import LedgerError, PlatformError, PlatformRefused, VigilBotError
from vigilbot.learning.pages import OwnFetcher
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock, Embedder, Engine
from vigilbot.providers.pictures import Pictures
from vigilbot.serve.chat import Chat
from vigilbot.serve.checks import premises_of
from vigilbot.serve.condition import (
    CONNECTING,
    WORKING,
    WRITING,
    Sign,
    degraded,
    engine_state,
    index_figures,
    of_ledger,
)
from vigilbot.serve.desk import Staff, staffed
from vigilbot.serve.door import Door
from vigilbot.serve.rounds import Rounds
from vigilbot.server import Condition, Server
from vigilbot.settings import Settings

log = logging.getLogger("vigilbot.serve")

DRAIN = 20.0  # seconds that what runs may take to finish, once the bot is told to stop
PATIENCE = 60.0  # seconds between tries at the most, while the platform cannot be reached
LETTING_GO = 5.0  # seconds for the connection to close


def keep_what_is_loaded() -> None:
    """The garbage collector no longer looks at what there is now. For a process that is one bot and nothing
    else: looking at all of the embedding model held up the event loop for a quarter of a second."""
    gc.collect()
    gc.freeze()


@contextmanager
def _no_collecting() -> Iterator[None]:
    """The garbage collector would go through half-loaded libraries again and again and find nothing: a sixth
    of the time of loading them."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Service:
    """One bot on one platform. ``ready`` is set once it answers; ``parts`` and ``address`` hold by then."""

    def __init__(
        self,
        *,
        settings: Settings,
        chat: Chat,
        clock: Clock,
        embedder: Embedder | None = None,
        engine: Engine | None = None,
        pictures: Pictures | None = None,
        documents: OwnFetcher = lambda url, tenant: None,
        drain: float = DRAIN,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        """``loaded`` is called when much was loaded: the embedding model, then everything, before anybody is
        answered."""
        self.ready = asyncio.Event()
        self.address = ""
        self.parts: Parts | None = None
        self._settings = settings
        self._chat = chat
        self._clock = clock
        self._embedder = embedder
        self._engine = engine
        self._pictures = pictures
        self._documents = documents
        self._drain = drain
        self._loaded = loaded
        self._stopping = False
        self._unreachable = ""  # why there is no connection yet
        self._staff: Staff | None = None
        self._seen: tuple[Ledger, Door, Rounds] | None = None

    async def run(self, stop: asyncio.Event, *, listening: Callable[[str], None] = lambda _: None) -> None:
        """Until ``stop``. ``listening`` is told the web server's address.

        Raises BadInput for what cannot work: the ledger in use, bad tokens, a taken port, no such model.
        """
        known = self._settings
        async with AsyncExitStack() as stack:
            ledger = await open_ledger(known.data.dir, redacts=known.data.redact)
            stack.push_async_callback(ledger.close)
            rounds = Rounds(
                clock=self._clock,
                next_event=ledger.next_event,
                next_due=ledger.next_due,
                busy=lambda: door.busy,
            )
            door = Door(ledger=ledger, clock=self._clock, arrived=rounds.arrived, acted=rounds.called)
            self._seen = (ledger, door, rounds)
            server = Server(
                condition=self.condition,
                ledger=ledger,
                clock=self._clock,
                routes=self._chat.routes(),
            )
            self.address = await server.start(host=known.server.host, port=known.server.port)
            stack.push_async_callback(server.stop)
            listening(self.address)
            stack.push_async_callback(self._let_go)
            if not await self._connected(door, stop):
                return
            log.info("connected to %s; events are taken in", self._chat.state().platform)
            await self._until(stop, asyncio.create_task(self._serve(ledger, door, rounds)), door, rounds)

    async def _connected(self, door: Door, stop: asyncio.Event) -> bool:
        """A platform that cannot be reached is tried again, until it is told to stop: False."""
        name, wait = self._chat.state().platform, 1.0
        while not stop.is_set():
            try:
                await self._chat.connect(door)
            except PlatformRefused:
                raise
            except PlatformError as error:
                self._unreachable = f"{name} cannot be reached ({error})"
                pause = max(wait, error.retry_after)
                log.warning("%s: trying again in %.0f s", self._unreachable, pause)
            else:
                self._unreachable = ""
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            wait = min(2 * wait, PATIENCE)
        return False

    async def _until(
        self, stop: asyncio.Event, serving: asyncio.Task[None], door: Door, rounds: Rounds
    ) -> None:
        """Serves until it is told to stop, then lets finish what runs; raises what ended it before."""
        told = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
                return
            log.info("stopping: what runs is finished, what comes now is kept for the next start")
            self._stopping = True
            door.close()
            rounds.stop()
            if self._staff is not None:
                await self._staff.desk.finish(LETTING_GO)
            if self.ready.is_set():
                await asyncio.wait({serving}, timeout=self._drain)
            if not serving.done():
                log.info("stopping: what still runs is done at the next start")
            await self._let_go()  # last, so that a card which is ready can still be posted
        finally:
            told.cancel()
            serving.cancel()
            ended = await asyncio.gather(told, serving, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception) and self._stopping:
                    log.warning("while stopping: %s", error)
        log.info("stopped")

    async def _embedding(self) -> Embedder:
        if self._embedder is not None:
            return self._embedder
        with _no_collecting():
            embedder = await open_embedder(self._settings)
            self._loaded()
        return embedder

    async def _serve(self, ledger: Ledger, door: Door, rounds: Rounds) -> None:
        async with assembled(
            self._settings,
            platform=self._chat,
            directory=self._chat,
            clock=self._clock,
            folder=self._settings.data.dir,
            ledger=ledger,
            embedder=await self._embedding(),
            engine=self._engine,
            pictures=self._pictures,
            reads_links=True,
            own_documents=self._documents,
        ) as parts:
            await parts.embedder.embed(["The first text pays for what is loaded late."])
            self.parts = parts
            staff = await staffed(
                parts,
                settings=self._settings,
                platform=self._chat,
                directory=self._chat,
                clock=self._clock,
                problems=self._problems,
                doctor=lambda: self._examined(parts.embedder),
                wake=rounds.called,
            )
            self._staff = staff
            self._loaded()
            door.open(staff.desk)
            self.ready.set()
            log.info("ready: engine %s", parts.bot.pipeline.engine.name)
            filling = asyncio.create_task(self._fill())
            try:
                await rounds.run(
                    ingest=parts.bot.ingest,
                    work=staff.rest,
                    beside=staff.beside,
                    errands=parts.documents.fetch if parts.documents else None,
                    next_errand=lambda: ledger.documents.next_due(read=False),
                )
                await parts.bot.finish_runs(wait=True)
            finally:
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)
                await parts.bot.finish_runs(wait=False)

    async def _examined(self, embedder: Embedder) -> Sequence[Check]:
        """In a thread with a loop of its own: reading a whole ledger would hold everything up."""
        premises = premises_of(self._settings, os.environ, embedder=embedder)

        async def all_checks() -> Sequence[Check]:
            return [check async for check in examine(premises)]

        return await asyncio.to_thread(lambda: asyncio.run(all_checks()))

    async def _fill(self) -> None:
        try:
            found = await self._chat.backfill()
        except (PlatformError, LedgerError) as error:
            log.warning("what happened while nobody listened could not be read: %s", error)
        except Exception:  # a defect in reading the past must not end the present
            log.exception("what happened while nobody listened could not be read")
        else:
            log.info("%d events happened while nobody listened", found)

    async def _let_go(self) -> None:
        """Closes the connection; doing so twice is harmless."""
        try:
            async with asyncio.timeout(LETTING_GO):
                await self._chat.disconnect()
        except (TimeoutError, VigilBotError) as error:
            log.warning("the connection did not close cleanly: %r", error)

    async def condition(self) -> Condition:
        """How it is doing now."""
        state = self._chat.state()
        if self._seen is None:
            return Condition(reasons=("not started",), transport=state)
        ledger, door, rounds = self._seen
        await door.probe()
        reasons = [Sign(said=each, remedy=WORKING) for each in rounds.troubles]
        if self._stopping:
            reasons.append(Sign(said="being stopped"))
        elif not self.ready.is_set():
            reasons.append(Sign(said="the embedding model and the engine are still loading"))
        if not state.connected:
            said = self._unreachable or f"not connected to {state.platform}"
            reasons.append(Sign(said=said, remedy=CONNECTING))
        if door.trouble:
            reasons.append(Sign(said=door.trouble, remedy=WRITING))
        stops, remarks = await of_ledger(ledger, self._clock)
        reasons += stops
        remarks = [*(Sign(said=each) for each in state.problems), *degraded(self.parts), *remarks]
        engine = engine_state(self.parts)
        return Condition(
            reasons=tuple(each.said for each in reasons),
            remarks=tuple(each.said for each in remarks),
            remedies={each.said: each.remedy for each in (*reasons, *remarks) if each.remedy},
            transport=state,
            without_model=engine is not None and engine.engaged,
            models=engine.models if engine is not None else (),
            index=index_figures(self.parts),
        )

    def _problems(self) -> Sequence[str]:
        """What operators in the chat are told."""
        signs = [*(Sign(said=each) for each in self._chat.state().problems), *degraded(self.parts)]
        if self._seen is not None:
            _, door, rounds = self._seen
            signs += [Sign(said=each, remedy=WORKING) for each in rounds.troubles]
            signs += [Sign(said=door.trouble, remedy=WRITING)] if door.trouble else []
        return [each.line for each in signs]
