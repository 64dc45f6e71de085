"""Cards, notices, panels and forms as Lark's cards, JSON 2.0: the same words as everywhere else.

Always within 30 KB, never a mention, never a foreign link. ``say`` translates the bot's own words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from vigilbot.cards import Action, ActionKind, Card, Field, FieldKind, Form, Notice, Panel, Section
from vigilbot.domain import Decision
from vigilbot.platforms.lark_markdown import escaped, lark_markdown, link, own_markdown
from vigilbot.platforms.lengths import cut
from vigilbot.platforms.links import cited_links, openable
from vigilbot.text import clean

Element = dict[str, Any]
Say = Callable[[str], str]
"""The bot's own words in the reader's language."""

LARGEST: Final = 28_000  # bytes of a card's JSON; Lark takes 30 KB
MARK: Final = "vigilbot"
_IN_MENU: Final = frozenset({ActionKind.WHY, ActionKind.SHARE, ActionKind.WITHDRAW, ActionKind.TAKE_BACK})
_BODY: Final = 5000
_SHORTER: Final = ((5000, 2000), (2500, 2000), (1200, 300), (500, 0))
"""Units of the body, and characters of an address that is still linked, until the card is small enough."""
_QUESTION: Final = 200
_SOURCES: Final = 10
_SOURCE: Final = 120
_SMALL: Final = 300  # a line of who and whence
_NOTICE: Final = 6000
_PANEL: Final = 9000
_FACT: Final = 800
_LABEL: Final = 75
_FORM: Final = 20_000  # bytes of what is to be filled in, while there is a choice
_INPUT: Final = 1000  # characters that Lark lets people write into one field
_INPUTS: Final = 3
_OPTIONS: Final = 100


def as_written(text: str) -> str:
    return text


def card_content(card: Card, *, asker: str = "", say: Say = as_written) -> Element:
    """The response card. ``asker`` is the name of whom it answers."""
    drawn: Element = {}
    for longest, address in _SHORTER:
        linked = [c if len(c.url) <= address else replace(c, url="") for c in card.citations]
        drawn = _card(replace(card, citations=tuple(linked)), asker, say, longest)
        if size(drawn) <= LARGEST:
            break
    return drawn


def notice_content(notice: Notice, *, say: Say = as_written) -> Element:
    drawn: Element = {}
    for longest in (_NOTICE, _NOTICE // 3, _NOTICE // 12):
        said = _markdown(own_markdown(say(notice.text), longest=longest))
        drawn = _framed([said, *_buttons(notice.actions, say)])
        if size(drawn) <= LARGEST:
            break
    return drawn


def panel_content(panel: Panel, *, say: Say = as_written) -> Element:
    elements: list[Element] = []
    left = _PANEL
    for section in panel.sections:
        made = _section(section, say, left)
        left -= sum(size(element) for element in made)
        if left <= 0:
            elements.append(_markdown(escaped(say("… shortened"))))
            break
        elements += made
    return _framed(elements or [_markdown(escaped(say("Nothing to show.")))], title=say(panel.title))


def form_content(form: Form, *, say: Say = as_written) -> Element:
    """What is filled in comes back as ``form_value``; ``form.value`` with the click on the button."""
    fields: list[Element] = (
        [_markdown(own_markdown(say(form.note), longest=1000))] if form.note.strip() else []
    )
    inputs: list[Element] = []
    for longest in (_LABEL, _LABEL // 5):
        inputs = [element for field in form.fields for element in _inputs(field, say, longest)]
        if sum(size(element) for element in inputs) <= _FORM:
            break
    fields += inputs
    value = {MARK: "form", "name": form.name, "value": form.value}
    fields.append(
        {
            "tag": "button",
            "name": "submit",
            "type": "primary",
            "text": _plain(say(form.submit), _LABEL),
            "form_action_type": "submit",
            "behaviors": [{"type": "callback", "value": value}],
        }
    )
    return _framed([{"tag": "form", "name": MARK, "elements": fields}], title=say(form.title))


def placed(content: Element, channel: str, ts: str, thread: str) -> Element:
    """The content with the place it is about in every button: what is shown in a person's own chat with the
    bot belongs elsewhere, and that must outlive the process."""
    for part in walk(content):
        for behaviour in part.get("behaviors", ()):
            if isinstance(value := behaviour.get("value"), dict):
                value["at"] = [channel, ts, thread]
        if part.get("tag") == "overflow":
            for option in part["options"]:
                option["value"] = json.dumps([*json.loads(option["value"])[:2], channel, ts, thread])
    return content


def walk(value: object) -> Iterator[Element]:
    """Every element within, outer ones first."""
    if isinstance(value, dict):
        if "tag" in value:
            yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def form_fields(values: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """What was filled in, by the fields' names; what has another shape is left out."""
    found: dict[str, str | tuple[str, ...]] = {}
    for name in sorted(values):
        given, (field, _, part) = values[name], name.partition("#")
        if isinstance(given, list):
            found[field] = tuple(str(person) for person in given)
        elif isinstance(given, str):
            earlier = found.get(field, "")
            found[field] = (earlier if isinstance(earlier, str) and part else "") + given
    return found


def size(element: Element) -> int:
    """Bytes of its JSON."""
    return len(json.dumps(element, ensure_ascii=False).encode(errors="replace"))


def _card(card: Card, asker: str, say: Say, longest: int) -> Element:
    urls = tuple(citation.url for citation in card.citations)
    elements: list[Element] = []
    if card.superseded.strip():
        elements.append(_markdown("⚠ " + own_markdown(say(card.superseded), longest=400)))
    if question := " ".join(cut(card.question, _QUESTION).split()):
        elements.append(_markdown(f"> {escaped(question)}"))
    elements.append(
        _markdown(lark_markdown(card.body, longest=longest, links_of=cited_links(urls), cited=urls))
    )
    if card.citations:
        elements.append(_markdown(_sources(card, say), small=True))
    told = [say(card.provenance)]
    if card.accepted_by:
        told.append(say(f"✓ Accepted by {card.accepted_by}"))
    if any(line.strip() for line in told):
        lines = [escaped(cut(line, _SMALL)) for line in told if line.strip()]
        elements.append(_markdown("\n".join(lines), small=True))
    elements += _buttons(card.actions, say)
    return _framed(elements, title=_who(card, asker, say), template="grey" if card.superseded else "blue")


def _who(card: Card, asker: str, say: Say) -> str:
    parts = [say(card.title)]
    if asker:
        parts.append(say(f"for {asker}"))
    if card.audience is Decision.ANALYSTS:
        parts.append(say("a draft: only you see this"))
    if card.posted_by:
        parts.append(say(f"posted by {card.posted_by}"))
    return "🤖 " + " · ".join(parts)


def _sources(card: Card, say: Say) -> str:
    lines: list[str] = []
    for number, citation in enumerate(card.citations[:_SOURCES], start=1):
        title = cut(citation.title, _SOURCE) or say("an earlier case")
        lines.append(f"{escaped(f'[{number}]')} {link(citation.url, title)}")
    if (more := len(card.citations) - _SOURCES) > 0:
        lines.append(escaped(say(f"and {more} more")))
    return "\n".join(lines)


def _section(section: Section, say: Say, left: int) -> list[Element]:
    found: list[Element] = []
    lines = [f"**{escaped(say(section.heading))}**"] if section.heading.strip() else []
    for name, value in section.facts:
        lines.append(f"**{escaped(cut(say(name), _LABEL))}**: {escaped(cut(say(value), _FACT))}")
    lines += [own_markdown(say(line), longest=max(200, min(left, 3000))) for line in section.lines]
    if lines:
        found.append(_markdown("\n".join(lines)))
    return found + _buttons(section.actions, say)


def _inputs(field: Field, say: Say, longest: int) -> list[Element]:
    """``longest`` is that of an entry to choose."""
    label = _plain(say(field.label), _LABEL)
    first = field.initial if isinstance(field.initial, str) else ",".join(field.initial)
    common = {"name": field.name, "required": not field.optional}
    hint = {"placeholder": _plain(say(field.hint), 100)} if field.hint else {}
    if field.kind is FieldKind.PEOPLE:
        people = list(field.initial) if not isinstance(field.initial, str) else first.split(",")
        chosen = [person.strip() for person in people if person.strip()]
        picked = {"selected_values": chosen} if chosen else {}
        return [_markdown(_label(label)), {"tag": "multi_select_person", **common, **hint, **picked}]
    if field.kind is FieldKind.CHOICE:
        options = [
            {"text": _plain(say(name), longest), "value": value} for value, name in field.options[:_OPTIONS]
        ]
        if not options:
            return [_markdown(escaped(say(f"{field.label}: nothing to choose from.")))]
        known = {"initial_option": first} if any(value == first for value, _ in field.options) else {}
        return [
            _markdown(_label(label)),
            {"tag": "select_static", "options": options, **common, **hint, **known},
        ]
    return _texts(field, clean(first)[: field.longest], label, common | hint)


def _texts(field: Field, first: str, label: Element, common: Element) -> list[Element]:
    """Lark takes a thousand characters a field, so a long text stands in several."""
    long = field.kind is FieldKind.TEXT
    most = min(_INPUTS, -(-field.longest // _INPUT)) if long else 1
    needed = max(1, -(-len(first) // _INPUT)) if long else 1
    made: list[Element] = []
    for number in range(min(most, max(needed, 2 if most > 1 else 1))):
        part = first[number * _INPUT : (number + 1) * _INPUT]
        made.append(
            {
                "tag": "input",
                **common,
                **({"name": f"{field.name}#{number}", "required": False} if number else {"label": label}),
                "label_position": "top",
                "max_length": min(field.longest, _INPUT),
                "width": "fill",
                **({"input_type": "multiline_text", "rows": 4} if long else {}),
                **({"default_value": part} if part else {}),
            }
        )
    return made


def _buttons(actions: Sequence[Action], say: Say) -> list[Element]:
    """Buttons side by side; what only analysts may do in a menu at their end."""
    in_menu = [a for a in actions if a.kind in _IN_MENU and not a.confirm]
    menu = in_menu if len(in_menu) > 1 else []
    elements = [_button(action, say) for action in actions if action not in menu]
    if menu:
        options = [
            {"text": _plain(say(a.label), _LABEL), "value": json.dumps([a.kind.value, a.value])} for a in menu
        ]
        elements.append({"tag": "overflow", "width": "default", "options": options})
    if not elements:
        return []
    columns = [{"tag": "column", "width": "auto", "elements": [element]} for element in elements]
    return [{"tag": "column_set", "flex_mode": "flow", "columns": columns}]


def _button(action: Action, say: Say) -> Element:
    button: Element = {
        "tag": "button",
        "text": _plain(say(action.label), _LABEL),
        "type": "primary" if action.primary else "default",
        "behaviors": [{"type": "callback", "value": {MARK: action.kind.value, "value": action.value}}],
    }
    if action.kind is ActionKind.OPEN:
        where = action.value if openable(action.value) else ""
        button["behaviors"] = [{"type": "open_url", "default_url": where}] if where else []
    if action.confirm:
        button["confirm"] = {
            "title": _plain(say("Are you sure?"), 100),
            "text": _plain(say(action.confirm), 200),
        }
    return button


def _framed(elements: list[Element], *, title: str = "", template: str = "blue") -> Element:
    header = {"header": {"title": _plain(title, 150), "template": template}} if title else {}
    return {
        "schema": "2.0",
        "config": {"update_multi": True, "width_mode": "default"},
        **header,
        "body": {"elements": elements},
    }


def _markdown(content: str, *, small: bool = False) -> Element:
    return {"tag": "markdown", "content": content or " ", **({"text_size": "notation"} if small else {})}


def _label(label: Element) -> str:
    return escaped(str(label["content"]))


def _plain(text: str, longest: int) -> Element:
    return {"tag": "plain_text", "content": cut(" ".join(text.split()), longest) or "-"}
