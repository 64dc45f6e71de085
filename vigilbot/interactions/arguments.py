"""What people type after a command: words, channels, people, links to messages, spans of time.

Platforms write the same thing in several ways (``<#C1|support>``, ``#support``, ``C1``); all are taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from vigilbot.errors import BadInput
from vigilbot.ports import Row

LONGEST = 4000  # characters of one command
_WORD = re.compile(r"<[^<>\s][^<>]*>|\S+")
_CHANNEL = re.compile(r"<#([^|<>]+)(?:\|([^<>]*))?>")
_USER = re.compile(r"<@([^|<>]+)(?:\|([^<>]*))?>")
_USER_ID = re.compile(r"@?([UW][A-Z0-9]{2,})")
_SPAN = re.compile(r"(\d{1,4})\s*(m|min|h|d|w)", re.IGNORECASE)
_UNITS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PATH = re.compile(r"/archives/([A-Z0-9][A-Za-z0-9-]*)/p(\d{10})(\d{6})/?")
_PLACE = re.compile(r"([A-Z0-9][A-Za-z0-9-]*)/(\d{10}\.\d{6})")
_TS = re.compile(r"\d{10}\.\d{6}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Meant:
    """The message a link leads to. ``thread`` is its own ts where the link names no thread."""

    channel: str
    ts: str
    thread: str


def split(text: str) -> list[str]:
    """The words of a command; what the platform put between angle brackets is one word."""
    return _WORD.findall(text)


def channel_of(word: str, channels: Iterable[Row]) -> Row | None:
    """The channel that a word names, by id or by name, None when there is none such."""
    match = _CHANNEL.fullmatch(word)
    wanted = match[1] if match else word.removeprefix("#")
    known = list(channels)
    by_id = next((row for row in known if row["channel"] == wanted), None)
    return by_id or next((row for row in known if row["name"].casefold() == wanted.casefold()), None)


def names_channel(word: str) -> bool:
    return word.startswith("#") or bool(_CHANNEL.fullmatch(word))


def user_of(word: str) -> str:
    """The id of the person that a word mentions. Raises BadInput for anything else."""
    match = _USER.fullmatch(word) or _USER_ID.fullmatch(word)
    if match is None:
        raise BadInput("is not a person I can make out", place=word, remedy="Mention them with @")
    return match[1]


def span_of(word: str) -> timedelta | None:
    """``90m``, ``2h``, ``3d``, ``1w``; None for anything else and for nothing at all."""
    match = _SPAN.fullmatch(word)
    if match is None:
        return None
    span = timedelta(seconds=int(match[1]) * _UNITS[match[2].casefold()])
    return span if timedelta(0) < span <= timedelta(days=366) else None


def message_of(word: str) -> Meant:
    """The message behind a link. Raises BadInput for what is no link to a message."""
    link = word.strip("<>").split("|")[0].replace("&amp;", "&")
    if place := _PLACE.fullmatch(link):
        return Meant(channel=place[1], ts=place[2], thread=place[2])
    try:
        parts = urlsplit(link)
        asked = parse_qs(parts.query, max_num_fields=20)
    except ValueError:
        parts, asked = urlsplit(""), {}
    path = _PATH.fullmatch(parts.path)
    if path is None or parts.scheme not in ("http", "https"):
        raise BadInput(
            "is not a link to a message",
            place=word[:100],
            remedy="Copy it from the message's menu (Copy link)",
        )
    ts = f"{path[2]}.{path[3]}"
    thread = asked.get("thread_ts", [ts])[0]
    return Meant(channel=path[1], ts=ts, thread=thread if _TS.fullmatch(thread) else ts)
