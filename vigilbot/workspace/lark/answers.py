"""What the open platform's API is asked, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vigilbot.workspace.lark.state import Json, Message, State

OK = 0
BAD_REQUEST, NOT_A_MEMBER, RECALLED, NOT_MINE, NO_SCOPE, BAD_CARD = (
    230001,
    230002,
    230011,
    230017,
    99991672,
    230099,
)
BAD_TOKEN, BAD_SECRET, SLOW_DOWN, NO_CHAT, NO_USER, NO_DOCUMENT = (
    99991663,
    10014,
    99991400,
    232011,
    41050,
    1770032,
)
TOKEN_SECONDS = 7200
IDEMPOTENT_SECONDS = 3600
PER_CHAT = 5  # messages a second
PAGE = 50
SENDING = "/im/v1/messages"
"""What faults call every request that sends a message, a reply too."""
SCOPES = frozenset(
    {
        "im:message:send_as_bot",
        "im:message.group_msg",
        "im:message:readonly",
        "im:message.p2p_msg:readonly",
        "im:message.reactions:read",
        "im:chat:readonly",
        "im:resource",
        "contact:user.base:readonly",
        "contact:user.employee:readonly",
        "contact:user.department:readonly",
        "contact:group:readonly",
        "contact:department.base:readonly",
        "tenant:tenant:readonly",
        "docx:document:readonly",
        "wiki:wiki:readonly",
    }
)


class Refused(Exception):
    """A code other than 0."""

    def __init__(self, code: int, message: str, *, missing: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.missing = missing


@dataclass(kw_only=True, slots=True)
class Called:
    verb: str
    path: str
    body: Json
    query: Mapping[str, str]
    at: datetime
    answer: Json = field(default_factory=dict)
    code: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    parts: Mapping[str, str]
    body: Json
    query: Mapping[str, str]


def paged(items: list[Json], request: Request, *, name: str = "items") -> Json:
    size = int(request.query.get("page_size", PAGE))
    at = int(request.query.get("page_token", "0") or 0)
    more = at + size < len(items)
    return {name: items[at : at + size], "has_more": more, "page_token": str(at + size) if more else ""}


def message_shown(message: Message, state: State, *, app: str) -> Json:
    """As the API tells of it; ``app`` is the id of whom the bot's messages are."""
    mine = message.user == app
    known = state.users.get(message.user)
    sender = {
        "id": message.user,
        "id_type": "app_id" if mine else "open_id",
        "sender_type": "app" if mine or (known and known.bot) else "user",
        "tenant_key": known.tenant if known else state.tenant,
    }
    mentions = [{"key": m["key"], "id": m["id"]["open_id"], "name": m["name"]} for m in message.mentions]
    return {
        "message_id": message.id,
        "root_id": message.root,
        "parent_id": message.parent,
        "thread_id": message.topic,
        "msg_type": message.kind,
        "create_time": str(message.at),
        "updated": bool(message.changed),
        "deleted": message.deleted,
        "chat_id": message.chat,
        "sender": sender,
        "body": {"content": message.content},
        "mentions": mentions,
    }
