"""What happened in Lark while nobody listened: memberships, and messages since the last one known."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from vigilbot.errors import PlatformError
from vigilbot.platforms.lark_calls import is_command
from vigilbot.platforms.lark_client import GONE, NOT_IN_CHAT, LarkClient, LarkRefusal
from vigilbot.platforms.lark_events import LarkMe, event_in_history, membership, moment_of
from vigilbot.platforms.payloads import list_in, text_in
from vigilbot.ports import Clock, Inbound, Watermark

log = logging.getLogger("vigilbot.lark")

PAGES: Final = 400  # of one gap; what is older stays unread, and the gap open
_EARLIER: Final = timedelta(seconds=1)  # Lark counts whole seconds
_LONG: Final = timedelta(days=7)


class LarkBackfill:
    """Feeds the inbox with what the history tells, oldest first; what was known already is a duplicate."""

    def __init__(self, *, client: LarkClient, clock: Clock, problems: dict[str, str]) -> None:
        self._client = client
        self._clock = clock
        self._problems = problems
        self.incomplete = False  # a later try may read what the last one did not

    async def fill(self, inbound: Inbound, me: LarkMe) -> int:
        """How many happenings were new. A gap that cannot be read stays open and becomes a problem line."""
        self.incomplete = False
        new = 0
        try:
            for chat in await self.chats():
                new += await inbound.receive(membership(chat, me, self._clock.now(), joined=True))
            self._problems.pop("memberships", None)
        except PlatformError as error:
            self._problems["memberships"] = f"The chats that the bot is in cannot be listed: {error}"
            self.incomplete = not isinstance(error, LarkRefusal)
        for gap in await inbound.gaps():
            problem = f"history:{gap.channel}"
            try:
                new += await self._read(gap, inbound, me)
            except LarkRefusal as error:
                if error.code in NOT_IN_CHAT:
                    left = membership(gap.channel, me, self._clock.now(), joined=False)
                    new += await inbound.receive(left)
                    continue
                self._failed(problem, gap, error)
                continue
            except PlatformError as error:
                self.incomplete = True
                self._failed(problem, gap, error)
                continue
            self._problems.pop(problem, None)
            await inbound.filled(gap)
        return new

    async def chats(self) -> list[str]:
        """Of the bot."""
        return [text_in(chat, "chat_id") async for chat in self._pages("/im/v1/chats", page_size=100)]

    async def messages(self, chat: str, *, since: datetime) -> AsyncIterator[Mapping[str, Any]]:
        """Of a chat with its topics, oldest first as far as Lark orders them."""
        start = str(int((since - _EARLIER).timestamp()))
        place = {"container_id_type": "chat", "container_id": chat, "sort_type": "ByCreateTimeAsc"}
        async for item in self._pages("/im/v1/messages", start_time=start, page_size=50, **place):
            yield item

    async def replies(self, topic: str) -> AsyncIterator[Mapping[str, Any]]:
        """Of a topic (thread_id), which Lark does not list with its chat."""
        place = {"container_id_type": "thread", "container_id": topic, "sort_type": "ByCreateTimeAsc"}
        async for item in self._pages("/im/v1/messages", page_size=50, **place):
            yield item

    async def _read(self, gap: Watermark, inbound: Inbound, me: LarkMe) -> int:
        """Commands to the bot are left out: who gave them saw long ago that nothing came of them."""
        if not gap.after:  # nothing was ever read there, so there is no gap
            return 0
        since = await self._moment(gap.after)
        if gap.thread:  # its chat tells only of topics that are as new as the gap
            topics = {text_in(await self._message(gap.thread), "thread_id")}
            items: list[Mapping[str, Any]] = []
        else:
            items = [item async for item in self.messages(gap.channel, since=since)]
            topics = {text_in(item, "thread_id") for item in items}
        for topic in sorted(topics - {""}):
            items += [item async for item in self.replies(topic)]
        found = [event for item in items if (event := event_in_history(item, me)) is not None]
        new = 0
        for event in sorted({event.ts: event for event in found}.values(), key=lambda event: event.at):
            if event.at >= since and not is_command(event):
                new += await inbound.receive(event)
        return new

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

    def _failed(self, problem: str, gap: Watermark, error: PlatformError) -> None:
        log.warning("the history of %s since %s was not read: %s", gap.channel, gap.after, error)
        self._problems[problem] = (
            f"Messages in {gap.channel} since {gap.after or 'the start'} may be missing: {error}"
        )

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
