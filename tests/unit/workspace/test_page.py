"""The workspace's page over real HTTP and WebSocket: what a browser is given, and what it may do."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import aiohttp.web
import pytest
from slack_sdk.errors import SlackApiError

from tests.unit.workspace.parts import Bolt, Town, button
from vigilbot.workspace import Workspace
from vigilbot.workspace.page import FOLDER, attach
from vigilbot.workspace.page.shown import SlackShown
from vigilbot.workspace.page.snapshot import MOST, Look

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|DOMParser"
)
FORM = {
    "type": "input",
    "block_id": "why",
    "label": {"type": "plain_text", "text": "Why"},
    "element": {"type": "plain_text_input", "action_id": "text"},
}


@pytest.fixture
async def ws() -> AsyncIterator[Workspace]:
    made = Workspace()
    attach(SlackShown(made), made.web_app)
    async with made as started:
        yield started


@pytest.fixture
async def web(ws: Workspace) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(ws.url) as session:
        yield session


Act = Callable[..., Awaitable[dict]]


@pytest.fixture
def act(web: aiohttp.ClientSession) -> Act:
    """Does something as somebody; the page's answer."""

    async def done(user: str, do: str, **more: object) -> dict:
        async with web.post("/page/act", json={"user": user, "do": do, **more}) as answer:
            assert answer.status == 200
            return await answer.json()

    return done


async def seen(web: aiohttp.ClientSession, **look: str) -> dict:
    async with web.get("/page/state", params=look) as answer:
        assert answer.status == 200
        return await answer.json()


def texts(messages: list[dict]) -> list[str]:
    return [m["text"] for m in messages]


@asynccontextmanager
async def live(web: aiohttp.ClientSession, **look: object) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with web.ws_connect("/page/live") as socket:
        await socket.send_json(look)
        yield socket


async def next_where(socket: aiohttp.ClientWebSocketResponse, fits: Callable[[dict], object]) -> dict:
    """The first snapshot for which something holds."""
    async with asyncio.timeout(3):
        while True:
            snapshot = await socket.receive_json()
            if fits(snapshot):
                return snapshot


# what is served


async def test_everything_the_page_loads_comes_from_this_server(web: aiohttp.ClientSession) -> None:
    wanted, got = ["/"], {}
    while wanted:
        path = wanted.pop()
        async with web.get(path) as answer:
            assert answer.status == 200, path
            got[path] = await answer.text()
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
        names = re.findall(r'(?:src|href)="(/[^"]*)"', got[path]) if path == "/" else []
        names += ["/page/" + name for name in re.findall(r'from "\./([^"]+)"', got[path])]
        wanted += [name for name in names if name not in got]
    assert {"/page/app.js", "/page/blocks.js", "/page/side.js", "/page/style.css"} <= set(got)
    files = {f"/page/{path.name}" for path in FOLDER.iterdir() if path.suffix in {".js", ".css"}}
    assert set(got) == {"/"} | files
    for path, text in got.items():
        foreign = [url for url in re.findall(r"https?://[\w.-]+", text) if url != "http://www.w3.org"]
        assert not foreign, path


async def test_no_text_can_become_markup(web: aiohttp.ClientSession) -> None:
    for path in FOLDER.glob("*.js"):
        assert not MARKUP.search(path.read_text(encoding="utf-8")), path.name
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", page)


@pytest.mark.parametrize(
    "path",
    [
        "/page/__init__.py",
        "/page/..%2fworkspace.py",
        "/page/index.html",
        "/page/nothing.js",
        "/page/file/F1/x",
    ],
)
async def test_nothing_else_of_the_folder_is_served(web: aiohttp.ClientSession, path: str) -> None:
    async with web.get(path) as answer:
        assert answer.status == 404


async def test_the_page_learns_where_the_bot_tells_of_itself() -> None:
    ws = Workspace()
    attach(SlackShown(ws, command="/help-me"), ws.web_app, side='/bot"s')
    async with ws, aiohttp.ClientSession(ws.url) as web:
        async with web.get("/") as answer:
            assert 'data-side="/bot&quot;s"' in await answer.text()
        assert (await seen(web))["command"] == "/help-me"


# who may ask


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_other_websites_are_refused(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, origin: str
) -> None:
    deed = {"user": town.ada, "do": "say", "channel": town.support, "text": "I was never here"}
    async with web.post("/page/act", json=deed, headers={"Origin": origin}) as answer:
        assert answer.status == 403
    async with web.get("/page/state", headers={"Origin": origin}) as answer:
        assert answer.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await web.ws_connect("/page/live", headers={"Origin": origin})
    assert ws.messages(town.support) == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("rebound.example", 403),
        ("localhost:8000", 200),
        ("[::1]:80", 200),
        ("10.0.0.7", 200),
        ("[broken", 403),
    ],
)
async def test_only_addresses_no_foreign_name_leads_to_are_answered(
    web: aiohttp.ClientSession, host: str, status: int
) -> None:
    async with web.get("/page/state", headers={"Host": host}) as answer:
        assert answer.status == status


async def test_what_the_bot_tells_of_itself_is_kept_from_other_websites_too() -> None:
    ws = Workspace()
    attach(SlackShown(ws), ws.web_app, side="/bot")

    async def told(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response({"path": request.path})

    for path in ("/bot/run", "/story", "/elsewhere"):
        ws.web_app.router.add_get(path, told)
    async with ws, aiohttp.ClientSession(ws.url) as web:
        for path, status in (("/bot/run", 403), ("/story", 403), ("/elsewhere", 200), ("/api/api.test", 200)):
            async with web.get(path, headers={"Origin": "https://evil.example"}) as answer:
                assert answer.status == status, path
        async with web.get("/bot/run") as answer:
            assert await answer.json() == {"path": "/bot/run"}


async def test_a_foreign_form_cannot_act(web: aiohttp.ClientSession, town: Town) -> None:
    deed = json.dumps({"user": town.ada, "do": "say", "channel": town.support, "text": "x"})
    async with web.post("/page/act", data=deed, headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 415


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "\udce4".encode("utf-8", "surrogateescape")])
async def test_what_is_no_deed_is_refused(web: aiohttp.ClientSession, body: str | bytes) -> None:
    async with web.post("/page/act", data=body, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


@pytest.mark.parametrize(
    "deed",
    [
        {},
        {"do": 7},
        {"do": "fly"},
        {"do": "say"},
        {"do": "say", "channel": "C_NOT_HERE", "text": "x"},
        {"do": "say", "channel": ["C"], "text": {"a": 1}},
        {"do": "say", "text": "x" * 50_000},
        {"do": "edit", "ts": "1.2", "text": "x"},
        {"do": "delete", "ts": None},
        {"do": "react", "ts": "1.2", "name": 3},
        {"do": "click", "ts": "1.2", "action": "x"},
        {"do": "click", "view": "V0", "action": "x"},
        {"do": "submit", "view": "V0", "values": []},
        {"do": "submit", "view": "V0", "values": {"b": "text"}},
        {"do": "submit", "view": "V0", "values": {"b": {"a": "x"}}},
        {"do": "close_view", "view": "V0"},
        {"do": "shortcut", "ts": "1.2", "callback": "x"},
        {"do": "permalink", "ts": "1.2"},
        {"do": "fault", "name": "rng", "value": 1},
        {"do": "fault", "name": "limited", "value": "often"},
        {"do": "fault", "name": "limited", "value": 2},
        {"do": "fault", "name": "deaf", "value": None},
    ],
)
async def test_a_deed_that_cannot_be_done_is_answered_in_words(town: Town, act: Act, deed: dict) -> None:
    answer = await act(town.ada, **{"do": "", "channel": town.support, **deed})
    assert answer["ok"] is False
    assert answer["error"].strip()


async def test_nobody_can_act_as_somebody_unknown(ws: Workspace, town: Town, act: Act) -> None:
    ts = await ws.say(town.carla, town.support, "Hm")
    answer = await act("U_NOBODY", "permalink", channel=town.support, ts=ts)
    assert answer["error"] == "There is no such person."


# what is seen


async def test_without_a_choice_the_first_person_looks_at_the_first_channel(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    await ws.say(town.carla, town.support, "Hello")
    first = await seen(web)
    assert (first["user"], first["channel"], texts(first["messages"])) == (
        town.carla,
        town.support,
        ["Hello"],
    )
    assert [u["id"] for u in first["users"] if not u["bot"]] == [town.carla, town.ada]


async def test_an_empty_workspace_has_a_page_too(web: aiohttp.ClientSession) -> None:
    nothing = await seen(web, user="U_GONE", channel="C_GONE", thread="1.2")
    assert (nothing["user"], nothing["channels"], nothing["messages"], nothing["thread"]) == (
        "",
        [],
        [],
        None,
    )


async def test_a_stranger_sees_only_the_channels_they_are_in(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    eve = ws.add_user("Eve", team="T_OTHER")
    secret = ws.add_channel("secret", private=True, members=(town.ada,))
    shared = ws.add_channel("shared", external=True, members=(town.ada, eve))
    await ws.say(town.ada, secret, "for us")
    for asked in (secret, town.support):
        given = await seen(web, user=eve, channel=asked)
        assert [c["id"] for c in given["channels"]] == [shared]
        assert given["messages"] == []
    assert secret not in [c["id"] for c in (await seen(web, user=town.carla))["channels"]]
    assert texts((await seen(web, user=town.ada, channel=secret))["messages"]) == ["for us"]


async def test_a_public_channel_can_be_read_and_joined_but_not_written_from_outside(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, act: Act
) -> None:
    general = ws.add_channel("general", members=(town.ada,))
    await ws.say(town.ada, general, "News")
    assert texts((await seen(web, user=town.carla, channel=general))["messages"]) == ["News"]
    assert "not in this channel" in (await act(town.carla, "say", channel=general, text="x"))["error"]
    assert (await act(town.carla, "join", channel=general))["ok"]
    assert (await act(town.carla, "say", channel=general, text="x"))["ok"]


async def test_what_is_for_one_person_is_shown_to_nobody_else(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, bolt: Bolt
) -> None:
    await bolt.client.chat_postEphemeral(channel=town.support, user=town.ada, text="for Ada")
    assert texts((await seen(web, user=town.ada))["ephemerals"]) == ["for Ada"]
    assert (await seen(web, user=town.carla))["ephemerals"] == []


async def test_a_long_channel_comes_in_parts(ws: Workspace, web: aiohttp.ClientSession, town: Town) -> None:
    for n in range(7):
        await ws.say(town.carla, town.support, str(n))
    part = await seen(web, limit="3")
    assert (texts(part["messages"]), part["more"]) == (["4", "5", "6"], True)
    whole = await seen(web, limit="7")
    assert (len(whole["messages"]), whole["more"]) == (7, False)


async def test_a_thread_stands_beside_its_channel(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    root = await ws.say(town.carla, town.support, "Question")
    await ws.say(town.ada, town.support, "Answer", thread=root)
    given = await seen(web, user=town.carla, thread=root)
    assert texts(given["messages"]) == ["Question"]
    assert texts(given["thread"]["messages"]) == ["Question", "Answer"]
    assert given["newest_reply"]["thread"] == root


async def test_pictures_in_messages_are_shown_and_nothing_else(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    names = {"a.png": (200, PNG), "b.html": (404, b"<script>"), "c.svg": (404, b"<svg/>")}
    files = [(name, content) for name, (_, content) in names.items()]
    await ws.say(town.carla, town.support, "Look", files=files)
    given = await seen(web)
    for file in given["messages"][0]["files"]:
        path = file["url_private"].replace(given["files"], "/page/file/")
        async with web.get(path) as answer:
            assert answer.status == names[file["name"]][0]
            if answer.status == 200:
                assert await answer.read() == PNG
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_wire_shows_envelopes_and_calls_when_it_is_looked_at(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, bolt: Bolt
) -> None:
    await bolt.connect()
    await ws.say(town.carla, town.support, "Hello")
    await ws.settled()
    with pytest.raises(SlackApiError):
        await bolt.client.chat_postMessage(channel="C_NOT_HERE", text="x")
    assert (await seen(web))["wire"] == []
    lines = (await seen(web, wire="1"))["wire"]
    assert [(line["way"], line["title"]) for line in lines[:2]] == [
        ("in", "chat.postMessage"),
        ("out", "message"),
    ]
    assert (lines[0]["state"], lines[0]["level"]) == ("channel_not_found", "bad")
    assert lines[1]["state"].endswith("ms")
    assert ws.bot_token not in json.dumps(lines)


@pytest.mark.parametrize(
    ("asked", "look"),
    [
        ([], Look()),
        ({"user": 5, "thread": [], "channel": None, "limit": "many", "wire": 1}, Look()),
        (
            {"user": "U1", "thread": "1.2", "wire": True, "number": 7},
            Look(user="U1", thread="1.2", wire=True, number=7),
        ),
        ({"limit": -4}, Look(limit=1)),
        ({"limit": 10**9}, Look(limit=MOST)),
        ({"limit": True}, Look()),
    ],
)
def test_what_a_browser_asks_for_wrongly_is_as_if_it_was_not_said(asked: object, look: Look) -> None:
    assert Look.of(asked) == look


# live


async def test_what_somebody_says_appears_at_once_for_everybody_who_looks(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, act: Act
) -> None:
    async with live(web, user=town.ada, channel=town.support, number=3) as socket:
        before = await next_where(socket, lambda s: True)
        assert (before["number"], before["messages"]) == (3, [])
        said = await act(town.carla, "say", channel=town.support, text="It <b>fails</b> again")
        after = await next_where(socket, lambda s: s["messages"])
        assert after["messages"][0]["ts"] == said["ts"]
        assert texts(after["messages"]) == ["It &lt;b&gt;fails&lt;/b&gt; again"]


async def test_another_look_is_answered_with_its_own_number(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    other = ws.add_channel("other", members=(town.ada,))
    async with live(web, user=town.ada, channel=town.support, number=1) as socket:
        await next_where(socket, lambda s: s["number"] == 1)
        await socket.send_json({"user": town.ada, "channel": other, "number": 2})
        assert (await next_where(socket, lambda s: s["number"] == 2))["channel"] == other


async def test_a_burst_is_few_pictures_and_the_last_one_has_it_all(
    ws: Workspace, web: aiohttp.ClientSession, town: Town
) -> None:
    async with live(web, user=town.ada, channel=town.support, limit=500) as socket:
        await next_where(socket, lambda s: True)
        for n in range(300):
            await ws.say(town.carla, town.support, str(n))
            await asyncio.sleep(0)
        pictures = [await next_where(socket, lambda s: True)]
        while len(pictures[-1]["messages"]) < 300:
            pictures.append(await next_where(socket, lambda s: True))
        assert len(pictures) < 60


@pytest.mark.parametrize(
    "noise", ["", "{", "[]", "7", '{"limit": "many", "user": 5}', '{"limit": -4, "thread": []}']
)
async def test_noise_from_a_browser_ends_nothing(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, noise: str
) -> None:
    async with live(web, user=town.ada) as socket:
        await next_where(socket, lambda s: True)
        await socket.send_str(noise)
        await socket.send_json({"user": town.ada, "number": 9})
        assert (await next_where(socket, lambda s: s["number"] == 9))["user"] == town.ada


async def test_the_workspace_stops_although_a_browser_looks(
    ws: Workspace, web: aiohttp.ClientSession
) -> None:
    async with live(web) as socket:
        await next_where(socket, lambda s: True)
        async with asyncio.timeout(0.4):
            await ws.stop()
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


# what people do


async def test_one_can_change_ones_own_messages_and_nobody_elses(ws: Workspace, town: Town, act: Act) -> None:
    ts = await ws.say(town.carla, town.support, "Mine")
    for do in ("edit", "delete"):
        answer = await act(town.ada, do, channel=town.support, ts=ts, text="Ours")
        assert "somebody else" in answer["error"]
    assert (await act(town.carla, "edit", channel=town.support, ts=ts, text="Still mine"))["ok"]
    assert ws.messages(town.support)[0]["text"] == "Still mine"
    assert (await act(town.carla, "delete", channel=town.support, ts=ts))["ok"]
    assert ws.messages(town.support) == []


async def test_an_admin_may_delete_what_others_wrote(ws: Workspace, town: Town, act: Act) -> None:
    boss = ws.add_user("Bo", admin=True)
    ts = await ws.say(town.carla, town.support, "Mine")
    assert (await act(boss, "delete", channel=town.support, ts=ts))["ok"]


async def test_reactions_come_and_go(ws: Workspace, town: Town, act: Act) -> None:
    ts = await ws.say(town.carla, town.support, "Hm")
    deed = {"channel": town.support, "ts": ts, "name": "eyes"}
    assert (await act(town.ada, "react", **deed))["ok"]
    assert (await act(town.ada, "react", **deed))["error"] == "You have reacted so already."
    assert (await act(town.ada, "unreact", **deed))["ok"]
    assert not ws.messages(town.support)[0].get("reactions")


async def test_a_click_reaches_the_app_with_what_was_chosen(
    ws: Workspace, town: Town, bolt: Bolt, act: Act
) -> None:
    chosen: list[str] = []

    @bolt.app.action("menu")
    async def menu(ack, action):
        await ack()
        chosen.append(action["selected_option"]["value"])

    await bolt.connect()
    options = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("why", "withdraw")]
    block = {"type": "actions", "elements": [{"type": "overflow", "action_id": "menu", "options": options}]}
    posted = await bolt.client.chat_postMessage(channel=town.support, text="?", blocks=[block])
    deed = {"channel": town.support, "ts": posted["ts"], "action": "menu", "value": "withdraw"}
    assert (await act(town.ada, "click", **deed))["ok"]
    assert chosen == ["withdraw"]


async def test_a_click_says_when_the_app_is_away(ws: Workspace, town: Town, bolt: Bolt, act: Act) -> None:
    posted = await bolt.client.chat_postMessage(channel=town.support, text="?", blocks=[button("go")])
    answer = await act(town.ada, "click", channel=town.support, ts=posted["ts"], action="go")
    assert "did not answer" in answer["error"]


async def test_a_window_opens_complains_and_closes(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, bolt: Bolt, act: Act
) -> None:
    @bolt.app.shortcut("save_knowledge")
    async def save(ack, client, body):
        await ack()
        view = {"type": "modal", "callback_id": "form", "title": {"type": "plain_text", "text": "Save"}}
        view |= {"submit": {"type": "plain_text", "text": "Save"}, "blocks": [FORM]}
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @bolt.app.view("form")
    async def sent(ack, view):
        short = len(view["state"]["values"]["why"]["text"]["value"]) < 5
        if short:
            await ack(response_action="errors", errors={"why": "Say more."})
        else:
            await ack()

    await bolt.connect()
    ts = await ws.say(town.carla, town.support, "Hm")
    async with live(web, user=town.ada, channel=town.support) as socket:
        assert (await act(town.ada, "shortcut", channel=town.support, ts=ts, callback="save_knowledge"))["ok"]
        [view] = (await next_where(socket, lambda s: s["views"]))["views"]
        assert (await seen(web, user=town.carla))["views"] == []
        short = await act(town.ada, "submit", view=view["id"], values={"why": {"text": "no"}})
        assert (short["ok"], short["errors"]) == (True, {"why": "Say more."})
        whole = await act(town.ada, "submit", view=view["id"], values={"why": {"text": "because of it"}})
        assert (whole["ok"], whole["errors"]) == (True, {})
        await next_where(socket, lambda s: not s["views"])


async def test_closing_a_window_takes_it_away(ws: Workspace, town: Town, bolt: Bolt, act: Act) -> None:
    @bolt.app.shortcut("ask_vigilbot")
    async def ask(ack, client, body):
        await ack()
        view = {
            "type": "modal",
            "title": {"type": "plain_text", "text": "Hm"},
            "blocks": [{"type": "divider"}],
        }
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    await bolt.connect()
    ts = await ws.say(town.carla, town.support, "Hm")
    await act(town.ada, "shortcut", channel=town.support, ts=ts, callback="ask_vigilbot")
    async with asyncio.timeout(3):
        while not ws.views(town.ada):  # noqa: ASYNC110  the app opens it after its acknowledgement
            await asyncio.sleep(0.01)
    assert (await act(town.ada, "close_view", view=ws.views(town.ada)[0]["id"]))["ok"]
    assert ws.views(town.ada) == []


async def test_a_command_is_answered_privately_and_refused_in_a_thread(
    ws: Workspace, town: Town, bolt: Bolt, act: Act
) -> None:
    @bolt.app.command("/vigil")
    async def vigil(ack, command):
        await ack(f"You said {command['text']}")

    await bolt.connect()
    deed = {"channel": town.support, "command": "/vigil", "text": "status"}
    assert (await act(town.ada, "slash", **deed))["ok"]
    assert texts(ws.ephemerals(town.ada)) == ["You said status"]
    root = await ws.say(town.carla, town.support, "Hm")
    await act(town.ada, "slash", thread=root, **deed)
    assert "not supported in threads" in ws.ephemerals(town.ada)[-1]["text"]


async def test_opening_the_home_page_shows_what_the_app_made_of_it(
    web: aiohttp.ClientSession, town: Town, bolt: Bolt, act: Act
) -> None:
    @bolt.app.event("app_home_opened")
    async def opened(client, event):
        header = {"type": "header", "text": {"type": "plain_text", "text": "Welcome"}}
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [header]})

    await bolt.connect()
    async with live(web, user=town.ada, channel="@home") as socket:
        assert (await act(town.ada, "open_home"))["ok"]
        given = await next_where(socket, lambda s: s["home"])
        assert given["home"]["blocks"][0]["text"]["text"] == "Welcome"
    assert (await seen(web, user=town.carla))["home"] is None


async def test_the_app_can_be_invited_and_nobody_writes_into_an_archive(
    ws: Workspace, town: Town, act: Act
) -> None:
    fresh = ws.add_channel("fresh", members=(town.carla,))
    assert (await act(town.carla, "invite", channel=fresh))["ok"]
    assert ws.bot_user in ws.channels[fresh].members
    await ws.archive(fresh)
    assert "archived" in (await act(town.carla, "say", channel=fresh, text="x"))["error"]


async def test_a_link_to_a_message_is_the_one_the_app_would_get(
    ws: Workspace, town: Town, bolt: Bolt, act: Act
) -> None:
    root = await ws.say(town.carla, town.support, "Hm")
    reply = await ws.say(town.ada, town.support, "Well", thread=root)
    for ts in (root, reply):
        answer = await bolt.client.chat_getPermalink(channel=town.support, message_ts=ts)
        assert (await act(town.ada, "permalink", channel=town.support, ts=ts))["link"] == answer["permalink"]


async def test_a_link_to_a_message_leads_to_the_page(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, act: Act
) -> None:
    root = await ws.say(town.carla, town.support, "Hm")
    reply = await ws.say(town.ada, town.support, "Well", thread=root)
    link = (await act(town.ada, "permalink", channel=town.support, ts=reply))["link"]
    async with web.get(link) as answer:
        assert answer.status == 200
        assert dict(answer.url.query) == {"channel": town.support, "thread": root, "message": reply}
    async with web.get(f"/archives/{town.support}/pelican") as answer:
        assert answer.status == 404


async def test_faults_can_be_set_and_are_shown(
    ws: Workspace, web: aiohttp.ClientSession, town: Town, act: Act
) -> None:
    assert (await act(town.ada, "fault", name="deaf", value=True))["ok"]
    assert (await act(town.ada, "fault", name="limited", value=0.5))["ok"]
    assert (await act(town.ada, "fault", name="abort", value=True))["ok"]
    assert (ws.faults.deaf, ws.faults.limited) == (True, 0.5)
    shown = {fault["name"]: fault["value"] for fault in (await seen(web))["faults"]}
    assert (shown["deaf"], shown["limited"], shown["duplicates"]) == (True, 0.5, 0.0)
