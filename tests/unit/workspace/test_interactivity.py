"""Clicks, windows, commands and shortcuts, with the real slack-bolt on the other end."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tests.unit.workspace.parts import Bolt, Town, button, until
from vigilbot.workspace import Workspace

ASK = {
    "type": "input",
    "block_id": "why",
    "label": {"type": "plain_text", "text": "Why"},
    "element": {
        "type": "plain_text_input",
        "action_id": "text",
        "initial_value": "because",
        "max_length": 20,
    },
}


def modal(*blocks: dict, title: str = "A form", **more: object) -> dict:
    texts = {"title": {"type": "plain_text", "text": title}, "submit": {"type": "plain_text", "text": "Save"}}
    return {"type": "modal", "callback_id": "form", **texts, "blocks": list(blocks), **more}


async def posted(ws: Workspace, bolt: Bolt, channel: str, *blocks: dict) -> str:
    answer = await bolt.client.chat_postMessage(channel=channel, text="?", blocks=list(blocks))
    return str(answer["ts"])


async def test_a_click_says_who_where_and_on_what(ws: Workspace, town: Town, bolt: Bolt) -> None:
    bodies: list[dict] = []

    @bolt.app.action("go")
    async def go(ack, body):
        await ack()
        bodies.append(body)

    await bolt.connect()
    ts = await posted(ws, bolt, town.support, button("go", "7"))
    assert await ws.click(town.ada, town.support, ts, "go")
    [body] = bodies
    assert body["user"]["id"] == town.ada
    assert body["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": town.support,
        "is_ephemeral": False,
        "is_app_unfurl": False,
    }
    assert (body["actions"][0]["value"], body["message"]["ts"]) == ("7", ts)


async def test_a_click_nobody_takes_is_not_acknowledged(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    ts = await posted(ws, bolt, town.support, button("forgotten"))
    clicked = asyncio.create_task(ws.click(town.ada, town.support, ts, "forgotten"))
    await until(lambda: bolt.bodies and bolt.bodies[-1]["type"] == "block_actions")
    ws.advance(3.1)
    assert await clicked is False


async def test_there_has_to_be_a_button_to_click_on(ws: Workspace, town: Town, bolt: Bolt) -> None:
    ts = await posted(ws, bolt, town.support, button("go"))
    with pytest.raises(LookupError, match="other"):
        await ws.click(town.ada, town.support, ts, "other")
    with pytest.raises(LookupError, match="no message"):
        await ws.click(town.ada, town.support, "1.0", "go")


async def test_an_overflow_menu_passes_on_what_was_chosen(ws: Workspace, town: Town, bolt: Bolt) -> None:
    chosen: list[str] = []

    @bolt.app.action("more")
    async def more(ack, action):
        await ack()
        chosen.append(action["selected_option"]["value"])

    options = [{"text": {"type": "plain_text", "text": v}, "value": v} for v in ("why", "withdraw")]
    menu = {"type": "overflow", "action_id": "more", "options": options}
    await bolt.connect()
    ts = await posted(ws, bolt, town.support, {"type": "actions", "elements": [menu]})
    await ws.click(town.ada, town.support, ts, "more", value="withdraw")
    assert chosen == ["withdraw"]
    with pytest.raises(LookupError, match="delete"):
        await ws.click(town.ada, town.support, ts, "more", value="delete")


async def test_a_private_prompt_is_seen_by_one_person_and_goes_when_it_is_done(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    @bolt.app.action("dismiss")
    async def dismiss(ack, respond):
        await ack()
        await respond(delete_original=True)

    @bolt.app.action("change")
    async def change(ack, respond):
        await ack()
        await respond(text="Changed", replace_original=True)

    await bolt.connect()
    for action in ("change", "dismiss"):
        await bolt.client.chat_postEphemeral(
            channel=town.support, user=town.ada, text="A draft", blocks=[button(action)]
        )
    assert ws.ephemerals(town.carla) == []
    assert ws.messages(town.support) == []
    first, second = (m["ts"] for m in ws.ephemerals(town.ada))
    await ws.click(town.ada, town.support, second, "dismiss")
    await ws.click(town.ada, town.support, first, "change")
    await until(lambda: [m["text"] for m in ws.ephemerals(town.ada)] == ["Changed"])
    with pytest.raises(SlackApiError, match="message_not_found"):
        await bolt.client.chat_update(channel=town.support, ts=first, text="No")


async def test_a_response_url_works_five_times_and_half_an_hour(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    urls: list[str] = []

    @bolt.app.action("go")
    async def go(ack, body):
        await ack()
        urls.append(body["response_url"])

    await bolt.connect()
    ts = await posted(ws, bolt, town.support, button("go"))
    await ws.click(town.ada, town.support, ts, "go")
    await ws.click(town.ada, town.support, ts, "go")
    async with aiohttp.ClientSession() as session:

        async def use(url: str, **body: object) -> tuple[int, str]:
            async with session.post(url, json={"text": "hello", **body}) as response:
                return response.status, await response.text()

        assert await use(urls[0]) == (200, "ok")
        assert (await use(urls[0], blocks=[{"type": "nonsense"}]))[0] == 400
        for _ in range(3):
            assert (await use(urls[0]))[0] == 200
        status, text = await use(urls[0])
        assert (status, "used_url" in text) == (404, True)
        ws.advance(1801)
        status, text = await use(urls[1])
        assert (status, "expired_url" in text) == (404, True)
    assert len(ws.ephemerals(town.ada)) == 4


async def test_a_trigger_opens_one_window_within_three_seconds(ws: Workspace, town: Town, bolt: Bolt) -> None:
    triggers: list[str] = []

    @bolt.app.action("go")
    async def go(ack, body):
        await ack()
        triggers.append(body["trigger_id"])

    await bolt.connect()
    ts = await posted(ws, bolt, town.support, button("go"))
    for _ in range(2):
        await ws.click(town.ada, town.support, ts, "go")
    await bolt.client.views_open(trigger_id=triggers[0], view=modal(ASK))
    assert [v["title"]["text"] for v in ws.views(town.ada)] == ["A form"]
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await bolt.client.views_open(trigger_id=triggers[0], view=modal(ASK))
    ws.advance(3.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await bolt.client.views_open(trigger_id=triggers[1], view=modal(ASK))
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await bolt.client.views_open(trigger_id="guess", view=modal(ASK))


async def form(ws: Workspace, town: Town, bolt: Bolt, view: dict) -> str:
    """Opens the view for Ada and returns its id."""

    @bolt.app.shortcut("open")
    async def opened(ack, shortcut, client):
        await ack()
        await client.views_open(trigger_id=shortcut["trigger_id"], view=view)

    await bolt.connect()
    await ws.shortcut(town.ada, "", "", "open")
    await until(lambda: ws.views(town.ada))
    return str(ws.views(town.ada)[-1]["id"])


async def test_a_form_passes_on_what_was_filled_in(ws: Workspace, town: Town, bolt: Bolt) -> None:
    states: list[dict] = []

    @bolt.app.view("form")
    async def taken(ack, view):
        states.append(view["state"]["values"])
        await ack()

    people = {"type": "multi_users_select", "action_id": "people"}
    who = {"type": "input", "block_id": "who", "label": ASK["label"], "element": people, "optional": True}
    view = await form(ws, town, bolt, modal(ASK, who))
    assert await ws.submit(town.ada, view, {"who": {"people": [town.carla]}}) == {}
    assert states == [
        {
            "why": {"text": {"type": "plain_text_input", "value": "because"}},
            "who": {"people": {"type": "multi_users_select", "selected_users": [town.carla]}},
        }
    ]
    assert ws.views(town.ada) == []


async def test_a_form_with_errors_stays_open(ws: Workspace, town: Town, bolt: Bolt) -> None:
    @bolt.app.view("form")
    async def refused(ack):
        await ack(response_action="errors", errors={"why": "Not good enough"})

    view = await form(ws, town, bolt, modal(ASK))
    assert await ws.submit(town.ada, view, {}) == {"why": "Not good enough"}
    assert len(ws.views(town.ada)) == 1


async def test_what_slack_itself_asks_for_never_reaches_the_app(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    view = await form(ws, town, bolt, modal(ASK))
    assert "required" in (await ws.submit(town.ada, view, {"why": {"text": ""}}))["why"]
    assert "20" in (await ws.submit(town.ada, view, {"why": {"text": "x" * 21}}))["why"]
    with pytest.raises(LookupError, match="other"):
        await ws.submit(town.ada, view, {"other": {"text": "x"}})
    assert all(e.payload["type"] != "view_submission" for e in ws.sent)


async def test_windows_are_updated_pushed_three_high_and_cleared(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    answers = ["update", "push", "push", "push", "clear"]

    @bolt.app.view("form")
    async def next_answer(ack):
        action = answers.pop(0)
        view = {} if action == "clear" else {"view": modal(ASK, title=f"After {action}")}
        await ack(response_action=action, **view)

    await form(ws, town, bolt, modal(ASK))

    async def submit() -> dict[str, str]:
        return await ws.submit(town.ada, ws.views(town.ada)[-1]["id"], {})

    assert await submit() == {}
    assert [v["title"]["text"] for v in ws.views(town.ada)] == ["After update"]
    assert await submit() == {}
    assert await submit() == {}
    assert await submit() == {"": "push_limit_reached"}
    assert len(ws.views(town.ada)) == 3
    await submit()
    assert ws.views(town.ada) == []


async def test_an_update_with_an_old_hash_is_refused(ws: Workspace, town: Town, bolt: Bolt) -> None:
    view = await form(ws, town, bolt, modal(ASK))
    before = ws.views(town.ada)[-1]["hash"]
    await bolt.client.views_update(view_id=view, hash=before, view=modal(ASK, title="Second"))
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await bolt.client.views_update(view_id=view, hash=before, view=modal(ASK, title="Third"))


async def test_the_app_hears_of_a_closed_window_if_it_asked_to(ws: Workspace, town: Town, bolt: Bolt) -> None:
    closed: list[str] = []

    @bolt.app.view_closed("form")
    async def on_close(ack, view):
        await ack()
        closed.append(view["id"])

    view = await form(ws, town, bolt, modal(ASK, notify_on_close=True))
    await ws.close_view(town.ada, view)
    assert closed == [view]
    assert ws.views(town.ada) == []


async def test_a_click_in_a_window_has_the_window(ws: Workspace, town: Town, bolt: Bolt) -> None:
    seen: list[dict] = []

    @bolt.app.action("go")
    async def go(ack, body):
        await ack()
        seen.append(body)

    view = await form(ws, town, bolt, modal(button("go")))
    assert await ws.click(town.ada, "", "", "go", view_id=view)
    assert (seen[0]["view"]["id"], "message" in seen[0]) == (view, False)


async def test_a_message_shortcut_has_the_message(ws: Workspace, town: Town, bolt: Bolt) -> None:
    seen: list[dict] = []

    @bolt.app.shortcut("save_knowledge")
    async def save(ack, body, respond):
        await ack()
        seen.append(body)
        await respond("Saved")

    await bolt.connect()
    root = await ws.say(town.carla, town.support, "Is it down?")
    reply = await ws.say(town.ada, town.support, "Restart it", thread=root)
    assert await ws.shortcut(town.ada, town.support, reply, "save_knowledge")
    await until(lambda: ws.ephemerals(town.ada))
    assert seen[0]["message"]["text"] == "Restart it"
    assert ws.ephemerals(town.ada)[0]["thread_ts"] == root


async def test_a_command_is_answered_privately_and_names_become_ids(
    ws: Workspace, town: Town, bolt: Bolt
) -> None:
    texts: list[str] = []

    @bolt.app.command("/vigil")
    async def vigil(ack, command):
        texts.append(command["text"])
        await ack("Done")

    await bolt.connect()
    assert await ws.slash(town.ada, town.support, "roster add @carla in #support")
    assert texts == [f"roster add <@{town.carla}|carla> in <#{town.support}|support>"]
    assert [m["text"] for m in ws.ephemerals(town.ada, town.support)] == ["Done"]
    assert ws.messages(town.support) == []


async def test_slack_refuses_commands_in_threads(ws: Workspace, town: Town, bolt: Bolt) -> None:
    await bolt.connect()
    root = await ws.say(town.carla, town.support, "Is it down?")
    assert await ws.slash(town.ada, town.support, "close", thread=root) is False
    assert "not supported in threads" in ws.ephemerals(town.ada)[0]["text"]
    assert all(e.type != "slash_commands" for e in ws.sent)


async def test_a_command_nobody_takes_says_so(ws: Workspace, town: Town, bolt: Bolt) -> None:
    assert await ws.slash(town.ada, town.support, "status") is False
    assert "operation_timeout" in ws.ephemerals(town.ada)[0]["text"]


async def test_the_home_page_is_published_for_who_opened_it(ws: Workspace, town: Town, bolt: Bolt) -> None:
    @bolt.app.event("app_home_opened")
    async def opened(event, client):
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [button("go")]})

    await bolt.connect()
    await ws.open_home(town.ada)
    await until(lambda: ws.home(town.ada))
    home = ws.home(town.ada)
    assert home is not None
    assert home["blocks"][0]["elements"][0]["action_id"] == "go"
    assert ws.home(town.carla) is None
