"""Block Kit as Slack accepts it in messages, modals and home pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

from vigilbot.workspace.block_parts import ACTING, ASKING, FEEDBACK, ID, IMAGE, RICH, plain, text
from vigilbot.workspace.checking import (
    Check,
    also,
    any_field,
    anything,
    by_type,
    choice,
    flag,
    items,
    shape,
    string,
    url,
    wrong,
)
from vigilbot.workspace.state import Json

MOST_CHARACTERS = 13_200
"""All texts of a message's blocks together."""
LONGEST_TEXT = 40_000
LARGEST_VIEW = 250_000

_OWN = {"block_id": ID}
_NOTE = {"plain_text": text(2000), "mrkdwn": text(2000), "image": IMAGE}
_PICTURE = {"image_url": url(), "slack_file": anything}
_SHARED: Mapping[str, Check] = {
    "section": also(
        shape(
            {},
            {
                **_OWN,
                "text": text(3000),
                "fields": items(text(2000), most=10),
                "accessory": by_type({**ACTING, "image": IMAGE}),
                "expand": flag,
            },
        ),
        any_field("text", "fields"),
    ),
    "divider": shape({}, _OWN),
    "header": shape({"text": plain(150)}, _OWN),
    "context": shape({"elements": items(by_type(_NOTE), most=10)}, _OWN),
    "actions": shape({"elements": items(by_type(ACTING), most=25)}, _OWN),
    "image": also(
        shape({"alt_text": string(2000)}, {**_OWN, **_PICTURE, "title": plain(2000)}),
        any_field("image_url", "slack_file"),
    ),
    "input": shape(
        {"label": plain(2000), "element": by_type(ASKING)},
        {**_OWN, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": shape({"elements": items(by_type(RICH), most=10_000)}, _OWN),
    "video": anything,
}
IN_MESSAGES: Mapping[str, Check] = {
    **_SHARED,
    "markdown": shape({"text": string(12_000)}, _OWN),
    "context_actions": shape({"elements": items(by_type(FEEDBACK), most=5)}, _OWN),
}
_VIEW = {
    "blocks": items(by_type(_SHARED), most=100, least=0),
    "private_metadata": string(3000, least=0),
    "callback_id": string(255, least=0),
    "external_id": string(255, least=0),
}
_MODAL = shape(
    {"title": plain(24), "blocks": _VIEW["blocks"]},
    {**_VIEW, "submit": plain(24), "close": plain(24), "clear_on_close": flag, "notify_on_close": flag},
)
_HOME = shape({"blocks": _VIEW["blocks"]}, _VIEW)


def message_problems(blocks: object) -> list[str]:
    """What Slack would say against a message's blocks; the total length has its own answer (`too_long`)."""
    found = list(items(by_type(IN_MESSAGES), most=50, least=0)(blocks, "/blocks"))
    return found + list(_repeated(blocks))


def view_problems(view: object, kind: str) -> list[str]:
    """What Slack would say against a view that is to be a modal or a home page."""
    if not isinstance(view, dict) or view.get("type") != kind:
        return [*choice(kind)(view.get("type") if isinstance(view, dict) else None, "/view/type")]
    found = list((_MODAL if kind == "modal" else _HOME)(view, "/view"))
    found += _repeated(view.get("blocks"), "/view/blocks")
    blocks = view.get("blocks")
    asks = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if kind == "modal" and asks and "submit" not in view:
        found.append(wrong("missing required field: submit", "/view"))
    if len(json.dumps(view)) > LARGEST_VIEW:
        found.append(wrong(f"must be less than {LARGEST_VIEW} bytes", "/view"))
    return found


def too_long(blocks: list[Json]) -> bool:
    """More text than Slack takes, although each block may be fine."""
    return sum(len(part) for part in _texts(blocks)) > MOST_CHARACTERS


def with_ids(blocks: list[Json], new_id: Callable[[], str]) -> list[Json]:
    """The blocks with the ids that Slack gives where the app gave none."""
    done = []
    for block in blocks:
        whole: Json = json.loads(json.dumps(block))
        whole.setdefault("block_id", new_id())
        for element in elements_of(whole):
            if element.get("type") in ACTING or element.get("type") in ASKING:
                element.setdefault("action_id", new_id())
        done.append(whole)
    return done


def elements_of(block: Json) -> list[Json]:
    """What can be operated in a block."""
    if "accessory" in block:
        return [block["accessory"]]
    if block.get("type") in {"actions", "context_actions"}:
        return list(block["elements"])
    return [block["element"]] if block.get("type") == "input" else []


def _repeated(blocks: object, place: str = "/blocks") -> Iterator[str]:
    """Ids used twice: of blocks among all, of actions within a block."""
    seen: set[object] = set()
    for at, block in enumerate(blocks if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        name = block.get("block_id")
        if isinstance(name, str):
            if name in seen:
                yield wrong(f"`block_id` already exists: {name}", f"{place}/{at}/block_id")
            seen.add(name)
        elements = block.get("elements") if block.get("type") == "actions" else None
        actions = [e.get("action_id") for e in elements or () if isinstance(e, dict)]
        given = [a for a in actions if isinstance(a, str)]
        if len(given) != len(set(given)):
            yield wrong("`action_id` must be unique in a block", f"{place}/{at}/elements")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield inner
            elif isinstance(inner, list | dict):
                yield from _texts(inner)
