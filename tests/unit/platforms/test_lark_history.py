"""A Lark chat's past over the API: all of it, once, and on from where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vigilbot.__main__ import root
from vigilbot.domain import Event, EventKind
from vigilbot.errors import BadExport, BadInput
from vigilbot.platforms.lark_client import LarkClient
from vigilbot.platforms.lark_history import LarkReading, read_lark_history
from vigilbot.platforms.replay import Export
from vigilbot.providers.clock import SystemClock
from vigilbot.workspace.lark import LarkTenant

QUESTION, ANSWER = "How do I rotate the signing key?", "Run gatectl rotate on the primary node."


class Place:
    """A tenant with a chat the bot is in, and a reader of its past."""

    def __init__(self, tenant: LarkTenant, folder: Path) -> None:
        self.tenant = tenant
        self.folder = folder
        self.ann = tenant.add_user("Ann", title="Support analyst")
        self.cleo = tenant.add_user("Cleo", tenant="elsewhere")
        self.support = tenant.add_chat("Support", members=[self.ann, self.cleo])
        self.steps: dict[str, tuple[int, int]] = {}
        self.waited: list[float] = []
        self.stop_after = -1  # pages that were read

    async def said(
        self, text: str, *, days: float, user: str = "", to: str = "", chat: str = "", **more: Any
    ) -> str:
        name = await self.tenant.say(user or self.cleo, chat or self.support, text, to=to, **more)
        self.tenant.state.messages[name].at -= int(timedelta(days=days).total_seconds() * 1000)
        return name

    async def read(self, *names: str, days: int = 90, limit: int | None = None, **client: Any) -> Export:
        given: dict[str, Any] = {
            "app_id": self.tenant.app_id,
            "app_secret": self.tenant.app_secret,
            "base_url": self.tenant.url,
            "timeout": 5.0,
            "seconds": lambda: sum(self.waited),
        }
        reader = LarkClient(**given | client)
        reader.open()
        reading = LarkReading(
            client=reader, clock=SystemClock(), folder=self.folder, phase=self.phase, pause=self.pause
        )
        try:
            return await read_lark_history(reading, chats=names or ["Support"], days=days, limit=limit)
        finally:
            await reader.close()

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        done: list[int] = []
        yield lambda step: self._stepped(done, step)
        self.steps[title] = (total, sum(done))

    def _stepped(self, done: list[int], step: int) -> None:
        done.append(step)
        if self.pages() == self.stop_after:
            raise KeyboardInterrupt

    def pages(self) -> int:
        return sum(call.path == "/im/v1/messages" and call.code == 0 for call in self.tenant.api.calls)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with LarkTenant(limits=False) as tenant:
        found = Place(tenant, tmp_path / "history")
        await tenant.invite(found.support, by=found.ann)
        yield found


def posted(export: Export) -> list[Event]:
    return [event for event in export.events if event.kind is EventKind.POSTED]


async def test_messages_and_replies_become_an_export_with_who_wrote_them(place: Place) -> None:
    asked = await place.said("How do I *rotate* <keys>?", days=3)
    await place.said("Run gatectl", days=2.9, user=place.ann, to=asked)
    export = await place.read()
    assert (export.name, export.tenant) == ("lark:Support", place.tenant.state.tenant)
    question, answer = posted(export)
    assert question.text == "How do I *rotate* <keys>?"
    assert (question.user_external, answer.user_external) == (True, False)
    assert (answer.user_name, answer.user_title) == ("Ann", "Support analyst")
    assert (answer.channel, answer.channel_name, answer.thread) == (place.support, "Support", asked)
    assert question.natural_key == f"message:{export.tenant}:{place.support}:{asked}"
    assert place.steps["Reading Support, days"] == (90, 90)


async def test_topics_come_whole(place: Place) -> None:
    topics = place.tenant.add_chat("Topics", topics=True, members=[place.ann, place.cleo])
    await place.tenant.invite(topics, by=place.ann)
    asked = await place.said(QUESTION, days=3, chat=topics)
    await place.said(ANSWER, days=2, user=place.ann, to=asked, chat=topics)
    export = await place.read("Topics")
    assert [(event.text, event.thread) for event in posted(export)] == [(QUESTION, asked), (ANSWER, asked)]


async def test_the_bot_itself_commands_and_what_was_recalled_are_left_out(place: Place) -> None:
    await place.said(QUESTION, days=3)
    await place.said("/vigil status", days=2, user=place.ann, call_bot=True)
    gone = await place.said("never mind", days=1)
    await place.tenant.recall(gone)
    export = await place.read()
    assert [event.text for event in posted(export)] == [QUESTION]
    assert export.stats.skipped["said to the bot"] == 1


async def test_only_the_days_that_were_asked_for(place: Place) -> None:
    await place.said("long ago", days=40)
    await place.said("lately", days=4)
    await place.said("while it is read", days=-1)
    assert [event.text for event in posted(await place.read(days=30))] == ["lately"]
    with pytest.raises(BadExport, match="0 messages"):
        await place.read(days=3)
    with pytest.raises(BadInput, match="--days 0"):
        await place.read(days=0)


async def test_a_reading_that_broke_off_goes_on_where_it_was(place: Place) -> None:
    wanted = [f"message {n}" for n in range(120)]
    for n, text in enumerate(wanted):
        await place.said(text, days=10 - n / 20)
    place.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        await place.read()
    before = place.pages()
    assert before == 2
    place.stop_after = -1
    export = await place.read()
    assert [event.text for event in posted(export)] == wanted
    assert place.pages() == before + 1, "pages that were there are not read again"
    again = await place.read()
    assert [event.text for event in posted(again)] == wanted
    assert "not again" in again.warnings[0]
    assert place.pages() == before + 1
    assert {path.stat().st_mode & 0o077 for path in place.folder.rglob("*.json")} == {0}


async def test_what_may_pass_is_waited_for(place: Place) -> None:
    await place.said(QUESTION, days=3)
    place.tenant.faults.limit("/im/v1/messages", 3)
    assert [event.text for event in posted(await place.read())] == [QUESTION]
    assert place.waited == [3.0]


async def test_a_chat_is_named_by_name_or_id_and_must_be_the_bots(place: Place) -> None:
    await place.said(QUESTION, days=3)
    assert len(posted(await place.read(place.support))) == 1
    assert len(posted(await place.read("support"))) == 1
    place.tenant.add_chat("Secret", members=[place.ann])
    with pytest.raises(BadInput, match="lark:Secret: the bot is in no chat Secret") as refused:
        await place.read("Secret")
    assert refused.value.remedy.endswith("or take Support")


async def test_what_lark_refuses_is_said_with_a_remedy(place: Place) -> None:
    await place.said(QUESTION, days=3)
    with pytest.raises(BadInput, match="LARK_APP_ID, LARK_APP_SECRET"):
        await place.read(app_secret="wrong")
    place.tenant.api.scopes.discard("im:message.group_msg")
    with pytest.raises(BadInput, match=r"lark:Support: the app lacks the permission im:message\.group_msg"):
        await place.read()


async def replayed(place: Place, *args: str, env: dict[str, str] | None = None) -> Result:
    config = place.folder.parent / "vigilbot.yaml"
    config.write_text(f"data: {{dir: '{place.folder.parent}'}}\nembedder: {{model: hash}}\n")
    given = {
        "LARK_APP_ID": place.tenant.app_id,
        "LARK_APP_SECRET": place.tenant.app_secret,
        "VIGILBOT_LARK_BASE_URL": place.tenant.url,
    }
    line = ["replay", *args, "--config", str(config), "--start", "immediately"]
    return await asyncio.to_thread(CliRunner().invoke, root, line, env=given | (env or {}))


async def test_the_command_replays_a_chat(place: Place, tmp_path: Path) -> None:
    asked = await place.said(QUESTION, days=60)
    await place.said(ANSWER, days=59, user=place.ann, to=asked)
    await place.said("That worked, thanks!", days=58, to=asked)
    await place.said(QUESTION, days=20, user=place.tenant.add_user("Dora", tenant="elsewhere"))
    figures = tmp_path / "figures.json"
    result = await replayed(place, "lark:Support", "--json", str(figures))
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert json.loads(figures.read_text())["posted"] == 1
    assert place.folder.is_dir()


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (("lark:",), {}, "lark:: no chat. Name one: lark:Support"),
        (("lark:Support",), {"LARK_APP_ID": ""}, "environment variable LARK_APP_ID: is not set"),
        (("lark/beta:Support",), {}, "environment variable LARK_APP_ID_BETA: is not set"),
        (("lark:Support", "--shared-app"), {}, "--shared-app. It is for slack:#channel"),
        (("lark:Support",), {"LARK_APP_SECRET": "wrong"}, "Copy both from the app's page"),
    ],
)
async def test_what_the_command_refuses_is_one_line(
    place: Place, args: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    result = await replayed(place, *args, env=env)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
