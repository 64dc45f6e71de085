"""A channel's past over the Web API: all of it, once, within the limits, and on from where it stopped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vigilbot.__main__ import root
from vigilbot.domain import EventKind
from vigilbot.errors import BadExport, BadInput
from vigilbot.platforms.replay import Export
from vigilbot.platforms.slack_client import SlackClient
from vigilbot.platforms.slack_history import read_history
from vigilbot.workspace import Workspace

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Place:
    """A workspace with a channel the bot is in, and a reader of its past."""

    def __init__(self, ws: Workspace, folder: Path) -> None:
        self.ws = ws
        self.folder = folder
        self.ann = ws.add_user("Ann", title="Support analyst")
        self.cleo = ws.add_user("Cleo", team="T0OTHER")
        self.support = ws.add_channel("support", members=[self.ann, self.cleo])
        self.now = NOW
        self.shown: list[tuple[str, int, int]] = []  # title, total, steps
        self.waited: list[float] = []
        self.seconds = 0.0

    async def said(
        self, text: str, *, days: float, user: str = "", thread: str = "", channel: str = ""
    ) -> str:
        ts = f"{(NOW - timedelta(days=days)).timestamp():.6f}"
        where = channel or self.support
        return await self.ws.say(user or self.cleo, where, text, ts=ts, thread=thread)

    async def read(
        self, *names: str, days: int = 90, shared: bool = False, limit: int | None = None
    ) -> Export:
        client = self.client(shared=shared)
        try:
            return await read_history(
                client,
                channels=names or ["#support"],
                days=days,
                now=self.now,
                folder=self.folder,
                phase=self.phase,
                limit=limit,
                pause=self.pause,
            )
        finally:
            await client.close()

    def client(self, *, shared: bool = False, token: str = "") -> SlackClient:
        client = SlackClient(
            token=token or self.ws.bot_token,
            base_url=self.ws.api_url,
            timeout=5,
            shared_history=shared,
            pause=self.pause,
            seconds=lambda: self.seconds,
        )
        client.open()
        return client

    async def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.seconds += seconds
        self.ws.advance(seconds)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        steps: list[int] = []
        yield steps.append
        self.shown.append((title, total, sum(steps)))

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.ws.calls)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with Workspace(now=lambda: NOW, limits=False) as ws:
        found = Place(ws, tmp_path / "history")
        await ws.invite(found.support, by=found.ann)
        yield found


def texts(export: Export) -> list[str]:
    return [event.text for event in export.events if event.kind is EventKind.POSTED]


async def test_history_and_threads_become_the_export_that_files_would_give(place: Place) -> None:
    asked = await place.said("How do I *rotate* <keys>?", days=3)
    await place.said(f"Run gatectl, <@{place.cleo}>", days=2.9, user=place.ann, thread=asked)
    await place.said("Unrelated", days=1, user=place.ann)
    export = await place.read()
    assert (export.name, export.tenant) == ("slack:#support", place.ws.team)
    assert texts(export) == ["How do I *rotate* <keys>?", "Run gatectl, @Cleo", "Unrelated"]
    question, answer, _ = (event for event in export.events if event.kind is EventKind.POSTED)
    assert (question.user_name, question.user_external) == ("Cleo", True)
    assert (answer.user_name, answer.user_title, answer.user_external) == ("Ann", "Support analyst", False)
    assert (answer.channel, answer.channel_name, answer.thread) == (place.support, "support", asked)
    assert question.natural_key == f"message:{place.ws.team}:{place.support}:{asked}"


@pytest.mark.parametrize("error", ["user_not_found", "user_not_visible"])
async def test_who_is_hidden_counts_as_another_company(place: Place, error: str) -> None:
    await place.said("Who am I?", days=3)
    place.ws.faults.fail("users.info", error)
    listed = [user for user in place.ws.state.users.values() if user.id != place.cleo]
    place.ws.state.users = {user.id: user for user in listed}
    (event,) = (event for event in (await place.read()).events if event.kind is EventKind.POSTED)
    assert (event.user_name, event.user_external) == (place.cleo, True)


async def test_only_the_days_asked_for(place: Place) -> None:
    await place.said("old", days=31)
    await place.said("new", days=29)
    assert texts(await place.read(days=30)) == ["new"]


async def test_what_the_bot_wrote_itself_is_left_out(place: Place) -> None:
    asked = await place.said("How?", days=2)
    await place.said("An earlier card", days=1.9, user=place.ws.bot_user, thread=asked)
    assert texts(await place.read()) == ["How?"]


async def test_all_pages_are_read_and_every_message_once(place: Place) -> None:
    for n in range(450):
        await place.said(f"message {n}", days=80 - n / 10)
    thread = await place.said("a long thread", days=20)
    for n in range(250):
        await place.said(f"reply {n}", days=19 - n / 100, thread=thread)
    export = await place.read()
    assert len(texts(export)) == len(set(texts(export))) == 450 + 1 + 250
    assert place.shown[0] == ("Reading #support, days", 90, 90)
    assert place.shown[1] == ("Reading #support, threads", 1, 1)


async def test_a_reading_that_broke_off_goes_on_where_it_was(place: Place) -> None:
    for n in range(450):
        await place.said(f"message {n}", days=80 - n / 10)
    first, second = [await place.said(f"thread {n}", days=10 - n) for n in range(2)]
    for days, thread in ((2, first), (1, second)):
        await place.said("reply", days=days, thread=thread)
    place.ws.faults.fail("conversations.replies", "internal_error", times=99)
    with pytest.raises(BadInput, match="the same command goes on from there"):
        await place.read()
    pages = place.calls("conversations.history")
    place.ws.faults.clear()
    place.now += timedelta(hours=7)  # what was said meanwhile belongs to the next reading
    await place.ws.say(place.cleo, place.support, "later", ts=f"{(NOW + timedelta(hours=6)).timestamp():.6f}")
    export = await place.read()
    assert place.calls("conversations.history") == pages
    assert len(texts(export)) == 454
    assert "later" not in texts(export)


async def test_a_page_that_was_half_written_is_read_again(place: Place) -> None:
    await place.said("one", days=2)
    await place.read()
    (folder,) = (place.folder / place.ws.team).glob("*-90d")
    (folder / "about.json").write_text(
        json.dumps(json.loads((folder / "about.json").read_text()) | {"done": False})
    )
    (folder / "history-00000.json").write_text('{"messages": [')
    assert texts(await place.read()) == ["one"]


async def test_a_finished_reading_is_used_for_a_day_and_says_so(place: Place) -> None:
    await place.said("one", days=2)
    await place.read()
    calls = len(place.ws.calls)
    place.now += timedelta(hours=23)
    again = await place.read()
    assert again.warnings == ("#support as it was read on 2026-11-20 12:00 UTC, not again",)
    assert {call.method for call in place.ws.calls[calls:]} == {"auth.test", "users.conversations"}
    place.now += timedelta(hours=2)
    assert (await place.read()).warnings == ()
    assert place.calls("conversations.history") == 2


async def test_what_is_kept_is_for_its_owner_alone(place: Place) -> None:
    await place.said("one", days=2)
    await place.read()
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert not [path for path in files if path.name.startswith(".")]


async def test_slow_down_is_obeyed(place: Place) -> None:
    await place.said("one", days=2)
    place.ws.faults.limit("conversations.history", 7, times=2)
    place.ws.faults.limit("users.list", 11)
    assert texts(await place.read()) == ["one"]
    assert {7.0, 11.0} <= set(place.waited)


async def test_an_app_that_slack_did_not_review_reads_a_page_a_minute(tmp_path: Path) -> None:
    async with Workspace(now=lambda: NOW, shared_app=True) as ws:
        place = Place(ws, tmp_path)
        await ws.invite(place.support, by=place.ann)
        for n in range(40):
            await place.said(f"message {n}", days=80 - n)
        assert len(texts(await place.read(shared=True))) == 40
        assert ws.limits.refused == 0
        assert sum(place.waited) >= 120


async def test_a_thread_deleted_meanwhile_is_no_error(place: Place) -> None:
    thread = await place.said("asked", days=2)
    await place.said("answered", days=1, thread=thread)
    place.ws.faults.fail("conversations.replies", "thread_not_found")
    assert texts(await place.read()) == ["asked"]


async def test_several_channels_by_name_and_id(place: Place) -> None:
    other = place.ws.add_channel("billing", members=[place.ann])
    await place.ws.invite(other, by=place.ann)
    await place.said("one", days=2)
    await place.said("two", days=1, channel=other, user=place.ann)
    export = await place.read("support", other)
    assert texts(export) == ["one", "two"]
    assert export.name == "slack:#support,#billing"
    assert texts(await place.read("SUPPORT", limit=1)) == ["one"]


async def refused(place: Place, *names: str, **more: Any) -> str:
    with pytest.raises(BadInput) as caught:
        await place.read(*names, **more)
    return str(caught.value)


async def test_what_cannot_be_read_says_what_to_do(place: Place) -> None:
    place.ws.add_channel("secret")
    assert await refused(place, "#secret") == (
        "slack:#secret: the bot is in no channel #secret. Invite it there with /invite, or take #support"
    )
    assert await refused(place, days=0) == "--days 0. Give a number of days, 1 to 3650"
    with pytest.raises(BadExport, match="0 messages"):
        await place.read()
    place.ws.faults.fail("conversations.history", "not_in_channel")
    assert "the bot is no member of the channel. Invite it with /invite" in await refused(place, days=3)
    place.ws.faults.fail("auth.test", "token_revoked")
    assert (await refused(place)).startswith("SLACK_BOT_TOKEN: Slack refuses the token (token_revoked)")


async def test_a_missing_scope_is_named(tmp_path: Path) -> None:
    async with Workspace(now=lambda: NOW, scopes=["channels:read", "users:read"]) as ws:
        place = Place(ws, tmp_path)
        await ws.invite(place.support, by=place.ann)
        said = await refused(place)
    assert "slack:#support: the app lacks the scope channels:history" in said
    assert "vigilbot manifest" in said


async def test_slack_out_of_reach_keeps_what_was_read(place: Place, tmp_path: Path) -> None:
    await place.said("one", days=2)
    place.ws.faults.drop("conversations.history", applied=False, times=99)
    assert (await refused(place)).endswith("What was read is kept: the same command goes on from there")


# -- the command


async def replayed(place: Place, *args: str, env: dict[str, str] | None = None) -> Any:
    given = {
        "SLACK_BOT_TOKEN": place.ws.bot_token,
        "VIGILBOT_SLACK_BASE_URL": place.ws.api_url,
        "VIGILBOT_DATA_DIR": str(place.folder),
        "VIGILBOT_EMBEDDER_MODEL": "hash",
    } | (env or {})
    command = ["replay", *args, "--start", "immediately"]
    return await asyncio.to_thread(CliRunner().invoke, root, command, env=given)


async def test_the_command_reads_reports_and_keeps_a_warm_ledger(tmp_path: Path) -> None:
    async with Workspace(limits=False) as ws:  # real time: the command has no other
        place = Place(ws, tmp_path / "data")
        await ws.invite(place.support, by=place.ann)
        now = ws.timing.now()

        async def say(user: str, text: str, hours: float, thread: str = "") -> str:
            ts = f"{(now - timedelta(hours=hours)).timestamp():.6f}"
            return await ws.say(user, place.support, text, thread=thread, ts=ts)

        question = "How do I rotate the signing key?"
        asked = await say(place.cleo, question, 90)
        await say(place.ann, "Run gatectl rotate on the primary node.", 89, asked)
        await say(place.cleo, "That worked, thanks!", 88, asked)
        await say(ws.add_user("Dora"), question, 20)
        figures, kept = tmp_path / "figures.json", tmp_path / "kept"
        result = await replayed(
            place, "slack:#support", "--days", "30", "--json", str(figures), "--keep", str(kept)
        )
        assert (result.exit_code, result.exception) == (0, None), result.output
    assert json.loads(figures.read_text())["posted"] == 1
    assert (kept / "ledger.db").is_file()
    assert (place.folder / "history").is_dir()


@pytest.mark.parametrize(
    ("args", "token", "said"),
    [
        (("slack:#support",), "", "SLACK_BOT_TOKEN: not set. Set it to the app's Bot User OAuth Token"),
        (("slack:#support",), "xoxb-wrong", "SLACK_BOT_TOKEN: Slack refuses the token (invalid_auth)"),
        (("slack:#support", "--days", "0"), "", "SLACK_BOT_TOKEN: not set"),
        (("slack:#",), "", "slack:#: no channel. Name one: slack:#support"),
        (
            ("export.zip", "--days", "3"),
            "",
            "--days 3. It is for slack:#channel and lark:CHAT; an export is read whole",
        ),
        (
            ("export.zip", "--shared-app"),
            "",
            "--shared-app. It is for slack:#channel; an export is read whole",
        ),
    ],
)
async def test_what_the_command_refuses_is_one_line(
    place: Place, args: tuple[str, ...], token: str, said: str
) -> None:
    result = await replayed(place, *args, env={"SLACK_BOT_TOKEN": token})
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
