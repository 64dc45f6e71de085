"""The bot's answer beside what the human resolved: same, near, other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from vigilbot.domain import Citation, KnowledgeEntry, PassageKind, Trust
from vigilbot.learning.agreement import Agreement, Comparison
from vigilbot.testing import HashEmbedder

ENTRY = KnowledgeEntry(
    id="K1",
    revision=1,
    kind=PassageKind.QA,
    question="q",
    answer="Restart the exporter with the new token",
    citations=(),
    trust=Trust.PROBATION,
    space="public",
    channel="C",
    learned_from="o1",
    message_ids=("m1",),
    valid_from=datetime(2026, 1, 1, tzinfo=UTC),
    actor="vigilbot",
)


async def compared(text: str, url: str, answer: str, theirs: str) -> Agreement:
    embedder = HashEmbedder()
    entry = replace(ENTRY, answer=answer, citations=(Citation(url=theirs, title=""),) if theirs else ())
    mine = (Citation(url=url, title=""),) if url else ()
    return await Comparison(embedder=embedder, theta=0.7).of(text, mine, entry)


@pytest.mark.parametrize(
    ("text", "url", "answer", "theirs", "wanted"),
    [
        ("see [1]", "https://a.example/x", "look there", "http://www.a.example/x/", Agreement.SAME),
        ("see [1]", "https://a.example/p/q/r", "look", "https://a.example/p/q/r/s", Agreement.SAME),
        ("see [1]", "https://a.example/hc", "other words", "https://a.example/hc/new", Agreement.OTHER),
        ("see [1]", "https://a.example/p/q/r", "other", "https://a.example/p/q/r/s/t", Agreement.OTHER),
        ("restart the exporter now", "", "restart the exporter now", "", Agreement.SAME),
        ("restart the exporter", "", "buy another printer", "", Agreement.OTHER),
        ("the outage is resolved", "", "the outage is not resolved", "", Agreement.OTHER),
    ],
)
async def test_agreement(text: str, url: str, answer: str, theirs: str, wanted: Agreement) -> None:
    assert await compared(text, url, answer, theirs) is wanted


async def test_other_words_for_one_thing_are_near() -> None:
    found = await compared(
        "restart the exporter with the new token and wait for it",
        "",
        "restart the exporter using that new token",
        "",
    )
    assert found is Agreement.NEAR
