"""What Lark accepts as a card, JSON 2.0: as far as its documents and refusals are known."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vigilbot.workspace.lark.state import Json

LARGEST = 30 * 1024
ELEMENTS = 200
_KNOWN = frozenset(
    {
        "markdown",
        "button",
        "column_set",
        "column",
        "overflow",
        "form",
        "input",
        "select_static",
        "multi_select_person",
        "hr",
        "div",
        "img",
        "collapsible_panel",
        "interactive_container",
    }
)
_IN_FORMS = frozenset({"input", "select_static", "multi_select_person"})


def problem(content: str) -> str:
    """Why a card is refused, "" when it is not."""
    if len(content.encode()) > LARGEST:
        return f"card is larger than {LARGEST} bytes"
    try:
        card = json.loads(content)
    except ValueError:
        return "card is no JSON"
    if not isinstance(card, dict) or card.get("schema") != "2.0":
        return "schema is not 2.0"
    elements = card.get("body", {}).get("elements")
    if not isinstance(elements, list) or not elements:
        return "body.elements is empty"
    names: set[str] = set()
    counted = [0]
    found = _elements(elements, names, counted, form=False)
    return found or ("too many elements" if counted[0] > ELEMENTS else "")


def actions(card: Json) -> list[Json]:
    """Everything on a card that can be clicked on: buttons and menus, in order."""
    return [element for element in walk(card.get("body", {})) if element.get("tag") in ("button", "overflow")]


def walk(value: object) -> list[Json]:
    """Every element within, outer ones first."""
    found: list[Json] = []
    if isinstance(value, dict):
        if "tag" in value:
            found.append(value)
        for inner in value.values():
            found += walk(inner)
    elif isinstance(value, list):
        for inner in value:
            found += walk(inner)
    return found


def _elements(elements: object, names: set[str], counted: list[int], *, form: bool) -> str:
    for element in elements if isinstance(elements, list) else []:
        counted[0] += 1
        if not isinstance(element, dict) or element.get("tag") not in _KNOWN:
            return f"unknown element {element!r:.80}"
        if said := _element(element, names, form=form):
            return f"{element['tag']}: {said}"
        inner = [*(element.get("elements") or []), *(element.get("columns") or [])]
        if said := _elements(inner, names, counted, form=form or element["tag"] == "form"):
            return said
    return ""


def _element(element: Mapping[str, object], names: set[str], *, form: bool) -> str:
    tag, name = element["tag"], element.get("name")
    if tag in _IN_FORMS and (not form or not isinstance(name, str)):
        return "outside of a form, or without a name"
    if isinstance(name, str) and tag != "form":
        if name in names:
            return f"the name {name} stands twice"
        names.add(name)
    if tag == "markdown" and not (isinstance(element.get("content"), str) and element["content"]):
        return "content is empty"
    if tag == "button" and not _text(element.get("text")):
        return "text is empty"
    if tag == "overflow" and not element.get("options"):
        return "no options"
    if tag == "input":
        longest, given = element.get("max_length", 1000), element.get("default_value", "")
        if not isinstance(longest, int) or not 1 <= longest <= 1000:
            return "max_length is not between 1 and 1000"
        if isinstance(given, str) and len(given) > longest:
            return "default_value is longer than max_length"
    return ""


def _text(value: object) -> str:
    content = value.get("content") if isinstance(value, dict) else ""
    return content if isinstance(content, str) else ""
