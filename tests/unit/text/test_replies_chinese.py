# ruff: noqa: RUF001 - Chinese, whose characters count as two, is the subject here
"""What a message does, in Chinese: claims, thanks, confirmations, questions back, guesses, rejections."""

from __future__ import annotations

import pytest

from vigilbot.text import language, replies, sentences, tokens

ASKED = "导出报表为什么一直失败？"


@pytest.mark.parametrize(
    "said",
    [
        "我来看一下",
        "稍等",
        "我看看",
        "我马上看",
        "我跟进一下",
        "在查了",
        "请稍等，我确认一下",
        "收到，我看下",
        "这个我来处理",
        "我来",
    ],
)
def test_a_claim_takes_the_question_on_and_states_nothing(said: str) -> None:
    assert replies.acknowledges(said, ASKED)
    assert not replies.definitive(said)


@pytest.mark.parametrize(
    "said",
    [
        "在设置里打开同步开关即可。",
        "重启一下服务就好了。",
        "请到「设置 > 账号」里重置密码。",
        "你可以试试清除缓存",
        "需要管理员在后台开通权限",
    ],
)
def test_an_answer_states_something_and_is_no_claim(said: str) -> None:
    assert replies.definitive(said)
    assert not replies.acknowledges(said, ASKED)


@pytest.mark.parametrize(
    "said", ["谢谢", "好的", "收到", "明白了，谢谢！", "好的收到", "辛苦了", "嗯嗯", "您好，谢谢您"]
)
def test_thanks_are_small_talk(said: str) -> None:
    assert replies.is_small_talk(said)


@pytest.mark.parametrize(
    "said", ["好了", "可以了，谢谢！", "已经解决了", "问题解决了", "现在正常了", "恢复了", "没问题了"]
)
def test_the_asker_says_that_it_worked(said: str) -> None:
    assert replies.confirms(said)
    assert not replies.is_small_talk(said)


@pytest.mark.parametrize(
    "said", ["好了吗？", "可以了吗", "解决了吗", "还没解决", "不可以", "谢谢", "还是不行", "怎么才能好"]
)
def test_a_question_or_a_denial_confirms_nothing(said: str) -> None:
    assert not replies.confirms(said)


@pytest.mark.parametrize("said", ["还是不行", "没用", "没有解决", "依然报错", "还是一样", "没效果", "不管用"])
def test_the_asker_says_that_it_did_not_help(said: str) -> None:
    assert replies.denies(said)


@pytest.mark.parametrize(
    "said",
    ["请问您用的是哪个版本？", "能发一下截图吗", "您的订单号是多少", "具体报什么错？", "什么时候开始的"],
)
def test_asking_for_more_is_no_answer(said: str) -> None:
    assert replies.asks_back(said)
    assert not replies.definitive(said)


@pytest.mark.parametrize("said", ["可能是缓存的问题", "大概是网络原因", "我不太确定", "不清楚"])
def test_a_guess_is_no_answer(said: str) -> None:
    assert not replies.definitive(said)


@pytest.mark.parametrize("said", ["上面的回答是错的", "这个答案不对", "别信机器人", "机器人说错了"])
def test_somebody_says_that_the_answer_is_wrong(said: str) -> None:
    assert replies.rejects_answer(said)


def test_what_is_only_supposed_rejects_nothing() -> None:
    assert not replies.rejects_answer("如果这个回答不对，请告诉我")


def test_sentences_end_at_full_width_marks() -> None:
    said = "你好。导出失败了！为什么？他说：「先重启。」然后登录"
    assert sentences(said) == ["你好。", "导出失败了！", "为什么？", "他说：「先重启。」", "然后登录"]


def test_full_width_letters_and_digits_are_read_as_plain_ones() -> None:
    assert {"err-42", "42", "2.1", "报表"} <= set(tokens("导出报表失败，错误码ＥＲＲ－４２，版本２．１"))


@pytest.mark.parametrize(
    ("said", "spoken"),
    [("你好", "zh"), ("用 API 导出 CSV 报 500 错误", "zh"), ("ok", ""), ("エラーです", "ja")],
)
def test_the_language_is_told_from_few_characters(said: str, spoken: str) -> None:
    assert language(said) == spoken
