"""A document that somebody shared is not shared with the bot: one polite request, to whoever shared it.

Asked once a document, privately where that is possible. When the link is shared again it is read again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from vigilbot.admin import audit
from vigilbot.cards import Notice
from vigilbot.domain import Mode
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.interactions.modes import Modes
from vigilbot.interactions.wording import literal
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, stamp
from vigilbot.ports import Clock, Platform, Row
from vigilbot.record import silence

log = logging.getLogger("vigilbot")

ASKED = "access asked"  # in the audit table
TRIES = 6  # with doubling waits
FIRST_WAIT = timedelta(minutes=1)
LATER = timedelta(hours=1)  # while nothing may be said there
A_PASS = 20


class Access:
    """``work`` asks for what is due and returns about how many documents."""

    def __init__(self, *, ledger: Ledger, platform: Platform, clock: Clock, modes: Modes) -> None:
        self._ledger = ledger
        self._platform = platform
        self._clock = clock
        self._modes = modes

    async def work(self) -> int:
        rows = await self._ledger.documents.to_open(now=self._clock.now(), asked=ASKED, limit=A_PASS)
        for row in rows:
            await self._ask(row)
        return len(rows)

    async def _ask(self, row: Row) -> None:
        now = self._clock.now()
        oncall = await self._ledger.chats.oncall_row(row["oncall"])
        channel = await self._ledger.chats.channel(row["tenant"], oncall["channel"]) if oncall else None
        if row["was_asked"] or oncall is None or channel is None:
            await self._later(row, None)
            return
        if silence(channel, now) or oncall["quiet"] or self._modes.of(channel) is Mode.LISTEN:
            await self._later(row, now + LATER)
            return
        try:
            await self._say(row, oncall, reader=row["added_by"])
        except PlatformRefused as error:
            log.info("%s cannot be asked privately to share a document: %s", row["added_by"], error)
            await self._aloud(row, oncall)
        except PlatformError as error:
            await self._failed(row, error)
        else:
            await self._asked(row)

    async def _aloud(self, row: Row, oncall: Row) -> None:
        try:
            await self._say(row, oncall)
        except PlatformError as error:
            await self._failed(row, error)
        else:
            await self._asked(row)

    async def _say(self, row: Row, oncall: Row, *, reader: str = "") -> None:
        await self._platform.notify(
            tenant=row["tenant"],
            channel=oncall["channel"],
            thread=row["thread"] or oncall["thread"],
            notice=request(row),
            key=f"access:{row['id']}:{reader}",
            reader=reader,
            since=moment(row["ask_at"]),
        )

    async def _asked(self, row: Row) -> None:
        told = audit(
            tenant=row["tenant"],
            at=self._clock.now(),
            actor="bot",
            action=ASKED,
            subject=row["id"],
            detail=f"of {row['added_by']}",
        )
        await self._ledger.write(self._ledger.documents.change(row["id"], ask_at=None), told)

    async def _failed(self, row: Row, error: PlatformError) -> None:
        tries = row["ask_tries"] + 1
        log.warning("nobody could be asked to share a document: %s", error)
        over = isinstance(error, PlatformRefused) or tries >= TRIES
        await self._later(row, None if over else self._clock.now() + FIRST_WAIT * 2**tries, tries=tries)

    async def _later(self, row: Row, then: datetime | None, *, tries: int = 0) -> None:
        at = stamp(then) if then else None
        await self._ledger.write(self._ledger.documents.change(row["id"], ask_at=at, ask_tries=tries))


def request(row: Row) -> Notice:
    """What whoever shared the document reads."""
    return Notice(
        text=f"I cannot read this document: {literal(row['url'])}\n\nIf I may answer from it, please share "
        "it with me (Share, add me as somebody who can view), and post the link once more. If not, nothing "
        "has to be done: I do not ask again."
    )
