"""Learning from documents (Vigil 3.2.1): links shared in on-calls and what operators add, kept up to date.

Work comes in two steps that share no time: ``fetch`` waits for networks and parsers and changes no
knowledge, so it may run beside everything else; ``index`` is short and belongs to the one writer of
knowledge. Between them stands what was read, in the document's row: after a crash nothing is lost, and
a page that hangs delays no card.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from vigilbot.domain import Message, Role, Trust
from vigilbot.errors import DocumentClosed, DocumentError, DocumentGone, DocumentRefused, LedgerError
from vigilbot.knowledge import Knowledge
from vigilbot.learning.links import Rule, host_of, links_of
from vigilbot.learning.pages import OwnFetcher, page_of, parts_of
from vigilbot.learning.standing import Standing
from vigilbot.ledger import DeadLetters, Ledger, Letter
from vigilbot.ledger.documents import document_id
from vigilbot.ledger.rows import pack, stamp
from vigilbot.ports import Clock, Fetched, Fetcher, Reader, Row, Statement
from vigilbot.text import canonical_url, clean, shorten

log = logging.getLogger("vigilbot")

LEASE = timedelta(minutes=10)
TRIES = 5  # over about a day and a half, the waits growing fourfold
FIRST_WAIT = timedelta(minutes=5)
AGAIN = timedelta(hours=1)  # until a page that is not there is looked for once more
TIMES = 2  # in a row that an indexed page must be gone, or closed to us, before its parts go
AT_ONCE = 4
A_PASS = 8  # documents fetched in one pass, and indexed in one


class DocumentState(StrEnum):
    ASKED = "asked"  # waits for an analyst's word
    DUE = "due"  # never read so far
    INDEXED = "indexed"
    REFUSED = "refused"  # last_error says why
    GONE = "gone"
    IGNORED = "ignored"  # an analyst said no


class Documents:
    """``rules`` are the operator's, by host; ``refresh`` is how often an indexed page is looked at again.

    Without ``standing`` what a page teaches wakes nobody yet: a bot that starts later does. ``own`` reads
    documents of the chat platform itself (address, tenant); all others come over ``fetcher``.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        fetcher: Fetcher,
        reader: Reader,
        clock: Clock,
        rules: Mapping[str, Rule],
        refresh: timedelta,
        standing: Standing | None = None,
        own: OwnFetcher = lambda url, tenant: None,
    ) -> None:
        self._standing = standing
        self._own = own
        self._ledger = ledger
        self._rows = ledger.documents
        self._knowledge = knowledge
        self._fetcher = fetcher
        self._reader = reader
        self._clock = clock
        self._rules = rules
        self._refresh = refresh

    # -- where documents come from

    async def shared(self, message: Message, *, tenant: str, space: str, oncall: str) -> list[Statement]:
        """What the links of a message become, to be written with the message. The same link twice is one.

        With an analyst's message those are asked about for whom nobody was there before.
        """
        known = {host: Rule(rule) for host, rule in (await self._rows.hosts(tenant)).items()}
        now = self._clock.now()
        statements = [self._rows.ask_now(oncall, at=now)] if message.role is Role.ANALYST else []
        found = links_of(
            message,
            message.role,
            {**known, **self._rules},
            own=lambda url: self._own(url, tenant) is not None,
        )
        for link in found:
            learn = link.rule is Rule.LEARN
            statements.append(
                self._rows.share(
                    tenant=tenant,
                    space=space,
                    key=link.key,
                    url=link.url,
                    state=(DocumentState.DUE if learn else DocumentState.ASKED).value,
                    trust=Trust.PROBATION.value,
                    added_by=message.author,
                    at=now,
                    due=now if learn else None,
                    oncall=oncall,
                    message=message.id,
                )
            )
        return statements

    async def answer(
        self,
        document: str,
        *,
        learn: bool,
        actor: str,
        remember: bool = False,
        also: Sequence[Statement] = (),
    ) -> bool:
        """An analyst's word on a link that was asked about; with ``remember`` on its whole host.

        False when nobody asks about it any more. Whether the actor is an analyst is the caller's to know.
        """
        row = await self._rows.get(document)
        if row is None or row["state"] != DocumentState.ASKED:
            return False
        now = self._clock.now()
        state = DocumentState.DUE if learn else DocumentState.IGNORED
        due = stamp(now) if learn else None
        change = self._rows.change(document, state=state.value, due_at=due, added_by=actor, ask_at=None)
        statements = [change]
        if remember and (host := host_of(row["url"])):
            rule = (Rule.LEARN if learn else Rule.IGNORE).value
            statements.append(
                self._rows.put_host(tenant=row["tenant"], host=host, rule=rule, actor=actor, at=now)
            )
        await self._ledger.write(*statements, *also)
        return True

    async def add(
        self, url: str, *, tenant: str, space: str, actor: str, also: Sequence[Statement] = ()
    ) -> str:
        """A page an operator wants known, or looked at again now; returns the document's id."""
        now = self._clock.now()
        key = canonical_url(url)
        row = self._rows.share(
            tenant=tenant,
            space=space,
            key=key,
            url=url,
            state=DocumentState.DUE.value,
            trust=Trust.VERIFIED.value,
            added_by=actor,
            at=now,
            due=now,
            again=True,
        )
        await self._ledger.write(row, *also)
        return document_id(tenant, space, key)

    async def add_content(
        self,
        name: str,
        content: bytes,
        *,
        media_type: str,
        title: str,
        tenant: str,
        space: str,
        actor: str,
        also: Sequence[Statement] = (),
    ) -> str:
        """A document that stands at no address, by its name; read at once. Returns the document's id."""
        now = self._clock.now()
        key = f"file:{name}"
        document = document_id(tenant, space, key)
        row = self._rows.share(
            tenant=tenant,
            space=space,
            key=key,
            url="",
            title=title,
            state=DocumentState.DUE.value,
            trust=Trust.VERIFIED.value,
            added_by=actor,
            at=now,
            again=True,
        )
        await self._ledger.write(row, *also)
        known = await self._rows.get(document)
        if known is None:
            raise LedgerError(f"document {document} was not written")
        await self._guarded(known, partial(self._read, known, content, media_type))
        return document

    async def leave(self, document: str, *, reason: str) -> None:
        """The document is gone: its parts go with the next ``index``."""
        if row := await self._rows.get(document):
            await self._ledger.write(self._departs(row, reason, DocumentState.GONE))

    # -- work

    async def work(self) -> int:
        """Everything due now, one pass; returns how much was done."""
        return await self.fetch() + await self.index()

    async def fetch(self) -> int:
        """Fetches, reads and embeds what is due, side by side; changes no knowledge."""
        now = self._clock.now()
        rows = await self._rows.claim(now=now, until=now + LEASE, read=False, limit=A_PASS)
        await self._several(rows, self._fetch)
        return len(rows)

    async def index(self) -> int:
        """Makes what was read known: one atomic write a document; then wakes who waited for it."""
        now = self._clock.now()
        rows = await self._rows.claim(now=now, until=now + LEASE, read=True, limit=A_PASS)
        for row in rows:
            await self._guarded(row, partial(self._index, row))
        if self._standing is not None:
            for row in await self._rows.waking():
                taught = await self._rows.taught(row["id"], since=row["wakes_since"])
                await self._standing.wake(tenant=row["tenant"], taught=taught)
                await self._ledger.write(self._rows.change(row["id"], wakes_since=None))
        return len(rows)

    async def once(self, documents: Sequence[str], step: Callable[[int], None]) -> None:
        """One try for each of these now, whenever they are due; ``step`` hears how many more are done."""

        async def act(row: Row) -> None:
            if row["url"] and row["body"] is None:
                await self._fetch(row)

        for start in range(0, len(documents), A_PASS):
            part = documents[start : start + A_PASS]
            await self._several(await self._rows.several(part), act)
            for row in await self._rows.several(part):
                if row["body"] is not None:
                    await self._guarded(row, partial(self._index, row))
            step(len(part))

    async def _several(self, rows: Sequence[Row], act: Callable[[Row], Awaitable[None]]) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(row: Row) -> None:
            async with room:
                await self._guarded(row, partial(act, row))

        async with asyncio.TaskGroup() as group:
            for row in rows:
                group.create_task(one(row))

    async def _guarded(self, row: Row, act: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong with one document is written to it and stops nothing else."""
        try:
            await act()
        except LedgerError:
            raise
        except DocumentGone as error:
            await self._missing(row, str(error), DocumentState.GONE)
        except DocumentRefused as error:
            closed = isinstance(error, DocumentClosed)
            await self._missing(row, str(error), DocumentState.REFUSED, closed=closed)
        except DocumentError as error:
            await self._again(row, str(error))
        except (
            Exception
        ) as error:  # a defect that one document shows must not keep all others from being read
            log.exception("document %s failed", row["id"])
            await self._again(row, f"it failed inside: {type(error).__name__}")

    async def _fetch(self, row: Row) -> None:
        known = row["state"] == DocumentState.INDEXED
        fetcher = self._own(row["url"], row["tenant"]) or self._fetcher
        fetched = await fetcher.fetch(
            row["url"],
            etag=row["etag"] if known else "",
            last_modified=row["last_modified"] if known else "",
        )
        if fetched.content is None:
            await self._ledger.write(self._well(row))
            return
        await self._read(row, fetched.content, fetched.media_type, fetched)

    async def _read(self, row: Row, content: bytes, media_type: str, fetched: Fetched | None = None) -> None:
        page = await self._reader.read(
            content,
            media_type=media_type,
            charset=fetched.charset if fetched else "",
            url=fetched.url if fetched else "",
        )
        body = pack(asdict(page))
        digest = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()
        marks = {"etag": fetched.etag, "last_modified": fetched.last_modified} if fetched else {}
        if row["state"] == DocumentState.INDEXED and row["hash"] == digest:
            await self._ledger.write(self._well(row, **marks))
            return
        chunks, _, _ = parts_of(row, page)
        await self._knowledge.chunks.prepare(row, chunks)
        now = stamp(self._clock.now())
        await self._ledger.write(
            self._rows.change(row["id"], body=body, due_at=now, attempts=0, fetched_at=now, **marks)
        )

    async def _index(self, row: Row) -> None:
        body: dict[str, Any] = json.loads(row["body"])
        if "leaves" in body:
            end = self._rows.change(
                row["id"],
                state=body["leaves"],
                body=None,
                due_at=None,
                chunks=0,
                hash="",
                last_error=body["reason"],
            )
            await self._knowledge.chunks.retract(row, actor="documents", reason=body["reason"], also=[end])
            return
        chunks, cut, title = parts_of(row, page_of(body))
        if not chunks:
            raise DocumentRefused("it has no text")
        now = stamp(self._clock.now())
        done = self._well(
            row,
            wakes_since=row["wakes_since"] or now,
            state=DocumentState.INDEXED.value,
            body=None,
            title=shorten(title, 300),
            chunks=len(chunks),
            hash=hashlib.sha256(row["body"].encode("utf-8", "replace")).hexdigest(),
            changed_at=now,
        )
        if cut:
            note = f"only its first {len(chunks)} parts are known; it is longer"
            done = Statement(done.sql, {**done.args, "last_error": note})
        how = "the document changed" if row["hash"] else f"shared by {row['added_by']}"
        await self._knowledge.chunks.put(row, chunks, reason=how, also=[done])

    # -- what becomes of a row

    def _well(self, row: Row, **values: Any) -> Statement:
        """The document is as it is known: looked at again after ``refresh``."""
        now = self._clock.now()
        due = stamp(now + self._refresh) if row["url"] else None
        return self._rows.change(
            row["id"], due_at=due, attempts=0, missing=0, last_error="", fetched_at=stamp(now), **values
        )

    async def _missing(self, row: Row, reason: str, state: DocumentState, *, closed: bool = False) -> None:
        """Not to be had: at once the end of what was never known, of what is known only the second time.

        ``closed``: whoever shared it could open it to the bot, and is asked to.
        """
        now = self._clock.now()
        reason = shorten(clean(reason), 300)
        values: dict[str, Any] = {"attempts": 0, "last_error": reason, "fetched_at": stamp(now), "body": None}
        if row["state"] != DocumentState.INDEXED:
            ask = stamp(now) if closed and row["message"] else None
            statement = self._rows.change(row["id"], state=state.value, due_at=None, ask_at=ask, **values)
        elif row["missing"] + 1 < TIMES:
            due = stamp(now + AGAIN) if row["url"] else None
            statement = self._rows.change(row["id"], missing=row["missing"] + 1, due_at=due, **values)
        else:
            statement = self._departs(row, reason, state)
        await self._ledger.write(statement)

    def _departs(self, row: Row, reason: str, state: DocumentState) -> Statement:
        now = stamp(self._clock.now())
        body = pack({"leaves": state.value, "reason": reason})
        return self._rows.change(row["id"], body=body, due_at=now, attempts=0, missing=0, fetched_at=now)

    async def _again(self, row: Row, reason: str) -> None:
        """A later try may help, a few times; then what is known stays known, and what is not is given up."""
        now = self._clock.now()
        fresh = await self._rows.get(row["id"]) or row
        tries = max(1, fresh["attempts"])
        known = row["state"] == DocumentState.INDEXED
        reason = shorten(clean(reason), 300)
        if tries < TRIES:
            values: dict[str, Any] = {"attempts": tries, "last_error": reason}
            values["due_at"] = stamp(now + FIRST_WAIT * 4 ** (tries - 1))
        elif known:
            values = {"attempts": 0, "last_error": reason, "body": None}
            values["due_at"] = stamp(now + self._refresh) if row["url"] else None
        else:
            values = {"attempts": 0, "due_at": None, "body": None, "state": DocumentState.REFUSED.value}
            values["last_error"] = f"given up after {tries} tries: {reason}"
        given_up = DeadLetters.put(Letter.DOCUMENT, row["id"], at=now)
        await self._ledger.write(self._rows.change(row["id"], **values), given_up)
