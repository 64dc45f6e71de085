"""Who and where, as Slack knows it: people, groups and channels, remembered for a while.

An event is never enough: its author's company, title and groups, and whether the channel is shared
with another company, stand elsewhere. What is not known for sure counts as a stranger.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from vigilbot.domain import Event
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.platforms.slack_client import SlackClient, SlackRefusal
from vigilbot.platforms.slack_events import Me, is_foreign
from vigilbot.platforms.slack_records import Person, people_of
from vigilbot.ports import Clock
from vigilbot.text import plain

log = logging.getLogger("vigilbot.slack")

FRESH: Final = timedelta(hours=1)
WARM_PAGES: Final = 10  # of 200 people
MENTIONS: Final = 10  # names asked for in one message
REMEMBERED: Final = 20_000
_MENTION: Final = re.compile(r"<@([A-Z0-9]{2,20})(?:\|[^>]*)?>")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A person; None where Slack does not tell."""

    person: Person | None
    admin: bool
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    id: str
    name: str
    private: bool
    external: bool
    archived: bool
    direct: bool
    at: datetime


@dataclass(slots=True)
class _Groups:
    of_user: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at: datetime | None = None


class SlackPeople:
    """``ports.Directory``. ``me`` must be set before the first question."""

    def __init__(self, *, client: SlackClient, clock: Clock, problems: dict[str, str]) -> None:
        self._client = client
        self._clock = clock
        self._problems = problems
        self.me = Me(team="", user="", bot="")
        self._people: dict[str, Known] = {}
        self._channels: dict[str, Channel] = {}
        self._groups = _Groups()
        self._names: dict[str, str] = {}

    async def completed(self, event: Event, *, settle: bool = False) -> Event:
        if event.completed:
            return event
        try:
            return await self._completed(event)
        except PlatformError as error:
            if not settle:
                raise
            log.warning("%s is taken in as a stranger's in a private channel: %s", event.natural_key, error)
        return replace(
            event,
            completed=True,
            text=plain(event.text, self.names()),
            user_external=True,
            channel_external=True,
            channel_private=True,
        )

    def names(self) -> Mapping[str, str]:
        """Names by the ids of people and channels, as far as they are remembered."""
        return self._names

    def forget_channel(self, channel: str) -> None:
        self._channels.pop(channel, None)

    def forget_groups(self) -> None:
        self._groups.at = None

    async def warm_up(self) -> None:
        """Asks for people in bulk, so that a burst of strangers' messages need not wait one by one."""
        cursor = ""
        for _ in range(WARM_PAGES):
            page = await self._client.read("users.list", limit=200, cursor=cursor)
            now = self._clock.now()
            for record in list_in(page, "members"):
                if isinstance(record, Mapping):
                    self._keep(record, now)
            cursor = text_in(map_in(page, "response_metadata"), "next_cursor")
            if not cursor:
                return

    async def channel(self, channel: str) -> Channel | None:
        """None where the bot may not see it."""
        now = self._clock.now()
        kept = self._channels.get(channel)
        if kept is not None and now - kept.at < FRESH:
            return kept
        try:
            answer = await self._client.read("conversations.info", channel=channel)
        except SlackRefusal as error:
            if error.needed:
                self._problems["channels"] = (
                    f"Channels cannot be looked up, so all are taken for private and shared: {error}"
                )
            return None
        self._problems.pop("channels", None)
        record = map_in(answer, "channel")
        name = text_in(record, "name") or channel
        found = Channel(
            id=channel,
            name=name,
            private=any(record.get(flag) is True for flag in ("is_private", "is_im", "is_mpim", "is_group")),
            external=any(record.get(flag) is True for flag in ("is_ext_shared", "is_pending_ext_shared")),
            archived=record.get("is_archived") is True,
            direct=record.get("is_im") is True,
            at=now,
        )
        self._channels[channel] = found
        self._names[channel] = found.name
        return found

    async def _completed(self, event: Event) -> Event:
        where = await self.channel(event.channel) if event.channel else None
        known = await self._known(event)
        groups = await self._groups_of(event.user)
        await self._ask_names(_MENTION.findall(event.text)[:MENTIONS])
        person = known.person if known else None
        event = replace(
            event,
            completed=True,
            text=plain(event.text, self.names()),
            user_external=self._is_external(event, person),
            user_groups=groups,
            user_admin=bool(known and known.admin),
        )
        if person is not None:
            event = replace(
                event,
                user_name=person.name,
                user_title=person.title,
                is_bot=event.is_bot or person.is_bot,
            )
        if where is not None:
            return replace(
                event,
                channel_name=where.name,
                channel_external=event.channel_external or where.external,
                channel_private=event.channel_private or where.private,
                channel_direct=where.direct,
                channel_archived=where.archived,
            )
        hidden = bool(event.channel)  # a channel that even its member may not look at: the least is assumed
        return replace(
            event,
            channel_external=event.channel_external or hidden,
            channel_private=event.channel_private or hidden,
        )

    def _is_external(self, event: Event, person: Person | None) -> bool:
        """Guests, strangers, and people of another company outside of the same organisation."""
        if not event.user or event.is_bot or event.user == self.me.user:
            return False
        if person is None:
            return True
        if person.guest:
            return True
        if person.enterprise and person.enterprise == self.me.enterprise:
            return False
        return is_foreign(person.team, self.me) if person.team else event.user_external

    async def _known(self, event: Event) -> Known | None:
        if not event.user or event.user.startswith("B"):  # a bot without a user
            return None
        return await self._ask_person(event.user)

    async def _ask_person(self, user: str) -> Known:
        now = self._clock.now()
        kept = self._people.get(user)
        if kept is not None and now - kept.at < FRESH:
            return kept
        try:
            answer = await self._client.read("users.info", user=user)
        except SlackRefusal as error:
            if error.needed:
                self._problems["people"] = f"People cannot be looked up, so everybody is external: {error}"
            self._people[user] = Known(person=None, admin=False, at=now)
            log.info("Slack does not tell who %s is: %s", user, error)
            return self._people[user]
        return self._keep({**map_in(answer, "user"), "id": user}, now)

    async def _ask_names(self, users: Iterable[str]) -> None:
        for user in users:
            try:
                await self._ask_person(user)
            except PlatformError as error:  # only a name: the message is worth more
                log.info("the name of %s is not known: %s", user, error)
                return

    def _keep(self, record: Mapping[str, Any], now: datetime) -> Known:
        admin = any(record.get(flag) is True for flag in ("is_admin", "is_owner", "is_primary_owner"))
        person = next(iter(people_of([record]).values()), None)
        known = Known(person=person, admin=admin, at=now)
        if person is not None:
            if len(self._people) >= REMEMBERED:
                self._people.clear()
                self._names = {channel.id: channel.name for channel in self._channels.values()}
            self._people[person.id] = known
            self._names[person.id] = person.name
        return known

    async def _groups_of(self, user: str) -> tuple[str, ...]:
        now = self._clock.now()
        if self._groups.at is None or now - self._groups.at >= FRESH:
            self._groups = _Groups(await self._ask_groups(), now)
        return self._groups.of_user.get(user, ())

    async def _ask_groups(self) -> Mapping[str, tuple[str, ...]]:
        try:
            answer = await self._client.read("usergroups.list", include_users=True)
        except PlatformRefused as error:
            self._problems["groups"] = (
                f"User groups cannot be read, so nobody is an analyst by group: {error}"
            )
            return {}
        self._problems.pop("groups", None)
        found: dict[str, tuple[str, ...]] = {}
        for group in list_in(answer, "usergroups"):
            if not isinstance(group, Mapping) or group.get("date_delete"):
                continue
            names = tuple(name for name in (text_in(group, "id"), text_in(group, "handle")) if name)
            for user in list_in(group, "users"):
                if isinstance(user, str):
                    found[user] = found.get(user, ()) + names
        return found
