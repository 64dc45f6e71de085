"""What the records of a Slack export mean: people, channels, messages. No files, no order.

Records are read tolerantly: a field of the wrong type counts as missing. Strings lose nothing but
lone surrogates, which no store can hold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vigilbot.domain import Event, EventKind, Image
from vigilbot.platforms.export_files import ExportChannel
from vigilbot.platforms.payloads import Skipped, list_in, map_in, text_in
from vigilbot.text import plain

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TS: Final = re.compile(r"(\d{1,11})(?:\.(\d{1,9}))?", re.ASCII)
_JOINS: Final = frozenset({"channel_join", "group_join"})
SAID: Final = frozenset(
    {
        "",
        "bot_message",
        "me_message",
        "thread_broadcast",
        "reply_broadcast",
        "file_share",
        "slackbot_response",
    }
)
SLACKBOT: Final = "USLACKBOT"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    id: str
    name: str
    title: str = ""
    team: str = ""
    enterprise: str = ""
    guest: bool = False  # restricted to some channels, or a stranger from another workspace
    is_bot: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Who and where, as far as the export says; ``names`` are those of people and channels by id."""

    tenant: str
    enterprise: str
    people: Mapping[str, Person]
    names: Mapping[str, str]


def parse_ts(value: object) -> tuple[str, datetime] | None:
    """Slack's message id as written and as UTC time; None when it is no timestamp."""
    if isinstance(value, float):
        value = f"{value:.6f}"
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    match = _TS.fullmatch(value)
    if match is None:
        return None
    micro = int((match[2] or "").ljust(6, "0")[:6])
    return value, _EPOCH + timedelta(seconds=int(match[1]), microseconds=micro)


def people_of(records: Iterable[object]) -> dict[str, Person]:
    """users.json by id; records without an id are left out."""
    people: dict[str, Person] = {}
    for record in records:
        if isinstance(record, Mapping) and (user := text_in(record, "id")):
            people[user] = _person(user, record, map_in(record, "profile"))
    return people


def channels_of(records: Iterable[object], *, private: bool) -> list[ExportChannel]:
    """One of channels.json, groups.json, dms.json, mpims.json; direct messages are named by their id."""
    found: list[ExportChannel] = []
    for record in records:
        if isinstance(record, Mapping) and (channel := text_in(record, "id")):
            name = text_in(record, "name") or channel
            external = bool(record.get("is_ext_shared"))
            found.append(
                ExportChannel(id=channel, name=name, folder=name, private=private, external=external)
            )
    return found


def workspace_of(people: Mapping[str, Person], channels: Sequence[ExportChannel]) -> Workspace:
    """The tenant is the team of most members who are no guests; "export" when nobody has a team."""
    members = [p for p in people.values() if not p.guest and not p.is_bot] or list(people.values())
    return Workspace(
        tenant=_commonest(p.team for p in members) or "export",
        enterprise=_commonest(p.enterprise for p in members),
        people=people,
        names={c.id: c.name for c in channels} | {p.id: p.name for p in people.values()},
    )


def event_of(record: object, channel: ExportChannel, workspace: Workspace) -> Event | Skipped:
    """The event a record of a day file stands for.

    An export holds the final text of an edited message and no older one, so it counts as posted at
    its ``ts``. Reactions carry no time: to use them would be to look into the future, so they are
    left out.
    """
    if not isinstance(record, Mapping):
        return Skipped(reason="not an object")
    if text_in(record, "type") not in ("", "message"):
        return Skipped(reason="not a message")
    subtype = text_in(record, "subtype")
    when = parse_ts(record.get("ts"))
    if when is None:
        return Skipped(reason="no timestamp")
    if subtype in _JOINS:
        return _joined(record, channel, workspace, *when)
    if subtype not in SAID:
        return Skipped(reason=subtype.replace("_", " ")[:40])
    return _posted(record, channel, workspace, *when)


def _joined(
    record: Mapping[str, Any], channel: ExportChannel, workspace: Workspace, ts: str, at: datetime
) -> Event:
    person = _author(record, workspace)
    natural = f"joined:{workspace.tenant}:{channel.id}:{person.id}:{ts}"
    return Event(
        kind=EventKind.MEMBER_JOINED,
        tenant=workspace.tenant,
        channel=channel.id,
        ts=ts,
        thread=ts,
        user=person.id,
        at=at,
        key=f"replay:{natural}",
        natural_key=natural,
        is_bot=person.is_bot,
        user_name=person.name,
        user_title=person.title,
        user_external=_external(record, person, workspace),
        channel_name=channel.name,
        channel_external=channel.external,
        channel_private=channel.private,
    )


def _posted(
    record: Mapping[str, Any], channel: ExportChannel, workspace: Workspace, ts: str, at: datetime
) -> Event | Skipped:
    files = files_of(record)
    text = plain(text_in(record, "text") or attached_to(record), workspace.names)
    if not text.strip() and not files:
        return Skipped(reason="no text")
    person = _author(record, workspace)
    thread = parse_ts(record.get("thread_ts"))
    natural = f"message:{workspace.tenant}:{channel.id}:{ts}"
    return Event(
        kind=EventKind.POSTED,
        tenant=workspace.tenant,
        channel=channel.id,
        ts=ts,
        thread=thread[0] if thread else ts,
        user=person.id,
        at=at,
        key=f"replay:{natural}",
        natural_key=natural,
        thread_author=text_in(record, "parent_user_id"),
        text=text,
        images=tuple(images_of(files)),
        is_bot=person.is_bot,
        user_name=person.name,
        user_title=person.title,
        user_external=_external(record, person, workspace),
        channel_name=channel.name,
        channel_external=channel.external,
        channel_private=channel.private,
    )


def _author(record: Mapping[str, Any], workspace: Workspace) -> Person:
    """Known people keep their entry; a stranger's name comes with the message, else it is the id."""
    bot = text_in(record, "bot_id")
    user = text_in(record, "user") or bot or "unknown"
    known = workspace.people.get(user)
    automated = user == SLACKBOT or text_in(record, "subtype") in ("bot_message", "slackbot_response")
    if known is not None:
        if automated and not known.is_bot:
            return Person(id=user, name=known.name, title=known.title, team=known.team, is_bot=True)
        return known
    profile = map_in(record, "user_profile")
    person = _person(user, profile, profile)
    name = text_in(record, "username") or text_in(map_in(record, "bot_profile"), "name")
    return Person(
        id=user,
        name=person.name if person.name != user else name or user,
        team=person.team or text_in(record, "user_team"),
        guest=person.guest,
        is_bot=automated or bool(bot),
    )


def _person(user: str, record: Mapping[str, Any], profile: Mapping[str, Any]) -> Person:
    name = (
        text_in(profile, "display_name")
        or text_in(record, "real_name")
        or text_in(profile, "real_name")
        or text_in(record, "name")
        or user
    )
    return Person(
        id=user,
        name=name,
        title=text_in(profile, "title"),
        team=text_in(record, "team_id") or text_in(profile, "team"),
        enterprise=text_in(map_in(record, "enterprise_user"), "enterprise_id"),
        guest=any(
            record.get(flag) is True for flag in ("is_restricted", "is_ultra_restricted", "is_stranger")
        ),
        is_bot=record.get("is_bot") is True or user == SLACKBOT,
    )


def _external(record: Mapping[str, Any], person: Person, workspace: Workspace) -> bool:
    """Guests, and people whose team is another one outside of the same organisation."""
    if person.guest:
        return True
    if person.enterprise and person.enterprise == workspace.enterprise:
        return False
    team = person.team or text_in(record, "user_team")
    return bool(team) and not person.is_bot and workspace.tenant not in ("export", team)


def attached_to(record: Mapping[str, Any]) -> str:
    """What attachments say, for the messages of apps and for forwarded ones, which have no text."""
    said: list[str] = []
    for attachment in list_in(record, "attachments"):
        if isinstance(attachment, Mapping):
            parts = [text_in(attachment, key) for key in ("pretext", "title", "text")]
            said += [part for part in parts if part] or [text_in(attachment, "fallback")]
    return "\n".join(part for part in said if part)


def files_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The files of a message that are still there."""
    files = (file for file in list_in(record, "files") if isinstance(file, Mapping))
    return [file for file in files if text_in(file, "mode") != "tombstone"]


def images_of(files: Iterable[Mapping[str, Any]]) -> Iterable[Image]:
    for file in files:
        media_type = text_in(file, "mimetype")
        url = text_in(file, "url_private") or text_in(file, "permalink")
        if media_type.startswith("image/") and url:
            yield Image(url=url, title=text_in(file, "title") or text_in(file, "name"), media_type=media_type)


def _commonest(values: Iterable[str]) -> str:
    counts = Counter(value for value in values if value)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else ""
