"""Who and where, as Lark knows it: people, groups, departments and chats, remembered for a while.

A person of another tenant cannot be looked up and is a stranger; so is whoever is not known for sure.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from vigilbot.domain import Event
from vigilbot.errors import PlatformError
from vigilbot.platforms.lark_client import NO_SCOPE, LarkClient, LarkRefusal
from vigilbot.platforms.lark_content import FORWARDED, escaped
from vigilbot.platforms.lark_events import LarkMe, event_in_history
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.ports import Clock
from vigilbot.text import plain

log = logging.getLogger("vigilbot.lark")

T = TypeVar("T")

FRESH: Final = timedelta(hours=1)
REMEMBERED: Final = 20_000
DEPARTMENTS: Final = 10  # of one person


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    name: str
    title: str
    groups: tuple[str, ...]  # ids and names of groups and departments
    admin: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Chat:
    name: str
    private: bool
    external: bool
    direct: bool
    archived: bool


class _Fresh(Generic[T]):
    """Values by key, for an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[datetime, T]] = OrderedDict()

    def get(self, key: str) -> T | None:
        found = self._kept.get(key)
        return found[1] if found and self._clock.now() - found[0] < FRESH else None

    def put(self, key: str, value: T) -> T:
        self._kept[key] = (self._clock.now(), value)
        self._kept.move_to_end(key)
        while len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)
        return value

    def drop(self, key: str) -> None:
        self._kept.pop(key, None)


class LarkPeople:
    """``ports.Directory``. ``me`` must be set before the first question."""

    def __init__(self, *, client: LarkClient, clock: Clock, problems: dict[str, str]) -> None:
        self._client = client
        self._problems = problems
        self.me = LarkMe(app="", user="", tenant="")
        self._people: _Fresh[Person | str] = _Fresh(clock)  # "" for a stranger
        self._chats: _Fresh[Chat] = _Fresh(clock)
        self._group_names: _Fresh[Mapping[str, str]] = _Fresh(clock)
        self._departments: _Fresh[str] = _Fresh(clock)

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        if event.completed:
            return event
        try:
            return await self._completed(event)
        except PlatformError as error:
            if not settle:
                raise
            log.warning("%s is taken in as a stranger's in a private chat: %s", event.natural_key, error)
        return replace(
            event,
            completed=True,
            text=plain(event.text),
            user_external=True,
            channel_external=True,
            channel_private=True,
        )

    def forget_chat(self, chat: str) -> None:
        self._chats.drop(chat)

    def name(self, user: str) -> str:
        """As far as it is remembered, "" otherwise."""
        known = self._people.get(user)
        return known.name if isinstance(known, Person) else ""

    async def chat(self, chat: str) -> Chat | None:
        """None where the bot may not see it."""
        kept = self._chats.get(chat)
        if kept is not None:
            return kept
        try:
            record = await self._client.read(f"/im/v1/chats/{chat}")
        except LarkRefusal as error:
            if error.code in NO_SCOPE:
                self._problems["chats"] = f"Chats cannot be looked up, so all are private and shared: {error}"
            return None
        self._problems.pop("chats", None)
        direct = text_in(record, "chat_mode") == "p2p"
        return self._chats.put(
            chat,
            Chat(
                name=text_in(record, "name") or chat,
                private=direct or text_in(record, "chat_type") != "public",
                external=record.get("external") is True,
                direct=direct,
                archived=text_in(record, "chat_status") not in ("", "normal"),
            ),
        )

    async def _completed(self, event: Event) -> Event:
        if not event.channel:
            event = await self._placed(event)
        where = await self.chat(event.channel) if event.channel else None
        person = await self._person(event)
        text = await self._forwarded(event) if event.text == FORWARDED else event.text
        event = replace(event, completed=True, text=plain(text))
        if isinstance(person, Person):
            event = replace(
                event,
                user_name=person.name,
                user_title=person.title,
                user_groups=person.groups,
                user_admin=person.admin,
            )
        elif event.user and not event.is_bot and event.user != self.me.user:
            event = replace(event, user_external=True)
        if where is None:  # a chat that even its member may not look at: the least is assumed
            return replace(event, channel_external=True, channel_private=True)
        return replace(
            event,
            channel_name=where.name,
            channel_external=event.channel_external or where.external,
            channel_private=event.channel_private or where.private,
            channel_direct=event.channel_direct or where.direct,
            channel_archived=event.channel_archived or where.archived,
        )

    async def _placed(self, event: Event) -> Event:
        """A reaction, of which Lark says only the message: its chat and root are asked for."""
        item = await self._message(event.ts)
        thread = text_in(item, "root_id") or event.ts
        return replace(event, channel=text_in(item, "chat_id"), thread=thread)

    async def _message(self, message: str) -> Mapping[str, Any]:
        items = await self._items(message)
        return items[0] if items else {}

    async def _items(self, message: str) -> list[Mapping[str, Any]]:
        """The message, and what it holds where others were forwarded in it."""
        try:
            found = await self._client.read(f"/im/v1/messages/{message}", user_id_type="open_id")
        except LarkRefusal as error:
            log.info("the message %s cannot be read: %s", message, error)
            return []
        return [item for item in list_in(found, "items") if isinstance(item, Mapping)]

    async def _forwarded(self, event: Event) -> str:
        """What the forwarded messages say, each with its author where the name is known."""
        lines: list[str] = []
        for item in (await self._items(event.ts))[1:]:
            found = event_in_history(item, self.me)
            if found is None or not found.text:
                continue
            await self._person(found)
            name = self.name(found.user)
            lines.append(f"{escaped(name)}: {found.text}" if name else found.text)
        return "\n".join(lines) or event.text

    async def _person(self, event: Event) -> Person | str:
        """ "" for a stranger, for nobody, and for a bot."""
        if not event.user or event.is_bot or event.user_external:
            return ""
        kept = self._people.get(event.user)
        if kept is not None:
            return kept
        try:
            found = await self._client.read(
                f"/contact/v3/users/{event.user}",
                user_id_type="open_id",
                department_id_type="open_department_id",
            )
        except LarkRefusal as error:
            if error.code in NO_SCOPE:
                self._problems["people"] = f"People cannot be looked up, so everybody is external: {error}"
            log.info("Lark does not tell who %s is: %s", event.user, error)
            return self._people.put(event.user, "")
        self._problems.pop("people", None)
        record = map_in(found, "user")
        person = Person(
            name=text_in(record, "name") or text_in(record, "en_name"),
            title=text_in(record, "job_title"),
            groups=await self._groups(event.user, record),
            admin=record.get("is_tenant_manager") is True,
        )
        return self._people.put(event.user, person)

    async def _groups(self, user: str, record: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            found = await self._client.read(
                "/contact/v3/group/member_belong", member_id=user, member_id_type="open_id", page_size=500
            )
        except LarkRefusal as error:
            self._problems["groups"] = (
                f"User groups cannot be read, so nobody is an analyst by group: {error}"
            )
            groups: list[str] = []
        else:
            self._problems.pop("groups", None)
            names = await self._names_of_groups()
            ids = [g for g in list_in(found, "group_list") if isinstance(g, str)]
            groups = [*ids, *(names[g] for g in ids if names.get(g))]
        departments = [d for d in list_in(record, "department_ids") if isinstance(d, str)][:DEPARTMENTS]
        named = [await self._department(d) for d in departments if d != "0"]
        return tuple(dict.fromkeys([*groups, *departments, *(name for name in named if name)]))

    async def _names_of_groups(self) -> Mapping[str, str]:
        kept = self._group_names.get("")
        if kept is not None:
            return kept
        names: dict[str, str] = {}
        token = ""
        while True:
            page = await self._client.read("/contact/v3/group/simplelist", page_size=50, page_token=token)
            for group in list_in(page, "grouplist"):
                if isinstance(group, Mapping):
                    names[text_in(group, "id")] = text_in(group, "name")
            token = text_in(page, "page_token")
            if page.get("has_more") is not True or not token:
                return self._group_names.put("", names)

    async def _department(self, department: str) -> str:
        kept = self._departments.get(department)
        if kept is not None:
            return kept
        try:
            found = await self._client.read(
                f"/contact/v3/departments/{department}", department_id_type="open_department_id"
            )
        except LarkRefusal:
            return self._departments.put(department, "")
        return self._departments.put(department, text_in(map_in(found, "department"), "name"))
