# ruff: noqa: RUF001 - texts of many scripts
"""What a single message does: claims, confirms, denies, asks back, rejects, answers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigilbot.text import replies

ASKED = "Why does the export fail with ERR-42?"


@pytest.mark.parametrize(
    "said",
    [
        *(
            "I'm on it",
            "looking into it",
            "let me check",
            "on it!",
            "Looking into the export now",
            "checking ERR-42",
        ),
        *(
            "Ich schaue mir das an",
            "je regarde ça",
            "lo estoy revisando",
            "estou verificando",
            "sto controllando",
        ),
        *(
            "ik kijk er even naar",
            "jag kollar på det",
            "już sprawdzam to",
            "сейчас посмотрю",
            "hemen bakıyorum",
        ),
        *("我看看", "確認します", "확인해 보겠습니다"),
    ],
)
def test_a_claim_takes_on_the_question(said: str) -> None:
    assert replies.acknowledges(said, ASKED)
    assert not replies.definitive(said)
    assert not replies.addresses(said, ASKED, cosine=0.6)


@pytest.mark.parametrize(
    "said",
    [
        *("hi, looking", "hello", "hi there!", "hi all", "You need to set the encoding"),
        *("can you check the logs?", "I'm looking into the billing dashboard outage from yesterday"),
        "I'll look into it once you read https://a.example/x",
    ],
)
def test_a_greeting_or_another_matter_takes_on_nothing(said: str) -> None:
    assert not replies.acknowledges(said, ASKED)


def test_a_claim_of_other_words_counts_when_the_embedding_says_so() -> None:
    said = "I'm looking into the nightly dump trouble"
    assert not replies.acknowledges(said, ASKED)
    assert replies.acknowledges(said, ASKED, cosine=0.6)
    assert not replies.acknowledges(said, ASKED, cosine=0.1)


@pytest.mark.parametrize(
    "said", ["hi", "Hello @Ann!", "Hi there, thanks for reaching out", "你好", "Guten Tag", "bonjour à tous"]
)
def test_greetings(said: str) -> None:
    assert replies.is_greeting(said)
    assert not replies.addresses(said, ASKED, cosine=0.9)


@pytest.mark.parametrize(
    "said", ["Hi, the export fails with an error", "hi, run `x`", "hey, see https://a.example/b"]
)
def test_a_greeting_with_content_is_more(said: str) -> None:
    assert not replies.is_greeting(said)


@pytest.mark.parametrize(
    "said",
    [
        *("that worked, thanks", "Thanks, that works!", "works now", "It's fixed now", "perfect, thanks"),
        *(
            "Thank you, that solved it",
            "that did the trick",
            "das hat funktioniert, danke",
            "ça marche, merci",
        ),
        *("ya funciona, gracias", "funcionou, obrigado", "ora funziona", "het werkt nu", "det fungerar nu"),
        *(
            "działa, dzięki",
            "заработало, спасибо",
            "çalıştı, teşekkürler",
            "解决了，谢谢",
            "解決しました",
            "해결됐어요",
        ),
    ],
)
def test_the_asker_confirms(said: str) -> None:
    assert replies.confirms(said)
    assert not replies.denies(said)


@pytest.mark.parametrize(
    "said",
    [
        *("thanks", "ok", "it works on my other machine but not here", "does that work?", "it's not working"),
        *("not solved yet", "that works, but now the import fails"),
    ],
)
def test_thanks_questions_and_buts_confirm_nothing(said: str) -> None:
    assert not replies.confirms(said)


@pytest.mark.parametrize(
    "said",
    [
        *(
            "still broken",
            "didn't help",
            "That did not work",
            "same error",
            "no luck",
            "still getting the error",
        ),
        *(
            "funktioniert immer noch nicht",
            "ça ne marche toujours pas",
            "sigue sin funcionar",
            "não funcionou",
        ),
        *("non funziona", "werkt nog steeds niet", "det fungerar inte", "nadal nie działa", "не помогло"),
        *("hala çalışmıyor", "还是不行", "まだ動きません", "여전히 안 돼요"),
    ],
)
def test_the_asker_denies(said: str) -> None:
    assert replies.denies(said)
    assert not replies.confirms(said)


@pytest.mark.parametrize(
    "said",
    [
        *(
            "Which version are you on?",
            "Can you share the log?",
            "what do you see?",
            "Welche Version nutzen Sie?",
        ),
        *(
            "Quelle version utilisez-vous ?",
            "¿Qué versión usas?",
            "Qual versão você usa?",
            "Quale versione usi?",
        ),
        *(
            "Welke versie gebruik je?",
            "Jaka wersja?",
            "Какая версия?",
            "什么版本？",
            "どのバージョンですか？",
        ),
        "Hi! Could you please send us your order number?",
        "Please provide more details about the error",
    ],
)
def test_asking_back_is_no_answer(said: str) -> None:
    assert replies.asks_back(said)
    assert not replies.definitive(said)
    assert not replies.addresses(said, ASKED, cosine=0.8)


@pytest.mark.parametrize(
    "said",
    [
        "Have you tried restarting it?",
        "Use 2.1.4",
        "Try `raco setup`?",
        "You need to restart. Does that help?",
    ],
)
def test_a_suggestion_in_question_form_is_one(said: str) -> None:
    assert not replies.asks_back(said)
    assert replies.definitive(said)


def test_what_is_only_supposed_to_be_wrong_is_no_rejection() -> None:
    for said in (
        "Try a private tab. If this doesn't work, write to us at https://help.example.org/new",
        "Should that be wrong, tell me",
        "Wenn das nicht stimmt, melde dich",
        "Si ce n'est pas ça, écris-nous",
        "如果不对，请联系我们",
        "違っていたら、連絡してください",
    ):
        assert not replies.rejects_answer(said, directed=True), said
    for said in (
        "If you are on 8.0, that's wrong",
        "Should this fail, call us. But that is wrong since March",
        "不对，请联系我们",
    ):
        assert replies.rejects_answer(said, directed=True), said


@pytest.mark.parametrize(
    "said",
    [
        *(
            "ignore the bot",
            "the bot is wrong",
            "please disregard the card above",
            "The bot's answer is outdated",
        ),
        *("Der Bot liegt falsch", "le bot se trompe", "ignora la respuesta", "бот ошибся", "机器人错了"),
    ],
)
def test_an_answer_is_rejected_by_name(said: str) -> None:
    assert replies.rejects_answer(said)


def test_an_answer_is_rejected_without_a_name_only_right_behind_it() -> None:
    for said in ("that's not it", "That's wrong", "that doesn't apply to 8.0", "das stimmt nicht"):
        assert not replies.rejects_answer(said)
        assert replies.rejects_answer(said, directed=True)
    for said in (
        "Wrong. Use the second button.",
        "incorrect",
        "That was wrong",
        "Das ist inzwischen veraltet",
    ):
        assert not replies.rejects_answer(said)
        assert replies.rejects_answer(said, directed=True)
    for said in (
        "That answer is old, use --force",
        "Careful: that is wrong since March",
        "Correction: 90 days",
    ):
        assert replies.rejects_answer(said, directed=True)
    for said in (
        "ok",
        "restart it",
        "the bot is great",
        "wrong cable, use the blue one",
        "Not quite sure yet",
    ):
        assert not replies.rejects_answer(said, directed=True)


@pytest.mark.parametrize(
    "said",
    [
        *("maybe", "no idea", "I think it's a bug", "not sure, might be the cache", "hi", "thanks"),
        *("Keine Ahnung", "je ne sais pas", "不知道", "don't know, sorry"),
    ],
)
def test_guesses_are_not_definitive(said: str) -> None:
    assert not replies.definitive(said)


@pytest.mark.parametrize(
    "said",
    [
        *(
            "Use 2.1.4",
            "It's a bug, fixed in 8.1",
            "see https://a.example/c",
            "```x```",
            "Yes",
            "No.",
            "Definitely",
        ),
        *("Nein, das geht nur im Admin-Bereich", "请重启", "I think so, but the fix is in 8.1. Use that."),
    ],
)
def test_statements_are_definitive(said: str) -> None:
    assert replies.definitive(said)


def test_private_matters() -> None:
    for said in (
        *("I've reset your account", "Please DM us your e-mail", "We have refunded your order"),
        *("Your account has been unlocked", "Send us a DM with your account number"),
    ):
        assert replies.is_private(said)
    for said in (
        "Reset it under Settings",
        "You can reset your password at Settings",
        "See https://a.example/b",
    ):
        assert not replies.is_private(said)


def test_an_answer_addresses_its_question_and_not_another() -> None:
    assert replies.addresses("ERR-42 means the export target is full, clear it", ASKED, cosine=0.6)
    assert replies.addresses("Set the export target", ASKED)
    assert replies.addresses("https://a.example/err-42", ASKED)
    assert not replies.addresses(
        "Lunch is at noon today in the big room downstairs", ASKED, cosine=0.02, position=1
    )
    assert not replies.addresses("no idea", ASKED, cosine=0.5)


READERS: tuple[Callable[[str], object], ...] = (
    replies.is_greeting,
    replies.is_thanks,
    replies.is_small_talk,
    replies.confirms,
    replies.denies,
    replies.rejects_answer,
    replies.asks_back,
    replies.hedged,
    replies.knows_nothing,
    replies.definitive,
    replies.is_private,
    lambda t: replies.acknowledges(t, ASKED),
    lambda t: replies.addresses(t, t, cosine=0.5),
)


@pytest.mark.parametrize(
    "unit",
    ["still ", "hi ", "can you ", "x", "is still the ", "don't ", "?", "`", "this \u202e", "send us a "],
)
def test_hostile_texts_are_judged_quickly(unit: str) -> None:
    hostile = unit * (100_000 // len(unit))
    started = time.perf_counter()
    for read in READERS:
        read(hostile)
    assert time.perf_counter() - started < 3  # measured: below 0.3 s


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_is_judged(said: str) -> None:
    for read in READERS:
        read(said)
    assert not (replies.confirms(said) and replies.denies(said))
    assert 0.0 <= replies.hedged(said) <= 1.0
