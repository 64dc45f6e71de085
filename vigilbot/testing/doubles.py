"""Doubles for the edges: an embedder without a model, a platform that records, a database that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from vigilbot.cards import Card, Notice
from vigilbot.engines.extractive.identify import Layered
from vigilbot.errors import LedgerError, PlatformError, PlatformUnsure
from vigilbot.platforms.replay import PostedCard, PostedNotice, ReplayPlatform
from vigilbot.ports import Clock, Database, Embedder, Platform, Row, Statement, Vector


class RememberingEmbedder:
    """Another embedder whose vectors are kept by text, so that many scenarios share their cost."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vector] = {}

    @property
    def model(self) -> str:
        return self._embedder.model

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    @cached_property
    def halfway(self) -> Embedder:
        inner = self._embedder
        return RememberingEmbedder(inner.halfway if isinstance(inner, Layered) else inner)

    async def embed(self, texts: Sequence[str]) -> Vector:
        missing = list(dict.fromkeys(text for text in texts if text not in self._known))
        if missing:
            vectors = await self._embedder.embed(missing)
            self._known.update(zip(missing, vectors, strict=True))
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.stack([self._known[text] for text in texts])


class Watched(Platform, Protocol):
    """A platform whose cards can be read back, and which can be told to fail."""

    @property
    def posted(self) -> list[PostedCard]: ...

    @property
    def notices(self) -> list[PostedNotice]: ...

    @property
    def attempts(self) -> int: ...

    def refuse(self, times: int) -> None: ...

    def lose(self, times: int) -> None: ...


class RecordingPlatform:
    """A platform in memory that can be told to fail. It outlives the bot, as a real one does."""

    def __init__(self, *, clock: Clock) -> None:
        self._inner = ReplayPlatform(clock=clock)
        self._refusals = 0
        self._losses = 0
        self.attempts = 0

    @property
    def posted(self) -> list[PostedCard]:
        return self._inner.posted

    @property
    def notices(self) -> list[PostedNotice]:
        return self._inner.notices

    def refuse(self, times: int) -> None:
        """The next so many posts raise PlatformError and show nothing."""
        self._refusals = times

    def lose(self, times: int) -> None:
        """The next so many posts show their card, but the answer is lost: PlatformUnsure."""
        self._losses = times

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
        self._ask()
        ts = await self._inner.post(
            tenant=tenant, channel=channel, thread=thread, card=card, key=key, readers=readers, since=since
        )
        return self._answered(ts)

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
        self._ask()
        ts = await self._inner.notify(
            tenant=tenant, channel=channel, thread=thread, notice=notice, key=key, reader=reader, since=since
        )
        return self._answered(ts)

    def _ask(self) -> None:
        self.attempts += 1
        if self._refusals:
            self._refusals -= 1
            raise PlatformError("refused, as the test asked")

    def _answered(self, ts: str) -> str:
        if self._losses:
            self._losses -= 1
            raise PlatformUnsure("the connection broke after the request, as the test asked")
        return ts

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        await self._inner.update(tenant=tenant, channel=channel, ts=ts, card=card)

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        await self._inner.remove(tenant=tenant, channel=channel, ts=ts)

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        await self._inner.amend(tenant=tenant, channel=channel, ts=ts, notice=notice)

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return await self._inner.link(tenant=tenant, channel=channel, ts=ts)


@dataclass(slots=True)
class Fault:
    """The Nth write of a bot's whole life fails, once, restarts included.

    It fails before it changes anything, or ``after`` its commit: what a caller sees whose process
    dies between commit and return. ``wrap`` puts the fault into a database.
    """

    fail_at: int
    after: bool = False
    writes: int = 0

    @property
    def struck(self) -> bool:
        return self.writes >= self.fail_at

    def wrap(self, database: Database) -> Database:
        return FailingDatabase(database, self)


class FailingDatabase:
    """Another database with a fault."""

    def __init__(self, database: Database, fault: Fault) -> None:
        self._database = database
        self._fault = fault

    async def fetch(self, sql: str, **args: Any) -> list[Row]:
        return await self._database.fetch(sql, **args)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        fault = self._fault
        fault.writes += 1
        number, fails = fault.writes, fault.writes == fault.fail_at
        if fails and not fault.after:
            raise LedgerError(f"write {number} failed, as the test asked")
        rows = await self._database.write(*statements)
        if fails:
            raise LedgerError(f"write {number} was not confirmed, as the test asked")
        return rows

    async def scrub(self, *, anew: bool = True) -> None:
        await self._database.scrub(anew=anew)

    async def close(self) -> None:
        await self._database.close()
