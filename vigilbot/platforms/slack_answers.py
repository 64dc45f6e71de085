"""The reply to whatever somebody does to the bot: acknowledged after it is durable, shown after that.

The acknowledgement is what Slack waits three seconds for; a trigger to open a window lives as long. So
a window that will be needed is opened at once, while the bot still thinks, and filled afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from vigilbot.cards import Panel, Section
from vigilbot.errors import PlatformError
from vigilbot.platforms.payloads import map_in, text_in
from vigilbot.platforms.slack_calls import Call, Surface, call_of, opened_home
from vigilbot.platforms.slack_client import SlackClient
from vigilbot.platforms.slack_people import SlackPeople
from vigilbot.platforms.slack_posting import SlackPosting
from vigilbot.platforms.slack_render import (
    form_view,
    home_view,
    loading_view,
    notice_message,
    panel_view,
    private_text,
)
from vigilbot.ports import Clock, Inbound, Response

log = logging.getLogger("vigilbot.slack")

OLD: Final = "This card is from an older version."
LATE: Final = "Slack did not let the window open in time. Please click once more."
NAME: Final = "VigilBot"
REMEMBERED: Final = 500  # windows that are open
Spawn = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]
Ack = Mapping[str, Any]


class SlackAnswers:
    """``spawn`` runs what comes after the acknowledgement and keeps hold of it."""

    def __init__(
        self,
        *,
        client: SlackClient,
        people: SlackPeople,
        posting: SlackPosting,
        clock: Clock,
        spawn: Spawn,
    ) -> None:
        self._client = client
        self._people = people
        self._posting = posting
        self._clock = clock
        self._spawn = spawn
        self._windows: OrderedDict[str, Call] = OrderedDict()  # by view: the click that opened it

    async def take(self, body: Mapping[str, Any], inbound: Inbound) -> Ack:
        """What to acknowledge with; {} for a bare acknowledgement."""
        call = call_of(body, self._people.me, self._clock.now(), self._people.names())
        if call is None:
            return {}
        submitted = text_in(body, "type") == "view_submission"
        if submitted:
            call = self._placed(call)
        response, opening = Response(text=OLD), None
        if call.interaction is not None:
            opening = self._spawn(self._open(call)) if call.window else None
            response = await inbound.act(call.interaction)
        if submitted:
            return self._submitted(call, response)
        if call.surface is Surface.COMMAND:
            return self._commanded(call, response)
        self._spawn(self._reply(call, response, opening))
        return {}

    async def home(self, body: Mapping[str, Any], inbound: Inbound) -> None:
        """Fills the home tab that somebody has opened."""
        interaction = opened_home(body, self._people.me, self._clock.now())
        if interaction is None:
            return
        response = await inbound.act(interaction)
        panel = response.panel or _told(response.text)
        try:
            await self._client.write("views.publish", user_id=interaction.event.user, view=home_view(panel))
        except PlatformError as error:
            log.warning("the home tab of %s was not shown: %s", interaction.event.user, error)

    def _placed(self, call: Call) -> Call:
        """A form says nothing of where it was opened: that is remembered, as long as this process lives."""
        opener = self._windows.get(call.view)
        if opener is None or call.interaction is None:
            return call
        there = opener.event
        event = replace(call.event, channel=there.channel, ts=there.ts, thread=there.thread)
        return replace(call, event=event, interaction=replace(call.interaction, event=event))

    def _submitted(self, call: Call, response: Response) -> Ack:
        if response.errors:
            return {"response_action": "errors", "errors": dict(response.errors)}
        opener = self._windows.get(call.view)
        if opener is not None and (response.card or response.notice or response.done):
            self._spawn(self._guarded(opener, self._replace(opener, response)))
        if view := _window(response, text=True):
            return {"response_action": "update", "view": view}
        self._windows.pop(call.view, None)
        return {}

    def _commanded(self, call: Call, response: Response) -> Ack:
        if view := _window(response):
            self._spawn(self._guarded(call, self._open_with(call, view)))
        if response.notice is not None:
            return {"response_type": "ephemeral", **notice_message(response.notice)}
        if response.text or not view:
            return {"response_type": "ephemeral", **private_text(response.text or "Done.")}
        return {}

    async def _reply(self, call: Call, response: Response, opening: asyncio.Task[str] | None) -> None:
        view = await opening if opening is not None else ""
        if opening is not None and not view:
            what = response.text or ("" if response.panel is None and response.form is None else LATE)
            response = replace(response, panel=None, form=None, text=what)
        await self._guarded(call, self._show(call, response, view))

    async def _guarded(self, call: Call, showing: Coroutine[Any, Any, object]) -> None:
        """A direct action is never answered with silence."""
        try:
            await showing
        except (PlatformError, ValueError) as error:
            reference = secrets.token_hex(3)
            log.warning("a reply was not shown (reference %s): %s", reference, error)
            try:
                await self._tell(call, f"It was done, but it could not be shown. (reference {reference})")
            except PlatformError as again:
                log.warning("nor was that said (reference %s): %s", reference, again)

    async def _show(self, call: Call, response: Response, view: str) -> None:
        text = response.text
        if view:
            content = _window(response, text=True) or panel_view(_told("Done."))
            await self._client.write("views.update", view_id=view, view=content)
            text = ""
        elif content := _window(response):
            await self._open_with(call, content)
        await self._replace(call, response)
        if text:
            await self._tell(call, text)

    async def _replace(self, call: Call, response: Response) -> None:
        """Puts another card or notice into the place of the one clicked on, or takes it away."""
        if call.surface in (Surface.MODAL, Surface.HOME):
            if response.notice is not None and not response.text:
                await self._tell(call, response.notice.text)
            return
        message: dict[str, Any] = {}
        if response.card is not None:
            message = self._posting.drawn(response.card)
        elif response.notice is not None:
            message = notice_message(response.notice)
        if call.surface is Surface.PRIVATE:
            if response.done:
                await self._client.respond(call.response_url, {"delete_original": True})
            elif message:
                await self._client.respond(call.response_url, {"replace_original": True, **message})
        elif call.surface is Surface.MESSAGE and message and call.event.ts:
            await self._posting.redraw(call.event.channel, call.event.ts, message)
        elif message:
            await self._tell_message(call, message)

    async def _tell(self, call: Call, text: str) -> None:
        if call.surface is Surface.MODAL and call.view:
            await self._client.write("views.update", view_id=call.view, view=panel_view(_told(text)))
        elif call.surface is Surface.HOME:
            await self._client.write("views.open", trigger_id=call.trigger, view=panel_view(_told(text)))
        else:
            await self._tell_message(call, private_text(text))

    async def _tell_message(self, call: Call, message: Mapping[str, Any]) -> None:
        """To the person alone, beside what was clicked on; by the other way where one is used up."""
        event = call.event
        thread = event.thread if event.thread != event.ts else ""
        body = {"response_type": "ephemeral", "replace_original": False, **message}
        if thread:
            body["thread_ts"] = thread
        if call.response_url:
            try:
                await self._client.respond(call.response_url, body)
                return
            except PlatformError as error:
                if not event.channel:
                    raise
                log.info("a private reply goes the other way: %s", error)
        if not event.channel:
            raise PlatformError("there is no channel to reply in")
        await self._posting.private(channel=event.channel, thread=thread, user=event.user, message=message)

    async def _open(self, call: Call) -> str:
        """The id of the window opened; "" when Slack does not let it open."""
        try:
            return await self._open_with(call, loading_view(call.window))
        except PlatformError as error:
            log.warning("a window did not open: %s", error)
            return ""

    async def _open_with(self, call: Call, view: Mapping[str, Any]) -> str:
        method = "views.push" if call.surface is Surface.MODAL else "views.open"
        answer = await self._client.write(method, trigger_id=call.trigger, view=view)
        opened = text_in(map_in(answer, "view"), "id")
        self._windows[opened] = call
        while len(self._windows) > REMEMBERED:
            self._windows.popitem(last=False)
        return opened


def _told(text: str) -> Panel:
    return Panel(title=NAME, sections=(Section(lines=(text or "Nothing to show.",)),))


def _window(response: Response, *, text: bool = False) -> dict[str, Any]:
    """The response as a window; {} when it wants none. ``text``: as one, too."""
    if response.form is not None:
        return form_view(response.form)
    if response.panel is not None:
        return panel_view(response.panel)
    return panel_view(_told(response.text)) if text and response.text else {}
