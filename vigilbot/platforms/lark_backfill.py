"""Lark's history, for what happened while nobody listened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from vigilbot.domain import Event
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.lark_calls import is_command
from vigilbot.platforms.lark_client import GONE, NOT_IN_CHAT, LarkClient, LarkRefusal
from vigilbot.platforms.lark_events import event_in_history, membership, moment_of
from vigilbot.platforms.lark_people import LarkPeople
from vigilbot.platforms.payloads import list_in, text_in
from vigilbot.ports import Clock, Watermark

PAGES: Final = 400  # of one gap; what is older stays unread, and the gap open
_EARLIER: Final = timedelta(seconds=1)  # Lark counts whole seconds
_LONG: Final = timedelta(days=7)


class LarkPast:
    """``backfill.Past`` of a Lark tenant."""

    def __init__(self, *, client: LarkClient, people: LarkPeople, clock: Clock) -> None:
        self._client = client
        self._people = people
        self._clock = clock

    async def channels(self) -> list[str]:
        return [text_in(chat, "chat_id") async for chat in self._pages("/im/v1/chats", page_size=100)]

    async def happened(self, gap: Watermark) -> list[Event]:
        """Commands to the bot are left out: who gave them saw long ago that nothing came of them."""
        since = await self._moment(gap.after)
        items: list[Mapping[str, Any]] = []
        if gap.thread:  # its chat tells only of topics that are as new as the gap
            topics = {text_in(await self._message(gap.thread), "thread_id")}
        else:
            start = str(int((since - _EARLIER).timestamp()))
            items = [item async for item in self._messages("chat", gap.channel, start_time=start)]
            topics = {text_in(item, "thread_id") for item in items}
        for topic in sorted(topics - {""}):  # Lark does not list them with their chat
            items += [item async for item in self._messages("thread", topic)]
        read = (event_in_history(item, self._people.me) for item in items)
        found = {event.ts: event for event in read if event is not None}
        new = (event for event in found.values() if event.at >= since and not is_command(event))
        return sorted(new, key=lambda event: event.at)

    def membership(self, channel: str, *, joined: bool) -> Event:
        return membership(channel, self._people.me, self._clock.now(), joined=joined)

    def is_outside(self, error: PlatformRefused) -> bool:
        return isinstance(error, LarkRefusal) and error.code in NOT_IN_CHAT

    def _messages(
        self, kind: Literal["chat", "thread"], place: str, **since: str
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Of a chat, or of a topic; oldest first as far as Lark orders them."""
        where = {"container_id_type": kind, "container_id": place, "sort_type": "ByCreateTimeAsc"}
        return self._pages("/im/v1/messages", page_size=50, **since, **where)

    async def _moment(self, message: str) -> datetime:
        """When a message was written; some days ago when it is gone and nothing says when that was."""
        if message.isdigit():
            at = moment_of(message)
        else:
            at = moment_of((await self._message(message)).get("create_time"))
        return at or self._clock.now() - _LONG

    async def _message(self, message: str) -> Mapping[str, Any]:
        """{} when it is gone."""
        try:
            found = await self._client.read(f"/im/v1/messages/{message}")
        except LarkRefusal as error:
            if error.code not in GONE:
                raise
            return {}
        return next((item for item in list_in(found, "items") if isinstance(item, Mapping)), {})

    async def _pages(self, path: str, **place: Any) -> AsyncIterator[Mapping[str, Any]]:
        token = ""
        for _ in range(PAGES):
            page = await self._client.read(path, page_token=token, **place)
            for item in list_in(page, "items"):
                if isinstance(item, Mapping):
                    yield item
            token = text_in(page, "page_token")
            if page.get("has_more") is not True or not token:
                return
        raise PlatformError(f"more than {PAGES} pages of history")
