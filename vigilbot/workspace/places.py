"""Setting up a workspace, and what happens to its channels, groups and tokens."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vigilbot.workspace.scene import Scene
from vigilbot.workspace.shapes import user_shape
from vigilbot.workspace.state import SLACKBOT, Channel, Group, Json, User


class Places:
    """The part of the workspace that is about who is there and where."""

    _scene: Scene

    def add_user(
        self,
        name: str,
        *,
        id: str = "",
        title: str = "",
        admin: bool = False,
        owner: bool = False,
        guest: bool = False,
        team: str = "",
        bot: bool = False,
    ) -> str:
        """``team``: another company's id. ``bot``: another app's bot."""
        user = User(
            id=id or self._scene.state.new_id("U"),
            name=name,
            handle=name.lower().replace(" ", "."),
            team=team or self._scene.state.team,
            title=title,
            admin=admin,
            owner=owner,
            guest=guest,
            bot_id=self._scene.state.new_id("B") if bot else "",
        )
        self._scene.state.users[user.id] = user
        self._scene.changed({"type": "user", "user": user.id})
        return user.id

    def add_channel(
        self,
        name: str,
        *,
        id: str = "",
        private: bool = False,
        external: bool = False,
        members: Collection[str] = (),
    ) -> str:
        channel = Channel(
            id=id or self._scene.state.new_id("C"),
            name=name,
            kind="group" if private else "channel",
            external=external,
            members=set(members),
            created=int(self._scene.state.timing.seconds()),
        )
        self._scene.state.channels[channel.id] = channel
        self._scene.changed({"type": "channel", "channel": channel.id, "ts": ""})
        return channel.id

    def add_group(self, handle: str, members: Sequence[str]) -> str:
        group = Group(id=self._scene.state.new_id("S"), handle=handle, members=list(members))
        self._scene.state.groups[group.id] = group
        return group.id

    def direct(self, user: str) -> str:
        """The channel in which somebody talks to the app alone."""
        return self._scene.direct(user).id

    async def invite(self, channel: str, *, by: str, user: str = "") -> None:
        """The app, or somebody."""
        self._scene.join(self._channel(channel), user or self._scene.app.bot_user, inviter=by)

    async def kick(self, channel: str, *, by: str, user: str = "") -> None:
        """The app, or somebody."""
        self._scene.leave(self._channel(channel), user or self._scene.app.bot_user, by=by)

    async def join(self, user: str, channel: str) -> None:
        self._scene.join(self._channel(channel), user)

    async def leave(self, user: str, channel: str) -> None:
        self._scene.leave(self._channel(channel), user)

    async def rename(self, channel: str, name: str) -> None:
        self._scene.rename(self._channel(channel), name)

    async def archive(self, channel: str, *, by: str = SLACKBOT) -> None:
        self._scene.archive(self._channel(channel), by)

    async def unarchive(self, channel: str, *, by: str = SLACKBOT) -> None:
        self._scene.archive(self._channel(channel), by, archived=False)

    async def remove_channel(self, channel: str, *, by: str = SLACKBOT) -> None:
        self._scene.remove(self._channel(channel), by)

    async def share(self, channel: str, team: str) -> None:
        self._scene.share(self._channel(channel), team)

    async def unshare(self, channel: str, team: str) -> None:
        self._scene.share(self._channel(channel), team, shared=False)

    def restrict(self, channel: str, *, restricted: bool = True) -> None:
        """Only people may post there."""
        self._channel(channel).restricted = restricted

    async def change_group(self, group: str, members: Sequence[str]) -> None:
        found = self._scene.state.groups[group]
        added = [m for m in members if m not in found.members]
        removed = [m for m in found.members if m not in members]
        found.members = list(members)
        event: Json = {
            "type": "subteam_members_changed",
            "subteam_id": group,
            "team_id": self._scene.state.team,
        }
        event |= {"added_users": added, "removed_users": removed, "event_ts": self._scene.state.new_ts()}
        self._scene.feed.event(event)

    async def retitle(self, user: str, title: str) -> None:
        found = self._scene.state.users[user]
        found.title = title
        self._scene.changed({"type": "user", "user": user})
        event = {"type": "user_change", "user": user_shape(found, self._scene.state)}
        self._scene.feed.event(event | {"event_ts": self._scene.state.new_ts()})

    def revoke(self) -> None:
        """Somebody removes the app's bot token."""
        event: Json = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self._scene.app.bot_user]}}
        self._scene.feed.event(event | {"event_ts": self._scene.state.new_ts()})
        self._scene.app.revoked = True

    def uninstall(self) -> None:
        """Somebody removes the app: it hears of that, and its tokens are void."""
        self.revoke()
        self._scene.feed.event({"type": "app_uninstalled", "event_ts": self._scene.state.new_ts()})

    def _channel(self, channel: str) -> Channel:
        return self._scene.state.channels[channel]
