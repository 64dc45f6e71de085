"""What people do in Lark, as the bot understands it: messages of every type, roles, clicks, commands."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.unit.platforms.lark_parts import WITHIN, card, joined
from tests.unit.platforms.parts import Inbox, until
from vigilbot.cards import Field, FieldKind, Form, Panel, Section
from vigilbot.domain import EventKind
from vigilbot.platforms.lark_content import said
from vigilbot.platforms.lark_events import LarkMe, events_of
from vigilbot.platforms.payloads import Skipped
from vigilbot.ports import InteractionKind, Response

ME = LarkMe(app="cli_a", user="ou_bot", tenant="t1")


async def one(at):
    [event] = await until(lambda: at.inbox.events, seconds=WITHIN)
    return await at.lark.completed(event)


# -- messages


async def test_a_message_opens_an_oncall_and_a_reply_belongs_to_it():
    async with joined() as at:
        root = await at.say("Hello?")
        reply = await at.tenant.say(at.analyst, at.chat, "Yes?", to=root)
        await at.tenant.say(at.customer, at.chat, "Thanks", to=reply)
        await at.tenant.settled(WITHIN)
        assert [event.thread for event in at.inbox.events] == [root, root, root]
        assert [event.ts == event.thread for event in at.inbox.events] == [True, False, False]


async def test_a_person_is_who_the_company_says_it_is():
    async with joined() as at:
        group = at.tenant.add_group("oncall-db", [at.analyst])
        department = at.tenant.add_department("Support")
        at.tenant.state.users[at.analyst].departments = [department]
        at.tenant.state.users[at.analyst].admin = True
        await at.tenant.say(at.analyst, at.chat, "I look at it")
        event = await one(at)
        assert (event.user_name, event.user_title) == ("Ana", "Support analyst")
        assert {group, "oncall-db", department, "Support"} <= set(event.user_groups)
        assert event.user_admin
        assert not event.user_external
        assert event.channel_name == "support"


async def test_a_person_of_another_company_is_a_customer_whatever_their_title_says():
    async with joined() as at:
        eve = at.tenant.add_user("Eve", title="Support analyst", tenant="elsewhere", admin=True)
        at.tenant.add_group("oncall-db", [eve])
        await at.tenant.say(eve, at.chat, "Trust me")
        event = await one(at)
        assert event.user_external
        assert (event.user_title, event.user_groups, event.user_admin) == ("", (), False)
        assert not [call for call in at.tenant.api.calls if eve in call.path]  # nobody was asked about her


async def test_a_chat_with_another_company_is_external():
    async with joined() as at:
        shared = at.tenant.add_chat("shared", external=True, members=[at.customer])
        at.tenant.state.chats[shared].has_bot = True
        await at.tenant.say(at.customer, shared, "Hello?")
        assert (await one(at)).channel_external


async def test_another_bot_is_a_bot():
    async with joined() as at:
        robot = at.tenant.add_user("Robot")
        at.tenant.state.users[robot].bot = True
        await at.tenant.say(robot, at.chat, "beep", call_bot=True)
        event = await one(at)
        assert event.is_bot
        assert not event.addressed


@pytest.mark.parametrize("where", ["group", "alone"])
async def test_the_bot_knows_when_it_is_meant(where):
    async with joined() as at:
        if where == "group":
            await at.say("How do I restart it?", call_bot=True)
        else:
            await at.tenant.say(at.customer, "", "How do I restart it?")
        event = await one(at)
        assert event.addressed
        assert event.channel_direct == (where == "alone")
        assert "How do I restart it?" in event.text


POST = {
    "title": "Night <run>",
    "content": [
        [
            {"tag": "text", "text": "It fails with "},
            {"tag": "a", "text": "this page", "href": "https://docs.example.com/a"},
        ],
        [{"tag": "at", "user_id": "@_user_1", "user_name": "Ana"}, {"tag": "text", "text": " can you look?"}],
        [{"tag": "code_block", "language": "SHELL", "text": "make <all>"}],
        [{"tag": "img", "image_key": "img_1"}, {"tag": "emotion", "emoji_type": "SMILE"}],
        [{"tag": "of a later version", "text": 7}],
        "no list",
    ],
}
ANA = {"key": "@_user_1", "id": {"open_id": "ou_ana"}, "name": "Ana"}


@pytest.mark.parametrize("wrapped", [POST, {"zh_cn": POST}], ids=["plain", "by language"])
def test_a_post_says_all_that_it_holds(wrapped):
    assert said("post", json.dumps(wrapped), [ANA]).split("\n") == [
        "Night &lt;run&gt;",
        "It fails with <https://docs.example.com/a|this page>",
        "<@ou_ana|Ana> can you look?",
        "```",
        "make &lt;all&gt;",
        "```",
        ":smile:",
    ]


@pytest.mark.parametrize(
    ("kind", "content", "text"),
    [
        ("text", {"text": "@_user_1 hello @_all"}, "<@ou_ana|Ana> hello @all"),
        ("text", {"text": "<@ou_boss|The boss> says <at user_id='all'>"}, None),
        ("text", {"text": "<@ou_boss|x> @_user_1 &lt;"}, "&lt;@ou_boss|x&gt; <@ou_ana|Ana> &amp;lt;"),
        ("text", {"text": "@_user_12 @_user_2"}, ""),
        ("file", {"file_key": "f", "file_name": "a<b>.log"}, "📎 a&lt;b&gt;.log"),
        ("media", {"file_name": "film.mp4"}, "📎 film.mp4"),
        ("sticker", {"file_key": "f"}, ""),
        ("share_chat", {"chat_id": "oc_1"}, ""),
        ("share_user", {"user_id": "ou_1"}, ""),
        ("audio", {"duration": 3}, ""),
        ("location", {"name": "x"}, ""),
        ("system", {"template": "{from} joined"}, ""),
        ("a type of a later version", {"text": "x"}, ""),
        ("text", {"text": 7}, ""),
        ("text", [], ""),
        ("post", {"content": {"x": 1}}, ""),
        (
            "interactive",
            {"title": "Alarm", "elements": [[{"tag": "text", "text": "disk <full>"}]]},
            "Alarm\ndisk &lt;full&gt;",
        ),
    ],
)
def test_every_type_is_read_or_left_alone_and_nobody_is_spoofed(kind, content, text):
    found = said(kind, json.dumps(content), [ANA])
    if text is None:
        assert "<" not in found
    else:
        assert found == text


@pytest.mark.parametrize("content", ["{", "[" * 100_000, None, 7, '"x"', "null"])
def test_content_that_cannot_be_read_says_nothing(content):
    assert said("text", content) == said("post", content) == said("interactive", content) == ""


@pytest.mark.parametrize(
    "name",
    ["<@ou_boss|The boss>", "x|y>z", "a\nb", "&lt;!channel&gt;"],
)
def test_a_name_is_never_markup(name):
    found = said("text", json.dumps({"text": "@_user_1 hi"}), [{**ANA, "name": name}])
    assert found.count("<") == found.count(">") == 1
    assert found.startswith("<@ou_ana|")
    assert "\n" not in found


async def test_a_picture_and_a_sticker_and_what_nobody_knows():
    async with joined() as at:
        await at.tenant.say(at.customer, at.chat, kind="sticker", content={"file_key": "f"})
        await at.tenant.say(at.customer, at.chat, kind="future", content={"x": 1})
        await at.tenant.say(at.customer, at.chat, kind="image", content={"image_key": "img_1"})
        event = await one(at)
        await at.tenant.settled(WITHIN)
        assert len(at.inbox.events) == 1
        assert [image.url.endswith("/img_1") for image in event.images] == [True]
        assert at.lark.ignored["no text"] == 2


async def test_forwarded_messages_are_read_with_who_said_what():
    async with joined() as at:
        other = at.tenant.add_chat("other", members=[at.analyst])
        eve = at.tenant.add_user("Eve", tenant="elsewhere")
        inner = [
            await at.tenant.say(at.analyst, other, "Restart it <now>."),
            await at.tenant.say(eve, other, "I did."),
        ]
        await at.tenant.say(at.customer, at.chat, kind="merge_forward", content={}, forwarded=inner)
        event = await one(at)
        assert event.text == "Ana: Restart it <now>.\nI did."
        assert event.user == at.customer


async def test_what_was_recalled_is_told_with_its_message():
    async with joined() as at:
        ts = await at.say("Hello?")
        await at.tenant.recall(ts)
        await at.tenant.settled(WITHIN)
        assert [(e.kind, e.ts) for e in at.inbox.events] == [
            (EventKind.POSTED, ts),
            (EventKind.DELETED, ts),
        ]


async def test_a_reaction_is_placed_and_named_as_settings_name_it():
    async with joined() as at:
        root = await at.say("Hello?")
        reply = await at.tenant.say(at.analyst, at.chat, "Done.", to=root)
        await at.tenant.settled(WITHIN)
        at.inbox.events.clear()
        await at.tenant.react(at.analyst, reply, "DONE")
        await at.tenant.react(at.analyst, reply, "DONE", take_away=True)
        await at.tenant.settled(WITHIN)
        added, removed = [await at.lark.completed(event) for event in at.inbox.events]
        assert (added.kind, removed.kind) == (EventKind.REACTION_ADDED, EventKind.REACTION_REMOVED)
        assert (added.channel, added.thread, added.reaction) == (at.chat, root, "white_check_mark")


async def test_a_reaction_whose_message_is_gone_belongs_nowhere_and_stops_nothing():
    async with joined() as at:
        ts = await at.say("Hello?")
        await at.tenant.settled(WITHIN)
        at.inbox.events.clear()
        at.tenant.faults.fail(f"/im/v1/messages/{ts}", "230110")
        await at.tenant.react(at.analyst, ts, "DONE")
        assert (await one(at)).channel == ""


async def test_the_bot_comes_and_goes_and_a_chat_ends():
    async with joined() as at:
        await at.tenant.kick(at.chat, by=at.analyst)
        await at.tenant.invite(at.chat, by=at.analyst)
        await at.tenant.rename(at.chat, "support-2")
        await at.tenant.dissolve(at.chat)
        await at.tenant.settled(WITHIN)
        found = [await at.lark.completed(event) for event in at.inbox.events]
        assert [(e.kind, e.is_self) for e in found] == [
            (EventKind.MEMBER_LEFT, True),
            (EventKind.MEMBER_JOINED, True),
            (EventKind.CHANNEL_CHANGED, False),
            (EventKind.CHANNEL_CHANGED, False),
        ]
        assert found[1].user == at.analyst
        assert found[2].channel_name == "support-2"
        assert found[3].channel_archived


@pytest.mark.parametrize("later", ["refused", "normal"])
async def test_a_chat_is_ended_whatever_lark_says_of_it_afterwards(later):
    async with joined() as at:
        await at.tenant.dissolve(at.chat)
        if later == "refused":
            at.tenant.faults.fail(f"/im/v1/chats/{at.chat}", "232009")
        at.tenant.state.chats[at.chat].status = "normal"
        assert (await one(at)).channel_archived


FIELDS = (
    *("message", "message_id", "chat_id", "create_time", "content", "mentions", "message_type", "sender"),
    *("sender_id", "tenant_key", "open_id", "user_id", "users", "operator_id", "reaction_type"),
    *("action_time", "recall_time", "root_id", "external"),
)
HOSTILE = (None, 7, "x", [], {}, True, {"x": {"x": []}}, "1" * 200, "-5", "99999999999999999999")


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize(
    "kind",
    [
        "im.message.receive_v1",
        "im.message.recalled_v1",
        "im.message.reaction.created_v1",
        "im.chat.member.bot.added_v1",
        "im.chat.member.user.added_v1",
        "im.chat.updated_v1",
    ],
)
def test_no_payload_raises(kind, value):
    for header in (value, {"event_type": kind, "create_time": value, "event_id": value}):
        for event in (value, dict.fromkeys(FIELDS, value), {"message": dict.fromkeys(FIELDS, value)}):
            found = events_of({"header": header, "event": event}, ME)
            assert isinstance(found, Skipped | tuple)


def test_an_event_of_another_tenant_is_none():
    header = {"event_type": "im.message.receive_v1", "app_id": "cli_a", "tenant_key": "t2"}
    assert isinstance(events_of({"header": header, "event": {}}, ME), Skipped)


# -- cards


async def shown(at, **given):
    return await at.lark.post(tenant="t", channel=at.chat, thread="", card=card(**given), key=repr(given))


async def test_a_click_is_answered_at_once_with_a_toast_and_the_changed_card():
    inbox = Inbox(respond=lambda _: Response(text="Noted.", card=card(accepted_by="Ana")))
    async with joined(inbox=inbox) as at:
        ts = await shown(at)
        toast = await at.tenant.click(at.analyst, ts, "Accept")
        assert toast == {"type": "info", "content": "Noted."}
        assert "Accepted by Ana" in at.tenant.state.messages[ts].content
        [act] = inbox.acts
        assert (act.kind, act.name, act.value) == (InteractionKind.CLICK, "accept", "a1")
        assert (act.event.user, act.event.channel, act.event.ts) == (at.analyst, at.chat, ts)


async def test_an_entry_of_the_menu_is_a_click_too():
    async with joined() as at:
        ts = await shown(at)
        await at.tenant.click(at.analyst, ts, "Why this?")
        await at.tenant.click(at.analyst, ts, "Withdraw")
        assert [act.name for act in at.inbox.acts] == ["why", "withdraw"]


async def test_an_outsiders_click_says_that_it_is_one():
    async with joined() as at:
        eve = at.tenant.add_user("Eve", tenant="elsewhere")
        ts = await shown(at)
        await at.tenant.click(eve, ts, "Accept")
        event = await at.lark.completed(at.inbox.acts[0].event)
        assert event.user_external


@pytest.mark.parametrize("value", [{"vigilbot": "of an older version"}, {}, {"vigilbot": 7}])
async def test_a_card_of_an_older_version_says_so(value):
    async with joined() as at:
        ts = await shown(at)
        message = at.tenant.state.messages[ts]
        content = message.body
        content["body"]["elements"] = [
            {
                "tag": "button",
                "text": {"tag": "plain_text", "content": "Old"},
                "behaviors": [{"type": "callback", "value": value}],
            }
        ]
        message.content = json.dumps(content)
        toast = await at.tenant.click(at.analyst, ts, "Old")
        assert "older version" in toast["content"]
        assert not at.inbox.acts


async def test_what_is_read_by_one_alone_goes_to_their_own_chat():
    panel = Panel(title="Why this?", sections=(Section(heading="Sources", lines=("A case.",)),))
    async with joined(inbox=Inbox(respond=lambda _: Response(panel=panel))) as at:
        ts = await shown(at)
        await at.tenant.click(at.customer, ts, "Why this?")
        [message] = await until(lambda: at.tenant.private(at.customer), seconds=WITHIN)
        assert "A case." in message.content
        assert len(at.shown()) == 1


async def test_a_form_comes_back_whole_and_where_it_belongs():
    fields = (
        Field(name="text", label="Answer", kind=FieldKind.TEXT, initial="漢" * 2500),
        Field(name="who", label="Who", kind=FieldKind.PEOPLE, optional=True),
    )
    form = Form(title="Correct", name="correct", value="a1", submit="Save", fields=fields)

    def respond(interaction):
        if interaction.kind is InteractionKind.SUBMIT:
            return Response(text="Saved.", card=card(accepted_by="Ana"))
        return Response(form=form)

    async with joined(inbox=Inbox(respond=respond)) as at:
        ts = await shown(at)
        await at.tenant.click(at.analyst, ts, "Accept")
        [message] = await until(lambda: at.tenant.private(at.analyst), seconds=WITHIN)
        inputs = {
            element["name"]: element.get("default_value", "")
            for element in message.body["body"]["elements"][0]["elements"]
            if element["tag"] == "input"
        }
        assert "".join(inputs.values()) == "漢" * 2500
        filled = {**inputs, "who": [at.analyst]}
        assert (await at.tenant.click(at.analyst, message.id, "Save", form=filled))["content"] == "Saved."
        submitted = at.inbox.acts[-1]
        assert submitted.fields == {"text": "漢" * 2500, "who": (at.analyst,)}
        assert (submitted.event.channel, submitted.event.ts) == (at.chat, ts)
        await until(lambda: "Accepted by Ana" in at.tenant.state.messages[ts].content, seconds=WITHIN)


async def test_what_was_filled_in_wrongly_is_told_and_the_form_stays():
    form = Form(title="Correct", name="correct", value="a1", fields=(Field(name="text", label="Answer"),))

    def respond(interaction):
        if interaction.kind is InteractionKind.SUBMIT:
            return Response(errors={"text": "It is empty."})
        return Response(form=form)

    async with joined(inbox=Inbox(respond=respond)) as at:
        await at.tenant.click(at.analyst, await shown(at), "Accept")
        [message] = await until(lambda: at.tenant.private(at.analyst), seconds=WITHIN)
        before = message.content
        toast = await at.tenant.click(at.analyst, message.id, form.submit, form={"text": ""})
        assert (toast["type"], "It is empty." in toast["content"]) == ("error", True)
        assert message.content == before


async def test_what_cannot_be_shown_is_not_answered_with_silence(caplog):
    caplog.set_level(logging.CRITICAL)
    panel = Panel(title="Why this?", sections=(Section(heading="Sources", lines=("A case.",)),))
    async with joined(inbox=Inbox(respond=lambda _: Response(panel=panel))) as at:
        ts = await shown(at)
        at.tenant.faults.fail("/im/v1/messages", "4242")
        await at.tenant.click(at.customer, ts, "Why this?")
        [message] = await until(lambda: at.tenant.private(at.customer), seconds=WITHIN)
        assert "could not be shown" in message.content


# -- commands


async def test_a_command_is_carried_out_once_however_often_it_comes():
    async with joined() as at:
        root = await at.say("Hello?")
        await at.tenant.say(at.analyst, at.chat, "/vigil mode draft", to=root, call_bot=True)
        push = at.tenant.sent[-1]
        await at.tenant.settled(WITHIN)
        at.tenant.repeat(push)
        await until(lambda: push.tries == 2, seconds=WITHIN)
        await asyncio.sleep(0.05)
        [act] = at.inbox.acts
        assert (act.kind, act.text) == (InteractionKind.COMMAND, "mode draft")
        assert (act.event.channel, act.event.thread) == (at.chat, root)
        assert at.inbox.texts() == ["Hello?"]
        [message] = await until(lambda: at.tenant.private(at.analyst), seconds=WITHIN)
        assert "Noted." in message.content


@pytest.mark.parametrize("text", ["/vigilante close", "please /vigil close", "close"])
async def test_what_is_no_command_is_a_message(text):
    async with joined() as at:
        await at.tenant.say(at.analyst, at.chat, text, call_bot=True)
        assert text in (await one(at)).text
        assert not at.inbox.acts


async def test_a_command_that_calls_nobody_is_a_message():
    async with joined() as at:
        await at.tenant.say(at.analyst, at.chat, "/vigil close")
        assert (await one(at)).text == "/vigil close"
        assert not at.inbox.acts


async def test_a_command_about_a_message_comes_with_what_that_says():
    async with joined() as at:
        root = await at.say("Restart <it>.")
        await at.tenant.say(at.analyst, at.chat, "/vigil save", to=root, call_bot=True)
        [act] = await until(lambda: at.inbox.acts, seconds=WITHIN)
        assert (act.kind, act.name, act.text) == (
            InteractionKind.SHORTCUT,
            "save_knowledge",
            "Restart <it>.",
        )
        assert act.event.ts == root


@pytest.mark.parametrize(
    ("key", "kind", "text"),
    [
        ("vigil_home", InteractionKind.HOME, ""),
        ("vigil_status", InteractionKind.COMMAND, "status"),
        ("vigil_mode_draft", InteractionKind.COMMAND, "mode draft"),
    ],
)
async def test_the_bots_menu_says_the_same(key, kind, text):
    async with joined() as at:
        await at.tenant.menu(at.analyst, key)
        [act] = await until(lambda: at.inbox.acts, seconds=WITHIN)
        assert (act.kind, act.text, act.event.user) == (kind, text, at.analyst)


async def test_whoever_calls_the_bot_alone_gets_an_answer_there():
    async with joined() as at:
        await at.tenant.say(at.analyst, "", "/vigil help")
        await until(lambda: at.inbox.acts, seconds=WITHIN)
        await until(
            lambda: [m for m in at.tenant.private(at.analyst) if "Noted." in m.content], seconds=WITHIN
        )
