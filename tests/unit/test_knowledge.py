"""The knowledge base: one entry a fact, revisions, undo, spaces, and an index that can be thrown away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from vigilbot.app import open_ledger
from vigilbot.domain import Citation, Extraction, Question, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import stamp
from vigilbot.ports import VectorIndex
from vigilbot.providers.clock import SimulatedClock
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import HashEmbedder
from vigilbot.testing.world import BEGIN

HERE = Origin(tenant="T1", space="public", channel="C1", oncall="O1", customer="U1")
THERE = Origin(tenant="T1", space="public", channel="C2", oncall="O2", customer="U2")
PRIVATE = Origin(tenant="T1", space="channel:C3", channel="C3", oncall="O3", customer="U3")
FOREIGN = Origin(tenant="T2", space="public", channel="C1", oncall="O4", customer="U4")


def fact(
    answer: str = "Run gatectl rotate",
    question: str = "How do I rotate the gateway key?",
    *urls: str,
) -> Extraction:
    return Extraction(
        question=question,
        answer=answer,
        message_ids=("M1",),
        citations=tuple(Citation(url=url, title=url) for url in urls),
        confirmed=False,
        resolved_at=BEGIN,
    )


class Base:
    """A knowledge base on a real ledger, with its clock and index at hand."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.clock = SimulatedClock(BEGIN)
        self.embedder = HashEmbedder()
        self.knowledge = self.on(ExactIndex())

    def on(self, index: VectorIndex) -> Knowledge:
        return Knowledge(ledger=self.ledger, embedder=self.embedder, index=index, clock=self.clock, theta=0.7)

    def later(self) -> datetime:
        self.clock.advance_to(self.clock.now() + timedelta(minutes=1))
        return self.clock.now()

    async def found(
        self, text: str, *, spaces: tuple[str, ...] = ("public",), tenant: str = "T1"
    ) -> list[str]:
        [vector] = await self.embedder.embed([text])
        passages, _ = await self.knowledge.searching.candidates(
            Question(text=text, message_ids=()), vector, tenant=tenant, spaces=spaces, channel="C1", limit=10
        )
        return [p.entry.answer for p in passages]

    async def current(self) -> list[tuple[str, int]]:
        rows = await self.ledger.entries.list_current()
        return [(row["answer"], row["support"]) for row in rows]


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[Base]:
    ledger = await open_ledger(tmp_path, durable=False)
    yield Base(ledger)
    await ledger.close()


async def test_a_fact_learned_twice_is_support(base: Base) -> None:
    first = await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    second = await base.knowledge.learn(fact("run  GATECTL rotate"), origin=THERE, entry_id="K2")
    assert (first.entry, first.new, second.entry, second.new) == ("K1", True, "K1", False)
    assert await base.current() == [("Run gatectl rotate", 2)]


@pytest.mark.parametrize(
    "other",
    [
        fact("Do not run gatectl rotate"),
        fact("Run gatectl rotate 2.1.4", "How do I rotate the gateway key?"),
        fact("Ask the security desk"),
        fact("Run gatectl rotate", "Where are the audit logs stored?"),
    ],
    ids=["negation", "version against none", "other answer", "other question"],
)
async def test_what_differs_is_an_entry_of_its_own(base: Base, other: Extraction) -> None:
    await base.knowledge.learn(fact("Run gatectl rotate 2.1.3"), origin=HERE, entry_id="K1")
    assert (await base.knowledge.learn(other, origin=THERE, entry_id="K2")).new
    assert len(await base.current()) == 2


async def test_one_document_is_one_resolution(base: Base) -> None:
    await base.knowledge.learn(
        fact("See https://d.example/a", "How?", "https://d.example/a"), origin=HERE, entry_id="K1"
    )
    same = fact("It is in the manual", "How?", "https://d.example/a#part")
    assert not (await base.knowledge.learn(same, origin=THERE, entry_id="K2")).new
    other = fact("It is in the manual", "How?", "https://d.example/b")
    assert (await base.knowledge.learn(other, origin=THERE, entry_id="K3")).new


@pytest.mark.parametrize("origin", [PRIVATE, FOREIGN], ids=["space", "tenant"])
async def test_spaces_and_tenants_are_apart(base: Base, origin: Origin) -> None:
    await base.knowledge.learn(fact("Vault seven"), origin=origin, entry_id="K1")
    question = "How do I rotate the gateway key?"
    assert await base.found(question) == []
    assert await base.found(question, spaces=(origin.space,), tenant=origin.tenant) == ["Vault seven"]
    assert (await base.knowledge.learn(fact("Vault seven"), origin=HERE, entry_id="K2")).new


async def test_undo_brings_back_what_was_and_undo_again_what_is(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    entry = await base.knowledge.get("K1")
    assert entry is not None
    learned = base.clock.now()
    revised = base.later()
    await base.knowledge.revise(
        entry,
        tenant="T1",
        question=entry.question,
        answer="Run gatectl rotate --hsm",
        precondition="with hardware keys",
        citations=(),
        message_ids=("M2",),
        actor="ann",
        reason="precondition",
    )
    assert await base.found("How do I rotate the gateway key?") == ["Run gatectl rotate --hsm"]
    base.later()
    assert await base.knowledge.undo("K1", actor="op") == "revise"
    assert await base.found("How do I rotate the gateway key?") == ["Run gatectl rotate"]
    base.later()
    await base.knowledge.undo("K1", actor="op")
    assert await base.found("How do I rotate the gateway key?") == ["Run gatectl rotate --hsm"]
    rows = await base.ledger.entries.revisions("K1")
    assert [row["operation"] for row in rows] == ["learn", "revise", "undo", "undo"]
    assert [row["revision"] for row in rows] == [1, 2, 3, 4]
    for at, answer in ((learned, "Run gatectl rotate"), (revised, "Run gatectl rotate --hsm")):
        in_force = [r for r in rows if r["valid_from"] <= stamp(at) < (r["valid_to"] or "9")]
        assert [r["answer"] for r in in_force] == [answer]


async def test_retracting_takes_every_phrasing_out(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    entry = await base.knowledge.get("K1")
    assert entry is not None
    phrasing = "Which command renews our signing certificate?"
    await base.knowledge.support(entry, origin=THERE, kind=SupportKind.AGREED, question=phrasing)
    assert await base.found(phrasing) == ["Run gatectl rotate"]
    await base.knowledge.retract("K1", actor="op", reason="wrong")
    assert await base.found(phrasing) == []
    assert await base.found("gatectl") == []
    assert await base.knowledge.get("K1") is None
    with pytest.raises(BadInput, match="K1"):
        await base.knowledge.retract("K1", actor="op", reason="again")
    await base.knowledge.undo("K1", actor="op")
    assert await base.found("gatectl") == ["Run gatectl rotate"]
    with pytest.raises(BadInput, match="no such entry"):
        await base.knowledge.undo("K9", actor="op")


async def test_verifying_is_a_revision_and_happens_once(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    for origin in (HERE, THERE):
        entry = await base.knowledge.get("K1")
        assert entry is not None
        await base.knowledge.support(
            entry, origin=origin, kind=SupportKind.VERIFIED, question="How?", verify=True, actor="ann"
        )
    entry = await base.knowledge.get("K1")
    assert entry is not None
    assert (entry.trust, entry.revision) == (Trust.VERIFIED, 2)
    assert await base.current() == [("Run gatectl rotate", 2)]


async def test_against_is_no_support_and_teaches_no_phrasing(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    entry = await base.knowledge.get("K1")
    assert entry is not None
    await base.knowledge.support(entry, origin=THERE, kind=SupportKind.CONTRADICTED, question="zzz yyy xxx")
    assert await base.current() == [("Run gatectl rotate", 1)]
    assert await base.ledger.entries.embedding_keys("K1") == ["K1"]


async def test_what_is_usual_in_a_channel_is_what_its_newest_on_calls_needed(base: Base) -> None:
    pages = ("https://d.example/old", "https://d.example/new", "https://d.example/new")
    for n, page in enumerate(pages):
        base.later()
        origin = replace(HERE, oncall=f"O{n}", customer=f"U{n}")
        await base.knowledge.learn(fact(f"See {page}", "How?", page), origin=origin, entry_id=f"K{n}")
    await base.knowledge.learn(fact("Elsewhere"), origin=THERE, entry_id="K9")

    async def usual(newest: int) -> list[tuple[str, int]]:
        rows = await base.ledger.entries.resolutions(
            tenant="T1", channel="C1", spaces=["public"], newest=newest
        )
        return [(row["entry"], row["times"]) for row in rows]

    assert await usual(newest=3) == [("K1", 2), ("K0", 1)]
    assert await usual(newest=2) == [("K1", 2)]


async def test_a_candidate_says_how_many_on_calls_speak_for_and_against_it(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    entry = await base.knowledge.get("K1")
    assert entry is not None
    for oncall, kind in (
        ("O2", SupportKind.AGREED),
        ("O2", SupportKind.VERIFIED),  # the same on-call once more
        ("O3", SupportKind.CONTRADICTED),
    ):
        await base.knowledge.support(
            entry, origin=replace(THERE, oncall=oncall), kind=kind, question="How do I rotate keys?"
        )
    [vector] = await base.embedder.embed([entry.question])
    asked = Question(text=entry.question, message_ids=())
    [passage], _ = await base.knowledge.searching.candidates(
        asked, vector, tenant="T1", spaces=("public",), channel="C1", limit=10
    )
    assert (passage.support, passage.against, passage.resolutions) == (2, 1, 1)


async def test_an_entry_with_many_wordings_leaves_room_for_others(base: Base) -> None:
    """Sixty on-calls put the question of one entry alike; the others' come behind all of theirs."""
    await base.knowledge.learn(fact("Call", "How do I rotate the gateway key?"), origin=HERE, entry_id="K0")
    entry = await base.knowledge.get("K0")
    assert entry is not None
    for n in range(60):
        await base.knowledge.support(
            entry,
            origin=replace(THERE, oncall=f"S{n}", customer=f"S{n}"),
            kind=SupportKind.AGREED,
            question=f"How do I rotate the gateway key? {n}",
        )
    others = {f"Desk {n}" for n in range(8)}
    for n, answer in enumerate(sorted(others)):
        origin = replace(HERE, oncall=f"O{n}", customer=f"U{n}")
        await base.knowledge.learn(
            fact(answer, f"key desk {n}"), origin=replace(origin, channel="C9"), entry_id=f"K{n + 1}"
        )
    [vector] = await base.embedder.embed(["How do I rotate the gateway key?"])
    found, _ = await base.knowledge.searching.candidates(
        Question(text="zzz", message_ids=()), vector, tenant="T1", spaces=("public",), channel="C1", limit=10
    )
    assert {p.entry.answer for p in found} == {"Call", *others}


async def test_identifiers_are_found_by_the_lexical_path(base: Base) -> None:
    for n in range(30):
        await base.knowledge.learn(
            fact(f"Answer {n}", f"What does ERR-{n} mean?"), origin=HERE, entry_id=f"K{n}"
        )
    found = await base.found('nothing else in common c++ "foo:bar" AND NEAR( ERR-17 *')
    assert "Answer 17" in found[:2]


async def test_the_index_is_rebuilt_from_the_ledger_to_the_same_answers(base: Base) -> None:
    for n in range(20):
        await base.knowledge.learn(
            fact(f"Answer {n}", f"What about topic{n} and part{n % 5}?"), origin=HERE, entry_id=f"K{n}"
        )
    await base.knowledge.retract("K3", actor="op", reason="wrong")
    questions = [f"part{n} of topic{n}" for n in range(5)]
    before = [await base.found(q) for q in questions]
    assert all(before)
    base.knowledge = base.on(ExactIndex())
    assert await base.knowledge.load() == 19
    assert [await base.found(q) for q in questions] == before


async def test_what_an_on_call_taught_since(base: Base) -> None:
    await base.knowledge.learn(fact(), origin=HERE, entry_id="K1")
    later = stamp(base.later())
    taught = base.ledger.entries.taught_since
    assert await taught("O1", later) == []
    assert await taught("O2", later) == []
    await base.knowledge.learn(fact(), origin=THERE, entry_id="K2")  # the same again
    assert await taught("O2", later) == ["K1"]
    await base.knowledge.learn(fact("Other", "Where is it?"), origin=HERE, entry_id="K3")
    assert await taught("O1", later) == ["K3"]
    await base.knowledge.retract("K3", actor="op", reason="wrong")
    assert await taught("O1", later) == []
