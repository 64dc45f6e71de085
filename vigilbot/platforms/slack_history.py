"""A Slack channel's past, read with the bot's token: the same export that Slack's own files give.

Pages are kept in a folder as they come, so that a reading that was broken off goes on where it was: in
a large channel, or at one page a minute, it takes hours. The folder holds what people wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from vigilbot.errors import BadInput, PlatformError
from vigilbot.platforms.export_files import ExportChannel
from vigilbot.platforms.kept_pages import AGAIN, FRESH, TRIES, Phase, check_days, loaded, save
from vigilbot.platforms.replay import Export, events_of, export_of
from vigilbot.platforms.slack_client import BAD_TOKEN, NOT_A_MEMBER, SlackClient, SlackRefusal
from vigilbot.platforms.slack_records import parse_ts, people_of, workspace_of

Record = dict[str, Any]

_PAGE: Final = 200
_LISTED: Final = 20
_HIDDEN: Final = frozenset({"user_not_found", "user_not_visible"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bot:
    team: str
    user: str
    bot: str


async def read_history(
    client: SlackClient,
    *,
    channels: Sequence[str],
    days: int,
    now: datetime,
    folder: Path,
    phase: Phase,
    limit: int | None = None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Export:
    """The last ``days`` of ``channels`` (names, with or without #, or ids), of an open ``client``.

    ``folder`` keeps the pages; ``limit`` is that of `read_export`. What the bot itself wrote is left
    out. Threads come whole if they began within the days. Raises BadInput, with place and remedy.
    """
    check_days(days)
    reader = _Reader(client, phase=phase, pause=pause, now=now)
    bot = await reader.bot()
    base = folder / bot.team
    chosen = [_channel(record) for record in await reader.channels(channels)]
    kept = [
        await reader.channel(channel, base / f"{channel.id}-{days}d", days=days, name=channel.name)
        for channel in chosen
    ]
    known = await reader.people(base / "people.json", kept)
    people = people_of(known)
    workspace = replace(workspace_of(people, chosen), tenant=bot.team)
    records = (
        (channel, record)
        for channel, pages in zip(chosen, kept, strict=True)
        for record in pages.records()
        if record.get("user") != bot.user and not (bot.bot and record.get("bot_id") == bot.bot)
    )
    return export_of(
        *events_of(records, workspace),
        name="slack:" + ",".join(f"#{channel.name}" for channel in chosen),
        tenant=bot.team,
        known=chosen,
        chosen=chosen,
        limit=limit,
        warnings=[warning for pages in kept for warning in pages.warnings],
        remedy="Read more --days, or another channel",
    )


class _Reader:
    def __init__(
        self, client: SlackClient, *, phase: Phase, pause: Callable[[float], Awaitable[None]], now: datetime
    ) -> None:
        self._client = client
        self._phase = phase
        self._pause = pause
        self._now = now

    async def bot(self) -> _Bot:
        found = await self._read("auth.test", place="SLACK_BOT_TOKEN")
        return _Bot(
            team=str(found.get("team_id", "")),
            user=str(found.get("user_id", "")),
            bot=str(found.get("bot_id", "")),
        )

    async def channels(self, asked: Sequence[str]) -> list[Record]:
        """The channels by name or id, each once. The bot must be in them."""
        joined: list[Record] | None = None
        found: dict[str, Record] = {}
        for name in asked:
            if joined is None:
                joined = await self._joined()
            wanted = name.removeprefix("#").casefold()
            known = [c for c in joined if wanted in (_text(c, "id").casefold(), _text(c, "name").casefold())]
            if not known:
                inside = ", ".join(sorted("#" + _text(c, "name") for c in joined)[:_LISTED])
                raise BadInput(
                    f"the bot is in no channel #{name.removeprefix('#')}",
                    place=f"slack:{name}",
                    remedy="Invite it there with /invite" + (f", or take {inside}" if inside else ""),
                )
            found |= {_text(c, "id"): c for c in known}
        return list(found.values())

    async def _joined(self) -> list[Record]:
        try:
            return await self._all(
                "users.conversations", "channels", types="public_channel,private_channel", place="slack:"
            )
        except BadInput as error:
            cause = error.__cause__
            if not isinstance(cause, SlackRefusal) or cause.code != "missing_scope":
                raise
            return await self._all("users.conversations", "channels", types="public_channel", place="slack:")

    async def people(self, path: Path, kept: Sequence[_Pages]) -> list[Record]:
        """The members of the workspace, and whoever else wrote."""
        saved = loaded(path)
        at = parse_ts(saved.get("at"))
        people = [p for p in _list(saved, "people") if isinstance(p, dict)]
        if at is None or self._now - at[1] > FRESH or not people:
            people = await self._all("users.list", "members", place="slack:")
        known = {_text(person, "id") for person in people}
        wrote = dict.fromkeys(_text(record, "user") for pages in kept for record in pages.records())
        strangers = [user for user in wrote if user and user not in known]
        with self._phase("Reading who they are", len(strangers)) as step:
            for user in strangers:
                people.append(await self._person(user))
                step(1)
        save(path, {"at": f"{self._now.timestamp():.6f}", "people": people})
        return people

    async def _person(self, user: str) -> Record:
        try:
            found = (await self._read("users.info", place="slack:", user=user)).get("user")
        except BadInput as error:
            if not isinstance(error.__cause__, SlackRefusal) or error.__cause__.code not in _HIDDEN:
                raise
            found = None
        return found if isinstance(found, dict) else {"id": user, "is_stranger": True}

    async def channel(self, channel: ExportChannel, folder: Path, *, days: int, name: str) -> _Pages:
        pages = _Pages.at(folder, now=self._now, days=days)
        if pages.done:
            pages.warnings.append(f"#{name} as it was read on {pages.latest:%Y-%m-%d %H:%M} UTC, not again")
            return pages
        with self._phase(f"Reading #{name}, days", days) as step:
            step(shown := pages.days_read())
            while not pages.whole:
                answer = await self._read(
                    "conversations.history",
                    place=f"slack:#{name}",
                    channel=channel.id,
                    oldest=_ts(pages.oldest),
                    latest=pages.next_latest(),
                )
                pages.add(_list(answer, "messages"), more=bool(answer.get("has_more")))
                step(pages.days_read() - shown)
                shown = pages.days_read()
        threads = pages.threads_missing()
        with self._phase(f"Reading #{name}, threads", len(threads)) as step:
            for thread in threads:
                pages.add_thread(thread, await self._thread(channel, thread, name=name))
                step(1)
        pages.finish()
        return pages

    async def _thread(self, channel: ExportChannel, thread: str, *, name: str) -> list[Record]:
        try:
            return await self._all(
                "conversations.replies", "messages", place=f"slack:#{name}", channel=channel.id, ts=thread
            )
        except BadInput as error:
            if isinstance(error.__cause__, SlackRefusal) and error.__cause__.code == "thread_not_found":
                return []  # deleted since its first message was read
            raise

    async def _all(self, method: str, key: str, *, place: str, **params: Any) -> list[Record]:
        found: list[Record] = []
        cursor = ""
        while True:
            answer = await self._read(method, place=place, cursor=cursor, **params)
            found += [item for item in _list(answer, key) if isinstance(item, dict)]
            metadata = answer.get("response_metadata")
            cursor = _text(metadata, "next_cursor") if isinstance(metadata, Mapping) else ""
            if not cursor:
                return found

    async def _read(self, method: str, *, place: str, **params: Any) -> Mapping[str, Any]:
        """A page. What may pass is waited for and tried again; else BadInput says what to do."""
        for left in range(TRIES - 1, -1, -1):
            try:
                if method in ("conversations.history", "conversations.replies"):
                    return await self._client.history(method, **params)
                sized = {} if method in ("auth.test", "users.info") else {"limit": _PAGE}
                return await self._client.read(method, **sized, **params)
            except SlackRefusal as error:
                raise _refused(error, place) from error
            except PlatformError as error:
                if not left:
                    raise BadInput(str(error), place=place, remedy=AGAIN) from error
                await self._pause(error.retry_after or 1.0)
        raise AssertionError  # the last round returns or raises


class _Pages:
    """What was read of one channel. The files are the state: history newest first, a file a thread."""

    def __init__(self, folder: Path, *, oldest: datetime, latest: datetime, done: bool) -> None:
        self._folder = folder
        self.oldest = oldest
        self.latest = latest
        self.done = done
        self.warnings: list[str] = []
        self._pages: list[Mapping[str, Any]] = []
        while (path := self._page(len(self._pages))).is_file():
            page = loaded(path)
            if "messages" not in page:
                break
            self._pages.append(page)

    @classmethod
    def at(cls, folder: Path, *, now: datetime, days: int) -> _Pages:
        """What is in the folder; nothing when that was finished more than a day ago."""
        about = loaded(folder / "about.json")
        oldest, latest = parse_ts(about.get("oldest")), parse_ts(about.get("latest"))
        if oldest and latest and not (about.get("done") and now - latest[1] > FRESH):
            return cls(folder, oldest=oldest[1], latest=latest[1], done=bool(about.get("done")))
        for path in folder.glob("*.json"):
            path.unlink()
        begun = {"oldest": _ts(now - timedelta(days=days)), "latest": _ts(now), "done": False}
        save(folder / "about.json", begun)
        return cls(folder, oldest=now - timedelta(days=days), latest=now, done=False)

    @property
    def whole(self) -> bool:
        return bool(self._pages) and not self._pages[-1].get("more")

    def next_latest(self) -> str:
        """From where on the next page goes back. Cursors of Slack's own run out, times do not."""
        for page in reversed(self._pages):
            if found := [at for message in _list(page, "messages") if (at := _when(message))]:
                return min(found)[1]
        return _ts(self.latest)

    def days_read(self) -> int:
        at = parse_ts(self.next_latest())
        reached = self.oldest if self.whole or at is None else max(self.oldest, at[1])
        return (self.latest - reached).days

    def add(self, messages: Sequence[object], *, more: bool) -> None:
        # Without a time further back the next page would be this one again.
        page = {"messages": messages, "more": more and any(map(_when, messages))}
        save(self._page(len(self._pages)), page)
        self._pages.append(page)

    def threads_missing(self) -> list[str]:
        roots = (m for page in self._pages for m in _list(page, "messages") if isinstance(m, dict))
        begun = dict.fromkeys(_text(m, "ts") for m in roots if m.get("reply_count") and _when(m))
        return [ts for ts in begun if "messages" not in loaded(self._thread(ts))]

    def add_thread(self, thread: str, messages: Sequence[object]) -> None:
        save(self._thread(thread), {"messages": messages})

    def finish(self) -> None:
        about = {"oldest": _ts(self.oldest), "latest": _ts(self.latest), "done": True}
        save(self._folder / "about.json", about)
        self.done = True

    def records(self) -> Iterator[Record]:
        """Every message once, up to the time the reading began."""
        seen: set[str] = set()
        threads = (loaded(path) for path in sorted(self._folder.glob("thread-*.json")))
        for page in (*self._pages, *threads):
            for message in _list(page, "messages"):
                at = _when(message)
                if at and at[1] not in seen and at[0] <= self.latest:
                    seen.add(at[1])
                    yield message

    def _page(self, number: int) -> Path:
        return self._folder / f"history-{number:05}.json"

    def _thread(self, ts: str) -> Path:
        return self._folder / f"thread-{ts}.json"


def _channel(record: Record) -> ExportChannel:
    name = _text(record, "name") or _text(record, "id")
    return ExportChannel(
        id=_text(record, "id"),
        name=name,
        folder=name,
        private=record.get("is_private") is True,
        external=record.get("is_ext_shared") is True,
    )


def _refused(error: SlackRefusal, place: str) -> BadInput:
    if error.code in BAD_TOKEN:
        return BadInput(
            f"Slack refuses the token ({error.code})",
            place="SLACK_BOT_TOKEN",
            remedy="Give the app's Bot User OAuth Token, which begins with xoxb-",
        )
    if error.code in NOT_A_MEMBER:
        return BadInput("the bot is no member of the channel", place=place, remedy="Invite it with /invite")
    if error.code == "missing_scope":
        return BadInput(
            f"the app lacks the scope {error.needed or 'for that'}",
            place=place,
            remedy="Add it to the app (vigilbot manifest prints what is needed), then install the app again",
        )
    return BadInput(str(error), place=place, remedy=AGAIN)


def _when(message: object) -> tuple[datetime, str] | None:
    found = parse_ts(message.get("ts")) if isinstance(message, dict) else None
    return (found[1], found[0]) if found else None


def _ts(at: datetime) -> str:
    return f"{at.timestamp():.6f}"


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _list(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []
