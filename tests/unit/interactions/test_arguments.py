"""The same thing, however a platform writes it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigilbot.errors import BadInput
from vigilbot.interactions.arguments import Meant, channel_of, message_of, span_of, split, user_of

ROWS = [{"channel": "C123", "name": "support"}, {"channel": "C9", "name": "C123"}]


@pytest.mark.parametrize(
    ("word", "channel"),
    [
        ("<#C123|support>", "C123"),
        ("<#C123|>", "C123"),
        ("<#C123>", "C123"),
        ("#support", "C123"),
        ("Support", "C123"),
        ("C123", "C123"),
        ("#other", None),
        ("<#C124|support>", None),
    ],
)
def test_channels(word: str, channel: str | None) -> None:
    found = channel_of(word, ROWS)
    assert (found["channel"] if found else None) == channel


@pytest.mark.parametrize(("word", "user"), [("<@U12|ann>", "U12"), ("<@U12>", "U12"), ("@U123", "U123")])
def test_people(word: str, user: str) -> None:
    assert user_of(word) == user


@pytest.mark.parametrize("word", ["ann", "@ann", "<!channel>", "<#C1>", "T22:U33", ""])
def test_nobody(word: str) -> None:
    with pytest.raises(BadInput):
        user_of(word)


LINK = "https://acme.slack.com/archives/C12/p1700000000000100"


@pytest.mark.parametrize(
    ("word", "thread"),
    [
        (LINK, "1700000000.000100"),
        (f"<{LINK}>", "1700000000.000100"),
        (f"<{LINK}|a message>", "1700000000.000100"),
        (f"{LINK}?thread_ts=1690000000.000001&cid=C12", "1690000000.000001"),
        (f"<{LINK}?thread_ts=1690000000.000001&amp;cid=C12>", "1690000000.000001"),
        (f"{LINK}?thread_ts=nonsense", "1700000000.000100"),
        ("C12/1700000000.000100", "1700000000.000100"),
    ],
)
def test_links(word: str, thread: str) -> None:
    assert message_of(word) == Meant(channel="C12", ts="1700000000.000100", thread=thread)


@pytest.mark.parametrize(
    "word", ["", "here", "https://acme.slack.com/archives/C12", "ftp://x/archives/C12/p1700000000000100"]
)
def test_no_links(word: str) -> None:
    with pytest.raises(BadInput, match="Copy link"):
        message_of(word)


@pytest.mark.parametrize(
    ("word", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("2H", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        ("0h", None),
        ("9999d", None),
        ("2", None),
        ("-2h", None),
        ("2h30m", None),
    ],
)
def test_spans(word: str, span: timedelta | None) -> None:
    assert span_of(word) == span


def test_what_the_platform_puts_between_brackets_is_one_word() -> None:
    assert split("roster add <@U1|Ann B> analyst") == ["roster", "add", "<@U1|Ann B>", "analyst"]


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    for word in split(text):
        span_of(word)
        channel_of(word, ROWS)
        for parse in (user_of, message_of):
            with suppress(BadInput):
                parse(word)
