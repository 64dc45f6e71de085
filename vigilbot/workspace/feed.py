"""Which events the app gets to hear of: those it subscribed to, has the scope for, and is there for."""

from __future__ import annotations

from collections.abc import Callable

from vigilbot.workspace.app import App
from vigilbot.workspace.shapes import KIND_SCOPE, event_callback
from vigilbot.workspace.state import Channel, Json, State

SUBSCRIPTION = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}

NEEDS = {
    "app_mention": "app_mentions:read",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "subteam_members_changed": "usergroups:read",
    "user_change": "users:read",
}
OF_CHANNELS = frozenset(
    {"member_joined_channel", "member_left_channel", "channel_shared", "channel_unshared"}
    | {"channel_rename", "channel_archive", "channel_unarchive", "channel_left", "channel_deleted"}
)
"""Events that need the read scope of the kind of channel."""
NAMED_AFTER_KIND = frozenset(
    {"channel_rename", "channel_archive", "channel_unarchive", "channel_left", "channel_deleted"}
)
"""Those that are called group_... for private channels."""


class Feed:
    """Events on their way to the app. ``push`` sends the body of one."""

    def __init__(self, state: State, app: App, push: Callable[[Json], None]) -> None:
        self._state = state
        self._app = app
        self._push = push

    def message(self, event: Json, channel: Channel) -> None:
        """A message event of any subtype."""
        scope = f"{KIND_SCOPE[channel.kind]}:history"
        if SUBSCRIPTION[channel.kind] in self._app.events and self._may(scope, channel):
            kind = {"channel": "channel", "group": "group", "im": "im"}[channel.kind]
            self._send({**event, "channel": channel.id, "channel_type": kind}, channel)

    def event(self, event: Json, channel: Channel | None = None, *, leaving: bool = False) -> None:
        """Any other event. ``leaving``: the app itself is going, and still hears that."""
        kind = event["type"]
        scope = NEEDS.get(kind, "")
        if kind in OF_CHANNELS and channel is not None:
            scope = f"{KIND_SCOPE[channel.kind]}:read"
            if channel.kind == "group" and kind in NAMED_AFTER_KIND:
                kind = kind.replace("channel", "group")
                event = {**event, "type": kind}
        if kind in self._app.events and self._may(scope, None if leaving else channel):
            self._send(event, channel)

    def _may(self, scope: str, channel: Channel | None) -> bool:
        present = channel is None or self._app.bot_user in channel.members
        return present and (not scope or scope in self._app.scopes)

    def _send(self, event: Json, channel: Channel | None) -> None:
        self._push(
            event_callback(
                event,
                state=self._state,
                app=self._app,
                event_id=self._state.new_id("Ev"),
                external=channel is not None and channel.external,
            )
        )
