"""Slack: events in, messages out, over slack-bolt in Socket Mode or over HTTP.

SlackAdapter is Transport, Platform and Directory in one. Everything comes through one global
middleware, in which an event is durable before it is acknowledged; bolt's own listeners run after the
acknowledgement, so none are used. What nobody has a use for is acknowledged and counted.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from vigilbot.domain import Event, EventKind
from vigilbot.errors import BadInput, PlatformError, VigilBotError
from vigilbot.platforms.backfill import PAUSE, Backfill
from vigilbot.platforms.payloads import Skipped, map_in, text_in
from vigilbot.platforms.slack_answers import SlackAnswers
from vigilbot.platforms.slack_backfill import SlackPast
from vigilbot.platforms.slack_calls import is_call
from vigilbot.platforms.slack_client import BAD_TOKEN, SlackClient, SlackRefusal, proxy_in_use
from vigilbot.platforms.slack_events import Me, event_of
from vigilbot.platforms.slack_people import SlackPeople
from vigilbot.platforms.slack_posting import SlackPosting
from vigilbot.platforms.slack_signatures import Signatures
from vigilbot.platforms.slack_socket import SlackSocket
from vigilbot.platforms.tasks import Tasks
from vigilbot.ports import Clock, Inbound, TransportState

log = logging.getLogger("vigilbot.slack")

PATH: Final = "/slack/events"
REMEDY: Final = (
    "Create the app from the output of `vigilbot manifest`, install it, and copy the token from its page"
)
REVOKED: Final = "Slack says that the app was removed or its token revoked. Install it again and restart"
LEAVE: Final = 3.0  # seconds that what runs at the end may still take
_STAMP: Final = re.compile(r"[0-9]{1,12}")
Route = tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]


class SlackAdapter(SlackPosting):
    """``base_url`` ends in /api/; ``timeout``, ``ping`` and ``grace`` are seconds, ``grace`` the longest.

    ``app_token`` is for mode socket, ``signing_secret`` for mode http, where ``routes`` are to be served at
    ``path``. ``ignored`` counts what came in and was of no use, by a short reason. What was missed and could
    not be read is tried again after ``pause`` seconds.
    """

    def __init__(
        self,
        *,
        bot_token: str,
        app_token: str = "",
        signing_secret: str = "",
        mode: Literal["socket", "http"],
        base_url: str,
        timeout: float,
        ping: float,
        grace: float,
        history: Literal["internal", "shared"],
        clock: Clock,
        path: str = PATH,
        pause: float = PAUSE,
    ) -> None:
        self._problems: dict[str, str] = {}
        client = SlackClient(
            token=bot_token, base_url=base_url, timeout=timeout, shared_history=history == "shared"
        )
        people = SlackPeople(client=client, clock=clock, problems=self._problems)
        super().__init__(client=client, people=people, clock=clock, grace=timedelta(seconds=grace))
        self._bot_token, self._app_token, self._secret = bot_token, app_token, signing_secret
        self._mode, self._path = mode, path
        self._timeout = timeout
        self._ping = ping
        self._taking = Tasks(log)  # requests of Slack's that are not answered yet
        self._replies = Tasks(log)
        self._background = Tasks(log)
        self._answers = SlackAnswers(
            client=client, people=people, posting=self, clock=clock, spawn=self._replies.spawn
        )
        self._backfill = Backfill(
            SlackPast(client=client, people=people, clock=clock),
            inbound=lambda: self._inbound,
            problems=self._problems,
            tasks=self._background,
            log=log,
            pause=pause,
        )
        self.ignored: Counter[str] = Counter()
        self._signatures = Signatures(clock=clock, counts=self.ignored)
        self._inbound: Inbound | None = None  # None: nothing is taken in
        self._app: AsyncApp | None = None
        self._socket: SlackSocket | None = None
        self._sockets = 0
        self._greeted = asyncio.Event()
        self._last_event_at: datetime | None = None

    @property
    def tenant(self) -> str:
        return self._people.me.team

    # -- Directory

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        return await self._people.completed(event, settle=settle)

    # -- Transport

    async def connect(self, inbound: Inbound) -> None:
        web_client = self._client.open()
        try:
            self._people.me = await self._who_am_i()
            self._app = self._bolt()
            if self._mode == "http":
                self._check_secret()
                await inbound.gaps()  # marks them, before the first event moves the watermark
                self._inbound = inbound
            else:
                await self._check_app_token()
                self._inbound = inbound
                self._socket = SlackSocket(
                    app=self._app,
                    app_token=self._app_token,
                    web=web_client,
                    ping=self._ping,
                    clock=self._clock,
                    hello=self._hello,
                )
                await self._socket.connect(self._timeout)
                await self._first_hello()
                self._background.spawn(self._socket.watch())
        except BaseException:
            await self.disconnect()
            raise
        if proxy := proxy_in_use(self._client.base_url):
            self._problems["proxy"] = f"Requests to Slack go through the proxy that {proxy} names."
        self._background.spawn(self._warm_up())

    async def backfill(self) -> int:
        return await self._backfill.read()

    async def disconnect(self) -> None:
        self._inbound = None
        await self._background.end(within=0)
        await self._taking.end(within=LEAVE)
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        await self._replies.end(within=LEAVE)
        self._sockets = 0
        await self._client.close()

    def state(self) -> TransportState:
        connected = self._socket.connected if self._socket else self._inbound is not None
        problems = self._problems | ({"revoked": f"{REVOKED}."} if self._client.void else {})
        connected = connected and "revoked" not in problems
        return TransportState(
            platform="slack",
            connected=connected,
            sockets=self._sockets if connected else 0,
            last_event_at=self._last_event_at,
            limited=self._client.limited,
            problems=tuple(problems.values()),
        )

    def routes(self) -> Sequence[Route]:
        """What the bot's web server serves in mode http: method, path, handler."""
        return [("POST", self._path, self._over_http)] if self._mode == "http" else []

    # -- the way in

    def _bolt(self) -> AsyncApp:
        me = self._people.me
        granted = AuthorizeResult(
            enterprise_id=me.enterprise or None,
            team_id=me.team,
            bot_user_id=me.user,
            bot_id=me.bot,
            bot_token=self._bot_token,
        )

        async def authorize() -> AuthorizeResult:
            return granted  # bolt's own way asks Slack for every event of a burst

        async def take(body: dict[str, Any], request: AsyncBoltRequest) -> BoltResponse:
            return await self._take(body, "".join(request.headers.get("x-slack-signature", ())))

        quiet = logging.getLogger("vigilbot.slack.bolt")
        quiet.setLevel(logging.ERROR)  # it warns of the token in the environment that it does not use
        app = AsyncApp(
            name=quiet.name,  # bolt sets the level of the logger of this name, too
            logger=quiet,
            authorize=authorize,
            signing_secret=self._secret,
            request_verification_enabled=self._mode == "http",
            ignoring_self_events_enabled=False,  # it would swallow the deletion of a card
        )
        app.middleware(take)
        return app

    async def _take(self, body: Mapping[str, Any], signature: str) -> BoltResponse:
        """Durable first: whatever is returned here is the acknowledgement, and an error is none."""
        inbound, task = self._inbound, asyncio.current_task()
        if inbound is None or task is None:
            return BoltResponse(status=503)
        self._taking.hold(task)
        try:
            if is_call(body):
                if self._signatures.repeated(signature):
                    return BoltResponse(status=409)
                ack = await self._answers.take(body, inbound)
                return BoltResponse(status=200, body=dict(ack) if ack else "")
            await self._receive(body, inbound)
        except VigilBotError as error:
            log.error("not taken in and so not acknowledged: %s", error)
            return BoltResponse(status=500)
        return BoltResponse(status=200)

    async def _receive(self, body: Mapping[str, Any], inbound: Inbound) -> None:
        if text_in(body, "type") == "app_rate_limited":
            log.error("Slack holds events back: this workspace makes too many of them")
        self._last_event_at = self._clock.now()
        event = event_of(body, self._people.me)
        self._notice(text_in(map_in(body, "event"), "type"), body, inbound)
        if isinstance(event, Skipped):
            self.ignored[event.reason] += 1
            return
        if event.kind is EventKind.CHANNEL_CHANGED:
            self._people.forget_channel(event.channel)
        if event.kind is EventKind.DELETED and event.is_self and self.removed(event.channel, event.ts):
            self.ignored["taken down by the bot"] += 1
            return
        await inbound.receive(event)

    def _notice(self, kind: str, body: Mapping[str, Any], inbound: Inbound) -> None:
        """What concerns the connection itself."""
        if kind.startswith("subteam_"):
            self._people.forget_groups()
        elif kind == "app_home_opened":
            self._replies.spawn(self._answers.home(body, inbound))
        elif kind in ("app_uninstalled", "tokens_revoked"):
            tokens = map_in(map_in(body, "event"), "tokens")
            if kind == "app_uninstalled" or tokens.get("bot"):
                log.error(REVOKED)
                self._problems["revoked"] = f"{REVOKED}."

    async def _over_http(self, request: web.Request) -> web.StreamResponse:
        app = self._app
        if app is None or self._inbound is None:
            return web.Response(status=503, text="not connected")
        stamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not (_STAMP.fullmatch(stamp) and signature.isascii()):  # bolt's check would raise
            self._signatures.unsigned()
            return web.Response(status=401, text="unsigned")
        try:
            asked = await to_bolt_request(request)
        except web.HTTPException:
            raise
        except Exception:  # bytes of a stranger, read by bolt before it checks who sent them
            return web.Response(status=400, text="malformed")
        answer = await app.async_dispatch(asked)
        if answer.status == 401:
            self._signatures.unsigned()
        return await to_aiohttp_response(answer)

    async def _hello(self, connections: int) -> None:
        """A connection is new: what came while there was none is read. Runs before its first event."""
        again = self._sockets > 0
        self._sockets = connections
        self._problems.pop("ghosts", None)
        if connections > 1:
            self._problems["ghosts"] = (
                f"Slack counts {connections} connections of this app, and this process has one. Clicks that "
                "go to the others are lost: stop other processes with the same app token; dead connections "
                "disappear within minutes."
            )
            log.warning(self._problems["ghosts"])
        await self._backfill.mark()
        self._greeted.set()
        if again:
            self._backfill.read_behind()

    async def _first_hello(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                await self._greeted.wait()
        except TimeoutError:
            raise PlatformError("Slack opened a connection and said nothing") from None

    # -- the beginning

    async def _who_am_i(self) -> Me:
        try:
            answer = await self._client.write("auth.test")
        except SlackRefusal as error:
            if error.code not in BAD_TOKEN:
                raise
            raise BadInput(
                str(error), place="SLACK_BOT_TOKEN", remedy=f"{REMEDY} OAuth & Permissions."
            ) from error
        if not text_in(answer, "bot_id"):
            raise BadInput(
                "the token is a person's, not a bot's", place="SLACK_BOT_TOKEN", remedy=f"{REMEDY} (xoxb-…)."
            )
        return Me(
            team=text_in(answer, "team_id"),
            user=text_in(answer, "user_id"),
            bot=text_in(answer, "bot_id"),
            enterprise=text_in(answer, "enterprise_id"),
            url=text_in(answer, "url"),
            name=text_in(answer, "user"),
        )

    def _check_secret(self) -> None:
        if not self._secret.strip():
            raise BadInput(
                "it is not set",
                place="SLACK_SIGNING_SECRET",
                remedy="Copy it from the app's page Basic Information.",
            )

    async def _check_app_token(self) -> None:
        """Bolt would try a bad token for ever."""
        try:
            await self._client.open_socket(self._app_token)
        except SlackRefusal as error:
            raise BadInput(
                str(error),
                place="SLACK_APP_TOKEN",
                remedy="Make an app-level token with the scope connections:write on the app's page "
                "Basic Information, and turn on Socket Mode.",
            ) from error

    async def _warm_up(self) -> None:
        try:
            await self._people.warm_up()
        except PlatformError as error:  # people are asked for one by one then
            log.info("people could not be listed: %s", error)
