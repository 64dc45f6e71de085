"""What people do in a workspace: write, edit, react, click, fill in, command."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence

from vigilbot.workspace.interactivity import Interactivity
from vigilbot.workspace.places import Places
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.shapes import file_shape
from vigilbot.workspace.state import File, Json
from vigilbot.workspace.wording import typed


class Acting(Places):
    """The part of the workspace that is about people at work."""

    _interactivity: Interactivity
    command: str

    async def say(
        self,
        user: str,
        channel: str,
        text: str,
        *,
        thread: str = "",
        files: Sequence[tuple[str, bytes]] = (),
        broadcast: bool = False,
        ts: str = "",
        stored: bool = False,
    ) -> str:
        """Somebody writes; ``files`` are (name, content). ``stored``: the text is in Slack's form already."""
        who = self._scene.state.users[user]
        message: Json = {"user": user, "team": who.team}
        if stored:
            message["text"] = text
        else:
            message["text"], message["blocks"] = typed(text, self._scene.state)
        if who.bot_id:
            message["bot_id"] = who.bot_id
        else:
            message["client_msg_id"] = self._scene.state.secret(32)
        if files:
            message |= {
                "subtype": "file_share",
                "upload": False,
                "files": [self._file(user, *f) for f in files],
            }
        place = self._channel(channel)
        if place.archived:
            raise Refusal("is_archived")
        return str(self._scene.post(place, message, thread=thread, broadcast=broadcast, ts=ts)["ts"])

    async def webhook(self, channel: str, name: str, text: str, *, thread: str = "") -> str:
        """An integration posts under a name of its own: no user, subtype bot_message."""
        message = {"subtype": "bot_message", "username": name, "bot_id": "B0WEBHOOK", "text": text}
        return str(self._scene.post(self._channel(channel), message, thread=thread)["ts"])

    async def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        words, blocks = typed(text, self._scene.state)
        self._scene.edit(self._channel(channel), ts, {"text": words, "blocks": blocks}, editor=user)

    async def unfurl(self, channel: str, ts: str, attachment: Json) -> None:
        """Slack shows what a link leads to; the text stays."""
        self._scene.edit(self._channel(channel), ts, {"attachments": [attachment]})

    async def delete(self, user: str, channel: str, ts: str) -> None:
        """Anybody's message; events do not say who did it, and whether they may is not asked."""
        del user
        self._scene.delete(self._channel(channel), ts)

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        self._scene.react(self._channel(channel), ts, user, name)

    async def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        self._scene.unreact(self._channel(channel), ts, user, name)

    async def click(
        self, user: str, channel: str, ts: str, action_id: str, *, view_id: str = "", value: object = None
    ) -> bool:
        """On a message, or with ``view_id`` in a modal or home page. ``value``: what was chosen in a menu.

        Whether the app acknowledged it in time.
        """
        if view_id:
            return await self._interactivity.click_in_view(user, view_id, action_id, value)
        return await self._interactivity.click(user, self._channel(channel), ts, action_id, value)

    async def slash(self, user: str, channel: str, text: str, *, command: str = "", thread: str = "") -> bool:
        """The app's command if no other is named; Slack refuses it in threads. Whether it was taken."""
        place = self._channel(channel)
        named = command or self.command
        return await self._interactivity.slash(user, place, text, command=named, thread=thread)

    async def shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> bool:
        """On a message; a global one without channel and ts."""
        place = self._channel(channel) if channel else None
        return await self._interactivity.shortcut(user, place, ts, callback_id)

    async def submit(
        self, user: str, view_id: str, values: Mapping[str, Mapping[str, object]]
    ) -> dict[str, str]:
        """Sends a form. Values by block_id and action_id: text, option values, ids; lists for several.

        What the person has to mend by block_id, {} when all is well; under "" what else went wrong.
        """
        return await self._interactivity.submit(user, view_id, values)

    async def close_view(self, user: str, view_id: str) -> None:
        await self._interactivity.close(user, view_id)

    async def open_home(self, user: str) -> None:
        place = self._scene.direct(user).id
        event: Json = {"type": "app_home_opened", "user": user, "channel": place, "tab": "home"}
        home = self._scene.state.homes.get(user)
        if home is not None:
            event["view"] = home.shape
        self._scene.feed.event(event | {"event_ts": self._scene.state.new_ts()})

    def _file(self, owner: str, name: str, data: bytes) -> Json:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        created = int(self._scene.state.timing.seconds())
        file = File(
            id=self._scene.state.new_id("F"),
            name=name,
            mimetype=kind,
            data=data,
            owner=owner,
            created=created,
        )
        self._scene.state.files[file.id] = file
        return file_shape(file, self._interactivity.base)
