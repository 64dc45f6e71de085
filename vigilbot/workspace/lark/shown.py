"""A Lark tenant on the page: what one person sees of it, and what people do there."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping

from vigilbot.workspace.lark.blocks import OPEN_FORM, form
from vigilbot.workspace.lark.picture import EMOJI, FAULTS, LarkPicture, stamp
from vigilbot.workspace.lark.state import Json, Message
from vigilbot.workspace.lark.tenant import LarkTenant
from vigilbot.workspace.page.deeds import NO_ANSWER, NotDone
from vigilbot.workspace.page.snapshot import Look

_MENTION = re.compile(r"<@([\w-]+)(?:\|[^<>]*)?>")


class LarkShown:
    """``page.shown.Shown``."""

    def __init__(self, tenant: LarkTenant, *, name: str = "Company") -> None:
        self._tenant = tenant
        self._forms: dict[str, str] = {}  # by person: the message whose form is open
        self._picture = LarkPicture(tenant, name=name, forms=self._forms)
        self._known: Mapping[str, Callable[[Json], Awaitable[Json]]] = {
            "say": self._say,
            "delete": self._delete,
            "react": self._react,
            "unreact": self._react,
            "click": self._click,
            "slash": self._slash,
            "shortcut": self._shortcut,
            "submit": self._submit,
            "close_view": self._close,
            "open_home": self._home,
            "join": self._join,
            "invite": self._invite,
            "fault": self._fault,
        }

    def subscribe(self, watcher: Callable[[Json], None]) -> Callable[[], None]:
        return self._tenant.subscribe(watcher)

    def snapshot(self, look: Look) -> Json:
        return self._picture.snapshot(look)

    def picture(self, name: str) -> tuple[bytes, str] | None:
        return self._tenant.state.files.get(name)

    # -- what a person does

    async def do(self, given: Json) -> Json:
        known = self._known.get(str(given.get("do", "")))
        if known is None:
            raise NotDone("Lark has nothing of that kind.")
        if given.get("user") not in self._tenant.state.users:
            raise NotDone("There is no such person.")
        try:
            return await known(given)
        except (LookupError, ValueError) as problem:
            raise NotDone(f"It is not there any more ({problem}).") from None

    async def _say(self, deed: Json) -> Json:
        text = str(deed.get("text", "")).strip()
        if not text:
            raise NotDone("There is nothing to send.")
        chat = self._tenant.state.chats[str(deed.get("channel", ""))]
        if deed["user"] not in chat.members:
            raise NotDone("You are not in this chat.")
        root = self._picture.named(chat.id, str(deed.get("thread", "")))
        called = f"<@{self._tenant.bot_user}" in text
        plain = html.unescape(_MENTION.sub(self._mentioned, text)).strip()
        sent = await self._tenant.say(
            deed["user"], chat.id, plain, to=root.id if root else "", call_bot=called
        )
        return {"ts": stamp(self._tenant.state.messages[sent])}

    def _mentioned(self, match: re.Match[str]) -> str:
        user = self._tenant.state.users.get(match[1])
        return "" if match[1] == self._tenant.bot_user else f"@{user.name if user else match[1]}"

    async def _delete(self, deed: Json) -> Json:
        await self._tenant.recall(self._meant(deed).id)
        return {}

    async def _react(self, deed: Json) -> Json:
        emoji = EMOJI.get(str(deed.get("name")), str(deed.get("name")))
        await self._tenant.react(
            deed["user"], self._meant(deed).id, emoji, take_away=deed.get("do") == "unreact"
        )
        return {}

    async def _click(self, deed: Json) -> Json:
        message, action = self._meant(deed), str(deed.get("action", ""))
        if action == OPEN_FORM:
            self._forms[deed["user"]] = message.id
            self._tenant.touch()
            return {}
        label = str(deed.get("value") or action)
        return await self._answered(deed["user"], message, label)

    async def _slash(self, deed: Json) -> Json:
        words = f"{deed.get('command', '/vigil')} {deed.get('text', '')}".strip()
        chat = self._tenant.state.chats[str(deed.get("channel", ""))]
        await self._tenant.say(deed["user"], chat.id, words, call_bot=chat.mode != "p2p")
        return {}

    async def _shortcut(self, deed: Json) -> Json:
        meant = self._meant(deed)
        words = f"/vigil {deed.get('callback', '')}"
        await self._tenant.say(deed["user"], meant.chat, words, to=meant.id, call_bot=True)
        return {}

    async def _submit(self, deed: Json) -> Json:
        message = self._tenant.state.messages[str(deed.get("view", ""))]
        values = {name: given.get("value", "") for name, given in dict(deed.get("values") or {}).items()}
        drawn = form(message.body)
        if drawn is None:
            raise NotDone("This form is gone.")
        answer = await self._answered(deed["user"], message, drawn[1], values=values)
        self._forms.pop(deed["user"], None)
        self._tenant.touch()
        return {"errors": {}, **answer}

    async def _close(self, deed: Json) -> Json:
        self._forms.pop(deed["user"], None)
        self._tenant.touch()
        return {}

    async def _home(self, deed: Json) -> Json:
        await self._tenant.menu(deed["user"], "vigil_home")
        return {}

    async def _join(self, deed: Json) -> Json:
        chat = self._tenant.state.chats[str(deed.get("channel", ""))]
        if not chat.public:
            raise NotDone("This chat is by invitation.")
        chat.members.add(deed["user"])
        self._tenant.touch()
        return {}

    async def _invite(self, deed: Json) -> Json:
        await self._tenant.invite(str(deed.get("channel", "")), by=deed["user"])
        return {}

    async def _fault(self, deed: Json) -> Json:
        name, value = str(deed.get("name", "")), deed.get("value")
        kind = next((kind for known, kind, *_ in FAULTS if known == name), "")
        if name == "abort":
            await self._tenant.sockets.cut()
        elif kind == "switch" and isinstance(value, bool):
            setattr(self._tenant.faults, name, value)
        elif kind == "rate" and isinstance(value, int | float) and 0 <= value <= 1:
            setattr(self._tenant.faults, name, float(value))
        else:
            raise NotDone("There is no such fault." if not kind else "That is no value for it.")
        return {"value": getattr(self._tenant.faults, name, False)}

    async def _answered(
        self, user: str, message: Message, label: str, *, values: Mapping[str, object] | None = None
    ) -> Json:
        """The toast that the app answered with comes back as ``toast``."""
        try:
            toast = await self._tenant.click(user, message.id, label, form=values)
        except TimeoutError:
            raise NotDone(NO_ANSWER) from None
        return {"toast": toast.get("content", ""), "kind": toast.get("type", "")} if toast else {}

    def _meant(self, deed: Json) -> Message:
        found = self._picture.named(str(deed.get("channel", "")), str(deed.get("ts", "")))
        if found is None:
            raise NotDone("This message is gone.")
        return found
