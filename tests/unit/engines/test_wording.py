"""An analyst's words made fit for another customer: what goes, what stays, where the marker stands."""

# ruff: noqa: RUF001 - many scripts are the subject here

from __future__ import annotations

import time

import pytest

from vigilbot.engines.extractive.wording import cited, general, joined


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Greetings for the day! Open the form and fill it in", "Open the form and fill it in"),
        ("Hello Ann Marie Smith: go to the settings now", "go to the settings now"),
        ("Hi again. Try the reset button now.", "Try the reset button now."),
        ("カール様、お世話になっております。管理画面を開いてください。", "管理画面を開いてください。"),
        ("山田さん、設定画面を開いてください。", "設定画面を開いてください。"),
        ("您好 Carl,请打开用户的资料,点击重置密码。", "请打开用户的资料,点击重置密码。"),
        ("안녕하세요 Carl 님, 사용자 메뉴에서 프로필을 여세요.", "사용자 메뉴에서 프로필을 여세요."),
        ("مرحبا كارل، اذهب إلى الإدارة ثم المستخدمون.", "اذهب إلى الإدارة ثم المستخدمون."),
        ("नमस्ते कार्ल, एडमिन पैनल में सूची खोलिए।", "एडमिन पैनल में सूची खोलिए।"),
        ("Здравствуйте, Карл! Откройте профиль и нажмите кнопку.", "Откройте профиль и нажмите кнопку."),
    ],
)
def test_greeting_and_name_go(said: str, kept: str) -> None:
    assert joined(general(said)) == kept


@pytest.mark.parametrize(
    "said",
    [
        "请重启设备,然后点击重置密码。",
        "اذهب إلى الإدارة، ثم افتح قائمة المستخدمين.",
        "restart the agent, then wait a minute",
        "설정에서 프로필을 열고, 저장을 누르세요.",
    ],
)
def test_the_first_words_of_an_instruction_are_no_name(said: str) -> None:
    assert joined(general(said)) == said
    greeted = {"请": "你好,", "ا": "مرحبا ", "r": "hi ", "설": "안녕하세요, "}[said[0]] + said
    assert joined(general(greeted)) == said


def test_an_offer_of_help_is_not_the_answer() -> None:
    link = "https://help.example.com/new"
    assert general(f"We'd love to take a look and get that fixed-up for you. {link}") == [link]
    assert general(f"We'd love to help {link}") == [link]
    assert general(f"We'd love to help, see {link}") == [f"We'd love to help, see {link}"]
    assert general("It is a known issue. Let me see if I can find a trace somewhere.") == [
        "It is a known issue."
    ]


def test_a_wish_behind_a_link_goes() -> None:
    link = "https://help.example.com/tab"
    said = f"Congrats on reaching the goal! Learn more about it here: {link} Hope this helps!"
    assert general(said) == [f"Learn more about it here: {link}"]
    kept = f"Open {link} and thanks to the new tab you see all of it"
    assert general(kept) == [kept]


def test_an_example_stays_whole() -> None:
    said = "Try it again.\nE.g. you may have an older version… of the base package."
    assert general(said) == ["Try it again.", "E.g. you may have an older version… of the base package."]


def test_lines_without_a_full_stop_stay_lines() -> None:
    assert joined(["known compiler bug", "remove the cache (all of it)", "It works.", "Then go on"]) == (
        "known compiler bug\nremove the cache (all of it)\nIt works. Then go on"
    )
    assert joined(["開いてください。", "24時間有効です。"]) == "開いてください。24時間有効です。"


def test_a_marker_replaces_a_link_and_no_beginning_of_a_longer_one() -> None:
    home = "https://docs.example.org/"
    text = f"Start at {home} and read {home}packages/html#onInput, then ({home})。Back to {home}."
    assert cited(text, home, "[1]") == (
        f"Start at [1] and read {home}packages/html#onInput, then [1]。Back to [1]."
    )


def test_time_is_linear_in_the_text() -> None:
    began = time.perf_counter()
    for text in ("hi " * 40_000, "様、" * 40_000, "a… " * 40_000, "https://a/" + "b/" * 40_000):
        general(text)
    cited(("https://a.example/" + "/" * 500 + " ") * 40, "https://a.example/", "[1]")
    assert time.perf_counter() - began < 2
