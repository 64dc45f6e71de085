"""Socket Mode: one connection, kept alive. The vendor's client does the work; here is what it lacks.

It reconnects at once for as long as Slack refuses, keeps an address that has expired, and does not tell
when a connection is new.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import WSMessage, WSMsgType
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from vigilbot.errors import PlatformError
from vigilbot.platforms.pacing import Bucket
from vigilbot.platforms.slack_client import quiet_logger
from vigilbot.ports import Clock

log = logging.getLogger("vigilbot.slack")

PATIENCE: Final = 4  # times the ping interval without a connection, before everything is made anew
Hello = Callable[[int], Awaitable[None]]


class _Client(SocketModeClient):
    """Asks for new connections a few times at once, then one every five seconds."""

    pace: Bucket

    async def issue_new_wss_url(self) -> str:
        if wait := self.pace.reserve(asyncio.get_running_loop().time()):
            await asyncio.sleep(wait)
        return await super().issue_new_wss_url()


class SlackSocket:
    """``hello`` is awaited for every new connection before anything that came over it, with the number
    of connections that Slack counts for the app."""

    def __init__(
        self,
        *,
        app: AsyncApp,
        app_token: str,
        web: AsyncWebClient,
        ping: float,
        clock: Clock,
        hello: Hello,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._web = web
        self._ping = ping
        self._clock = clock
        self._hello = hello
        self._pace = Bucket(interval=5.0, burst=4)
        self._client: _Client | None = None

    @property
    def connected(self) -> bool:
        client = self._client
        session = client.current_session if client else None
        return client is not None and session is not None and not session.closed and not client.stale

    async def connect(self, within: float) -> None:
        """Raises PlatformError when there is no connection within so many seconds."""
        client = _Client(
            app_token=self._app_token, web_client=self._web, ping_interval=self._ping, logger=quiet_logger()
        )
        client.pace, client.proxy = self._pace, self._web.proxy
        client.on_message_listeners.append(self._frame)
        client.socket_mode_request_listeners.append(self._request)
        self._client = client
        try:
            async with asyncio.timeout(within):
                await client.connect()  # type: ignore[no-untyped-call]
        except TimeoutError:
            await self.close()
            raise PlatformError("Slack did not open a connection in time") from None

    async def watch(self) -> None:
        """For ever: when the client does not get its connection back by itself, begins anew."""
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while True:
            await asyncio.sleep(self._ping)
            now = loop.time()
            if self.connected:
                seen = now
            elif now - seen > PATIENCE * self._ping:
                log.warning("there is no connection to Slack since %.0f s: trying anew", now - seen)
                await self.close()
                try:
                    await self.connect(PATIENCE * self._ping)
                except PlatformError as error:
                    log.warning("%s", error)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        await client.close()  # type: ignore[no-untyped-call]
        tasks: list[asyncio.Future[Any]] = [client.message_processor]
        tasks += [task for task in (client.current_session_monitor, client.message_receiver) if task]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _request(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        begun = self._clock.now().timestamp()
        await send_async_response(client, request, await run_async_bolt_app(self._app, request), begun)

    async def _frame(self, message: WSMessage) -> None:
        """Runs before the next frame is read: nothing overtakes it."""
        if message.type is not WSMsgType.TEXT or '"hello"' not in message.data[:2000]:
            return
        frame = json.loads(message.data)
        if isinstance(frame, dict) and frame.get("type") == "hello":
            count = frame.get("num_connections")
            await self._hello(count if isinstance(count, int) else 1)
