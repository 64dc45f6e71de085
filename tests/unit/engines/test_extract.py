"""Extraction: whose words, which messages, and what is never learned. Coefficients are the shipped ones."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engines.talk import asked, dialogue
from vigilbot.domain import Extraction
from vigilbot.engines.extractive.extract import Extractor
from vigilbot.engines.extractive.resolution import parse, shipped
from vigilbot.providers.embedder_hash import HashEmbedder

ASKED = "Why does the nightly export fail with ERR-42?"


async def extracted(*said: tuple[str, str], peers: bool = False, question: str = ASKED) -> Extraction | None:
    return await Extractor(peers=peers).extract(dialogue(*said), asked(question))


async def test_the_resolution_is_the_analyst_s_words() -> None:
    found = await extracted(
        ("c:ann", ASKED),
        (
            "a:bo",
            "Hi Ann! ERR-42 means that the export target is full. You should clear the spool folder. ^BO",
        ),
        ("c:ann", "that worked, thanks"),
    )
    assert found is not None
    assert found.question == ASKED
    assert found.answer == "ERR-42 means that the export target is full. You should clear the spool folder."
    assert found.message_ids == ("m1",)
    assert found.confirmed
    assert found.resolved_at == dialogue(("c", ""), ("a", "")).messages[1].at


async def test_without_confirmation_it_is_not_confirmed() -> None:
    for last in ("thanks", "still broken", "does that work for 8.0 too?"):
        found = await extracted(
            ("c:ann", ASKED), ("a:bo", "You need to clear the export's spool folder first"), ("c:ann", last)
        )
        assert found is None or not found.confirmed


@pytest.mark.parametrize(
    "said",
    [
        *("hi", "I'm on it", "no idea, sorry", "Which version are you on?", "maybe the disk?", "thanks"),
        *("I've reset your account", "Please DM us your e-mail address", "not sure"),
    ],
)
async def test_nothing_definitive_is_nothing(said: str) -> None:
    assert await extracted(("c:ann", ASKED), ("a:bo", said)) is None


async def test_no_analyst_no_resolution() -> None:
    talk = (
        ("c:ann", ASKED),
        ("b", "Clear the spool folder of the export"),
        ("c:ann", "You need to clear it"),
    )
    assert await extracted(*talk) is None


async def test_peers_count_only_when_asked_for() -> None:
    talk = (
        ("c:ann", ASKED),
        ("p:cy", "ERR-42 says the export target is full, you should clear the spool folder"),
    )
    assert await extracted(*talk) is None
    found = await extracted(*talk, peers=True)
    assert found is not None
    assert found.message_ids == ("m1",)


async def test_after_a_question_back_the_later_message_is_the_resolution() -> None:
    found = await extracted(
        ("c:ann", ASKED),
        ("a:bo", "Which version are you on?"),
        ("c:ann", "8.0"),
        ("a:bo", "On 8.0 you need to set `export.spool` to another folder, ERR-42 is the full spool"),
        ("c:ann", "works now, thanks"),
    )
    assert found is not None
    assert found.message_ids == ("m3",)
    assert found.confirmed


async def test_what_did_not_help_is_replaced_by_what_did() -> None:
    found = await extracted(
        ("c:ann", ASKED),
        ("a:bo", "You should restart the export service"),
        ("c:ann", "that didn't help, same error"),
        ("a:bo", "Then clear the spool folder, ERR-42 is the full export target"),
        ("c:ann", "that fixed it, thanks"),
    )
    assert found is not None
    assert found.message_ids == ("m3",)


async def test_several_messages_of_one_thought_are_stitched() -> None:
    found = await Extractor().extract(
        dialogue(
            ("c:ann", ASKED),
            ("a:bo", "ERR-42 means that the export target is full"),
            ("a:bo", "you should clear the spool folder of the export and run `export --retry`"),
            ("c:ann", "perfect, thanks"),
            every=20,
        ),
        asked(ASKED),
    )
    assert found is not None
    assert found.message_ids == ("m1", "m2")
    assert found.answer.splitlines() == [
        "ERR-42 means that the export target is full",
        "you should clear the spool folder of the export and run `export --retry`",
    ]


async def test_a_shared_document_is_always_learned_and_cited_once() -> None:
    found = await extracted(
        ("c:ann", "my order never came"),
        (
            "a:bo",
            "Hi Jan. Here's an article that can help you with that: https://help.example/orders?utm_source=x.",
        ),
        question="my order never came",
    )
    assert found is not None
    assert [c.url for c in found.citations] == ["https://help.example/orders?utm_source=x"]
    assert "https://help.example/orders" in found.answer
    assert "Jan" not in found.answer


async def test_a_document_beside_a_request_is_learned_too() -> None:
    found = await extracted(
        ("c:ann", "I was charged twice"),
        ("a:bo", "Please send us the details here: https://help.example/requests/new"),
        question="I was charged twice",
    )
    assert found is not None
    assert [c.url for c in found.citations] == ["https://help.example/requests/new"]


async def test_another_embedding_model_leaves_the_cosines_out() -> None:
    talk = dialogue(
        ("c:ann", ASKED), ("a:bo", "ERR-42 says the export target is full, you should clear the spool")
    )
    with_other = await Extractor(embedder=HashEmbedder()).extract(talk, asked(ASKED))
    without = await Extractor().extract(talk, asked(ASKED))
    assert with_other == without


async def test_what_was_said_before_the_question_resolves_nothing() -> None:
    talk = dialogue(("a:bo", "ERR-42 says the target is full, you should clear the spool"), ("c:ann", ASKED))
    assert await Extractor().extract(talk, asked(ASKED, "m1")) is None


@pytest.mark.parametrize(
    "unit", ["x", "You should {id} {{x}} <!channel> ", "\u202e", "```", "https://a.example/b ", "@a "]
)
async def test_hostile_answers_are_read_quickly(unit: str) -> None:
    hostile = unit * (100_000 // len(unit))
    started = time.perf_counter()
    found = await extracted(("c:ann", hostile), *[("a:bo", hostile)] * 3, question=hostile[:500])
    assert time.perf_counter() - started < 3  # measured: below 0.3 s
    assert found is None or len(found.answer) < 20_000


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["c:ann", "a:bo", "p:cy", "b"]), st.text(max_size=60)), max_size=6))
async def test_only_existing_messages_of_analysts_are_named(said: list[tuple[str, str]]) -> None:
    talk = dialogue(("c:ann", ASKED), *said)
    found = await Extractor().extract(talk, asked(ASKED))
    analysts = {m.id for m in talk.messages if m.author == "bo"}
    assert found is None or (set(found.message_ids) <= analysts and found.answer.strip())


def test_the_shipped_weights_say_where_they_come_from() -> None:
    scorer = shipped()
    assert scorer.provenance["command"].startswith("vigilbot train extract")
    assert scorer.provenance["data"][0]["sha256"]
    assert parse(scorer.to_json()) == scorer
    assert scorer.reads("all-MiniLM-L6-v2")
    assert not scorer.reads("hash-256")
    with pytest.raises(ValueError, match="format"):
        parse(json.dumps({"format": 99}))


async def test_training_learns_from_labelled_oncalls(tmp_path: Path) -> None:
    from vigilbot.engines.extractive.extract_training import chosen, fit, pairs

    lines = []
    for number in range(12):
        messages = [
            {
                "i": 0,
                "ts": "100.0",
                "role": "customer",
                "user": "Ann",
                "text": f"How do I start machine {number}?",
            },
            {"i": 1, "ts": "110.0", "role": "analyst", "user": "Bo", "text": "no idea"},
            {
                "i": 2,
                "ts": "120.0",
                "role": "analyst",
                "user": "Cy",
                "text": f"You press the key of machine {number}",
            },
            {"i": 3, "ts": "130.0", "role": "customer", "user": "Ann", "text": "thanks, that worked"},
        ]
        qa = [{"q": "How?", "asked_at": 0, "answered_at": [2], "answer": "Press the key."}]
        lines.append(json.dumps({"source": "made", "thread_ts": "1", "messages": messages, "qa": qa}))
    path = tmp_path / "oncalls.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = await pairs(path, None)
    weights = fit(found, near=False)
    from vigilbot.engines.extractive.resolution import ResolutionScorer

    scorer = ResolutionScorer(form=weights, full=weights, model="")
    assert [chosen(scorer, pair, near=False) for pair in found] == [frozenset({"2"})] * 12
