"""The one app that is installed in the workspace: its ids, tokens, scopes and subscriptions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from random import Random

DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "metadata.message:read",
        "reactions:read",
        "usergroups:read",
        "users:read",
    }
)
DEFAULT_EVENTS = frozenset(
    {
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "channel_archive",
        "channel_deleted",
        "channel_left",
        "channel_rename",
        "channel_shared",
        "channel_unarchive",
        "channel_unshared",
        "group_archive",
        "group_deleted",
        "group_left",
        "group_rename",
        "group_unarchive",
        "member_joined_channel",
        "member_left_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "reaction_added",
        "reaction_removed",
        "subteam_members_changed",
        "tokens_revoked",
        "user_change",
    }
)


@dataclass(kw_only=True, slots=True)
class App:
    """``revoked``: the bot token is void. Names of events as a manifest has them."""

    id: str
    name: str
    bot_user: str
    bot_id: str
    bot_token: str
    app_token: str
    signing_secret: str
    verification_token: str
    scopes: frozenset[str]
    events: frozenset[str]
    revoked: bool = False
    app_token_revoked: bool = False
    tickets: set[str] = field(default_factory=set)  # of sockets that may be opened


def installed(
    rng: Random, *, name: str, scopes: Collection[str] | None, events: Collection[str] | None
) -> App:
    """An app with secrets of its own; None stands for what a bot in public channels needs."""

    def secret(length: int) -> str:
        return "".join(rng.choices("0123456789abcdef", k=length))

    return App(
        id="A00000APP",
        name=name,
        bot_user="U00000BOT",
        bot_id="B00000BOT",
        bot_token=f"xoxb-{secret(12)}-{secret(24)}",
        app_token=f"xapp-1-A00000APP-{secret(24)}",
        signing_secret=secret(32),
        verification_token=secret(24),
        scopes=DEFAULT_SCOPES if scopes is None else frozenset(scopes),
        events=DEFAULT_EVENTS if events is None else frozenset(events),
    )
