"""What the bot says in Slack: every message at most once, however requests fail.

Slack has no idempotency key for posts, so each message carries its key as metadata. Where an earlier
try may have been applied (the answer was lost, or the process was killed in between), the message is
looked for first, not before ``grace`` has passed since that try; what is found is adopted.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from vigilbot.cards import Card, Notice, plain_text
from vigilbot.domain import Decision
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.pacing import FateUnknown
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.platforms.slack_client import SlackClient, SlackRefusal
from vigilbot.platforms.slack_people import SlackPeople
from vigilbot.platforms.slack_render import card_message, notice_message
from vigilbot.ports import Clock

log = logging.getLogger("vigilbot.slack")

T = TypeVar("T")

EVENT_TYPE: Final = "vigilbot"
REMEMBERED: Final = 5000  # keys
RECENT: Final = timedelta(hours=1)  # a message of unknown age may be from before a start within this
SKEW: Final = timedelta(minutes=10)  # between Slack's clock and ours
PLAIN: Final = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
_LAYOUT: Final = frozenset({"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"})
_GONE: Final = frozenset({"message_not_found", "channel_not_found", "thread_not_found"})


@dataclass(frozen=True, slots=True)
class _Tried:
    """An earlier try whose fate is unknown. ``since`` bounds the search, ``ready`` is when it may begin."""

    since: datetime
    ready: datetime


class _Kept(Generic[T]):
    """The newest entries by key."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str) -> T | None:
        return self._entries.get(key)

    def put(self, key: str, value: T) -> None:
        self._entries[key] = value
        while len(self._entries) > REMEMBERED:
            self._entries.popitem(last=False)

    def drop(self, key: str) -> None:
        self._entries.pop(key, None)


class SlackPosting:
    """``ports.Platform``. ``grace`` is longer than the longest request may take."""

    def __init__(self, *, client: SlackClient, people: SlackPeople, clock: Clock, grace: timedelta) -> None:
        self._client = client
        self._people = people
        self._clock = clock
        self._grace = grace
        self._started = clock.now()
        self._sent: _Kept[str] = _Kept()
        self._tried: _Kept[_Tried] = _Kept()
        self._removed: _Kept[bool] = _Kept()

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
        message = self.drawn(card)
        if card.audience is Decision.ANALYSTS:
            return await self._whisper(channel, thread, message, key, readers)
        return await self._once(channel, thread, message, key, since)

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        await self.redraw(channel, ts, self.drawn(card))

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        place = f"{channel}:{ts}"
        self._removed.put(place, True)  # before the request: its echo may come before its answer
        try:
            await self._client.say("chat.delete", channel=channel, ts=ts)
        except SlackRefusal as error:
            self._removed.drop(place)
            if error.code not in _GONE:
                raise
        except FateUnknown:
            raise
        except PlatformError:
            self._removed.drop(place)
            raise

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
        message = notice_message(notice)
        if reader and not channel.startswith("D"):  # in a direct message everything is private
            return await self._whisper(channel, thread, message, key, (reader,))
        return await self._once(channel, thread, message, key, since)

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        await self.redraw(channel, ts, notice_message(notice))

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        base = self._people.me.url
        return (
            f"{base.rstrip('/')}/archives/{channel}/p{ts.replace('.', '')}" if base and channel and ts else ""
        )

    def removed(self, channel: str, ts: str) -> bool:
        """Whether the bot itself took that message down."""
        return self._removed.get(f"{channel}:{ts}") is not None

    async def private(self, *, channel: str, thread: str, user: str, message: Mapping[str, Any]) -> None:
        """Shows a message to one person; in a direct message simply says it."""
        place = {"channel": channel, **PLAIN, **message, **_in(thread)}
        if channel.startswith("D"):
            await self._client.say("chat.postMessage", **place)
        else:  # not in the channel's turn: nobody else sees it, and whoever clicked waits for it
            await self._client.write("chat.postEphemeral", user=user, **place)

    def drawn(self, card: Card) -> dict[str, Any]:
        """The card as text and blocks."""
        try:
            return card_message(card, names=self._people.names())
        except ValueError as error:  # drawing never fails by contract: a card is worth more than its looks
            log.error("a card could not be drawn: %s", error)
            return {"text": plain_text(card)[:3000]}

    async def _once(
        self, channel: str, thread: str, message: Mapping[str, Any], key: str, since: datetime | None
    ) -> str:
        sent = self._sent.get(key)
        if sent:
            return sent
        tried = self._tried.get(key) or (self._from_before(since) if sent is None else None)
        if tried is not None:
            self._tried.put(key, tried)
            try:
                ts = await self._found(channel, thread, key, tried)
            except PlatformRefused:
                raise
            except PlatformError as error:
                raise FateUnknown(str(error), retry_after=error.retry_after) from error
            self._tried.drop(key)
            if ts:
                log.info("the message %s had arrived as %s", key, ts)
                self._sent.put(key, ts)
                return ts
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        begun = self._clock.now()
        try:
            answer = await self._said(channel, {**message, **_in(thread)}, metadata)
        except FateUnknown:
            now = self._clock.now()
            self._tried.put(key, _Tried(begun, now + self._grace))
            raise
        except PlatformError:
            self._sent.put(key, "")  # it is known that nothing was applied: no need to look for it
            raise
        ts = text_in(answer, "ts")
        self._sent.put(key, ts)
        return ts

    async def _said(
        self, channel: str, message: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        try:
            return await self._client.say(
                "chat.postMessage", channel=channel, metadata=metadata, **PLAIN, **message
            )
        except SlackRefusal as error:
            if error.code not in _LAYOUT:
                raise
            return await self._client.say(
                "chat.postMessage", channel=channel, metadata=metadata, **PLAIN, **_bare(message)
            )

    def _from_before(self, since: datetime | None) -> _Tried | None:
        """What a process before this one may have tried; it was gone when this one started."""
        if since is None:
            recent = self._clock.now() - self._started < RECENT
            return _Tried(self._started - RECENT, self._started) if recent else None
        return _Tried(since, self._started + self._grace) if since < self._started else None

    async def _found(self, channel: str, thread: str, key: str, tried: _Tried) -> str:
        """The id of the message with that key; "" when it never arrived."""
        if (left := (tried.ready - self._clock.now()).total_seconds()) > 0:
            raise PlatformError("an earlier try may still arrive", retry_after=left)
        place: dict[str, Any] = {"channel": channel, "oldest": f"{(tried.since - SKEW).timestamp():.6f}"}
        method = "conversations.history"
        if thread:
            method, place = "conversations.replies", place | {"ts": thread}
        cursor = ""
        for _ in range(50):
            page = await self._client.glance(method, include_all_metadata=True, cursor=cursor, **place)
            for record in list_in(page, "messages"):
                if isinstance(record, Mapping) and _key_of(record) == key:
                    return text_in(record, "ts")
            cursor = text_in(map_in(page, "response_metadata"), "next_cursor")
            if not cursor:
                return ""
        raise PlatformRefused("too many messages since the earlier try to tell whether it arrived")

    async def redraw(self, channel: str, ts: str, message: Mapping[str, Any]) -> None:
        """A message of the bot's that everybody sees gets other content."""
        place: dict[str, Any] = {"channel": channel, "ts": ts, "parse": "none", "link_names": False}
        try:
            await self._client.say("chat.update", **place, **message)
        except SlackRefusal as error:
            if error.code not in _LAYOUT:
                raise
            await self._client.say("chat.update", **place, **_bare(message))

    async def _whisper(
        self, channel: str, thread: str, message: Mapping[str, Any], key: str, readers: Sequence[str]
    ) -> str:
        """Shown to each reader once. One that is lost on the way is not repeated: nobody could tell."""
        first, refused = "", None
        for reader in dict.fromkeys(readers):
            place = f"{key}:{reader}"
            ts = self._sent.get(place)
            if ts is None:
                body = {"channel": channel, "user": reader, **PLAIN, **message, **_in(thread)}
                try:
                    ts = text_in(await self._client.say("chat.postEphemeral", **body), "message_ts")
                except SlackRefusal as error:
                    refused = error
                    continue
                except FateUnknown as error:
                    log.warning("a private message of %s may be lost: %s", key, error)
                    ts = ""
                self._sent.put(place, ts)
            first = first or ts or "private"
        if first:
            return first
        raise refused or PlatformRefused("there is nobody to show it to")


def _in(thread: str) -> dict[str, str]:
    return {"thread_ts": thread} if thread else {}


def _key_of(record: Mapping[str, Any]) -> str:
    metadata = map_in(record, "metadata")
    if text_in(metadata, "event_type") != EVENT_TYPE:
        return ""
    return text_in(map_in(metadata, "event_payload"), "key")


def _bare(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without its layout, for when Slack does not accept that."""
    text = {"type": "plain_text", "text": str(message.get("text", ""))[:3000] or "-"}
    return {**message, "blocks": [{"type": "section", "text": text}]}
