"""The Slack app as Slack wants to be told of it: which permissions, which events, and what for.

The tables below are the truth; the file config/slack-manifest.yaml is what `manifest` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

from vigilbot.platforms.slack_calls import SHORTCUTS

Option = Literal["", "private", "direct", "files"]
"""What an operator may add: private channels, direct messages to the bot, files. "" is always there."""


@dataclass(frozen=True, slots=True)
class Permission:
    scope: str
    why: str
    option: Option = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An event, and the permission Slack sends it for ("" for none)."""

    event: str
    scope: str
    why: str
    option: Option = ""


PERMISSIONS: Final = (
    Permission("app_mentions:read", "see when somebody asks the bot directly"),
    Permission("channels:history", "read the messages of public channels it was invited to"),
    Permission("channels:read", "know a channel's name and whether another company shares it"),
    Permission("chat:write", "post, update and remove its own cards"),
    Permission("commands", "the slash command and the message shortcuts"),
    Permission(
        "metadata.message:read", "find a card again after a lost connection, instead of posting it twice"
    ),
    Permission("reactions:read", "an analyst's check mark closes an on-call"),
    Permission("usergroups:read", "who is an analyst, by user group"),
    Permission("users:read", "names, titles, guests and people of other companies"),
    Permission("groups:history", "read the messages of private channels it was invited to", "private"),
    Permission("groups:read", "know a private channel's name and who shares it", "private"),
    Permission("im:history", "read direct messages to the bot", "direct"),
    Permission("im:read", "know a direct message when it sees one", "direct"),
    Permission("files:read", "look at the pictures in messages, where the engine can see", "files"),
)
SUBSCRIPTIONS: Final = (
    Subscription("message.channels", "channels:history", "questions and answers"),
    Subscription("app_mention", "app_mentions:read", "direct questions and commands in threads"),
    Subscription("reaction_added", "reactions:read", "a check mark closes an on-call"),
    Subscription("reaction_removed", "reactions:read", "and without it, it is open again"),
    Subscription("member_joined_channel", "channels:read", "the bot was invited; an analyst came"),
    Subscription("member_left_channel", "channels:read", "the bot was removed"),
    Subscription("channel_left", "channels:read", "the bot was removed"),
    Subscription("channel_rename", "channels:read", "names in reports"),
    Subscription("channel_archive", "channels:read", "nothing more to do there"),
    Subscription("channel_unarchive", "channels:read", "and again"),
    Subscription("channel_deleted", "channels:read", "nothing more to do there"),
    Subscription("channel_shared", "channels:read", "another company reads along: stricter rules"),
    Subscription("channel_unshared", "channels:read", "no other company reads along any more"),
    Subscription("subteam_created", "usergroups:read", "who is an analyst"),
    Subscription("subteam_updated", "usergroups:read", "who is an analyst"),
    Subscription("subteam_members_changed", "usergroups:read", "who is an analyst"),
    Subscription("app_home_opened", "", "fill the bot's own page"),
    Subscription("app_uninstalled", "", "say in the log why nothing works any more"),
    Subscription("tokens_revoked", "", "say in the log why nothing works any more"),
    Subscription("message.groups", "groups:history", "questions and answers", "private"),
    Subscription("group_left", "groups:read", "the bot was removed", "private"),
    Subscription("group_rename", "groups:read", "names in reports", "private"),
    Subscription("group_archive", "groups:read", "nothing more to do there", "private"),
    Subscription("group_unarchive", "groups:read", "and again", "private"),
    Subscription("group_deleted", "groups:read", "nothing more to do there", "private"),
    Subscription("message.im", "im:history", "questions to the bot alone", "direct"),
)
METHODS: Final[Mapping[str, str]] = {
    "auth.test": "",
    "apps.connections.open": "",  # by the app-level token
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "conversations.info": "channels:read",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "users.conversations": "channels:read",
    "users.info": "users:read",
    "users.list": "users:read",
    "usergroups.list": "usergroups:read",
    "views.open": "",
    "views.push": "",
    "views.update": "",
    "views.publish": "",
}
"""Every method of the Web API that the adapter calls, with the permission it needs."""

_HEAD: Final = """\
# The Slack app "VigilBot". On api.slack.com/apps: Create New App, From a manifest, paste this.
# `vigilbot manifest --help` tells how to add private channels, direct messages and files.
"""


def wanted(options: Iterable[Option] = ()) -> tuple[tuple[Permission, ...], tuple[Subscription, ...]]:
    """Permissions and events with the given options; those of public channels are always there."""
    chosen = {"", *options}
    return (
        tuple(p for p in PERMISSIONS if p.option in chosen),
        tuple(s for s in SUBSCRIPTIONS if s.option in chosen),
    )


def manifest(
    *,
    mode: Literal["socket", "http"] = "socket",
    url: str = "",
    command: str = "/vigil",
    private: bool = False,
    direct: bool = False,
    files: bool = False,
) -> str:
    """The manifest as YAML. ``url`` is the public address of /slack/events, for mode http."""
    options: list[Option] = []
    options += ["private"] if private else []
    options += ["direct"] if direct else []
    options += ["files"] if files else []
    permissions, subscriptions = wanted(options)
    address = {"request_url": url} if mode == "http" else {}
    parts = [
        _HEAD,
        _yaml({"_metadata": {"major_version": 2, "minor_version": 1}}),
        _yaml({"display_information": _ABOUT}),
        _yaml({"features": _features(command, url if mode == "http" else "", direct)}),
        "oauth_config:\n  scopes:\n    bot:\n",
        *_explained([(p.scope, p.why) for p in permissions], indent=6),
        "settings:\n  event_subscriptions:\n",
        *([f"    {_yaml(address)}"] if address else []),
        "    bot_events:\n",
        *_explained([(s.event, s.why) for s in subscriptions], indent=6),
        _indented(
            {
                "interactivity": {"is_enabled": True, **address},
                "org_deploy_enabled": False,
                "socket_mode_enabled": mode == "socket",
                "token_rotation_enabled": False,
            }
        ),
    ]
    return "".join(parts)


_ABOUT: Final = {
    "name": "VigilBot",
    "description": "Answers before you have to, from what your team has answered before.",
    "background_color": "#1f2d3d",
}


def _features(command: str, url: str, direct: bool) -> dict[str, Any]:
    return {
        "bot_user": {"display_name": "VigilBot", "always_online": True},
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": direct,
            "messages_tab_read_only_enabled": not direct,
        },
        "slash_commands": [
            {
                "command": command,
                **({"url": url} if url else {}),
                "description": "VigilBot for operators",
                "usage_hint": "help",
                "should_escape": True,
            }
        ],
        "shortcuts": [
            {"name": name, "type": "message", "callback_id": callback, "description": _SHORTCUTS[callback]}
            for callback, name in SHORTCUTS.items()
        ],
    }


_SHORTCUTS: Final = {
    "save_knowledge": "Teach VigilBot what this message says",
    "ask_vigilbot": "A private answer to this message",
}


def _explained(rows: Iterable[tuple[str, str]], *, indent: int) -> list[str]:
    return [f"{' ' * indent}- {name}  # {why}\n" for name, why in rows]


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, width=1000)


def _indented(values: Mapping[str, Any]) -> str:
    return "".join(f"  {line}\n" for line in _yaml(values).splitlines())
