"""What the bot shows on a platform, kept as values beside what the channels really show."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from vigilbot.cards import Card, Notice
from vigilbot.domain import Decision
from vigilbot.errors import VigilBotError
from vigilbot.platforms.replay import PostedCard, PostedNotice
from vigilbot.ports import Platform
from vigilbot.providers.clock import SimulatedClock


class Stage(Protocol):
    """The platform's other side, as far as a scenario disturbs and looks at it."""

    def refuse(self) -> None:
        """The next message is refused for now."""

    def lose(self) -> None:
        """The next message arrives and its answer does not."""

    def shown(self, notices: Set[str]) -> set[tuple[str, str]]:
        """Channel and id of every card that everybody sees; ``notices`` are the keys of what is none."""
        ...


class Mirrored:
    """Posts through an adapter and keeps what was posted as values, for the scenario's expectations."""

    def __init__(self, *, stage: Stage, clock: SimulatedClock) -> None:
        self.adapter: Platform | None = None
        self._stage = stage
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
            self._stage.refuse()

    def lose(self, times: int) -> None:
        for _ in range(times):
            self._stage.lose()

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
        ts = await self._real.post(
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
        await self._real.update(tenant=tenant, channel=channel, ts=ts, card=card)
        self._cards[ts] = replace(self._cards[ts], card=card)

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        await self._real.remove(tenant=tenant, channel=channel, ts=ts)
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
        ts = await self._real.notify(
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
        await self._real.amend(tenant=tenant, channel=channel, ts=ts, notice=notice)
        self._notices[ts] = replace(self._notices[ts], notice=notice)

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return await self._real.link(tenant=tenant, channel=channel, ts=ts)

    @property
    def _real(self) -> Platform:
        if self.adapter is None:
            raise VigilBotError("the bot is not running")
        return self.adapter

    def differences(self) -> list[str]:
        """Where the channels show other cards than were posted, one line each."""
        shown = self._stage.shown({notice.key for notice in self.notices})
        meant = {(p.channel, p.ts) for p in self.posted if p.card.audience is Decision.EVERYONE}
        return [f"not shown: {one}" for one in sorted(meant - shown)] + [
            f"shown, not meant: {one}" for one in sorted(shown - meant)
        ]
