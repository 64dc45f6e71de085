"""Documents of Lark's that people share in a chat: learned with the bot's permission, else asked for once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.company import eventually, quiet_for
from vigilbot.platforms.lark import LarkAdapter
from vigilbot.ports import Row
from vigilbot.providers.clock import SystemClock
from vigilbot.serve import Service
from vigilbot.serve.chats import documents_in
from vigilbot.serve.lark import LarkSecrets, lark_chat
from vigilbot.serve.named import Named
from vigilbot.serve.several import SeveralChats
from vigilbot.settings import load
from vigilbot.workspace.lark import LarkTenant

MINE, OTHER = Named(platform="lark", name="mine"), Named(platform="lark", name="other")
TEXT = "# Rotating keys\n\nTo rotate the signing key, run gatectl rotate on the primary node."


@dataclass(kw_only=True, slots=True)
class Two:
    """Two companies in Lark in one process; things happen in ``mine``."""

    mine: LarkTenant
    other: LarkTenant
    chat: str
    cleo: str
    ann: str
    service: Service

    async def rows(self, sql: str) -> list[Row]:
        assert self.service.parts is not None
        return await self.service.parts.ledger.fetch(sql)

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.rows("SELECT state FROM documents ORDER BY added_at")]

    async def share(self, url: str) -> str:
        asked = await self.mine.say(self.cleo, self.chat, "How do I rotate the signing key?")
        await self.mine.say(self.ann, self.chat, f"It is written here: {url}", to=asked)
        return asked

    def requests(self) -> list[str]:
        said = [message.content for message in self.mine.private(self.ann)]
        return [content for content in said if "cannot read this document" in content]


@asynccontextmanager
async def two(folder: Path, **options: str) -> AsyncIterator[Two]:
    given = {
        "data.dir": str(folder),
        "embedder.model": "hash",
        "retrieval.index": "exact",
        "server.port": "0",
        "oncall.burst": "0s",
        "oncall.grace": "0s",
        "oncall.gate": "immediately",
        "learn.delay": "0s",
        "lark.timeout": "2s",
        "lark.language": "en",
    }
    async with LarkTenant(seed=1, limits=False) as mine, LarkTenant(seed=2, limits=False) as other:
        cleo, ann = mine.add_user("Cleo"), mine.add_user("Ann", title="Support analyst")
        chat = mine.add_chat("support", public=True, members=[cleo, ann])
        given |= {name.replace("__", "."): value for name, value in options.items()}
        chats: dict[str, LarkAdapter] = {}
        for named, tenant in ((MINE, mine), (OTHER, other)):
            settings = load(options=given | {"lark.base_url": tenant.url})
            known = LarkSecrets(app_id=tenant.app_id, app_secret=tenant.app_secret, encrypt_key="", token="")
            chats[str(named)] = lark_chat(settings, known, named, clock=SystemClock())
        service = Service(
            settings=settings,
            chat=SeveralChats(chats),
            clock=SystemClock(),
            documents=documents_in(list(chats.values())),
        )
        stop = asyncio.Event()
        serving = asyncio.create_task(service.run(stop))
        made = Two(mine=mine, other=other, chat=chat, cleo=cleo, ann=ann, service=service)
        try:
            await eventually(service.ready.is_set)
            await mine.invite(chat, by=ann)
            yield made
        finally:
            stop.set()
            await asyncio.wait_for(serving, 30)


@pytest.mark.parametrize("node", ["", "wikNode1"])
async def test_a_document_that_an_analyst_shares_is_learned_with_the_companys_own_app(
    tmp_path: Path, node: str
) -> None:
    async with two(tmp_path) as t:
        await t.share(t.mine.add_document("doxAbc1", "Keys", TEXT, node=node))
        await eventually(lambda: learned(t))
        [row] = await t.rows("SELECT title, url, chunks FROM documents")
        assert row["title"] == "Keys"
        assert row["chunks"] == 1
        assert not [call for call in t.other.api.calls if "docx" in call.path or "wiki" in call.path]
        assert t.requests() == []


async def learned(t: Two) -> bool:
    return await t.states() == ["indexed"]


async def test_what_is_not_shared_with_the_bot_is_asked_for_once_and_read_when_it_is_shared_again(
    tmp_path: Path,
) -> None:
    async with two(tmp_path, mode__internal="analysts") as t:
        url = t.mine.add_document("doxAbc1", "Keys", TEXT, shared=False)
        await t.share(f"{url}?from=from_copylink")
        await eventually(t.requests)
        assert url in t.requests()[0]
        assert await t.states() == ["refused"]
        await t.share(url)
        await eventually(lambda: fetched(t, 2))
        await eventually(lambda: settled(t))
        assert len(await t.rows("SELECT 1 FROM audit WHERE action = 'access asked'")) == 1
        t.mine.state.documents["doxAbc1"].shared = True
        await t.share(url)
        await eventually(lambda: learned(t))
        assert len(t.requests()) == 1
        in_chat = [m for m in t.mine.messages(t.chat) if "cannot read this document" in m.content]
        assert in_chat == [], "asked privately, of whoever shared it"


async def fetched(t: Two, times: int) -> bool:
    calls = [call for call in t.mine.api.calls if call.path == "/docx/v1/documents/doxAbc1"]
    return len(calls) >= times


async def settled(t: Two) -> bool:
    return await t.rows("SELECT state, ask_at FROM documents") == [{"state": "refused", "ask_at": None}]


async def test_a_bot_that_only_listens_asks_for_nothing(tmp_path: Path) -> None:
    async with two(tmp_path, mode__internal="listen") as t:
        await t.share(t.mine.add_document("doxAbc1", "Keys", TEXT, shared=False))
        await eventually(lambda: refused(t))
        await quiet_for(0.3, lambda: not t.requests())


async def refused(t: Two) -> bool:
    return await t.states() == ["refused"]


async def test_another_companys_document_is_not_read_with_that_companys_app(tmp_path: Path) -> None:
    async with two(tmp_path) as t:
        url = t.other.add_document("doxOther1", "Theirs", TEXT)
        await t.share(url)
        await eventually(lambda: refused(t))
        assert not [call for call in t.other.api.calls if "docx" in call.path]
