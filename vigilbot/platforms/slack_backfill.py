"""What happened in Slack while nobody listened: memberships, and messages since the last one known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from vigilbot.errors import PlatformError
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.platforms.slack_client import NOT_A_MEMBER, SlackClient, SlackRefusal
from vigilbot.platforms.slack_events import Me, events_in_history, membership
from vigilbot.platforms.slack_records import parse_ts
from vigilbot.ports import Clock, Inbound, Watermark

log = logging.getLogger("vigilbot.slack")

PAGES: Final = 400  # of one gap; what is older stays unread, and the gap open


class SlackBackfill:
    """Feeds the inbox with what the history tells, oldest first; what was known already is a duplicate."""

    def __init__(self, *, client: SlackClient, clock: Clock, problems: dict[str, str]) -> None:
        self._client = client
        self._clock = clock
        self._problems = problems
        self.incomplete = False  # a later try may read what the last one did not

    async def fill(self, inbound: Inbound, me: Me) -> int:
        """How many happenings were new. A gap that cannot be read stays open and becomes a problem line."""
        self.incomplete = False
        try:
            new = await self._memberships(inbound, me)
            self._problems.pop("memberships", None)
        except PlatformError as error:
            log.warning("the channels that the bot is in were not listed: %s", error)
            self._problems["memberships"] = f"The channels that the bot is in cannot be listed: {error}"
            new, self.incomplete = 0, not isinstance(error, SlackRefusal)
        for gap in await inbound.gaps():
            problem = f"history:{gap.channel}"
            try:
                new += await self._read(gap, inbound, me)
            except SlackRefusal as error:
                if error.code in NOT_A_MEMBER:
                    left = membership(gap.channel, me, self._clock.now(), joined=False)
                    new += await inbound.receive(left)
                    continue
                if error.code != "thread_not_found":  # nothing is left to read there
                    self._failed(problem, gap, error)
                    continue
            except PlatformError as error:
                self.incomplete = True
                self._failed(problem, gap, error)
                continue
            self._problems.pop(problem, None)
            await inbound.filled(gap)
        return new

    def _failed(self, problem: str, gap: Watermark, error: PlatformError) -> None:
        log.warning("the history of %s since %s was not read: %s", gap.channel, gap.after, error)
        self._problems[problem] = (
            f"Messages in {gap.channel} since {gap.after or 'the start'} may be missing: {error}"
        )

    async def _memberships(self, inbound: Inbound, me: Me) -> int:
        try:
            channels = await self._channels("public_channel,private_channel")
        except SlackRefusal as error:
            if error.code != "missing_scope":
                raise
            channels = await self._channels("public_channel")
        new = 0
        for channel in channels:
            new += await inbound.receive(membership(channel, me, self._clock.now(), joined=True))
        return new

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

    async def _read(self, gap: Watermark, inbound: Inbound, me: Me) -> int:
        if not gap.after:  # nothing was ever read there, so there is no gap
            return 0
        records = await self._messages(gap.channel, gap.thread, gap.after)
        if not gap.thread:
            for thread in [text_in(record, "ts") for record in records if _has_news(record, gap.after)]:
                records += await self._messages(gap.channel, thread, gap.after)
        records.sort(key=lambda record: text_in(record, "ts"))
        new = 0
        for record in records:
            for event in events_in_history(record, gap.channel, me):
                new += await inbound.receive(event)
        return new

    async def _messages(self, channel: str, thread: str, after: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(PAGES):
            place = {"channel": channel, "oldest": after, "cursor": cursor}
            if thread:
                page = await self._client.history("conversations.replies", ts=thread, **place)
            else:
                page = await self._client.history("conversations.history", **place)
            records = (record for record in list_in(page, "messages") if isinstance(record, Mapping))
            found += [record for record in records if parse_ts(record.get("ts"))]
            cursor = text_in(map_in(page, "response_metadata"), "next_cursor")
            if not cursor:
                return found
        raise PlatformError(f"more than {PAGES} pages of history")


def _has_news(record: Mapping[str, Any], after: str) -> bool:
    return bool(record.get("reply_count")) and text_in(record, "latest_reply") > after
