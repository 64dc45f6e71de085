"""Block Kit: what Slack takes, and the words in which it refuses the rest."""

import pytest

from vigilbot.workspace.blocks import message_problems, too_long, view_problems


def plain(text: str = "Go") -> dict:
    return {"type": "plain_text", "text": text}


def section(text: str = "Hello") -> dict:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**more: object) -> dict:
    return {"type": "button", "text": plain(), "action_id": "go", "value": "1", **more}


def actions(*elements: dict) -> dict:
    return {"type": "actions", "elements": list(elements)}


def rich(*elements: dict) -> dict:
    return {"type": "rich_text", "elements": list(elements)}


def words(*inline: dict) -> dict:
    return {"type": "rich_text_section", "elements": list(inline)}


CARD = [
    {"type": "header", "text": plain("Answer")},
    section(),
    rich(
        words(
            {"type": "text", "text": "See ", "style": {"bold": True}},
            {"type": "link", "url": "https://a.example"},
        ),
        {
            "type": "rich_text_list",
            "style": "ordered",
            "indent": 1,
            "elements": [words({"type": "text", "text": "a"})],
        },
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code"}], "border": 0},
        {"type": "rich_text_quote", "elements": [{"type": "emoji", "name": "wave"}]},
    ),
    {"type": "divider"},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "Learned today"}]},
    actions(
        button(
            style="primary", confirm={"title": plain(), "text": plain(), "confirm": plain(), "deny": plain()}
        ),
        {"type": "overflow", "action_id": "more", "options": [{"text": plain(), "value": "why"}]},
    ),
    {"type": "image", "image_url": "https://a.example/a.png", "alt_text": "a"},
    {"type": "markdown", "text": "**bold**"},
]


def test_a_card_with_everything_is_taken() -> None:
    assert message_problems(CARD) == []


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([section()] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section"}], "missing required field: text or fields [json-pointer:/blocks/0]"),
        ([{"type": "carousel"}], "unsupported type: carousel [json-pointer:/blocks/0/type]"),
        ([{"text": "no type"}], "missing required field: type"),
        ([section() | {"color": "red"}], "invalid additional property: color [json-pointer:/blocks/0]"),
        ([{"type": "header", "text": section()["text"]}], "unsupported type: mrkdwn"),
        ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
        ([actions(*[button(action_id=str(n)) for n in range(26)])], "no more than 25 items allowed"),
        ([actions(button(value="x" * 2001))], "must be less than 2001 characters"),
        ([actions(button(text=plain("x" * 76)))], "must be less than 76 characters"),
        ([actions(button(style="green"))], "failed to match all allowed values"),
        ([actions(button(url="javascript:alert(1)"))], "invalid url"),
        ([actions(button(), button())], "`action_id` must be unique"),
        ([actions({"type": "plain_text_input"})], "unsupported type: plain_text_input"),
        ([section() | {"block_id": "a"}] * 2, "`block_id` already exists: a"),
        ([rich(words({"type": "text", "text": ""}))], "must be more than 0 characters"),
        (
            [rich(words({"type": "text", "text": "a", "style": {"big": True}}))],
            "invalid additional property: big",
        ),
        (
            [rich({"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]})],
            "unsupported",
        ),
        ([rich(words({"type": "link"}))], "missing required field: url"),
        ([{"type": "context", "elements": [plain()] * 11}], "no more than 10 items allowed"),
        ([{"type": "markdown", "text": "x" * 12_001}], "must be less than 12001 characters"),
        ("text", "must be an array"),
        ([7], "missing required field: type"),
    ],
)
def test_what_slack_says_against_blocks(blocks: object, said: str) -> None:
    assert any(said in line and line.startswith("[ERROR] ") for line in message_problems(blocks))


def test_blocks_that_are_fine_alone_may_be_too_long_together() -> None:
    assert not too_long([section("x" * 3000)] * 4)
    blocks = [section("x" * 3000)] * 4 + [rich(words({"type": "text", "text": "x" * 1201}))]
    assert message_problems(blocks) == []
    assert too_long(blocks)


def modal(**more: object) -> dict:
    return {"type": "modal", "title": plain(), "blocks": [section()], **more}


ASKS = {"type": "input", "label": plain(), "element": {"type": "plain_text_input"}}


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (modal(title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(private_metadata="x" * 3001), "must be less than 3001 characters"),
        (modal(blocks=[section()] * 101), "no more than 100 items allowed"),
        (modal(blocks=[ASKS]), "missing required field: submit"),
        (modal(blocks=[{"type": "markdown", "text": "x"}]), "unsupported type: markdown"),
        ({"type": "modal", "blocks": []}, "missing required field: title"),
        ({"type": "home", "blocks": []}, "failed to match"),
        ("view", "failed to match"),
        (modal(blocks=[section("x" * 3000)] * 90), "must be less than 250000 bytes"),
    ],
)
def test_what_slack_says_against_a_modal(view: object, said: str) -> None:
    assert any(said in line for line in view_problems(view, "modal"))


def test_right_views_are_taken() -> None:
    assert view_problems(modal(blocks=[ASKS], submit=plain()), "modal") == []
    assert view_problems({"type": "home", "blocks": [section(), actions(button())]}, "home") == []
