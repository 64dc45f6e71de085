"""What a person does on the page, as JSON, done in the workspace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from vigilbot.workspace.page.snapshot import FAULTS
from vigilbot.workspace.scene import Refusal
from vigilbot.workspace.state import Json
from vigilbot.workspace.workspace import Workspace

LONGEST = 40_000  # characters of a message
WORDS = {
    "already_reacted": "You have reacted so already.",
    "cant_delete_message": "You cannot delete this message.",
    "cant_update_message": "You cannot edit this message.",
    "channel_not_found": "There is no such channel.",
    "is_archived": "This channel is archived.",
    "message_not_found": "This message is gone.",
    "no_reaction": "You had not reacted so.",
    "not_found": "This window is gone.",
    "not_in_channel": "You are not in this channel.",
    "thread_not_found": "This thread is gone.",
}
NO_ANSWER = "The app did not answer. Is it running?"


class NotDone(Exception):
    """In words for the person on the page."""


class Deeds:
    """`do` returns what the page has to know about it, {} mostly. Raises NotDone."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._known: Mapping[str, Callable[[_Deed], Awaitable[Json]]] = {
            "say": self._say,
            "edit": self._edit,
            "delete": self._delete,
            "react": self._react,
            "unreact": self._unreact,
            "click": self._click,
            "slash": self._slash,
            "shortcut": self._shortcut,
            "submit": self._submit,
            "close_view": self._close_view,
            "open_home": self._open_home,
            "join": self._join,
            "invite": self._invite,
            "permalink": self._permalink,
            "fault": self._fault,
        }

    async def do(self, given: Json) -> Json:
        deed = _Deed(given)
        known = self._known.get(deed.text("do"))
        if known is None:
            raise NotDone(f"This page does not know how to {deed.text('do') or 'do nothing'}.")
        if deed.user not in self._ws.users:
            raise NotDone("There is no such person.")
        try:
            return await known(deed)
        except Refusal as refusal:
            raise NotDone(WORDS.get(refusal.error, refusal.error)) from None
        except LookupError as problem:
            raise NotDone(f"It is not there any more ({problem}).") from None

    async def _say(self, deed: _Deed) -> Json:
        self._may_write(deed)
        text = deed.words()
        ts = await self._ws.say(deed.user, deed.channel, text, thread=deed.text("thread"))
        return {"ts": ts}

    async def _edit(self, deed: _Deed) -> Json:
        self._own(deed)
        await self._ws.edit(deed.user, deed.channel, deed.ts, deed.words())
        return {}

    async def _delete(self, deed: _Deed) -> Json:
        user = self._ws.users[deed.user]
        if not (user.admin or user.owner):
            self._own(deed)
        await self._ws.delete(deed.user, deed.channel, deed.ts)
        return {}

    async def _react(self, deed: _Deed) -> Json:
        self._may_write(deed)
        await self._ws.react(deed.user, deed.channel, deed.ts, deed.text("name"))
        return {}

    async def _unreact(self, deed: _Deed) -> Json:
        await self._ws.unreact(deed.user, deed.channel, deed.ts, deed.text("name"))
        return {}

    async def _click(self, deed: _Deed) -> Json:
        done = await self._ws.click(
            deed.user,
            deed.channel,
            deed.ts,
            deed.text("action"),
            view_id=deed.text("view"),
            value=deed.given.get("value", ""),
        )
        return _answered(done)

    async def _slash(self, deed: _Deed) -> Json:
        self._may_write(deed)
        command, thread = deed.text("command"), deed.text("thread")
        await self._ws.slash(deed.user, deed.channel, deed.text("text"), command=command, thread=thread)
        return {}  # without an answer the workspace itself says so to the person

    async def _shortcut(self, deed: _Deed) -> Json:
        return _answered(await self._ws.shortcut(deed.user, deed.channel, deed.ts, deed.text("callback")))

    async def _submit(self, deed: _Deed) -> Json:
        values = deed.given.get("values")
        if not isinstance(values, dict) or not all(isinstance(inner, dict) for inner in values.values()):
            raise NotDone("The form came without its values.")
        return {"errors": await self._ws.submit(deed.user, deed.text("view"), values)}

    async def _close_view(self, deed: _Deed) -> Json:
        await self._ws.close_view(deed.user, deed.text("view"))
        return {}

    async def _open_home(self, deed: _Deed) -> Json:
        await self._ws.open_home(deed.user)
        return {}

    async def _join(self, deed: _Deed) -> Json:
        channel = self._ws.channels[deed.channel]
        if channel.kind != "channel" or self._ws.users[deed.user].team != self._ws.team:
            raise NotDone("This channel is by invitation.")
        await self._ws.join(deed.user, deed.channel)
        return {}

    async def _invite(self, deed: _Deed) -> Json:
        """Of the app."""
        self._may_write(deed)
        await self._ws.invite(deed.channel, by=deed.user)
        return {}

    async def _permalink(self, deed: _Deed) -> Json:
        """As chat.getPermalink gives it."""
        message = self._ws.channels[deed.channel].messages[deed.ts]
        link = f"{self._ws.url}/archives/{deed.channel}/p{deed.ts.replace('.', '')}"
        root = message.get("thread_ts", deed.ts)
        return {"link": link if root == deed.ts else f"{link}?thread_ts={root}&cid={deed.channel}"}

    async def _fault(self, deed: _Deed) -> Json:
        name, value = deed.text("name"), deed.given.get("value")
        kind = next((kind for known, kind, *_ in FAULTS if known == name), "")
        faults = self._ws.faults
        if name == "abort":
            self._ws.abort()
        elif name == "disconnect":
            self._ws.disconnect()
        elif kind == "switch" and isinstance(value, bool):
            setattr(faults, name, value)
        elif kind == "rate" and isinstance(value, int | float) and 0 <= value <= 1:
            setattr(faults, name, float(value))
        else:
            raise NotDone("There is no such fault." if not kind else "That is no value for it.")
        return {"value": getattr(faults, name, False)}

    def _may_write(self, deed: _Deed) -> None:
        if deed.user not in self._ws.channels[deed.channel].members:
            raise NotDone(WORDS["not_in_channel"])

    def _own(self, deed: _Deed) -> None:
        message = self._ws.channels[deed.channel].messages.get(deed.ts)
        if message is None:
            raise NotDone(WORDS["message_not_found"])
        if message.get("user") != deed.user:
            raise NotDone("That is somebody else's message.")


class _Deed:
    """A deed from a browser: what is missing or no text is ""."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.user = self.text("user")
        self.channel = self.text("channel")
        self.ts = self.text("ts")

    def text(self, name: str) -> str:
        value = self.given.get(name)
        return value if isinstance(value, str) else ""

    def words(self) -> str:
        text = self.text("text")
        if not text.strip():
            raise NotDone("There is nothing to send.")
        if len(text) > LONGEST:
            raise NotDone(f"That is too long: at most {LONGEST} characters.")
        return text


def _answered(acknowledged: bool) -> Json:
    if not acknowledged:
        raise NotDone(NO_ANSWER)
    return {}
