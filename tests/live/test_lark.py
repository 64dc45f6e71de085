"""The whole bot in Lark, live: the real service on the real adapter, and `vigilbot run` killed for real.

Nothing is reached into: what a test expects is what people see in the tenant, or what the ledger holds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.live.company import AGAIN, ANSWERED, ASKED, eventually, quiet_for
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.lark import LarkSecrets, lark_chat
from vigilbot.serve.named import Named
from vigilbot.settings import load
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.cards import actions
from vigilbot.workspace.lark.state import Message

WITHIN = 60.0  # seconds that a busy machine may take for what takes one
THIRD = "The monthly export fails with ERR-4031 since this morning. How do we get it running again?"


@dataclass(kw_only=True, slots=True)
class Company:
    """Nina asks, Sam is an analyst, Eve is of another company."""

    tenant: LarkTenant
    folder: Path
    nina: str
    sam: str
    eve: str
    chat: str
    mode: Literal["socket", "webhook"] = "socket"
    service: Service | None = None

    def given(self) -> dict[str, str]:
        return {
            "data.dir": str(self.folder),
            "platform.connect": "feishu",
            "lark.base_url": self.tenant.url,
            "lark.timeout": "10s",
            "lark.mode": self.mode,
            "lark.language": "en",
            "embedder.model": "hash",
            "retrieval.index": "exact",
            "server.port": "0",
            "oncall.burst": "0s",
            "oncall.grace": "0s",
            "oncall.gate": "immediately",
            "cards.gap": "0s",
            "learn.delay": "0s",
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        known = LarkSecrets(
            app_id=self.tenant.app_id,
            app_secret=self.tenant.app_secret,
            encrypt_key=self.tenant.encrypt_key,
            token=self.tenant.verification_token,
        )
        settings, clock = load(options=self.given()), SystemClock()
        chat = lark_chat(settings, known, Named(platform="feishu"), clock=clock)
        self.service = Service(settings=settings, chat=chat, clock=clock)
        stop = asyncio.Event()
        serving = asyncio.create_task(self.service.run(stop))
        try:
            ready = asyncio.create_task(self.service.ready.wait())
            await asyncio.wait({ready, serving}, return_when=asyncio.FIRST_COMPLETED, timeout=WITHIN)
            ready.cancel()
            assert not serving.done(), await serving
            if self.mode == "webhook":
                self.tenant.webhook.target = f"{self.service.address}/lark/events"
            yield
        finally:
            self.tenant.webhook.target = ""
            stop.set()
            await asyncio.wait_for(serving, WITHIN)

    async def count(self, of: str) -> int:
        assert self.service is not None
        assert self.service.parts is not None
        [row] = await self.service.parts.ledger.fetch(f"SELECT count(*) AS n FROM {of}")
        return int(row["n"])

    async def taught(self) -> str:
        asked = await self.tenant.say(self.nina, self.chat, ASKED)
        await soon(lambda: self.count("messages"))
        await self.tenant.say(self.sam, self.chat, ANSWERED, to=asked)
        await soon(lambda: self.count("knowledge WHERE valid_to IS NULL AND retracted = 0"))
        return asked

    def cards(self, root: str) -> list[Message]:
        return [m for m in self.tenant.thread(root) if m.user == self.tenant.app_id and can_accept(m)]

    async def asked(self, text: str) -> tuple[str, Message]:
        root = await self.tenant.say(self.nina, self.chat, text)
        return root, (await soon(lambda: self.cards(root)))[0]


def can_accept(message: Message) -> bool:
    return any(element.get("text", {}).get("content") == "Accept" for element in actions(message.body))


async def soon(true: Callable[[], Any]) -> Any:
    return await eventually(true, within=WITHIN)


@asynccontextmanager
async def company(folder: Path, *, mode: Literal["socket", "webhook"] = "socket") -> AsyncIterator[Company]:
    async with LarkTenant(limits=False) as tenant:
        nina, sam = tenant.add_user("Nina"), tenant.add_user("Sam", title="Support analyst")
        eve = tenant.add_user("Eve", title="Support analyst", tenant="elsewhere")
        chat = tenant.add_chat("support", public=True, members=[nina, sam])
        yield Company(tenant=tenant, folder=folder, nina=nina, sam=sam, eve=eve, chat=chat, mode=mode)


@pytest.mark.parametrize("mode", ["socket", "webhook"])
async def test_a_question_gets_a_card_and_what_is_accepted_is_kept(
    tmp_path: Path, mode: Literal["socket", "webhook"]
) -> None:
    async with company(tmp_path, mode=mode) as c, c.running():
        await c.tenant.invite(c.chat, by=c.sam)
        await c.taught()
        _, card = await c.asked(AGAIN)
        assert "write token has expired" in card.content
        toast = await c.tenant.click(c.eve, card.id, "Accept")  # she may not, whatever her title says
        assert "Accepted by" not in card.content
        assert toast["content"]
        told = await c.tenant.click(c.sam, card.id, "Accept")
        assert told["type"] == "info"
        await soon(lambda: "Accepted by Sam" in card.content)
        assert await c.count("feedback WHERE kind = 'accept'") == 1


async def test_a_card_that_the_owner_of_the_chat_takes_down_is_a_no(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.running():
        await c.tenant.invite(c.chat, by=c.sam)
        await c.taught()
        _, card = await c.asked(AGAIN)
        await soon(lambda: c.count("deliveries WHERE state = 'sent'"))
        await c.tenant.recall(card.id)
        await soon(lambda: c.count("answers WHERE outcome = 'withdrawn'"))


async def test_a_card_that_the_bot_takes_down_itself_is_judged_once(tmp_path: Path) -> None:
    async with company(tmp_path) as c, c.running():
        await c.tenant.invite(c.chat, by=c.sam)
        await c.taught()
        _, card = await c.asked(AGAIN)
        await c.tenant.click(c.sam, card.id, "Withdraw")
        await soon(lambda: c.count("answers WHERE outcome = 'withdrawn'"))
        await c.tenant.settled(WITHIN)
        await quiet_for(0.2, lambda: not any(p.tries > 1 for p in c.tenant.sent))
        assert await c.count("answers WHERE outcome = 'withdrawn'") == 1


async def test_a_reaction_to_what_nobody_can_see_any_more_leaves_no_trace(tmp_path: Path) -> None:
    async with company(tmp_path / "data") as c, c.running():
        await c.tenant.invite(c.chat, by=c.sam)
        root = await c.tenant.say(c.nina, c.chat, ASKED)
        await soon(lambda: c.count("messages"))
        c.tenant.faults.fail(f"/im/v1/messages/{root}", "230110", times=50)
        await c.tenant.react(c.sam, root, "DONE")
        await c.tenant.settled(WITHIN)
        await soon(lambda: c.count("inbox WHERE state = 'done' AND natural_key LIKE 'reaction:%'"))
        assert await c.count("channels") == 1


async def test_what_was_said_while_the_bot_was_away_is_answered(tmp_path: Path) -> None:
    async with company(tmp_path / "data") as c:
        async with c.running():
            await c.tenant.invite(c.chat, by=c.sam)
            old = await c.taught()
        away = await c.tenant.say(c.nina, c.chat, AGAIN)
        await c.tenant.say(c.sam, c.chat, "The tokens live in the vault.", to=old)
        async with c.running():
            [card] = await soon(lambda: c.cards(away))
            assert "write token has expired" in card.content
            await soon(lambda: c.count("messages WHERE text LIKE 'The tokens live%'"))
            await c.tenant.settled(WITHIN)
            assert await c.count(f"messages WHERE ts = '{away}'") == 1
            assert len(c.cards(away)) == 1


async def test_what_was_said_before_the_bot_was_let_in_again_is_none_of_its_business(tmp_path: Path) -> None:
    async with company(tmp_path / "data") as c:
        async with c.running():
            await c.tenant.invite(c.chat, by=c.sam)
            await c.tenant.say(c.nina, c.chat, ASKED)
            await soon(lambda: c.count("messages"))
            await c.tenant.kick(c.chat, by=c.sam)
            await soon(lambda: c.count("channels WHERE member = 0"))
            await c.tenant.say(c.sam, c.chat, "Nobody else may know this.")
            await c.tenant.invite(c.chat, by=c.sam)
            await soon(lambda: c.count("channels WHERE member = 1 AND greeting = 'sent'"))
        after = await c.tenant.say(c.nina, c.chat, AGAIN)
        async with c.running():
            await soon(lambda: c.count(f"messages WHERE ts = '{after}'"))
            await soon(lambda: gaps_are_closed(c))
            assert await c.count("messages WHERE text LIKE 'Nobody else%'") == 0


async def gaps_are_closed(c: Company) -> bool:
    return await c.count("channels WHERE gap_from IS NOT NULL") == 0


async def test_killed_between_sending_and_writing_it_down_it_shows_one_card(tmp_path: Path) -> None:
    async with company(tmp_path / "data") as c:
        async with c.running():
            await c.tenant.invite(c.chat, by=c.sam)
            await c.taught()
        async with process(c) as bot:
            await soon(lambda: c.tenant.sockets.count)
            root = ""

            def shown(change: dict[str, Any]) -> None:
                """The card stands; the bot's request has not been answered yet."""
                if change["type"] == "message" and root and c.cards(root):
                    bot.kill()
                    stop()

            stop = c.tenant.subscribe(shown)
            root = await c.tenant.say(c.nina, c.chat, THIRD)
            assert await asyncio.wait_for(bot.wait(), WITHIN) == -signal.SIGKILL
        [card] = c.cards(root)
        sent = [call for call in c.tenant.api.calls if call.body.get("uuid") == card.uuid]
        assert len(sent) == 1
        async with c.running():
            await soon(lambda: c.count(f"deliveries WHERE ts = '{card.id}' AND state = 'sent'"))
            again = [call for call in c.tenant.api.calls if call.body.get("uuid") == card.uuid]
            assert len(again) >= 2  # it was sent once more, and Lark showed nothing new
            assert [m.id for m in c.cards(root)] == [card.id]
            await c.tenant.click(c.sam, card.id, "Accept")
            await soon(lambda: "Accepted by Sam" in card.content)


@asynccontextmanager
async def process(c: Company) -> AsyncIterator[asyncio.subprocess.Process]:
    """`vigilbot run` in a process of its own."""
    env = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    env |= {"LARK_APP_ID": c.tenant.app_id, "LARK_APP_SECRET": c.tenant.app_secret}
    for name, value in c.given().items():
        env[f"VIGILBOT_{name.upper().replace('.', '_')}"] = value
    with (c.folder.parent / "process.log").open("ab") as sink:
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "vigilbot", "run", env=env, stdout=sink, stderr=sink
        )
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            made.kill()
        await made.wait()
