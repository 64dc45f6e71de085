"""Links that customers share: an analyst says whether what they lead to is learned.

Asked privately and once, in the thread where the link stands; what was not seen there waits on the bot's
own page. An analyst's own links need no question.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from vigilbot.admin import audit
from vigilbot.cards import Action, ActionKind, Notice, Section
from vigilbot.domain import Event, Mode
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.interactions.access import Access
from vigilbot.interactions.modes import Modes
from vigilbot.interactions.refusing import Refusal
from vigilbot.interactions.seeing import Seeing
from vigilbot.interactions.wording import literal
from vigilbot.learning.documents import Documents
from vigilbot.learning.links import host_of
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ports import Clock, Interaction, InteractionKind, Platform, Response, Row
from vigilbot.record import silence
from vigilbot.roles import Roles

log = logging.getLogger("vigilbot")

Handler = Callable[[Interaction], Awaitable[Response]]

TRIES = 6  # with doubling waits
FIRST_WAIT = timedelta(minutes=1)
LATER = timedelta(hours=1)  # while nobody can be asked; an analyst's message is sooner
A_PASS = 20
ON_THE_PAGE = 5
LATELY = timedelta(days=14)
LEARN, NOT, NEVER = "learn", "not", "never"
_OLD = "This button is from another installation or an older version."
_SETTLED = "Somebody has decided about this link already."


class Linking:
    """``documents`` is None where links are left alone."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        documents: Documents | None,
        roles: Roles,
        platform: Platform,
        clock: Clock,
        modes: Modes,
        seeing: Seeing,
    ) -> None:
        self._ledger = ledger
        self._documents = documents
        self._roles = roles
        self._platform = platform
        self._clock = clock
        self._modes = modes
        self._seeing = seeing
        self._access = Access(ledger=ledger, platform=platform, clock=clock, modes=modes)

    @property
    def table(self) -> Mapping[tuple[InteractionKind, str], Handler]:
        return {(InteractionKind.CLICK, ActionKind.LINK.value): self.decided}

    # -- asking

    async def work(self) -> int:
        """Asks about links that nobody was asked about so far, and for access to documents; returns about
        how many."""
        if self._documents is None:
            return 0
        rows = await self._ledger.documents.to_ask(now=self._clock.now(), limit=A_PASS)
        for row in rows:
            await self._ask(row)
        return len(rows) + await self._access.work()

    async def _ask(self, row: Row) -> None:
        now = self._clock.now()
        oncall = await self._ledger.chats.oncall_row(row["oncall"])
        channel = await self._ledger.chats.channel(row["tenant"], oncall["channel"]) if oncall else None
        if oncall is None or channel is None:
            await self._later(row, None)
            return
        mute = bool(silence(channel, now)) or bool(oncall["quiet"]) or self._modes.of(channel) is Mode.LISTEN
        readers = () if mute else await self._ledger.chats.analysts_in(oncall)
        if not readers:
            await self._later(row, now + LATER)
            return
        try:
            for reader in readers:
                await self._platform.notify(
                    tenant=row["tenant"],
                    channel=oncall["channel"],
                    thread=row["thread"] or oncall["thread"],
                    notice=question(row),
                    key=f"link:{row['id']}:{reader}",
                    reader=reader,
                    since=moment(row["added_at"]),
                )
        except PlatformError as error:
            tries = row["ask_tries"] + 1
            log.warning("nobody could be asked about a link in %s: %s", oncall["channel"], error)
            over = isinstance(error, PlatformRefused) or tries >= TRIES
            await self._later(row, None if over else now + FIRST_WAIT * 2**tries, tries=tries)
        else:
            await self._later(row, None)

    async def _later(self, row: Row, then: datetime | None, *, tries: int = 0) -> None:
        at = stamp(then) if then else None
        await self._ledger.write(self._ledger.documents.change(row["id"], ask_at=at, ask_tries=tries))

    # -- the answer

    async def decided(self, interaction: Interaction) -> Response:
        """A click on one of the three words; for analysts and operators who may see what it would teach."""
        event = interaction.event
        document, _, word = interaction.value.rpartition("/")
        row = await self._ledger.documents.get(document)
        if self._documents is None or row is None or word not in (LEARN, NOT, NEVER):
            return Response(text=_OLD)
        if not (self._roles.is_analyst(event) or self._roles.is_operator(event)):
            return Refusal(text="Only analysts and operators can decide what I learn.")
        if not await self._may_see(event, row):
            return Refusal(text=_OLD)
        told = audit(
            tenant=row["tenant"],
            at=self._clock.now(),
            actor=event.user,
            action="link",
            subject=document,
            detail=f"{word} {row['url']}"[:500],
        )
        done = await self._documents.answer(
            document, learn=word == LEARN, actor=event.user, remember=word == NEVER, also=[told]
        )
        return Response(text=_said(word, row) if done else _SETTLED, done=True)

    async def _may_see(self, event: Event, row: Row) -> bool:
        if row["tenant"] != event.tenant:
            return False
        oncall = await self._ledger.chats.oncall_row(row["oncall"])
        here = oncall is not None and oncall["channel"] == event.channel
        return here or await self._seeing.entry(
            event, tenant=row["tenant"], space=row["space"], channel=oncall["channel"] if oncall else ""
        )

    # -- on the bot's own page

    async def sections(self, event: Event) -> list[Section]:
        """What waits for an analyst's word, for whoever may say it."""
        decides = self._roles.is_analyst(event) or self._roles.is_operator(event)
        if self._documents is None or not decides:
            return []
        waiting = await self._ledger.documents.asked(tenant=event.tenant)
        rows = [row for row in waiting[-10 * ON_THE_PAGE :] if await self._may_see(event, row)]
        return [
            Section(
                heading="" if n else "Links that customers shared",
                lines=(f"`{literal(row['url'])}` (shared {moment(row['added_at']):%Y-%m-%d})",),
                actions=_actions(row),
            )
            for n, row in enumerate(rows[-ON_THE_PAGE:])
        ]


async def lost_pages(ledger: Ledger, tenant: str, *, now: datetime) -> Sequence[str]:
    """Lines on documents that answered once and cannot be had any more; for operators."""
    rows = await ledger.documents.lost(tenant=tenant, since=now - LATELY)
    return [
        f"A document is gone, and what it said with it: {_name(row)} ({literal(row['last_error'], 120)})"
        for row in rows
    ]


def question(row: Row) -> Notice:
    """What analysts are asked about one link."""
    return Notice(
        text=f"A customer shared this link: {_name(row)}\n\nShall I read the page and answer from it? I have "
        "not fetched it. What it says would be marked as not verified, and shown where this channel's "
        "knowledge is.",
        actions=_actions(row),
    )


def _actions(row: Row) -> tuple[Action, ...]:
    host = host_of(row["url"])
    words = ((LEARN, "Learn it"), (NOT, "Not this one"), (NEVER, f"Never from {host}"[:75]))
    return tuple(
        Action(kind=ActionKind.LINK, label=label, value=f"{row['id']}/{word}", primary=word == LEARN)
        for word, label in words
        if host or word != NEVER
    )


def _name(row: Row) -> str:
    return f"“{literal(row['title'], 120)}”" if row["title"] else literal(row["url"] or row["key"])


def _said(word: str, row: Row) -> str:
    if word == LEARN:
        return "I am going to read it. It answers from then on; `kb documents` on my machine lists it."
    if word == NEVER:
        return f"I do not read it, and do not ask about {literal(host_of(row['url']))} again."
    return "I do not read it."
