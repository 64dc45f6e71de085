"""The workspace's HTTP surface: Web API, sockets, replies to interactions, files."""

from __future__ import annotations

import json

from aiohttp import web

from vigilbot.workspace.interactivity import Interactivity
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.sockets import Sockets
from vigilbot.workspace.web_api import WebApi


def add_routes(app: web.Application, api: WebApi, sockets: Sockets, interactivity: Interactivity) -> None:
    async def reply(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict):
            return web.Response(status=400, text="invalid_payload")
        try:
            interactivity.reply(request.match_info["name"], body)
        except Refusal as refusal:
            gone = refusal.error in {"expired_url", "used_url"}
            answer = {"ok": False, "error": refusal.error}
            return web.json_response(answer, status=404 if gone else 400)
        return web.Response(text="ok")

    app.router.add_route("*", "/api/{method}", api.handle)
    app.router.add_get("/link/", sockets.link)
    app.router.add_post("/actions/{name}", reply)
    app.router.add_get("/files/{file}/{name}", api.file)
