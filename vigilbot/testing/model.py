"""A model server for tests: speaks OpenAI's chat API on loopback, and misbehaves on demand.

It also answers where Azure, Anthropic and Ollama would, in their forms, as far as a chat needs them.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

DRIP = 0.05  # seconds between two bytes of a dripping reply


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request as it arrived."""

    body: Mapping[str, Any]
    key: str  # what stood behind "Bearer"

    path: str = ""

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def text(self) -> str:
        """All text of all messages, images left out."""
        found: list[str] = []
        for message in self.body.get("messages", []):
            content = message.get("content") or ""
            if isinstance(content, str):
                found.append(content)
            else:
                found += [part["text"] for part in content if part.get("type") == "text"]
        return "\n".join(found)

    @property
    def images(self) -> list[str]:
        parts = [
            part
            for message in self.body.get("messages", [])
            if isinstance(message.get("content"), list)
            for part in message["content"]
        ]
        return [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One reply: text as the model wrote it, or a fault.

    ``status`` other than 200 is an error with ``text`` as its message and ``code``. ``choices`` 0 sends
    none. ``drip``: the body comes byte by byte for ever; ``hang``: nothing comes at all. ``raw`` replaces
    the whole body.
    """

    text: str = ""
    status: int = 200
    code: str = ""
    finish: str = "stop"
    refusal: str = ""
    choices: int = 1
    drip: bool = False
    hang: bool = False
    raw: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(value: object, **more: Any) -> Answered:
        """A reply whose text is ``value`` as JSON."""
        return Answered(text=json.dumps(value, ensure_ascii=False), **more)


def rate_limited() -> Answered:
    return Answered(status=429, text="Rate limit reached", code="rate_limit_exceeded")


def broken() -> Answered:
    return Answered(status=500, text="The server had an error", code="server_error")


def wrong_key() -> Answered:
    return Answered(status=401, text="Incorrect API key provided", code="invalid_api_key")


def unknown_model() -> Answered:
    return Answered(status=404, text="The model does not exist", code="model_not_found")


def too_long() -> Answered:
    return Answered(
        status=400,
        text="This model's maximum context length is 8192 tokens. However, your messages resulted in more.",
        code="context_length_exceeded",
    )


Player = Callable[[Asked], Awaitable[Answered]]


class ScriptedModel:
    """Replies from a queue; when that is empty, ``player`` plays the model's part.

    ``asked`` is the history of requests, ``url`` what goes into ``model.api_base``.
    """

    def __init__(self, *, player: Player | None = None) -> None:
        self._player = player
        self._key = ""
        self._models: frozenset[str] = frozenset()
        self._limit = 0  # characters of a request above which its context is too long; 0: none
        self._queue: deque[Answered] = deque()
        self._always: Answered | None = None
        self._freed = asyncio.Event()
        self._arrived = asyncio.Condition()
        self.asked: list[Asked] = []
        self.url = ""

    def then(self, *replies: Answered) -> None:
        """The next replies, in order."""
        self._queue.extend(replies)

    def always(self, reply: Answered | None) -> None:
        """What every further request gets; None ends it."""
        self._always = reply

    def play(self, player: Player | None) -> None:
        """Who plays the model's part from now on."""
        self._player = player

    async def reached(self, count: int) -> None:
        """Returns when so many requests have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.asked) >= count)

    def insist(self, *, key: str = "", models: Sequence[str] = (), limit: int = 0) -> None:
        """From now on: the only key, the models there are, the characters a request may have."""
        self._key, self._models, self._limit = key, frozenset(models), limit

    def forget(self) -> None:
        """Nothing queued, nobody playing, everything accepted, an empty history."""
        self._queue.clear()
        self._always = self._player = None
        self._key, self._models, self._limit = "", frozenset(), 0
        self.asked.clear()

    @property
    def root(self) -> str:
        """The address without ``/v1``, for providers whose API does not begin with it."""
        return self.url.removesuffix("/v1")

    @asynccontextmanager
    async def serving(self, *, port: int = 0) -> AsyncIterator[ScriptedModel]:
        """Serves on this machine, on a free port unless one is named."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for path in ("/v1/chat/completions", "/openai/deployments/{name}/chat/completions", *_DIALECTS):
            app.router.add_post(path, self._complete)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        try:
            yield self
        finally:
            self._freed.set()
            await runner.cleanup()

    async def _reply(self, asked: Asked) -> Answered:
        if self._key and asked.key != self._key:
            return wrong_key()
        if self._models and asked.model not in self._models:
            return unknown_model()
        if self._limit and len(asked.text) > self._limit:
            return too_long()
        if self._queue:
            return self._queue.popleft()
        if self._always is not None:
            return self._always
        if self._player is not None:
            return await self._player(asked)
        return Answered(status=500, text="the test's queue of replies is empty", code="empty_queue")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(
            body=await request.json(),
            key=request.headers.get("Authorization", "").removeprefix("Bearer "),
            path=request.path,
        )
        async with self._arrived:
            self.asked.append(asked)
            self._arrived.notify_all()
        reply = await self._reply(asked)
        if reply.hang:
            await self._freed.wait()
        form = _DIALECTS.get(asked.path, _body) if reply.status == 200 else _body
        body = reply.raw if reply.raw is not None else json.dumps(form(asked, reply))
        if reply.drip:
            return await self._drip(request, body)
        return web.Response(
            status=reply.status, text=body, content_type="application/json", headers=dict(reply.headers)
        )

    async def _drip(self, request: web.Request, body: str) -> web.StreamResponse:
        """White space before JSON means nothing: a body that never ends and is never wrong."""
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):  # the caller had enough, as it should
            while not self._freed.is_set():
                await response.write(b" ")
                await asyncio.sleep(DRIP)
            await response.write(body.encode())
            await response.write_eof()
        return response


def _body(asked: Asked, reply: Answered) -> dict[str, Any]:
    if reply.status != 200:
        kind = "invalid_request_error" if reply.status < 500 else "server_error"
        return {"error": {"message": reply.text, "type": kind, "param": None, "code": reply.code}}
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.refusal:
        message |= {"content": None, "refusal": reply.refusal}
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    spent, made = len(asked.text) // 4 + 1, len(reply.text) // 4 + 1
    return {
        "id": f"chatcmpl-{len(asked.text)}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": asked.model,
        "choices": [choice] * reply.choices,
        "usage": {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made},
    }


def _anthropic(asked: Asked, reply: Answered) -> dict[str, Any]:
    return {
        "id": "msg",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [{"type": "text", "text": reply.text}],
        "stop_reason": "max_tokens" if reply.finish == "length" else "end_turn",
        "usage": {"input_tokens": len(asked.text) // 4 + 1, "output_tokens": len(reply.text) // 4 + 1},
    }


def _ollama(asked: Asked, reply: Answered) -> dict[str, Any]:
    return {
        "model": asked.model,
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": reply.text},
        "done": True,
        "done_reason": reply.finish,
        "prompt_eval_count": len(asked.text) // 4 + 1,
        "eval_count": len(reply.text) // 4 + 1,
    }


_DIALECTS: Mapping[str, Callable[[Asked, Answered], dict[str, Any]]] = {
    "/v1/messages": _anthropic,
    "/api/chat": _ollama,
}
