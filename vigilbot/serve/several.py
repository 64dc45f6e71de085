"""Several chats as one: whatever the core does goes to the chat that the tenant belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from vigilbot.cards import Card, Notice
from vigilbot.domain import Event
from vigilbot.errors import BadInput, PlatformError, PlatformRefused
from vigilbot.ports import Inbound, TransportState
from vigilbot.serve.chat import Chat
from vigilbot.server import Route

log = logging.getLogger("vigilbot.serve")

PATIENCE = 60.0  # seconds between tries at the most, while one of them cannot be reached


class SeveralChats:
    """``chats`` by name. Each keeps its own credentials; one that fails does not hold up the others."""

    def __init__(self, chats: Mapping[str, Chat]) -> None:
        self._chats = chats
        self._waiting: dict[str, str] = {}  # why a chat is not connected yet
        self._trying: set[asyncio.Task[None]] = set()

    # -- Platform

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
        return await self._of(tenant).post(
            tenant=tenant,
            channel=channel,
            thread=thread,
            card=card,
            key=key,
            readers=readers,
            since=since,
        )

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        await self._of(tenant).update(tenant=tenant, channel=channel, ts=ts, card=card)

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        await self._of(tenant).remove(tenant=tenant, channel=channel, ts=ts)

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
        return await self._of(tenant).notify(
            tenant=tenant,
            channel=channel,
            thread=thread,
            notice=notice,
            key=key,
            reader=reader,
            since=since,
        )

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        await self._of(tenant).amend(tenant=tenant, channel=channel, ts=ts, notice=notice)

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return await self._of(tenant).link(tenant=tenant, channel=channel, ts=ts)

    # -- Directory

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        return await self._of(event.tenant).completed(event, settle=settle)

    # -- Transport

    async def connect(self, inbound: Inbound) -> None:
        """Raises what the last one raises when none can be reached; BadInput of any ends the start."""
        failed: dict[str, PlatformError] = {}
        for name, chat in self._chats.items():
            try:
                await self._connected(name, chat, inbound)
            except PlatformRefused:
                raise
            except PlatformError as error:
                failed[name] = error
        if len(failed) == len(self._chats):
            raise next(iter(failed.values()))
        for name, problem in failed.items():
            self._waiting[name] = f"{name} cannot be reached ({problem})"
            task = asyncio.create_task(self._again(name, self._chats[name], inbound))
            self._trying.add(task)
            task.add_done_callback(self._trying.discard)

    async def backfill(self) -> int:
        ready = [chat for name, chat in self._chats.items() if name not in self._waiting]
        return sum(await asyncio.gather(*(chat.backfill() for chat in ready)))

    async def disconnect(self) -> None:
        for task in list(self._trying):
            task.cancel()
        await asyncio.gather(*self._trying, return_exceptions=True)
        ended = await asyncio.gather(
            *(chat.disconnect() for chat in self._chats.values()), return_exceptions=True
        )
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    def state(self) -> TransportState:
        """Connected when all are; problems say whose they are."""
        states = {name: chat.state() for name, chat in self._chats.items()}
        problems = [f"{name}: {line}" for name, state in states.items() for line in state.problems]
        last = [state.last_event_at for state in states.values() if state.last_event_at]
        return TransportState(
            platform=", ".join(states),
            connected=all(state.connected for state in states.values()),
            sockets=sum(state.sockets for state in states.values()),
            last_event_at=max(last, default=None),
            limited=sum(state.limited for state in states.values()),
            problems=(*self._waiting.values(), *problems),
        )

    def routes(self) -> Sequence[Route]:
        return [route for chat in self._chats.values() for route in chat.routes()]

    @property
    def tenant(self) -> str:
        """ "": there are several."""
        return ""

    def _of(self, tenant: str) -> Chat:
        for chat in self._chats.values():
            if chat.tenant == tenant:
                return chat
        raise PlatformError(f"no connection serves the tenant {tenant}")

    async def _connected(self, name: str, chat: Chat, inbound: Inbound) -> None:
        await chat.connect(inbound)
        twin = next((n for n, c in self._chats.items() if c is not chat and c.tenant == chat.tenant), "")
        if twin:
            await self.disconnect()
            raise BadInput(
                f"{name} and {twin} are the same company",
                place="platform.connect",
                remedy="Name each company once, with secrets of its own",
            )

    async def _again(self, name: str, chat: Chat, inbound: Inbound) -> None:
        wait = 1.0
        while True:
            await asyncio.sleep(wait)
            try:
                await self._connected(name, chat, inbound)
            except BadInput as error:
                self._waiting[name] = f"{name}: {error}"
                log.error("%s", self._waiting[name])
                return
            except PlatformError as error:
                self._waiting[name] = f"{name} cannot be reached ({error})"
                wait = min(2 * max(wait, error.retry_after), PATIENCE)
            else:
                self._waiting.pop(name, None)
                with suppress(PlatformError):
                    await chat.backfill()
                return
