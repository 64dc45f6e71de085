"""The tenant itself: what a real Lark would do to a bot, so that passing against it means something."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from vigilbot.workspace.lark import LarkTenant

CARD = {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "Hello"}]}}


class Bot:
    """Somebody who calls the API by hand."""

    def __init__(self, tenant: LarkTenant, http: aiohttp.ClientSession) -> None:
        self._tenant, self._http = tenant, http
        self.token = ""

    async def call(self, verb: str, path: str, body: Any = None) -> tuple[int, dict[str, Any], Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self._tenant.url}/open-apis{path}"
        async with self._http.request(verb, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json(), answer.headers

    async def enter(self) -> None:
        secrets = {"app_id": self._tenant.app_id, "app_secret": self._tenant.app_secret}
        _, told, _ = await self.call("POST", "/auth/v3/tenant_access_token/internal", secrets)
        self.token = told["tenant_access_token"]

    async def send(self, chat: str, *, content: Any = CARD, uuid: str = "") -> dict[str, Any]:
        body = {"receive_id": chat, "msg_type": "interactive", "content": json.dumps(content), "uuid": uuid}
        return (await self.call("POST", "/im/v1/messages?receive_id_type=chat_id", body))[1]


@pytest.fixture
async def tenant():
    async with LarkTenant(limits=True) as made:
        yield made


@pytest.fixture
async def bot(tenant):
    async with aiohttp.ClientSession() as http:
        made = Bot(tenant, http)
        await made.enter()
        yield made


@pytest.fixture
def chat(tenant):
    made = tenant.add_chat("support")
    tenant.state.chats[made].has_bot = True
    return made


async def test_a_uuid_holds_for_an_hour(tenant, bot, chat):
    tenant.api.limits = False
    first = (await bot.send(chat, uuid="u1"))["data"]["message_id"]
    assert (await bot.send(chat, uuid="u1"))["data"]["message_id"] == first
    tenant.advance(3601)
    assert (await bot.send(chat, uuid="u1"))["data"]["message_id"] != first
    assert (await bot.send(chat, uuid="u" * 51))["code"] == 230001


async def test_a_token_ends_and_what_is_missing_is_named(tenant, bot):
    tenant.api.scopes.discard("im:chat:readonly")
    status, told, _ = await bot.call("GET", "/im/v1/chats")
    assert (status, told["code"]) == (400, 99991672)
    assert told["error"]["permission_violations"][0]["subject"] == "im:chat:readonly"
    tenant.advance(7201)
    assert (await bot.call("GET", "/bot/v3/info"))[1]["code"] == 99991663


async def test_five_messages_a_second_and_then_slow_down(tenant, bot, chat):
    codes = [(await bot.send(chat))["code"] for _ in range(6)]
    if tenant.messages(chat)[-1].at - tenant.messages(chat)[0].at < 900:  # on a busy machine it takes longer
        assert codes == [0, 0, 0, 0, 0, 99991400]
    tenant.faults.limit("/bot/v3/info", 7)
    status, _, headers = await bot.call("GET", "/bot/v3/info")
    assert (status, headers["x-ogw-ratelimit-reset"]) == (400, "7")


@pytest.mark.parametrize(
    "content",
    [
        {"schema": "1.0", "body": {"elements": []}},
        {"schema": "2.0", "body": {"elements": []}},
        {"schema": "2.0", "body": {"elements": [{"tag": "marquee", "content": "x"}]}},
        {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": ""}]}},
        {"schema": "2.0", "body": {"elements": [{"tag": "input", "name": "x"}]}},
        {"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "x" * 31_000}]}},
    ],
)
async def test_a_card_that_lark_would_not_take_is_refused(bot, chat, content):
    assert (await bot.send(chat, content=content))["code"] == 230099


async def test_only_its_own_messages_and_only_where_it_is(tenant, bot, chat):
    user = tenant.add_user("Cleo")
    theirs = await tenant.say(user, chat, "Hello")
    assert (await bot.call("DELETE", f"/im/v1/messages/{theirs}"))[1]["code"] == 230017
    tenant.state.chats[chat].has_bot = False
    assert (await bot.send(chat))["code"] == 230002
    assert (await bot.send("oc_none"))["code"] == 232011


async def test_what_is_not_taken_comes_again_after_longer_and_longer_times_and_then_never(tenant):
    user = tenant.add_user("Cleo")
    chat = tenant.add_chat("support")
    tenant.state.chats[chat].has_bot = True
    await tenant.say(user, chat, "Hello")  # there is nobody
    push = tenant.sent[-1]
    seen = []
    for seconds in (10, 10, 300, 3600, 21_600, 100_000):
        tenant.advance(seconds)
        seen.append(push.tries)
    assert seen == [1, 2, 3, 4, 5, 5]
    assert push.given_up
