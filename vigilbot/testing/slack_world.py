"""The same people and steps as World, but everything happens in a Slack workspace on loopback.

What a scenario says is typed, edited, reacted and clicked in the workspace; slack-bolt brings it to the
bot, and the bot's cards are read back from the channel. Clock, ledger and engine are World's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from aiohttp import web

from vigilbot.cards import ActionKind
from vigilbot.clicks import Reply
from vigilbot.doctor import Check
from vigilbot.domain import Event, EventKind
from vigilbot.errors import VigilBotError
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.platforms.slack_manifest import wanted
from vigilbot.platforms.slack_render import MENU
from vigilbot.replay import Life
from vigilbot.serve.desk import Staff, staffed
from vigilbot.testing.checks import Mismatch
from vigilbot.testing.mirrored import Mirrored
from vigilbot.testing.scenario import BadScenario
from vigilbot.testing.world import MOMENT, TENANT, World
from vigilbot.workspace import Envelope, Workspace

LOADING: Final = "One moment …"
"""What a window says until its content is known."""
SPOKEN: Final = ("close", "reopen", "quiet", "resume")
"""Commands that people in Slack say to the bot in the thread."""


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


class SlackLife(Life):
    """Events happen in the workspace; whatever else the bot owes (greetings, replies) is work too."""

    def __init__(self, world: SlackWorld) -> None:
        super().__init__(bot=world.parts.bot, clock=world.clock, work=world.staff.work)
        self._world = world

    async def event(self, event: Event) -> None:
        await self.until(event.at)
        await self._world.intrude(event)


@dataclass(slots=True)
class SlackWorld(World):
    """``mode`` is how Slack's events come: over a socket, or posted to the bot's own web server.

    Beside what a scenario expects, the channels must show the cards that were posted and no others.
    """

    mode: Literal["socket", "http"] = "socket"
    workspace: Workspace = field(init=False)
    mirrored: Mirrored = field(init=False)
    adapter: SlackAdapter = field(init=False)
    _staff: Staff | None = None
    _web: web.AppRunner | None = None

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        await self._open()
        try:
            yield
            if wrong := self.mirrored.differences():
                raise Mismatch("; ".join(wrong))
        finally:
            await self.workspace.stop()

    async def _open(self) -> None:
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
        await self.workspace.start()
        self.mirrored = Mirrored(stage=SlackStage(self.workspace), clock=self.clock)
        self.platform = self.mirrored
        groups: dict[str, list[str]] = {}
        for person in self.people.values():
            self.workspace.add_user(
                person.name,
                id=person.id,
                title=person.title,
                team="T-OTHER" if person.external else "",
                bot=person.bot,
            )
            for group in person.groups:
                groups.setdefault(group, []).append(person.id)
        for handle, members in groups.items():
            self.workspace.add_group(handle, members)
        everybody = [person.id for person in self.people.values()]
        for channel in self.channels.values():
            self.workspace.add_channel(
                channel.name,
                id=channel.id,
                private=channel.private,
                external=channel.external,
                members=everybody,
            )

    @property
    def staff(self) -> Staff:
        if self._staff is None:
            raise VigilBotError("the bot is not running")
        return self._staff

    @property
    def life(self) -> Life:
        return SlackLife(self)

    # -- the bot's life

    async def start(self) -> None:
        ws = self.workspace
        self.adapter = SlackAdapter(
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
        self.mirrored.adapter = self.directory = self.adapter
        await World.start(self)
        self._staff = await staffed(
            self.parts,
            settings=self.settings,
            platform=self.mirrored,
            directory=self.adapter,
            clock=self.clock,
            problems=lambda: (),
            doctor=_no_checks,
            wake=lambda: None,
        )
        await self.adapter.connect(self._staff.desk)
        if self.mode == "http":
            await self._listen()
        for channel in ws.channels.values():
            if channel.id in {c.id for c in self.channels.values()}:
                await ws.invite(channel.id, by=next(iter(self.people.values())).id)
        await self._taken_in()
        await self.adapter.backfill()
        await self.life.until(self.clock.now())

    async def _listen(self) -> None:
        application = web.Application()
        for method, path, handler in self.adapter.routes():
            application.router.add_route(method, path, handler)
        self._web = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._web.setup()
        await web.TCPSite(self._web, "127.0.0.1", 0).start()
        self.workspace.http_target = f"http://127.0.0.1:{self._web.addresses[0][1]}/slack/events"

    async def stop(self) -> None:
        await self.workspace.settled()  # Slack's echo of a card just drawn would find nobody, and wait
        await self.adapter.disconnect()
        if self._web is not None:
            await self._web.cleanup()
            self._web = None
        self._staff = None
        await World.stop(self)

    async def _taken_in(self) -> None:
        await self.workspace.settled()
        while await self.parts.bot.ingest():
            pass

    # -- what people do

    async def intrude(self, event: Event) -> None:
        """The event happens in the workspace, and Slack tells the bot of it."""
        self.clock.advance_to(max(event.at, self.clock.now()))
        ws, where = self.workspace, event.channel
        if event.is_self:
            return
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
        await self._taken_in()

    async def again(self, label: str, *, other_transport: bool) -> bool:
        """Slack sends it once more; or a look into the channel's history finds it again."""
        meant = self.events[label]
        before = await self._inbox()
        if other_transport:
            natural = f"message:{TENANT}:{meant.channel}:{meant.ts}"
            await self.parts.bot.receive(replace(meant, key=f"again:{label}", natural_key=natural))
        else:
            sent = next(e for e in self.workspace.sent if _is_about(e, meant))
            self.workspace.repeat(sent)
        await self._taken_in()
        return await self._inbox() > before

    async def _inbox(self) -> int:
        [row] = await self.parts.ledger.fetch("SELECT count(*) AS n FROM inbox")
        return int(row["n"])

    async def click(
        self, action: str, who: str, *, on: str = "main", number: int = 0, text: str | None = None
    ) -> Reply:
        """A click in the workspace, on a button that is there; else on what a screen may still show."""
        card = self.cards(on)[number - 1]
        user = self.person(who).id
        message = self.workspace.message(card.channel, card.ts)
        if text is not None or message is None or not _has_action(message, action):
            return await World.click(self, action, who, on=on, number=number, text=text)
        await self.wait(MOMENT)
        before, told = await self._feedback(), len(self.workspace.ephemerals(user))
        await self.workspace.click(user, card.channel, card.ts, f"vigilbot:{action}")
        await self._until(lambda: len(self.workspace.ephemerals(user)) > told)
        taken = await self._feedback() > before
        await self.life.until(self.clock.now())
        return Reply(text=str(self.workspace.ephemerals(user)[-1]["text"]), taken=taken)

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

    async def _feedback(self) -> int:
        [row] = await self.parts.ledger.fetch("SELECT count(*) AS n FROM feedback")
        return int(row["n"])


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


async def _no_checks() -> Sequence[Check]:
    return ()
