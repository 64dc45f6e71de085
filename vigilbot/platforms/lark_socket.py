"""Lark's long connection: one WebSocket, kept alive, every message acknowledged after it was taken.

What is not acknowledged within three seconds Lark sends again. Its own ping keeps the connection; where
nothing at all comes for two and a half pings, the connection is dead whatever TCP says.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp

from vigilbot.errors import PlatformError, VigilBotError
from vigilbot.platforms.lark_client import LarkClient, LarkRefusal
from vigilbot.platforms.lark_frames import LARGEST, Frame, Joined, Method, decoded, encoded
from vigilbot.ports import Clock

log = logging.getLogger("vigilbot.lark")

SILENCE: Final = 2.5  # pings without any frame
PATIENCE: Final = 120.0  # seconds between tries to connect at the most
Take = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Takes a payload in; what it returns is the answer to a callback. An error is no acknowledgement."""
Hello = Callable[[bool], Awaitable[None]]


class LarkSocket:
    """``ping`` is the longest time between pings in seconds; Lark may ask for shorter ones.

    ``hello`` is awaited for every new connection before anything that came over it, True from the
    second one on.
    """

    def __init__(self, *, client: LarkClient, ping: float, clock: Clock, take: Take, hello: Hello) -> None:
        self._client = client
        self._ping = ping
        self._clock = clock
        self._take = take
        self._hello = hello
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._service = 0
        self._heard = 0.0
        self._joined = Joined()
        self._running: asyncio.Task[None] | None = None
        self._frames: set[asyncio.Task[None]] = set()
        self.malformed = 0  # frames that could not be read
        self.problem = ""  # why there is no connection

    @property
    def connected(self) -> bool:
        return self._socket is not None and not self._socket.closed

    async def connect(self, within: float) -> None:
        """Raises PlatformError when there is no connection within so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._open()
        except TimeoutError:
            raise PlatformError("Lark did not open a connection in time") from None
        await self._hello(False)
        self._running = asyncio.create_task(self._run())

    async def close(self, *, leave: float) -> None:
        """What was read is finished within so many seconds, then nothing comes any more."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if self._frames:
            await asyncio.wait(self._frames, timeout=leave)
        for task in list(self._frames):
            task.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _open(self) -> None:
        url, config = await self._client.endpoint()
        asked = parse_qs(urlsplit(url).query).get("service_id", ["0"])[0]
        self._service = int(asked) if re.fullmatch(r"-?[0-9]{1,9}", asked) else 0
        self._configure(config)
        try:
            self._socket = await self._client.session.ws_connect(url, max_msg_size=LARGEST, autoping=True)
        except aiohttp.WSServerHandshakeError as error:
            said = error.headers.get("Handshake-Msg", "") if error.headers else ""
            raise PlatformError(f"Lark refused the connection ({error.status} {said})".strip()) from error
        except (aiohttp.ClientError, OSError) as error:
            raise PlatformError(f"Lark cannot be reached: {error}") from error
        self._heard = time.monotonic()
        self._joined = Joined()

    def _configure(self, config: Mapping[str, Any]) -> None:
        asked = config.get("PingInterval")
        if isinstance(asked, int) and 0 < asked < self._ping:
            self._ping = float(asked)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (aiohttp.ClientError, OSError) as error:
                log.info("the connection to Lark broke: %s", error)
            except Exception:  # one frame must not end the connection for good
                log.exception("the connection to Lark broke off")
            await self._again()

    async def _listen(self) -> None:
        """Until the connection ends."""
        socket = self._socket
        assert socket is not None
        pinging = asyncio.create_task(self._keep_alive(socket))
        try:
            async for message in socket:
                self._heard = time.monotonic()
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._frame(socket, message.data)
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
            await socket.close()

    async def _keep_alive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not socket.closed:
            ping = Frame(method=Method.CONTROL, service=self._service, headers=(("type", "ping"),))
            await socket.send_bytes(encoded(ping))
            await asyncio.sleep(self._ping)
            if time.monotonic() - self._heard > SILENCE * self._ping:
                log.warning("nothing came from Lark for %.0f s: connecting anew", SILENCE * self._ping)
                await socket.close()

    async def _again(self) -> None:
        wait = 0.5
        while True:
            try:
                await self._open()
                self.problem = ""
                await self._hello(True)
                return
            except LarkRefusal as error:
                self.problem = str(error)
                wait = PATIENCE
            except PlatformError as error:
                self.problem = str(error)
                wait = max(wait, error.retry_after)
            log.warning("no connection to Lark (%s): trying again in %.0f s", self.problem, wait)
            await asyncio.sleep(wait * random.uniform(0.8, 1.2))
            wait = min(2 * wait, PATIENCE)

    def _frame(self, socket: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
        """Frames are taken in the order in which they come, side by side: a commit waits for others."""
        try:
            frame = decoded(data)
            if frame.method == Method.CONTROL:
                self._controlled(frame)
                return
            payload = self._joined.add(frame, self._clock.now())
        except ValueError as error:
            self.malformed += 1
            log.warning("a frame could not be read: %s", error)
            return
        if payload is None:
            return
        task = asyncio.create_task(self._data(socket, frame, payload))
        self._frames.add(task)
        task.add_done_callback(self._frames.discard)

    def _controlled(self, frame: Frame) -> None:
        if frame.header("type") != "pong" or not frame.payload:
            return
        try:
            config = json.loads(frame.payload)
        except (ValueError, RecursionError):
            return
        if isinstance(config, dict):
            self._configure(config)

    async def _data(self, socket: aiohttp.ClientWebSocketResponse, frame: Frame, payload: bytes) -> None:
        begun = time.monotonic()
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):  # sending it again would not help
            self.malformed += 1
            body = None
        answer: Mapping[str, Any] = {}
        if isinstance(body, dict):
            try:
                answer = await self._take(body)
            except VigilBotError as error:
                log.error("not taken in and so not acknowledged: %s", error)
                return
            except Exception:  # nobody else would see it; Lark sends the event again
                log.exception("not taken in and so not acknowledged")
                return
        reply: dict[str, Any] = {"code": 200}
        if answer:
            reply["data"] = base64.b64encode(json.dumps(answer, ensure_ascii=False).encode()).decode()
        took = str(int((time.monotonic() - begun) * 1000))
        try:
            await socket.send_bytes(encoded(frame.answer(json.dumps(reply).encode(), biz_rt=took)))
        except (aiohttp.ClientError, ConnectionError) as error:
            log.info("an acknowledgement did not go out, it will come again: %s", error)
