"""What a Lark message says, whatever its type: as text with marks for people, and its pictures.

The text is chat markup: ``&``, ``<`` and ``>`` stand as entities, people as ``<@id|name>``, so that who
reads it can tell what was written from what was meant. Read tolerantly, and nothing raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from vigilbot.domain import Image
from vigilbot.platforms.payloads import list_in, map_in, text_in

FORWARDED: Final = "(forwarded messages)"
"""Stands for messages that were forwarded together: what they say is asked for afterwards."""
SCHEME: Final = "lark-image"
LONGEST: Final = 40_000
_DEEPEST: Final = 12
_AT: Final = re.compile(r"@_(?:user_\d+|all)")
_TAGS: Final = re.compile(r"</?(?:p|b|i|u|s|em|strong|br)\s*/?>", re.IGNORECASE)
_AGREED: Final[Mapping[str, str]] = {
    "DONE": "white_check_mark",
    "CheckMark": "white_check_mark",
    "THUMBSUP": "+1",
    "ThumbsDown": "-1",
    "OK": "ok_hand",
}


def said(kind: str, content: object, mentions: Sequence[object] = ()) -> str:
    """The text of a message of type ``kind``; "" for one without words, a sticker for instance.

    ``content`` is the JSON text that Lark sends, or what it stands for.
    """
    record = opened(content)
    people = {text_in(m, "key"): mark(m) for m in mentions if isinstance(m, Mapping)}
    reader = _READERS.get(kind)
    return reader(record, people)[:LONGEST].strip() if reader else ""


def pictures(kind: str, content: object, message: str, tenant: str) -> tuple[Image, ...]:
    """References to the pictures of a message, for ``LarkFiles``."""
    record = opened(content)
    keys = [text_in(record, "image_key")] if kind == "image" else []
    if kind == "post":
        keys += [text_in(piece, "image_key") for line in _lines(record) for piece in line]
    return tuple(Image(url=f"{SCHEME}:{tenant}/{message}/{key}") for key in keys[:20] if key)


def reaction(emoji: str) -> str:
    """Lark's name of an emoji as the name that settings use (``oncall.close_reactions``)."""
    return _AGREED.get(emoji, emoji.casefold())


def opened(content: object) -> Mapping[str, Any]:
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return {}
    return content if isinstance(content, Mapping) else {}


def mark(mention: Mapping[str, Any]) -> str:
    """A mention of an event, or of a message that was asked for: there ``id`` is the id itself."""
    given = mention.get("id")
    who = given if isinstance(given, str) else text_in(map_in(mention, "id"), "open_id")
    name = text_in(mention, "name")
    return _person(who, name)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _person(who: str, name: str) -> str:
    clean = re.sub(r"[<>|\n]", " ", name).strip()
    return f"<@{who}|{clean}>" if re.fullmatch(r"[\w-]{1,100}", who) else f"@{escaped(clean)}"


def _text(record: Mapping[str, Any], people: Mapping[str, str]) -> str:
    written = text_in(record, "text")
    return _named(_TAGS.sub("", written), people)


def _named(written: str, people: Mapping[str, str]) -> str:
    """The text with its placeholders of people filled in."""
    out, at = [], 0
    for match in _AT.finditer(written):
        out += [
            escaped(written[at : match.start()]),
            people.get(match[0], "@all" if "all" in match[0] else ""),
        ]
        at = match.end()
    return "".join([*out, escaped(written[at:])])


def _post(record: Mapping[str, Any], people: Mapping[str, str]) -> str:
    lines = [escaped(text_in(_in_one_language(record), "title"))]
    lines += ["".join(_piece(piece, people) for piece in line) for line in _lines(record)]
    return "\n".join(line for line in lines if line.strip())


def _in_one_language(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Posts stand by themselves or under the name of a language."""
    if "content" in record or "title" in record:
        return record
    return next((one for one in record.values() if isinstance(one, Mapping)), {})


def _lines(record: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    for line in list_in(_in_one_language(record), "content"):
        if isinstance(line, list):
            yield [piece for piece in line if isinstance(piece, Mapping)]


def _piece(piece: Mapping[str, Any], people: Mapping[str, str]) -> str:
    tag = text_in(piece, "tag")
    if tag == "at":
        who = text_in(piece, "user_id")
        return people.get(who) or (
            "@all" if who in ("all", "@_all") else _person(who, text_in(piece, "user_name"))
        )
    if tag == "a":
        return _link(text_in(piece, "href"), text_in(piece, "text"))
    if tag == "code_block":
        return f"```\n{escaped(text_in(piece, 'text')).rstrip()}\n```"
    if tag == "emotion":
        return f":{escaped(text_in(piece, 'emoji_type')).casefold()}:"
    return _named(text_in(piece, "text"), people)


def _link(href: str, title: str) -> str:
    if not href.startswith(("http://", "https://")) or re.search(r"[<>|\s]", href):
        return escaped(title or href)
    label = re.sub(r"[<>|\n]", " ", title).strip()
    return f"<{href}|{label}>" if label and label != href else f"<{href}>"


def _file(record: Mapping[str, Any], people: Mapping[str, str]) -> str:
    name = text_in(record, "file_name")
    return f"📎 {escaped(name)}" if name else ""


def _card(record: Mapping[str, Any], people: Mapping[str, str]) -> str:
    """The words of another bot's card, in the order in which they stand."""
    words: list[str] = []
    _collect(record, words, 0)
    return escaped("\n".join(word for word in words if word.strip()))


def _collect(value: object, words: list[str], depth: int) -> None:
    if depth > _DEEPEST or len(words) > 500:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("text", "content", "title", "name") and isinstance(inner, str):
                words.append(inner)
            else:
                _collect(inner, words, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _collect(inner, words, depth + 1)


def _forward(record: Mapping[str, Any], people: Mapping[str, str]) -> str:
    return FORWARDED


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], str]]] = {
    "text": _text,
    "post": _post,
    "file": _file,
    "media": _file,
    "interactive": _card,
    "merge_forward": _forward,
}
