"""Going out: one token for many, every code looked at, every message at most once, cards Lark accepts."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.unit.platforms.hostile import TRAPS, hostile_strings
from tests.unit.platforms.lark_parts import WITHIN, card, joined
from tests.unit.platforms.parts import until
from vigilbot.cards import Action, ActionKind, Field, FieldKind, Form, Notice, Panel, Section, plain_text
from vigilbot.domain import Citation, Decision, EventKind, Image
from vigilbot.errors import PlatformError, PlatformRefused, PlatformUnsure
from vigilbot.platforms.lark_cards import card_content, form_content, notice_content, panel_content, walk
from vigilbot.platforms.lark_client import LarkClient, LarkRefusal
from vigilbot.platforms.lark_markdown import lark_markdown
from vigilbot.platforms.lark_posting import as_post, uuid_of
from vigilbot.platforms.links import cited_links
from vigilbot.workspace.faults import Trouble
from vigilbot.workspace.lark import LarkTenant
from vigilbot.workspace.lark.cards import problem

TOKEN = "/auth/v3/tenant_access_token/internal"
INFO = "/bot/v3/info"


class Time:
    """Seconds that go by when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds


@asynccontextmanager
async def reaching(**given):
    time = Time()
    async with LarkTenant(limits=False) as tenant:
        options = {"app_id": tenant.app_id, "app_secret": tenant.app_secret, "base_url": tenant.url}
        client = LarkClient(**options | {"timeout": WITHIN, "seconds": time, "pause": time.pause} | given)
        client.open()
        try:
            yield tenant, client, time
        finally:
            await client.close()


def asked(tenant, path) -> int:
    return sum(call.path == path for call in tenant.api.calls)


# -- the token


async def test_fifty_at_once_ask_for_one_token():
    async with reaching() as (tenant, client, _):
        await asyncio.gather(*(client.read(INFO, whole=True) for _ in range(50)))
        assert asked(tenant, TOKEN) == 1
        assert asked(tenant, INFO) == 50


async def test_fifty_at_once_fail_together_when_there_is_no_token():
    async with reaching(app_secret="wrong") as (tenant, client, _):
        failed = await asyncio.gather(*(client.read(INFO) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(error, LarkRefusal) for error in failed)
        assert asked(tenant, TOKEN) == 1
        assert client.void


async def test_a_token_is_exchanged_ten_minutes_before_its_end():
    async with reaching() as (tenant, client, time):
        await client.read(INFO)
        time.now += 7200 - 601
        await client.read(INFO)
        assert asked(tenant, TOKEN) == 1
        time.now += 2
        await client.read(INFO)
        assert asked(tenant, TOKEN) == 2


async def test_a_revoked_token_is_renewed_once_for_all_and_nobody_notices():
    async with reaching() as (tenant, client, _):
        await client.read(INFO)
        tenant.api.revoke()
        await asyncio.gather(*(client.read(INFO) for _ in range(30)))
        assert asked(tenant, TOKEN) == 2


async def test_who_is_refused_late_takes_the_token_that_is_new_already():
    async with reaching() as (tenant, client, _):
        await client.read(INFO)
        tenant.api.revoke()
        tenant.faults.slow("/im/v1/chats", 0.2)
        late = asyncio.create_task(client.read("/im/v1/chats"))
        await until(lambda: asked(tenant, "/im/v1/chats"), seconds=WITHIN)
        await client.read(INFO)
        await late
        assert asked(tenant, TOKEN) == 2


async def test_a_picture_is_fetched_with_a_new_token_too():
    async with joined() as at:
        content = b"\x89PNG\r\n\x1a\n" + bytes(300_000)
        key = at.tenant.add_file(content, "image/png")
        await at.tenant.say(at.customer, at.chat, kind="image", content={"image_key": key})
        [event] = await until(lambda: at.inbox.events, seconds=WITHIN)
        at.tenant.api.revoke()
        found = await at.lark.files.picture(event.images[0])
        assert found.startswith("data:image/png;base64,")
        assert len(found) > 4 * len(content) // 3  # all of it
        at.tenant.state.files[key] = (b"<html>", "image/png")
        with pytest.raises(PlatformRefused):
            await at.lark.files.picture(event.images[0])
        at.tenant.state.files[key] = (bytes(6 * 2**20), "image/png")
        with pytest.raises(PlatformRefused, match="more than"):
            await at.lark.files.picture(event.images[0])
        with pytest.raises(PlatformRefused):
            await at.lark.files.picture(Image(url="lark-image:t/"))


async def test_the_token_goes_to_nobody_whom_an_answer_names():
    seen = []

    async def elsewhere(request):
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"code": 0})

    async def lark(request):
        if request.path.endswith("internal"):
            return web.json_response({"code": 0, "tenant_access_token": "secret", "expire": 7200})
        raise web.HTTPFound(f"{request.url.origin()}/elsewhere")

    app = web.Application()
    app.router.add_route("*", "/open-apis/{rest:.*}", lark)
    app.router.add_route("*", "/elsewhere", elsewhere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = LarkClient(
        app_id="a",
        app_secret="b",
        base_url=f"http://127.0.0.1:{runner.addresses[0][1]}",
        timeout=WITHIN,
    )
    client.open()
    try:
        with pytest.raises(PlatformError):
            await client.read(INFO)
        with pytest.raises(PlatformError):
            await client.fetch("/im/v1/messages/m/resources/k")
        assert not seen
    finally:
        await client.close()
        await runner.cleanup()


# -- what Lark says


@pytest.mark.parametrize("how", ["code", "header", "status"])
async def test_slow_down_is_obeyed_before_anything_is_asked_again(how):
    async with reaching() as (tenant, client, time):
        trouble = {
            "code": Trouble(method=INFO, error="99991400"),
            "header": Trouble(method=INFO, retry_after=7),
            "status": Trouble(method=INFO, status=429),
        }[how]
        tenant.faults.troubles.append(trouble)
        with pytest.raises(PlatformError) as slow:
            await client.read(INFO)
        assert slow.value.retry_after == (7 if how == "header" else 1)
        assert client.limited == 1
        before = asked(tenant, INFO)
        with pytest.raises(PlatformError):
            await client.read(INFO)
        assert asked(tenant, INFO) == before
        time.now += 8
        assert await client.read(INFO, whole=True)


@pytest.mark.parametrize(("code", "waits"), [("99991400", True), ("230020", False)])
async def test_slow_down_holds_for_the_method_but_a_chats_own_limit_for_that_chat_alone(code, waits):
    async with reaching() as (tenant, client, time):
        one, other = tenant.add_chat("one"), tenant.add_chat("other")
        for chat in (one, other):
            tenant.state.chats[chat].has_bot = True
        tenant.faults.fail(f"/im/v1/chats/{one}", code)
        with pytest.raises(PlatformError):
            await client.read(f"/im/v1/chats/{one}")
        if waits:
            with pytest.raises(PlatformError, match="come back later"):
                await client.read(f"/im/v1/chats/{other}")
        else:
            assert await client.read(f"/im/v1/chats/{other}")
        assert await client.read("/im/v1/chats") is not None
        time.now += 2
        assert (await client.read(f"/im/v1/chats/{other}"))["name"] == "other"


async def test_a_code_other_than_nought_is_a_failure_though_http_says_200():
    async with reaching() as (tenant, client, _):
        tenant.faults.fail(INFO, "230002")
        with pytest.raises(LarkRefusal, match="no member"):
            await client.read(INFO)
        tenant.faults.fail(INFO, "4242")
        with pytest.raises(PlatformError, match="4242") as error:
            await client.read(INFO)
        assert not isinstance(error.value, PlatformRefused)  # nobody knows that one: it may work later


@pytest.mark.parametrize("status", [500, 502, 200, 302])
async def test_an_answer_that_says_nothing_means_that_nobody_knows(status):
    async with reaching() as (tenant, client, _):
        await client.read(INFO)
        tenant.faults.answer(INFO, 502 if status == 200 else status)
        with pytest.raises(PlatformUnsure):
            await client.read(INFO)


async def test_a_missing_permission_is_named():
    async with reaching() as (tenant, client, _):
        tenant.api.scopes.clear()
        with pytest.raises(LarkRefusal, match="im:chat:readonly") as error:
            await client.read("/im/v1/chats")
        assert error.value.needed == "im:chat:readonly"


async def test_a_person_out_of_the_apps_range_is_a_stranger_at_once():
    async with joined() as at:
        ghost = at.tenant.add_user("Ghost")
        at.tenant.faults.fail(f"/contact/v3/users/{ghost}", "41050")
        await at.tenant.say(ghost, at.chat, "Who am I?")
        [event] = await until(lambda: at.inbox.events, seconds=WITHIN)
        assert (await at.lark.completed(event)).user_external


# -- at most once


async def post(at, key="k1", **given):
    return await at.lark.post(
        tenant="t", channel=at.chat, thread=given.pop("thread", ""), card=card(**given), key=key
    )


async def test_an_answer_that_was_lost_after_sending_shows_one_card():
    async with joined() as at:
        at.tenant.api.trouble_sending("drop")
        with pytest.raises(PlatformUnsure):
            await post(at)
        ts = await post(at)
        assert [m.id for m in at.shown()] == [ts]
        assert await post(at, key="k2") != ts


async def test_a_bot_that_was_killed_between_sending_and_noting_it_shows_one_card():
    async with joined() as at:
        first = await post(at)
        await at.lark.disconnect()
        await at.lark.connect(at.inbox)
        assert await post(at) == first
        assert len(at.shown()) == 1


async def test_a_reply_stands_in_the_topic_of_its_message():
    async with joined() as at:
        root = await at.say("Hello?")
        ts = await post(at, thread=root)
        message = at.tenant.state.messages[ts]
        assert (message.root, message.topic) == (root, at.tenant.state.messages[root].topic)
        assert message.topic


def test_what_keeps_a_message_from_standing_twice_is_short_enough():
    assert len(uuid_of("k" * 5000)) <= 50
    assert uuid_of("a") != uuid_of("b")


async def test_a_card_that_lark_refuses_goes_out_as_text_in_which_nothing_is_read(caplog):
    caplog.set_level(logging.CRITICAL)
    trap = '<at user_id="all">everybody</at> [docs](https://evil.example)'
    async with joined() as at:
        at.tenant.faults.fail("/im/v1/messages", "230099")
        ts = await post(at, body=trap)
        message = at.tenant.state.messages[ts]
        assert message.kind == "post"  # in a text message both would be read
        pieces = [piece for line in message.body["zh_cn"]["content"] for piece in line]
        assert {piece["tag"] for piece in pieces} == {"text"}
        assert trap in "\n".join(piece["text"] for piece in pieces)
        assert await post(at, body=trap) in {m.id for m in at.shown()}


def test_a_plain_message_is_never_too_long():
    assert len(json.dumps(as_post("x\n" * 200_000))) < 150_000


async def test_a_card_is_changed_and_taken_down_and_its_own_removal_is_no_news():
    async with joined() as at:
        ts = await post(at)
        await at.lark.update(tenant="t", channel=at.chat, ts=ts, card=card(superseded="Out of date."))
        assert "Out of date" in at.tenant.state.messages[ts].content
        await at.lark.amend(tenant="t", channel=at.chat, ts=ts, notice=Notice(text="Gone."))
        await at.lark.remove(tenant="t", channel=at.chat, ts=ts)
        await at.lark.remove(tenant="t", channel=at.chat, ts=ts)  # gone already: that is what was wanted
        await at.tenant.settled(WITHIN)
        assert not at.shown()
        assert not at.inbox.events


async def test_a_card_that_somebody_else_takes_down_is_news():
    async with joined() as at:
        ts = await post(at)
        await at.tenant.recall(ts)
        [event] = await until(lambda: at.inbox.events, seconds=WITHIN)
        assert (event.kind, event.ts) == (EventKind.DELETED, ts)


async def test_a_removal_that_failed_is_not_remembered():
    async with joined() as at:
        ts = await post(at)
        at.tenant.faults.fail(f"/im/v1/messages/{ts}", "4242")
        with pytest.raises(PlatformError):
            await at.lark.remove(tenant="t", channel=at.chat, ts=ts)
        await at.tenant.recall(ts)
        await until(lambda: at.inbox.events, seconds=WITHIN)


async def test_a_draft_goes_to_each_analyst_alone_and_once():
    async with joined() as at:
        other = at.tenant.add_user("Bo")
        draft = card(audience=Decision.ANALYSTS)
        for _ in range(2):
            await at.lark.post(
                tenant="t",
                channel=at.chat,
                thread="om_root",
                card=draft,
                key="k",
                readers=[at.analyst, other, "ou_nobody", at.analyst],
            )
        assert not at.shown()
        assert [len(at.tenant.private(user)) for user in (at.analyst, other)] == [1, 1]
        assert not at.tenant.private(at.customer)
        with pytest.raises(PlatformRefused):
            await at.lark.post(
                tenant="t", channel=at.chat, thread="", card=draft, key="k2", readers=["ou_nobody"]
            )


async def test_a_click_on_a_draft_says_where_the_draft_belongs():
    async with joined() as at:
        await at.lark.post(
            tenant="t",
            channel=at.chat,
            thread="om_root",
            card=card(audience=Decision.ANALYSTS),
            key="k",
            readers=[at.analyst],
        )
        [message] = at.tenant.private(at.analyst)
        await at.tenant.click(at.analyst, message.id, "Accept")
        await at.tenant.click(at.analyst, message.id, "Withdraw")
        assert [act.event.channel for act in at.inbox.acts] == [at.chat, at.chat]
        assert [act.event.thread for act in at.inbox.acts] == ["om_root", "om_root"]


async def test_many_messages_to_one_chat_wait_their_turn_or_are_put_off():
    waited = []

    async def pause(seconds):
        waited.append(seconds)

    async with reaching(pause=pause) as (tenant, client, _):
        chat = tenant.add_chat("support")
        tenant.state.chats[chat].has_bot = True
        body = {"msg_type": "text", "content": '{"text": "x"}', "receive_id": chat}
        said = [
            client.say("POST", "/im/v1/messages", body, chat=chat, receive_id_type="chat_id")
            for _ in range(60)
        ]
        told = await asyncio.gather(*said, return_exceptions=True)
        put_off = [error for error in told if isinstance(error, PlatformError)]
        assert all(error.retry_after >= 1 for error in put_off)
        assert 20 <= len(tenant.messages(chat)) == 60 - len(put_off) <= 30
        assert max(waited) <= 5


# -- what cards say

LONG = ("|" * 9000, '"' * 9000, "漢" * 9000, "\U0001f600" * 5000, "- a\n" * 4000, "`<at id=all>` " * 900)


@pytest.mark.parametrize("said", [*LONG, *TRAPS], ids=lambda said: repr(said)[:30])
def test_lark_accepts_whatever_is_drawn(said):
    long = "https://docs.example.com/" + "a" * 1900
    accept = Action(kind=ActionKind.ACCEPT, label=said, value="a1", confirm=said)
    every = tuple(Citation(url=f"{long}{n}", title=said) for n in range(12))
    fields = (
        Field(name="t", label=said, kind=FieldKind.TEXT, initial=said[:3000], hint=said, longest=3000),
        Field(name="l", label=said, kind=FieldKind.LINE, initial=said, hint=said, longest=200),
        Field(name="c", label=said, kind=FieldKind.CHOICE, options=tuple((str(n), said) for n in range(100))),
        Field(name="p", label=said, kind=FieldKind.PEOPLE, initial=("ou_1",)),
    )
    drawn = (
        card_content(
            card(
                title=said,
                question=said,
                body=f"{said} [1]",
                citations=every,
                provenance=said,
                accepted_by=said,
                superseded=said,
                posted_by=said,
            ),
            asker=said,
        ),
        notice_content(Notice(text=said, actions=(accept,))),
        panel_content(
            Panel(
                title=said,
                sections=(Section(heading=said, facts=((said, said),) * 30, lines=(said,) * 5),) * 5,
            )
        ),
        form_content(Form(title=said, name="f", value="v", submit=said, note=said, fields=fields)),
    )
    for content in drawn:
        assert problem(json.dumps(content, ensure_ascii=False)) == ""


def test_two_thousand_hostile_strings_make_cards_without_a_mention_or_a_foreign_link():
    url = "https://docs.example.com/a"
    for said in hostile_strings(2000, 11):
        drawn = card_content(card(question=said[:300], body=f"{said} [1]"), asker="Cleo")
        written = json.dumps(drawn, ensure_ascii=False)
        assert problem(written) == "", said
        for element in walk(drawn):
            if element["tag"] == "markdown":
                prose = re.sub(r"^```\n.*?\n```$|`[^`\n]+`", " ", element["content"], flags=re.S | re.M)
                assert "<" not in prose, said
                assert set(re.findall(r"\]\(([^()]*)\)", prose)) <= {url}, said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("(see http://evil.example)", "&#40;see `http://evil.example`&#41;"),
        ("Look at https://evil.example.", "Look at `https://evil.example`."),
        (
            "(https://docs.example.com/a).",
            "&#40;[https://docs.example.com/a](https://docs.example.com/a)&#41;.",
        ),
        (
            "请看 https://docs.example.com/a。",
            "请看 [https://docs.example.com/a](https://docs.example.com/a)。",
        ),
    ],
)
def test_an_address_ends_where_it_ends(said, shown):
    links_of = cited_links(["https://docs.example.com/a"])
    assert lark_markdown(said, longest=500, links_of=links_of) == shown


def test_the_text_of_a_card_is_what_its_post_says():
    assert plain_text(card()).split("\n")[0] in json.dumps(as_post(plain_text(card())))
