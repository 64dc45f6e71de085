"""The Web API through the real client: tokens, scopes, membership, limits, history, faults."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.unit.workspace.parts import Bolt, Town
from vigilbot.workspace import Workspace


def client(ws: Workspace, token: str = "") -> AsyncWebClient:
    return AsyncWebClient(token=token or ws.bot_token, base_url=ws.api_url, retry_handlers=[])


async def refused(call: object) -> dict:
    """The answer to a call that Slack does not do."""
    with pytest.raises(SlackApiError) as raised:
        await call  # type: ignore[misc]
    return dict(raised.value.response.data)


async def test_the_bot_learns_who_it_is_and_what_it_may(ws: Workspace) -> None:
    answer = await client(ws).auth_test()
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == (ws.team, ws.bot_user, ws.bot_id)
    assert "chat:write" in answer.headers["x-oauth-scopes"]


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        ("xoxb-guess", "auth.test", "invalid_auth"),
        ("app", "auth.test", "not_allowed_token_type"),
        ("bot", "apps.connections.open", "not_allowed_token_type"),
        ("bot", "no.such", "unknown_method"),
    ],
)
async def test_a_wrong_token_or_method_is_named(ws: Workspace, token: str, method: str, error: str) -> None:
    given = {"app": ws.app_token, "bot": ws.bot_token}.get(token, token)
    assert (await refused(client(ws, given).api_call(method)))["error"] == error


async def test_without_a_token_nothing_is_done(ws: Workspace) -> None:
    async with aiohttp.ClientSession() as session, session.post(ws.api_url + "auth.test") as response:
        assert await response.json() == {"ok": False, "error": "not_authed"}


async def test_a_missing_scope_is_named() -> None:
    async with Workspace(scopes={"channels:read"}) as ws:
        town = Town(ws)
        answer = await refused(client(ws).chat_postMessage(channel=town.support, text="Hello"))
        assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
        assert answer["provided"] == "channels:read"


async def test_the_scope_goes_with_the_kind_of_channel(ws: Workspace, town: Town) -> None:
    secret = ws.add_channel("secret", private=True, members={ws.bot_user})
    answer = await refused(client(ws).conversations_history(channel=secret))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "groups:history")


async def test_posting_needs_membership_and_an_open_channel(ws: Workspace, town: Town) -> None:
    elsewhere = ws.add_channel("sales")
    hidden = ws.add_channel("board", private=True)
    for channel, error in ((elsewhere, "not_in_channel"), (hidden, "channel_not_found")):
        assert (await refused(client(ws).chat_postMessage(channel=channel, text="Hi")))["error"] == error
    ws.restrict(town.support)
    answer = await refused(client(ws).chat_postMessage(channel=town.support, text="Hi"))
    assert answer["error"] == "restricted_action"
    await ws.archive(town.support)
    answer = await refused(client(ws).chat_postMessage(channel=town.support, text="Hi"))
    assert answer["error"] == "is_archived"


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"text": "x", "metadata": {"event_type": "vigilbot"}}, "invalid_metadata_format"),
    ],
)
async def test_what_slack_does_not_take(ws: Workspace, town: Town, args: dict, error: str) -> None:
    answer = await refused(client(ws).api_call("chat.postMessage", json={"channel": town.support, **args}))
    assert answer["error"] == error
    assert ws.messages(town.support) == []


async def test_the_app_changes_only_its_own_messages(ws: Workspace, town: Town) -> None:
    ts = await ws.say(town.carla, town.support, "Hello")
    answer = await refused(client(ws).chat_update(channel=town.support, ts=ts, text="Bye"))
    assert answer["error"] == "cant_update_message"
    answer = await refused(client(ws).chat_delete(channel=town.support, ts=ts))
    assert answer["error"] == "cant_delete_message"


async def test_an_update_keeps_the_blocks_unless_it_brings_others(ws: Workspace, town: Town) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "one"}}
    posted = await client(ws).chat_postMessage(channel=town.support, text="one", blocks=[block])
    await client(ws).chat_update(channel=town.support, ts=posted["ts"], text="two")
    [message] = ws.messages(town.support)
    assert (message["text"], message["blocks"][0]["text"]["text"]) == ("two", "one")
    await client(ws).chat_update(channel=town.support, ts=posted["ts"], text="three", blocks=[])
    assert "blocks" not in ws.messages(town.support)[0]


async def test_a_private_message_needs_somebody_who_is_there(ws: Workspace, town: Town) -> None:
    outsider = ws.add_user("Olga")
    answer = await refused(client(ws).chat_postEphemeral(channel=town.support, user=outsider, text="Hi"))
    assert answer["error"] == "user_not_in_channel"


async def test_history_is_paged_newest_first_and_bounded(ws: Workspace, town: Town) -> None:
    stamps = [await ws.say(town.carla, town.support, f"message {n}") for n in range(5)]
    await ws.say(town.ada, town.support, "reply", thread=stamps[0])
    web = client(ws)
    first = await web.conversations_history(channel=town.support, limit=3)
    assert [m["ts"] for m in first["messages"]] == stamps[:1:-1]
    await ws.say(town.carla, town.support, "meanwhile")
    cursor = first["response_metadata"]["next_cursor"]
    second = await web.conversations_history(channel=town.support, limit=3, cursor=cursor)
    assert [m["ts"] for m in second["messages"]] == [stamps[1], stamps[0]]
    assert second["has_more"] is False
    after = await web.conversations_history(channel=town.support, oldest=stamps[2], latest=stamps[4])
    assert [m["ts"] for m in after["messages"]] == [stamps[3]]
    both = await web.conversations_history(
        channel=town.support, oldest=stamps[2], latest=stamps[4], inclusive=True
    )
    assert len(both["messages"]) == 3


async def test_replies_start_with_the_root(ws: Workspace, town: Town) -> None:
    root = await ws.say(town.carla, town.support, "Is it down?")
    replies = [await ws.say(town.ada, town.support, f"reply {n}", thread=root) for n in range(3)]
    web = client(ws)
    first = await web.conversations_replies(channel=town.support, ts=root, limit=2)
    assert [m["ts"] for m in first["messages"]] == [root, replies[0]]
    cursor = first["response_metadata"]["next_cursor"]
    second = await web.conversations_replies(channel=town.support, ts=root, limit=2, cursor=cursor)
    assert [m["ts"] for m in second["messages"]] == replies[1:]
    later = await web.conversations_replies(channel=town.support, ts=root, oldest=replies[1])
    assert [m["ts"] for m in later["messages"]] == [root, replies[2]]
    assert (await refused(web.conversations_replies(channel=town.support, ts="1.0")))["error"] == (
        "thread_not_found"
    )


async def test_metadata_are_there_for_who_asks(ws: Workspace, town: Town) -> None:
    web = client(ws)
    metadata = {"event_type": "vigilbot", "event_payload": {"key": "answer:1"}}
    await web.chat_postMessage(channel=town.support, text="Hi", metadata=metadata)
    plain = await web.conversations_history(channel=town.support)
    whole = await web.conversations_history(channel=town.support, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert whole["messages"][0]["metadata"] == metadata


async def test_people_channels_and_groups_are_listed_in_pages(ws: Workspace, town: Town) -> None:
    web = client(ws)
    pat = ws.add_user("Pat", team="T0PARTNER")
    group = ws.add_group("oncall", [town.ada])
    found: list[str] = []
    async for page in await web.users_list(limit=2):
        found += [user["id"] for user in page["members"]]
    assert found == list(ws.users)
    stranger = (await web.users_info(user=pat))["user"]
    assert (stranger["is_stranger"], "is_admin" in stranger) == (True, False)
    assert (await web.users_info(user=town.ada))["user"]["profile"]["title"] == "Support analyst"
    assert (await web.usergroups_list())["usergroups"][0]["handle"] == "oncall"
    assert (await web.usergroups_users_list(usergroup=group))["users"] == [town.ada]
    ws.add_channel("sales")
    everywhere = await web.conversations_list(types="public_channel")
    assert [(c["name"], c["is_member"]) for c in everywhere["channels"]] == [
        ("support", True),
        ("sales", False),
    ]
    assert [c["name"] for c in (await web.users_conversations())["channels"]] == ["support"]


async def test_permalinks_of_replies_name_their_thread(ws: Workspace, town: Town) -> None:
    root = await ws.say(town.carla, town.support, "Is it down?")
    reply = await ws.say(town.ada, town.support, "No", thread=root)
    link = (await client(ws).chat_getPermalink(channel=town.support, message_ts=reply))["permalink"]
    assert f"/archives/{town.support}/p{reply.replace('.', '')}?thread_ts={root}" in link
    assert link == ws.permalink(town.support, reply)


async def test_a_channel_takes_a_few_posts_at_once_and_then_one_a_second(ws: Workspace, town: Town) -> None:
    web = client(ws)
    other = ws.add_channel("other", members={ws.bot_user})
    for n in range(5):
        await web.chat_postMessage(channel=town.support, text=str(n))
    with pytest.raises(SlackApiError) as raised:
        await web.chat_postMessage(channel=town.support, text="6")
    assert (raised.value.response.status_code, raised.value.response.headers["Retry-After"]) == (429, "1")
    await web.chat_postMessage(channel=other, text="elsewhere")
    ws.advance(1)
    await web.chat_postMessage(channel=town.support, text="6")
    assert len(ws.messages(town.support)) == 6


async def test_methods_have_tiers(ws: Workspace, town: Town) -> None:
    web = client(ws)
    for _ in range(20):
        await web.users_list()
    assert (await refused(web.users_list()))["error"] == "ratelimited"
    ws.advance(3)
    await web.users_list()


async def test_a_shared_app_reads_fifteen_messages_a_minute() -> None:
    async with Workspace(shared_app=True) as ws:
        town = Town(ws)
        for n in range(20):
            await ws.say(town.carla, town.support, f"message {n}")
        web = client(ws)
        page = await web.conversations_history(channel=town.support, limit=200)
        assert (len(page["messages"]), page["has_more"]) == (15, True)
        with pytest.raises(SlackApiError) as raised:
            await web.conversations_history(channel=town.support)
        assert 50 <= int(raised.value.response.headers["Retry-After"]) <= 60
        ws.advance(60)
        await web.conversations_history(channel=town.support)


async def test_a_post_whose_answer_is_lost_may_be_there_or_not(ws: Workspace, town: Town) -> None:
    web = client(ws)
    for applied in (True, False):
        ws.faults.drop("chat.postMessage", applied=applied)
        with pytest.raises(aiohttp.ClientError):
            await web.chat_postMessage(channel=town.support, text=f"applied: {applied}")
    assert [m["text"] for m in ws.messages(town.support)] == ["applied: True"]
    assert [c.applied for c in ws.calls] == [True, False]


async def test_other_faults_of_calls(ws: Workspace, town: Town) -> None:
    web = client(ws)
    ws.faults.fail("chat.postMessage", "internal_error")
    assert (await refused(web.chat_postMessage(channel=town.support, text="1")))["error"] == "internal_error"
    ws.faults.limit("chat.postMessage", 7)
    with pytest.raises(SlackApiError) as raised:
        await web.chat_postMessage(channel=town.support, text="2")
    assert raised.value.response.headers["Retry-After"] == "7"
    ws.faults.answer("chat.postMessage", 503)
    with pytest.raises(SlackApiError):
        await web.chat_postMessage(channel=town.support, text="3")
    ws.faults.slow("chat.postMessage", 0.2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(web.chat_postMessage(channel=town.support, text="4"), 0.05)
    await web.chat_postMessage(channel=town.support, text="5")
    assert ws.messages(town.support)[0]["text"] == "5"


async def test_a_file_is_there_for_the_token_with_the_scope(ws: Workspace, town: Town) -> None:
    ts = await ws.say(town.carla, town.support, "See this", files=[("shot.png", b"\x89PNG")])
    message = ws.message(town.support, ts)
    assert message is not None
    assert message["subtype"] == "file_share"
    file = message["files"][0]
    assert (file["mimetype"], file["size"]) == ("image/png", 4)
    async with aiohttp.ClientSession() as session:
        right = {"Authorization": f"Bearer {ws.bot_token}"}
        async with session.get(file["url_private_download"], headers=right) as page:
            assert page.content_type == "text/html"
        ws.app.scopes |= {"files:read"}
        async with session.get(file["url_private_download"], headers=right) as whole:
            assert (whole.content_type, await whole.read()) == ("image/png", b"\x89PNG")
        async with session.get(file["url_private_download"]) as page:
            assert page.content_type == "text/html"
    assert (await client(ws).files_info(file=file["id"]))["file"]["name"] == "shot.png"


async def test_calls_are_kept_without_their_token(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await client(ws).chat_postMessage(channel=town.support, text="Hello")
    [call] = ws.calls
    assert (call.method, call.args["text"], call.answer["ok"]) == ("chat.postMessage", "Hello", True)
    assert ws.bot_token not in str(call.args)
