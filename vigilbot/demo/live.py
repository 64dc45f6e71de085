"""The demonstration in a browser: a venue, its page and the real bot, on one port of this machine.

The bot is the one of ``vigilbot run``: it reaches the venue over a socket, as it reaches Slack or Lark. Only
its settings differ: what takes minutes in a team's day takes seconds here.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from vigilbot.app import engine_of, open_embedder
from vigilbot.demo import side
from vigilbot.demo.harm import Harm, Stoppable, index_line
from vigilbot.demo.player import Player
from vigilbot.demo.stage import Stage, until_idle
from vigilbot.demo.story import STORY, Step
from vigilbot.demo.venue import SlackVenue, Venue
from vigilbot.domain import Event
from vigilbot.engines.fallback import FallbackEngine
from vigilbot.errors import BadInput
from vigilbot.ledger.figures import WAITING
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.chat import Chat
from vigilbot.settings import Settings, load
from vigilbot.workspace.page import attach

HOST = "127.0.0.1"
QUICK = {
    "oncall.burst": "1s",
    "oncall.grace": "1s",
    "oncall.ack_hold": "20s",
    "cards.gap": "1s",
    "learn.delay": "3s",
    "review.quiet": "8s",
    "slack.ping": "3s",
    "slack.grace": "2s",
    "slack.timeout": "1s",
    "server.port": "0",
    "retrieval.chroma_from": "3",
}
"""The demonstration's own pace."""
BEHIND = 20
"""Events and on-calls that may wait for the bot before an export goes on."""


def free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else 0: whichever is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            return 0
    return wanted


class Live:
    """``run`` until ``stop``; ``at`` hears the page's address once people can use it."""

    def __init__(
        self,
        *,
        port: int,
        export: Sequence[Event] = (),
        speed: float = 60.0,
        peers_are_analysts: bool = False,
        embedder: Embedder | None = None,
        venue: Venue | None = None,
        story: Sequence[Step] = STORY,
    ) -> None:
        self._told = story
        self._port = port
        self._export = export
        self._speed = speed
        self._peers = peers_are_analysts
        self._embedder = embedder
        self._clock = SystemClock()
        self.venue: Venue = venue or SlackVenue()
        self.service: Service | None = None
        self.player: Player | None = None
        self.harm: Harm | None = None

    async def run(self, stop: asyncio.Event, *, at: Callable[[str], None] = lambda _: None) -> None:
        """Raises BadInput when the port is taken."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigilbot-demo-")))
            stage = Stage(venue=self.venue)
            await (stage.set_up_export(self._export) if self._export else stage.set_up())
            attach(self.venue.shown(), self.venue.web_app)
            self.venue.web_app.add_routes(self._routes())
            await self._listen()
            stack.push_async_callback(self.venue.stop)
            settings = load(
                options=QUICK
                | {
                    "data.dir": str(folder),
                    **self.venue.settings(),
                    "roles.peers_are_analysts": str(self._peers).lower(),
                }
            )
            chat = self.venue.chat(settings, clock=self._clock)
            self.service = await self._bot(settings, chat, folder)
            scenes = stage.scenes(self._told, self._idle)
            if self._export:
                scenes = stage.replayed(self._export, speed=self._speed, caught_up=self._caught_up)
            self.player = Player(scenes)
            inviting = asyncio.create_task(self._open(stage, at))
            try:
                await self.service.run(stop)
            finally:
                await self.player.end()
                inviting.cancel()
                await asyncio.gather(inviting, return_exceptions=True)

    async def _bot(self, settings: Settings, chat: Chat, folder: Path) -> Service:
        embedder = self._embedder or await open_embedder(settings)
        extractive = engine_of(settings, embedder)
        model = Stoppable(extractive)
        self.harm = Harm(model=model, folder=folder, cut=self.venue.cut)
        engine = FallbackEngine(model=model, extractive=extractive, clock=self._clock)
        return Service(settings=settings, chat=chat, clock=self._clock, embedder=embedder, engine=engine)

    async def _listen(self) -> None:
        try:
            await self.venue.start(host=HOST, port=self._port)
        except OSError as error:
            raise BadInput(
                f"port {self._port} is taken ({error.strerror or error})",
                place="vigilbot demo",
                remedy="Name another with --port, 0 for any that is free",
            ) from error

    async def _open(self, stage: Stage, at: Callable[[str], None]) -> None:
        """Once the bot answers: it is invited, and the doors open."""
        assert self.service is not None
        await self.service.ready.wait()
        await stage.invite()
        await self._idle(2.0)
        at(self.venue.url)
        if self._export and self.player is not None:
            self.player.play()

    async def _caught_up(self) -> None:
        """Until the bot has taken in and judged nearly all that was written."""
        while (parts := self.service.parts if self.service else None) is not None:
            [waiting] = await parts.ledger.fetch(WAITING)
            due = await parts.ledger.chats.due_oncalls("run", now=self._clock.now())
            if waiting["events"] + len(due) < BEHIND:
                return
            await asyncio.sleep(0.2)

    async def _idle(self, seconds: float) -> None:
        async def due_in() -> float | None:
            parts = self.service.parts if self.service else None
            due = await parts.ledger.next_due() if parts else None
            return None if due is None else (due - self._clock.now()).total_seconds()

        await until_idle(seconds, settled=self.venue.settled, due_in=due_in)

    # -- pages beside the workspace's own

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/side/run", self._run),
            web.get("/side/knowledge", self._knowledge),
            web.get("/side/status", self._status),
            web.post("/side/do", self._do),
            web.get("/story", self._story),
            web.post("/story/{what:play|step|pause}", self._tell),
        ]

    async def _run(self, _: web.Request) -> web.Response:
        parts = self.service.parts if self.service else None
        return web.json_response(await side.last_run(parts.ledger) if parts else None)

    async def _knowledge(self, _: web.Request) -> web.Response:
        parts = self.service.parts if self.service else None
        return web.json_response(await side.knowledge(parts.ledger) if parts else {"entries": []})

    async def _status(self, _: web.Request) -> web.Response:
        service = self.service
        if service is None or service.parts is None:
            starting = {"name": "Bot", "value": "still starting", "level": "warning"}
            return web.json_response({"lines": [starting]})
        now = await service.condition()
        engine = service.parts.bot.pipeline.engine.name
        told = await side.status(
            service.parts.ledger,
            reasons=now.reasons,
            remarks=now.remarks,
            engine=engine,
            index=index_line(service.parts),
        )
        return web.json_response({**told, "harm": self.harm.state() if self.harm else []})

    async def _do(self, request: web.Request) -> web.Response:
        """Takes something from the bot, or gives it back: ``{"name": "model", "value": true}``."""
        _of_this_page(request)
        parts = self.service.parts if self.service else None
        if self.harm is None or parts is None:
            raise web.HTTPServiceUnavailable
        try:
            asked = dict(await request.json())
            await self.harm.do(str(asked["name"]), asked.get("value") is True, parts=parts)
        except (LookupError, TypeError, ValueError) as error:
            raise web.HTTPBadRequest from error
        return web.json_response({"harm": self.harm.state()})

    async def _story(self, _: web.Request) -> web.Response:
        if self.player is None:
            return web.json_response({"steps": [], "playing": False})
        return web.json_response(self.player.state())

    async def _tell(self, request: web.Request) -> web.Response:
        """Answers at once: what was asked for goes on behind it."""
        _of_this_page(request)
        if self.player is None:
            raise web.HTTPServiceUnavailable
        what = request.match_info["what"]
        if what == "play":
            self.player.play()
        elif what == "pause":
            self.player.hold()
        else:
            self.player.step()
        return web.json_response(self.player.state())


def _of_this_page(request: web.Request) -> None:
    """A page of another site may not play with this one. Raises HTTPForbidden."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden
