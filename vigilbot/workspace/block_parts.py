"""The parts that blocks are made of: texts, options, interactive elements, rich text."""

from __future__ import annotations

from collections.abc import Mapping

from vigilbot.workspace.checking import (
    Check,
    also,
    any_field,
    anything,
    by_type,
    choice,
    flag,
    items,
    number,
    shape,
    string,
    url,
)


def plain(longest: int) -> Check:
    return by_type({"plain_text": shape({"text": string(longest)}, {"emoji": flag})})


def text(longest: int) -> Check:
    return by_type(
        {
            "plain_text": shape({"text": string(longest)}, {"emoji": flag}),
            "mrkdwn": shape({"text": string(longest)}, {"verbatim": flag}),
        }
    )


ID = string(255)
CONFIRM = shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": choice("primary", "danger")},
)
OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75), "url": url()})
PLAIN_OPTION = shape({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": url()})
OPTIONS = items(PLAIN_OPTION, most=100)
GROUPS = items(shape({"label": plain(75), "options": OPTIONS}), most=100)
_PLACED = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": flag}
_LISTED = {**_PLACED, "placeholder": plain(150), "options": OPTIONS, "option_groups": GROUPS}
_OF_PEOPLE = {**_PLACED, "placeholder": plain(150)}
_FILTER = {"filter": anything, "default_to_current_conversation": flag, "response_url_enabled": flag}
_MANY = {"max_selected_items": number(1, 100)}
_LINE = {
    "action_id": ID,
    "focus_on_load": flag,
    "placeholder": plain(150),
    "dispatch_action_config": anything,
}
_LABEL = {"accessibility_label": string(75)}

BUTTON = shape(
    {"text": plain(75)},
    {
        "action_id": ID,
        "url": url(),
        "value": string(2000),
        "style": choice("primary", "danger"),
        "confirm": CONFIRM,
        **_LABEL,
    },
)
IMAGE = also(
    shape({"alt_text": string(2000)}, {"image_url": url(), "slack_file": anything}),
    any_field("image_url", "slack_file"),
)

ACTING: Mapping[str, Check] = {
    "button": BUTTON,
    "overflow": shape({"options": items(PLAIN_OPTION, most=5)}, {"action_id": ID, "confirm": CONFIRM}),
    "static_select": also(
        shape({}, {**_LISTED, "initial_option": PLAIN_OPTION}), any_field("options", "option_groups")
    ),
    "multi_static_select": also(
        shape({}, {**_LISTED, **_MANY, "initial_options": OPTIONS}), any_field("options", "option_groups")
    ),
    "users_select": shape({}, {**_OF_PEOPLE, "initial_user": ID}),
    "multi_users_select": shape({}, {**_OF_PEOPLE, **_MANY, "initial_users": items(ID, most=100, least=0)}),
    "conversations_select": shape({}, {**_OF_PEOPLE, **_FILTER, "initial_conversation": ID}),
    "multi_conversations_select": shape(
        {}, {**_OF_PEOPLE, **_FILTER, **_MANY, "initial_conversations": items(ID, most=100, least=0)}
    ),
    "channels_select": shape({}, {**_OF_PEOPLE, "initial_channel": ID, "response_url_enabled": flag}),
    "multi_channels_select": shape(
        {}, {**_OF_PEOPLE, **_MANY, "initial_channels": items(ID, most=100, least=0)}
    ),
    "external_select": shape(
        {}, {**_OF_PEOPLE, "min_query_length": number(0, 100), "initial_option": OPTION}
    ),
    "datepicker": shape({}, {**_OF_PEOPLE, "initial_date": string(10)}),
    "timepicker": shape({}, {**_OF_PEOPLE, "initial_time": string(5), "timezone": string()}),
    "datetimepicker": shape({}, {**_PLACED, "initial_date_time": anything}),
    "checkboxes": shape(
        {"options": items(OPTION, most=10)}, {**_PLACED, "initial_options": items(OPTION, most=10)}
    ),
    "radio_buttons": shape({"options": items(OPTION, most=10)}, {**_PLACED, "initial_option": OPTION}),
}
"""Elements of actions blocks and section accessories."""

ASKING: Mapping[str, Check] = {
    **{kind: check for kind, check in ACTING.items() if kind not in {"button", "overflow"}},
    "plain_text_input": shape(
        {},
        {
            **_LINE,
            "initial_value": string(3000, least=0),
            "multiline": flag,
            "min_length": number(0, 3000),
            "max_length": number(1, 3000),
        },
    ),
    "email_text_input": shape({}, {**_LINE, "initial_value": string(least=0)}),
    "url_text_input": shape({}, {**_LINE, "initial_value": string(least=0)}),
    "number_input": shape(
        {"is_decimal_allowed": flag},
        {**_LINE, "initial_value": string(least=0), "min_value": string(), "max_value": string()},
    ),
}
"""Elements of input blocks."""

FEEDBACK: Mapping[str, Check] = {
    "feedback_buttons": shape({"positive_button": anything, "negative_button": anything}, {"action_id": ID}),
    "icon_button": shape(
        {"icon": choice("trash"), "text": plain(75)},
        {
            "action_id": ID,
            "value": string(2000),
            "confirm": CONFIRM,
            "visible_to_user_ids": items(ID, most=10),
            **_LABEL,
        },
    ),
}

_STYLE = shape({}, {name: flag for name in ("bold", "italic", "strike", "code", "underline", "highlight")})
_FACE = {"style": _STYLE}
_WORDS: Mapping[str, Check] = {
    "text": shape({"text": string()}, _FACE),
    "link": shape({"url": url()}, {"text": string(), "unsafe": flag, **_FACE}),
}
_INLINE: Mapping[str, Check] = {
    **_WORDS,
    "emoji": shape({"name": string()}, {"unicode": string(), "skin_tone": number(1, 6), **_FACE}),
    "user": shape({"user_id": ID}, _FACE),
    "usergroup": shape({"usergroup_id": ID}, _FACE),
    "channel": shape({"channel_id": ID}, _FACE),
    "broadcast": shape({"range": choice("here", "channel", "everyone")}, _FACE),
    "color": shape({"value": string()}, _FACE),
    "date": shape({"timestamp": anything, "format": string()}, {"url": url(), "fallback": string(), **_FACE}),
}
_INSIDE = items(by_type(_INLINE), most=10_000, least=0)
_SECTION = shape({"elements": _INSIDE})
_BORDER = {"border": number(0, 1)}
RICH: Mapping[str, Check] = {
    "rich_text_section": _SECTION,
    "rich_text_list": shape(
        {
            "elements": items(by_type({"rich_text_section": _SECTION}), most=10_000),
            "style": choice("bullet", "ordered"),
        },
        {"indent": number(0, 8), "offset": number(0, 1_000_000), **_BORDER},
    ),
    "rich_text_preformatted": shape(
        {"elements": items(by_type(_WORDS), most=10_000)}, {**_BORDER, "language": string()}
    ),
    "rich_text_quote": shape({"elements": _INSIDE}, _BORDER),
}
"""Elements of rich_text blocks."""
