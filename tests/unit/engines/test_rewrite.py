"""Self-contained questions: bursts, courtesy, references, splitting, length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engines.talk import dialogue
from vigilbot.domain import Question
from vigilbot.engines.extractive.rewrite import MOST, WINDOW, Rewriter


def rewritten(*said: tuple[str, str], newest: int = 1) -> tuple[Question, ...]:
    talk = dialogue(*said)
    return Rewriter().rewrite(talk, talk.messages[-newest:])


def test_a_burst_becomes_one_question_without_courtesy() -> None:
    (question,) = rewritten(
        ("c:ann", "hello @Bo, thanks for your time :smile:"),
        ("c:ann", "my nightly export stops with ERR-42"),
        ("c:ann", "any ideas?"),
        newest=3,
    )
    assert question.text == "my nightly export stops with ERR-42 any ideas?"
    assert question.message_ids == ("m0", "m1", "m2")


def test_a_greeting_before_the_question_goes() -> None:
    (question,) = rewritten(("c:ann", "Hi Bo, how do I rotate the signing key?"))
    assert question.text == "how do I rotate the signing key?"


def test_an_answer_to_a_question_back_is_no_thanks() -> None:
    said = ("c:ann", "The export button does nothing"), ("a:bo", "Does it work in another browser?")
    talk = dialogue(*said, ("c:ann", "it works in Chrome"))
    (question,) = Rewriter().rewrite(talk, [talk.messages[0], talk.messages[2]])
    assert "Chrome" in question.text
    assert question.message_ids == ("m0", "m2")
    for helped in ("Clear the cache of the browser.", "You need to restart it. Does that help?"):
        thanked = dialogue(said[0], ("a:bo", helped), ("c:ann", "thanks, that worked"))
        (question,) = Rewriter().rewrite(thanked, [thanked.messages[0], thanked.messages[2]])
        assert question.message_ids == ("m0",)


def test_an_ellipsis_takes_up_what_was_asked() -> None:
    (question,) = rewritten(
        ("c:ann", "Hi all"),
        ("c:ann", "How do I configure the exporter for version 7.2?"),
        ("a:bo", "set `exporter.mode`"),
        ("c:ann", "and for 8.0?"),
    )
    assert question.text == "How do I configure the exporter for version 7.2? and for 8.0?"
    assert question.message_ids == ("m3",)
    assert "exporter.mode" in question.terms


def test_a_reference_takes_up_the_trouble_it_refers_to() -> None:
    (question,) = rewritten(
        ("c:ann", "The nightly import fails with ERR-42 after the update"),
        ("a:bo", "restart the worker"),
        ("c:ann", "it fails too"),
    )
    assert "ERR-42" in question.text
    assert question.text.endswith("it fails too")


def test_an_answer_to_a_question_back_is_put_behind_the_question() -> None:
    (question,) = rewritten(
        ("c:ann", "The nightly import fails with ERR-42"), ("a:bo", "which version?"), ("c:ann", "3.1.4")
    )
    assert question.text == "The nightly import fails with ERR-42 3.1.4"


def test_another_customer_s_words_are_not_taken_up() -> None:
    (question,) = rewritten(
        ("c:ann", "The nightly import fails with ERR-42"), ("c:cy", "My invoices are gone"), ("c:cy", "why?")
    )
    assert "invoices" in question.text
    assert "ERR-42" not in question.text


def test_a_question_that_stands_by_itself_takes_up_nothing() -> None:
    (question,) = rewritten(
        ("c:ann", "The nightly import fails with ERR-42"),
        ("c:ann", "How do I invite a colleague to the reporting workspace?"),
    )
    assert question.text == "How do I invite a colleague to the reporting workspace?"


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("How do I reset the admin password? Also, where is the audit log stored?", 2),
        ("Wie kann ich den Export planen? Wo finde ich die Rechnungen vom Vorjahr?", 2),
        (
            "\u5982\u4f55\u5bfc\u51fa\u62a5\u8868\uff1f\u53e6\u5916\uff0c\u5728\u54ea\u91cc\u4fee\u6539\u90ae\u7bb1\uff1f",
            2,
        ),
        ("How do I reset the admin password? Is there a page for the admin password?", 1),
        ("My export is stuck. Any ideas?", 1),
        (
            "How do I sort a table? How do I invite a guest? Where is the audit log? Can I print an invoice?",
            MOST,
        ),
    ],
)
def test_composite_questions_are_split(said: str, parts: int) -> None:
    questions = rewritten(("c:ann", said))
    assert len(questions) == parts
    assert all(q.message_ids == ("m0",) for q in questions)


def test_a_split_loses_no_sentence() -> None:
    said = "I run 8.0 on two nodes. How do I reset the admin password? Also, where is the audit log stored?"
    together = " ".join(q.text for q in rewritten(("c:ann", said)))
    for piece in ("I run 8.0 on two nodes.", "reset the admin password?", "audit log stored?"):
        assert piece in together


def test_code_keeps_the_lines_that_tell() -> None:
    (question,) = rewritten(
        ("c:ann", "Why does this fail?\n```import a\nimport b\nTypeError: bad operand\nfoo()\n```")
    )
    assert "TypeError: bad operand" in question.text
    assert "import a" not in question.text


def test_the_length_is_bounded_and_the_question_survives() -> None:
    filler = " ".join(f"We moved rack number {i} to the other room yesterday evening." for i in range(200))
    (question,) = rewritten(("c:ann", f"{filler} How do I rotate the signing key? {filler}"))
    assert "How do I rotate the signing key?" in question.text
    assert len(question.text.split()) <= WINDOW


def test_nothing_said_is_no_question() -> None:
    assert rewritten(("c:ann", "  ")) == ()
    assert [q.text for q in rewritten(("c:ann", "hi"))] == ["hi"]


@pytest.mark.parametrize("unit", ["a? ", "@a ", "```", "how do I ", "x", "\u202e", "{id} {{x}} <!channel> "])
def test_hostile_messages_are_rewritten_quickly(unit: str) -> None:
    hostile = unit * (100_000 // len(unit))
    started = time.perf_counter()
    questions = rewritten(("c:ann", hostile), ("c:ann", hostile))
    assert time.perf_counter() - started < 2  # measured: below 0.1 s
    assert all(len(q.text) < 4000 for q in questions)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=80), min_size=1, max_size=4))
def test_any_messages_are_rewritten(texts: list[str]) -> None:
    questions = rewritten(*(("c:ann", t) for t in texts))
    assert len(questions) <= MOST
    assert all(q.text.strip() and q.message_ids for q in questions)
