"""Clicks, forms, commands, shortcuts and home pages: from a person to the app, and what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from copy import deepcopy

from vigilbot.workspace.blocks import elements_of, message_problems, too_long, with_ids
from vigilbot.workspace.delivery import ACK_SECONDS, Delivery, Envelope
from vigilbot.workspace.filling import chosen, filled
from vigilbot.workspace.scene import Refusal, Scene
from vigilbot.workspace.state import SLACKBOT, Channel, Ephemeral, Json, View, is_root
from vigilbot.workspace.tickets import ReplyUrl, Tickets
from vigilbot.workspace.windows import BadView, Windows
from vigilbot.workspace.wording import command_text

TROUBLE = "We had some trouble connecting. Try again?"
"""What a window says when the app did not answer, under no block's name."""


class Interactivity:
    """``base`` is where the workspace can be reached, known once it runs."""

    def __init__(self, scene: Scene, delivery: Delivery, tickets: Tickets, windows: Windows) -> None:
        self.base = ""
        self._scene = scene
        self._state = scene.state
        self._app = scene.app
        self._delivery = delivery
        self._tickets = tickets
        self._windows = windows

    async def click(self, user: str, channel: Channel, ts: str, action_id: str, value: object) -> bool:
        """On a message or on something only this person sees. Whether the app acknowledged it.

        Raises LookupError when there is no such message or element.
        """
        whisper = self._whisper(user, channel.id, ts)
        message = whisper.message if whisper else channel.messages.get(ts)
        if message is None:
            raise LookupError(f"no message {ts} in {channel.id}")
        action = self._action(message.get("blocks", []), action_id, value)
        thread = message.get("thread_ts", "")
        container: Json = {"type": "message", "message_ts": ts, "channel_id": channel.id}
        container |= {"is_ephemeral": whisper is not None, "is_app_unfurl": False}
        payload = self._from(user) | {
            "type": "block_actions",
            "container": container | ({"thread_ts": thread} if thread else {}),
            "trigger_id": self._tickets.trigger(user),
            "channel": self._place(channel),
            "state": {"values": {}},
            "response_url": self._reply_url(user, channel, ts, ephemeral=whisper is not None, thread=thread),
            "actions": [action],
        }
        if whisper is None:
            payload["message"] = deepcopy(message)
        return (await self._ask("interactive", payload)).acknowledged

    async def click_in_view(self, user: str, view_id: str, action_id: str, value: object) -> bool:
        """The same in a modal or on the home page."""
        view = self._windows.by_id(view_id)
        payload = self._from(user) | {
            "type": "block_actions",
            "container": {"type": "view", "view_id": view.id},
            "trigger_id": self._tickets.trigger(user, view.id),
            "view": deepcopy(view.shape),
            "state": deepcopy(view.shape["state"]),
            "actions": [self._action(view.shape["blocks"], action_id, value)],
        }
        return (await self._ask("interactive", payload)).acknowledged

    async def submit(
        self, user: str, view_id: str, values: Mapping[str, Mapping[str, object]]
    ) -> dict[str, str]:
        """Sends a form; returns what the person has to mend by block_id, {} when it was taken.

        Under "" stands that the app did not answer, or answered something that cannot be shown.
        """
        view = self._windows.by_id(view_id)
        state, missing = filled(view.shape, values)
        if missing:
            return missing
        shape = deepcopy(view.shape) | {"state": {"values": state}}
        payload = self._from(user) | {
            "type": "view_submission",
            "trigger_id": self._tickets.trigger(user, view.id),
            "view": shape,
            "response_urls": [],
        }
        envelope = await self._ask("interactive", payload)
        if not envelope.acknowledged:
            return {"": TROUBLE}
        return self._react_to(view, envelope.answer or {})

    async def close(self, user: str, view_id: str) -> None:
        """The person closes a modal; the app hears of it if it wanted to."""
        view = self._windows.by_id(view_id)
        self._windows.close(view)
        if view.shape["notify_on_close"]:
            payload = self._from(user) | {"type": "view_closed", "view": deepcopy(view.shape)}
            await self._ask("interactive", payload | {"is_cleared": False})

    async def shortcut(self, user: str, channel: Channel | None, ts: str, callback_id: str) -> bool:
        """On a message, or without a channel from anywhere."""
        payload = self._from(user) | {"callback_id": callback_id, "action_ts": self._state.new_ts()}
        payload["trigger_id"] = self._tickets.trigger(user)
        if channel is None:
            return (await self._ask("interactive", payload | {"type": "shortcut"})).acknowledged
        message = channel.messages.get(ts)
        if message is None:
            raise LookupError(f"no message {ts} in {channel.id}")
        payload |= {"type": "message_action", "message_ts": ts, "message": deepcopy(message)}
        payload |= {"channel": self._place(channel)}
        thread = message.get("thread_ts", "")
        payload["response_url"] = self._reply_url(user, channel, "", thread=thread)
        return (await self._ask("interactive", payload)).acknowledged

    async def slash(self, user: str, channel: Channel, text: str, *, command: str, thread: str) -> bool:
        """A command. In a thread Slack refuses it, and the app hears nothing. Whether it was acknowledged."""
        if thread:
            self._from_slackbot(user, channel, f"{command} is not supported in threads. Sorry!", thread)
            return False
        if "commands" not in self._app.scopes:
            self._from_slackbot(user, channel, f"{command} is not a valid command.")
            return False
        who = self._state.users[user]
        payload = {
            "token": self._app.verification_token,
            "team_id": self._state.team,
            "team_domain": self._state.domain,
            "channel_id": channel.id,
            "channel_name": self._place(channel)["name"],
            "user_id": user,
            "user_name": who.handle,
            "command": command,
            "text": command_text(text, self._state),
            "api_app_id": self._app.id,
            "is_enterprise_install": "false",
            "response_url": self._reply_url(user, channel, ""),
            "trigger_id": self._tickets.trigger(user),
        }
        envelope = await self._ask("slash_commands", payload)
        if not envelope.acknowledged:
            self._from_slackbot(user, channel, f'{command} failed with the error "operation_timeout"')
        elif envelope.answer and (envelope.answer.get("text") or envelope.answer.get("blocks")):
            self._say(user, channel, envelope.answer, thread="")
        return envelope.acknowledged

    def reply(self, name: str, body: Json) -> None:
        """What the app sends to a response_url. Raises Refusal with Slack's word for what is wrong."""
        url = self._tickets.use_reply(name)
        channel = self._state.channels[url.channel]
        if body.get("delete_original"):
            self._delete_original(url, channel)
        elif body.get("replace_original") and url.ts:
            self._replace_original(url, channel, self._content(body))
        else:
            self._say(url.user, channel, body, thread=body.get("thread_ts") or url.thread)

    def _react_to(self, view: View, answer: Json) -> dict[str, str]:
        action = answer.get("response_action")
        try:
            if action == "errors":
                return {str(block): str(text) for block, text in answer.get("errors", {}).items()}
            if action == "update":
                self._windows.update(view, answer.get("view"))
            elif action == "push":
                self._windows.push(view.user, answer.get("view"))
            else:
                self._windows.close(view, everything=action == "clear")
        except BadView as problem:
            return {"": "; ".join(problem.messages)}
        except Refusal as refusal:
            return {"": refusal.error}
        return {}

    def _delete_original(self, url: ReplyUrl, channel: Channel) -> None:
        found = self._whisper(url.user, url.channel, url.ts)
        if found is not None:
            self._state.ephemerals.remove(found)
            self._scene.changed({"type": "ephemeral", "channel": channel.id, "user": url.user})
        elif not url.ephemeral and url.ts in channel.messages:
            self._scene.delete(channel, url.ts)

    def _replace_original(self, url: ReplyUrl, channel: Channel, content: Json) -> None:
        found = self._whisper(url.user, url.channel, url.ts)
        if found is not None:
            kept: Json = {
                k: found.message[k] for k in ("type", "user", "ts", "thread_ts") if k in found.message
            }
            found.message = {**kept, **content, "is_ephemeral": True}
            self._scene.changed({"type": "ephemeral", "channel": channel.id, "user": url.user})
        elif not url.ephemeral and url.ts in channel.messages:
            changes = {"blocks": None, **content}
            self._scene.edit(channel, url.ts, changes, editor=self._app.bot_user)

    def _say(self, user: str, channel: Channel, body: Json, *, thread: str) -> None:
        content = self._content(body) | {"user": self._app.bot_user, "bot_id": self._app.bot_id}
        if body.get("response_type") == "in_channel":
            self._scene.post(channel, content, thread=thread)
        else:
            self._scene.whisper(channel, user, content | ({"thread_ts": thread} if thread else {}))

    def _content(self, body: Json) -> Json:
        blocks = body.get("blocks") or []
        if isinstance(blocks, str):
            blocks = json.loads(blocks)
        if message_problems(blocks):
            raise Refusal("invalid_blocks")
        if too_long(blocks):
            raise Refusal("msg_blocks_too_long")
        content: Json = {"text": body.get("text", ""), "app_id": self._app.id}
        if blocks:
            content["blocks"] = with_ids(blocks, lambda: self._state.secret(5))
        elif not content["text"]:
            raise Refusal("no_text")
        return content

    def _action(self, blocks: list[Json], action_id: str, value: object) -> Json:
        for block in blocks:
            for element in elements_of(block):
                if element.get("action_id") != action_id:
                    continue
                at = {
                    "action_id": action_id,
                    "block_id": block["block_id"],
                    "action_ts": self._state.new_ts(),
                }
                if element["type"] == "button":
                    kept = {k: element[k] for k in ("type", "text", "value", "style", "url") if k in element}
                    return kept | at
                return chosen(element, value) | at
        raise LookupError(f"nothing called {action_id!r} to click on")

    def _whisper(self, user: str, channel: str, ts: str) -> Ephemeral | None:
        for one in self._state.ephemerals:
            if one.user == user and one.channel == channel and one.message["ts"] == ts:
                return one
        return None

    def _from_slackbot(self, user: str, channel: Channel, text: str, thread: str = "") -> None:
        message = {"user": SLACKBOT, "text": text}
        self._scene.whisper(channel, user, message | ({"thread_ts": thread} if thread else {}))

    def _reply_url(
        self, user: str, channel: Channel, ts: str, *, ephemeral: bool = False, thread: str = ""
    ) -> str:
        message = channel.messages.get(ts)
        inside = thread if message is None or not is_root(message) else ""
        expires = self._tickets.expiry()
        url = ReplyUrl(
            user=user, channel=channel.id, expires=expires, ts=ts, ephemeral=ephemeral, thread=inside
        )
        return self._tickets.reply_url(self.base, url)

    def _from(self, user: str) -> Json:
        who = self._state.users[user]
        return {
            "team": {"id": self._state.team, "domain": self._state.domain},
            "user": {"id": user, "username": who.handle, "name": who.handle, "team_id": who.team},
            "api_app_id": self._app.id,
            "token": self._app.verification_token,
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _place(self, channel: Channel) -> Json:
        names = {"group": "privategroup", "im": "directmessage"}
        return {"id": channel.id, "name": names.get(channel.kind, channel.name)}

    async def _ask(self, kind: str, payload: Json) -> Envelope:
        """Sends it, and waits until it is acknowledged or given up, three real seconds at most."""
        envelope = self._delivery.push(kind, payload)
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await envelope.finished.wait()
        except TimeoutError:
            for attempt in envelope.attempts:
                self._delivery.failed(attempt.id, "timeout")
        return envelope
