"""A small real app on slack-bolt, and a workspace with people in it."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from vigilbot.workspace import Workspace


class Bolt:
    """An app that takes everything in, over either transport. ``before`` runs before the ack."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.events: list[dict] = []
        self.bodies: list[dict] = []
        self.retries: list[str] = []
        self.before: Callable[[dict], Awaitable[None]] | None = None
        self.client = AsyncWebClient(token=ws.bot_token, base_url=ws.api_url, retry_handlers=[])

        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(
                enterprise_id=None,
                team_id=ws.team,
                bot_user_id=ws.bot_user,
                bot_id=ws.bot_id,
                bot_token=ws.bot_token,
            )

        self.app = AsyncApp(
            client=self.client,
            authorize=authorize,  # or bolt takes an event it could not authorize for done
            signing_secret=ws.signing_secret,
            ignoring_self_events_enabled=False,
        )
        self.handler: AsyncSocketModeHandler | None = None
        self.runner: web.AppRunner | None = None

        @self.app.middleware
        async def seen(req, body, next):
            if self.before is not None:
                await self.before(body)
            self.bodies.append(body)
            self.retries += req.headers.get("x-slack-retry-num", [])
            await next()

    def of(self, kind: str) -> list[dict]:
        """Events of a type, or of a message's subtype after a dot."""
        name, _, subtype = kind.partition(".")
        return [e for e in self.events if e["type"] == name and e.get("subtype", "") == subtype]

    def _take_everything(self) -> None:
        """After the listeners that a test brings, so that those come first."""

        @self.app.event(re.compile(".*"))
        async def event(event):
            self.events.append(event)

    async def connect(self) -> None:
        self._take_everything()
        self.handler = AsyncSocketModeHandler(self.app, self.ws.app_token, ping_interval=1)
        await self.handler.connect_async()

    async def serve(self) -> None:
        self._take_everything()
        served = web.Application()
        served.router.add_post("/slack/events", self.app.server(port=0).handle_post_requests)
        self.runner = web.AppRunner(served, access_log=None)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.ws.http_target = f"http://127.0.0.1:{self.runner.addresses[0][1]}/slack/events"

    async def close(self) -> None:
        if self.handler is not None:
            await self.handler.close_async()
        if self.runner is not None:
            await self.runner.cleanup()


async def until(condition: Callable[[], object], seconds: float = 3.0) -> None:
    """Waits for what happens in another task."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)


class Town:
    """A workspace with #support, a customer and an analyst, the app invited."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.carla = ws.add_user("Carla")
        self.ada = ws.add_user("Ada", title="Support analyst")
        members = {self.carla, self.ada, ws.bot_user}
        self.support = ws.add_channel("support", members=members)


def button(action_id: str, value: str = "1") -> dict:
    text = {"type": "plain_text", "text": "Go"}
    element = {"type": "button", "action_id": action_id, "text": text, "value": value}
    return {"type": "actions", "elements": [element]}
