"""What the bot shows in a Slack workspace, kept as values beside what the channels really show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from vigilbot.cards import Card, Notice
from vigilbot.domain import Decision
from vigilbot.errors import VigilBotError
from vigilbot.platforms.replay import PostedCard, PostedNotice
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.providers.clock import SimulatedClock
from vigilbot.workspace import Workspace


class Mirrored:
    """Posts through Slack and keeps what was posted as values, for the scenario's expectations."""

    def __init__(self, *, workspace: Workspace, clock: SimulatedClock) -> None:
        self.adapter: SlackAdapter | None = None
        self._workspace = workspace
        self._clock = clock
        self._cards: dict[str, PostedCard] = {}
        self._notices: dict[str, PostedNotice] = {}
        self.attempts = 0

    @property
    def posted(self) -> list[PostedCard]:
        return list(self._cards.values())

    @property
    def notices(self) -> list[PostedNotice]:
        return list(self._notices.values())

    def refuse(self, times: int) -> None:
        for _ in range(times):
            self._workspace.faults.limit("chat.postMessage", 1)

    def lose(self, times: int) -> None:
        for _ in range(times):
            self._workspace.faults.drop("chat.postMessage", applied=True)

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
        self.attempts += 1
        ts = await self._slack.post(
            tenant=tenant,
            channel=channel,
            thread=thread,
            card=card,
            key=key,
            readers=readers,
            since=since,
        )
        self._cards[ts] = PostedCard(
            tenant=tenant,
            channel=channel,
            thread=thread,
            ts=ts,
            card=card,
            key=key,
            at=self._clock.now(),
            readers=tuple(readers),
        )
        return ts

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        await self._slack.update(tenant=tenant, channel=channel, ts=ts, card=card)
        self._cards[ts] = replace(self._cards[ts], card=card)

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        await self._slack.remove(tenant=tenant, channel=channel, ts=ts)
        self._cards.pop(ts, None)

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
        ts = await self._slack.notify(
            tenant=tenant,
            channel=channel,
            thread=thread,
            notice=notice,
            key=key,
            reader=reader,
            since=since,
        )
        self._notices[ts] = PostedNotice(
            tenant=tenant,
            channel=channel,
            thread=thread,
            ts=ts,
            notice=notice,
            key=key,
            at=self._clock.now(),
            reader=reader,
        )
        return ts

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        await self._slack.amend(tenant=tenant, channel=channel, ts=ts, notice=notice)
        self._notices[ts] = replace(self._notices[ts], notice=notice)

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return await self._slack.link(tenant=tenant, channel=channel, ts=ts)

    @property
    def _slack(self) -> SlackAdapter:
        if self.adapter is None:
            raise VigilBotError("the bot is not running")
        return self.adapter

    def differences(self) -> list[str]:
        """Where the channels show other cards than were posted, one line each."""
        said = {notice.key for notice in self.notices}
        shown = {
            (channel, message["ts"])
            for channel in self._workspace.channels
            for message in _everything(self._workspace, channel)
            if (key := _key(message)) and key not in said
        }
        meant = {(p.channel, p.ts) for p in self.posted if p.card.audience is Decision.EVERYONE}
        return [f"not shown: {one}" for one in sorted(meant - shown)] + [
            f"shown, not meant: {one}" for one in sorted(shown - meant)
        ]


def _everything(workspace: Workspace, channel: str) -> list[dict[str, Any]]:
    roots = workspace.messages(channel)
    replies = [m for root in roots for m in workspace.messages(channel, root["ts"])[1:]]
    return roots + replies


def _key(message: dict[str, Any]) -> str:
    """Of a message of the bot's; "" for everybody else's."""
    return str(message.get("metadata", {}).get("event_payload", {}).get("key", ""))
