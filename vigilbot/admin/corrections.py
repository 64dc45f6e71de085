"""Cards that stand on knowledge which was taken back, or says something else now.

What is owed is found from the ledger alone; an operator sees the list and decides; then one message a
thread says it, and the card says that it is superseded. Nothing is ever posted that nobody decided on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from vigilbot.admin import audit
from vigilbot.bot import Bot
from vigilbot.cards import Notice
from vigilbot.delivery import Delivery
from vigilbot.domain import KnowledgeEntry, OnCallState
from vigilbot.errors import LedgerError, PlatformError, PlatformRefused
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import CorrectionRows, Ledger, Runs
from vigilbot.ledger.rows import moment, optional_moment, pack, to_entry
from vigilbot.ports import Clock, Platform, Row, Statement
from vigilbot.text import shorten

log = logging.getLogger("vigilbot")

CLOSED = timedelta(hours=24)  # an on-call that ended longer ago is left alone
LATELY = timedelta(days=30)  # cards sent before this are history, whatever their on-call's state
MISSED = timedelta(days=2)  # at the start: what changed while nobody looked
TRIES = 10
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """One card that no longer tells the truth. ``now`` is "" when its knowledge was taken back."""

    id: int
    entry: str
    revision: int
    channel: str
    channel_name: str
    oncall: str
    thread: str
    question: str
    open: bool
    now: str
    found_at: datetime


class Corrections:
    def __init__(
        self,
        *,
        ledger: Ledger,
        knowledge: Knowledge,
        delivery: Delivery,
        platform: Platform,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._rows: CorrectionRows = ledger.corrections
        self._knowledge = knowledge
        self._delivery = delivery
        self._platform = platform
        self._clock = clock
        self._seen: int | None = None  # the knowledge row up to which changes were looked at

    # -- finding

    async def work(self) -> int:
        """What changed since the last look becomes owed, what was decided on is posted; returns how many."""
        await self.find()
        return await self._post_due()

    async def find(self) -> int:
        """Looks at what changed since it last did; returns how many corrections are owed because of it.

        The first look goes back two days. Looking twice at the same changes finds nothing new.
        """
        now = self._clock.now()
        if self._seen is None:
            self._seen = await self._rows.last_before(now - MISSED)
        changed = await self._rows.changed_after(self._seen)
        if not changed:
            return 0
        cards = await self._rows.standing(
            [row["entry"] for row in changed], sent_since=now - LATELY, closed_since=now - CLOSED
        )
        statements: list[Statement] = []
        for card in cards:
            statements += await self._look(card, now)
        written = await self._ledger.write(*statements)
        self._seen = max(row["seq"] for row in changed)
        if written:
            await self._settle(None)
        return sum(bool(rows) for rows in written)

    async def _look(self, card: Row, now: datetime) -> list[Statement]:
        """What a card whose entry was changed is owed; its picture is checked in any case."""
        current = await self._now(card["entry"], card["used"])
        checked = [Runs.outdate(card["answer"], at=now)] if await self._said(card["answer"]) else []
        if current is None:
            return checked
        row = await self._ledger.runs.answer(card["answer"])
        oncall = await self._ledger.chats.oncall_row(card["oncall"])
        if row is None or oncall is None:
            return checked
        owed = self._rows.owe(
            card=card,
            thread=await self._delivery.thread(row, oncall),
            entry=card["entry"],
            used=card["used"],
            revision=current["revision"],
            found_at=now,
        )
        return [owed, *checked]

    async def _said(self, answer: str) -> bool:
        return bool(await self._rows.of_answer(answer))

    async def _now(self, entry: str, used: int) -> Row | None:
        """The revision in force when it is retracted or says something else than the one used; else None."""
        rows = await self._ledger.entries.revisions(entry)
        if len(rows) < used or not rows:
            return None
        last = rows[-1]
        if last["retracted"]:
            return last
        changed = await self._knowledge.says_otherwise(to_entry(rows[used - 1]), to_entry(last))
        return last if changed else None

    async def _settle(self, tenant: str | None) -> list[tuple[Row, Row]]:
        """What is still owed, with the revision in force. What has become moot is dropped."""
        now = self._clock.now()
        kept: list[tuple[Row, Row]] = []
        dropped: dict[str, list[int]] = defaultdict(list)
        for row in await self._rows.owed(tenant):
            current = await self._now(row["entry"], row["used"])
            why = _moot(row, current, now)
            if why or current is None:
                dropped[why].append(row["id"])
            else:
                kept.append((row, current))
        if dropped:
            await self._ledger.write(
                *(self._rows.drop(ids, why=why, by="vigilbot", at=now) for why, ids in dropped.items())
            )
        return kept

    # -- deciding

    async def owed(self, tenant: str | None = None) -> tuple[Owed, ...]:
        """What waits for an operator's word, oldest first; also what changed a moment ago."""
        await self.find()
        return tuple(_owed(row, current) for row, current in await self._settle(tenant))

    async def confirm(self, *, by: str, tenant: str | None = None, through: int | None = None) -> int:
        """They go out, one message a thread; returns how many messages. ``through``: the last one shown."""
        now = self._clock.now()
        kept = [row for row, _ in await self._settle(tenant) if through is None or row["id"] <= through]
        posts = _by_thread(kept)
        statements: list[Statement] = []
        for rows in posts:
            numbers = [row["id"] for row in rows]
            statements.append(self._rows.decide(numbers, post=f"correction:{numbers[0]}", by=by, at=now))
            statements += [Runs.outdate(row["answer"], at=now) for row in rows]
            statements += [_audited(row, by, "post correction", now) for row in rows]
        await self._ledger.write(*statements)
        return len(posts)

    async def dismiss(self, *, by: str, tenant: str | None = None) -> int:
        """Nothing is said about them; returns how many."""
        now = self._clock.now()
        kept = [row for row, _ in await self._settle(tenant)]
        if kept:
            ids = [row["id"] for row in kept]
            await self._ledger.write(
                self._rows.drop(ids, why="an operator decided against it", by=by, at=now),
                *(_audited(row, by, "drop correction", now) for row in kept),
            )
        return len(kept)

    # -- posting

    async def _post_due(self) -> int:
        rows = await self._rows.due(now=self._clock.now())
        done = 0
        for post, group in groupby(rows, key=lambda row: str(row["post"])):
            parts = list(group)
            try:
                await self._post(post, parts)
            except LedgerError:
                raise
            except PlatformError as error:
                log.warning("%s was not posted: %s", post, error)
                tries = parts[0]["attempts"] + 1
                over = isinstance(error, PlatformRefused) or tries >= TRIES
                wait = min(timedelta(seconds=2**tries), LONGEST_WAIT)
                again = None if over else self._clock.now() + wait
                await self._ledger.write(self._rows.failed(post, error=str(error), again=again))
            done += 1
        return done

    async def _post(self, post: str, rows: Sequence[Row]) -> None:
        """The message, then the mark; the key makes it one message, whatever comes between."""
        first = rows[0]
        channel = await self._ledger.chats.channel(first["tenant"], first["channel"])
        lines: list[str] = []
        for _, of_one in groupby(rows, key=lambda row: str(row["answer"])):
            lines.append(await self._words(list(of_one), channel))
        ts = await self._platform.notify(
            tenant=first["tenant"],
            channel=first["channel"],
            thread=first["thread"],
            notice=Notice(text="\n\n".join(lines)),
            key=post,
            since=optional_moment(first["decided_at"]),
        )
        await self._ledger.write(self._rows.sent(post, ts=ts))

    async def _words(self, rows: Sequence[Row], channel: Row | None) -> str:
        """What is said of one card, as far as its channel may read it."""
        about = f"**Correction** to my answer about “{shorten(rows[0]['question'], 200)}”: "
        entries = [await self._knowledge.get(row["entry"]) for row in rows]
        known = [e for e in entries if e is not None and await self._same_space(e, channel)]
        if len(known) < len(entries):
            return about + "what it rested on has been taken back since. Please do not rely on it."
        told = [await self._told(entry, channel) for entry in known]
        return about + "what it rested on says something else now.\n" + "\n".join(f"> {t}" for t in told)

    async def _same_space(self, entry: KnowledgeEntry, channel: Row | None) -> bool:
        """Still where the card got it from: what has moved to a narrower space is told nowhere else."""
        before = await self._ledger.fetch(
            "SELECT DISTINCT space FROM knowledge WHERE entry = :entry", entry=entry.id
        )
        return channel is not None and len(before) == 1

    async def _told(self, entry: KnowledgeEntry, channel: Row | None) -> str:
        told = await self._delivery.showing.told(
            entry.answer, entry.citations, {entry.id: entry.revision}, channel=channel
        )
        links = " ".join(c.url for c in told.citations if c.url and c.url not in told.text)
        return shorten(f"{told.text} {links}".strip(), 2000)


def corrections_of(bot: Bot, *, platform: Platform, clock: Clock) -> Corrections:
    """Those of one bot."""
    return Corrections(
        ledger=bot.ledger, knowledge=bot.knowledge, delivery=bot.delivery, platform=platform, clock=clock
    )


def _moot(row: Row, current: Row | None, now: datetime) -> str:
    """Why a correction is not owed any more; "" when it is."""
    if current is None:
        return "the entry says the same again"
    if current["revision"] != row["revision"]:
        return "the entry was changed once more"
    closed = optional_moment(row["closed_at"])
    if row["oncall_state"] == OnCallState.CLOSED and (closed is None or now - closed > CLOSED):
        return "the on-call ended too long ago"
    return ""


def _by_thread(rows: Iterable[Row]) -> list[list[Row]]:
    posts: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        posts[row["tenant"], row["channel"], row["thread"]].append(row)
    return list(posts.values())


def _owed(row: Row, current: Row) -> Owed:
    return Owed(
        id=row["id"],
        entry=row["entry"],
        revision=row["revision"],
        channel=row["channel"],
        channel_name=row["channel_name"],
        oncall=row["oncall"],
        thread=row["thread"],
        question=row["question"],
        open=row["oncall_state"] != OnCallState.CLOSED,
        now="" if current["retracted"] else current["answer"],
        found_at=moment(row["found_at"]),
    )


def _audited(row: Row, by: str, action: str, at: datetime) -> Statement:
    detail = pack({"oncall": row["oncall"], "entry": f"{row['entry']}@{row['revision']}"})
    return audit(tenant=row["tenant"], at=at, actor=by, action=action, subject=row["answer"], detail=detail)
