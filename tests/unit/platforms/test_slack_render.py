"""Cards, notices, panels and forms in Block Kit: what a person sees, and what nobody can make them hold."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.platforms.hostile import broken_message, broken_view, hostile_strings, visible
from vigilbot.cards import Action, ActionKind, Card, Field, FieldKind, Form, Notice, Panel, Section
from vigilbot.domain import Citation, Decision
from vigilbot.platforms.slack_render import (
    MENU,
    card_message,
    form_fields,
    form_view,
    home_view,
    loading_view,
    notice_message,
    panel_view,
    private_text,
    read_action,
)

FUZZ = int(os.environ.get("VIGILBOT_FUZZ", "2000"))
"""Hostile strings to draw; the full tier is 100000."""

DOCS, CASE = "https://docs.example.com/a", "https://acme.example.com/archives/C1/p1"
ACCEPT = Action(kind=ActionKind.ACCEPT, label="Accept", value="a1", primary=True)
WHY = Action(kind=ActionKind.WHY, label="Why this?", value="a1")
WITHDRAW = Action(kind=ActionKind.WITHDRAW, label="Withdraw", value="a1")
CARD = Card(
    title="VigilBot · automated answer",
    question="How do I rotate\nthe signing key?",
    body="Run `gatectl rotate` on the **primary** node [1]. It takes a minute [2].",
    citations=(Citation(url=DOCS, title="Signing keys"), Citation(url="", title="from an earlier case")),
    provenance="learned from an earlier case, 2026-11-02; verified by an analyst",
    actions=(ACCEPT, WHY, WITHDRAW),
)


def block_types(message: dict[str, Any]) -> list[str]:
    return [block["type"] for block in message["blocks"]]


def controls(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for block in message["blocks"] if block["type"] == "actions" for e in block["elements"]]


def links(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        own = [(value["text"], value["url"])] if value.get("type") == "link" else []
        return own + [found for inner in value.values() for found in links(inner)]
    return [found for inner in value for found in links(inner)] if isinstance(value, list) else []


# -- cards


def test_a_card_says_who_what_whence_and_how_sure() -> None:
    message = card_message(CARD)
    assert broken_message(message, allowed=[DOCS]) == []
    assert block_types(message) == ["context", "rich_text", "rich_text", "rich_text", "context", "actions"]
    who, question, answer, sources, learned, _ = map(visible, message["blocks"])
    assert who == "🤖 VigilBot · automated answer"
    assert question == "How do I rotate the signing key?"
    assert answer == "Run gatectl rotate on the primary node [1]. It takes a minute [2]."
    assert sources == "[1] Signing keys[2] from an earlier case"
    assert learned == "learned from an earlier case, 2026-11-02; verified by an analyst"
    assert links(message["blocks"]) == [("[1]", DOCS), ("Signing keys", DOCS)]


def test_a_card_can_be_read_out() -> None:
    body = "Do **this** [1]:\n\n3. `a < b`\n4. c\n\n```\nls\n```\n- [docs](https://docs.example.com/a)"
    assert card_message(replace(CARD, body=body))["text"].splitlines() == [
        "VigilBot · automated answer",
        "Do this [1]:",
        "3. a &lt; b",
        "4. c",
        "ls",
        "• docs",
        "[1] Signing keys https://docs.example.com/a",
        "[2] from an earlier case",
        "learned from an earlier case, 2026-11-02; verified by an analyst",
    ]


def test_accept_is_a_button_and_what_analysts_may_do_a_menu() -> None:
    accept, menu = controls(card_message(CARD))
    assert (accept["type"], accept["style"], accept["text"]["text"]) == ("button", "primary", "Accept")
    assert (menu["type"], menu["action_id"]) == ("overflow", MENU)
    assert [option["text"]["text"] for option in menu["options"]] == ["Why this?", "Withdraw"]


def test_every_control_says_which_action_it_is() -> None:
    card = replace(CARD, actions=(ACCEPT, replace(ACCEPT, value="a2"), WHY, WITHDRAW))
    first, second, menu = controls(card_message(card))
    clicked = [first, second, *({**menu, "selected_option": option} for option in menu["options"])]
    assert [read_action(element) for element in clicked] == [
        ("accept", "a1"),
        ("accept", "a2"),
        ("why", "a1"),
        ("withdraw", "a1"),
    ]


@pytest.mark.parametrize(
    "element",
    [
        {},
        {"action_id": "approve_v1", "value": "x"},
        {"action_id": 7},
        {"action_id": MENU},
        {"action_id": MENU, "selected_option": {"value": "nothing"}},
    ],
)
def test_controls_of_another_version_are_recognised_as_such(element: dict[str, Any]) -> None:
    assert read_action(element) is None


def test_a_question_before_a_click_is_asked_for_that_click_alone() -> None:
    careful = replace(WITHDRAW, confirm="Take the card back?")
    why, withdraw = controls(card_message(replace(CARD, actions=(WHY, careful))))
    assert "confirm" not in why
    assert withdraw["confirm"]["text"]["text"] == "Take the card back?"


def test_a_draft_says_that_nobody_else_sees_it() -> None:
    actions = tuple(
        Action(kind=kind, label=kind.value, value="d1", primary=kind is ActionKind.POST)
        for kind in (ActionKind.POST, ActionKind.EDIT, ActionKind.DISMISS)
    )
    message = card_message(replace(CARD, audience=Decision.ANALYSTS, actions=actions))
    assert visible(message["blocks"][0]) == "🤖 VigilBot · automated answer · a draft: only you see this"
    assert [c["action_id"] for c in controls(message)] == [
        "vigilbot:post",
        "vigilbot:edit",
        "vigilbot:dismiss",
    ]


def test_people_are_named_and_never_mentioned() -> None:
    card = replace(CARD, accepted_by="Ann, Bob <!channel>", posted_by="Ann <@U1>", asker="U2")
    message = card_message(card, names={"U2": "Cleo <!here>"})
    assert broken_message(message, allowed=[DOCS]) == []
    assert "✓ Accepted by Ann, Bob <!channel>" in visible(message["blocks"])
    assert "for Cleo <!here> · posted by Ann <@U1>" in visible(message["blocks"][0])
    assert "Accepted by Ann, Bob &lt;!channel&gt;" in message["text"]
    assert "U2" not in visible(card_message(card)["blocks"])
    assert "<" not in message["text"]


def test_a_superseded_card_says_so_first() -> None:
    message = card_message(replace(CARD, superseded=f"[Ann answered since]({CASE})"))
    assert visible(message["blocks"][0]) == "⚠ Ann answered since"
    assert ("Ann answered since", CASE) in links(message["blocks"])


def test_a_changed_card_has_new_block_ids_where_it_changed() -> None:
    before, same, after = (
        [block["block_id"] for block in card_message(card)["blocks"]]
        for card in (CARD, CARD, replace(CARD, accepted_by="U1"))
    )
    assert before == same
    assert [old == new for old, new in zip(before, after, strict=True)] == [True] * 4 + [False] + [True]


def test_a_title_that_poses_as_an_address_is_no_link() -> None:
    card = replace(CARD, citations=(Citation(url="https://evil.test/x", title="docs.example.com/keys"),))
    message = card_message(card)
    assert broken_message(message, allowed=["https://evil.test/x"]) == []
    assert "[1] docs.example.com/keys (https://evil.test/x)" in visible(message["blocks"])


def test_only_the_addresses_of_citations_are_links() -> None:
    body = f"[a](https://evil.test) https://evil.test [b]({DOCS}?utm_source=x) {DOCS}#part ![c](https://evil.test/p)"
    assert {url for _, url in links(card_message(replace(CARD, body=body))["blocks"])} == {DOCS}


def test_the_largest_card_is_still_taken() -> None:
    citations = tuple(
        Citation(url=f"https://docs.example.com/{n}/" + "p" * 1900, title="t" * 400) for n in range(40)
    )
    card = replace(
        CARD,
        title="t" * 9000,
        question="q" * 9000,
        body="**b** [1] " * 9000,
        citations=citations,
        provenance="p" * 9000,
        superseded="s" * 9000,
        accepted_by=",".join(f"U{n}" for n in range(900)),
        posted_by="U" * 900,
        actions=tuple(
            replace(ACCEPT, label="l" * 200, value="v" * 3000, confirm="c" * 900) for _ in range(90)
        ),
    )
    message = card_message(card)
    assert broken_message(message, allowed=[c.url for c in citations]) == []
    assert "… shortened" in visible(message["blocks"])
    assert "and 30 more" in visible(message["blocks"])


def test_an_empty_card_is_valid() -> None:
    empty = Card(
        title="", question="", body="", citations=(Citation(url="", title=""),), provenance="", actions=()
    )
    message = card_message(empty)
    assert broken_message(message, allowed=[]) == []
    assert "an earlier case" in visible(message["blocks"])


# -- notices


def test_a_notice_has_its_buttons_in_rows() -> None:
    modes = tuple(
        Action(kind=ActionKind.MODE, label=m, value=f"C1/{m}", primary=m == "everyone")
        for m in ("listen", "analysts", "everyone", "a", "b", "c")
    )
    message = notice_message(Notice(text="I read **this** channel.", actions=modes))
    assert broken_message(message, allowed=[]) == []
    assert block_types(message) == ["rich_text", "actions", "actions"]
    assert [read_action(c) for c in controls(message)][:2] == [("mode", "C1/listen"), ("mode", "C1/analysts")]
    assert message["text"] == "I read this channel."


def test_a_button_opens_a_page_only_where_there_is_one() -> None:
    pages = (CASE, "javascript:alert(1)")
    buttons = controls(
        notice_message(
            Notice(text="x", actions=tuple(Action(kind=ActionKind.OPEN, label="Go", value=p) for p in pages))
        )
    )
    assert [button.get("url") for button in buttons] == [CASE, None]


def test_a_text_alone_is_a_message() -> None:
    assert visible(private_text("Only *you* see this.")["blocks"]) == "Only you see this."


# -- panels and forms


def test_a_panel_is_a_window_to_read() -> None:
    panel = Panel(
        title="Why this answer, and where it comes from",
        sections=(
            Section(
                heading="Run", facts=(("Stage", "answer"), ("Confidence", "0.81")), lines=("- one", "**two**")
            ),
            Section(actions=(WHY,)),
        ),
    )
    view = panel_view(panel)
    assert broken_view(view) == []
    assert view["title"]["text"] == "Why this answer, and wh…"
    assert [block["type"] for block in view["blocks"]] == ["header", "rich_text", "actions"]
    assert visible(view["blocks"][1]) == "Stage: answer\nConfidence: 0.81onetwo"


def test_a_panel_of_anything_is_valid() -> None:
    parts = (
        Panel(title="", sections=()),
        Panel(title="t", sections=(Section(facts=(("", ""),), lines=("",)),)),
        Panel(
            title="t",
            sections=tuple(Section(heading=f"h{n}", lines=("x",), actions=(WHY,)) for n in range(90)),
        ),
        Panel(title="t", sections=(Section(lines=("x",) * 20_000, facts=(("a", "b"),) * 20_000),)),
        Panel(title="t", sections=(Section(lines=("*a*b" * 3000,) * 50),)),
        Panel(title="t", sections=(Section(lines=("w " * 50_000, "lost")), Section(heading="lost too"))),
    )
    for panel in parts:
        assert broken_view(panel_view(panel)) == []
        assert broken_view(home_view(panel)) == []
    assert "… shortened" in visible(panel_view(parts[-1])["blocks"])
    assert broken_view(loading_view("Why this?")) == []


FORM = Form(
    title="Save to knowledge",
    name="save",
    value="q1",
    note="What was **learned**?",
    fields=(
        Field(name="question", label="Question", initial="How?"),
        Field(
            name="answer",
            label="Answer",
            kind=FieldKind.TEXT,
            hint="As you would tell a customer.",
            longest=9000,
        ),
        Field(
            name="space",
            label="Who may see it",
            kind=FieldKind.CHOICE,
            options=(("all", "Everybody"), ("here", "This channel")),
            initial="here",
        ),
        Field(name="who", label="Analysts", kind=FieldKind.PEOPLE, initial=("U1", "U2"), optional=True),
    ),
)


def test_a_form_asks_for_its_fields() -> None:
    view = form_view(FORM)
    assert broken_view(view) == []
    assert (view["callback_id"], view["private_metadata"]) == ("vigilbot:save", "q1")
    inputs = {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}
    assert list(inputs) == ["question", "answer", "space", "who"]
    assert inputs["question"]["element"]["initial_value"] == "How?"
    assert inputs["answer"]["element"]["max_length"] == 3000
    assert inputs["space"]["element"]["initial_option"]["text"]["text"] == "This channel"
    assert inputs["who"]["element"]["initial_users"] == ["U1", "U2"]
    assert [block["optional"] for block in inputs.values()] == [False, False, False, True]


def test_what_was_filled_in_comes_back_by_name() -> None:
    state = {
        "question": {"value": {"type": "plain_text_input", "value": "How?"}},
        "answer": {"value": {"type": "plain_text_input", "value": None}},
        "space": {"value": {"type": "static_select", "selected_option": {"value": "here"}}},
        "other": {"value": {"type": "static_select", "selected_option": None}},
        "who": {"value": {"type": "multi_users_select", "selected_users": ["U1"]}},
        "odd": "?",
    }
    assert form_fields(state) == {
        "question": "How?",
        "answer": "",
        "space": "here",
        "other": "",
        "who": ("U1",),
    }
    assert form_fields(None) == {}


def test_a_choice_of_nothing_says_so() -> None:
    view = form_view(replace(FORM, fields=(Field(name="space", label="Where", kind=FieldKind.CHOICE),)))
    assert broken_view(view) == []
    assert "Where: nothing to choose from." in visible(view["blocks"])


def test_a_value_that_cannot_come_back_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="3000"):
        form_view(replace(FORM, value="x" * 3001))


# -- whatever is written


def drawn_problems(said: str) -> list[str]:
    """What is wrong with everything that can be drawn of one hostile string."""
    card = Card(
        title=said,
        question=said,
        body=said,
        citations=(
            Citation(url=DOCS, title=said),
            Citation(url="https://evil.test/phish", title=said),
            Citation(url=said, title="x"),
        ),
        provenance=said,
        actions=(ACCEPT, WHY, replace(WITHDRAW, label=said, value=said, confirm=said)),
        accepted_by=said,
        posted_by=said,
        asker="U1",
    )
    notice = Notice(text=said, actions=(Action(kind=ActionKind.OPEN, label=said, value=said),))
    panel = Panel(title=said, sections=(Section(heading=said, facts=((said, said),), lines=(said,)),))
    kinds = (FieldKind.LINE, FieldKind.TEXT)
    fields = [Field(name=k.value, label=said, kind=k, initial=said, hint=said, longest=50) for k in kinds]
    choice = Field(
        name="c", label=said, kind=FieldKind.CHOICE, options=((said, said), ("b", said)), initial=said
    )
    form = Form(title=said, name="f", value="v", submit=said, note=said, fields=(*fields, choice))
    return [
        *broken_message(
            card_message(card, names={"U1": said}), allowed=[DOCS, "https://evil.test/phish", said]
        ),
        *broken_message(notice_message(notice), allowed=None),
        *broken_view(panel_view(panel)),
        *broken_view(form_view(form)),
    ]


def test_no_string_mentions_anybody_spoofs_a_link_or_breaks_a_message() -> None:
    count, seed = 0, 20_261_121
    for said in hostile_strings(FUZZ, seed):
        assert not (found := drawn_problems(said)), (said, found)
        count += 1
    assert count == FUZZ


@settings(max_examples=max(150, FUZZ // 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=400))
def test_no_text_at_all_breaks_a_message(said: str) -> None:
    assert drawn_problems(said) == []


@settings(max_examples=max(150, FUZZ // 10), deadline=None)
@given(st.lists(st.from_regex(r"[a-zA-Z0-9]{1,12}[.,;:!?]?", fullmatch=True), min_size=1, max_size=60))
def test_plain_words_are_shown_whole(words: list[str]) -> None:
    assert visible(private_text("Now " + " ".join(words))["blocks"]) == "Now " + " ".join(words)


def test_a_card_is_drawn_in_no_time() -> None:
    began = time.perf_counter()
    for _ in range(100):
        card_message(CARD)
    assert (time.perf_counter() - began) / 100 < 0.02
