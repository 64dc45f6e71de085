"""A chat export as a platform: what people wrote comes in time order, cards go into memory.

Reads what Slack calls a standard export, and exports of everything a workspace holds: users.json,
channels.json, groups.json, dms.json, mpims.json, a folder a channel with a file a day.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from vigilbot.cards import Card, Notice
from vigilbot.domain import Event, EventKind
from vigilbot.errors import BadExport, PlatformError
from vigilbot.platforms.export_files import (
    CHANNEL_FILES,
    USER_FILES,
    ExportChannel,
    ExportFiles,
    Limits,
    load_list,
    open_export,
)
from vigilbot.platforms.payloads import Skipped
from vigilbot.platforms.slack_records import (
    Workspace,
    channels_of,
    event_of,
    people_of,
    workspace_of,
)
from vigilbot.ports import Clock

_DAY: Final = re.compile(r"([^/]+)/\d{4}-\d{2}-\d{2}\.json")
_LISTED: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportStats:
    """What is in the events of an export, and what was left out of it and why.

    ``messages`` counts everything posted, bots included. ``conversations`` counts threads with at
    least one message of a human; a message without replies is a thread of one.
    """

    messages: int
    conversations: int
    members_joined: int
    skipped: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """An export in memory.

    ``events`` are in time order over all channels (ties by channel, then ts). ``channels`` are all
    the export lists, ``chosen`` the ids of those that were read; ``threads`` are all (channel id,
    thread) read from them, also those beyond ``limit``.
    """

    name: str
    tenant: str
    channels: tuple[ExportChannel, ...]
    chosen: frozenset[str]
    events: tuple[Event, ...]
    threads: frozenset[tuple[str, str]]
    stats: ExportStats
    warnings: tuple[str, ...]


def read_export(
    path: Path, *, channels: Sequence[str] = (), limit: int | None = None, limits: Limits | None = None
) -> Export:
    """The export at ``path``, a zip or a folder. Raises BadExport.

    ``channels`` are names (with or without #) or ids; none means all. ``limit`` keeps the first so
    many conversations (threads with a human in them), over all chosen channels, in the order of
    their first messages, each with all its messages; what people write outside of them is left out.
    """
    if limit is not None and limit < 1:
        raise BadExport(f"--limit {limit}", remedy="Give the number of conversations to replay, 1 or more")
    files = open_export(path, limits=limits)
    try:
        names = files.names()
        known, warnings = _channels(files, names)
        workspace = workspace_of(people_of(_users(files, names)), known)
        chosen = _choose(known, channels, files.label)
        return export_of(
            *events_of(_records(files, names, chosen), workspace),
            name=files.label,
            tenant=workspace.tenant,
            known=known,
            chosen=chosen,
            limit=limit,
            warnings=warnings,
            remedy="Export a longer time range" + (" or choose another channel" if channels else ""),
        )
    finally:
        files.close()


def export_of(
    events: Sequence[Event],
    skipped: Mapping[str, int],
    *,
    name: str,
    tenant: str,
    known: Sequence[ExportChannel],
    chosen: Sequence[ExportChannel],
    limit: int | None = None,
    warnings: Sequence[str] = (),
    remedy: str = "",
) -> Export:
    """The export that events in time order make, wherever they come from; ``limit`` as in `read_export`.

    ``skipped`` counts what was left out, by reason. Raises BadExport, with ``remedy``, where nothing was
    said.
    """
    if not any(e.kind is EventKind.POSTED for e in events):
        inside = ", ".join("#" + c.name for c in chosen[:_LISTED]) if len(chosen) < len(known) else ""
        left = ", ".join(f"{n} {reason}" for reason, n in sorted(skipped.items()))
        raise BadExport(
            "0 messages" + (f" in {inside}" if inside else "") + (f" (left out: {left})" if left else ""),
            place=name,
            remedy=remedy,
        )
    threads = frozenset((e.channel, e.thread) for e in events if e.kind is EventKind.POSTED)
    if limit is not None:
        events = _first(events, limit)
    stats = ExportStats(
        messages=sum(e.kind is EventKind.POSTED for e in events),
        conversations=len(_conversations(events)),
        members_joined=sum(e.kind is EventKind.MEMBER_JOINED for e in events),
        skipped=dict(sorted(skipped.items())),
    )
    return Export(
        name=name,
        tenant=tenant,
        channels=tuple(known),
        chosen=frozenset(c.id for c in chosen),
        events=tuple(events),
        threads=threads,
        stats=stats,
        warnings=tuple(warnings),
    )


def _users(files: ExportFiles, names: Sequence[str]) -> list[object]:
    for name in USER_FILES:
        if name in names:
            return load_list(files, name, of="people")
    raise BadExport(
        "no users.json",
        place=files.label,
        remedy="Take it from the same export; if it is lost, put a file users.json with [] beside "
        "channels.json: names then stay ids and no role can be told from a title",
    )


def _channels(files: ExportFiles, names: Sequence[str]) -> tuple[list[ExportChannel], list[str]]:
    """Listed channels with the folder each really has, and folders nobody lists (taken as private)."""
    folders = {_folded(match[1]): match[1] for name in names if (match := _DAY.fullmatch(name))}
    listed = [name for name in CHANNEL_FILES if name in names]
    if not listed and not folders:
        raise BadExport(
            "no channels and no messages", place=files.label, remedy="Give a Slack export with messages"
        )
    known: dict[str, ExportChannel] = {}
    for name in listed:
        for channel in channels_of(load_list(files, name, of="channels"), private=name != "channels.json"):
            folder = folders.get(_folded(channel.folder)) or folders.get(_folded(channel.id), channel.folder)
            known.setdefault(channel.id, replace(channel, folder=folder))
    taken = {channel.folder for channel in known.values()}
    warnings: list[str] = []
    for folder in sorted(set(folders.values()) - taken):
        known.setdefault(folder, ExportChannel(id=folder, name=folder, folder=folder, private=True))
        warnings.append(f"the folder {folder} is in no list of channels: taken as a private channel")
    return list(known.values()), warnings


def _choose(known: Sequence[ExportChannel], asked: Sequence[str], label: str) -> list[ExportChannel]:
    if not asked:
        return list(known)
    chosen: dict[str, ExportChannel] = {}
    for name in asked:
        wanted = _folded(name.removeprefix("#"))
        found = [c for c in known if wanted in (_folded(c.name), _folded(c.id))]
        if not found:
            listed = ", ".join(sorted(c.name for c in known)[:_LISTED])
            more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
            raise BadExport(f"no channel {name!r}", place=label, remedy=f"It has {listed}{more}")
        chosen |= {c.id: c for c in found}
    return list(chosen.values())


def _records(
    files: ExportFiles, names: Iterable[str], chosen: Sequence[ExportChannel]
) -> Iterator[tuple[ExportChannel, object]]:
    by_folder = {channel.folder: channel for channel in chosen}
    for name in sorted(names):
        match = _DAY.fullmatch(name)
        channel = by_folder.get(match[1]) if match else None
        if channel is not None:
            yield from ((channel, record) for record in load_list(files, name, of="messages"))


def events_of(
    records: Iterable[tuple[ExportChannel, object]], workspace: Workspace
) -> tuple[list[Event], Counter[str]]:
    """All events in time order; the same happening twice counts once."""
    found: dict[str, Event] = {}
    skipped: Counter[str] = Counter()
    for channel, record in records:
        event = event_of(record, channel, workspace)
        if isinstance(event, Skipped):
            skipped[event.reason] += 1
        elif event.natural_key in found:
            skipped["repeated"] += 1
        else:
            found[event.natural_key] = event
    return sorted(found.values(), key=lambda e: (e.at, e.channel, e.ts)), skipped


def _conversations(events: Iterable[Event]) -> list[tuple[str, str]]:
    """Threads with a human in them, in the order of each thread's first message of a human."""
    said = (e for e in events if e.kind is EventKind.POSTED and not e.is_bot)
    return list(dict.fromkeys((e.channel, e.thread) for e in said))


def _first(events: Sequence[Event], limit: int) -> list[Event]:
    kept = frozenset(_conversations(events)[:limit])
    last = max(e.at for e in events if (e.channel, e.thread) in kept)
    return [
        e
        for e in events
        if (e.channel, e.thread) in kept or (e.kind is EventKind.MEMBER_JOINED and e.at <= last)
    ]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedCard:
    """A card as it stands in the replayed channel. ``key`` is the delivery's idempotency key."""

    tenant: str
    channel: str
    thread: str
    ts: str
    card: Card
    key: str
    at: datetime
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedNotice:
    """A notice as it stands; ``reader`` is "" for everybody."""

    tenant: str
    channel: str
    thread: str
    ts: str
    notice: Notice
    key: str
    at: datetime
    reader: str = ""


class ReplayPlatform:
    """A platform nobody sees: cards are kept and can be read back.

    A card gets the clock's time as its ts, moved on by microseconds until neither a message in
    ``events`` nor another card has it.
    """

    def __init__(self, *, clock: Clock, events: Iterable[Event] = ()) -> None:
        self._clock = clock
        self._taken = {(e.channel, e.ts) for e in events}
        self._cards: dict[tuple[str, str], PostedCard] = {}
        self._notices: dict[tuple[str, str], PostedNotice] = {}
        self._by_key: dict[str, str] = {}

    @property
    def notices(self) -> list[PostedNotice]:
        """All notices in the order they were posted, each as it stands now."""
        return list(self._notices.values())

    @property
    def posted(self) -> list[PostedCard]:
        """All cards in the order they were posted, each as it stands now."""
        return list(self._cards.values())

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
        if key in self._by_key:
            return self._by_key[key]
        now = self._clock.now()
        ts = self._free(channel, now)
        self._cards[channel, ts] = PostedCard(
            tenant=tenant,
            channel=channel,
            thread=thread,
            ts=ts,
            card=card,
            key=key,
            at=now,
            readers=tuple(readers),
        )
        self._by_key[key] = ts
        return ts

    async def update(self, *, tenant: str, channel: str, ts: str, card: Card) -> None:
        posted = self._cards.get((channel, ts))
        if posted is None or posted.tenant != tenant:
            raise PlatformError(f"no card {ts} in {channel}")
        self._cards[channel, ts] = replace(posted, card=card)

    async def remove(self, *, tenant: str, channel: str, ts: str) -> None:
        self._cards.pop((channel, ts), None)

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
        if key in self._by_key:
            return self._by_key[key]
        now = self._clock.now()
        ts = self._free(channel, now)
        self._notices[channel, ts] = PostedNotice(
            tenant=tenant,
            channel=channel,
            thread=thread,
            ts=ts,
            notice=notice,
            key=key,
            at=now,
            reader=reader,
        )
        self._by_key[key] = ts
        return ts

    async def amend(self, *, tenant: str, channel: str, ts: str, notice: Notice) -> None:
        posted = self._notices.get((channel, ts))
        if posted is None or posted.tenant != tenant:
            raise PlatformError(f"no notice {ts} in {channel}")
        self._notices[channel, ts] = replace(posted, notice=notice)

    async def link(self, *, tenant: str, channel: str, ts: str) -> str:
        return ""

    def _free(self, channel: str, now: datetime) -> str:
        micros = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        while (channel, ts := f"{micros // 10**6}.{micros % 10**6:06d}") in self._taken:
            micros += 1
        self._taken.add((channel, ts))
        return ts
