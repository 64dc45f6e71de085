"""A Lark chat's past, read with the app's permissions: an export as Slack's own files give one.

Pages are kept in a folder as they come, and a reading that was broken off goes on after the last message
it has: Lark's own page tokens run out. The folder holds what people wrote.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from vigilbot.domain import Event
from vigilbot.errors import BadInput, PlatformError
from vigilbot.platforms.export_files import ExportChannel
from vigilbot.platforms.kept_pages import AGAIN, FRESH, TRIES, Phase, check_days, loaded, save
from vigilbot.platforms.lark_calls import is_command
from vigilbot.platforms.lark_client import GONE, NO_SCOPE, NOT_IN_CHAT, LarkClient, LarkRefusal
from vigilbot.platforms.lark_events import LarkMe, event_in_history, moment_of, stamp_of
from vigilbot.platforms.lark_identity import who_am_i
from vigilbot.platforms.lark_people import LarkPeople
from vigilbot.platforms.payloads import list_in, text_in
from vigilbot.platforms.replay import Export, export_of
from vigilbot.ports import Clock

Record = Mapping[str, Any]
T = TypeVar("T")

_PAGE: Final = 50
_CHATS: Final = 100
_LISTED: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LarkReading:
    """How a history is read. ``folder`` keeps the pages, ``clock`` says which days are the last."""

    client: LarkClient
    clock: Clock
    folder: Path
    phase: Phase
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


async def read_lark_history(
    reading: LarkReading, *, chats: Sequence[str], days: int, limit: int | None = None
) -> Export:
    """The last ``days`` of ``chats`` (names or ids) the bot is in; ``limit`` is that of `read_export`.

    What the bot itself wrote and what was said to it as a command is left out. Topics come whole if they
    began within the days. Raises BadInput, with place and remedy.
    """
    check_days(days)
    reader = _Reader(reading)
    me = await reader.tried(lambda: who_am_i(reading.client), place="lark:")
    people = LarkPeople(client=reading.client, clock=reading.clock, problems={})
    people.me = me
    found: dict[str, Event] = {}
    skipped: Counter[str] = Counter()
    warnings: list[str] = []
    chosen: list[ExportChannel] = []
    for record in await reader.chats(chats):
        chat, name = text_in(record, "chat_id"), text_in(record, "name") or text_in(record, "chat_id")
        pages = _Pages(reading.folder / me.tenant / f"{chat}-{days}d", now=reading.clock.now(), days=days)
        if pages.done:
            warnings.append(f"{name} as it was read on {pages.latest:%Y-%m-%d %H:%M} UTC, not again")
        else:
            await reader.chat(chat, name, pages)
        events = [event for item in pages.items() if (event := _event(item, me, skipped)) is not None]
        for event in await reader.completed(events, people):
            found.setdefault(event.natural_key, event)
        known = await people.chat(chat)
        chosen.append(
            ExportChannel(
                id=chat,
                name=name,
                folder=name,
                private=known is None or known.private,
                external=known is None or known.external,
            )
        )
    return export_of(
        sorted(found.values(), key=lambda event: (event.at, event.channel, event.ts)),
        skipped,
        name="lark:" + ",".join(channel.name for channel in chosen),
        tenant=me.tenant,
        known=chosen,
        chosen=chosen,
        limit=limit,
        warnings=warnings,
        remedy="Read more --days, or another chat",
    )


def _event(item: Record, me: LarkMe, skipped: Counter[str]) -> Event | None:
    event = event_in_history(item, me)
    if event is None:
        skipped["not a message of somebody else"] += 1
    elif is_command(event):
        skipped["said to the bot"] += 1
    else:
        return replace(event, key=f"replay:{event.natural_key}")
    return None


class _Reader:
    def __init__(self, reading: LarkReading) -> None:
        self._client = reading.client
        self._phase = reading.phase
        self._pause = reading.pause

    async def chats(self, asked: Sequence[str]) -> list[Record]:
        """The chats by name or id, each once. The bot must be in them."""
        joined = [record async for record in self._all("/im/v1/chats", place="lark:", page_size=_CHATS)]
        found: dict[str, Record] = {}
        for name in asked:
            wanted = name.strip().casefold()
            known = [c for c in joined if wanted in (text_in(c, "chat_id").casefold(), _name(c).casefold())]
            if not known:
                inside = ", ".join(sorted(_name(c) for c in joined)[:_LISTED])
                raise BadInput(
                    f"the bot is in no chat {name}",
                    place=f"lark:{name}",
                    remedy="Add it in the group's settings, Bots" + (f", or take {inside}" if inside else ""),
                )
            found |= {text_in(c, "chat_id"): c for c in known}
        return list(found.values())

    async def chat(self, chat: str, name: str, pages: _Pages) -> None:
        """Reads what is not there yet into ``pages``."""
        place = {"container_id_type": "chat", "container_id": chat, "sort_type": "ByCreateTimeAsc"}
        where = f"lark:{name}"
        with self._phase(f"Reading {name}, days", pages.days) as step:
            step(shown := pages.days_read())
            token = ""
            while not pages.whole:
                span = {"start_time": pages.start, "end_time": str(int(pages.latest.timestamp()) + 1)}
                answer = await self._read(
                    "/im/v1/messages", place=where, page_size=_PAGE, page_token=token, **place, **span
                )
                token = text_in(answer, "page_token")
                pages.add(list_in(answer, "items"), more=answer.get("has_more") is True and bool(token))
                step(pages.days_read() - shown)
                shown = pages.days_read()
        missing = pages.topics_missing()
        with self._phase(f"Reading {name}, topics", len(missing)) as step:
            for topic in missing:
                pages.add_topic(topic, await self._topic(topic, where))
                step(1)
        pages.finish()

    async def _topic(self, topic: str, where: str) -> list[Record]:
        place = {"container_id_type": "thread", "container_id": topic}
        try:
            replies = self._all("/im/v1/messages", place=where, page_size=_PAGE, **place)
            return [item async for item in replies]
        except BadInput as error:
            if isinstance(error.__cause__, LarkRefusal) and error.__cause__.code in GONE:
                return []  # taken down since its first message was read
            raise

    async def completed(self, events: Sequence[Event], people: LarkPeople) -> list[Event]:
        """With who wrote them and where, as the bot would have been told."""
        found: list[Event] = []
        with self._phase("Reading who they are", len(events)) as step:
            for event in events:
                found.append(await self.tried(partial(people.completed, event), place="lark:"))
                step(1)
        return found

    async def _all(self, path: str, *, place: str, **params: Any) -> AsyncIterator[Record]:
        token = ""
        while True:
            answer = await self._read(path, place=place, page_token=token, **params)
            for item in list_in(answer, "items"):
                if isinstance(item, Mapping):
                    yield item
            token = text_in(answer, "page_token")
            if answer.get("has_more") is not True or not token:
                return

    async def _read(self, path: str, *, place: str, **params: Any) -> Mapping[str, Any]:
        return await self.tried(lambda: self._client.read(path, **params), place=place)

    async def tried(self, ask: Callable[[], Awaitable[T]], *, place: str) -> T:
        """What may pass is waited for and tried again; else BadInput says what to do."""
        for left in range(TRIES - 1, -1, -1):
            try:
                return await ask()
            except LarkRefusal as error:
                raise _refused(error, place) from error
            except PlatformError as error:
                if not left:
                    raise BadInput(str(error), place=place, remedy=AGAIN) from error
                await self._pause(error.retry_after or 1.0)
        raise AssertionError  # the last round returns or raises


class _Pages:
    """What was read of one chat. The files are the state: pages oldest first, a file a topic."""

    def __init__(self, folder: Path, *, now: datetime, days: int) -> None:
        """What is in the folder; nothing when that was finished more than a day ago."""
        self._folder = folder
        self.days = days
        about = loaded(folder / "about.json")
        latest = moment_of(about.get("latest"))
        if latest is None or (about.get("done") and now - latest > FRESH):
            for path in folder.glob("*.json"):
                path.unlink()
            latest, about = now, {"latest": stamp_of(now), "done": False}
            save(folder / "about.json", about)
        self.latest = latest
        self.done = bool(about.get("done"))
        self._pages: list[Mapping[str, Any]] = []
        while "items" in (page := loaded(self._page(len(self._pages)))):
            self._pages.append(page)
        self.start = str(int(self._reached().timestamp()))  # messages of that second come twice

    @property
    def whole(self) -> bool:
        return bool(self._pages) and not self._pages[-1].get("more")

    def days_read(self) -> int:
        reached = self.latest if self.whole else self._reached()
        return min(self.days, (reached - self._oldest).days)

    def add(self, items: Sequence[object], *, more: bool) -> None:
        page = {"items": items, "more": more}
        save(self._page(len(self._pages)), page)
        self._pages.append(page)

    def topics_missing(self) -> list[str]:
        named = dict.fromkeys(text_in(item, "thread_id") for item in self._listed())
        return [topic for topic in named if topic and "items" not in loaded(self._topic(topic))]

    def add_topic(self, topic: str, items: Sequence[object]) -> None:
        save(self._topic(topic), {"items": items})

    def finish(self) -> None:
        save(self._folder / "about.json", {"latest": stamp_of(self.latest), "done": True})
        self.done = True

    def items(self) -> Iterator[Record]:
        """Every message once, up to the time the reading began."""
        seen: set[str] = set()
        topics = (loaded(path) for path in sorted(self._folder.glob("topic-*.json")))
        for item in (*self._listed(), *(i for page in topics for i in list_in(page, "items"))):
            at = moment_of(item.get("create_time")) if isinstance(item, Mapping) else None
            if at is None or at > self.latest or (name := text_in(item, "message_id")) in seen:
                continue
            seen.add(name)
            yield item

    def _listed(self) -> Iterator[Record]:
        for page in self._pages:
            yield from (item for item in list_in(page, "items") if isinstance(item, Mapping))

    @property
    def _oldest(self) -> datetime:
        return self.latest - timedelta(days=self.days)

    def _reached(self) -> datetime:
        times = [at for item in self._listed() if (at := moment_of(item.get("create_time")))]
        return max(times, default=self._oldest)

    def _page(self, number: int) -> Path:
        return self._folder / f"history-{number:05}.json"

    def _topic(self, topic: str) -> Path:
        """Ids of topics are letters, digits and _; whatever else comes must not leave the folder."""
        return self._folder / f"topic-{''.join(c for c in topic if c.isalnum() or c == '_')[:100]}.json"


def _name(chat: Record) -> str:
    return text_in(chat, "name") or text_in(chat, "chat_id")


def _refused(error: LarkRefusal, place: str) -> BadInput:
    if error.code in NOT_IN_CHAT:
        return BadInput(
            "the bot is no member of the chat", place=place, remedy="Add it in the group's settings"
        )
    if error.code in NO_SCOPE:
        return BadInput(
            f"the app lacks the permission {error.needed or 'for that'}",
            place=place,
            remedy="Grant it on the app's page and publish a version (config/lark.md names all)",
        )
    return BadInput(str(error), place=place, remedy=AGAIN)
