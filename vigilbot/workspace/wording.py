"""What a person types, as Slack passes it on: escaped, with mentions and links as tokens."""

from __future__ import annotations

import re

from vigilbot.workspace.state import Json, State

_TOKEN = re.compile(
    r"(?P<given><(?:@[UW]\w+|\#C\w+|!subteam\^\w+|!(?:here|channel|everyone))(?:\|[^<>|]*)?>)"
    r"|(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?)\]'\"*_~`])"
    r"|(?P<mail>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?<![\w/])@(?P<name>\w(?:[\w.-]*\w)?)"
    r"|(?<![\w/&])\#(?P<channel>\w[\w-]*)"
)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def typed(text: str, state: State) -> tuple[str, list[Json]]:
    """The text as stored, and the rich_text block that goes with it."""
    words: list[str] = []
    elements: list[Json] = []
    at = 0
    for match in _TOKEN.finditer(text):
        token, element = _token(match, state)
        if element is None:
            continue
        _plain(text[at : match.start()], words, elements)
        words.append(token)
        elements.append(element)
        at = match.end()
    _plain(text[at:], words, elements)
    section = {"type": "rich_text_section", "elements": elements}
    return "".join(words), [{"type": "rich_text", "block_id": state.secret(5), "elements": [section]}]


def command_text(text: str, state: State) -> str:
    """A command's words, with the ids of whom and what they name."""

    def named(match: re.Match[str]) -> str:
        token, element = _token(match, state)
        if element is None or match["given"] or match["url"] or match["mail"]:
            return match[0]
        kind = element["type"]
        if kind == "user":
            return f"<@{element['user_id']}|{state.users[element['user_id']].handle}>"
        return token

    return _TOKEN.sub(named, text)


def _plain(text: str, words: list[str], elements: list[Json]) -> None:
    if text:
        words.append(escaped(text))
        elements.append({"type": "text", "text": text})


def _token(match: re.Match[str], state: State) -> tuple[str, Json | None]:
    """What stands for a match in the text, and the element for it; None when it is only text."""
    if url := match["url"]:
        return f"<{escaped(url)}>", {"type": "link", "url": url}
    if mail := match["mail"]:
        return f"<mailto:{mail}|{mail}>", {"type": "link", "url": f"mailto:{mail}", "text": mail}
    if name := match["name"]:
        return _named(name, state)
    if name := match["channel"]:
        found = next((c for c in state.channels.values() if c.name == name), None)
        if found is None:
            return "", None
        return f"<#{found.id}|{name}>", {"type": "channel", "channel_id": found.id}
    return _given(match["given"], state)


def _named(name: str, state: State) -> tuple[str, Json | None]:
    if name in {"here", "channel", "everyone"}:
        return f"<!{name}>", {"type": "broadcast", "range": name}
    group = next((g for g in state.groups.values() if g.handle == name), None)
    if group is not None:
        return f"<!subteam^{group.id}>", {"type": "usergroup", "usergroup_id": group.id}
    user = state.by_handle(name)
    if user is None:
        return "", None
    return f"<@{user.id}>", {"type": "user", "user_id": user.id}


def _given(token: str, state: State) -> tuple[str, Json | None]:
    """A token written out; of something unknown it is only text."""
    inner = token[1:-1].partition("|")[0]
    if inner.startswith("@"):
        known = inner[1:] in state.users
        return token, {"type": "user", "user_id": inner[1:]} if known else None
    if inner.startswith("#"):
        known = inner[1:] in state.channels
        return token, {"type": "channel", "channel_id": inner[1:]} if known else None
    if inner.startswith("!subteam^"):
        group = inner.removeprefix("!subteam^")
        return token, {"type": "usergroup", "usergroup_id": group} if group in state.groups else None
    return token, {"type": "broadcast", "range": inner[1:]}
