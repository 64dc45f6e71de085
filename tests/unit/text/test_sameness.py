# ruff: noqa: RUF001 - texts of many scripts
"""The guard: what must never be held for the same, and what must not be told apart."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigilbot.text.sameness import differs, opposed, says_same

DIFFERENT = [
    ("The outage is resolved", "The outage is not resolved yet", "negation"),
    ("use 2.1.3", "use 2.1.4, 2.1.3 causes it", "version"),
    ("Version 8 fixes it", "Version 9 fixes it", "version"),
    ("Wait 5 minutes", "Wait 10 minutes", "number"),
    ("Wait two minutes", "Wait five minutes", "number"),
    ("It is error ERR-42", "It is error ERR-43", "identifier"),
    ("run the build with --fast", "run the build with --slow", "identifier"),
    ("Use `map` here", "Use `filter` here", "identifier"),
    ("set foo_bar", "set foo_baz", "identifier"),
    ("see https://a.example/b for that", "see https://a.example/c for that", "url"),
    ("Enable the cache", "Disable the cache", "negation"),
    ("Turn it on", "Turn it off", "negation"),
    ("The service is up", "The service is down", "negation"),
    ("You can do that", "You can't do that", "negation"),
    ("It works on the server", "It is broken on the server", "negation"),
    ("Restart it if the light is on.", "Restart it if the light is off.", "negation"),
    ("Do not restart the server", "Restart the server", "negation"),
    ("Das Problem ist behoben", "Das Problem ist noch nicht behoben", "negation"),
    ("Es funktioniert", "Es funktioniert nicht", "negation"),
    ("Le problème est résolu", "Le problème n'est pas encore résolu", "negation"),
    ("El problema está resuelto", "El problema no está resuelto", "negation"),
    ("O problema foi resolvido", "O problema não foi resolvido", "negation"),
    ("Il problema è risolto", "Il problema non è risolto", "negation"),
    ("Het werkt", "Het werkt niet", "negation"),
    ("Problemet är löst", "Problemet är inte löst", "negation"),
    ("Problem został rozwiązany", "Problem nie został rozwiązany", "negation"),
    ("Проблема решена", "Проблема не решена", "negation"),
    ("Sorun çözüldü", "Sorun çözülmedi", "negation"),
    ("Masalah sudah selesai", "Masalah belum selesai", "negation"),
    ("问题已解决", "问题尚未解决", "negation"),
    ("問題は解決しました", "問題は解決していません", "negation"),
    ("문제가 해결되었습니다", "문제가 해결되지 않았습니다", "negation"),
    ("تم حل المشكلة", "لم يتم حل المشكلة", "negation"),
]

SAME = [
    ("Restart the server", "Please restart your server"),
    ("Restart the server", "restart  the\n server"),
    ("You can't log in until you verify your e-mail", "Verify your e-mail, then you can log in"),
    ("Don't forget to restart", "Remember to restart"),
    ("It is not enabled", "It is disabled"),
    ("The feature is not available", "The feature is unavailable"),
    ("It costs 10,000", "It costs 10000"),
    ("5 GB of space", "5GB of space"),
    ("use v2.1.3", "use version 2.1.3"),
    ("Use ERR-42", "use err42"),
    ("see https://www.a.example/c/", "see http://a.example/c?utm_source=x"),
    ("Clear the cache and reload", "Reload the page after you clear the cache"),
    ("No problem, restart it", "Restart it"),
    ("Run `raco setup` again", "Run raco setup again"),
    ("Wait two minutes", "Wait 2 minutes"),
    ("If it does not work, reinstall the app", "Reinstall the app"),
    ("Turn it off and on again", "Turn it off, then turn it on again"),
    ("Setzen Sie das Passwort zurück", "Bitte das Passwort zurücksetzen"),
    ("That is fixed in 7.1 [1]", "That is fixed in 7.1"),
    ("Not only restart, but also clear the cache", "Restart and clear the cache"),
    ("Install the update", "Install the update, it fixes 3 bugs"),
    ("Se il problema persiste, riavvia", "Riavvia"),
    ("如果不行，请重启", "请重启"),
]


@pytest.mark.parametrize(("one", "two", "reason"), DIFFERENT)
def test_what_differs_is_named_both_ways(one: str, two: str, reason: str) -> None:
    assert differs(one, two) == differs(two, one) == reason
    assert not says_same(one, two, 0.97, 0.7)


@pytest.mark.parametrize(("one", "two"), SAME)
def test_paraphrase_passes(one: str, two: str) -> None:
    assert differs(one, two) == differs(two, one) == ""
    assert says_same(one, two, 0.7, 0.7)


def test_of_questions_a_state_and_the_wish_to_end_it_do_not_differ() -> None:
    locked, wish = "My account is locked", "How do I unlock my account?"
    assert differs(locked, wish) == "negation"
    assert differs(locked, wish, questions=True) == ""
    assert differs("Is my account locked?", "Is my account unlocked?", questions=True) == "negation"
    assert differs("How do I lock it?", "How do I unlock it?", questions=True) == "negation"


@pytest.mark.parametrize(("one", "two", "reason"), DIFFERENT)
def test_white_space_and_case_change_nothing(one: str, two: str, reason: str) -> None:
    assert differs(f"  {one.replace(' ', '  ')}\n", two) == reason
    assert differs(one, one.replace(" ", " \n ")) == ""


def test_likeness_below_theta_is_not_enough_unless_the_texts_are_equal() -> None:
    assert not says_same("Restart it", "Please restart it", 0.69, 0.7)
    assert says_same("Restart it", "restart  it", 0.0, 0.7)


@pytest.mark.parametrize(
    "unit", ["not ", "v1.", "a_", "1,000", "aB", "a-1", "can't ", "turn a b c ", "不", "1", "if "]
)
def test_hostile_texts_are_compared_quickly(unit: str) -> None:
    started = time.perf_counter()
    differs(unit * (100_000 // len(unit)), "x")
    assert time.perf_counter() - started < 2  # measured: below 0.1 s


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_symmetric_and_silent_on_itself(one: str, two: str) -> None:
    assert differs(one, two) == differs(two, one)
    assert differs(one, one) == ""
    assert says_same(one, one, -1.0, 0.7)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_numbers_are_the_same_only_when_equal(one: int, two: int) -> None:
    assert (differs(f"wait {one} seconds", f"wait {two} seconds") == "") == (one == two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("How do I upload a file?", "How do I download a file?"),
        ("How do I turn automatic two-step login on?", "How do I turn automatic two-step login off?"),
        ("Wie kann ich die Liste importieren?", "Wie kann ich die Liste exportieren?"),
        ("¿Cómo puedo conectar la impresora?", "¿Cómo puedo desconectar la impresora?"),
        ("如何导入客户？", "如何导出客户？"),
        ("请帮我锁定账号", "怎么解锁账号？"),
        ("2段階認証を有効にするには？", "2段階認証を無効にするには？"),
        ("알림을 활성화하려면?", "알림을 비활성화하려면?"),
        ("Export customers", "I would like to automatically import customers"),
        ("How can my team connect a printer?", "Where can someone disconnect a printer?"),
    ],
)
def test_who_asks_for_the_one_does_not_ask_for_the_other(one: str, two: str) -> None:
    assert opposed(one, two)
    assert opposed(two, one)
    assert not opposed(one, one)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("The report won't export", "Importing never works, and exporting the report fails"),
        ("Plugins stopped working", "Plugins don't start any more"),  # one trouble in two ways
        ("Can I import and export lists?", "How do I import a list?"),  # both sides
        ("How do I take a picture?", "How do I give feedback?"),
        ("My account is locked, what can I do?", "How do I unlock my account?"),
        ("I was blocked yesterday", "How do I unblock a user?"),
        ("Notifications are disabled", "How do I enable notifications again?"),
        ("My headset keeps disconnecting", "How do I connect my headset?"),
        ("My subscription is paused", "How do I resume my subscription?"),
        ("The toolbar is hidden", "How do I show the toolbar?"),
        ("I am muted in every meeting", "Can you unmute me?"),
        ("My request was rejected", "How do I approve a request?"),
        ("The service stopped after the update", "How do I start the service?"),
        ("My access was revoked", "How do I grant access?"),
        ("Mein Konto ist gesperrt", "Wie kann ich mein Konto entsperren?"),
        ("Mon compte est bloqué", "Comment débloquer mon compte ?"),
        ("账号被锁定怎么办？", "如何解锁账号？"),
        ("怎么账号锁定了？", "如何解锁账号？"),
        ("怎么蓝牙老是断开？", "如何连接蓝牙？"),
        ("2段階認証が無効になっている", "2段階認証を有効にするには？"),
        ("What should I add to the config to get rid of the banner?", "How do I remove the banner?"),
        ("Can you show me how I get rid of the toolbar?", "How do I hide the toolbar?"),
        ("How many seats are left?", "How do I join?"),
        ("Why do you block my account?", "How do I unblock my account?"),
        ("The pull request has a push button", "How do I push a branch?"),
    ],
)
def test_a_trouble_told_otherwise_is_not_opposed(one: str, two: str) -> None:
    assert not opposed(one, two)
