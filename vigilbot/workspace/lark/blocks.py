"""Lark's cards as the blocks that the page draws."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from vigilbot.workspace.lark.state import Json

_LINK = re.compile(r"\[((?:[^\[\]]|&#\d+;)*)\]\((https?://[^\s()]+)\)")
_CODE = re.compile(r"```\n?(.*?)\n?```|`([^`\n]+)`", re.DOTALL)
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_STRUCK = re.compile(r"~~(.+?)~~")
OPEN_FORM = "lark:form"


def blocks(card: Mapping[str, Any]) -> list[Json]:
    """What a message shows. A form stands behind a button: ``form`` draws it."""
    found: list[Json] = []
    title = card.get("header", {}).get("title", {}).get("content")
    if title:
        found.append({"type": "context", "elements": [_plain(title)]})
    for element in card.get("body", {}).get("elements", ()):
        found += _element(element)
    return [block | {"block_id": f"b{number}"} for number, block in enumerate(found)]


def form(card: Mapping[str, Any]) -> tuple[str, str, list[Json]] | None:
    """Title, the word on its button, and the blocks of a card's form; None without one."""
    holder = next((e for e in card.get("body", {}).get("elements", ()) if e.get("tag") == "form"), None)
    if holder is None:
        return None
    title = str(card.get("header", {}).get("title", {}).get("content", ""))
    send, label, found = "Send", "", []
    for element in holder.get("elements", ()):
        tag = element.get("tag")
        if tag == "markdown":
            label = html.unescape(str(element.get("content", "")))
            continue
        if tag == "button":
            send = str(element.get("text", {}).get("content", send))
            continue
        found.append(_input(element, label))
        label = ""
    return title, send, found


def mrkdwn(text: str) -> str:
    """Lark's Markdown as Slack's, as far as the bot writes it."""
    out, at = [], 0
    for match in _CODE.finditer(text):
        out += [_inline(text[at : match.start()]), _code(match)]
        at = match.end()
    return "".join([*out, _inline(text[at:])])


def _code(match: re.Match[str]) -> str:
    body = _escaped(match[1] if match[1] is not None else match[2])
    return f"```{body}```" if match[1] is not None else f"`{body}`"


def _inline(text: str) -> str:
    out, at = [], 0
    for match in _LINK.finditer(text):
        out += [_marked(text[at : match.start()]), f"<{match[2]}|{_marked(match[1])}>"]
        at = match.end()
    return "".join([*out, _marked(text[at:])])


def _marked(text: str) -> str:
    """Entities are characters; what could be markup of Slack's by chance is kept apart from what is meant."""
    bold = _BOLD.sub(lambda m: f"\ue000{m[1]}\ue000", text)
    struck = _STRUCK.sub(lambda m: f"\ue001{m[1]}\ue001", bold)
    plain = _escaped(html.unescape(struck)).replace("*", "\u2217").replace("~", "\u223c")
    return plain.replace("\ue000", "*").replace("\ue001", "~")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _element(element: Mapping[str, Any]) -> list[Json]:
    tag = element.get("tag")
    if tag == "markdown":
        text = {"type": "mrkdwn", "text": mrkdwn(str(element.get("content", "")))}
        small = element.get("text_size") == "notation"
        return [{"type": "context", "elements": [text]} if small else {"type": "section", "text": text}]
    if tag == "column_set":
        inner = [one for column in element.get("columns", ()) for one in column.get("elements", ())]
        return [{"type": "actions", "elements": [_control(one) for one in inner]}]
    if tag == "form":
        button = {"type": "button", "action_id": OPEN_FORM, "text": _plain("Fill in …"), "style": "primary"}
        return [{"type": "actions", "elements": [button]}]
    return []


def _control(element: Mapping[str, Any]) -> Json:
    if element.get("tag") == "overflow":
        options = [
            {"text": _plain(o["text"]["content"]), "value": o["text"]["content"]}
            for o in element.get("options", ())
        ]
        return {"type": "overflow", "action_id": "menu", "options": options}
    label = str(element.get("text", {}).get("content", ""))
    button: Json = {"type": "button", "action_id": label, "text": _plain(label)}
    if element.get("type") == "primary":
        button["style"] = "primary"
    for behaviour in element.get("behaviors", ()):
        if behaviour.get("type") == "open_url":
            button["url"] = behaviour.get("default_url", "")
    if confirm := element.get("confirm"):
        button["confirm"] = {
            "title": _plain(confirm["title"]["content"]),
            "text": _plain(confirm["text"]["content"]),
            "confirm": _plain(label),
            "deny": _plain("Cancel"),
        }
    return button


def _input(element: Mapping[str, Any], label: str) -> Json:
    name, tag = str(element.get("name", "")), element.get("tag")
    label = str(element.get("label", {}).get("content", "")) or label or name
    made: Json = {"type": "plain_text_input", "multiline": element.get("input_type") == "multiline_text"}
    if tag == "input":
        made |= {
            "initial_value": element.get("default_value", ""),
            "max_length": element.get("max_length", 1000),
        }
    elif tag == "select_static":
        options = [{"text": _plain(o["text"]["content"]), "value": o["value"]} for o in element["options"]]
        chosen = [o for o in options if o["value"] == element.get("initial_option")]
        made = {"type": "static_select", "options": options}
        made |= {"initial_option": chosen[0]} if chosen else {}
    else:
        made = {"type": "multi_users_select", "initial_users": element.get("selected_values", [])}
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(label),
        "element": made | {"action_id": "value"},
        "optional": not element.get("required", False),
    }


def _plain(text: object) -> Json:
    return {"type": "plain_text", "text": str(text)}
