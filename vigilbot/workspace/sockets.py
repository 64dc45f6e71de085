"""Socket Mode: the app's WebSocket connections, up to ten, each envelope over one of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from vigilbot.workspace.app import App
from vigilbot.workspace.delivery import Attempt, Delivery, Envelope
from vigilbot.workspace.faults import Faults
from vigilbot.workspace.state import Json
from vigilbot.workspace.timing import Timing

MOST_SOCKETS = 10
CLOSING_SECONDS = 10.0
"""From a warning to the end of the connection."""


@dataclass(kw_only=True, slots=True, eq=False)
class Socket:
    """``response`` is None for a ghost: the server believes in it, nobody is there."""

    name: str
    frames: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    response: web.WebSocketResponse | None = None
    request: web.Request | None = None


class Sockets:
    """The open connections of the app, real ones and ghosts."""

    def __init__(self, app: App, delivery: Delivery, faults: Faults, timing: Timing, rng: Random) -> None:
        self.open: list[Socket] = []
        self._app = app
        self._delivery = delivery
        self._faults = faults
        self._timing = timing
        self._rng = rng
        self._number = 0

    def carry(self, envelope: Envelope, attempt: Attempt) -> str:
        if not self.open:
            return ""
        socket = self._rng.choice(self.open)
        if socket.response is not None:
            interactive = envelope.type != "events_api"
            frame: Json = {
                "envelope_id": attempt.id,
                "type": envelope.type,
                "payload": envelope.payload,
                "accepts_response_payload": interactive,
            }
            if not interactive:
                frame |= {"retry_attempt": attempt.number, "retry_reason": attempt.reason}
            socket.frames.put_nowait(json.dumps(frame))
        if self._faults.happens(self._faults.refreshes):
            self.disconnect("refresh_requested")
        return socket.name

    def haunt(self, ghosts: int) -> None:
        """So many connections more that are none, and no other ghosts."""
        self.open = [s for s in self.open if s.response is not None]
        self.open += [Socket(name=f"ghost {n}") for n in range(1, ghosts + 1)]

    def disconnect(self, reason: str) -> None:
        """Asks every connection to go.

        A warning closes it ten seconds later; a refresh is left to the app; else it is closed now.
        """
        for socket in self._real():
            self._say_goodbye(socket, reason)

    def abort(self) -> None:
        """Cuts every connection without a word."""
        for socket in self._real():
            if socket.request is not None and socket.request.transport is not None:
                socket.request.transport.abort()

    async def close(self) -> None:
        for socket in self._real():
            await self._end(socket)
        self.open.clear()

    async def link(self, request: web.Request) -> web.StreamResponse:
        """A new connection, from the URL that apps.connections.open gave."""
        ticket = request.query.get("ticket", "")
        if self._faults.deaf or ticket not in self._app.tickets:
            return web.Response(status=403, text="invalid ticket")
        self._app.tickets.discard(ticket)
        response = web.WebSocketResponse(autoping=False, timeout=0.5, max_msg_size=0)
        await response.prepare(request)
        self._number += 1
        socket = Socket(name=f"socket {self._number}", response=response, request=request)
        self.open.append(socket)
        socket.frames.put_nowait(json.dumps(self._hello()))
        if len(self.open) > MOST_SOCKETS:
            self._say_goodbye(socket, "too_many_websockets")
        writer = asyncio.create_task(self._write(socket, response))
        try:
            async for message in response:
                await self._hear(message, response)
        finally:
            self._forget(socket)
            writer.cancel()
        return response

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {"host": "local", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._app.id},
        }

    def _real(self) -> list[Socket]:
        return [s for s in self.open if s.response is not None]

    def _say_goodbye(self, socket: Socket, reason: str) -> None:
        frame = {"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}}
        socket.frames.put_nowait(json.dumps(frame))
        if reason == "warning":
            self._timing.later(CLOSING_SECONDS, lambda: socket.frames.put_nowait(""))
        elif reason in {"link_disabled", "too_many_websockets"}:
            socket.frames.put_nowait("")

    async def _write(self, socket: Socket, response: web.WebSocketResponse) -> None:
        """Sends what waits, in order; an empty frame closes the connection."""
        while frame := await socket.frames.get():
            try:
                await response.send_str(frame)
            except ConnectionError:  # it is gone; what was sent will not be acknowledged
                return
        await self._end(socket)

    async def _hear(self, message: WSMessage, response: web.WebSocketResponse) -> None:
        if message.type == WSMsgType.PING and not self._faults.mute_pongs:
            await response.pong(message.data)
        elif message.type == WSMsgType.TEXT:
            said = _object(message.data)
            if said.get("envelope_id"):
                self._delivery.acknowledge(str(said["envelope_id"]), said.get("payload"))

    async def _end(self, socket: Socket) -> None:
        self._forget(socket)
        if socket.response is not None and not socket.response.closed:
            await socket.response.close()

    def _forget(self, socket: Socket) -> None:
        if socket in self.open:
            self.open.remove(socket)


def _object(text: str) -> Json:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
