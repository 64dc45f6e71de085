"""Scenarios in a Slack workspace on loopback, through slack-bolt: over a socket, or over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from vigilbot.cards import ActionKind
from vigilbot.domain import Event, EventKind
from vigilbot.platforms.replay import PostedCard
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.platforms.slack_manifest import wanted
from vigilbot.platforms.slack_render import MENU
from vigilbot.testing.chat_world import SPOKEN, ChatWorld
from vigilbot.testing.mirrored import Stage
from vigilbot.testing.scenario import BadScenario
from vigilbot.testing.world import MOMENT, TENANT, Channel, Person, World
from vigilbot.workspace import Envelope, Workspace

LOADING: Final = "One moment …"
"""What a window says until its content is known."""


class SlackStage:
    """``testing.mirrored.Stage`` of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def refuse(self) -> None:
        self._workspace.faults.limit("chat.postMessage", 1)

    def lose(self) -> None:
        self._workspace.faults.drop("chat.postMessage", applied=True)

    def shown(self, notices: Set[str]) -> set[tuple[str, str]]:
        return {
            (channel, message["ts"])
            for channel in self._workspace.channels
            for message in _everything(self._workspace, channel)
            if (key := _key(message)) and key not in notices
        }


@dataclass(slots=True)
class SlackWorld(ChatWorld):
    """``mode`` is how Slack's events come: over a socket, or posted to the bot's own web server."""

    mode: Literal["socket", "http"] = "socket"
    workspace: Workspace = field(init=False)

    def _made(self) -> tuple[Workspace, Stage]:
        permissions, subscriptions = wanted(("private", "direct", "files"))
        self.workspace = Workspace(
            now=self.clock.now,
            limits=False,
            scopes=[p.scope for p in permissions],
            events=[s.event for s in subscriptions],
        )
        self.workspace.state.team = TENANT
        for user in self.workspace.users.values():
            user.team = TENANT
        return self.workspace, SlackStage(self.workspace)

    def _settle_in(self, person: Person) -> None:
        self.workspace.add_user(
            person.name,
            id=person.id,
            title=person.title,
            team="T-OTHER" if person.external else "",
            bot=person.bot,
        )

    def _grouped(self, handle: str, members: Sequence[str]) -> None:
        self.workspace.add_group(handle, members)

    def _founded(self, channel: Channel, members: Sequence[str]) -> None:
        self.workspace.add_channel(
            channel.name,
            id=channel.id,
            private=channel.private,
            external=channel.external,
            members=members,
        )

    def _adapted(self) -> SlackAdapter:
        ws = self.workspace
        return SlackAdapter(
            bot_token=ws.bot_token,
            app_token=ws.app_token,
            signing_secret=ws.signing_secret,
            mode=self.mode,
            base_url=ws.api_url,
            timeout=5.0,
            ping=5.0,
            grace=6.0,
            history="internal",
            clock=self.clock,
        )

    def _called_at(self, address: str) -> None:
        self.workspace.http_target = address

    # -- what people do

    async def _happen(self, event: Event) -> None:
        ws, where = self.workspace, event.channel
        if event.kind is EventKind.POSTED:
            thread = event.thread if event.thread != event.ts else ""
            await ws.say(event.user, where, event.text, thread=thread, ts=event.ts)
        elif event.kind is EventKind.EDITED:
            await ws.edit(event.user, where, event.ts, event.text)
        elif event.kind is EventKind.DELETED:
            await ws.delete(event.user, where, event.ts)
        elif event.kind is EventKind.REACTION_ADDED:
            await ws.react(event.user, where, event.ts, event.reaction)
        elif event.kind is EventKind.REACTION_REMOVED:
            await ws.unreact(event.user, where, event.ts, event.reaction)
        elif event.kind is EventKind.COMMAND and event.text in SPOKEN:
            await ws.say(event.user, where, f"<@{ws.bot_user}> {event.text}", thread=event.thread)
        else:
            raise BadScenario(f"nobody can do that in Slack: {event.kind} {event.text}", place="scenario")

    async def _repeated(self, event: Event) -> None:
        self.workspace.repeat(next(e for e in self.workspace.sent if _is_about(e, event)))

    def _has_button(self, card: PostedCard, action: str) -> bool:
        message = self.workspace.message(card.channel, card.ts)
        return message is not None and _has_action(message, action)

    async def _pressed(self, user: str, card: PostedCard, action: str) -> str:
        told = len(self.workspace.ephemerals(user))
        await self.workspace.click(user, card.channel, card.ts, f"vigilbot:{action}")
        await self._until(lambda: len(self.workspace.ephemerals(user)) > told)
        return str(self.workspace.ephemerals(user)[-1]["text"])

    async def share(
        self, who: str, *, on: str = "main", number: int = 0, changes: Mapping[str, str]
    ) -> tuple[str, str]:
        """Through the card's menu and the window that it opens."""
        card, user, ws = self.cards(on)[number - 1], self.person(who).id, self.workspace
        actions = card.card.actions
        value = next((f"{a.kind.value}:{a.value}" for a in actions if a.kind is ActionKind.SHARE), "")
        if not value:
            return await World.share(self, who, on=on, number=number, changes=changes)
        await self.wait(MOMENT)
        await ws.click(user, card.channel, card.ts, MENU, value=value)
        await self._until(lambda: any(_window(view) != LOADING for view in ws.views(user)[-1:]))
        view = ws.views(user)[-1]
        inputs = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
        shown = "\n".join(str(element.get("initial_value", "")) for element in inputs.values())
        reply = _window(view)
        if inputs:
            filled = {name: {inputs[name]["action_id"]: text} for name, text in changes.items()}
            errors = await ws.submit(user, view["id"], filled)
            reply = str(errors) if errors else _window(ws.views(user)[-1])
        for left in ws.views(user):
            await ws.close_view(user, left["id"])
        await self.life.until(self.clock.now())
        return shown, reply

    async def _until(self, holds: Callable[[], bool]) -> None:
        """Waits for what the bot tells Slack after it has acknowledged."""
        changed = asyncio.Event()
        end = self.workspace.subscribe(lambda _: changed.set())
        try:
            async with asyncio.timeout(5):
                while not holds():
                    await changed.wait()
                    changed.clear()
        finally:
            end()


def _is_about(envelope: Envelope, event: Event) -> bool:
    told = envelope.payload.get("event", {})
    return bool(told.get("channel") == event.channel and told.get("ts") == event.ts)


def _everything(workspace: Workspace, channel: str) -> list[dict[str, Any]]:
    roots = workspace.messages(channel)
    replies = [m for root in roots for m in workspace.messages(channel, root["ts"])[1:]]
    return roots + replies


def _key(message: dict[str, Any]) -> str:
    """Of a message of the bot's; "" for everybody else's."""
    return str(message.get("metadata", {}).get("event_payload", {}).get("key", ""))


def _window(view: Mapping[str, Any]) -> str:
    """All text that stands in a window."""
    found: list[str] = []

    def read(part: object) -> None:
        if isinstance(part, Mapping):
            found.extend(str(text) for key, text in part.items() if key == "text" and isinstance(text, str))
            for each in part.values():
                read(each)
        elif isinstance(part, list):
            for each in part:
                read(each)

    read(view["blocks"])
    return " ".join(found)


def _has_action(message: dict[str, Any], action: str) -> bool:
    return any(
        element.get("action_id", "").startswith(f"vigilbot:{action}")
        for block in message.get("blocks", ())
        for element in block.get("elements", ())
        if isinstance(element, dict)
    )
