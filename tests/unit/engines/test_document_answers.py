"""Answers from documents: the part as it stands, lists and code whole, and nothing about another code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vigilbot.domain import (
    ChannelHistory,
    Citation,
    Dialogue,
    KnowledgeEntry,
    Passage,
    PassageKind,
    Question,
    Trust,
)
from vigilbot.engines.extractive.answer import Answerer
from vigilbot.engines.extractive.quoting import WHOLE, marked, quoted
from vigilbot.pipeline.rerank import EvidenceReranker
from vigilbot.testing import HashEmbedder

PAGE = "https://docs.example.org/keys"
SURE = {"share": 0.9, "rival": 0.05, "novelty": 0.3, "nearest": 0.9, "alike": 0.9}
STEPS = """To rotate a key:

1. Drain the node.
2. Run `gatectl rotate`.

```
gatectl rotate --all

gatectl list
```"""


def chunk(
    text: str, *, heading: str = "Gateway keys > Rotate a key", url: str = PAGE, n: int = 1, sure: bool = True
) -> Passage:
    entry = KnowledgeEntry(
        id=f"K{n}",
        revision=1,
        kind=PassageKind.CHUNK,
        question=heading,
        answer=text,
        citations=(Citation(url=url, title=heading),),
        trust=Trust.VERIFIED,
        space="public",
        channel="",
        learned_from="",
        message_ids=(),
        valid_from=datetime(2026, 3, 2, tzinfo=UTC),
        actor="operator",
    )
    return Passage(entry=entry, dense=0.5, lexical=0.0, score=0.9, evidence=SURE if sure else {})


async def answered(asked: str, *passages: Passage) -> tuple[str, str]:
    answerer = Answerer(model="all-MiniLM-L6-v2")
    question = Question(text=asked, message_ids=("m",))
    found = await answerer.answer(Dialogue(messages=()), question, passages)
    return found.text, found.reason


async def test_a_short_part_is_shown_as_it_stands() -> None:
    text, _ = await answered("How do I rotate a key of the gateway?", chunk(STEPS))
    assert text == f"{STEPS}\n\n[1]"


async def test_what_a_document_says_to_everybody_is_kept() -> None:
    """An analyst's courtesies and requests are cut; the same words in a document are its content."""
    said = "Hello world is the first program. Thank you notes are sent to ops@example.org, case: 12345678."
    text, _ = await answered("Where are thank you notes sent to by the program?", chunk(said))
    assert text == f"{said} [1]"


@pytest.mark.parametrize(
    "asked", ["All requests fail with GATE-44 today", "what does gate-44 mean in the log?"]
)
async def test_another_code_is_no_answer(asked: str) -> None:
    text, reason = await answered(asked, chunk("After ninety days every request fails with GATE-41."))
    assert text == ""
    assert "another" in reason
    text, _ = await answered(asked, chunk("GATE-41: the key is too old. GATE-44: the clock is off."))
    assert text.endswith("[1]")


async def test_a_document_in_another_language_is_only_named() -> None:
    text, _ = await answered(
        "Wie kann ich den Schlüssel des Gateways erneuern?",
        chunk("Run this on the node that is the first one."),
    )
    assert text == "Dieses Dokument kann helfen: [1]"


def test_of_a_long_part_the_nearest_blocks_are_quoted_in_order() -> None:
    filler = "Nothing that matters is said in this paragraph of the page. " * 9
    wanted = "The follower nodes must be rotated before the primary:\n\n- follower one\n- follower two"
    text = "\n\n".join([filler, filler, wanted, filler, "```\n" + "run --all\n\n" * 20 + "```"])
    shown = quoted(text, "in which order are follower and primary nodes rotated?")
    assert wanted in shown
    assert len(shown) <= 2 * WHOLE
    assert shown.count("```") % 2 == 0
    assert shown.count("Nothing that matters") == 9  # one of the three
    assert shown.index("Nothing") < shown.index(wanted)


def test_a_marker_stands_behind_code_and_tables_on_its_own() -> None:
    assert marked("Text.", "[1]") == "Text. [1]"
    assert marked("```\nx\n```", "[1]").endswith("```\n\n[1]")
    assert marked("a | b\n1 | 2", "[1]").endswith("2\n\n[1]")


@pytest.mark.parametrize("url", [PAGE, ""])
async def test_parts_of_one_document_are_no_rivals(url: str) -> None:
    reranker = EvidenceReranker(embedder=HashEmbedder())
    question = Question(text="How do I rotate a key?", message_ids=("m",))
    best = chunk("Run gatectl rotate to rotate a key.", url=url, sure=False)
    rest = [
        chunk(
            "Rotate a key of followers first.", heading=f"Gateway keys > Part {n}", url=url, n=n, sure=False
        )
        for n in range(2, 9)
    ]
    other = [
        chunk(
            "Rotate a key elsewhere.",
            heading=f"Other {n} > X",
            url=url and f"{PAGE}/{n}",
            n=20 + n,
            sure=False,
        )
        for n in range(7)
    ]
    alone = await reranker.rerank(question, [best], history=ChannelHistory())
    together = await reranker.rerank(question, [best, *rest], history=ChannelHistory())
    against = await reranker.rerank(question, [best, *other], history=ChannelHistory())
    assert together[0].evidence["share"] == pytest.approx(alone[0].evidence["share"])
    assert against[0].evidence["share"] < alone[0].evidence["share"]
