"""Socket Mode, with the real slack-bolt on the other end."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.workspace.parts import Bolt, Town, button, until
from vigilbot.workspace import Workspace


async def test_a_message_reaches_the_app_and_is_acknowledged(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    ts = await ws.say(town.carla, town.support, "Is the login down?")
    await ws.settled()
    [event] = bolt.of("message")
    assert (event["text"], event["user"], event["ts"]) == ("Is the login down?", town.carla, ts)
    assert ws.sent[-1].acknowledged
    assert [a.number for a in ws.sent[-1].attempts] == [0]


async def test_an_app_that_fails_gets_the_event_again_at_once_then_after_one_and_five_minutes(
    town: Town, ws: Workspace, bolt: Bolt
) -> None:
    async def broken(body: dict) -> None:
        raise OSError("the disk is full")

    bolt.before = broken
    await bolt.connect()
    await ws.say(town.carla, town.support, "Is the login down?")
    [envelope] = ws.sent
    for passed, attempts in ((2.9, 1), (0.2, 2), (3.1, 2), (61, 3), (3.1, 3), (301, 4)):
        ws.advance(passed)
        await asyncio.sleep(0.06)
        assert len(envelope.attempts) == attempts
    assert not envelope.given_up
    ws.advance(3.1)
    await ws.settled()
    assert envelope.given_up == "timeout"
    assert bolt.bodies == []


async def test_a_repetition_has_the_same_event_id_and_says_that_it_is_one(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    await bolt.connect()
    ws.faults.lose_acks = 1
    await ws.say(town.carla, town.support, "Hello")
    await until(lambda: bolt.bodies)
    ws.advance(3.1)
    await ws.settled()
    assert len({body["event_id"] for body in bolt.bodies}) == 1
    assert (len(bolt.bodies), bolt.retries) == (2, ["0", "1"])


async def test_events_wait_while_nobody_is_connected(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await ws.say(town.carla, town.support, "Anybody?")
    await ws.settled()
    await bolt.connect()
    ws.advance(61)
    await ws.settled()
    assert [e["text"] for e in bolt.of("message")] == ["Anybody?"]


async def test_what_nobody_takes_for_six_minutes_is_dropped(ws: Workspace, town: Town) -> None:
    await ws.say(town.carla, town.support, "Anybody?")
    ws.advance(400)
    assert ws.sent[0].given_up == "connection_failed"
    assert len(ws.sent[0].attempts) == 4


async def test_clicks_are_never_repeated(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    await bolt.client.chat_postMessage(channel=town.support, text="?", blocks=[button("go")])
    ts = ws.messages(town.support)[-1]["ts"]
    ws.haunt(1)
    ws.abort()
    await until(lambda: ws.sockets == 1)
    clicked = asyncio.create_task(ws.click(town.ada, town.support, ts, "go"))
    await asyncio.sleep(0)
    ws.advance(3.1)
    assert await clicked is False
    assert len(ws.sent[-1].attempts) == 1


async def test_a_wrong_ticket_opens_no_socket(ws: Workspace) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{ws.url}/link/?ticket=guess")


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_the_sdk_comes_back_after_a_disconnect(
    ws: Workspace, town: Town, bolt: Bolt, reason: str
) -> None:
    await bolt.connect()
    ws.disconnect(reason)
    await until(lambda: sum(c.method == "apps.connections.open" for c in ws.calls) == 2)
    await until(lambda: ws.sockets == 1)
    await ws.say(town.carla, town.support, "Still there?")
    await ws.settled()
    assert bolt.of("message")


async def test_the_sdk_comes_back_after_an_abort(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    ws.abort()
    await until(lambda: sum(c.method == "apps.connections.open" for c in ws.calls) == 2, 10)


async def test_the_sdk_notices_a_server_that_went_silent(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    ws.faults.mute_pongs = True
    await until(lambda: sum(c.method == "apps.connections.open" for c in ws.calls) >= 2, 10)


async def test_nothing_gets_through_to_a_workspace_that_is_down(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    await bolt.connect()
    ws.faults.deaf = True
    ws.abort()
    await until(lambda: ws.sockets == 0)
    await ws.say(town.carla, town.support, "Anybody?")
    await ws.settled()
    ws.faults.deaf = False
    await until(lambda: ws.sockets == 1, 10)
    ws.advance(61)
    await ws.settled()
    assert len(bolt.of("message")) == 1


async def test_hello_counts_ghosts_and_they_swallow_their_share(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    ws.haunt(3)
    seen: list[dict] = []

    async def listen(client, message, raw):
        seen.append(message)

    await bolt.connect()
    assert bolt.handler is not None
    bolt.handler.client.message_listeners.append(listen)
    await until(lambda: seen)
    assert (seen[0]["type"], seen[0]["num_connections"]) == ("hello", 4)
    for n in range(20):
        await ws.say(town.carla, town.support, f"message {n}")
    await until(lambda: len(bolt.bodies) > 1)
    assert 1 <= len(bolt.bodies) < 20
    for _ in range(6):
        ws.advance(300)
        await asyncio.sleep(0.06)
    heard = {body["event_id"] for body in bolt.bodies}
    lost = [e for e in ws.sent if e.given_up]
    assert len(heard) + len(lost) == 20
    assert len(lost) < 12  # four tries each, one socket in four is real


async def test_an_eleventh_socket_is_turned_away(ws: Workspace, bolt: Bolt) -> None:
    ws.haunt(10)
    gone: list[object] = []

    async def raw(message):
        gone.append(message.data)

    await bolt.connect()
    assert bolt.handler is not None
    bolt.handler.client.on_message_listeners.append(raw)
    await until(lambda: any("too_many_websockets" in str(data) for data in gone), 5)


async def test_everything_follows_a_given_clock() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ws = Workspace(now=lambda: at)
    town = Town(ws)
    first = await ws.say(town.carla, town.support, "one")
    second = await ws.say(town.carla, town.support, "two")
    assert first == f"{int(at.timestamp())}.000000"
    assert second > first
    ws.advance(3600)
    later = await ws.say(town.carla, town.support, "three")
    assert float(later) == pytest.approx((at + timedelta(hours=1)).timestamp(), abs=1)


async def test_settled_names_what_is_not_acknowledged(ws: Workspace, town: Town) -> None:
    ws.haunt(1)
    await ws.say(town.carla, town.support, "Hello")
    with pytest.raises(TimeoutError, match=r"message \(sent 1 times\)"):
        await ws.settled(timeout=0.05)


async def test_a_body_that_slack_would_not_send_reaches_the_app_as_it_is(ws: Workspace, bolt: Bolt) -> None:
    await bolt.connect()
    body = {"type": "event_callback", "event": {"type": "message", "text": None}, "event_id": "Ev1"}
    ws.inject(body)
    await ws.settled()
    assert bolt.bodies == [body]


async def test_the_same_seed_plays_the_same_faults() -> None:
    def play(seed: int) -> list[bool]:
        ws = Workspace()
        ws.chaos(seed)
        return [ws.faults.loses_ack() or ws.faults.happens(ws.faults.late) for _ in range(200)]

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert any(play(1))
