"""What people do to the bot in Slack, and what they see: clicks, forms, commands, shortcuts, the home tab."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.platforms.parts import until
from tests.unit.platforms.slack_parts import Joined, joined
from tests.unit.platforms.test_slack_posting import CARD, cards, now, send
from vigilbot.cards import Action, ActionKind, Card, Field, Form, Notice, Panel, Section
from vigilbot.domain import Decision
from vigilbot.ports import InteractionKind, Response

BOTH = pytest.mark.parametrize("mode", ["socket", "http"])
WHY = Action(kind=ActionKind.WHY, label="Why this?", value="answer-1")
FORM = Form(title="Edit", name="edit", value="answer-1", fields=(Field(name="text", label="Text"),))
PANEL = Panel(title="Why this?", sections=(Section(heading="Scope", lines=("within 0.93",)),))


def card(*actions: Action, **changes) -> Card:
    shown = {name: getattr(CARD, name) for name in CARD.__slots__}
    return Card(**shown | {"actions": actions or CARD.actions} | changes)


async def clicked(at: Joined, action: str, *, by: str = "", **given) -> str:
    """A card in a thread, and a click on it."""
    root = await at.ws.say(at.customer, at.channel, "How?")
    ts = await send(at, thread=root, since=now(), **given)
    assert await at.ws.click(by or at.customer, at.channel, ts, action)
    return ts


def shown(view: dict) -> str:
    return str(view["blocks"])


@BOTH
async def test_a_click_is_acted_on_before_it_is_acknowledged_and_answered_in_private(mode):
    async with joined(mode=mode) as at:
        ts = await clicked(at, "vigilbot:accept")
        [act] = at.inbox.acts
        assert (act.kind, act.name, act.value) == (InteractionKind.CLICK, "accept", "answer-1")
        assert (act.event.user, act.event.channel, act.event.ts) == (at.customer, at.channel, ts)
        assert act.event.thread != ts
        assert not act.event.completed
        [reply] = await until(lambda: at.ws.ephemerals(at.customer))
        assert (reply["text"], reply["thread_ts"]) == ("Noted.", act.event.thread)
        assert at.ws.ephemerals(at.analyst) == []


async def test_a_click_that_is_not_durable_yet_is_not_acknowledged():
    async with joined() as at:
        durable = asyncio.Event()
        at.inbox.before_reply = durable.wait
        ts = await send(at, since=now())
        click = asyncio.create_task(at.ws.click(at.customer, at.channel, ts, "vigilbot:accept"))
        await until(lambda: at.inbox.acts)
        assert not at.ws.sent[-1].acknowledged
        durable.set()
        assert await click


async def test_the_card_clicked_on_is_redrawn_for_everybody():
    async with joined() as at:
        at.inbox.respond = lambda _: Response(card=card(accepted_by="Cleo"))
        ts = await clicked(at, "vigilbot:accept")
        thread = at.inbox.acts[0].event.thread
        await until(lambda: "Accepted by Cleo" in cards(at, thread)[0]["text"])
        assert cards(at, thread)[0]["ts"] == ts
        assert cards(at, thread)[0]["metadata"]["event_payload"] == {"key": "key-1"}


async def test_a_private_prompt_is_replaced_and_goes_away():
    async with joined() as at:
        draft = card(
            Action(kind=ActionKind.POST, label="Post", value="d1"),
            Action(kind=ActionKind.DISMISS, label="Dismiss", value="d1"),
            audience=Decision.ANALYSTS,
        )
        await send(at, card=draft, readers=(at.analyst,))
        [prompt] = at.ws.ephemerals(at.analyst)
        at.inbox.respond = lambda _: Response(notice=Notice(text="Answered by a human meanwhile."))
        await at.ws.click(at.analyst, at.channel, prompt["ts"], "vigilbot:post")
        await until(lambda: "meanwhile" in at.ws.ephemerals(at.analyst)[0]["text"])
        await send(at, "key-2", card=draft, readers=(at.analyst,))
        at.inbox.respond = lambda _: Response(done=True)
        prompt = at.ws.ephemerals(at.analyst)[-1]
        await at.ws.click(at.analyst, at.channel, prompt["ts"], "vigilbot:dismiss")
        await until(lambda: len(at.ws.ephemerals(at.analyst)) == 1)


@BOTH
async def test_why_opens_a_window_at_once_and_fills_it(mode):
    async with joined(mode=mode) as at:
        thinking = asyncio.Event()
        at.inbox.before_reply = thinking.wait
        at.inbox.respond = lambda _: Response(panel=PANEL)
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await send(at, thread=root, card=card(WHY), since=now())
        click = asyncio.create_task(at.ws.click(at.analyst, at.channel, ts, "vigilbot:why"))
        await until(lambda: at.ws.views(at.analyst))
        assert "One moment" in shown(at.ws.views(at.analyst)[0])
        thinking.set()
        assert await click
        await until(lambda: "within 0.93" in shown(at.ws.views(at.analyst)[0]))
        assert at.ws.views(at.customer) == []


async def test_a_choice_in_the_menu_is_the_action_it_names():
    async with joined() as at:
        withdraw = Action(kind=ActionKind.WITHDRAW, label="Withdraw", value="answer-1")
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await send(at, thread=root, card=card(WHY, withdraw), since=now())
        await at.ws.click(at.analyst, at.channel, ts, "vigilbot:menu", value="withdraw:answer-1")
        assert [(a.name, a.value) for a in at.inbox.acts] == [("withdraw", "answer-1")]


async def test_a_refusal_to_open_a_window_is_said():
    async with joined() as at:
        at.ws.faults.fail("views.open", "expired_trigger_id")
        at.inbox.respond = lambda _: Response(panel=PANEL)
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await send(at, thread=root, card=card(WHY), since=now())
        await at.ws.click(at.analyst, at.channel, ts, "vigilbot:why")
        [reply] = await until(lambda: at.ws.ephemerals(at.analyst))
        assert "click once more" in reply["text"]


async def test_a_form_is_filled_in_mended_and_sent():
    async with joined() as at:
        replies = {
            "edit": [
                Response(form=FORM),
                Response(errors={"text": "too short"}),
                Response(text="Posted.", done=True),
            ]
        }
        at.inbox.respond = lambda _: replies["edit"].pop(0)
        edit = Action(kind=ActionKind.EDIT, label="Edit and post", value="answer-1")
        await send(at, card=card(edit, audience=Decision.ANALYSTS), readers=(at.analyst,))
        [prompt] = at.ws.ephemerals(at.analyst)
        await at.ws.click(at.analyst, at.channel, prompt["ts"], "vigilbot:edit")
        view = await until(lambda: [v for v in at.ws.views(at.analyst) if v.get("callback_id")])
        assert view[0]["private_metadata"] == "answer-1"
        filled = {"text": {"value": "x"}}
        assert await at.ws.submit(at.analyst, view[0]["id"], filled) == {"text": "too short"}
        assert await at.ws.submit(at.analyst, view[0]["id"], filled) == {}
        act = at.inbox.acts[-1]
        assert (act.kind, act.name, act.value, act.fields) == (
            InteractionKind.SUBMIT,
            "edit",
            "answer-1",
            {"text": "x"},
        )
        assert act.event.channel == at.channel  # where the form was opened
        assert "Posted." in shown(at.ws.views(at.analyst)[-1])
        await until(lambda: at.ws.ephemerals(at.analyst) == [])


@BOTH
async def test_a_command_is_answered_in_private(mode):
    async with joined(mode=mode) as at:
        at.inbox.respond = lambda i: Response(text=f"**{i.text}**: all is well")
        assert await at.ws.slash(at.analyst, at.channel, "status now")
        [act] = at.inbox.acts
        assert (act.kind, act.text, act.event.channel) == (InteractionKind.COMMAND, "status now", at.channel)
        [reply] = at.ws.ephemerals(at.analyst)
        assert "all is well" in reply["text"]
        assert cards(at) == []


async def test_a_command_may_ask_back():
    async with joined() as at:
        confirm = Action(kind=ActionKind.CONFIRM, label="Retract", value="retract/e1")
        at.inbox.respond = lambda _: Response(notice=Notice(text="Really?", actions=(confirm,)))
        await at.ws.slash(at.analyst, at.channel, "kb retract e1")
        [question] = at.ws.ephemerals(at.analyst)
        at.inbox.respond = lambda _: Response(notice=Notice(text="Retracted."))
        await at.ws.click(at.analyst, at.channel, question["ts"], "vigilbot:confirm")
        await until(lambda: at.ws.ephemerals(at.analyst)[0]["text"] == "Retracted.")
        assert at.inbox.acts[-1].value == "retract/e1"


async def test_shortcuts_know_their_message_and_answer_in_a_window():
    async with joined() as at:
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await at.ws.say(at.analyst, at.channel, "Use <b> & c", thread=root)
        at.inbox.respond = lambda _: Response(form=FORM)
        await at.ws.shortcut(at.analyst, at.channel, ts, "save_knowledge")
        act = at.inbox.acts[0]
        assert (act.kind, act.name, act.text) == (InteractionKind.SHORTCUT, "save_knowledge", "Use <b> & c")
        assert (act.event.ts, act.event.thread) == (ts, root)
        await until(lambda: [v for v in at.ws.views(at.analyst) if v.get("callback_id") == "vigilbot:edit"])
        at.inbox.respond = lambda _: Response(text="I do not know that.")
        await at.ws.shortcut(at.customer, at.channel, ts, "ask_vigilbot")
        await until(
            lambda: at.ws.views(at.customer) and "I do not know" in shown(at.ws.views(at.customer)[0])
        )


async def test_the_home_tab_is_filled_for_its_reader():
    async with joined() as at:
        at.inbox.respond = lambda _: Response(panel=Panel(title="VigilBot", sections=PANEL.sections))
        await at.ws.open_home(at.analyst)
        home = await until(lambda: at.ws.home(at.analyst))
        assert "within 0.93" in shown(home)
        assert at.inbox.acts[0].kind is InteractionKind.HOME
        assert at.ws.home(at.customer) is None


async def test_a_click_in_the_home_tab_is_answered_in_a_window():
    async with joined() as at:
        mode = Action(kind=ActionKind.MODE, label="Listen", value="C1/listen")
        home = Panel(title="VigilBot", sections=(Section(lines=("x",), actions=(mode,)),))
        at.inbox.respond = lambda _: Response(panel=home)
        await at.ws.open_home(at.analyst)
        view = await until(lambda: at.ws.home(at.analyst))
        at.inbox.respond = lambda _: Response(text="You may not do that.")
        await at.ws.click(at.analyst, "", "", "vigilbot:mode", view_id=view["id"])
        await until(lambda: at.ws.views(at.analyst))
        assert "may not" in shown(at.ws.views(at.analyst)[0])


async def test_a_reply_that_cannot_be_shown_leaves_a_reference():
    async with joined() as at:
        at.inbox.respond = lambda _: Response(card=card(accepted_by="Cleo"))
        at.ws.faults.fail("chat.update", "edit_window_closed")
        await clicked(at, "vigilbot:accept")
        [reply] = await until(lambda: at.ws.ephemerals(at.customer))
        assert "reference" in reply["text"]


async def test_a_reply_whose_address_has_expired_goes_the_other_way():
    async with joined() as at:

        async def half_an_hour():
            at.ws.advance(1900)

        at.inbox.before_reply = half_an_hour
        root = await at.ws.say(at.customer, at.channel, "How?")
        ts = await send(at, thread=root, since=now())
        await at.ws.click(at.customer, at.channel, ts, "vigilbot:accept")
        [reply] = await until(lambda: at.ws.ephemerals(at.customer))
        assert (reply["text"], reply["thread_ts"]) == ("Noted.", root)
        assert at.ws.calls[-1].method == "chat.postEphemeral"


async def test_a_channel_the_bot_is_not_in_gets_its_shortcut_answered():
    async with joined() as at:
        other = at.ws.add_channel("other", members=(at.customer,))
        ts = await at.ws.say(at.customer, other, "How?")
        at.inbox.respond = lambda _: Response(text="From what I know: yes.")
        await at.ws.shortcut(at.customer, other, ts, "ask_vigilbot")
        await until(lambda: at.ws.views(at.customer) and "yes" in shown(at.ws.views(at.customer)[0]))
