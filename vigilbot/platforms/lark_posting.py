"""What the bot says in Lark: every message at most once.

Each send carries a ``uuid`` made from its key; for an hour Lark shows a second one with the same uuid
not again, and answers with the first. That covers requests whose answer was lost and a process that was
killed between sending and writing it down. What is for one person alone goes to their chat with the bot.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from vigilbot.cards import Card, Notice, plain_text
from vigilbot.domain import Decision
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.lark_cards import Element, Say, card_content, notice_content, placed
from vigilbot.platforms.lark_client import GONE, LarkClient, LarkRefusal
from vigilbot.platforms.lark_people import LarkPeople
from vigilbot.platforms.lark_words import Words
from vigilbot.platforms.lengths import cut
from vigilbot.platforms.pacing import FateUnknown
from vigilbot.platforms.payloads import text_in

log = logging.getLogger("vigilbot.lark")

BAD_LAYOUT: Final = 230099
REMEMBERED: Final = 5000  # messages that the bot took down
_BY_ID: Final = "open_id"
_PLAIN: Final = 3000


class LarkPosting:
    """``ports.Platform``."""

    def __init__(self, *, client: LarkClient, people: LarkPeople, words: Words) -> None:
        self._client = client
        self._people = people
        self._words = words
        self._removed: OrderedDict[str, None] = OrderedDict()

    async def post(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        card: Card,
        key: str,
        readers: Sequence[str] = (),
        since: datetime | None = None,
    ) -> str:
        content = self.drawn(card, channel)
        if card.audience is not Decision.ANALYSTS:
            return await self._send(channel, thread, content, key, plain=plain_text(card))
        return await self._each(readers, placed(content, channel, "", thread), key, plain=plain_text(card))

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        await self._redraw(channel, ts, self.drawn(card, channel))

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        self._removed[ts] = None  # before the request: its echo may come before its answer
        while len(self._removed) > REMEMBERED:
            self._removed.popitem(last=False)
        try:
            await self._client.say("DELETE", f"/im/v1/messages/{ts}", {}, chat=channel)
        except LarkRefusal as error:
            self._removed.pop(ts, None)
            if error.code not in GONE:
                raise
        except FateUnknown:
            raise
        except PlatformError:
            self._removed.pop(ts, None)
            raise

    def removed(self, ts: str) -> bool:
        """Whether the bot itself took that message down."""
        return ts in self._removed

    async def notify(
        self,
        *,
        tenant: str,
        channel: str,
        thread: str,
        notice: Notice,
        key: str,
        reader: str = "",
        since: datetime | None = None,
    ) -> str:
        content = notice_content(notice, say=self._words.of(channel))
        if reader:
            content = placed(content, channel, "", thread)
            return await self._each((reader,), content, key, plain=notice.text)
        return await self._send(channel, thread, content, key, plain=notice.text)

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        await self._redraw(channel, ts, notice_content(notice, say=self._words.of(channel)))

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        """Lark opens a chat by its id; there are no addresses of messages."""
        host = self._client.base_url.replace("://open.", "://applink.", 1)
        opens = host != self._client.base_url and channel
        return f"{host}/client/chat/open?openChatId={channel}" if opens else ""

    def drawn(self, card: Card, channel: str) -> Element:
        say: Say = self._words.of(channel, card.question)
        return card_content(card, asker=self._people.name(card.asker), say=say)

    async def private(self, user: str, content: Element, *, key: str) -> str:
        """Shows something to one person alone; the message's id."""
        return await self._create(user, _BY_ID, "interactive", content, key)

    async def _each(self, readers: Sequence[str], content: Element, key: str, *, plain: str) -> str:
        first, refused = "", None
        for reader in dict.fromkeys(readers):
            try:
                ts = await self._create(reader, _BY_ID, "interactive", content, f"{key}:{reader}")
            except LarkRefusal as error:
                if error.code == BAD_LAYOUT:
                    ts = await self._create(reader, _BY_ID, "post", as_post(plain), f"{key}:{reader}:plain")
                else:
                    refused = error
                    continue
            first = first or ts
        if first:
            return first
        raise refused or PlatformRefused("there is nobody to show it to")

    async def _send(self, chat: str, thread: str, content: Element, key: str, *, plain: str) -> str:
        try:
            return await self._placed(chat, thread, "interactive", content, key)
        except LarkRefusal as error:
            if error.code != BAD_LAYOUT:
                raise
            log.error("a card was refused and goes out as text: %s", error)
            return await self._placed(chat, thread, "post", as_post(plain), f"{key}:plain")

    async def _placed(self, chat: str, thread: str, kind: str, content: Element, key: str) -> str:
        if not thread:
            return await self._create(chat, "chat_id", kind, content, key)
        body = _body(kind, content, key) | {"reply_in_thread": True}
        sent = await self._client.say("POST", f"/im/v1/messages/{thread}/reply", body, chat=chat)
        return text_in(sent, "message_id")

    async def _create(self, to: str, to_kind: str, kind: str, content: Element, key: str) -> str:
        body = _body(kind, content, key) | {"receive_id": to}
        sent = await self._client.say("POST", "/im/v1/messages", body, chat=to, receive_id_type=to_kind)
        return text_in(sent, "message_id")

    async def _redraw(self, chat: str, ts: str, content: Element) -> None:
        body = {"content": json.dumps(content, ensure_ascii=False)}
        await self._client.say("PATCH", f"/im/v1/messages/{ts}", body, chat=chat)


def as_post(text: str) -> Element:
    """Text in which nothing is read: messages of type text know ``<at>`` and links that pretend."""
    lines = [[{"tag": "text", "text": line}] for line in cut(text, _PLAIN).split("\n")]
    return {"zh_cn": {"title": "", "content": lines}}


def _body(kind: str, content: Element, key: str) -> dict[str, Any]:
    return {
        "msg_type": kind,
        "content": json.dumps(content, ensure_ascii=False),
        "uuid": uuid_of(key),
    }


def uuid_of(key: str) -> str:
    """At most 50 characters, as Lark wants it."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]
