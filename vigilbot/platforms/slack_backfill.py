"""Slack's history, for what happened while nobody listened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vigilbot.domain import Event
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.platforms.slack_client import NOT_A_MEMBER, SlackClient, SlackRefusal
from vigilbot.platforms.slack_events import events_in_history, membership
from vigilbot.platforms.slack_people import SlackPeople
from vigilbot.platforms.slack_records import parse_ts
from vigilbot.ports import Clock, Watermark

PAGES: Final = 400  # of one gap; what is older stays unread, and the gap open


class SlackPast:
    """``backfill.Past`` of a Slack workspace."""

    def __init__(self, *, client: SlackClient, people: SlackPeople, clock: Clock) -> None:
        self._client = client
        self._people = people
        self._clock = clock

    async def channels(self) -> list[str]:
        try:
            return await self._channels("public_channel,private_channel")
        except SlackRefusal as error:
            if error.code != "missing_scope":
                raise
            return await self._channels("public_channel")

    async def happened(self, gap: Watermark) -> list[Event]:
        records = await self._messages(gap.channel, gap.thread, gap.after)
        if not gap.thread:
            for thread in [text_in(record, "ts") for record in records if _has_news(record, gap.after)]:
                records += await self._messages(gap.channel, thread, gap.after)
        records.sort(key=lambda record: text_in(record, "ts"))
        me = self._people.me
        return [event for record in records for event in events_in_history(record, gap.channel, me)]

    def membership(self, channel: str, *, joined: bool) -> Event:
        return membership(channel, self._people.me, self._clock.now(), joined=joined)

    def is_outside(self, error: PlatformRefused) -> bool:
        return isinstance(error, SlackRefusal) and error.code in NOT_A_MEMBER

    async def _channels(self, types: str) -> list[str]:
        found: list[str] = []
        cursor = ""
        for _ in range(PAGES):
            page = await self._client.read(
                "users.conversations", types=types, exclude_archived=True, limit=200, cursor=cursor
            )
            records = (record for record in list_in(page, "channels") if isinstance(record, Mapping))
            found += [channel for record in records if (channel := text_in(record, "id"))]
            cursor = text_in(map_in(page, "response_metadata"), "next_cursor")
            if not cursor:
                break
        return found

    async def _messages(self, channel: str, thread: str, after: str) -> list[Mapping[str, Any]]:
        """Of a thread that is gone, what was read before it went."""
        method = "conversations.replies" if thread else "conversations.history"
        place = {"channel": channel, "oldest": after} | ({"ts": thread} if thread else {})
        found: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(PAGES):
            try:
                page = await self._client.history(method, **place, cursor=cursor)
            except SlackRefusal as error:
                if error.code != "thread_not_found":
                    raise
                return found
            records = (record for record in list_in(page, "messages") if isinstance(record, Mapping))
            found += [record for record in records if parse_ts(record.get("ts"))]
            cursor = text_in(map_in(page, "response_metadata"), "next_cursor")
            if not cursor:
                return found
        raise PlatformError(f"more than {PAGES} pages of history")


def _has_news(record: Mapping[str, Any], after: str) -> bool:
    return bool(record.get("reply_count")) and text_in(record, "latest_reply") > after
