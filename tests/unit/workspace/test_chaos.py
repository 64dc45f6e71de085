"""A bad day, many times over: nothing that the app acknowledged is lost, nothing is lost unnoticed."""

import asyncio
import contextlib
from datetime import UTC, datetime

import pytest
from aiohttp import ClientError
from slack_sdk.errors import SlackApiError

from tests.unit.workspace.parts import Bolt, Town
from vigilbot.workspace import Workspace


@pytest.mark.parametrize("seed", range(5))
async def test_every_event_arrives_or_is_given_up_openly(seed: int) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    async with Workspace(now=lambda: at, seed=seed) as ws:
        town = Town(ws)
        bolt = Bolt(ws)
        try:
            await bolt.connect()
            ws.chaos(seed)
            for n in range(40):
                await ws.say(town.carla, town.support, f"message {n}")
                await asyncio.sleep(0)
            ws.faults.clear()
            for _ in range(9):
                ws.advance(301)
                await asyncio.sleep(0.06)
            heard = {body["event_id"] for body in bolt.bodies}
            for envelope in ws.sent:
                assert envelope.acknowledged != bool(envelope.given_up)
                if envelope.acknowledged:
                    assert envelope.payload["event_id"] in heard
            assert any(len(e.attempts) > 1 for e in ws.sent)
        finally:
            await bolt.close()


async def test_what_the_app_did_before_its_line_broke_can_be_told(ws: Workspace, town: Town) -> None:
    bolt = Bolt(ws)
    ws.chaos(3)
    for n in range(150):
        ws.advance(2)
        with contextlib.suppress(SlackApiError, ClientError):
            await bolt.client.chat_postMessage(channel=town.support, text=str(n))
    done = [call for call in ws.calls if call.applied and call.answer.get("ok", True)]
    assert len(ws.messages(town.support)) == len(done)
    assert {call.answer.get("error") for call in ws.calls} >= {"internal_error", "ratelimited"}
    assert any(call.answer.get("dropped") for call in ws.calls)
