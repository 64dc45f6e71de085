"""The whole bot, live: the real service on the real adapter, over a workspace on loopback.

Nothing is reached into: what a test expects is what a person would see, or what the ledger holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any, Literal

import aiohttp

from vigilbot.ledger import Ledger
from vigilbot.platforms.slack import SlackAdapter
from vigilbot.platforms.slack_manifest import wanted
from vigilbot.ports import Embedder
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.slack import SlackSecrets, slack_chat
from vigilbot.settings import Settings, load
from vigilbot.workspace import Envelope, Workspace

Json = dict[str, Any]

ASKED = "The nightly export fails with ERR-4031 since this morning. How do we get it running again?"
ANSWERED = "ERR-4031 means that the write token has expired. Create a new token and restart the exporter."
AGAIN = "The weekly export fails with ERR-4031 since this morning. How do we get it running again?"


@dataclass(kw_only=True, slots=True)
class Company:
    """A workspace with people in it, and the bot while it runs. ``people`` and ``channels`` by name."""

    ws: Workspace
    folder: Path
    options: Mapping[str, str]
    people: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    service: Service = field(init=False)
    chat: SlackAdapter = field(init=False)

    # -- the bot's life

    @asynccontextmanager
    async def running(self, *, embedder: Embedder | None = None) -> AsyncIterator[Service]:
        """Until the block ends; then it is told to stop, and must end well."""
        stop = asyncio.Event()
        serving = self.start(stop, embedder=embedder)
        await self.up(serving)
        try:
            yield self.service
        finally:
            stop.set()
            await asyncio.wait_for(serving, 30)
            self.ws.http_target = None

    def start(self, stop: asyncio.Event, *, embedder: Embedder | None = None) -> asyncio.Task[None]:
        settings = self.settings()
        secrets = SlackSecrets(
            bot_token=self.ws.bot_token, app_token=self.ws.app_token, signing_secret=self.ws.signing_secret
        )
        clock = SystemClock()
        self.chat = slack_chat(settings, secrets, clock=clock)
        self.service = Service(settings=settings, chat=self.chat, clock=clock, embedder=embedder)
        return asyncio.create_task(self.service.run(stop))

    async def up(self, serving: asyncio.Task[None]) -> None:
        """Until it answers; raises what ended it before."""
        ready = asyncio.create_task(self.service.ready.wait())
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        ready.cancel()
        if serving.done():
            await serving
        assert self.service.ready.is_set()
        if self.options.get("slack.mode") == "http":
            self.ws.http_target = f"{self.service.address}/slack/events"

    def given(self) -> dict[str, str]:
        """The settings that are not the defaults."""
        return {
            "data.dir": str(self.folder),
            "embedder.model": "hash",
            "retrieval.index": "exact",
            "server.port": "0",
            "oncall.burst": "0s",
            "oncall.grace": "0s",
            "oncall.gate": "immediately",
            "cards.gap": "0s",
            "learn.delay": "0s",
            "slack.base_url": self.ws.api_url,
            "slack.timeout": "1.5s",
            "slack.grace": "1.7s",
            "slack.ping": "1s",
        } | dict(self.options)

    def settings(self) -> Settings:
        return load(options=self.given())

    @property
    def ledger(self) -> Ledger:
        assert self.service.parts is not None
        return self.service.parts.ledger

    async def rows(self, sql: str, **values: Any) -> Sequence[Any]:
        return await self.ledger.fetch(sql, **values)

    async def count(self, of: str) -> int:
        [row] = await self.rows(f"SELECT count(*) AS n FROM {of}")
        return int(row["n"])

    async def readiness(self) -> Json:
        async with aiohttp.ClientSession() as http, http.get(f"{self.service.address}/readyz") as answer:
            return dict(await answer.json())

    # -- what people do

    async def invited(self, *names: str) -> None:
        """The bot is in these channels, and has greeted."""
        for name in names:
            await self.ws.invite(self.channels[name], by=self.people["ada"])
        await eventually(lambda: all(self.notices(name) for name in names))

    async def say(self, who: str, text: str, *, where: str = "support", thread: str = "", **more: Any) -> str:
        return await self.ws.say(self.people[who], self.channels[where], text, thread=thread, **more)

    async def taught(self, *, where: str = "support", asked: str = ASKED, answered: str = ANSWERED) -> str:
        """A conversation in which Sam answers Nina, and the bot has learned from it; the question's ts."""
        before = await self.known()
        ts = await self.say("nina", asked, where=where)
        await eventually(lambda: self.taken(ts))
        await self.say("sam", answered, where=where, thread=ts)
        await eventually(lambda: self.more_known(before))
        return ts

    async def known(self) -> int:
        return await self.count("knowledge WHERE valid_to IS NULL AND retracted = 0")

    async def more_known(self, than: int) -> bool:
        return await self.known() > than

    async def taken(self, ts: str) -> bool:
        return bool(await self.rows("SELECT 1 FROM messages WHERE ts = :ts", ts=ts))

    async def judged(self, ts: str) -> bool:
        """Whether a run has seen the message and nothing of it waits to be posted."""
        seen = await self.rows(
            "SELECT 1 FROM messages WHERE ts = :ts AND run IS NOT NULL AND run <> ''", ts=ts
        )
        return bool(seen) and not await self.rows("SELECT 1 FROM deliveries WHERE state = 'due'")

    async def asked(self, who: str, text: str, *, where: str = "support", thread: str = "") -> Json:
        """Somebody asks, and this is the card that they see."""
        ts = await self.say(who, text, where=where, thread=thread)
        await eventually(lambda: self.cards(thread or ts, where=where))
        return self.cards(thread or ts, where=where)[-1]

    async def click(self, who: str, message: Json, action: str, *, where: str = "support") -> str:
        """Clicks, and returns what this person alone is told."""
        before = {m["ts"] for m in self.ws.ephemerals(self.people[who], self.channels[where])}
        name, value = control(message, action)
        assert await self.ws.click(self.people[who], self.channels[where], message["ts"], name, value=value)

        def new() -> list[str]:
            shown = self.ws.ephemerals(self.people[who], self.channels[where])
            return [words_of(m) for m in shown if m["ts"] not in before]

        return str((await eventually(new))[-1])

    async def typed(self, who: str, text: str, *, where: str = "support") -> str:
        """A slash command, and what this person alone reads."""
        assert await self.ws.slash(self.people[who], self.channels[where], text)
        return self.told(who, where=where)[-1]

    async def opened_to_everyone(self, where: str) -> None:
        """Cards for everybody in a channel shared with another company: an operator confirms it."""
        await self.typed("ada", "mode everyone", where=where)
        asked = self.ws.ephemerals(self.people["ada"], self.channels[where])[-1]
        assert "in mode everyone now" in await self.click("ada", asked, "confirm", where=where)

    def envelopes(self, ts: str) -> list[Envelope]:
        """What told the bot of a message."""
        about = [(e, e.payload.get("event", {})) for e in self.ws.sent]
        return [e for e, event in about if event.get("ts") == ts and "text" in event]

    # -- what people see

    def told(self, who: str, *, where: str = "") -> list[str]:
        channel = self.channels[where] if where else ""
        return [words_of(m) for m in self.ws.ephemerals(self.people[who], channel)]

    def drafts(self, who: str, *, where: str = "support") -> list[Json]:
        shown = self.ws.ephemerals(self.people[who], self.channels[where])
        return [m for m in shown if has_action(m, "post")]

    def cards(self, thread: str, *, where: str = "support") -> list[Json]:
        """The bot's cards in a thread, oldest first."""
        shown = self.ws.messages(self.channels[where], thread=thread)
        return [m for m in shown if m.get("user") == self.ws.bot_user and has_action(m, "why")]

    def all_cards(self, *, where: str = "support") -> list[Json]:
        roots = [m["ts"] for m in self.ws.messages(self.channels[where])]
        return [card for ts in roots for card in self.cards(ts, where=where)]

    def replies(self, thread: str, *, where: str = "support") -> list[str]:
        """What the bot says in a thread, cards included."""
        shown = self.ws.messages(self.channels[where], thread=thread)
        return [words_of(m) for m in shown if m.get("user") == self.ws.bot_user]

    def notices(self, where: str) -> list[Json]:
        shown = self.ws.messages(self.channels[where])
        return [m for m in shown if m.get("user") == self.ws.bot_user and m.get("blocks")]


@asynccontextmanager
async def company(
    folder: Path,
    *,
    mode: Literal["socket", "http"] = "socket",
    limits: bool = False,
    without: str = "",
    **options: str,
) -> AsyncIterator[Company]:
    """Nina and Omar ask, Sam and Lea are analysts, Ada owns the workspace, Eve is of another company.

    ``without``: a scope that the app was not given.
    """
    permissions, subscriptions = wanted(("private", "direct", "files"))
    ws = Workspace(
        limits=limits,
        scopes=[p.scope for p in permissions if p.scope != without],
        events=[s.event for s in subscriptions],
    )
    given = {name.replace("__", "."): value for name, value in options.items()} | {"slack.mode": mode}
    async with ws:
        made = Company(ws=ws, folder=folder, options=given)
        made.people = {
            "nina": ws.add_user("Nina"),
            "omar": ws.add_user("Omar"),
            "sam": ws.add_user("Sam", title="Support analyst"),
            "lea": ws.add_user("Lea", title="Support analyst"),
            "ada": ws.add_user("Ada", owner=True),
            "eve": ws.add_user("Eve", title="Support analyst", team="T0ELSEWHERE"),
        }
        ours = [user for name, user in made.people.items() if name != "eve"]
        made.channels = {
            "support": ws.add_channel("support", members=ours),
            "billing": ws.add_channel("billing", members=ours),
            "secret": ws.add_channel("secret", private=True, members=ours),
            "shared": ws.add_channel("shared", external=True, members=[*ours, made.people["eve"]]),
        }
        yield made


@asynccontextmanager
async def live(
    folder: Path, *, invited: Sequence[str] = ("support",), embedder: Embedder | None = None, **given: Any
) -> AsyncIterator[Company]:
    """A company with the bot running in some of its channels."""
    async with company(folder, **given) as made, made.running(embedder=embedder):
        await made.invited(*invited)
        yield made


async def eventually(true: Callable[[], object], *, within: float = 8.0) -> Any:
    """Until ``true`` says something true, which is returned; it may be a coroutine function."""
    async with asyncio.timeout(within):
        while True:
            found = true()
            if isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


async def quiet_for(seconds: float, true: Callable[[], Awaitable[object] | object]) -> None:
    """``true`` stays true for so long: what must not come has had its chance."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        found = true()
        assert await found if isawaitable(found) else found
        await asyncio.sleep(0.02)


def words_of(message: Mapping[str, Any]) -> str:
    """Everything a person can read in a message or window, buttons included."""
    found: list[str] = []

    def read(part: object) -> None:
        if isinstance(part, Mapping):
            for name in ("text", "elements", "fields", "title", "label", "options", "accessory", "blocks"):
                read(part.get(name))
        elif isinstance(part, list):
            for each in part:
                read(each)
        elif isinstance(part, str):
            found.append(part)

    read(message.get("blocks") or message.get("text"))
    return " ".join(found)


def elements(message: Mapping[str, Any]) -> list[Json]:
    """Everything in a message's blocks, however deep."""
    found: list[Json] = []

    def read(part: object) -> None:
        if isinstance(part, dict):
            found.append(part)
            for each in part.values():
                read(each)
        elif isinstance(part, list):
            for each in part:
                read(each)

    read(message.get("blocks", []))
    return found


def has_action(message: Mapping[str, Any], kind: str) -> bool:
    return _found(message, kind) is not None


def control(message: Mapping[str, Any], kind: str) -> tuple[str, str | None]:
    """How to click on it: a button's action_id, or the menu's with the entry chosen in it."""
    found = _found(message, kind)
    assert found is not None, f"nothing to {kind} with: {words_of(message)}"
    return found


def _found(message: Mapping[str, Any], kind: str) -> tuple[str, str | None] | None:
    for element in elements(message):
        name = str(element.get("action_id", ""))
        if name == f"vigilbot:{kind}" or name.startswith(f"vigilbot:{kind}:"):
            return name, None
        for option in element.get("options", ()):
            if str(option.get("value", "")).startswith(f"{kind}:"):
                return name, option["value"]
    return None
