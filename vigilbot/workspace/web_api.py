"""The Web API: tokens, scopes, limits and faults around a table of methods."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from vigilbot.workspace.calls import Call, Method
from vigilbot.workspace.faults import Faults, Trouble
from vigilbot.workspace.limits import Limits
from vigilbot.workspace.methods_chat import CHAT
from vigilbot.workspace.methods_conversations import CONVERSATIONS
from vigilbot.workspace.methods_people import PEOPLE
from vigilbot.workspace.methods_views import VIEWS
from vigilbot.workspace.scene import Refusal, Scene
from vigilbot.workspace.state import Json
from vigilbot.workspace.tickets import Tickets
from vigilbot.workspace.windows import Windows

METHODS: Mapping[str, Method] = {**CHAT, **CONVERSATIONS, **PEOPLE, **VIEWS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """A call and what came back. ``applied`` is False where a fault came before it was done."""

    method: str
    args: Json
    answer: Json
    status: int
    at: datetime
    applied: bool


class WebApi:
    """``base`` is where the workspace can be reached, known once it runs."""

    def __init__(
        self, scene: Scene, limits: Limits, faults: Faults, tickets: Tickets, windows: Windows
    ) -> None:
        self.base = ""
        self.calls: list[Called] = []
        self._scene = scene
        self._limits = limits
        self._faults = faults
        self._tickets = tickets
        self._windows = windows

    async def handle(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        args = await arguments(request)
        token = _token(request, args)
        trouble = self._faults.next_trouble(name)
        if trouble is None:
            answer, status = self._answer(name, args, token)
            return self._respond(name, args, answer, status, applied=True)
        if trouble.delay:
            await asyncio.sleep(trouble.delay)
        simply_late = trouble.delay and not (trouble.drop or trouble.error or trouble.status != 200)
        if simply_late or trouble.applied:
            answer, status = self._answer(name, args, token)
            if simply_late:
                return self._respond(name, args, answer, status, applied=True)
        return self._go_wrong(request, name, args, trouble)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file's bytes for the app's token with files:read; for anybody else a page to sign in."""
        app = self._scene.app
        allowed = "files:read" in app.scopes and not app.revoked
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not allowed or token != app.bot_token:
            return web.Response(
                text="<!DOCTYPE html><html><body>Sign in</body></html>", content_type="text/html"
            )
        found = self._scene.state.files.get(request.match_info["file"])
        if found is None:
            return web.Response(status=404, text="not found")
        return web.Response(body=found.data, content_type=found.mimetype)

    def _go_wrong(self, request: web.Request, name: str, args: Json, trouble: Trouble) -> web.StreamResponse:
        if trouble.drop:
            self._record(name, args, {"dropped": True}, 0, applied=trouble.applied)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        if trouble.status != 200:
            self._record(name, args, {}, trouble.status, applied=trouble.applied)
            return web.Response(status=trouble.status, text="<html><body>upstream error</body></html>")
        if trouble.retry_after:
            answer = {"ok": False, "error": "ratelimited", "retry_after": trouble.retry_after}
            return self._respond(name, args, answer, 429, applied=False)
        answer = {"ok": False, "error": trouble.error}
        return self._respond(name, args, answer, 200, applied=trouble.applied)

    def _answer(self, name: str, args: Json, token: str) -> tuple[Json, int]:
        """The answer and its HTTP status; a 429 says in ``retry_after`` how long to wait."""
        method = METHODS.get(name)
        if method is None:
            return {"ok": False, "error": "unknown_method", "req_method": name}, 200
        if error := self._refused_token(method, token):
            return {"ok": False, "error": error}, 200
        granted = self._scene.app.scopes
        if method.scopes and not granted & method.scopes:
            needed = ",".join(sorted(method.scopes))
            provided = ",".join(sorted(granted))
            return {"ok": False, "error": "missing_scope", "needed": needed, "provided": provided}, 200
        wait = self._limits.wait(name, method.tier, str(args.get("channel", "")))
        if wait:
            return {"ok": False, "error": "ratelimited", "retry_after": wait}, 429
        call = Call(
            scene=self._scene,
            args=args,
            tickets=self._tickets,
            windows=self._windows,
            limits=self._limits,
            base=self.base,
        )
        return self._done(method.run, call), 200

    def _done(self, run: Callable[[Call], Json], call: Call) -> Json:
        try:
            return {"ok": True, **run(call)}
        except Refusal as refusal:
            notes = refusal.messages
            more = {"response_metadata": {"messages": notes}, "errors": notes} if notes else {}
            return {"ok": False, "error": refusal.error, **more, **refusal.more}

    def _refused_token(self, method: Method, token: str) -> str:
        app = self._scene.app
        if not method.token:
            return ""
        if not token:
            return "not_authed"
        right = app.app_token if method.token == "app" else app.bot_token
        revoked = app.app_token_revoked if method.token == "app" else app.revoked
        if token == right:
            return "token_revoked" if revoked else ""
        known = token in {app.app_token, app.bot_token}
        return "not_allowed_token_type" if known else "invalid_auth"

    def _respond(self, name: str, args: Json, answer: Json, status: int, *, applied: bool) -> web.Response:
        self._record(name, args, answer, status, applied=applied)
        headers = {"x-oauth-scopes": ",".join(sorted(self._scene.app.scopes))}
        if name in METHODS:
            headers["x-accepted-oauth-scopes"] = ",".join(sorted(METHODS[name].scopes))
        if status == 429:
            headers["Retry-After"] = str(answer["retry_after"])
            answer = {"ok": False, "error": "ratelimited"}
        return web.json_response(answer, status=status, headers=headers)

    def _record(self, name: str, args: Json, answer: Json, status: int, *, applied: bool) -> None:
        kept = {k: v for k, v in args.items() if k != "token"}
        at = self._scene.state.timing.now()
        self.calls.append(
            Called(method=name, args=kept, answer=answer, status=status, at=at, applied=applied)
        )
        self._scene.changed({"type": "call", "method": name, "ok": answer.get("ok", False)})


async def arguments(request: web.Request) -> Json:
    """A call's arguments from query, form or JSON; values that are JSON inside text are read."""
    found: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body: Any = await request.json()
        except ValueError:
            body = {}
        found |= body if isinstance(body, dict) else {}
    else:
        form = await request.post()
        found |= {name: value for name, value in form.items() if isinstance(value, str)}
    for name in ("blocks", "metadata", "view", "attachments"):
        if isinstance(found.get(name), str):
            found[name] = _read(found[name])
    return found


def _read(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text
    return value


def _token(request: web.Request, args: Json) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ").strip() or str(args.get("token", ""))
