"""The workspace as a whole: people acting in it, and what they see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from vigilbot.workspace.acting import Acting
from vigilbot.workspace.app import installed
from vigilbot.workspace.delivery import Attempt, Carrier, Delivery, Envelope
from vigilbot.workspace.faults import Faults
from vigilbot.workspace.feed import Feed
from vigilbot.workspace.interactivity import Interactivity
from vigilbot.workspace.limits import Limits
from vigilbot.workspace.over_http import OverHttp
from vigilbot.workspace.routes import add_routes
from vigilbot.workspace.scene import Scene
from vigilbot.workspace.shapes import permalink
from vigilbot.workspace.sockets import Sockets
from vigilbot.workspace.state import SLACKBOT, Channel, Group, Json, State, User
from vigilbot.workspace.tickets import Tickets
from vigilbot.workspace.timing import Timing
from vigilbot.workspace.web_api import Called, WebApi
from vigilbot.workspace.windows import Windows

TICK_SECONDS = 0.02
"""How often timers are looked at when nobody puts the time forward."""


class Workspace(Acting):
    """One Slack workspace with one app installed, reachable on loopback while it is started.

    People are given by user id, channels by channel id, messages by ts. Everything that people do
    raises LookupError for what is not there and Refusal where Slack says no. ``now`` None is real
    time; then and with any other clock, `advance` puts the time forward for everything here.
    ``scopes`` and ``events`` None: what a bot in public channels asks for. Routes may be added to
    ``web_app`` until it is started.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        seed: int = 0,
        scopes: Collection[str] | None = None,
        events: Collection[str] | None = None,
        shared_app: bool = False,
        limits: bool = True,
        bot_name: str = "VigilBot",
        command: str = "/vigil",
    ) -> None:
        rng = Random(seed)
        self.timing = Timing(now)
        self.state = State(self.timing, rng)
        self.app = installed(rng, name=bot_name, scopes=scopes, events=events)
        self.faults = Faults(rng=Random(seed + 1))
        self.limits = Limits(self.timing, enabled=limits, shared_app=shared_app)
        self.web_app = web.Application(client_max_size=4 * 1024 * 1024)
        self.command = command
        self.url = ""
        self._watchers: list[Callable[[Json], None]] = []
        self._delivery = Delivery(self.timing, self.faults, self._changed)
        self._sockets = Sockets(self.app, self._delivery, self.faults, self.timing, Random(seed + 2))
        self._http = OverHttp(self.app, self._delivery, self.faults)
        self._delivery.carrier = _Way(self._sockets, self._http)
        feed = Feed(self.state, self.app, self._delivery.event)
        self._scene = Scene(self.state, self.app, feed, self._changed)
        tickets = Tickets(self.state)
        self._windows = Windows(self.state, self.app, self._changed)
        self._interactivity = Interactivity(self._scene, self._delivery, tickets, self._windows)
        self._api = WebApi(self._scene, self.limits, self.faults, tickets, self._windows)
        add_routes(self.web_app, self._api, self._sockets, self._interactivity)
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        bot = User(id=self.app.bot_user, name=bot_name, handle=bot_name.lower(), team=self.team)
        bot.bot_id = self.app.bot_id
        slackbot = User(id=SLACKBOT, name="Slackbot", handle="slackbot", team=self.team)
        self.state.users |= {bot.id: bot, SLACKBOT: slackbot}

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._runner = web.AppRunner(self.web_app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._interactivity.base = self._api.base = self.url
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Does nothing when it does not run."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            await asyncio.sleep(0.01)  # connections that were just accepted become known, and are closed
        await self._sockets.close()
        await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def team(self) -> str:
        return self.state.team

    @property
    def bot_token(self) -> str:
        return self.app.bot_token

    @property
    def app_token(self) -> str:
        return self.app.app_token

    @property
    def signing_secret(self) -> str:
        return self.app.signing_secret

    @property
    def bot_user(self) -> str:
        return self.app.bot_user

    @property
    def bot_id(self) -> str:
        return self.app.bot_id

    @property
    def app_id(self) -> str:
        return self.app.id

    @property
    def users(self) -> Mapping[str, User]:
        return self.state.users

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self.state.channels

    @property
    def groups(self) -> Mapping[str, Group]:
        return self.state.groups

    @property
    def calls(self) -> Sequence[Called]:
        """Every Web API call, oldest first."""
        return self._api.calls

    @property
    def sent(self) -> Sequence[Envelope]:
        """Everything for the app, with its attempts and acknowledgements, oldest first."""
        return self._delivery.sent

    @property
    def http_target(self) -> str | None:
        """HTTP mode: where events, interactions and commands are posted to. None: Socket Mode."""
        return self._http.target or None

    @http_target.setter
    def http_target(self, url: str | None) -> None:
        self._http.target = url or ""

    def messages(self, channel: str, thread: str = "") -> list[Json]:
        """What a channel shows, oldest first, without replies; or a thread, with its root."""
        place = self._channel(channel)
        return deepcopy(place.thread(thread) if thread else place.timeline)

    def message(self, channel: str, ts: str) -> Json | None:
        return deepcopy(self._channel(channel).messages.get(ts))

    def ephemerals(self, user: str, channel: str = "") -> list[Json]:
        """What is shown to one person alone, oldest first."""
        return [
            deepcopy(e.message) | {"channel": e.channel}
            for e in self.state.ephemerals
            if e.user == user and channel in {"", e.channel}
        ]

    def reload(self, user: str) -> None:
        """Somebody starts their client anew: what was shown to them alone is gone."""
        self.state.ephemerals[:] = [e for e in self.state.ephemerals if e.user != user]
        self._changed({"type": "ephemeral", "channel": "", "user": user})

    def views(self, user: str) -> list[Json]:
        """Somebody's open modals, the one on top last."""
        return [deepcopy(view.shape) for view in self._windows.of(user)]

    def home(self, user: str) -> Json | None:
        found = self.state.homes.get(user)
        return deepcopy(found.shape) if found else None

    def permalink(self, channel: str, ts: str) -> str:
        """Raises LookupError for a message that is not there."""
        return permalink(self.url, self._channel(channel), ts)

    async def settled(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109  names what is missing
        """Waits until all that was sent is acknowledged or given up; TimeoutError after so many seconds.

        What nobody was there to receive waits for its next try, and is not waited for.
        """
        await self._delivery.settled(timeout)

    def advance(self, seconds: float) -> None:
        """Puts the time forward: what is due by then happens now."""
        self.timing.advance(seconds)

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        """Calls back at once with every change; call what it returns to end that.

        A change has a ``type``: message (channel, ts), ephemeral (channel, user), channel (channel),
        user (user), modal and home (user, view), sent (name), call (method, ok).
        """
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    @property
    def sockets(self) -> int:
        """Open connections, ghosts included."""
        return len(self._sockets.open)

    def disconnect(self, reason: str = "refresh_requested") -> None:
        """Asks every socket to go: warning, refresh_requested, link_disabled, too_many_websockets."""
        self._sockets.disconnect(reason)

    def abort(self) -> None:
        """Cuts every socket without a word."""
        self._sockets.abort()

    def haunt(self, ghosts: int) -> None:
        """So many ghost connections, which swallow their share of what is sent."""
        self._sockets.haunt(ghosts)

    def chaos(self, seed: int) -> None:
        """Seeded faults of every kind from now on; `faults.clear` ends it."""
        self.faults.chaos(Random(seed))

    def repeat(self, envelope: Envelope) -> None:
        """Sends an envelope once more, acknowledged or not."""
        self._delivery.repeat(envelope)

    def inject(self, payload: Json, *, kind: str = "events_api") -> Envelope:
        """Sends the app a body as it is, however little Slack would send it."""
        return self._delivery.push(kind, payload)

    async def verify_url(self, url: str) -> bool:
        """Whether a request URL answers Slack's challenge."""
        return await self._http.verify(url)

    def signed_headers(self, body: str, *, form: bool = False) -> dict[str, str]:
        """What Slack sends along with a body over HTTP."""
        return self._http.signed(body, form=form)

    def _changed(self, change: Json) -> None:
        for watcher in list(self._watchers):
            watcher(change)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.timing.run_due()


class _Way:
    """HTTP while there is a target, else Socket Mode."""

    def __init__(self, sockets: Sockets, http: OverHttp) -> None:
        self._sockets = sockets
        self._http = http

    def carry(self, envelope: Envelope, attempt: Attempt) -> str:
        way: Carrier = self._http if self._http.target else self._sockets
        return way.carry(envelope, attempt)
