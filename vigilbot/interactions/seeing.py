"""What a person may be told about channels they are not reading from just now.

The ledger knows who wrote where, not who is a member. So, on the safe side: operators see every channel
of their workspace; people of another company and guests see none; a full member sees the public channels
of the workspace, and of the private and shared ones those where they have written within the last month.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from vigilbot.domain import Event
from vigilbot.ledger import Ledger
from vigilbot.ports import Clock, Row
from vigilbot.roles import Roles

WROTE = timedelta(days=30)


class Seeing:
    """Which channels somebody may be told about."""

    def __init__(self, *, ledger: Ledger, roles: Roles, clock: Clock) -> None:
        self._ledger = ledger
        self._roles = roles
        self._clock = clock

    async def channels(self, event: Event) -> Sequence[Row]:
        """By name; empty for strangers."""
        if event.user_external:
            return ()
        rows = await self._ledger.channels.of(event.tenant)
        if self._roles.is_operator(event):
            return rows
        wrote = await self._ledger.channels.wrote_in(
            event.tenant, event.user, since=self._clock.now() - WROTE
        )
        return [row for row in rows if not (row["private"] or row["external"]) or row["channel"] in wrote]

    async def entry(self, event: Event, *, tenant: str, space: str, channel: str) -> bool:
        """Whether somebody may read a piece of knowledge, by where it was learned and who shares it."""
        if tenant != event.tenant:
            return False
        if self._roles.is_operator(event):
            return True
        private = space.partition("channel:")[2]
        visible = {row["channel"] for row in await self.channels(event)}
        return bool(visible) and {private or channel, channel or private} - {""} <= visible
