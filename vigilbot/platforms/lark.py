"""Lark and Feishu: events in, messages out, over the long connection or a webhook.

LarkAdapter is Transport, Platform and Directory in one. An event is durable before it is acknowledged;
what nobody has a use for is acknowledged and counted, since Lark would repeat it for hours.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from aiohttp import web

from vigilbot.domain import Event, EventKind
from vigilbot.errors import BadInput, PlatformError, VigilBotError
from vigilbot.platforms.backfill import PAUSE, Backfill
from vigilbot.platforms.lark_answers import LarkAnswers, is_click
from vigilbot.platforms.lark_backfill import LarkPast
from vigilbot.platforms.lark_client import LarkClient
from vigilbot.platforms.lark_documents import LarkDocuments
from vigilbot.platforms.lark_events import events_of
from vigilbot.platforms.lark_files import LarkFiles
from vigilbot.platforms.lark_identity import who_am_i
from vigilbot.platforms.lark_people import LarkPeople
from vigilbot.platforms.lark_posting import LarkPosting
from vigilbot.platforms.lark_socket import LarkSocket
from vigilbot.platforms.lark_webhook import Untrusted, opened
from vigilbot.platforms.lark_words import Words
from vigilbot.platforms.payloads import Skipped, map_in, text_in
from vigilbot.platforms.tasks import Tasks
from vigilbot.ports import Clock, Inbound, TransportState

log = logging.getLogger("vigilbot.lark")

PATH: Final = "/lark/events"
LEAVE: Final = 3.0  # seconds that what runs at the end may still take
Route = tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]


class LarkAdapter(LarkPosting):
    """``base_url`` is the open platform's; ``timeout`` and ``ping`` are seconds.

    ``encrypt_key`` and ``token`` are for mode webhook, where ``routes`` are to be served at ``path``.
    ``ignored`` counts what came in and was of no use, by a short reason. What was missed and could not be
    read is tried again after ``pause`` seconds.
    """

    def __init__(
        self,
        *,
        app_id: str,
        app_secret: str,
        encrypt_key: str = "",
        token: str = "",
        mode: Literal["socket", "webhook"],
        base_url: str,
        timeout: float,
        ping: float,
        language: Literal["auto", "en", "zh"],
        clock: Clock,
        path: str = PATH,
        pause: float = PAUSE,
    ) -> None:
        self._problems: dict[str, str] = {}
        client = LarkClient(app_id=app_id, app_secret=app_secret, base_url=base_url, timeout=timeout)
        people = LarkPeople(client=client, clock=clock, problems=self._problems)
        words = Words(fixed=language, usual="zh" if "feishu" in base_url else "en")
        super().__init__(client=client, people=people, words=words)
        self.files = LarkFiles(client)
        self.documents = LarkDocuments(client)
        self._clock = clock
        self._encrypt_key, self._token = encrypt_key, token
        self._mode, self._path = mode, path
        self._timeout, self._ping = timeout, ping
        self._replies = Tasks(log)
        self._background = Tasks(log)
        self._answers = LarkAnswers(
            client=client, people=people, posting=self, words=words, clock=clock, spawn=self._replies.spawn
        )
        self._backfill = Backfill(
            LarkPast(client=client, people=people, clock=clock),
            inbound=lambda: self._inbound,
            problems=self._problems,
            tasks=self._background,
            log=log,
            pause=pause,
        )
        self.ignored: Counter[str] = Counter()
        self._inbound: Inbound | None = None  # None: nothing is taken in
        self._socket: LarkSocket | None = None
        self._last_event_at: datetime | None = None

    @property
    def tenant(self) -> str:
        return self._people.me.tenant

    # -- Directory

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        return await self._people.completed(event, settle=settle)

    # -- Transport

    async def connect(self, inbound: Inbound) -> None:
        self._client.open()
        try:
            self._people.me = await who_am_i(self._client)
            if self._mode == "webhook":
                self._check_secrets()
                await inbound.gaps()  # marks them, before the first event moves the watermark
                self._inbound = inbound
                return
            self._inbound = inbound
            self._socket = LarkSocket(
                client=self._client, ping=self._ping, clock=self._clock, take=self._take, hello=self._hello
            )
            await self._socket.connect(self._timeout)
        except BaseException:
            await self.disconnect()
            raise

    async def backfill(self) -> int:
        return await self._backfill.read()

    async def disconnect(self) -> None:
        self._inbound = None
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close(leave=LEAVE)
        await self._background.end(within=0)
        await self._replies.end(within=LEAVE)
        await self._client.close()

    def state(self) -> TransportState:
        connected = self._socket.connected if self._socket else self._inbound is not None
        problems = dict(self._problems)
        if self._client.void:
            problems["secret"] = (
                "Lark does not accept the app's secret any more: set the new one and restart."
            )
        if self._socket is not None and self._socket.problem:
            problems["socket"] = self._socket.problem
        connected = connected and not self._client.void
        return TransportState(
            platform="lark",
            connected=connected,
            sockets=int(connected and self._socket is not None),
            last_event_at=self._last_event_at,
            limited=self._client.limited,
            problems=tuple(problems.values()),
        )

    def routes(self) -> Sequence[Route]:
        """What the bot's web server serves in mode webhook: method, path, handler."""
        return [("POST", self._path, self._over_http)] if self._mode == "webhook" else []

    # -- the way in

    async def _take(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Durable first: returning is the acknowledgement, an error is none."""
        inbound = self._inbound
        if inbound is None:
            raise PlatformError("not connected")
        self._last_event_at = self._clock.now()
        if text_in(map_in(body, "header"), "app_id") not in ("", self._people.me.app):
            self.ignored["another app"] += 1
            return {}
        if is_click(body):
            return await self._answers.click(body, inbound)
        if (call := self._answers.menu(body)) is not None:
            await self._answers.obey(call, inbound)
            return {}
        events = events_of(body, self._people.me)
        if isinstance(events, Skipped):
            self.ignored[events.reason] += 1
            return {}
        for event in events:
            await self._receive(event, body, inbound)
        return {}

    async def _receive(self, event: Event, body: Mapping[str, Any], inbound: Inbound) -> None:
        if event.kind is EventKind.CHANNEL_CHANGED:
            self._people.forget_chat(event.channel)
        if event.kind is EventKind.POSTED:
            self._words.heard(event.channel, event.text)
        if event.kind is EventKind.DELETED and self.removed(event.ts):
            self.ignored["the bot took it down itself"] += 1
            return
        call = self._answers.called(event, body)
        if call is not None:
            await self._answers.obey(call, inbound)
        else:
            await inbound.receive(event)

    async def _over_http(self, request: web.Request) -> web.StreamResponse:
        if self._inbound is None:
            return web.Response(status=503, text="not connected")
        try:
            body = opened(
                await request.read(),
                request.headers,
                encrypt_key=self._encrypt_key,
                token=self._token,
                now=self._clock.now(),
            )
        except Untrusted as error:
            self.ignored[f"refused: {error}"] += 1
            return web.Response(status=401, text=str(error))
        if text_in(body, "type") == "url_verification":
            return web.json_response({"challenge": text_in(body, "challenge")})
        try:
            return web.json_response(await self._take(body))
        except VigilBotError as error:
            log.error("not taken in and so not acknowledged: %s", error)
            return web.Response(status=500)

    async def _hello(self, again: bool) -> None:
        """A connection is new: what came while there was none is read. Runs before its first event."""
        await self._backfill.mark()
        if again:
            self._backfill.read_behind()

    # -- the beginning

    def _check_secrets(self) -> None:
        for name, value in (
            ("LARK_ENCRYPT_KEY", self._encrypt_key),
            ("LARK_VERIFICATION_TOKEN", self._token),
        ):
            if not value.strip():
                raise BadInput(
                    "it is not set",
                    place=name,
                    remedy="Copy it from the app's page Events & Callbacks, Encryption Strategy",
                )
