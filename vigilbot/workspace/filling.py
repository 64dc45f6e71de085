"""What people choose or write in an element, in the shape in which Slack passes it on."""

from __future__ import annotations

from collections.abc import Mapping

from vigilbot.workspace.blocks import elements_of
from vigilbot.workspace.state import Json

_CHOSEN: Mapping[str, tuple[str, str]] = {
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "multi_static_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
}
"""Where the choice stands, and where the app said what it is to begin with."""

REQUIRED = "Please complete this required field."


def chosen(element: Json, value: object) -> Json:
    """The element with what somebody chose: an option's value, ids, text; a list for several.

    Raises LookupError for an option that is not there to choose.
    """
    kind = element["type"]
    if kind not in _CHOSEN:
        return {"type": kind, "value": value if value not in ("", None) else None}
    key, _ = _CHOSEN[kind]
    if key == "selected_option":
        return {"type": kind, key: _option(element, value)}
    if key == "selected_options":
        return {"type": kind, key: [_option(element, one) for one in _several(value)]}
    many = kind.startswith("multi_")
    return {"type": kind, key: list(_several(value)) if many else value or None}


def initial(element: Json) -> Json:
    kind = element["type"]
    if kind not in _CHOSEN:
        return {"type": kind, "value": element.get("initial_value") or None}
    key, start = _CHOSEN[kind]
    empty: object = [] if key.endswith("s") else None
    return {"type": kind, key: element.get(start, empty)}


def filled(view: Json, values: Mapping[str, Mapping[str, object]]) -> tuple[Json, dict[str, str]]:
    """The state of a window's inputs, by block and action, and what its person has to mend first.

    ``values`` by block_id and action_id; inputs not among them are as they began. Raises
    LookupError for a block or an input that the window does not have.
    """
    state: Json = {}
    errors: dict[str, str] = {}
    for block in view["blocks"]:
        for element in elements_of(block):
            if element["type"] in {"button", "overflow"}:
                continue
            given = values.get(block["block_id"], {})
            action = element["action_id"]
            entry = chosen(element, given[action]) if action in given else initial(element)
            state.setdefault(block["block_id"], {})[action] = entry
            if problem := _problem(block, element, entry):
                errors[block["block_id"]] = problem
    unknown = [f"{b}/{a}" for b, inner in values.items() for a in inner if a not in state.get(b, {})]
    if unknown:
        raise LookupError(f"the window has no input {', '.join(unknown)}")
    return state, errors


def _problem(block: Json, element: Json, entry: Json) -> str:
    if block["type"] != "input":
        return ""
    value = next(v for k, v in entry.items() if k != "type")
    if value in (None, "", []):
        return "" if block.get("optional") else REQUIRED
    longest = element.get("max_length")
    if isinstance(value, str) and longest and len(value) > longest:
        return f"Please use at most {longest} characters."
    return ""


def _option(element: Json, value: object) -> Json | None:
    if value in (None, ""):
        return None
    options: list[Json] = list(element.get("options", ()))
    options += [o for group in element.get("option_groups", ()) for o in group["options"]]
    for option in options:
        if option["value"] == value:
            return option
    raise LookupError(f"there is no option {value!r}")


def _several(value: object) -> list[object]:
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value in (None, "") else [value]
