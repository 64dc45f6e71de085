"""The desk: what a transport hands in goes to the bot, what people click or command gets its answer.

Desk        receives events, dispatches clicks, forms, commands, shortcuts and the home page
joining     the greeting in a channel, its modes
people      the roster: who is analyst, customer, operator
commands    what operators type after the slash command
home        the bot's own page
on_cards, why, saving, asking   what people do with cards and questions
refusing    what somebody may not do is noted
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from vigilbot.bot import Bot
from vigilbot.cards import ActionKind, Notice
from vigilbot.domain import Event
from vigilbot.errors import PlatformError
from vigilbot.interactions.refusing import Refusal, refused
from vigilbot.interactions.wording import as_text
from vigilbot.ledger import Channels
from vigilbot.ports import Clock, Directory, Interaction, InteractionKind, Platform, Response, Watermark

log = logging.getLogger("vigilbot")

Handler = Callable[[Interaction], Awaitable[Response]]
Table = Mapping[tuple[InteractionKind, str], Handler]
"""Who answers what, by kind and name."""
NAMELESS = frozenset({InteractionKind.COMMAND, InteractionKind.HOME})
"""There is one of each; its name in the table is ""."""

ONE_WRITE = frozenset(
    {ActionKind.ACCEPT, ActionKind.TAKE_BACK, ActionKind.WITHDRAW, ActionKind.POST, ActionKind.DISMISS}
)
"""Clicks that come down to one write, with nothing behind it: what failed was not done."""
OLD = "This card is from an older version."
PATIENCE = 1.9  # seconds until an answer, whatever it is
COMPLETING = 1.5  # of these, for asking the platform who it was
OVERLAP = timedelta(minutes=15)
"""How far before now a gap begins: by so much a look for gaps may come after the reconnection."""


class Desk:
    """The bot's side of a transport (ports.Inbound). ``wake`` says that there is something to do."""

    def __init__(
        self,
        *,
        bot: Bot,
        directory: Directory,
        platform: Platform,
        clock: Clock,
        table: Table,
        wake: Callable[[], None],
        patience: float = PATIENCE,
    ) -> None:
        self._bot = bot
        self._ledger = bot.ledger
        self._directory = directory
        self._platform = platform
        self._clock = clock
        self._table = table
        self._wake = wake
        self._patience = patience
        self._slow: set[asyncio.Task[Response]] = set()
        self._late: set[asyncio.Task[None]] = set()
        self._unread: dict[tuple[str, str], set[str]] = {}  # threads of a channel's gap not read yet

    # -- events

    async def receive(self, event: Event) -> bool:
        new = await self._bot.receive(event)
        if new:
            self._wake()
        return new

    async def gaps(self) -> Sequence[Watermark]:
        await self._ledger.channels.open_gaps(before=self._clock.now() - OVERLAP)
        channels = await self._ledger.channels.gaps()
        since = {(row["tenant"], row["channel"]): str(row["gap_from"]) for row in channels}
        self._unread = {place: set() for place in since}
        found = []
        for row in await self._ledger.channels.open_threads():
            place = (row["tenant"], row["channel"])
            if place in since:
                self._unread[place].add(row["thread"])
                found.append(_watermark(place, row["thread"], since[place]))
        return [*found, *(_watermark(place, "", after) for place, after in since.items())]

    async def filled(self, gap: Watermark) -> None:
        """A channel's gap closes when its threads have been read too; else it is read again next time."""
        unread = self._unread.setdefault((gap.tenant, gap.channel), set())
        if gap.thread:
            unread.discard(gap.thread)
        elif not unread:
            await self._ledger.write(Channels.close_gap(gap.tenant, gap.channel, read_from=gap.after))

    # -- people

    async def act(self, interaction: Interaction) -> Response:
        """Whatever takes longer than a moment goes on, and its answer follows as a private message."""
        reference = secrets.token_hex(3)
        work = asyncio.create_task(self._answered(interaction, reference))
        done, _ = await asyncio.wait({work}, timeout=self._patience)
        if done:
            return work.result()
        log.info("%s is slow (reference %s)", _name(interaction), reference)
        self._slow.add(work)
        work.add_done_callback(self._slow.discard)
        late = asyncio.create_task(self._follow_up(work, interaction, reference))
        self._late.add(late)
        late.add_done_callback(self._late.discard)
        return Response(text=f"Still working on it; the answer follows. (reference {reference})")

    async def finish(self, within: float) -> None:
        """Before the end: what is slow may still come to its end, for so many seconds."""
        if self._late:
            await asyncio.wait(self._late, timeout=within)

    async def _answered(self, interaction: Interaction, reference: str) -> Response:
        try:
            event = await self._completed(interaction.event)
            name = "" if interaction.kind in NAMELESS else interaction.name
            handler = self._table.get((interaction.kind, name))
            if handler is None:
                return Response(text=OLD)
            response = await handler(replace(interaction, event=event))
            if isinstance(response, Refusal):
                noted = refused(event, _name(interaction), interaction.value, at=self._clock.now())
                await self._ledger.write(noted)
        except Exception:  # whoever clicked must get an answer, whatever broke; the log has the rest
            log.exception("%s failed (reference %s)", _name(interaction), reference)
            return Response(text=_failed(interaction, reference))
        self._wake()
        return response

    async def _completed(self, event: Event) -> Event:
        """Who it was and where; whoever cannot be asked about counts as a stranger."""
        if event.completed:
            return event
        try:
            async with asyncio.timeout(min(COMPLETING, self._patience)):
                try:
                    return await self._directory.completed(event)
                except PlatformError:
                    return await self._directory.completed(event, settle=True)
        except (PlatformError, TimeoutError) as error:
            log.warning("who clicked in %s is not known: %r", event.channel, error)
            return replace(
                event, completed=True, user_external=True, channel_external=True, channel_private=True
            )

    async def _follow_up(
        self, work: asyncio.Task[Response], interaction: Interaction, reference: str
    ) -> None:
        response = await work
        text = as_text(response)
        event = interaction.event
        if not text or not event.channel:
            return
        try:
            await self._platform.notify(
                tenant=event.tenant,
                channel=event.channel,
                thread="",
                notice=Notice(text=text, actions=response.notice.actions if response.notice else ()),
                key=f"late:{reference}",
                reader=event.user,
            )
        except PlatformError as error:
            log.warning("the late answer (reference %s) was not sent: %s", reference, error)


async def nothing_to_do(_: Interaction) -> Response:
    """A link was clicked: the person's own browser follows it."""
    return Response()


LINKS: Table = {(InteractionKind.CLICK, ActionKind.OPEN.value): nothing_to_do}


def _failed(interaction: Interaction, reference: str) -> str:
    if interaction.kind is InteractionKind.CLICK and interaction.name in ONE_WRITE:
        return f"This did not work: your click was not taken. Please click again. (reference {reference})"
    return (
        "Something went wrong. It may not be done, or only in part: please look before you try again. "
        f"(reference {reference})"
    )


def _watermark(place: tuple[str, str], thread: str, after: str) -> Watermark:
    return Watermark(tenant=place[0], channel=place[1], thread=thread, after=after)


def _name(interaction: Interaction) -> str:
    return f"{interaction.kind.value} {interaction.name}".strip()
