"""The reply to whatever somebody does to the bot in Lark: within the callback's three seconds a toast
and the changed card, after it what is to be read or filled in, in the person's own chat with the bot.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from vigilbot.cards import Form, Notice, Panel
from vigilbot.domain import Event
from vigilbot.errors import PlatformError, VigilBotError
from vigilbot.platforms.lark_calls import LarkCall, click_of, command_of, menu_of
from vigilbot.platforms.lark_cards import Element, Say, form_content, notice_content, panel_content, placed
from vigilbot.platforms.lark_client import LarkClient
from vigilbot.platforms.lark_events import CARD, event_in_history, kind_of
from vigilbot.platforms.lark_people import LarkPeople
from vigilbot.platforms.lark_posting import LarkPosting
from vigilbot.platforms.lark_words import Words
from vigilbot.platforms.payloads import list_in
from vigilbot.ports import Clock, Inbound, Interaction, InteractionKind, Response
from vigilbot.text import plain

log = logging.getLogger("vigilbot.lark")

OLD: Final = "This card is from an older version."
SENT: Final = "I have sent it to you in our own chat."
DONE: Final = "Done."
REMEMBERED: Final = 5000  # calls
_TOAST: Final = 200  # characters; what is longer is sent as a message as well
Spawn = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class LarkAnswers:
    """``spawn`` runs what comes after the acknowledgement and keeps hold of it."""

    def __init__(
        self,
        *,
        client: LarkClient,
        people: LarkPeople,
        posting: LarkPosting,
        words: Words,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._client = client
        self._people = people
        self._posting = posting
        self._words = words
        self._clock = clock
        self._spawn = spawn
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def click(self, body: Mapping[str, Any], inbound: Inbound) -> Mapping[str, Any]:
        """What the callback is answered with: {"toast", "card"}."""
        call = click_of(body, self._people.me, self._clock.now())
        if call is None:
            return {}
        say = self._words.of(call.event.channel)
        if call.interaction is None:
            return _toast(say(OLD), "warning")
        response = await self._act(call.event, call.interaction, inbound)
        if response is None:
            return {}
        if response.errors:
            lines = [f"{say(name)}: {say(problem)}" for name, problem in response.errors.items()]
            return _toast("\n".join(lines)[:_TOAST], "error")
        submitted = call.interaction.kind is InteractionKind.SUBMIT
        answer = self._changed(call, response, say, submitted=submitted)
        later = self._later(call, response)
        if later is not None:
            self._spawn(self._guarded(call.event, self._show(call.event, later, say)))
        text = say(response.text or (SENT if later is not None else DONE if submitted else ""))
        if len(text) > _TOAST:
            told = notice_content(Notice(text=response.text), say=say)
            self._spawn(self._guarded(call.event, self._private(call.event, told, "text")))
        return {**answer, **(_toast(text[:_TOAST], "info") if text else {})}

    def called(self, event: Event, body: Mapping[str, Any]) -> LarkCall | None:
        """A message that is a command to the bot, or None."""
        return command_of(event, body, self._people.me, self._clock.now())

    def menu(self, body: Mapping[str, Any]) -> LarkCall | None:
        return menu_of(body, self._people.me, self._clock.now())

    async def obey(self, call: LarkCall, inbound: Inbound) -> None:
        """Does what was said; durable when it returns. The reply comes after it, privately."""
        if call.interaction is None:
            return
        interaction = await self._with_text(call, call.interaction)
        response = await self._act(call.event, interaction, inbound)
        if response is None:
            return
        say = self._words.of(call.event.channel)
        self._spawn(self._guarded(call.event, self._reply(call.event, response, say)))

    async def _act(self, event: Event, interaction: Interaction, inbound: Inbound) -> Response | None:
        """None for what was done already: Lark repeats events, and a request may be replayed."""
        key = event.natural_key
        if key in self._taken:
            return None
        self._taken[key] = None
        while len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        try:
            return await inbound.act(interaction)
        except VigilBotError:  # it is not acknowledged and comes again
            self._taken.pop(key, None)
            raise

    async def _with_text(self, call: LarkCall, interaction: Interaction) -> Interaction:
        """A command about somebody's message comes with what that says."""
        if not call.about:
            return interaction
        try:
            found = await self._client.read(f"/im/v1/messages/{call.about}", user_id_type="open_id")
        except PlatformError as error:
            log.info("the message %s cannot be read: %s", call.about, error)
            return interaction
        told = [event_in_history(item, self._people.me) for item in list_in(found, "items")]
        return replace(interaction, text=plain(told[0].text) if told and told[0] else "")

    def _changed(self, call: LarkCall, response: Response, say: Say, *, submitted: bool) -> dict[str, Any]:
        """What takes the place of the card that was clicked on."""
        if submitted:  # the form goes; the card it was about is changed where that stands
            if response.card is not None or response.notice is not None or response.done:
                self._spawn(self._guarded(call.event, self._redrawn(call.event, response, say)))
            return _raw(notice_content(Notice(text=response.text or DONE), say=say))
        if response.card is not None:
            return _raw(self._posting.drawn(response.card, call.event.channel))
        if response.notice is not None:
            return _raw(notice_content(response.notice, say=say))
        if response.done:
            return _raw(notice_content(Notice(text=response.text or DONE), say=say))
        return {}

    async def _redrawn(self, event: Event, response: Response, say: Say) -> None:
        if not event.ts.startswith("om_"):
            return
        place = {"tenant": event.tenant, "channel": event.channel, "ts": event.ts}
        if response.card is not None:
            await self._posting.update(**place, card=response.card)
        else:
            notice = response.notice or Notice(text=response.text or DONE)
            await self._posting.amend(**place, notice=notice)

    def _later(self, call: LarkCall, response: Response) -> Panel | Form | None:
        return response.form or response.panel

    async def _reply(self, event: Event, response: Response, say: Say) -> None:
        shown = response.form or response.panel
        if shown is not None:
            await self._show(event, shown, say)
        if response.notice is not None:
            await self._private(event, notice_content(response.notice, say=say), "notice")
        elif response.text or shown is None:
            told = notice_content(Notice(text=response.text or DONE), say=say)
            await self._private(event, told, "text")

    async def _show(self, event: Event, shown: Panel | Form, say: Say) -> None:
        what = "panel" if isinstance(shown, Panel) else "form"
        content = panel_content(shown, say=say) if isinstance(shown, Panel) else form_content(shown, say=say)
        await self._private(event, content, what)

    async def _private(self, event: Event, content: Element, what: str) -> None:
        content = placed(content, event.channel, event.ts, event.thread)
        await self._posting.private(event.user, content, key=f"{event.natural_key}:{what}")

    async def _guarded(self, event: Event, showing: Coroutine[Any, Any, object]) -> None:
        """A direct action is never answered with silence."""
        try:
            await showing
        except PlatformError as error:
            reference = secrets.token_hex(3)
            log.warning("a reply was not shown (reference %s): %s", reference, error)
            text = f"It was done, but it could not be shown. (reference {reference})"
            try:
                await self._private(event, notice_content(Notice(text=text)), reference)
            except PlatformError as again:
                log.warning("nor was that said (reference %s): %s", reference, again)


def is_click(body: Mapping[str, Any]) -> bool:
    return kind_of(body) == CARD


def _toast(text: str, kind: str) -> dict[str, Any]:
    return {"toast": {"type": kind, "content": text}}


def _raw(content: Element) -> dict[str, Any]:
    return {"card": {"type": "raw", "data": content}}
