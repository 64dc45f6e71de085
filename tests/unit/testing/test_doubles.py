"""The doubles keep the contracts of the ports they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from vigilbot.cards import Card
from vigilbot.domain import Dialogue, Message, Question, Role, Scope, Verdict
from vigilbot.errors import EngineError, PlatformError
from vigilbot.providers.clock import SimulatedClock
from vigilbot.testing import (
    DirectedEngine,
    HashEmbedder,
    RecordingPlatform,
    RememberingEmbedder,
    ScriptedEngine,
)
from vigilbot.testing.world import BEGIN, MOMENT

CARD = Card(title="t", question="q", body="b", citations=(), provenance="p", actions=())


def said(*texts: tuple[Role, str]) -> Dialogue:
    return Dialogue(
        messages=tuple(
            Message(id=f"m{n}", ts=str(n), at=BEGIN + n * MOMENT, role=role, author="u", text=text)
            for n, (role, text) in enumerate(texts)
        )
    )


async def test_hash_embedder_is_a_unit_bag_of_words() -> None:
    embedder = HashEmbedder()
    vectors = await embedder.embed(
        ["rotate the gateway key", "the key: rotate gateway!", "canteen menu", "", " "]
    )
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert float(vectors[0] @ vectors[1]) == pytest.approx(1.0)
    assert abs(float(vectors[0] @ vectors[2])) < 0.3
    assert (await embedder.embed([])).shape == (0, embedder.dimensions)


async def test_remembering_embedder_computes_each_text_once() -> None:
    class Counting(HashEmbedder):
        seen = 0

        async def embed(self, texts):  # type: ignore[no-untyped-def]
            self.seen += len(texts)
            return await super().embed(texts)

    inner = Counting()
    embedder = RememberingEmbedder(inner)
    first = await embedder.embed(["a b", "c d", "a b"])
    again = await embedder.embed(["c d"])
    assert inner.seen == 2
    assert (first[1] == again[0]).all()
    assert (await embedder.embed([])).shape == (0, inner.dimensions)


async def test_platform_posts_a_key_once_and_fails_as_told() -> None:
    platform = RecordingPlatform(clock=SimulatedClock(BEGIN))
    platform.refuse(1)
    with pytest.raises(PlatformError):
        await platform.post(tenant="T", channel="C", thread="1", card=CARD, key="k")
    assert platform.posted == []
    platform.lose(1)
    with pytest.raises(PlatformError):
        await platform.post(tenant="T", channel="C", thread="1", card=CARD, key="k")
    ts = await platform.post(tenant="T", channel="C", thread="1", card=CARD, key="k")
    assert [posted.ts for posted in platform.posted] == [ts]
    assert platform.attempts == 3


async def test_scripted_engine_reads_the_marks_of_humans_after_the_question() -> None:
    engine = ScriptedEngine()
    dialogue = said(
        (Role.ANALYST, "FIX: too early"),
        (Role.CUSTOMER, "How?"),
        (Role.CUSTOMER, "FIX: a customer's"),
        (Role.ANALYST, "FIX: the first"),
        (Role.PEER, "FIX(other): about something else"),
        (Role.BOT, "FIX: a bot's"),
    )
    question = Question(text="How?", message_ids=("m1",))
    [found] = await engine.extract(dialogue, question)
    assert (found.answer, found.message_ids) == ("the first", ("m3",))
    [gullible] = await ScriptedEngine(gullible=True).extract(dialogue, question)
    assert gullible.answer == "a bot's"
    nobody = said((Role.CUSTOMER, "How?"))
    assert await engine.extract(nobody, Question(text="How?", message_ids=("m0",))) == ()


@pytest.mark.parametrize(
    ("text", "scope"),
    [("How?", Scope.WITHIN), ("ooo: what?", Scope.OUT), ("thanks", Scope.NONE), ("", Scope.NONE)],
)
async def test_scripted_engine_identifies(text: str, scope: Scope) -> None:
    dialogue = said((Role.CUSTOMER, text))
    assert (await ScriptedEngine().identify(dialogue, dialogue.messages, scope="")).scope is scope


async def test_scripted_engine_reviews() -> None:
    question = Question(text="How?", message_ids=("m0",))
    refusal = await ScriptedEngine().answer(said(), question, ())
    assert refusal.refused
    verdicts = {
        "NO: wrong": (Verdict.DELETE, False),
        "SAME: right": (Verdict.KEEP, True),
        "BRANCH: on Linux => do that": (Verdict.UPDATE, False),
        "no mark at all": (Verdict.KEEP, False),
    }
    for text, (verdict, agreed) in verdicts.items():
        dialogue = said((Role.CUSTOMER, "How?"), (Role.ANALYST, text))
        review = await ScriptedEngine().review(dialogue, question, refusal)
        assert (review.verdict, review.agreed) == (verdict, agreed)


async def test_directed_engine_fails_and_is_interrupted_as_told() -> None:
    engine = DirectedEngine(ScriptedEngine())
    dialogue = said((Role.CUSTOMER, "How?"))
    happened: list[str] = []

    async def happening() -> None:
        happened.append("once")

    engine.meanwhile("rewrite", happening)
    engine.fail("rewrite", 1)
    with pytest.raises(EngineError):
        await engine.rewrite(dialogue, dialogue.messages)
    assert (await engine.rewrite(dialogue, dialogue.messages))[0].text == "How?"
    assert happened == ["once"]
    assert engine.calls["rewrite"] == 2
