# ruff: noqa: RUF001 - Chinese, whose characters count as two, is the subject here
"""Chinese with an embedding model that does not read it: a case counts by its wording alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vigilbot.domain import Answer, Dialogue, KnowledgeEntry, Passage, PassageKind, Question, Trust
from vigilbot.engines.extractive.answer import Answerer
from vigilbot.engines.extractive.unread import likeness

ENGLISH_ONLY = "sentence-transformers/all-MiniLM-L6-v2"
KNOWN = "怎么把存储桶迁移到法兰克福区域，而且不停机？"


def passage(question: str, *, alike: float = 1.0) -> Passage:
    entry = KnowledgeEntry(
        id=question,
        revision=1,
        kind=PassageKind.QA,
        space="public",
        question=question,
        answer="在「区域」页面点迁移，选择双写模式即可。",
        citations=(),
        trust=Trust.VERIFIED,
        valid_from=datetime(2030, 1, 1, tzinfo=UTC),
        channel="",
        learned_from="",
        message_ids=(),
        actor="ann",
    )
    evidence = {"alike": alike, "nearest": alike, "share": 1.0, "voices": 2.0, "rival": 0.0, "times": 8.0}
    return Passage(entry=entry, dense=alike, lexical=0.0, score=0.9, evidence=evidence)


async def answered(asked: str, *known: Passage, model: str = ENGLISH_ONLY) -> Answer:
    question = Question(text=asked, message_ids=("m",))
    return await Answerer(model=model).answer(Dialogue(messages=()), question, known)


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("能不能把我们的存储桶不停机迁移到法兰克福区域？", KNOWN),
        ("请问发票在哪里下载", "发票在哪里下载？"),
        ("从今天开始，上传到存储桶时报错 ERR-4031", "我们每晚导出到存储桶都报 ERR-4031，怎么恢复？"),
    ],
)
def test_the_same_wording_is_the_same_case(asked: str, known: str) -> None:
    assert likeness(asked, known) > 0


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ("怎么给同事取消管理员权限？", "怎么给同事开通管理员权限？"),
        ("如何批量导出客户？", "如何批量导入客户？"),
        ("怎么开启两步验证？", "怎么关闭两步验证？"),
        ("接口返回 403 错误是什么原因？", "接口返回 500 错误是什么原因？"),
        ("为什么不支持单点登录？", "为什么支持单点登录？"),
        ("数据库磁盘满了怎么办？", "数据库连接数满了怎么办？"),
        ("怎么办？", "为什么？"),
    ],
)
def test_another_question_in_nearly_the_same_words_is_another_case(asked: str, known: str) -> None:
    assert likeness(asked, known) == 0


async def test_the_case_that_is_worded_alike_answers_though_another_is_nearer() -> None:
    answer = await answered(
        "怎么把我们的存储桶迁移到法兰克福区域，不停机？",
        passage("合同怎么作废？"),
        passage(KNOWN),
    )
    assert answer.text
    assert [p.entry.id for p in answer.passages] == [KNOWN]


async def test_nearness_alone_gives_no_answer() -> None:
    answer = await answered("合同作废以后还能恢复吗？", passage(KNOWN))
    assert answer.refused
    assert "does not read the language" in answer.reason


async def test_another_model_is_trusted_with_chinese() -> None:
    answer = await answered("合同作废以后还能恢复吗？", passage(KNOWN), model="acme/multilingual")
    assert "does not read the language" not in answer.reason


async def test_english_is_judged_as_before() -> None:
    answer = await answered(
        "How do I void a contract that was signed last week?", passage("How do I void a signed contract?")
    )
    assert "does not read the language" not in answer.reason
