"""One process, three companies: two in Slack, one in Lark. Nothing of one reaches another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.company import AGAIN, ANSWERED, ASKED, eventually, quiet_for, words_of
from vigilbot.errors import BadInput, BadSettings
from vigilbot.platforms.slack_manifest import wanted
from vigilbot.ports import Row
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.chat import Chat
from vigilbot.serve.lark import LarkSecrets, lark_chat
from vigilbot.serve.named import Named, named_chats
from vigilbot.serve.several import SeveralChats
from vigilbot.serve.slack import SlackSecrets, slack_chat
from vigilbot.settings import load
from vigilbot.workspace import Workspace
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.state import Message

ACME, BETA, GAMMA = (
    Named(platform="slack", name="acme"),
    Named(platform="slack", name="beta"),
    Named(platform="lark", name="gamma"),
)


@dataclass(kw_only=True, slots=True)
class InSlack:
    ws: Workspace
    asker: str
    analyst: str
    channel: str

    async def say(self, who: str, text: str, *, thread: str = "") -> str:
        return await self.ws.say(getattr(self, who), self.channel, text, thread=thread)

    def cards(self, thread: str) -> list[str]:
        shown = self.ws.messages(self.channel, thread=thread)
        return [words_of(m) for m in shown if m.get("user") == self.ws.bot_user]


@dataclass(kw_only=True, slots=True)
class InLark:
    tenant: LarkTenant
    asker: str
    analyst: str
    chat: str

    async def say(self, who: str, text: str, *, thread: str = "") -> str:
        return await self.tenant.say(getattr(self, who), self.chat, text, to=thread)

    def cards(self, thread: str) -> list[str]:
        def mine(message: Message) -> bool:
            return message.user == self.tenant.app_id

        return [message.content for message in self.tenant.thread(thread) if mine(message)]


Place = InSlack | InLark


@dataclass(kw_only=True, slots=True)
class Companies:
    acme: InSlack
    beta: InSlack
    gamma: InLark
    service: Service

    def all(self) -> dict[str, Place]:
        return {"acme": self.acme, "beta": self.beta, "gamma": self.gamma}

    async def rows(self, sql: str) -> list[Row]:
        assert self.service.parts is not None
        return await self.service.parts.ledger.fetch(sql)

    async def count(self, of: str) -> int:
        return int((await self.rows(f"SELECT count(*) AS n FROM {of}"))[0]["n"])


@asynccontextmanager
async def companies(folder: Path) -> AsyncIterator[Companies]:
    permissions, subscriptions = wanted(("private",))
    given = {
        "data.dir": str(folder),
        "embedder.model": "hash",
        "retrieval.index": "exact",
        "server.port": "0",
        "oncall.burst": "0s",
        "oncall.grace": "0s",
        "oncall.gate": "immediately",
        "cards.gap": "0s",
        "learn.delay": "0s",
    }
    scopes, events = [p.scope for p in permissions], [s.event for s in subscriptions]
    async with (
        Workspace(seed=1, limits=False, scopes=scopes, events=events) as acme,
        Workspace(seed=2, limits=False, scopes=scopes, events=events) as beta,
        LarkTenant(seed=3, limits=False) as gamma,
    ):
        in_team(acme, "T0ACME"), in_team(beta, "T0BETA")  # people and channels have the same ids in both
        clock = SystemClock()
        chats: dict[str, Chat] = {}
        for named, ws in ((ACME, acme), (BETA, beta)):
            settings = load(options=given | {"slack.base_url": ws.api_url, "slack.timeout": "2s"})
            secrets = SlackSecrets(bot_token=ws.bot_token, app_token=ws.app_token, signing_secret="")
            chats[str(named)] = slack_chat(settings, secrets, named, clock=clock)
        settings = load(options=given | {"lark.base_url": gamma.url, "lark.timeout": "2s"})
        known = LarkSecrets(app_id=gamma.app_id, app_secret=gamma.app_secret, encrypt_key="", token="")
        chats[str(GAMMA)] = lark_chat(settings, known, GAMMA, clock=clock)
        service = Service(settings=settings, chat=SeveralChats(chats), clock=clock)
        stop = asyncio.Event()
        serving = asyncio.create_task(service.run(stop))
        made = Companies(acme=in_slack(acme), beta=in_slack(beta), gamma=in_lark(gamma), service=service)
        try:
            await eventually(service.ready.is_set)
            await acme.invite(made.acme.channel, by=made.acme.analyst)
            await beta.invite(made.beta.channel, by=made.beta.analyst)
            await gamma.invite(made.gamma.chat, by=made.gamma.analyst)
            yield made
        finally:
            stop.set()
            await asyncio.wait_for(serving, 30)


def in_team(ws: Workspace, team: str) -> None:
    ws.state.team = team
    for user in ws.users.values():
        user.team = team


def in_slack(ws: Workspace) -> InSlack:
    asker, analyst = ws.add_user("Nina"), ws.add_user("Sam", title="Support analyst")
    return InSlack(
        ws=ws, asker=asker, analyst=analyst, channel=ws.add_channel("support", members=[asker, analyst])
    )


def in_lark(tenant: LarkTenant) -> InLark:
    asker, analyst = tenant.add_user("Nina"), tenant.add_user("Sam", title="Support analyst")
    return InLark(
        tenant=tenant,
        asker=asker,
        analyst=analyst,
        chat=tenant.add_chat("support", public=True, members=[asker, analyst]),
    )


@pytest.mark.parametrize("teacher", ["acme", "gamma"])
async def test_what_one_company_taught_no_other_is_told(tmp_path: Path, teacher: str) -> None:
    async with companies(tmp_path) as c:
        places = c.all()
        taught = await places[teacher].say("asker", ASKED)
        await eventually(lambda: c.count("messages"))
        await places[teacher].say("analyst", ANSWERED, thread=taught)
        await eventually(lambda: c.count("knowledge WHERE valid_to IS NULL"))
        asked = dict(
            zip(places, await asyncio.gather(*(p.say("asker", AGAIN) for p in places.values())), strict=True)
        )
        told = await eventually(lambda: places[teacher].cards(asked[teacher]))
        assert "write token has expired" in told[0]
        await eventually(lambda: judged(c, 4))
        others = [name for name in places if name != teacher]
        await quiet_for(0.3, lambda: not any(places[name].cards(asked[name]) for name in others))


async def judged(c: Companies, runs: int) -> bool:
    return await c.count("runs") >= runs


async def test_each_company_is_asked_with_its_own_credentials_alone(tmp_path: Path) -> None:
    async with companies(tmp_path) as c:
        for place in c.all().values():
            ts = await place.say("asker", ASKED)
            await place.say("analyst", ANSWERED, thread=ts)
        await eventually(lambda: knows(c, 3))
        for place in c.all().values():
            ts = await place.say("asker", AGAIN)
            await eventually(lambda place=place, ts=ts: place.cards(ts))
        assert c.acme.ws.bot_token != c.beta.ws.bot_token
        for ws in (c.acme.ws, c.beta.ws):
            refused = [call for call in ws.calls if call.answer.get("error") == "invalid_auth"]
            assert not refused, "a call came with another company's token"
        assert all(call.code == 0 for call in c.gamma.tenant.api.calls)
        rows = await c.rows("SELECT DISTINCT tenant, channel FROM oncalls")
        assert len({row["tenant"] for row in rows}) == 3


async def knows(c: Companies, entries: int) -> bool:
    return await c.count("knowledge WHERE valid_to IS NULL") >= entries


async def test_one_that_is_gone_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with companies(tmp_path) as c:
        c.gamma.tenant.faults.deaf = True
        await c.gamma.tenant.sockets.cut()
        ts = await c.acme.say("asker", ASKED)
        await c.acme.say("analyst", ANSWERED, thread=ts)
        await eventually(lambda: knows(c, 1))
        again = await c.acme.say("asker", AGAIN)
        await eventually(lambda: c.acme.cards(again))
        state = (await c.service.condition()).transport
        assert state is not None
        assert not state.connected
        assert any(line.startswith("lark/gamma: ") for line in state.problems)


async def test_the_same_company_twice_is_refused(tmp_path: Path) -> None:
    async with LarkTenant() as tenant:
        settings = load(options={"data.dir": str(tmp_path), "server.port": "0", "lark.base_url": tenant.url})
        known = LarkSecrets(app_id=tenant.app_id, app_secret=tenant.app_secret, encrypt_key="", token="")
        twice = [Named(platform="lark", name=name) for name in ("one", "two")]
        chats = {str(n): lark_chat(settings, known, n, clock=SystemClock()) for n in twice}
        service = Service(settings=settings, chat=SeveralChats(chats), clock=SystemClock())
        with pytest.raises(BadInput, match="the same company"):
            await asyncio.wait_for(service.run(asyncio.Event()), 10)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "no chat is named"),
        (["teams"], "unknown chat 'teams'"),
        (["slack/"], ""),
        (["slack/ACME"], "unknown chat"),
        (["lark", "feishu/x", "lark"], "two chats have the same name"),
        (["slack/a-b", "slack/a_b"], "two chats have the same name"),
    ],
)
def test_chats_that_cannot_be_named_so_are_refused(given: list[str], says: str) -> None:
    if not says:
        assert [str(one) for one in named_chats(given)] == ["slack"]
        return
    with pytest.raises(BadSettings, match=says):
        named_chats(given)
