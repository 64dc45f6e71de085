"""A web site on loopback for tests: pages of real structure, every fault of servers, a log of requests."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a path answers. ``pause`` seconds come before every one of ``pieces`` parts of the body."""

    body: bytes = b""
    kind: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: int = 1
    pause: float = 0.0
    cut: int = 0  # so many bytes fewer are sent than announced


def zipped(body: bytes, *, kind: str = HTML) -> Reply:
    return Reply(body=gzip.compress(body), kind=kind, headers={"Content-Encoding": "gzip"})


def deflated(body: bytes, *, bare: bool) -> Reply:
    packing = zlib.compressobj(wbits=-15 if bare else 15)
    return Reply(body=packing.compress(body) + packing.flush(), headers={"Content-Encoding": "deflate"})


def moved(place: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": place})


def page(title: str, *parts: str, head: str = "", around: str = "") -> bytes:
    """A page as documentation sites write them: menus around a main part with headings."""
    body = "\n".join(parts)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>{title} | Docs</title>{head}</head>"
        "<body><header><nav><ul><li><a href='/'>Home</a></li><li><a href='/all'>All pages</a></li></ul></nav>"
        f"</header><aside><h3>On this page</h3><ul><li><a href='#x'>Somewhere</a></li></ul></aside>{around}"
        f"<main><article><h1>{title}</h1>{body}</article></main>"
        "<footer><p>We use cookies. <a href='/privacy'>Privacy</a></p></footer></body></html>"
    ).encode()


class Site:
    """``pages`` may change while it serves; ``requests`` are (path, headers) in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Reply] = {}
        self.requests: list[tuple[str, Mapping[str, str]]] = []
        self.visited = asyncio.Event()
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def put(self, path: str, body: bytes | str, **changes: object) -> str:
        content = body.encode() if isinstance(body, str) else body
        self.pages[path] = Reply(body=content, **changes)  # type: ignore[arg-type]
        return self.url(path)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Site]:
        runner = web.AppRunner(self._app(), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path_qs, dict(request.headers)))
        self.visited.set()
        reply = self.pages.get(request.path_qs, Reply(status=404))
        tags = {name: reply.headers.get(name) for name in ("ETag", "Last-Modified")}
        asked = (request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since"))
        if any(asked) and asked == (tags["ETag"], tags["Last-Modified"]):
            return web.Response(status=304)
        headers = {"Content-Type": reply.kind, **reply.headers} if reply.kind else dict(reply.headers)
        response = web.StreamResponse(status=reply.status, headers=headers)
        response.content_length = len(reply.body)
        if reply.pause:
            await asyncio.sleep(reply.pause)
        await response.prepare(request)
        sent = reply.body[: len(reply.body) - reply.cut]
        size = max(1, -(-len(sent) // reply.pieces))
        try:
            for start in range(0, len(sent), size):
                if start and reply.pause:
                    await asyncio.sleep(reply.pause)
                await response.write(sent[start : start + size])
            if reply.cut and request.transport is not None:
                request.transport.close()
        except ConnectionError:  # the visitor has seen enough
            pass
        return response
