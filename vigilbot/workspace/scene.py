"""What can happen in the workspace, whoever makes it happen: the state changes and the app is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

from vigilbot.workspace.app import App
from vigilbot.workspace.feed import Feed
from vigilbot.workspace.shapes import channel_shape
from vigilbot.workspace.state import SLACKBOT, Channel, Ephemeral, Json, State, is_root


class Refusal(Exception):
    """Slack says no. ``error`` is its word for why, ``messages`` and ``more`` what else it says."""

    def __init__(self, error: str, *, messages: Sequence[str] = (), more: Json | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.messages = list(messages)
        self.more = more or {}


@dataclass(slots=True)
class Scene:
    """``changed`` hears of every change: what kind, and where."""

    state: State
    app: App
    feed: Feed
    changed: Callable[[Json], None]

    def post(
        self, channel: Channel, message: Json, *, thread: str = "", broadcast: bool = False, ts: str = ""
    ) -> Json:
        """Adds a message (its author, text, blocks, ...) and returns it as stored.

        Raises Refusal for an unknown ts of a thread. A reply to a reply goes to the thread of that.
        """
        stamp = self.state.taken_ts(ts) if ts else self.state.new_ts()
        stored = {"type": "message", **message, "ts": stamp}
        stored.setdefault("team", self.state.team)
        if thread:
            root = self._root(channel, thread)
            stored |= {"thread_ts": root["ts"], "parent_user_id": root.get("user", "")}
            channel.threads.setdefault(root["ts"], []).append(stamp)
            channel.messages[stamp] = stored
            self._count_replies(channel, root)
            if broadcast:
                stored |= {"subtype": "thread_broadcast", "root": deepcopy(root)}
        channel.messages[stamp] = stored
        self._note("message", channel, stamp)
        self._tell_of_post(channel, stored)
        return stored

    def edit(self, channel: Channel, ts: str, changes: Json, *, editor: str = "") -> Json:
        """Changes fields of a message; None removes one. ``editor`` "" for an unfurl."""
        before = self._message(channel, ts)
        after = {key: value for key, value in {**before, **changes}.items() if value is not None}
        event_ts = self.state.new_ts()
        if editor:
            after["edited"] = {"user": editor, "ts": event_ts}
        channel.messages[ts] = after
        self._note("message", channel, ts)
        self._tell_of_change(channel, after, before, event_ts)
        return after

    def delete(self, channel: Channel, ts: str) -> None:
        """Removes a message; a root with replies leaves a tombstone."""
        before = self._message(channel, ts)
        event_ts = self.state.new_ts()
        if channel.threads.get(ts):
            kept = {"thread_ts", "reply_count", "reply_users", "reply_users_count", "latest_reply"}
            after = {key: value for key, value in before.items() if key in kept}
            after |= {"type": "message", "subtype": "tombstone", "text": "This message was deleted."}
            after |= {"user": SLACKBOT, "hidden": True, "ts": ts}
            channel.messages[ts] = after
            self._note("message", channel, ts)
            self._tell_of_change(channel, after, before, event_ts)
            return
        del channel.messages[ts]
        if not is_root(before):
            root = before["thread_ts"]
            channel.threads[root].remove(ts)
            if root in channel.messages:
                self._count_replies(channel, channel.messages[root])
        self._note("message", channel, ts)
        event = {"type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": ts}
        self.feed.message(
            event | {"previous_message": deepcopy(before), "ts": event_ts, "event_ts": event_ts}, channel
        )

    def react(self, channel: Channel, ts: str, user: str, name: str) -> None:
        """Raises Refusal `already_reacted`."""
        message = self._message(channel, ts)
        reactions: list[Json] = message.setdefault("reactions", [])
        found = next((r for r in reactions if r["name"] == name), None)
        if found is None:
            found = {"name": name, "users": [], "count": 0}
            reactions.append(found)
        if user in found["users"]:
            raise Refusal("already_reacted")
        found["users"].append(user)
        found["count"] += 1
        self._tell_of_reaction("reaction_added", channel, message, user, name)

    def unreact(self, channel: Channel, ts: str, user: str, name: str) -> None:
        """Raises Refusal `no_reaction`."""
        message = self._message(channel, ts)
        found = next((r for r in message.get("reactions", ()) if r["name"] == name), None)
        if found is None or user not in found["users"]:
            raise Refusal("no_reaction")
        found["users"].remove(user)
        found["count"] -= 1
        message["reactions"] = [r for r in message["reactions"] if r["count"]]
        self._tell_of_reaction("reaction_removed", channel, message, user, name)

    def join(self, channel: Channel, user: str, *, inviter: str = "") -> None:
        """Does nothing for a member."""
        if user in channel.members:
            return
        channel.members.add(user)
        self._note("channel", channel)
        event = self._membership("member_joined_channel", channel, user)
        if inviter:
            event["inviter"] = inviter
        self.feed.event(event, channel)
        text = f"<@{user}> has joined the channel"
        note = {"subtype": "channel_join", "user": user, "text": text}
        self.post(channel, note | ({"inviter": inviter} if inviter else {}))

    def leave(self, channel: Channel, user: str, *, by: str = "") -> None:
        """Does nothing for somebody who is not there. ``by``: who removed them."""
        if user not in channel.members:
            return
        text = f"<@{user}> has left the channel"
        itself = user == self.app.bot_user
        channel.members.discard(user)
        self._note("channel", channel)
        if itself:  # members hear of members; of its own going the app has another event
            gone = {"type": "channel_left", "channel": channel.id, "actor_id": by or user}
            self.feed.event({**gone, "event_ts": self.state.new_ts()}, channel, leaving=True)
        else:
            self.feed.event(self._membership("member_left_channel", channel, user), channel)
        self.post(channel, {"subtype": "channel_leave", "user": user, "text": text})

    def rename(self, channel: Channel, name: str) -> None:
        channel.previous_names.append(channel.name)
        channel.name = name
        about = {"id": channel.id, "name": name, "name_normalized": name, "created": channel.created}
        self._tell_of_channel({"type": "channel_rename", "channel": about}, channel)

    def archive(self, channel: Channel, by: str, *, archived: bool = True) -> None:
        channel.archived = archived
        kind = "channel_archive" if archived else "channel_unarchive"
        self._tell_of_channel({"type": kind, "channel": channel.id, "user": by}, channel)

    def remove(self, channel: Channel, by: str) -> None:
        """The channel and all that was said in it."""
        self._tell_of_channel({"type": "channel_deleted", "channel": channel.id, "actor_id": by}, channel)
        del self.state.channels[channel.id]

    def share(self, channel: Channel, team: str, *, shared: bool = True) -> None:
        """With another company, or no longer."""
        channel.external = shared
        kind, key = ("channel_shared", "connected_team_id") if shared else ("channel_unshared", "")
        about = {key: team} if key else {"previously_connected_team_id": team, "is_ext_shared": False}
        self._tell_of_channel({"type": kind, "channel": channel.id, **about}, channel)

    def whisper(self, channel: Channel, user: str, message: Json) -> Json:
        """Shows a message to one person."""
        stored = {"type": "message", **message, "ts": self.state.new_ts(), "is_ephemeral": True}
        self.state.ephemerals.append(Ephemeral(user=user, channel=channel.id, message=stored))
        self.changed({"type": "ephemeral", "channel": channel.id, "user": user})
        return stored

    def direct(self, user: str) -> Channel:
        """The app's channel with one person, opened if there is none yet."""
        pair = {user, self.app.bot_user}
        for channel in self.state.channels.values():
            if channel.kind == "im" and channel.members == pair:
                return channel
        made = Channel(id=self.state.new_id("D"), name="", kind="im", members=pair)
        self.state.channels[made.id] = made
        self._note("channel", made)
        return made

    def shape(self, channel: Channel) -> Json:
        return channel_shape(channel, self.state, self.app)

    def files_of(self, ids: Sequence[str]) -> list[Json]:
        """Messages that show any of the files."""
        wanted = set(ids)
        return [
            message
            for channel in self.state.channels.values()
            for message in channel.messages.values()
            if wanted & {f["id"] for f in message.get("files", ())}
        ]

    def _root(self, channel: Channel, thread: str) -> Json:
        found = channel.messages.get(thread)
        if found is not None and not is_root(found):
            found = channel.messages.get(found["thread_ts"])
        if found is None:
            raise Refusal("thread_not_found")
        return found

    def _message(self, channel: Channel, ts: str) -> Json:
        found = channel.messages.get(ts)
        if found is None or found.get("subtype") == "tombstone":
            raise Refusal("message_not_found")
        return found

    def _count_replies(self, channel: Channel, root: Json) -> None:
        replies = channel.threads[root["ts"]]
        if not replies:
            for key in ("thread_ts", "reply_count", "reply_users", "reply_users_count", "latest_reply"):
                root.pop(key, None)
            return
        users = dict.fromkeys(channel.messages[ts].get("user", "") for ts in replies)
        root |= {"thread_ts": root["ts"], "reply_count": len(replies), "latest_reply": replies[-1]}
        root |= {"reply_users": list(users), "reply_users_count": len(users), "is_locked": False}

    def _tell_of_post(self, channel: Channel, message: Json) -> None:
        event = {**deepcopy(message), "event_ts": message["ts"]}
        if channel.external and message.get("user") in self.state.users:
            team = self.state.users[message["user"]].team
            event |= {"team": team, "user_team": team, "source_team": team}
        self.feed.message(event, channel)
        ours = message.get("user") == self.app.bot_user
        if f"<@{self.app.bot_user}" in message.get("text", "") and channel.kind != "im" and not ours:
            mention = {k: v for k, v in event.items() if k not in {"subtype", "root"}}
            self.feed.event(mention | {"type": "app_mention", "channel": channel.id}, channel)

    def _tell_of_change(self, channel: Channel, after: Json, before: Json, event_ts: str) -> None:
        event = {"type": "message", "subtype": "message_changed", "hidden": True, "ts": event_ts}
        event |= {"message": deepcopy(after), "previous_message": deepcopy(before), "event_ts": event_ts}
        self.feed.message(event, channel)

    def _tell_of_reaction(self, kind: str, channel: Channel, message: Json, user: str, name: str) -> None:
        self._note("message", channel, message["ts"])
        item = {"type": "message", "channel": channel.id, "ts": message["ts"]}
        event = {"type": kind, "user": user, "reaction": name, "item": item}
        author = {"item_user": message["user"]} if message.get("user") else {}
        self.feed.event({**event, **author, "event_ts": self.state.new_ts()}, channel)

    def _tell_of_channel(self, event: Json, channel: Channel) -> None:
        self._note("channel", channel)
        self.feed.event({**event, "event_ts": self.state.new_ts()}, channel)

    def _membership(self, kind: str, channel: Channel, user: str) -> Json:
        about = {"type": kind, "user": user, "channel": channel.id, "channel_type": "C"}
        team = self.state.users[user].team if user in self.state.users else self.state.team
        return {**about, "team": team, "event_ts": self.state.new_ts()}

    def _note(self, kind: str, channel: Channel, ts: str = "") -> None:
        self.changed({"type": kind, "channel": channel.id, "ts": ts})
