# ruff: noqa: RUF001 - texts of many scripts
"""The tokeniser, sentences, links, platform markup and language guess."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigilbot import text


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("ERR-42", ["err-42", "err", "42"]),
        ("c++ and C#", ["c++", "and", "c#"]),
        ("foo:bar", ["foo:bar", "foo", "bar"]),
        ("--optimize", ["--optimize", "optimize"]),
        ("0x80070005", ["0x80070005"]),
        ("NullPointerException", ["nullpointerexception", "null", "pointer", "exception"]),
        ("v1.2.3", ["v1.2.3", "1.2.3"]),
        ("SLN28071", ["sln28071"]),
        ("e-mail", ["e-mail", "email", "mail"]),
        ("the analyst's", ["the", "analyst"]),
        ("don’t", ["don't"]),
        ("contraseña Straße Çalışıyor", ["contrasena", "strasse", "calisiyor"]),
        ("ＥＲＲ－42", ["err-42", "err", "42"]),
        ("世界平和", ["世界", "界平", "平和"]),
        ("字", ["字"]),
        (":tada: done :+1:", ["done"]),
        ("{id} {{x}} <!channel>", ["id", "x", "channel"]),
        ("pass\u200bword \u202eabc", ["password", "abc"]),
        ("", []),
    ],
)
def test_identifiers_stay_whole_and_are_split_too(given_text: str, expected: list[str]) -> None:
    assert text.tokens(given_text) == expected


def test_a_code_is_found_however_it_is_surrounded() -> None:
    for around in ("ERR-42", "(ERR-42)", "ERR-42.", "`ERR-42`", "error:ERR-42,", "“ERR-42”"):
        assert "err-42" in text.tokens(around), around


def test_sentences_keep_code_blocks_urls_and_abbreviations_whole() -> None:
    found = text.sentences(
        "Use v1.2.3, e.g. this. See https://a.example/x.y?z=1. Then:\n```a. b\nc? d```\nDone！好。"
    )
    assert found == [
        "Use v1.2.3, e.g. this.",
        "See https://a.example/x.y?z=1.",
        "Then:",
        "```a. b\nc? d\n```",
        "Done！",
        "好。",
    ]


def test_links_lose_the_punctuation_around_them() -> None:
    found = text.links(
        "see <https://a.example/b"
        "|docs>, (https://c.example/X_(y)) https://d.example/?q=1). https://a.example/b"
    )
    assert found == ("https://a.example/b", "https://c.example/X_(y)", "https://d.example/?q=1")
    assert text.links("no http:// here") == ()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("http://www.a.example/b/", "https://a.example/b"),
        ("https://a.example/b?utm_source=x&k=1", "https://a.example/b?k=1#part"),
        ("https://A.example:443/b?y=2&x=1", "https://a.example/b?x=1&y=2"),
    ],
)
def test_addresses_of_one_page_are_equal(one: str, two: str) -> None:
    assert text.canonical_url(one) == text.canonical_url(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("https://a.example/b", "https://a.example/c"),
        ("https://a.example/b?id=1", "https://a.example/b?id=2"),
        ("https://a.example/#!/x", "https://a.example/#!/y"),
        ("https://a.example/B", "https://a.example/b"),
    ],
)
def test_addresses_of_different_pages_are_not(one: str, two: str) -> None:
    assert text.canonical_url(one) != text.canonical_url(two)


def test_slack_markup_becomes_plain_text() -> None:
    raw = "<@U1> and <@U2|bob>: <https://a.example/x|the docs> or <https://b.example>"
    raw += " in <#C1|help> &lt;b&gt; &amp;nbsp;"
    assert text.plain(raw, {"U1": "Ann"}) == (
        "@Ann and @bob: the docs (https://a.example/x) or https://b.example in #help <b> &nbsp;"
    )
    assert text.plain("<http://Decode.int|Decode.int> <http://www.a.example|www.a.example>") == (
        "Decode.int http://www.a.example"
    )
    assert (
        text.plain("<mailto:a@b.example|a@b.example> <!here> <!subteam^S1|@ops>") == "a@b.example @here @ops"
    )
    assert text.plain("if a < b and c > d") == "if a < b and c > d"
    assert text.plain("x\u202ey\x00z &#" + "9" * 6000 + ";").startswith("xyz")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("How do I reset my password?", "en"),
        ("Wie kann ich mein Passwort zurücksetzen?", "de"),
        ("Comment réinitialiser mon mot de passe ?", "fr"),
        ("¿Cómo puedo restablecer mi contraseña?", "es"),
        ("Como posso redefinir a minha senha?", "pt"),
        ("Come posso reimpostare la mia password?", "it"),
        ("Hoe kan ik mijn wachtwoord resetten?", "nl"),
        ("Jak mogę zresetować hasło?", "pl"),
        ("Hur kan jag återställa mitt lösenord?", "sv"),
        ("Как сбросить пароль?", "ru"),
        ("Як скинути пароль, якщо він не працює і що робити?", "uk"),
        ("如何重置密码?", "zh"),
        ("パスワードをリセットするには?", "ja"),
        ("비밀번호를 어떻게 재설정하나요?", "ko"),
        ("كيف يمكنني إعادة تعيين كلمة المرور؟", "ar"),
        ("Şifremi nasıl sıfırlayabilirim, neden olmuyor?", "tr"),
        ("ok", ""),
        ("`let x = the`", ""),
        ("", ""),
    ],
)
def test_language_is_guessed_or_left_open(said: str, expected: str) -> None:
    assert text.language(said) == expected


def test_identifiers_are_found_as_written() -> None:
    found = text.identifiers(
        "ERR-42 in `raco test` with --optimize, 0x80070005, NullPointerException, v1.2.3, 5 GB, "
        "/usr/lib/x.so, foo:bar"
    )
    assert set(found) == {
        *("ERR-42", "raco test", "--optimize", "0x80070005", "NullPointerException", "v1.2.3", "5 GB"),
        *("/usr/lib/x.so", "foo:bar"),
    }


def test_shorten_cuts_between_words() -> None:
    assert text.shorten("one  two\nthree", 80) == "one two three"
    assert text.shorten("alpha beta gamma delta", 17) == "alpha beta gamma…"
    assert len(text.shorten("x" * 500, 20)) == 20


READERS: tuple[Callable[[str], object], ...] = (
    text.tokens,
    text.sentences,
    text.links,
    text.plain,
    text.language,
    text.identifiers,
    text.fold,
    text.canonical_url,
    lambda t: text.shorten(t, 80),
)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a\u0301\u0316",
        ".",
        "a.",
        "-",
        "<",
        "&#9",
        "`",
        "http://",
        "aB",
        "你",
        "a_",
        "\u202e",
        "e.g. ",
        "1.",
    ],
)
def test_a_hundred_kilobytes_of_anything_is_read_in_linear_time(unit: str) -> None:
    hostile = unit * (100_000 // len(unit))
    started = time.perf_counter()
    for read in READERS:
        read(hostile)
    assert time.perf_counter() - started < 4  # measured: below 0.4 s


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_text_is_read_without_an_error(said: str) -> None:
    for read in READERS:
        read(said)
    words = text.tokens(said)
    assert all(w and not any(c.isspace() for c in w) and len(w) <= 4 * text.TOKEN_LIMIT for w in words)
    assert text.clean(text.clean(said)) == text.clean(said)
    text.plain(said).encode("utf-8")
    assert all(s.strip() for s in text.sentences(said))


def test_an_abbreviation_opens_a_line_and_an_ellipsis_goes_on() -> None:
    assert text.sentences("try again\nE.g. with another key") == ["try again", "E.g. with another key"]
    assert text.sentences("not that hard to just… write it. Wait... What") == [
        "not that hard to just… write it.",
        "Wait...",
        "What",
    ]


def test_words_of_one_letter_tell_no_language() -> None:
    assert text.language("Esqueci a senha de outro usuário") == ""
    assert text.language("My parcel is lost") == "en"
