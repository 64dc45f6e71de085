"""Identification of the extractive engine: written dialogues in several languages, hostile text, training."""

# ruff: noqa: RUF001 - many scripts are the subject here

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from vigilbot.domain import Dialogue, Identification, Message, Role, Scope
from vigilbot.engines.extractive import train as training
from vigilbot.engines.extractive.coefficients import Coefficients, load, parse, shipped
from vigilbot.engines.extractive.identify import Identifier, Placer
from vigilbot.engines.extractive.signs import read, signs
from vigilbot.errors import BadInput
from vigilbot.ports import Embedder, Vector

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SCOPE = "support for the booking app"


class HashEmbedder:
    """Unit vectors from a hash of the text."""

    def __init__(self, model: str = "hash", dimensions: int = 8) -> None:
        self.model, self.dimensions, self.calls = model, dimensions, 0

    async def embed(self, texts: Sequence[str]) -> Vector:
        self.calls += 1
        rows = [np.random.default_rng(int(hashlib.sha256(t.encode()).hexdigest()[:8], 16)) for t in texts]
        vectors = np.stack([r.normal(size=self.dimensions) for r in rows])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def talk(*turns: str, seconds: float = 120) -> Dialogue:
    """Messages from lines such as "C: text" or "A: text", ``seconds`` apart."""
    roles = {"C": Role.CUSTOMER, "A": Role.ANALYST, "P": Role.PEER, "B": Role.BOT}
    return Dialogue(
        messages=tuple(
            Message(
                id=str(i),
                ts=str(i),
                at=START + timedelta(seconds=seconds * i),
                role=roles[turn[0]],
                author=turn[0],
                text=turn[3:],
            )
            for i, turn in enumerate(turns)
        )
    )


async def judge(*turns: str, newest: int = 1, seconds: float = 120) -> Identification:
    dialogue = talk(*turns, seconds=seconds)
    identifier = Identifier(HashEmbedder(), shipped())
    return await identifier.identify(dialogue, dialogue.messages[-newest:], scope=SCOPE)


@pytest.mark.parametrize(
    "text",
    [
        "How do I export my bookings?",
        "how do i move a booking to another day",
        "The calendar stopped syncing this morning and I get error 7781",
        "my account is locked and I can't log in, please help",
        "I need an invoice for last month",
        "¿Dónde puedo ver mis facturas?",
        "No puedo abrir el calendario, necesito ayuda",
        "Je n'arrive pas à ouvrir le calendrier, pouvez-vous m'aider",
        "Der Kalender lässt sich nicht öffnen, ich bekomme eine Fehlermeldung",
        "Wie kann ich eine Buchung verschieben?",
        "Come posso spostare una prenotazione?",
        "O calendário não abre, preciso de ajuda",
        "Календарь не открывается, помогите пожалуйста",
        "Как перенести бронирование?",
        "كيف يمكنني تغيير الحجز؟",
        "日历打不开，怎么办？",
        "カレンダーが開けません。どうすればいいですか？",
        "캘린더가 안 열려요, 어떻게 해야 하나요?",
        "Takvim açılmıyor, yardım eder misiniz?",
        "कैलेंडर क्यों नहीं खुल रहा है?",
    ],
)
async def test_a_first_message_that_asks_or_reports_trouble_is_within(text: str) -> None:
    assert (await judge(f"C: {text}")).scope is Scope.WITHIN


@pytest.mark.parametrize(
    "text",
    [
        "thanks, that worked!",
        "Ok, I'll try that",
        "haha nice",
        ":+1:",
        "muchas gracias, ya funciona",
        "d'accord, merci beaucoup",
        "Alles klar, danke",
        "спасибо, все заработало",
        "شكرا، تمام",
        "好的，谢谢",
        "ありがとうございます、直りました",
        "teşekkürler, düzeldi",
    ],
)
async def test_thanks_and_agreement_to_an_answer_ask_nothing(text: str) -> None:
    found = await judge("C: How do I export my bookings?", "A: Use Export under Settings.", f"C: {text}")
    assert found.scope is Scope.NONE


@pytest.mark.parametrize(
    "text", ["hello", "Good morning", "hola", "Bonjour", "你好", "Привет", "https://example.com/a?b=c"]
)
async def test_a_greeting_or_a_bare_link_asks_nothing(text: str) -> None:
    assert (await judge(f"C: {text}")).scope is not Scope.WITHIN


async def test_an_answer_to_a_counter_question_asks_nothing() -> None:
    opening = ("C: The export fails", "A: Which version do you use?")
    assert (await judge(*opening, "C: 4.2 on Linux")).scope is Scope.NONE
    assert (await judge(*opening, "C: 4.2, and why does it ask for a password?")).scope is Scope.WITHIN


async def test_still_failing_after_an_answer_is_within() -> None:
    found = await judge(
        "C: The export fails",
        "A: Please restart the app.",
        "C: I restarted it but I still get the same error",
    )
    assert found.scope is Scope.WITHIN


async def test_a_question_mark_inside_code_or_a_url_is_no_question() -> None:
    assert read("see `a ? b : c`").asked == 0
    assert read("```\nWHAT? WHY?\n```").asked == 0
    assert read("https://example.com/search?q=why").asked == 0
    assert read("is it `a ? b : c` (I think)?").asked == 1
    assert [read(t).asked for t in ("什么？", "ماذا؟", "Γιατί;", "Γιατί\u037e", "Was? Wie?")] == [
        1,
        1,
        1,
        1,
        2,
    ]


async def test_a_burst_is_judged_together() -> None:
    alone = await judge("C: hi", "C: so", newest=2, seconds=2)
    asked = await judge("C: hi", "C: my calendar does not load", "C: thanks", newest=3, seconds=2)
    split = await judge("C: my calendar", "C: does not", "C: load anymore, please help", newest=3, seconds=2)
    assert alone.scope is not Scope.WITHIN
    assert asked.scope is Scope.WITHIN
    assert split.scope is Scope.WITHIN


async def test_no_message_is_no_question() -> None:
    found = await Identifier(HashEmbedder(), shipped()).identify(talk("C: hi"), [], scope=SCOPE)
    assert (found.scope, found.within) == (Scope.NONE, 0.0)


async def test_the_class_probabilities_are_a_distribution_and_say_why() -> None:
    found = await judge("C: How do I export?")
    assert found.within + found.out + found.none == pytest.approx(1.0)
    assert min(found.within, found.out, found.none) >= 0
    assert "question mark" in found.reason


async def test_the_threshold_can_be_set() -> None:
    dialogue = talk("C: How do I export?")
    strict = Identifier(HashEmbedder(), shipped(), threshold=1.0)
    loose = Identifier(HashEmbedder(), shipped(), threshold=0.0)
    assert (await strict.identify(dialogue, dialogue.messages, scope=SCOPE)).scope is not Scope.WITHIN
    assert (await loose.identify(dialogue, dialogue.messages, scope=SCOPE)).scope is Scope.WITHIN


async def test_later_messages_and_bots_are_not_looked_at() -> None:
    asked = talk("C: The export fails", "A: Which version?", "C: 4.2")
    later = replace(
        asked, messages=(*asked.messages, *talk("C: x", "C: x", "C: x", "A: All done.").messages[3:])
    )
    assert signs(asked, asked.messages[2]) == signs(later, asked.messages[2])
    with_bot = talk("C: The export fails", "B: A card", "C: please help")
    without = Dialogue(messages=(with_bot.messages[0], with_bot.messages[2]))
    assert signs(with_bot, with_bot.messages[2]) == signs(without, without.messages[1])


async def test_two_runs_agree_exactly() -> None:
    turns = ("C: My calendar is gone", "A: Which one?", "C: the shared one, why?")
    assert await judge(*turns) == await judge(*turns)


HOSTILE = [
    "",
    "   \n\t",
    "{id} {{x}} <!channel> %s %n \\x00",
    "ERR-42 c++ foo:bar",
    "\u202egnp.exe\u202c \u200b\u200d\ufeff\x00\x1b[31m",
    "\ud800 lone surrogate",
    "?" * 100_000,
    "`" * 100_000,
    "```" * 30_000,
    "<" * 100_000,
    "<http://" * 12_000,
    "@" * 100_000,
    ":a" * 50_000,
    "a" * 100_000,
    "word " * 20_000,
    "> quoted\n" * 10_000,
    "\n" * 100_000,
    "\u0301" * 100_000,
    "不" * 100_000,
    "(" * 50_000 + ")" * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_neither_crashes_nor_stalls(text: str) -> None:
    started = perf_counter()
    found = await judge("C: " + text, "A: " + text, "C: " + text, newest=1)
    assert 0 <= found.within <= 1
    assert perf_counter() - started < 1.0


async def test_another_embedding_model_leaves_the_signs_alone() -> None:
    coefficients = shipped()
    same = HashEmbedder(model=f"sentence-transformers/{coefficients.model}", dimensions=384)
    other = HashEmbedder(model="other", dimensions=384)
    dialogue = talk("C: the calendar is empty since the update")
    with_vectors = await Identifier(same, coefficients).identify(dialogue, dialogue.messages, scope=SCOPE)
    without = await Identifier(other, coefficients).identify(dialogue, dialogue.messages, scope=SCOPE)
    assert (same.calls, other.calls) == (1, 0)
    assert with_vectors.within != without.within
    german = talk("C: Der Kalender ist seit dem Update leer und ich weiß nicht, warum das so ist")
    assert await Placer(same).place(german, german.messages) == [None]


async def test_a_message_is_placed_by_itself_and_after_what_was_said_last() -> None:
    placer = Placer(HashEmbedder())
    answered = talk("C: The export fails", "A: Which version?", "C: yes it does")
    alone = talk("C: yes it does")
    [after] = await placer.place(answered, answered.messages[2:])
    [first] = await placer.place(alone, alone.messages)
    assert after is not None
    assert first is not None
    assert after.shape == first.shape == (placer.dimensions,)
    assert np.array_equal(after[:8], first[:8])
    assert not np.array_equal(after[8:], first[8:])
    with_a_card = talk("C: The export fails", "A: Which version?", "B: A card", "C: yes it does")
    [unmoved] = await placer.place(with_a_card, with_a_card.messages[3:])
    assert unmoved is not None
    assert np.array_equal(after, unmoved)


async def test_the_model_is_read_halfway_where_it_can_be(real_embedder: Embedder) -> None:
    """The real model fits what ships; how a message is put then counts beside the signs."""
    coefficients = shipped()
    placer = Placer(real_embedder)
    assert coefficients.fits(placer.model, placer.dimensions)
    dialogue = talk("C: X200 blinks red, no IP")
    seen = await Identifier(real_embedder, coefficients).identify(dialogue, dialogue.messages, scope=SCOPE)
    signs_alone = await Identifier(HashEmbedder(), coefficients).identify(
        dialogue, dialogue.messages, scope=SCOPE
    )
    assert seen.within > signs_alone.within


def test_the_shipped_coefficients_say_where_they_come_from() -> None:
    coefficients = shipped()
    provenance = coefficients.provenance
    assert provenance["data"][0]["messages"] > 0
    assert len(provenance["data"][0]["sha256"]) == 64
    assert provenance["command"].startswith("vigilbot train identify ")
    assert date.fromisoformat(provenance["trained"])
    assert coefficients.model
    assert set(coefficients.names) == set(training.NAMES)
    for name, weight in zip(coefficients.names, coefficients.within.weights, strict=True):
        assert weight >= 0 or name not in training.SPEAK_FOR
        assert weight <= 0 or name not in training.SPEAK_AGAINST


def test_every_name_is_a_sign() -> None:
    assert set(training.NAMES) <= set(signs(talk("C: hi"), talk("C: hi").messages[0]))
    assert not training.SPEAK_FOR & training.SPEAK_AGAINST


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 1}', "nonsense", '{"format": 2, "signs": ["asked"], "placement": {}}'],
)
def test_a_file_that_is_no_coefficients_is_refused_with_place_and_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"c\.json.*vigilbot train identify"):
        load(path)


def test_weights_that_do_not_match_are_refused() -> None:
    raw = json.loads(shipped().to_json())
    raw["within"]["weights"] = raw["within"]["weights"][:-1]
    with pytest.raises(BadInput, match="do not match"):
        parse(json.dumps(raw), place="x")
    raw = json.loads(shipped().to_json())
    raw["within"]["bias"] = float("nan")
    with pytest.raises(BadInput, match="finite"):
        parse(json.dumps(raw), place="x")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        load(tmp_path / "none.json")


async def _trained(embedder: HashEmbedder | None) -> Coefficients:
    return await training.train(
        training.written()[:8], embedder, data="f.jsonl", sha256="0" * 64, command="c", on=date(2026, 1, 1)
    )


async def test_training_is_deterministic_and_survives_its_file() -> None:
    first = await _trained(HashEmbedder())
    again = await _trained(HashEmbedder())
    assert first.to_json() == again.to_json()
    assert parse(first.to_json(), place="x").to_json() == first.to_json()
    assert first.fits("HASH", 16)
    assert not first.fits("hash", 18)
    assert first.fingerprints == {"0" * 64}


async def test_training_without_an_embedder_uses_signs_alone() -> None:
    coefficients = await _trained(None)
    assert coefficients.within.placement.size == 0
    assert not coefficients.fits("", 0)
    dialogue = talk("C: How do I export?")
    found = await Identifier(HashEmbedder(), coefficients).identify(dialogue, dialogue.messages, scope=SCOPE)
    assert found.scope is Scope.WITHIN


async def test_training_without_labels_of_both_kinds_is_refused() -> None:
    none = [replace(o, labels=dict.fromkeys(o.labels, Scope.NONE)) for o in training.written()[:5]]
    with pytest.raises(BadInput, match="too few labels"):
        await training.train(none, None, data="f", sha256="", command="c", on=date(2026, 1, 1))
    with pytest.raises(BadInput, match="no labelled message"):
        await training.train([], None, data="f", sha256="", command="c", on=date(2026, 1, 1))
