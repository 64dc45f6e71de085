"""Cards, notices, panels and forms as Block Kit: always valid, never a mention, never a foreign link.

Messages are ``{"text", "blocks"}``, for chat.postMessage and chat.update alike; views are what
views.open and views.publish take. Texts that are too long end in "… shortened". Ids of blocks follow
from their content, so that a changed message is drawn anew; those of a form's fields are their names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vigilbot.cards import (
    Action,
    ActionKind,
    Card,
    Field,
    FieldKind,
    Form,
    Notice,
    Panel,
    Section,
    plain_text,
)
from vigilbot.domain import Decision
from vigilbot.platforms.lengths import cut, units
from vigilbot.platforms.links import cited_links, openable
from vigilbot.platforms.slack_rich_text import (
    SHORTENED,
    Element,
    labelled,
    own_text,
    rich_text,
    section,
    spoken,
    text_element,
)

Block = dict[str, Any]

PREFIX: Final = "vigilbot:"
MENU: Final = "vigilbot:menu"
_INPUT: Final = "value"  # the action id of every field
_IN_MENU: Final = frozenset({ActionKind.WHY, ActionKind.SHARE, ActionKind.WITHDRAW, ActionKind.TAKE_BACK})

_BODY: Final = 5000  # units; with all else, addresses too, below the 13,000 of a whole message
_NOTICE: Final = 7000
_QUESTION: Final = 200
_SOURCES: Final = 10
_SOURCE: Final = 120
_SOURCE_URLS: Final = 1500  # all of them
_SMALL: Final = 300  # a line of context
_SUPERSEDED: Final = 400
_FALLBACK: Final = 3000
_PANEL: Final = 12_000
_FACT: Final = 1000
_VIEW_BLOCKS: Final = 95  # of 100
_BUTTONS: Final = 5  # in a row; Slack allows 25
_ROWS: Final = 2
_CONFIRM: Final = 200
_TITLE: Final = 24
_HEADER: Final = 150
_LABEL: Final = 75
_VALUE: Final = 2000
_OPTION_VALUE: Final = 150
_OPTIONS: Final = 100
_HINT: Final = 2000
_ID: Final = 255
_METADATA: Final = 3000
_NOTHING: Final = "-"


def card_message(card: Card, *, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """``names`` are people's by user id, to say whom the card answers. Nobody is mentioned."""
    urls = [citation.url for citation in card.citations]
    body = rich_text(card.body, longest=_BODY, links_of=cited_links(urls), cited=urls)
    since = own_text(f"⚠ {card.superseded}", longest=_SUPERSEDED) if card.superseded.strip() else []
    blocks: list[Block] = []
    if since:
        blocks.append(_rich(since))
    blocks.append(_context(_who(card, names or {})))
    if question := " ".join(cut(card.question, _QUESTION).split()):
        blocks.append(_rich([{"type": "rich_text_quote", "elements": [text_element(question)]}]))
    blocks.append(_rich(body))
    if card.citations:
        blocks.append(_rich(_sources(card)))
    told = [card.provenance, f"✓ Accepted by {card.accepted_by}" if card.accepted_by else ""]
    if any(line.strip() for line in told):
        blocks.append(_context(*told))
    blocks += _buttons(card.actions)[:1]
    return _message(plain_text(replace(card, body=spoken(body), superseded=spoken(since))), blocks)


def notice_message(notice: Notice) -> dict[str, Any]:
    said = own_text(notice.text, longest=_NOTICE)
    return _message(spoken(said), [_rich(said), *_buttons(notice.actions)[:_ROWS]])


def private_text(markdown: str) -> dict[str, Any]:
    """A message of Markdown alone."""
    return notice_message(Notice(text=markdown))


def panel_view(panel: Panel) -> dict[str, Any]:
    """A modal to read."""
    return {
        "type": "modal",
        "title": _plain(panel.title, _TITLE),
        "close": _plain("Close", _TITLE),
        "blocks": _numbered(_panel(panel.sections)),
    }


def home_view(panel: Panel) -> dict[str, Any]:
    """The App Home tab."""
    return {"type": "home", "blocks": _numbered([_header(panel.title), *_panel(panel.sections)])}


def loading_view(title: str) -> dict[str, Any]:
    """A modal that stands until its content is known."""
    return panel_view(Panel(title=title, sections=(Section(lines=("One moment …",)),)))


def form_view(form: Form) -> dict[str, Any]:
    """A modal to fill in. ``form.value`` comes back as ``private_metadata``, at most 3000 characters.

    Raises ValueError for a longer one: cut, it would mean something else.
    """
    if units(form.value) > _METADATA:
        raise ValueError(f"the value of the form {form.name} has more than {_METADATA} characters")
    note = [_rich(own_text(form.note, longest=_FACT * 2))] if form.note.strip() else []
    fields = [_input(field) for field in form.fields[: _VIEW_BLOCKS - 1]]
    return {
        "type": "modal",
        "callback_id": (PREFIX + form.name)[:_ID],
        "private_metadata": form.value,
        "title": _plain(form.title, _TITLE),
        "submit": _plain(form.submit, _TITLE),
        "close": _plain("Cancel", _TITLE),
        "blocks": [*_numbered(note), *fields] or _numbered(_panel(())),
    }


def form_fields(values: object) -> dict[str, str | tuple[str, ...]]:
    """What was filled in, by the fields' names: ``values`` is the view's ``state.values``.

    A line or a text that is empty is "", a choice nobody made too, people are a tuple of ids. What
    has another shape is left out.
    """
    found: dict[str, str | tuple[str, ...]] = {}
    for name, block in values.items() if isinstance(values, Mapping) else ():
        given = block.get(_INPUT) if isinstance(block, Mapping) else None
        if not isinstance(given, Mapping):
            continue
        people, option = given.get("selected_users"), given.get("selected_option")
        if isinstance(people, list):
            found[str(name)] = tuple(str(person) for person in people)
        elif isinstance(option, Mapping):
            found[str(name)] = str(option.get("value") or "")
        else:
            found[str(name)] = str(given.get("value") or "")
    return found


def read_action(action: Mapping[str, Any]) -> tuple[str, str] | None:
    """Kind and value of an element of block_actions' ``actions``; None when it is none of these here."""
    name = action.get("action_id")
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return None
    if name == MENU:
        option = action.get("selected_option")
        chosen = option.get("value") if isinstance(option, Mapping) else None
        kind, colon, value = chosen.partition(":") if isinstance(chosen, str) else ("", "", "")
        return (kind, value) if colon else None
    given = action.get("value")
    return name.split(":")[1], given if isinstance(given, str) else ""


def _who(card: Card, names: Mapping[str, str]) -> str:
    parts = [card.title]
    if asker := names.get(card.asker):
        parts.append(f"for {asker}")
    if card.audience is Decision.ANALYSTS:
        parts.append("a draft: only you see this")
    if card.posted_by:
        parts.append(f"posted by {card.posted_by}")
    return "🤖 " + " · ".join(parts)


def _sources(card: Card) -> list[Element]:
    lines: list[Element] = []
    left = _SOURCE_URLS
    for number, citation in enumerate(card.citations[:_SOURCES], start=1):
        left -= units(citation.url)
        title = cut(citation.title, _SOURCE)
        found = labelled(citation.url if left >= 0 else "", title) or [text_element("an earlier case")]
        lines.append(section(text_element(f"[{number}] "), *found))
    if more := len(card.citations) - _SOURCES:
        lines += [section(text_element(f"and {more} more", italic=True))] if more > 0 else []
    return lines


def _panel(sections: Iterable[Section]) -> list[Block]:
    blocks: list[Block] = []
    left = _PANEL
    for part in sections:
        if left <= 0 or len(blocks) > _VIEW_BLOCKS - 4:
            blocks.append(_context(SHORTENED))
            break
        if part.heading.strip():
            blocks.append(_header(part.heading))
        said = _facts(part.facts, left) if part.facts else []
        left -= _size(said)
        for line in part.lines:
            if left <= 0:
                said.append(section(text_element(SHORTENED, italic=True)))
                break
            drawn = own_text(line, longest=left)
            left -= _size(drawn)
            said += drawn
        if said:
            blocks.append(_rich(said))
        blocks += _buttons(part.actions)[: max(0, _VIEW_BLOCKS - 1 - len(blocks))]
    return blocks or [_context("Nothing to show.")]


def _facts(facts: Sequence[tuple[str, str]], left: int) -> list[Element]:
    told: list[Element] = []
    for name, value in facts:
        if left <= 0:
            told.append(text_element(SHORTENED, italic=True))
            break
        name, value = cut(name, _LABEL) or _NOTHING, cut(value, _FACT) or _NOTHING
        pair = [text_element(f"{name}: ", bold=True), text_element(f"{value}\n")]
        left -= _size(pair)
        told += pair
    told[-1] = told[-1] | {"text": told[-1]["text"].rstrip("\n") or _NOTHING}
    return [section(*told)]


def _size(elements: Sequence[Element]) -> int:
    """What elements take of a view's room: a view is limited in bytes, and many small pieces are bytes."""
    return len(json.dumps(elements)) // 10 + sum(units(text) for text in _texts(elements))


def _texts(elements: Iterable[Element]) -> Iterator[str]:
    for element in elements:
        yield element.get("text", "")
        yield from _texts(element.get("elements", ()))


def _buttons(actions: Sequence[Action]) -> list[Block]:
    """Buttons in rows of five; what only analysts may do in a menu at the end of the first row."""
    in_menu = [a for a in actions if a.kind in _IN_MENU and _fits_menu(a)]
    menu = in_menu if len(in_menu) > 1 else []
    seen: dict[ActionKind, int] = {}
    elements: list[Element] = []
    for action in actions:
        if action not in menu:
            number = seen[action.kind] = seen.get(action.kind, -1) + 1
            elements.append(_button(action, number))
    rows = [elements[n : n + _BUTTONS] for n in range(0, len(elements), _BUTTONS)] or [[]]
    if menu:
        options = [_option(f"{a.kind.value}:{a.value}", a.label) for a in menu[:_BUTTONS]]
        rows[0].append({"type": "overflow", "action_id": MENU, "options": options})
    return [{"type": "actions", "elements": row} for row in rows if row]


def _fits_menu(action: Action) -> bool:
    """A question before the click would be asked for everything in the menu."""
    return not action.confirm and units(f"{action.kind.value}:{action.value}") <= _OPTION_VALUE


def _button(action: Action, number: int) -> Element:
    name = f"{PREFIX}{action.kind.value}" + (f":{number}" if number else "")
    button: Element = {"type": "button", "action_id": name, "text": _plain(action.label, _LABEL)}
    if value := cut(action.value, _VALUE, end=""):
        button["value"] = value
    if action.kind is ActionKind.OPEN and openable(action.value):
        button["url"] = action.value
    if action.primary:
        button["style"] = "primary"
    if action.confirm:
        button["confirm"] = {
            "title": _plain("Are you sure?", 100),
            "text": _plain(action.confirm, _CONFIRM),
            "confirm": _plain(action.label, 30),
            "deny": _plain("Cancel", 30),
        }
    return button


def _input(field: Field) -> Block:
    element = _element(field)
    if element is None:
        return _context(f"{field.label}: nothing to choose from.")
    block: Block = {
        "type": "input",
        "block_id": field.name[:_ID],
        "label": _plain(field.label, _HINT),
        "element": element | {"action_id": _INPUT},
        "optional": field.optional,
    }
    if field.hint:
        block["hint"] = _plain(field.hint, _HINT)
    return block


def _element(field: Field) -> Element | None:
    """What is filled in; None for a choice of nothing."""
    if field.kind is FieldKind.PEOPLE:
        given = field.initial.split(",") if isinstance(field.initial, str) else field.initial
        people = [user.strip() for user in given if user.strip()]
        return {"type": "multi_users_select", **({"initial_users": people} if people else {})}
    first = field.initial if isinstance(field.initial, str) else ",".join(field.initial)
    if field.kind is FieldKind.CHOICE:
        options = [_option(value, label) for value, label in field.options[:_OPTIONS]]
        chosen = next((o for o in options if o["value"] == first), None)
        if not options:
            return None
        return {
            "type": "static_select",
            "options": options,
            **({"initial_option": chosen} if chosen else {}),
        }
    longest = max(1, min(field.longest, 3000))
    initial = cut(first, longest, end="")
    return {
        "type": "plain_text_input",
        "multiline": field.kind is FieldKind.TEXT,
        "max_length": longest,
        **({"initial_value": initial} if initial else {}),
    }


def _option(value: str, label: str) -> Element:
    return {"text": _plain(label, _LABEL), "value": cut(value, _OPTION_VALUE, end="") or "-"}


def _plain(text: str, longest: int) -> Element:
    return {
        "type": "plain_text",
        "text": cut(" ".join(cut(text, 4 * longest, end="").split()), longest) or _NOTHING,
        "emoji": False,
    }


def _header(text: str) -> Block:
    return {"type": "header", "text": _plain(text, _HEADER)}


def _context(*lines: str) -> Block:
    return {"type": "context", "elements": [_plain(line, _SMALL) for line in lines if line.strip()]}


def _rich(elements: list[Element]) -> Block:
    return {"type": "rich_text", "elements": elements}


def _message(text: str, blocks: list[Block]) -> dict[str, Any]:
    """``text`` is for notifications and screen readers; Slack reads markup in it, so that is escaped."""
    said = cut(text, _FALLBACK, end=f"\n{SHORTENED}").strip() or "VigilBot"
    safe = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": safe, "blocks": _numbered(blocks)}


def _numbered(blocks: Sequence[Block]) -> list[Block]:
    """Every block with an id that its place and content make."""
    made: list[Block] = []
    for number, block in enumerate(blocks):
        content = json.dumps(block, sort_keys=True, ensure_ascii=True).encode()
        made.append(block | {"block_id": f"{number}-{hashlib.sha256(content).hexdigest()[:12]}"})
    return made
