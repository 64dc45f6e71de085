"""The demonstration over its real parts: page, side pane, story on one port; with a small model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from vigilbot.demo.live import Live
from vigilbot.demo.player import Player, Scene
from vigilbot.demo.stage import SHARED, SUPPORT
from vigilbot.demo.venue import SlackVenue
from vigilbot.domain import Extraction
from vigilbot.knowledge import Origin
from vigilbot.knowledge.search import index_space
from vigilbot.ports import Hit
from vigilbot.providers.clock import SystemClock
from vigilbot.testing import HashEmbedder
from vigilbot.workspace import Workspace


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@dataclass
class Open:
    live: Live
    url: str
    http: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url + path) as answer:
            assert answer.status == 200
            return await answer.json()


def in_slack(here: Open) -> Workspace:
    assert isinstance(here.live.venue, SlackVenue)
    return here.live.venue.workspace


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Open]:
    live = Live(port=0, embedder=HashEmbedder(), **options)
    stop, at = asyncio.Event(), asyncio.Queue[str]()
    running = asyncio.create_task(live.run(stop, at=at.put_nowait))
    waiting = asyncio.create_task(at.get())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if running.done():
        waiting.cancel()
        await running
    async with aiohttp.ClientSession() as http:
        yield Open(live, await waiting, http)
    stop.set()
    await asyncio.wait_for(running, 20)


async def test_the_bot_greets_and_the_first_step_of_the_story_is_judged() -> None:
    async with opened() as here:
        async with here.http.get(here.url + "/") as page:
            assert "<html" in (await page.text()).lower()
        names = {channel.name: ident for ident, channel in in_slack(here).channels.items()}
        for name in (SUPPORT, SHARED):
            assert any("VigilBot" in m["text"] for m in in_slack(here).messages(names[name]))
        assert await here.get("/side/run") is None
        story = await here.get("/story")
        assert not any(step["done"] for step in story["steps"])
        async with here.http.post(here.url + "/story/step") as answer:
            assert answer.status == 200
        async with asyncio.timeout(15):
            while not (story := await here.get("/story"))["steps"][0]["done"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert story["failed"] == ""
        assert not story["steps"][1]["done"]
        run = await here.get("/side/run")
        assert run["channel"] == SUPPORT
        assert {stage["name"] for stage in run["stages"]} >= {"retrieve", "rerank"}
        assert (await here.get("/side/knowledge")) == {"entries": []}
        lines = (await here.get("/side/status"))["lines"]
        assert lines[0] == {"name": "Bot", "value": "ready", "level": "ok"}


async def test_another_sites_page_cannot_play_the_story() -> None:
    async with opened() as here:
        headers = {"Sec-Fetch-Site": "cross-site"}
        async with here.http.post(here.url + "/story/play", headers=headers) as answer:
            assert answer.status == 403
        assert not (await here.get("/story"))["playing"]


async def test_a_player_plays_holds_and_goes_on() -> None:
    played: list[int] = []

    def scene(number: int) -> Scene:
        async def act() -> None:
            played.append(number)
            if number == 1:
                raise LookupError("the channel is gone")

        return Scene(title=str(number), act=act, pause=0.05)

    player = Player([scene(number) for number in range(5)])
    player.step()
    await asyncio.sleep(0.02)
    assert (played, player.state()["playing"]) == ([0], False)
    player.play()
    await asyncio.sleep(0.02)
    player.hold()
    await asyncio.sleep(0.15)
    assert played == [0, 1]
    assert "the channel is gone" in player.state()["failed"]
    player.play()
    await asyncio.sleep(0.4)
    assert played == [0, 1, 2, 3, 4]
    assert not player.state()["playing"]
    assert all(step["done"] for step in player.state()["steps"])
    await player.end()


async def test_a_long_play_is_told_in_stretches() -> None:
    async def act() -> None:
        return None

    player = Player([Scene(title=str(number), act=act, pause=0.0) for number in range(1000)])
    steps = player.state()["steps"]
    assert (len(steps), steps[0]) == (40, {"title": "0", "done": False})
    for _ in range(30):
        player.step()
        await asyncio.sleep(0.001)
    steps = player.state()["steps"]
    assert steps[0]["done"]
    assert steps[1] == {"title": "30", "done": False}
    await player.end()


async def post(here: Open, name: str, value: bool = True, **headers: str) -> int:
    body = {"name": name, "value": value}
    async with here.http.post(here.url + "/side/do", json=body, headers=headers) as answer:
        return answer.status


async def line(here: Open, name: str) -> str:
    lines = (await here.get("/side/status"))["lines"]
    return "; ".join(each["value"] for each in lines if each["name"] == name)


async def until(here: Open, name: str, words: str) -> None:
    async with asyncio.timeout(30):
        while words not in await line(here, name):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def ask(here: Open, text: str) -> str:
    """Nina asks in the support channel; the result of the run that follows."""
    ws = in_slack(here)
    channel = next(ident for ident, each in ws.channels.items() if each.name == SUPPORT)
    nina = next(ident for ident, user in ws.users.items() if user.name == "Nina")
    before = await here.get("/side/run")
    await ws.say(nina, channel, text)
    async with asyncio.timeout(15):
        while (run := await here.get("/side/run")) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return str(run["result"])


async def test_the_model_can_be_stopped_on_the_page_and_the_bot_goes_on_without_it() -> None:
    async with opened() as here:
        assert await post(here, "model", True, **{"Sec-Fetch-Site": "cross-site"}) == 403
        assert await post(here, "the moon") == 400
        assert await post(here, "model") == 200
        assert (await here.get("/side/status"))["harm"][0]["value"]
        assert await ask(here, "How do I rotate the signing key of the gateway?")
        assert "no language model answers" in await line(here, "Remark")
        assert await line(here, "Bot") == "ready"
        assert await post(here, "model", False) == 200
        assert await ask(here, "Which port does the metrics exporter listen on?")
        assert "no language model answers" not in await line(here, "Remark")


async def test_the_index_can_be_deleted_on_the_page_and_is_built_anew() -> None:
    async with opened() as here:
        assert here.live.service is not None
        parts = here.live.service.parts
        assert parts is not None
        origin = Origin(tenant="T", space="public", channel="C", oncall="O", customer="")
        for name in ("signing key", "metrics exporter", "nightly backup"):
            said = Extraction(
                question=f"Where is the {name}?",
                answer=f"In the {name} folder",
                message_ids=(),
                citations=(),
                confirmed=False,
                resolved_at=SystemClock().now(),
            )
            await parts.knowledge.learn(said, origin=origin, entry_id=name)

        async def found() -> list[Hit]:
            [query] = await parts.embedder.embed(["Where is the nightly backup?"])
            return await parts.index.search(query, spaces=[index_space("T", "public")], limit=2)

        await until(here, "Index", "in step, 3 vectors")
        before = await found()
        assert await post(here, "index") == 200
        assert await found() == before
        await until(here, "Index", "in step, 3 vectors, built anew 1 times")
        assert await found() == before


async def test_the_socket_can_be_cut_on_the_page_and_the_bot_connects_again() -> None:
    async with opened() as here:
        assert await post(here, "socket") == 200
        assert await ask(here, "How do I rotate the signing key of the gateway?")
        await until(here, "Bot", "ready")
