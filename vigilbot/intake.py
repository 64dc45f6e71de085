"""Events become rows: the half of the flow that never waits for a model.

What only the platform knows (names, titles, whose channel it is) is asked for here, after the event was
made durable and before it is taken in.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from datetime import timedelta

from vigilbot.domain import Event, EventKind, Outcome, QuestionState
from vigilbot.errors import LedgerError, PlatformError
from vigilbot.learning.documents import Documents
from vigilbot.learning.lessons import Lessons
from vigilbot.ledger import Chats, DeadLetters, Ledger, Letter, Runs
from vigilbot.ledger.rows import to_message, unpack_event
from vigilbot.oncalls import Ingested, OnCalls
from vigilbot.ports import Clock, Directory, Row, Statement
from vigilbot.text import plain

log = logging.getLogger("vigilbot")

INBOX_TRIES = 5
KNOWN, KNOWN_READING = timedelta(days=7), timedelta(days=30)
"""So long an event that comes a second time is recognised: a platform repeats one within hours, reading what
was missed may bring up older ones."""
_MENTION = re.compile(r"<@[\w-]+(?:\|[^<>]*)?>")
_CALLED = re.compile(r"\s*@[\w.-]+[\s,:]*")
"""A name the text begins with, where the platform writes names and no ids."""


class Intake:
    """``changing`` is held from reading an on-call's row to writing it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        oncalls: OnCalls,
        lessons: Lessons,
        directory: Directory | None,
        documents: Documents | None,
        clock: Clock,
        changing: asyncio.Lock,
    ) -> None:
        self._ledger = ledger
        self._oncalls = oncalls
        self._lessons = lessons
        self._directory = directory
        self._documents = documents
        self._clock = clock
        self._changing = changing

    async def receive(self, event: Event) -> bool:
        """Durable before it returns; False for a duplicate. The adapter acknowledges after it."""
        return await self._ledger.chats.receive(event, at=self._clock.now())

    async def ingest(self) -> int:
        """Turns inbox rows into messages of on-calls, in order; returns how many."""
        rows = await self._ledger.chats.inbox(now=self._clock.now())
        for row in rows:
            try:
                await self._take_in(row)
            except PlatformError as error:
                await self._ledger.write(self._again(row, error=str(error)))
            except LedgerError:
                raise
            except Exception as error:  # one malformed event must not stop the intake of all others
                log.exception("inbox row %s could not be ingested", row["id"])
                dead = row["attempts"] + 1 >= INBOX_TRIES
                await self._ledger.write(
                    self._again(row, error=repr(error), dead=dead),
                    DeadLetters.put(Letter.EVENT, row["id"], at=self._clock.now()),
                )
        return len(rows)

    async def forget(self) -> int:
        """Events taken in long ago; returns how many."""
        now = self._clock.now()
        return await self._ledger.chats.forget_inbox(now=now, known=KNOWN, reading=KNOWN_READING)

    async def _take_in(self, row: Row) -> None:
        raw = unpack_event(row["body"])
        last = row["attempts"] + 1 >= INBOX_TRIES
        event = _direct(raw if raw.completed else await self._completed(raw, last=last))
        async with self._changing:
            if not event.channel:  # about a message that nobody can say anything of any more
                await self._ledger.write(Chats.inbox_done(row["id"]))
                return
            if event.kind is EventKind.DELETED and (event.is_self or await self._is_card(event)):
                await self._ledger.write(*await self._card_deleted(event), Chats.inbox_done(row["id"]))
                return
            done = await self._oncalls.ingest(event, words=_words(event, raw) if event.addressed else "")
            if done.early and not last:  # an edit may overtake what it edits
                await self._ledger.write(self._again(row, error="about a message that is not here yet"))
                return
            learned: list[Statement] = []
            if changed := done.deleted or done.edited:  # first: a crash between leaves the event to do again
                learned = await self._lessons.source_changed(
                    changed, oncall=done.oncall, gone=bool(done.deleted)
                )
            shared = await self._shared(event, done)
            await self._ledger.write(*done.statements, *learned, *shared, Chats.inbox_done(row["id"]))

    async def _shared(self, event: Event, done: Ingested) -> list[Statement]:
        """What becomes of a message's links, edited ones too; links in direct messages are left alone."""
        message = done.message
        if self._documents is None or event.channel_direct:
            return []
        if message is None and done.edited and (row := await self._ledger.chats.message(done.edited)):
            message = replace(to_message(row), text=event.text)
        if message is None:
            return []
        return await self._documents.shared(
            message, tenant=event.tenant, space=self._oncalls.space_of(event), oncall=done.oncall
        )

    async def _completed(self, event: Event, *, last: bool) -> Event:
        """With names and flags. When nobody can be asked in the end, a channel is what it last was known
        to be, and what is not known counts as another company's."""
        if self._directory is None:
            return event
        try:
            return await self._directory.completed(event)
        except PlatformError:
            if not last:
                raise
        log.warning("event %s is taken in without its names: nobody could be asked", event.key)
        settled = await self._directory.completed(event, settle=True)
        known = await self._ledger.chats.channel(event.tenant, event.channel)
        if known is None or event.kind is EventKind.CHANNEL_CHANGED:
            return settled
        return replace(
            settled,
            channel_name=known["name"],
            channel_external=bool(known["external"]),
            channel_private=bool(known["private"]),
            channel_direct=bool(known["direct"]),
            channel_archived=bool(known["archived"]),
        )

    async def _is_card(self, event: Event) -> bool:
        """Where the platform does not say whose message it was that is gone."""
        return await self._ledger.runs.card_at(event.tenant, event.channel, event.ts) is not None

    async def _card_deleted(self, event: Event) -> list[Statement]:
        """Somebody deleted a card that stood: as strong a "no" as there is. Its question is open again."""
        delivery = await self._ledger.runs.card_at(event.tenant, event.channel, event.ts)
        if delivery is None or delivery["state"] != "sent":  # the bot took it down itself
            return []
        answer = await self._ledger.runs.answer(delivery["answer"])
        if answer is None:
            return []
        now = self._clock.now()
        return [
            Runs.set_outcome(answer["id"], Outcome.WITHDRAWN, at=now, final=True),
            Runs.withdrawn(answer["id"]),
            Runs.change_question(answer["question"], state=QuestionState.OPEN.value),
            Chats.learn_by(answer["oncall"], now + self._lessons.delay),
        ]

    def _again(self, row: Row, *, error: str, dead: bool = False) -> Statement:
        due = self._clock.now() + timedelta(seconds=2 ** (row["attempts"] + 1))
        return Chats.inbox_failed(row["id"], due=due, error=error, dead=dead)


def _words(event: Event, raw: Event) -> str:
    """What was said to the bot, without anybody's name: the platform's own marks tell best where they are."""
    if not raw.completed:
        return plain(_MENTION.sub(" ", raw.text))
    return _CALLED.sub("", event.text, count=1) if _CALLED.match(event.text) else event.text


def _direct(event: Event) -> Event:
    """Whoever writes to the bot alone sees no more there than in a channel of their own."""
    outside = event.channel_direct and event.user_external
    return replace(event, channel_external=True) if outside else event
