"""The two ways to the app: its long connections, and its address for webhooks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from contextlib import suppress
from random import Random
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vigilbot.workspace.faults import Faults
from vigilbot.workspace.lark.delivery import Delivery, Push
from vigilbot.workspace.lark.frames import pack, unpack
from vigilbot.workspace.lark.state import Json
from vigilbot.workspace.timing import Timing

PART = 60_000  # bytes of a frame's payload; what is larger comes in several
CONNECTIONS = 50


class Sockets:
    """Long connections. Each push goes to one of them, chosen by chance."""

    def __init__(self, delivery: Delivery, faults: Faults, rng: Random, *, ping: int) -> None:
        self._delivery = delivery
        self._faults = faults
        self._rng = rng
        self._ping = ping
        self._tickets: set[str] = set()
        self._open: list[web.WebSocketResponse] = []
        self._awaited: dict[str, Push] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self.part = PART
        self.pings = 0

    @property
    def count(self) -> int:
        return len(self._open)

    def endpoint(self, base: str) -> Json:
        """What /callback/ws/endpoint tells."""
        ticket = f"{self._rng.getrandbits(64):x}"
        self._tickets.add(ticket)
        url = f"{base.replace('http', 'ws', 1)}/ws?device_id={ticket}&service_id=7"
        config = {
            "ReconnectCount": -1,
            "ReconnectInterval": 1,
            "ReconnectNonce": 1,
            "PingInterval": self._ping,
        }
        return {"URL": url, "ClientConfig": config}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        ticket = parse_qs(urlsplit(str(request.rel_url)).query).get("device_id", [""])[0]
        if self._faults.deaf or len(self._open) >= CONNECTIONS:
            return web.Response(status=403, headers={"Handshake-Status": "403", "Handshake-Msg": "busy"})
        if ticket not in self._tickets:
            return web.Response(status=403, headers={"Handshake-Status": "514", "Handshake-Msg": "no ticket"})
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self._open.append(socket)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    await self._received(socket, message.data)
        finally:
            if socket in self._open:
                self._open.remove(socket)
        return socket

    def carry(self, push: Push, number: int) -> bool:
        if not self._open:
            return False
        socket = self._rng.choice(self._open)
        name = f"{push.id}-{number}"
        self._awaited[name] = push
        payload = json.dumps(push.payload, ensure_ascii=False).encode()
        parts = [payload[n : n + self.part] for n in range(0, len(payload), self.part)]
        frames = [
            pack(
                method=1,
                service=7,
                number=number,
                headers={
                    "type": "card" if push.callback and self._faults.bad_signature else "event",
                    "message_id": name,
                    "trace_id": name,
                    "sum": str(len(parts)),
                    "seq": str(n),
                },
                payload=part,
            )
            for n, part in enumerate(parts)
        ]
        task = asyncio.create_task(_write(socket, frames))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return True

    async def send_raw(self, data: bytes) -> None:
        """Whatever bytes, over every connection."""
        for socket in list(self._open):
            await socket.send_bytes(data)

    async def cut(self) -> None:
        """Every connection breaks without a word."""
        for socket in list(self._open):
            transport = socket._req.transport if socket._req else None  # aiohttp offers no abrupt end
            if transport is not None:
                transport.abort()

    async def close(self) -> None:
        for socket in list(self._open):
            await socket.close()
        for task in list(self._writing):
            task.cancel()

    async def _received(self, socket: web.WebSocketResponse, data: bytes) -> None:
        try:
            frame = unpack(data)
        except ValueError:
            return
        if frame.method == 0:
            self.pings += 1
            if not self._faults.mute_pongs:
                config = json.dumps({"PingInterval": self._ping}).encode()
                await socket.send_bytes(pack(method=0, headers={"type": "pong"}, payload=config, service=7))
            return
        push = self._awaited.pop(frame.headers.get("message_id", ""), None)
        if push is None:
            return
        with suppress(ValueError):
            told = json.loads(frame.payload)
            answer = json.loads(base64.b64decode(told["data"])) if told.get("data") else {}
            self._delivery.acknowledged(push, int(told.get("code", 0)), answer)


class Webhook:
    """POSTs to ``target``, encrypted and signed."""

    def __init__(self, delivery: Delivery, faults: Faults, timing: Timing, *, encrypt_key: str) -> None:
        self._delivery = delivery
        self._faults = faults
        self._timing = timing
        self._key = encrypt_key
        self._session: aiohttp.ClientSession | None = None
        self._posting: set[asyncio.Task[None]] = set()
        self.target = ""

    def carry(self, push: Push, number: int) -> bool:
        if not self.target:
            return False
        task = asyncio.create_task(self._deliver(push))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)
        return True

    async def post(self, payload: Json) -> tuple[int, Json]:
        """Status and body of the app's answer; 0 when there is none."""
        raw = json.dumps({"encrypt": self.sealed(json.dumps(payload).encode())}).encode()
        return await self.post_raw(raw, self.signed(raw))

    async def post_raw(self, raw: bytes, headers: dict[str, str]) -> tuple[int, Json]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3))
        try:
            async with self._session.post(self.target, data=raw, headers=headers) as answer:
                text = await answer.text()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, {}
        try:
            body = json.loads(text)
        except ValueError:
            return status, {}
        return status, body if isinstance(body, dict) else {}

    def signed(self, raw: bytes) -> dict[str, str]:
        old = 3600 if self._faults.stale_signature else 0
        stamp, nonce = str(int(self._timing.seconds()) - old), os.urandom(8).hex()
        digest = hashlib.sha256((stamp + nonce + self._key).encode() + raw).hexdigest()
        return {
            "Content-Type": "application/json",
            "X-Lark-Request-Timestamp": stamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": "0" * 64 if self._faults.bad_signature else digest,
        }

    def sealed(self, plain: bytes) -> str:
        vector = os.urandom(16)
        padder = padding.PKCS7(128).padder()
        key = hashlib.sha256(self._key.encode()).digest()
        cipher = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
        padded = padder.update(plain) + padder.finalize()
        return base64.b64encode(vector + cipher.update(padded) + cipher.finalize()).decode()

    async def close(self) -> None:
        for task in list(self._posting):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, push: Push) -> None:
        status, answer = await self.post(push.payload)
        self._delivery.acknowledged(push, status, answer)


async def _write(socket: web.WebSocketResponse, frames: list[bytes]) -> None:
    with suppress(ConnectionError, RuntimeError):
        for frame in frames:
            await socket.send_bytes(frame)
