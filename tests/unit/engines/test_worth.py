# ruff: noqa: RUF001 - typographic characters people write
"""What a stranger can use is learned from; what only makes sense within its conversation is weak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.engines.talk import asked, dialogue
from vigilbot.domain import Extraction
from vigilbot.engines.extractive.evidence import candidates, gather
from vigilbot.engines.extractive.extract import Extractor
from vigilbot.engines.extractive.extract_training import fit_worth, judgements, separation
from vigilbot.engines.extractive.resolution import shipped
from vigilbot.engines.extractive.worth import only_about_self, signs
from vigilbot.providers.embedder_hash import HashEmbedder

ASKED = "Why does the nightly export fail with ERR-42?"
TOLD = "You need to clear the spool folder of the export: ERR-42 means that it is full"


async def extracted(*said: tuple[str, str], question: str = ASKED) -> Extraction | None:
    talk = dialogue(*said)
    last = max(m.id for m in talk.messages if m.text == question)
    return await Extractor(peers=True).extract(talk, asked(question, last))


async def of(answer: str, *after: tuple[str, str]) -> Extraction:
    found = await extracted(("c:ann", ASKED), ("a:bo", answer), *after)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (ASKED, TOLD),
        (
            "Wie setze ich den Router zurück?",
            "Bitte halten Sie die Taste am Router zehn Sekunden lang gedrückt",
        ),
        (
            "¿Cómo reinicio el router?",
            "Puede reiniciar el router con el botón de atrás durante diez segundos",
        ),
        ("怎么重置网关的密钥？", "请在网关上执行 `gatectl rotate`，然后重启服务"),
        ("Where is the log of the export?", "see https://docs.example/export/logs"),
    ],
)
async def test_an_instruction_teaches(question: str, answer: str) -> None:
    found = await extracted(("c:ann", question), ("a:bo", answer), question=question)
    assert found is not None
    assert not found.weak


@pytest.mark.parametrize(
    "chatter",
    [
        "Hmm, I had ERR-42 in my export last week as well, I just waited",
        "ERR-42 was in my export last week, I ran it again and forgot about it",
    ],
)
async def test_telling_of_oneself_is_weak(chatter: str) -> None:
    assert (await of(chatter)).weak
    assert not (await of(TOLD)).weak


async def test_thanks_make_it_worth_more() -> None:
    assert (await of(TOLD, ("c:ann", "thanks!"))).confidence > (await of(TOLD)).confidence
    talk = dialogue(("c:ann", ASKED), ("a:bo", TOLD), ("c:ann", "thanks!"))
    question = asked(ASKED)
    rows = gather(talk, question, candidates(talk, question, peers=True))
    assert signs([(row, 0.8) for row in rows], talk, question)["thanked"]
    assert shipped().form.worth.weights["thanked"] > 0


async def test_who_came_to_ask_as_well_is_believed_less() -> None:
    plain = await extracted(("a:bo", "I am Bo."), ("c:ann", ASKED), ("a:bo", TOLD))
    seeker = await extracted(("a:bo", "How do I print?"), ("c:ann", ASKED), ("a:bo", TOLD))
    assert plain is not None
    assert seeker is not None
    assert seeker.confidence < plain.confidence


async def test_a_conversation_that_went_on_is_not_one_answer() -> None:
    found = await extracted(
        ("c:ann", ASKED),
        ("a:bo", TOLD),
        ("c:ann", "the spool is empty"),
        ("a:cy", "ERR-42 is a nice name for an export"),
        ("c:ann", "and the driver?"),
        ("a:bo", "the export of the driver is in the menu of the printer, you can see ERR-42 there"),
        ("a:cy", "my export is fine, ERR-42 never came up here"),
    )
    assert found is not None
    assert "m1" in found.message_ids
    assert not {"m5", "m6"} & set(found.message_ids)


async def test_code_is_kept_whole() -> None:
    code = "`(filter even? @rows of the spool)`"
    found = await of(f"@Ann you can write {code} for the export, ERR-42 goes away then")
    assert code in found.answer
    assert "@Ann" not in found.answer


async def test_judgements_are_learned_from(tmp_path: Path) -> None:
    """The file's format, and that people's verdicts move the weights the right way."""
    lines = []
    for number in range(24):
        useful = number % 2 == 0
        said = f"You can press key {number}" if useful else f"Oh wow, I forgot my key {number}"
        messages = [
            {"i": 0, "ts": "100.0", "role": "customer", "user": "Ann", "text": f"How do I start {number}?"},
            {"i": 1, "ts": "110.0", "role": "analyst", "user": "Bo", "text": said},
        ]
        judged = [{"q": f"How do I start {number}?", "asked": [0], "taken": [1], "worth": float(useful)}]
        lines.append(json.dumps({"source": "made", "messages": messages, "judged": judged}))
    path = tmp_path / "judged.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = await judgements(path, HashEmbedder())
    assert [each.taken for each in found] == [frozenset({"1"})] * 24
    odds = fit_worth(shipped().form, found, near=False)
    assert odds.weights["instructs"] > 0 > odds.weights["tells"]


def test_separation_is_the_area_under_the_curve() -> None:
    assert separation([0.9, 0.8, 0.1], [1, 1, 0]) == 1
    assert separation([0.1, 0.8], [1, 0]) == 0
    assert separation([0.5, 0.5, 0.9], [1, 0, 0.5]) == 0.5
    assert separation([0.5], [1]) == 0.5


BLANK = "The page stays blank after the update, why?"
OWN_WORDS = [
    (
        "Why are our mails bounced since Monday?",
        "I checked our logs: the certificate of the receiving server has expired.",
    ),
    (BLANK, "I had that last week. Clearing the cache helped me."),
    (BLANK, "I had that last week. I cleared the cache and it was gone."),
]


@pytest.mark.parametrize(("question", "words"), OWN_WORDS)
async def test_what_an_analyst_said_and_the_asker_confirmed_teaches_in_any_words(
    question: str, words: str
) -> None:
    for who, after, weak in (("a:bo", "worked", False), ("p:bo", "worked", True), ("a:bo", "failed", True)):
        reaction = {"worked": "That worked, thank you!", "failed": "That did not help."}[after]
        found = await extracted(("c:ann", question), (who, words), ("c:ann", reaction), question=question)
        assert found is None or found.weak is weak
        assert found is not None or after == "failed"


@pytest.mark.parametrize(
    "text",
    [
        "Set the region to EU.",
        "Use the EU endpoint.",
        "The EU endpoint has the export.",
        "Install socket.io 4.",
        "The state is MI.",
        "The export has an I/O error, i.e. the disk is full.",
        "Die Einstellung ist im Menü unter dem Namen.",
        "Klicka på knappen i menyn för att spara.",
        "I'd install the Stylus extension for that.",
        "选择我的账户",
    ],
)
def test_advice_is_about_nobody_whatever_its_words_mean_elsewhere(text: str) -> None:
    assert not only_about_self(text)


@pytest.mark.parametrize(
    "text",
    [
        "I had that last week. I just waited.",
        "I see, my export is fine",
        "im stuck",
        "Eu uso a versão antiga para o meu projeto",
        "Eu não uso isso para o projeto",
        "我也遇到过",
    ],
)
def test_telling_of_oneself_is_told_in_its_own_language(text: str) -> None:
    assert only_about_self(text)


def test_a_transfer_by_ach_is_not_thinking_aloud() -> None:
    talk = dialogue(("c:ann", ASKED), ("a:bo", "ACH takes three days"))
    question = asked(ASKED)
    rows = gather(talk, question, candidates(talk, question, peers=True))
    assert signs([(row, 0.8) for row in rows], talk, question)["aloud"] == 0
