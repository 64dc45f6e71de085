"""The workspace in a browser: `attach` puts its page under / and /page of an aiohttp app.

The page sends what the acting person does and is sent what that person sees. It loads nothing from
anywhere else, and there is no log-in: who reaches the address acts as anybody. Therefore requests
that a script of another website could cause are refused.
"""

from __future__ import annotations

import asyncio
import html
import ipaddress
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler, Middleware

from vigilbot.workspace.page.deeds import NotDone
from vigilbot.workspace.page.shown import Shown
from vigilbot.workspace.page.snapshot import Look

FOLDER = Path(__file__).parent
KINDS = {".js": "text/javascript", ".css": "text/css"}
PAUSE_SECONDS = 0.04
"""Between two pictures of the workspace for one browser, so that many changes at once are one."""
PAUSE_SHARE = 5
"""The pause is at least so many times what the picture took: the bot shares the loop."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def attach(shown: Shown, app: web.Application, *, side: str = "/side") -> None:
    """Adds the page's routes to an app that is not started yet.

    ``side``: path of the same app below which the bot says what it did and knows (run, knowledge,
    status: JSON, or 404 for what there is not). A story to play is asked for at /story (GET; POST
    /story/play, /story/pause, /story/step), 404 without one. These paths too are kept from other
    websites; the rest of the app stays as it is.
    """
    page = _Page(shown=shown, side=side)
    routes: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/", page.index),
        ("GET", "/archives/{channel}/{message:p[0-9]+}", page.message),
        ("GET", "/page/state", page.state),
        ("GET", "/page/live", page.live),
        ("POST", "/page/act", page.act),
        ("GET", "/page/file/{id}/{name}", page.file),
        ("GET", "/page/{name}", page.asset),
    )
    for method, path, handler in routes:
        app.router.add_route(method, path, handler)
    app.middlewares.append(
        _guard(frozenset({"", "page", "archives", "story", side.strip("/").split("/")[0]}))
    )
    app.on_shutdown.append(page.close)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    shown: Shown
    side: str
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    async def index(self, request: web.Request) -> web.StreamResponse:
        text = (FOLDER / "index.html").read_text(encoding="utf-8")
        side = f'data-side="{html.escape(self.side)}"'
        return web.Response(text=text.replace('data-side="/side"', side), content_type="text/html")

    async def message(self, request: web.Request) -> web.StreamResponse:
        """A link to a message, as chat.getPermalink gives it, leads to the page."""
        channel, digits = request.match_info["channel"], request.match_info["message"][1:]
        ts = f"{digits[:-6]}.{digits[-6:]}"
        place = {"channel": channel, "thread": request.query.get("thread_ts", ts), "message": ts}
        raise web.HTTPFound(f"/?{urlencode(place)}")

    async def asset(self, request: web.Request) -> web.StreamResponse:
        name = Path(request.match_info["name"])
        known = {path.name: path for path in FOLDER.iterdir() if path.suffix in KINDS}
        if name.name not in known:
            raise web.HTTPNotFound
        text = known[name.name].read_text(encoding="utf-8")
        return web.Response(text=text, content_type=KINDS[name.suffix])

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A picture that somebody put into a message; other files are not shown."""
        found = self.shown.picture(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found[0], content_type=found[1])

    async def state(self, request: web.Request) -> web.StreamResponse:
        """What `live` sends, once. The look is in the query."""
        asked: dict[str, object] = dict(request.query)
        for name in ("limit", "number"):
            if request.query.get(name, "").isdecimal():
                asked[name] = int(request.query[name])
        asked["wire"] = asked.get("wire") in {"1", "true"}
        return web.json_response(self.shown.snapshot(Look.of(asked)))

    async def act(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":  # all that a foreign form could send
            return _refused(415, "Send JSON.")
        try:
            deed = await request.json()
        except ValueError:
            return _refused(400, "That is not JSON.")
        if not isinstance(deed, dict):
            return _refused(400, "A deed is a JSON object.")
        try:
            return web.json_response({"ok": True, **await self.shown.do(deed)})
        except NotDone as problem:
            return web.json_response({"ok": False, "error": str(problem)})

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Takes looks, sends a snapshot for each and after every change that shows in it."""
        socket = web.WebSocketResponse(heartbeat=20)
        await socket.prepare(request)
        self.sockets.add(socket)
        looked = _Looked()
        stop = self.shown.subscribe(lambda change: looked.changed.set())
        sender = asyncio.create_task(self._send(socket, looked))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    with suppress(ValueError):
                        looked.look = Look.of(json.loads(message.data))
                        looked.changed.set()
        finally:
            self.sockets.discard(socket)
            stop()
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        return socket

    async def close(self, app: web.Application) -> None:
        """Ends all pictures, since a browser would hold the server open for ever."""
        for socket in list(self.sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def _send(self, socket: web.WebSocketResponse, looked: _Looked) -> None:
        sent = ""
        while True:
            await looked.changed.wait()
            looked.changed.clear()
            if looked.look is None:
                continue
            begun = time.perf_counter()
            text = json.dumps(self.shown.snapshot(looked.look), default=str)
            if text != sent:
                sent = text
                try:
                    await socket.send_str(text)
                except ConnectionError:
                    return  # the browser is gone; the receiving loop ends as well
            await asyncio.sleep(max(PAUSE_SECONDS, PAUSE_SHARE * (time.perf_counter() - begun)))


class _Looked:
    """What one browser looks at, None until it said so, and whether that may have changed."""

    def __init__(self) -> None:
        self.look: Look | None = None
        self.changed = asyncio.Event()


def _guard(paths: frozenset[str]) -> Middleware:
    """For what is below the given first parts of a path.

    Refuses what comes from other websites, under whatever name they found the way; adds the headers.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.lstrip("/").split("/")[0] not in paths:
            return await handler(request)
        if not _at_home(request.host):
            return _refused(403, "Open this page by its IP address or as localhost.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return _refused(403, "This page is not for other websites.")
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            answer.headers.update(HEADERS)
            raise
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return guard


def _at_home(host: str) -> bool:
    """Whether a Host header is one that no other website can have made a browser send."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"ok": False, "error": why}, status=status, headers=HEADERS)
