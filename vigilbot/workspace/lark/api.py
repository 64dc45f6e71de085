"""The open platform's API, as a table of methods: token, permission and membership checked first."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from aiohttp import web

from vigilbot.workspace.faults import Faults, Trouble
from vigilbot.workspace.lark.answers import (
    BAD_CARD,
    BAD_REQUEST,
    BAD_SECRET,
    BAD_TOKEN,
    IDEMPOTENT_SECONDS,
    NO_CHAT,
    NO_DOCUMENT,
    NO_SCOPE,
    NO_USER,
    NOT_A_MEMBER,
    NOT_MINE,
    OK,
    PER_CHAT,
    RECALLED,
    SCOPES,
    SENDING,
    SLOW_DOWN,
    TOKEN_SECONDS,
    Called,
    Refused,
    Request,
    message_shown,
    paged,
)
from vigilbot.workspace.lark.cards import problem
from vigilbot.workspace.lark.documents import blocks_of
from vigilbot.workspace.lark.state import Chat, Json, Message, State

Handler = Callable[["Api", Request], Json]


class Api:
    """``scopes`` may be changed at any time. ``calls`` holds every call in order."""

    def __init__(
        self,
        state: State,
        faults: Faults,
        changed: Callable[[Json], None],
        *,
        app: Mapping[str, str],
        tell: Callable[[str, Json], object],
    ) -> None:
        """``tell`` sends the app an event of a kind."""
        self.state = state
        self.app = app  # id, secret, name, open_id
        self.scopes = set(SCOPES)
        self.calls: list[Called] = []
        self.limits = True
        self._faults = faults
        self._changed = changed
        self._tell = tell
        self._tokens: dict[str, float] = {}
        self._said: dict[str, list[float]] = {}
        self._uuids: dict[str, tuple[float, str]] = {}

    def trouble_sending(self, what: Literal["limit", "drop"]) -> None:
        """The next message, wherever it goes, meets "slow down", or is sent and its answer lost."""
        limit = Trouble(method=SENDING, retry_after=1)
        self._faults.troubles.append(
            limit if what == "limit" else Trouble(method=SENDING, drop=True, applied=True)
        )

    def revoke(self) -> None:
        """Tokens that were given hold no longer."""
        self._tokens.clear()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/open-apis")
        raw = await request.read()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        now = self.state.timing.now()
        called = Called(verb=request.method, path=path, body=body, query=dict(request.query), at=now)
        self.calls.append(called)
        sends = called.verb == "POST" and path.startswith(SENDING)
        trouble = self._faults.next_trouble(SENDING if sends else path)
        if trouble is not None:
            if trouble.delay:
                await asyncio.sleep(trouble.delay)
            applied = self._answered(request, called) if trouble.applied or trouble.delay else None
            if trouble.drop:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            if trouble.retry_after:
                return self._slow(trouble.retry_after)
            if trouble.status != 200:
                return web.Response(status=trouble.status, text="upstream")
            if trouble.error:
                return web.json_response({"code": int(trouble.error), "msg": "on purpose"})
            if applied is not None:
                return applied
        return self._answered(request, called)

    def _answered(self, request: web.Request, called: Called) -> web.StreamResponse:
        try:
            answer = self._called(request.headers.get("Authorization", ""), called)
        except Refused as refused:
            called.code = refused.code
            if refused.code == SLOW_DOWN:
                return self._slow(1)
            body: Json = {"code": refused.code, "msg": str(refused)}
            if refused.missing:
                body["error"] = {"permission_violations": [{"type": "scope", "subject": refused.missing}]}
            return web.json_response(body, status=400 if refused.code in (NO_SCOPE, BAD_TOKEN) else 200)
        if "_bytes" in answer:
            return web.Response(body=answer["_bytes"], content_type=answer["_kind"])
        called.answer = answer
        whole = answer if answer.pop("_whole", False) else {"data": answer}
        return web.json_response({"code": OK, "msg": "success", **whole})

    def _slow(self, seconds: int) -> web.Response:
        """Lark says it with HTTP 400 and its own header."""
        return web.json_response(
            {"code": SLOW_DOWN, "msg": "request trigger frequency limit"},
            status=400,
            headers={"x-ogw-ratelimit-reset": str(seconds)},
        )

    def _called(self, authorization: str, called: Called) -> Json:
        if called.path == "/auth/v3/tenant_access_token/internal":
            return self._token(called.body)
        good_until = self._tokens.get(authorization.removeprefix("Bearer "), 0.0)
        if self.state.timing.seconds() >= good_until:
            raise Refused(BAD_TOKEN, "Invalid access token for authorization")
        for verb, pattern, scope, handler in METHODS:
            match = pattern.fullmatch(called.path)
            if match and verb == called.verb:
                if scope and scope not in self.scopes:
                    raise Refused(NO_SCOPE, "Access denied", missing=scope)
                return handler(self, Request(match.groupdict(), called.body, called.query))
        raise Refused(BAD_REQUEST, f"no such method: {called.verb} {called.path}")

    def _token(self, body: Json) -> Json:
        if body.get("app_id") != self.app["id"] or body.get("app_secret") != self.app["secret"]:
            raise Refused(BAD_SECRET, "app secret invalid")
        token = self.state.name("t")
        self._tokens[token] = self.state.timing.seconds() + TOKEN_SECONDS
        return {"_whole": True, "tenant_access_token": token, "expire": TOKEN_SECONDS}

    # -- who and where

    def bot_info(self, _: Request) -> Json:
        bot = {"open_id": self.app["open_id"], "app_name": self.app["name"], "activate_status": 2}
        return {"_whole": True, "bot": bot}

    def tenant_info(self, _: Request) -> Json:
        return {"tenant": {"tenant_key": self.state.tenant, "name": "Company"}}

    def chats(self, request: Request) -> Json:
        mine = [
            c for c in self.state.chats.values() if c.has_bot and c.mode != "p2p" and c.status == "normal"
        ]
        items = [{"chat_id": chat.id, "name": chat.name, "external": chat.external} for chat in mine]
        return paged(items, request)

    def chat(self, request: Request) -> Json:
        chat = self._mine(request.parts["chat"])
        return {
            "name": chat.name,
            "chat_mode": chat.mode,
            "chat_type": "public" if chat.public else "private",
            "external": chat.external,
            "chat_status": chat.status,
            "tenant_key": self.state.tenant,
        }

    def user(self, request: Request) -> Json:
        user = self.state.users.get(request.parts["user"])
        if user is None or user.tenant != self.state.tenant:
            raise Refused(NO_USER, "no user authority error")
        return {
            "user": {
                "open_id": user.id,
                "name": user.name,
                "job_title": user.title,
                "is_tenant_manager": user.admin,
                "department_ids": user.departments or ["0"],
            }
        }

    def groups_of(self, request: Request) -> Json:
        member = request.query.get("member_id", "")
        return {"group_list": [g for g, (_, members) in self.state.groups.items() if member in members]}

    def groups(self, request: Request) -> Json:
        items = [{"id": group, "name": name} for group, (name, _) in self.state.groups.items()]
        return paged(items, request, name="grouplist")

    def department(self, request: Request) -> Json:
        name = self.state.departments.get(request.parts["department"], "")
        return {"department": {"name": name, "open_department_id": request.parts["department"]}}

    def granted(self, request: Request) -> Json:
        return {"scopes": [{"scope_name": name, "grant_status": 1} for name in sorted(self.scopes)]}

    # -- messages

    def create(self, request: Request) -> Json:
        to, kind = str(request.body.get("receive_id", "")), request.query.get("receive_id_type", "")
        if kind == "open_id":
            if to not in self.state.users:
                raise Refused(BAD_REQUEST, "invalid receive_id")
            return self._say(self.state.p2p(to), request.body)
        return self._say(self._mine(to), request.body)

    def reply(self, request: Request) -> Json:
        above = self._message(request.parts["message"])
        return self._say(self._mine(above.chat), request.body, above=above)

    def change(self, request: Request) -> Json:
        message = self._own(request.parts["message"])
        content = str(request.body.get("content", ""))
        self._check("interactive", content)
        message.content, message.changed = content, self.state.now()
        self._changed({"type": "message", "chat": message.chat, "id": message.id})
        return {}

    def delete(self, request: Request) -> Json:
        message = self._own(request.parts["message"])
        self.recalled(message)
        return {}

    def recalled(self, message: Message) -> None:
        """Whoever recalls a message, the app is told of it; Lark does not say whose it was."""
        message.deleted = True
        self._changed({"type": "message", "chat": message.chat, "id": message.id})
        if self.state.chats[message.chat].has_bot:
            told = {"message_id": message.id, "chat_id": message.chat, "recall_time": str(self.state.now())}
            self._tell("im.message.recalled_v1", told)

    def one(self, request: Request) -> Json:
        message = self._message(request.parts["message"])
        self._mine(message.chat)
        within = [self.state.messages[name] for name in message.forwarded if name in self.state.messages]
        return {"items": [self.shown(message), *(self.shown(m) for m in within)]}

    def history(self, request: Request) -> Json:
        query = request.query
        since = int(query.get("start_time", "0") or 0) * 1000
        where = query.get("container_id", "")
        if query.get("container_id_type") == "thread":
            found = [m for m in self.state.messages.values() if m.topic == where]
        else:
            self._mine(where)
            found = [
                m for m in self.state.messages.values() if m.chat == where and (not m.topic or m.root == "")
            ]
        found = sorted((m for m in found if m.at >= since), key=lambda m: m.at)
        if "im:message.group_msg" not in self.scopes:
            raise Refused(NO_SCOPE, "Access denied", missing="im:message.group_msg")
        return paged([self.shown(message) for message in found], request)

    def resource(self, request: Request) -> Json:
        content, kind = self.state.files.get(request.parts["key"], (b"", ""))
        if not content:
            raise Refused(BAD_REQUEST, "file not found")
        return {"_bytes": content, "_kind": kind}

    # -- documents

    def blocks(self, request: Request) -> Json:
        return paged(blocks_of(self._document(request.parts["token"])), request)

    def document(self, request: Request) -> Json:
        found = self._document(request.parts["token"])
        return {"document": {"document_id": found.token, "title": found.title, "revision_id": found.revision}}

    def node(self, request: Request) -> Json:
        token = self.state.wiki.get(request.query.get("token", ""))
        if token is None:
            raise Refused(131005, "node not found")
        found = self._document(token, code=131006)
        return {"node": {"obj_token": token, "obj_type": "docx", "title": found.title}}

    # -- the parts of it

    def shown(self, message: Message) -> Json:
        return message_shown(message, self.state, app=self.app["id"])

    def _say(self, chat: Chat, body: Json, *, above: Message | None = None) -> Json:
        kind, content, uuid = str(body.get("msg_type")), str(body.get("content")), str(body.get("uuid", ""))
        now = self.state.timing.seconds()
        if len(uuid) > 50:
            raise Refused(BAD_REQUEST, "uuid is longer than 50")
        earlier = self._uuids.get(uuid) if uuid else None
        if earlier and now - earlier[0] < IDEMPOTENT_SECONDS:
            return self.shown(self.state.messages[earlier[1]])
        self._check(kind, content)
        if above is not None and above.deleted:
            raise Refused(RECALLED, "the message was recalled")
        said = [at for at in self._said.get(chat.id, []) if now - at < 1.0]
        if self.limits and len(said) >= PER_CHAT:
            raise Refused(SLOW_DOWN, "request trigger frequency limit")
        self._said[chat.id] = [*said, now]
        message = Message(
            id=self.state.name("om"),
            chat=chat.id,
            user=self.app["id"],
            kind=kind,
            content=content,
            at=self.state.now(),
            uuid=uuid,
        )
        if above is not None:
            message.root, message.parent = above.root or above.id, above.id
            root = self.state.messages[message.root]
            if body.get("reply_in_thread") and not root.topic:
                root.topic = self.state.name("omt")
            message.topic = root.topic
        self.state.messages[message.id] = message
        if uuid:
            self._uuids[uuid] = (now, message.id)
        self._changed({"type": "message", "chat": chat.id, "id": message.id})
        return self.shown(message)

    def _check(self, kind: str, content: str) -> None:
        if kind == "interactive":
            if said := problem(content):
                raise Refused(BAD_CARD, f"Failed to create card content: {said}")
        elif kind not in ("text", "post") or not content:
            raise Refused(BAD_REQUEST, f"unknown msg_type {kind}")

    def _mine(self, chat: str) -> Chat:
        found = self.state.chats.get(chat)
        if found is None or not found.has_bot:
            raise Refused(NOT_A_MEMBER if found else NO_CHAT, "Bot/User can NOT be out of the chat.")
        return found

    def _message(self, name: str) -> Message:
        found = self.state.messages.get(name)
        if found is None:
            raise Refused(BAD_REQUEST, "invalid message_id")
        return found

    def _own(self, name: str) -> Message:
        found = self._message(name)
        if found.user != self.app["id"]:
            raise Refused(NOT_MINE, "the message is not the bot's")
        if found.deleted:
            raise Refused(RECALLED, "the message was recalled")
        return found

    def _document(self, token: str, *, code: int = NO_DOCUMENT) -> Any:
        found = self.state.documents.get(token)
        if found is None or not found.shared:
            raise Refused(code, "forbidden")
        return found


def _path(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", pattern))


METHODS: tuple[tuple[str, re.Pattern[str], str, Handler], ...] = (
    ("GET", _path("/bot/v3/info"), "", Api.bot_info),
    ("GET", _path("/tenant/v2/tenant/query"), "tenant:tenant:readonly", Api.tenant_info),
    ("GET", _path("/application/v6/scopes"), "", Api.granted),
    ("GET", _path("/im/v1/chats"), "im:chat:readonly", Api.chats),
    ("GET", _path("/im/v1/chats/:chat"), "im:chat:readonly", Api.chat),
    ("POST", _path("/im/v1/messages"), "im:message:send_as_bot", Api.create),
    ("GET", _path("/im/v1/messages"), "im:message:readonly", Api.history),
    ("POST", _path("/im/v1/messages/:message/reply"), "im:message:send_as_bot", Api.reply),
    ("GET", _path("/im/v1/messages/:message"), "im:message:readonly", Api.one),
    ("PATCH", _path("/im/v1/messages/:message"), "im:message:send_as_bot", Api.change),
    ("DELETE", _path("/im/v1/messages/:message"), "im:message:send_as_bot", Api.delete),
    ("GET", _path("/im/v1/messages/:message/resources/:key"), "im:resource", Api.resource),
    ("GET", _path("/contact/v3/users/:user"), "contact:user.base:readonly", Api.user),
    ("GET", _path("/contact/v3/group/member_belong"), "contact:group:readonly", Api.groups_of),
    ("GET", _path("/contact/v3/group/simplelist"), "contact:group:readonly", Api.groups),
    ("GET", _path("/contact/v3/departments/:department"), "contact:department.base:readonly", Api.department),
    ("GET", _path("/docx/v1/documents/:token/blocks"), "docx:document:readonly", Api.blocks),
    ("GET", _path("/docx/v1/documents/:token"), "docx:document:readonly", Api.document),
    ("GET", _path("/wiki/v2/spaces/get_node"), "wiki:wiki:readonly", Api.node),
)
