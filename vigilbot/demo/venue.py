"""Where the demonstration happens: a Slack workspace or a Lark tenant of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from vigilbot.cards import ActionKind
from vigilbot.ports import Clock
from vigilbot.serve.chat import Chat
from vigilbot.serve.lark import LarkSecrets, lark_chat
from vigilbot.serve.named import Named
from vigilbot.serve.slack import SlackSecrets, slack_chat
from vigilbot.settings import Settings
from vigilbot.workspace import Workspace
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.cards import walk
from vigilbot.workspace.lark.shown import LarkShown
from vigilbot.workspace.page.shown import Shown, SlackShown

OTHER_COMPANY = "T000ACME"


class Venue(Protocol):
    """People, channels and messages by the platform's ids; ``settings`` are those of the way to it."""

    @property
    def web_app(self) -> web.Application: ...

    @property
    def url(self) -> str: ...

    async def start(self, *, host: str, port: int) -> None: ...

    async def stop(self) -> None: ...

    async def settled(self) -> None: ...

    async def cut(self) -> None:
        """The bot's connections break without a word."""
        ...

    def shown(self) -> Shown: ...

    def settings(self) -> Mapping[str, str]: ...

    def chat(self, settings: Settings, *, clock: Clock) -> Chat: ...

    def add_user(self, name: str, *, title: str, owner: bool = False, outside: bool = False) -> str: ...

    def add_channel(
        self, name: str, *, members: Sequence[str], private: bool = False, external: bool = False
    ) -> str: ...

    async def invite(self, channel: str, *, by: str) -> None: ...

    async def join(self, user: str, channel: str) -> None: ...

    async def say(self, user: str, channel: str, text: str, *, thread: str = "") -> str: ...

    async def accept(self, user: str, channel: str, thread: str) -> None:
        """Clicks Accept on the newest card of a thread; raises LookupError when there is none."""
        ...


class SlackVenue:
    def __init__(self) -> None:
        self.workspace = Workspace()

    @property
    def web_app(self) -> web.Application:
        return self.workspace.web_app

    @property
    def url(self) -> str:
        return self.workspace.url

    async def start(self, *, host: str, port: int) -> None:
        await self.workspace.start(host=host, port=port)

    async def stop(self) -> None:
        await self.workspace.stop()

    async def settled(self) -> None:
        await self.workspace.settled()

    async def cut(self) -> None:
        self.workspace.abort()

    def shown(self) -> Shown:
        return SlackShown(self.workspace)

    def settings(self) -> Mapping[str, str]:
        return {"slack.base_url": self.workspace.api_url}

    def chat(self, settings: Settings, *, clock: Clock) -> Chat:
        ws = self.workspace
        secrets = SlackSecrets(bot_token=ws.bot_token, app_token=ws.app_token, signing_secret="")
        return slack_chat(settings, secrets, clock=clock)

    def add_user(self, name: str, *, title: str, owner: bool = False, outside: bool = False) -> str:
        team = OTHER_COMPANY if outside else ""
        return self.workspace.add_user(name, title=title, owner=owner, team=team)

    def add_channel(
        self, name: str, *, members: Sequence[str], private: bool = False, external: bool = False
    ) -> str:
        return self.workspace.add_channel(name, private=private, external=external, members=members)

    async def invite(self, channel: str, *, by: str) -> None:
        await self.workspace.invite(channel, by=by)

    async def join(self, user: str, channel: str) -> None:
        await self.workspace.join(user, channel)

    async def say(self, user: str, channel: str, text: str, *, thread: str = "") -> str:
        return await self.workspace.say(user, channel, text, thread=thread)

    async def accept(self, user: str, channel: str, thread: str) -> None:
        for message in reversed(self.workspace.messages(channel, thread=thread)):
            for action in action_ids(message, ActionKind.ACCEPT):
                await self.workspace.click(user, channel, message["ts"], action)
                return
        raise LookupError("there is no card to accept")


class LarkVenue:
    """``language``: of the bot's own words, en or zh."""

    def __init__(self, *, language: str = "en") -> None:
        self.tenant = LarkTenant()
        self._language = language

    @property
    def web_app(self) -> web.Application:
        return self.tenant.web_app

    @property
    def url(self) -> str:
        return self.tenant.url

    async def start(self, *, host: str, port: int) -> None:
        await self.tenant.start(host=host, port=port)

    async def stop(self) -> None:
        await self.tenant.stop()

    async def settled(self) -> None:
        await self.tenant.settled()

    async def cut(self) -> None:
        await self.tenant.sockets.cut()

    def shown(self) -> Shown:
        return LarkShown(self.tenant)

    def settings(self) -> Mapping[str, str]:
        return {
            "lark.base_url": self.tenant.url,
            "lark.language": self._language,
            "lark.ping": "3s",
            "platform.connect": "lark",
        }

    def chat(self, settings: Settings, *, clock: Clock) -> Chat:
        tenant = self.tenant
        secrets = LarkSecrets(app_id=tenant.app_id, app_secret=tenant.app_secret, encrypt_key="", token="")
        return lark_chat(settings, secrets, Named(platform="lark"), clock=clock)

    def add_user(self, name: str, *, title: str, owner: bool = False, outside: bool = False) -> str:
        other = OTHER_COMPANY if outside else ""
        return self.tenant.add_user(name, title=title, admin=owner, tenant=other)

    def add_channel(
        self, name: str, *, members: Sequence[str], private: bool = False, external: bool = False
    ) -> str:
        public = not private and not external
        return self.tenant.add_chat(name, public=public, external=external, members=members)

    async def invite(self, channel: str, *, by: str) -> None:
        await self.tenant.invite(channel, by=by)

    async def join(self, user: str, channel: str) -> None:
        self.tenant.state.chats[channel].members.add(user)

    async def say(self, user: str, channel: str, text: str, *, thread: str = "") -> str:
        return await self.tenant.say(user, channel, text, to=thread)

    async def accept(self, user: str, channel: str, thread: str) -> None:
        for message in reversed(self.tenant.thread(thread)):
            for element in walk(message.body):
                told = json.dumps(element.get("behaviors", []))
                if f'"vigilbot": "{ActionKind.ACCEPT.value}"' in told:
                    await self.tenant.click(user, message.id, element["text"]["content"])
                    return
        raise LookupError("there is no card to accept")


def action_ids(message: dict[str, Any], kind: ActionKind) -> Iterator[str]:
    """The buttons of this kind in a message as the Slack workspace holds it."""
    for block in message.get("blocks") or ():
        for element in [*block.get("elements", ()), block.get("accessory") or {}]:
            action = str(element.get("action_id", ""))
            if action == f"vigilbot:{kind.value}" or action.startswith(f"vigilbot:{kind.value}:"):
                yield action
