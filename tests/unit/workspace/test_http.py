"""Events, interactions and commands over HTTP, with the real slack-bolt on the other end."""

import aiohttp
import pytest

from tests.unit.workspace.parts import Bolt, Town, button, until
from vigilbot.workspace import Workspace


async def test_a_signed_event_is_taken(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.serve()
    await ws.say(town.carla, town.support, "Is the login down?")
    await ws.settled()
    assert [e["text"] for e in bolt.of("message")] == ["Is the login down?"]
    assert ws.sent[-1].attempts[0].via == "http"


async def test_the_request_url_answers_the_challenge(ws: Workspace, bolt: Bolt) -> None:
    await bolt.serve()
    assert ws.http_target is not None
    assert await ws.verify_url(ws.http_target)


@pytest.mark.parametrize("fault", ["bad_signature", "stale_signature"])
async def test_a_request_that_is_not_signed_right_is_refused_and_tried_again(
    ws: Workspace, town: Town, bolt: Bolt, fault: str
) -> None:
    await bolt.serve()
    setattr(ws.faults, fault, True)
    await ws.say(town.carla, town.support, "Hello")
    await until(lambda: len(ws.sent[0].attempts) == 2)
    assert bolt.events == []
    assert not ws.sent[0].acknowledged
    ws.faults.clear()

    def acknowledged() -> bool:
        ws.advance(61)  # the second refusal may still be on its way, and its wait not begun
        return ws.sent[0].acknowledged

    await until(acknowledged)
    assert bolt.retries == ["2"]


async def test_a_failing_app_is_tried_again_with_the_retry_headers(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    tries = 0

    async def once(body: dict) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the disk is full")

    bolt.before = once
    await bolt.serve()
    await ws.say(town.carla, town.support, "Hello")
    await ws.settled()
    assert bolt.retries == ["1"]
    assert ws.sent[0].attempts[1].reason == "http_error"


async def test_nobody_at_the_address_is_a_failed_connection(ws: Workspace, town: Town) -> None:
    ws.http_target = "http://127.0.0.1:9/slack/events"
    await ws.say(town.carla, town.support, "Hello")
    await until(lambda: len(ws.sent[0].attempts) == 2)
    assert ws.sent[0].attempts[1].reason == "connection_failed"


async def test_clicks_and_commands_come_as_forms(ws: Workspace, town: Town, bolt: Bolt) -> None:
    said: list[str] = []

    @bolt.app.action("go")
    async def go(ack, action):
        await ack()
        said.append(action["value"])

    @bolt.app.command("/vigil")
    async def vigil(ack, command):
        await ack(f"You said {command['text']}")

    await bolt.serve()
    await bolt.client.chat_postMessage(channel=town.support, text="?", blocks=[button("go", "7")])
    ts = ws.messages(town.support)[-1]["ts"]
    assert await ws.click(town.ada, town.support, ts, "go")
    assert await ws.slash(town.ada, town.support, "status")
    assert said == ["7"]
    assert ws.ephemerals(town.ada)[-1]["text"] == "You said status"


async def test_a_copied_request_is_signed_for_its_body_alone(ws: Workspace, bolt: Bolt) -> None:
    await bolt.serve()
    assert ws.http_target is not None
    headers = ws.signed_headers('{"type":"event_callback"}')
    async with aiohttp.ClientSession() as session:
        other = await session.post(ws.http_target, data='{"type":"other"}', headers=headers)
        assert other.status == 401
