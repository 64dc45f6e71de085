"""Answers of the extractive engine: an analyst's words made general, cited, refused when weak."""

# ruff: noqa: RUF001 - many scripts are the subject here

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vigilbot.domain import Answer, Citation, Dialogue, KnowledgeEntry, Passage, PassageKind, Question, Trust
from vigilbot.engines.extractive import train_answer as training
from vigilbot.engines.extractive.answer import Answerer
from vigilbot.engines.extractive.confidence import Logistic, features, load, parse, shipped
from vigilbot.engines.extractive.wording import general
from vigilbot.errors import BadInput

MINILM = "all-MiniLM-L6-v2"
RESET = "https://help.example.com/reset"
STRONG = {"share": 0.95, "rival": 0.02, "novelty": 0.2, "times": 5.0, "nearest": 0.8, "alike": 0.8}
WEAK = {"share": 0.1, "rival": 0.09, "novelty": 0.9, "times": 1.0, "nearest": 0.3, "alike": 0.3}


def passage(
    answer: str,
    *urls: str,
    question: str = "I cannot sign in",
    n: int = 1,
    evidence: dict[str, float] | None = None,
) -> Passage:
    entry = KnowledgeEntry(
        id=f"K{n}",
        revision=1,
        kind=PassageKind.QA,
        question=question,
        answer=answer,
        citations=tuple(Citation(url=u, title="") for u in urls),
        trust=Trust.PROBATION,
        space="public",
        channel="c1",
        learned_from="o1",
        message_ids=(),
        valid_from=datetime(2026, 3, 2, tzinfo=UTC),
        actor="vigilbot",
    )
    return Passage(
        entry=entry, dense=0.7, lexical=0.0, score=0.9, evidence=STRONG if evidence is None else evidence
    )


async def answer(asked: str, *passages: Passage, model: str = MINILM, refuse: float | None = None) -> Answer:
    answerer = Answerer(model=model, refuse=refuse)
    return await answerer.answer(Dialogue(messages=()), Question(text=asked, message_ids=("m",)), passages)


async def test_the_analysts_words_with_a_marker() -> None:
    said = f"Hi Kate, thanks for asking! Please reset your password at {RESET} and sign in again. ^Tom"
    found = await answer("How can I get into my account?", passage(said, RESET))
    assert found.text == "Please reset your password at [1] and sign in again."
    assert [p.entry.id for p in found.passages] == ["K1"]
    assert found.confidence > shipped().post


async def test_an_earlier_case_without_a_link_is_cited_too() -> None:
    found = await answer(
        "login fails after the update today", passage("Clear the cache folder and restart the agent.")
    )
    assert found.text == "Clear the cache folder and restart the agent. [1]"


async def test_refusals_keep_confidence_and_features() -> None:
    found = await answer("I cannot sign in", passage("Reset it.", RESET, evidence=WEAK))
    assert found.refused
    assert found.text == ""
    assert 0.0 < found.confidence < shipped().refuse
    assert found.features["share"] == WEAK["share"]
    assert found.reason
    assert (await answer("I cannot sign in")).refused


async def test_no_question_back_and_nothing_of_one_person() -> None:
    said = (
        "Sorry to hear that, Ann. Could you DM us your serial number? I've refunded your last payment. "
        "Your case number is 12345678. Hold the power button for ten seconds until the light blinks. "
        "Write to ann@example.com. Let us know how it goes!"
    )
    found = await answer("my device does not start any more", passage(said))
    assert found.text == "Hold the power button for ten seconds until the light blinks. [1]"


async def test_only_a_question_back_is_no_answer() -> None:
    asks = "Could you DM us your serial number?"
    assert (await answer("my device does not start", passage(asks))).refused
    linked = await answer(
        "my device does not start", passage(f"Can you share details here {RESET} please", RESET)
    )
    assert linked.text == "This resolved similar cases: [1]"


async def test_another_voice_for_the_same_document_speaks_when_the_first_cannot() -> None:
    first = passage(f"Could you look at {RESET} ?", RESET)
    second = passage(f"Open {RESET} and follow the three steps.", RESET, n=2)
    found = await answer("I cannot sign in any more", first, second)
    assert found.text == "Open [1] and follow the three steps."
    assert found.passages[0].entry.id == "K2"


async def test_in_another_language_only_the_document_is_offered() -> None:
    german = "Warum kann ich mich seit gestern nicht mehr mit meinem Konto anmelden?"
    words = "Please reset your password on the page and then sign in again with the new one."
    linked = await answer(german, passage(f"{words} {RESET}", RESET))
    assert linked.text == "Das hat in ähnlichen Fällen geholfen: [1]"
    assert (await answer(german, passage(words))).refused
    native = passage(f"Bitte setzen Sie das Passwort auf dieser Seite zurück: {RESET}", RESET, n=2)
    both = await answer(german, passage(f"{words} {RESET}", RESET), native)
    assert both.passages[0].entry.id == "K2"


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("import fails with ERR-43", "import fails with ERR-42"),
        ("crash since version 2.1.4", "crash since version 2.1.3 came"),
        ("no sound on my PS5", "no sound on my PS4"),
    ],
)
async def test_another_code_version_or_model_blocks(asked: str, known: str) -> None:
    case = "Raise the quota to twice its size."
    assert (await answer(asked, passage(case, question=known))).refused
    assert not (await answer(known, passage(case, question=known))).refused


async def test_a_negation_between_like_questions_is_doubted() -> None:
    like = {**STRONG, "alike": 1.1}
    known = passage("Open the settings page.", question="The export is enabled", evidence=like)
    same = await answer("The export is enabled", known)
    other = await answer("The export is not enabled", known)
    assert other.confidence < same.confidence / 2


async def test_confidence_grows_with_the_share_and_falls_with_novelty() -> None:
    def given(**changed: float) -> Passage:
        return passage("Restart the agent now.", evidence={**STRONG, **changed})

    sure = await answer("agent is stuck", given())
    split = await answer("agent is stuck", given(share=0.5, rival=0.4))
    fresh = await answer("agent is stuck", given(novelty=0.9))
    assert sure.confidence > fresh.confidence
    assert sure.confidence > split.confidence


async def test_the_same_question_is_answered_in_a_large_varied_base() -> None:
    lone = {"share": 0.3, "rival": 0.01, "novelty": 0.95, "times": 1.0, "nearest": 1.2, "alike": 1.2}
    asked = "the nightly backup job fails with a timeout"
    near = await answer(asked, passage("Raise the job timeout to two hours.", question=asked, evidence=lone))
    far = await answer(
        asked,
        passage("Raise the job timeout to two hours.", question=asked, evidence={**lone, "nearest": 0.8}),
    )
    assert near.confidence >= shipped().post > far.confidence


async def test_one_case_alike_answers_only_what_probably_asks() -> None:
    """What the channel is always told needs no such care: customers rarely put a trouble as a question."""
    asked = "the nightly backup job fails with a timeout"
    lone = {"share": 0.3, "rival": 0.01, "novelty": 0.95, "times": 1.0, "nearest": 1.25, "alike": 1.25}

    async def sure(asks: float, evidence: dict[str, float]) -> float:
        known = passage("Raise the job timeout to two hours.", question=asked, evidence=evidence)
        question = Question(text=asked, message_ids=("m",), asks=asks)
        return (await Answerer(model=MINILM).answer(Dialogue(messages=()), question, [known])).confidence

    assert await sure(0.95, lone) >= shipped().post > await sure(0.5, lone)
    assert await sure(0.5, STRONG) == await sure(0.95, STRONG)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("How do I turn two-step verification on?", "How do I turn two-step verification off?"),
        ("How do I export customers in bulk?", "How do I import customers in bulk?"),
        ("How do I take admin rights from a colleague?", "How do I grant a colleague admin rights?"),
    ],
)
async def test_the_opposite_of_what_is_asked_is_no_answer(asked: str, known: str) -> None:
    found = await answer(asked, passage("Open the settings and confirm it there.", question=known))
    assert found.refused
    assert not (await answer(known, passage("Open the settings and confirm it.", question=known))).refused


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("My account is locked, what can I do?", "How do I unlock my account?"),
        ("What should I add to the config to get rid of the banner?", "How do I remove the banner?"),
    ],
)
async def test_who_tells_of_a_trouble_is_told_how_it_ends(asked: str, known: str) -> None:
    like = {**STRONG, "alike": 1.1}
    found = await answer(asked, passage("Open the settings and confirm it.", question=known, evidence=like))
    assert found.confidence >= shipped().post
    assert not found.refused


async def test_the_opposite_in_another_sentence_is_doubted() -> None:
    """The words may be about something by the way: what the channel is told time and again may stand."""
    known = "How do I remove the cookie banner?"
    asked = "How do I add the cookie banner to our landing page for visitors from Norway?"
    lone = {"share": 0.3, "rival": 0.01, "novelty": 0.95, "times": 1.0, "nearest": 1.25, "alike": 0.9}
    said = "Open the settings and confirm it."
    plain = await answer(known, passage(said, question=known, evidence=lone))
    found = await answer(asked, passage(said, question=known, evidence=lone))
    assert plain.confidence >= shipped().post > found.confidence > 0.0
    assert found.features["clash"] == 1.0


async def test_an_unknown_model_is_more_careful() -> None:
    known = passage("Restart the agent now.")
    assert (await answer("agent is stuck", known, model="other")).confidence < (
        await answer("agent is stuck", known, model="sentence-transformers/all-MiniLM-L6-v2")
    ).confidence


async def test_without_a_reranker_it_refuses_rather_than_guesses() -> None:
    found = await answer("agent is stuck", passage("Restart the agent now.", evidence={}), refuse=0.5)
    assert found.refused


def test_sentences_that_help_anyone() -> None:
    assert general("@ann Hello Ann! 1/2 The limit is 100 requests a minute. 2/2 ^JS") == [
        "The limit is 100 requests a minute."
    ]
    assert general("Thanks for the tag – reused content needs your own part in it.") == [
        "reused content needs your own part in it."
    ]
    assert general("Use this:\n```\nraco pkg install x\n```") == ["Use this:", "```\nraco pkg install x\n```"]
    assert general("您好！请重新安装应用程序。") == ["请重新安装应用程序。"]
    assert general("Hallo Frau Meier, bitte starten Sie den Dienst neu. Viele Grüße, Jan") == [
        "bitte starten Sie den Dienst neu."
    ]


async def test_hostile_texts_pass_quickly() -> None:
    nasty = [
        "{id} {{x}} <!channel> c++ foo:bar",
        "\u202e\x00\ud800 [1] [2]",
        "a. " * 40_000,
        "send us " * 20_000,
        "^" * 99_999,
    ]
    start = time.perf_counter()
    for text in nasty:
        for url in ((), (RESET,)):
            found = await answer(text, passage(text, *url, question=text))
            assert len(found.text) < 3000
    assert time.perf_counter() - start < 5.0


def rows(count: int = 120) -> list[str]:
    """Agreement follows the share, with exceptions, in three groups."""
    made = []
    for n in range(count):
        share = (n % 20) / 20
        agreed = share > 0.5 if n % 7 else share <= 0.5
        found = {"share": share, "novelty": 0.3 + 0.2 * (n % 3), "times": 2}
        made.append(json.dumps({"features": found, "agreed": agreed, "group": f"g{n % 3}"}))
    return made


def test_training_learns_writes_and_reads_back(tmp_path: Path) -> None:
    parsed = training.parse_rows(rows(), place="rows.jsonl")
    made = training.train(parsed, model="x/MiniLM@1", refuse=0.2, post=0.5, provenance={"data": "made up"})
    assert made.of("minilm").weights["share"] > 0
    assert made.of("minilm").bias > made.of("unheard of").bias
    assert made.provenance["rows"] == 120
    assert 0.0 < made.provenance["held_out"]["brier"] < 0.25
    file = tmp_path / "answer.json"
    file.write_text(made.to_json(), encoding="utf-8")
    again = load(file)
    assert again.of("minilm").probability(features({"share": 0.9})) == pytest.approx(
        made.of("minilm").probability(features({"share": 0.9})), abs=1e-3
    )


def test_training_needs_enough_of_both() -> None:
    with pytest.raises(BadInput, match="too few"):
        training.train(
            training.parse_rows(rows(10), place="r"), model="m", refuse=0.2, post=0.5, provenance={}
        )
    same = [line.replace("false", "true") for line in rows()]
    with pytest.raises(BadInput, match="too few"):
        training.train(training.parse_rows(same, place="r"), model="m", refuse=0.2, post=0.5, provenance={})


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"features": {}}', '{"features": {"share": "x"}, "agreed": true}']
)
def test_bad_rows_are_named(line: str) -> None:
    with pytest.raises(BadInput, match=r"rows\.jsonl, line 3"):
        training.parse_rows([rows()[0], "", line], place="rows.jsonl")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"models": {}},
        {"post": 2},
        {"near": {"bias": "x", "weights": {}}},
        {"models": {"*": {"bias": 0, "weights": {"magic": 1}}}},
    ],
)
def test_bad_coefficients_are_named(change: dict[str, object]) -> None:
    raw = {**json.loads(shipped().to_json()), **change}
    with pytest.raises(BadInput, match=r"answer\.json"):
        parse(json.dumps(raw), place="answer.json")


def test_shipped_coefficients_say_where_they_come_from() -> None:
    known = shipped()
    assert known.provenance["rows"] > 500
    assert known.provenance["made_by"]
    assert 0 < known.refuse < known.post < 1
    assert Logistic(weights={"share": 1e9}, bias=0.0).probability({"share": 1.0}) <= 1.0
