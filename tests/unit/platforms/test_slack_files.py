"""Pictures from Slack: only Slack's hosts see the token, and only pictures come back."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web

from tests.models import engine_over, ordered
from vigilbot.domain import Dialogue, Image, Message, Role
from vigilbot.errors import PlatformError, PlatformRefused
from vigilbot.platforms.slack_files import SlackFiles
from vigilbot.providers.llm import LiteLlm
from vigilbot.testing.model import Answered, ScriptedModel
from vigilbot.testing.world import BEGIN
from vigilbot.workspace import Workspace

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
LOG_IN = b"<!DOCTYPE html><title>Sign in</title>"


class Server:
    """A file server that answers what a test puts in, and remembers who came with which token."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[tuple[str, str | None]] = []
        self.answers: dict[str, Callable[[], Awaitable[web.StreamResponse]]] = {}

    def serve(self, path: str, body: bytes = PNG, kind: str = "image/png", status: int = 200) -> Image:
        async def answer() -> web.StreamResponse:
            return web.Response(body=body, content_type=kind, status=status)

        self.answers[path] = answer
        return Image(url=self.url + path, title=path.strip("/"))

    def redirect(self, path: str, to: str) -> Image:
        async def answer() -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": to})

        self.answers[path] = answer
        return Image(url=self.url + path, title=path.strip("/"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.path, request.headers.get("Authorization")))
        return await self.answers[request.path]()


async def started(server: Server) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner


@pytest.fixture
async def slack() -> AsyncIterator[Server]:
    server = Server()
    runner = await started(server)
    yield server
    await runner.cleanup()


@pytest.fixture
async def elsewhere() -> AsyncIterator[Server]:
    server = Server()
    runner = await started(server)
    yield server
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


@pytest.fixture
def files(slack: Server, session: ClientSession) -> SlackFiles:
    return SlackFiles(session, token="xoxb-1", base_url=slack.url + "/api/", seconds=0.5, longest=1000)


async def refusal(files: SlackFiles, image: Image) -> str:
    with pytest.raises(PlatformRefused) as caught:
        await files.picture(image)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(9), "image/jpeg"),
        (b"GIF89a" + bytes(9), "image/gif"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
async def test_a_picture_comes_as_its_bytes_say(
    slack: Server, files: SlackFiles, content: bytes, kind: str
) -> None:
    image = slack.serve("/shot", content, kind="application/octet-stream")
    assert await files.picture(image) == f"data:{kind};base64,{base64.b64encode(content).decode()}"
    assert slack.seen == [("/shot", "Bearer xoxb-1")]


async def test_a_picture_is_fetched_once(slack: Server, files: SlackFiles) -> None:
    image = slack.serve("/shot")
    assert await files.picture(image) == await files.picture(image)
    assert len(slack.seen) == 1


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (LOG_IN, "text/html", 200, "shot: Slack asked to log in: the bot's token lacks the scope files:read"),
        (b"", "text/plain", 403, "shot: Slack asked to log in"),
        (b"", "text/plain", 404, "shot: the file is gone"),
        (b"%PDF-1.7", "image/png", 200, "shot: neither PNG, JPEG, GIF nor WebP"),
        (b"<svg onload=x>", "image/svg+xml", 200, "shot: neither PNG"),
        (b"", "image/png", 200, "shot: neither PNG"),
        (PNG + bytes(1000), "image/png", 200, "shot: larger than 0.000954 MB"),
    ],
)
async def test_whatever_is_no_picture_says_why(
    slack: Server, files: SlackFiles, body: bytes, kind: str, status: int, said: str
) -> None:
    assert (await refusal(files, slack.serve("/shot", body, kind, status))).startswith(said)


async def test_the_token_is_for_slack_alone(slack: Server, elsewhere: Server, files: SlackFiles) -> None:
    there = elsewhere.serve("/shot")
    port = slack.url.rpartition(":")[2]
    addresses = [
        there.url,
        f"http://localhost:{port}/shot",
        f"http://127.0.0.1:{port}@{elsewhere.url.removeprefix('http://')}/shot",
        f"http://me@127.0.0.1:{port}/shot",
        "http://files.slack.com/x.png",
        "https://files.slack.com.evil.test/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,AA==",
        "/shot",
        "",
    ]
    for address in addresses:
        assert "not on Slack's file server" in await refusal(files, Image(url=address))
    assert elsewhere.seen == slack.seen == []


async def test_a_redirect_to_another_host_is_not_followed(
    slack: Server, elsewhere: Server, files: SlackFiles
) -> None:
    there = elsewhere.serve("/login")
    for to in (there.url, "https://acme.slack.com/?redir=x", "//127.0.0.1/x", "file:///etc/passwd", ""):
        with pytest.raises(PlatformRefused, match=r"files:read|redirects"):
            await files.picture(slack.redirect("/shot", to))
    assert elsewhere.seen == []


async def test_redirects_within_slack_are_followed_five_times(slack: Server, files: SlackFiles) -> None:
    slack.serve("/5")
    for n in range(5):
        slack.redirect(f"/{n}", f"{slack.url}/{n + 1}" if n % 2 else f"/{n + 1}")
    assert (await files.picture(Image(url=slack.url + "/0"))).startswith("data:image/png")
    slack.redirect("/first", "/0")
    assert "more than 5 redirects" in await refusal(files, Image(url=slack.url + "/first", title="x"))


async def test_what_cannot_be_had_now_may_work_later(slack: Server, files: SlackFiles) -> None:
    slow = slack.serve("/slow")

    async def dripping() -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    slack.answers["/slow"] = dripping
    down = slack.serve("/down", status=503)
    for image, said in ((slow, "not read within 0.5 s"), (down, "HTTP status 503")):
        with pytest.raises(PlatformError, match=said) as caught:
            await files.picture(image)
        assert not isinstance(caught.value, PlatformRefused)


async def test_a_server_that_hangs_up(session: ClientSession) -> None:
    files = SlackFiles(session, token="t", base_url="http://127.0.0.1:9/api/")
    with pytest.raises(PlatformError, match=r"x\.png"):
        await files.picture(Image(url="http://127.0.0.1:9/x.png"))


@pytest.mark.asyncio(loop_scope="session")  # where the model server lives
async def test_a_model_sees_what_a_customer_attached(
    scripted_model: ScriptedModel, litellm: LiteLlm, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vigilbot.models")
    scripted_model.always(Answered.of({"within": 1, "out": 0, "none": 0}))
    for scopes, pictures in ((["channels:history", "files:read"], [PNG]), (["channels:history"], [])):
        async with Workspace(scopes=scopes) as ws, ClientSession() as session:
            cleo = ws.add_user("Cleo")
            support = ws.add_channel("support", members=[cleo])
            await ws.invite(support, by=cleo)
            await ws.say(cleo, support, "What is this?", files=[("shot.png", PNG)])
            file = next(message for message in ws.messages(support) if "files" in message)["files"][0]
            image = Image(url=file["url_private"], title="shot.png")
            said = Message(id="1", ts="1", at=BEGIN, role=Role.CUSTOMER, author="c", text="", images=(image,))
            files = SlackFiles(session, token=ws.bot_token, base_url=ws.api_url)
            engine = engine_over(ordered(litellm, sees=True, pictures=files.picture))
            await engine.identify(Dialogue(messages=(said,)), (said,), scope="")
        asked = scripted_model.asked[-1]
        assert [base64.b64decode(url.partition(",")[2]) for url in asked.images] == pictures
        assert ws.url not in str(asked.body)
    assert "shot.png: Slack asked to log in: the bot's token lacks the scope files:read" in caplog.text
