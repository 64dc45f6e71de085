"""The tenant as a whole: people acting in it, and what they see."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Self

from aiohttp import web

from vigilbot.workspace.faults import Faults
from vigilbot.workspace.lark.api import Api
from vigilbot.workspace.lark.cards import actions
from vigilbot.workspace.lark.delivery import Delivery, Push
from vigilbot.workspace.lark.state import Chat, Document, Json, Message, State, User
from vigilbot.workspace.lark.ways import Sockets, Webhook
from vigilbot.workspace.timing import Timing

TICK_SECONDS = 0.02
PING_SECONDS = 2


class LarkTenant:
    """One company with one self-built app, reachable on loopback while it is started.

    People are given by open_id, chats by chat_id, messages by message_id; what is not there raises
    KeyError. ``now`` None is real time; `advance` puts the time forward for everything here.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        seed: int = 0,
        limits: bool = True,
        bot_name: str = "VigilBot",
    ) -> None:
        rng = Random(seed)
        self.timing = Timing(now)
        self.state = State(self.timing, rng, tenant=f"{rng.getrandbits(64):016x}")
        self.faults = Faults(rng=Random(seed + 1))
        self.app_id, self.app_secret = f"cli_{rng.getrandbits(64):016x}", f"{rng.getrandbits(128):032x}"
        self.encrypt_key, self.verification_token = f"{rng.getrandbits(64):x}", f"{rng.getrandbits(64):x}"
        self.bot_user, self.bot_name = self.state.name("ou"), bot_name
        self.url = ""
        self._watchers: list[Callable[[Json], None]] = []
        app = {"id": self.app_id, "secret": self.app_secret, "name": bot_name, "open_id": self.bot_user}
        self.api = Api(self.state, self.faults, self._changed, app=app, tell=self._event)
        self.api.limits = limits
        self._delivery = Delivery(self.timing, self.faults, self._changed)
        self.sockets = Sockets(self._delivery, self.faults, Random(seed + 2), ping=PING_SECONDS)
        self.webhook = Webhook(self._delivery, self.faults, self.timing, encrypt_key=self.encrypt_key)
        self._delivery.carrier = self
        self.web_app = web.Application(client_max_size=8 * 1024 * 1024)
        self.web_app.router.add_post("/callback/ws/endpoint", self._endpoint)
        self.web_app.router.add_get("/ws", self.sockets.serve)
        self.web_app.router.add_route("*", "/open-apis/{path:.*}", self.api.serve)
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None

    # -- its life

    async def start(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._runner = web.AppRunner(self.web_app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}"
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        await self.sockets.close()
        await self.webhook.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def sent(self) -> list[Push]:
        """Everything for the app, in order."""
        return self._delivery.sent

    def advance(self, seconds: float) -> None:
        self.timing.advance(seconds)

    async def settled(self, seconds: float = 5.0) -> None:
        await self._delivery.settled(seconds)

    def repeat(self, push: Push) -> None:
        self._delivery.repeat(push)

    def subscribe(self, watcher: Callable[[Json], None]) -> Callable[[], None]:
        """Every change; what is returned ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def touch(self) -> None:
        """Something that people see has changed beside the tenant itself."""
        self._changed({"type": "touched"})

    def carry(self, push: Push, number: int) -> bool:
        way = self.webhook if self.webhook.target else self.sockets
        return way.carry(push, number)

    # -- who and where

    def add_user(
        self,
        name: str,
        *,
        id: str = "",
        title: str = "",
        admin: bool = False,
        tenant: str = "",
        departments: Sequence[str] = (),
    ) -> str:
        """``tenant``: the person works for another company."""
        user = User(
            id=id or self.state.name("ou"),
            name=name,
            tenant=tenant or self.state.tenant,
            title=title,
            admin=admin,
            departments=list(departments),
        )
        self.state.users[user.id] = user
        return user.id

    def add_group(self, name: str, members: Sequence[str]) -> str:
        group = self.state.name("g")
        self.state.groups[group] = (name, set(members))
        return group

    def add_department(self, name: str) -> str:
        department = self.state.name("od")
        self.state.departments[department] = name
        return department

    def add_chat(
        self,
        name: str,
        *,
        id: str = "",
        topics: bool = False,
        public: bool = False,
        external: bool = False,
        members: Sequence[str] = (),
    ) -> str:
        chat = Chat(
            id=id or self.state.name("oc"),
            name=name,
            mode="topic" if topics else "group",
            public=public,
            external=external,
            members=set(members),
        )
        self.state.chats[chat.id] = chat
        return chat.id

    def add_document(self, token: str, title: str, text: str, *, shared: bool = True, node: str = "") -> str:
        """Its address. ``node``: it is a page of the wiki."""
        self.state.documents[token] = Document(token=token, title=title, text=text, shared=shared)
        if node:
            self.state.wiki[node] = token
            return f"https://company.feishu.cn/wiki/{node}"
        return f"https://company.feishu.cn/docx/{token}"

    def add_file(self, content: bytes, kind: str) -> str:
        key = self.state.name("img")
        self.state.files[key] = (content, kind)
        return key

    async def invite(self, chat: str, *, by: str) -> None:
        where = self.state.chats[chat]
        where.has_bot = True
        self._event("im.chat.member.bot.added_v1", self._about(where, by))

    async def kick(self, chat: str, *, by: str) -> None:
        where = self.state.chats[chat]
        where.has_bot = False
        self._event("im.chat.member.bot.deleted_v1", self._about(where, by))

    async def rename(self, chat: str, name: str) -> None:
        self.state.chats[chat].name = name
        self._event("im.chat.updated_v1", self._about(self.state.chats[chat], ""))

    async def dissolve(self, chat: str) -> None:
        self.state.chats[chat].status = "dissolved"
        self._event("im.chat.disbanded_v1", self._about(self.state.chats[chat], ""))

    # -- what people do

    async def say(
        self,
        user: str,
        chat: str,
        text: str = "",
        *,
        to: str = "",
        kind: str = "text",
        content: Json | None = None,
        call_bot: bool = False,
        forwarded: Sequence[str] = (),
        id: str = "",
    ) -> str:
        """The message's id, ``id`` where one is given.

        ``to`` is the message replied to; ``content`` that of another kind than text. ``chat`` "" is the
        person's own chat with the bot.
        """
        where = self.state.chats[chat] if chat else self.state.p2p(user)
        mentions: list[Json] = []
        if call_bot:
            text = f"@_user_1 {text}"
            mentions = [{"key": "@_user_1", "id": {"open_id": self.bot_user}, "name": self.bot_name}]
        message = Message(
            id=id or self.state.name("om"),
            chat=where.id,
            user=user,
            kind=kind,
            content=json.dumps(content if content is not None else {"text": text}, ensure_ascii=False),
            at=self.state.now(),
            mentions=mentions,
            forwarded=list(forwarded),
        )
        if to:
            above = self.state.messages[to]
            message.parent, message.root, message.topic = to, above.root or to, above.topic
        elif where.mode == "topic":
            message.topic = self.state.name("omt")
        self.state.messages[message.id] = message
        self._changed({"type": "message", "chat": where.id, "id": message.id})
        if where.has_bot:
            self._event("im.message.receive_v1", self._received(message, where))
        return message.id

    async def recall(self, message: str) -> None:
        self.api.recalled(self.state.messages[message])

    async def react(self, user: str, message: str, emoji: str, *, take_away: bool = False) -> None:
        found = self.state.messages[message]
        pair = (user, emoji)
        if take_away:
            found.reactions.remove(pair)
        else:
            found.reactions.append(pair)
        verb = "deleted" if take_away else "created"
        told = {
            "message_id": message,
            "operator_type": "user",
            "user_id": {"open_id": user},
            "reaction_type": {"emoji_type": emoji},
            "action_time": str(self.state.now()),
        }
        self._event(f"im.message.reaction.{verb}_v1", told)

    async def menu(self, user: str, key: str) -> None:
        operator = {"operator_id": {"open_id": user}, "operator_name": self.state.users[user].name}
        self._event("application.bot.menu_v6", {"operator": operator, "event_key": key})

    async def click(
        self, user: str, message: str, label: str, *, form: Mapping[str, object] | None = None
    ) -> Json:
        """Clicks on the button, or the entry of a menu, that says ``label``; the toast's text and kind.

        Raises LookupError when the card has none, TimeoutError when the app does not answer.
        """
        found = self.state.messages[message]
        operator = {"open_id": user, "tenant_key": self.state.users[user].tenant}
        told: Json = {
            "operator": operator,
            "token": self.state.name("c"),
            "action": self._action(found, label) | ({"form_value": dict(form)} if form is not None else {}),
            "context": {"open_message_id": message, "open_chat_id": found.chat},
        }
        push = self._event("card.action.trigger", told, callback=True)
        async with asyncio.timeout(4):
            await push.finished.wait()
        if not push.acknowledged or push.answer is None:
            raise TimeoutError("the app did not answer")
        card = push.answer.get("card", {})
        if card.get("type") == "raw":
            found.content, found.changed = json.dumps(card["data"], ensure_ascii=False), self.state.now()
            self._changed({"type": "message", "chat": found.chat, "id": message})
        toast = push.answer.get("toast", {})
        return dict(toast) if isinstance(toast, dict) else {}

    # -- what people see

    def messages(self, chat: str, *, topic: str = "") -> list[Message]:
        return [m for m in self.state.in_chat(chat, topic=topic) if not m.deleted]

    def thread(self, root: str) -> list[Message]:
        """A message and the replies to it."""
        found = [m for m in self.state.messages.values() if root in (m.id, m.root) and not m.deleted]
        return sorted(found, key=lambda message: message.at)

    def private(self, user: str) -> list[Message]:
        return self.messages(self.state.p2p(user).id)

    # -- the inside

    async def _endpoint(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.faults.deaf:
            return web.Response(status=502, text="upstream")
        if body.get("AppID") != self.app_id or body.get("AppSecret") != self.app_secret:
            return web.json_response({"code": 1000040345, "msg": "system busy or app invalid"})
        return web.json_response({"code": 0, "msg": "ok", "data": self.sockets.endpoint(self.url)})

    def _event(self, kind: str, event: Json, *, callback: bool = False) -> Push:
        header = {
            "event_id": self.state.name("e"),
            "event_type": kind,
            "create_time": str(self.state.now()),
            "token": self.verification_token,
            "app_id": self.app_id,
            "tenant_key": self.state.tenant,
        }
        return self._delivery.push({"schema": "2.0", "header": header, "event": event}, callback=callback)

    def _about(self, chat: Chat, user: str) -> Json:
        operator = {"operator_id": {"open_id": user}} if user else {}
        return {"chat_id": chat.id, "name": chat.name, "external": chat.external, **operator}

    def _received(self, message: Message, chat: Chat) -> Json:
        user = self.state.users[message.user]
        return {
            "sender": {
                "sender_id": {"open_id": user.id},
                "sender_type": "app" if user.bot else "user",
                "tenant_key": user.tenant,
            },
            "message": {
                "message_id": message.id,
                "root_id": message.root,
                "parent_id": message.parent,
                "thread_id": message.topic,
                "create_time": str(message.at),
                "chat_id": chat.id,
                "chat_type": "p2p" if chat.mode == "p2p" else "group",
                "message_type": message.kind,
                "content": message.content,
                "mentions": message.mentions,
            },
        }

    def _action(self, message: Message, label: str) -> Json:
        for element in actions(message.body):
            if element["tag"] == "overflow":
                for option in element["options"]:
                    if option["text"]["content"] == label:
                        return {"tag": "overflow", "option": option["value"]}
            elif element["text"]["content"] == label:
                value = element["behaviors"][0].get("value", {}) if element.get("behaviors") else {}
                return {"tag": "button", "value": value, "name": element.get("name", "")}
        raise LookupError(f"no button says {label!r}")

    def _changed(self, change: Json) -> None:
        for watcher in list(self._watchers):
            watcher(change)

    async def _tick(self) -> None:
        while True:
            self.timing.run_due()
            await asyncio.sleep(TICK_SECONDS)
