# ruff: noqa: RUF001, E501 - Chinese, whose characters count as two, is the subject here
"""What people read in a Chinese chat: the catalogue has every sentence that the bot's own code can show."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

import vigilbot
from vigilbot.interactions.why import _MEANING
from vigilbot.platforms.lark_words import Words, chinese

ROOT = Path(vigilbot.__file__).parent
SHOWN = (
    "showing.py",
    "clicks.py",
    "roles.py",
    "autonomy/gate.py",
    *(
        f"interactions/{name}.py"
        for name in (
            *("__init__", "asking", "home", "joining", "linking", "modes", "on_cards", "people"),
            *("saving", "sharing", "why", "wording"),
        )
    ),
)
"""Where the texts stand that people see. What operators type commands for is answered in English."""

PIECES = frozenset(
    {
        # showing
        ", confirmed in 1 on-call2",
        "learned from an earlier case",
        "from the knowledge base",
        "Somebody",
        "An analyst",
        "1 has said otherwise since: [read it](2)",
        "1 has said otherwise since.",
        # clicks
        "dismissed this draft",
        "has posted this answer",
        # joining
        "(chosen by 1, 2)",
        "1. 2 written here so far.",
        "**Who counts as an analyst:** 1",
        "1 leaves the machine I run on; no language model is used.2",
        "(when it is away: 1)",
        "a question, with the conversation around it, is sent to the language model 12.34",
        "Secrets, e-mail addresses, telephone and card numbers are taken out first.",
        "nothing of it",
        "of them has",
        "of them have",
        # asking
        "I am an automated assistant. I look for answers in what people resolved before.",
        "I had no answer to the last question here",
        "I did not answer the last question here again",
        "A human came before me with the last question here",
        "I kept my answer to the last question here back",
        "My last answer here: 1",
        "I came too late for the last question here",
        "I found no question in this.",
        "What would you like to know?",
        "There is no on-call here that I know of.",
        # why
        "1 tokens in, 2 out",
        "1: 2, 3 ms, 4567",
        "score 1, likeness 2",
        "; 1 for it, 2 against",
        "1`2` revision 34: 5\n6",
        ", words 1",
        ", a kept reply",
        "; failed: 1",
        ", retracted since",
        ", changed since",
        "(not kept any more)",
        "Candidates (1)",
        "Card for 1",
        # home
        "solved it, says who asked",
        "a human said the same",
        "a human said otherwise",
        "a human was first",
        "nobody reacted",
        "1 `2 help` lists what operators and analysts can do.",
        "1 stand on knowledge that was taken back or changed: `2 kb corrections` lists them.",
        # roles
        "one person",
        "1 an operator listed",
        "1 listed in the settings",
        # people, modes, saving, sharing
        "Only an operator can say who is who",
        "Only an analyst or an operator can choose the mode",
        "Another company is in this channel, so only an operator can let everyone see my cards",
        "They alone may command me.1",
        "Until then owners and admins may.",
        "Only people can be listed",
        "could not be looked up",
        "Please try again",
        "is a guest or of another company, and cannot command me",
        "Name a full member of this workspace",
        "**Secrets and personal data were taken out**: their places say so.",
        "Known already as `1`2. It is verified now and counts one case more.",
    }
)
"""Parts of sentences, put together elsewhere: the whole ones are below."""

RECORDED = frozenset(
    {
        "asked too long ago (cards.stale)",
        "take back an Accept",
        "saved by an analyst",
        "saved by an analyst once more",
        "shared by an analyst",
        "greeting refused",
        "said why",
        "roster add",
        "roster remove",
        "in a shared channel",
        "chosen by",
        "12, chosen by 3",
        "is a bot",
        "said 1",
        "request:1:given up",
    }
)
"""What only the record and the audit hold."""

WHOLE = [
    "learned from an earlier case, 2026-03-01; verified by an analyst, confirmed in 2 on-calls",
    "from the knowledge base, 2026-03-01; not yet verified, a workaround for now, until 2026-03-02 10:00 UTC",
    "learned from an earlier case, 2026-03-01; confirmed by 3 customers, confirmed in 1 on-call",
    "from a document, as of 2026-03-01, confirmed in 1 on-call",
    "An analyst has said otherwise since: [read it](https://chat.example/m/1) The question was edited since.",
    "Somebody has said otherwise since. What this rested on has changed since: see the correction.",
    "An analyst dismissed this draft already.",
    "小王 has posted this answer already.",
    "An analyst can accept this answer.",
    "✓ Accepted by the asker, an analyst",
    "Nothing was posted: the question is withdrawn.",
    "Nothing was posted: the on-call is closed or quiet.",
    "**How far I go here (everyone):** I post cards that everybody in the channel can read and the asker can "
    "accept. (chosen by 小王, 2026-03-02 09:00 UTC)",
    "**Who counts as an analyst:** nobody yet. None of them has written here so far.",
    "**Who counts as an analyst:** one person an operator listed; 2 people listed in the settings; members of "
    "支持组, 值班组; colleagues whose profile title says “支持”, “客服”; everybody else of this company. 2 of them "
    "have written here so far.",
    "**Where it goes:** nothing of it leaves the machine I run on; no language model is used. No page that "
    "somebody links to is fetched.",
    "**Where it goes:** a question, with the conversation around it, is sent to the language model acme/one-4.1 "
    "(when it is away: acme/two). Secrets, e-mail addresses, telephone and card numbers are taken out first. "
    "Pages are fetched from wiki.example alone, when somebody links to them.",
    "**Still to be set:** Nobody is listed as an analyst by name or group. Nobody is an operator; until somebody "
    "is, the workspace's owners and admins are.",
    "**Still to be set:** Nobody is an operator; until somebody is, the workspace's owners and admins are.",
    "I kept my answer to the last question here back (confidence 0.41 is below 0.60).",
    "I had no answer to the last question here (the evidence is too weak).",
    "My last answer here: decided (confidence 0.91 reaches 0.60).",
    "I am not sure enough to answer this (3 unaccepted cards stand in this on-call (cards.per_oncall)). "
    "A human should.",
    "What would you like to know? In a thread, say one word to me: `quiet` (anyone), `close`, `resume`, "
    "`reopen`, `why` (analysts). Or ask me a question, and I answer it or say why I cannot.",
    "✔ used: `K1` revision 2, changed since: 怎么登录？ → 点这里\nscore 0.85, likeness 1.00, words 0.10; 1 on-call "
    "for it, 0 against; likeness of this known question 1.00; passages that lead to it 1.00; share of the best "
    "other answer 0.00",
    "`K1` revision 2: an entry of a space that cannot be seen here\nscore 0.85, likeness 1.00; 2 on-calls for "
    "it, 0 against",
    "answer: acme/one, 812 ms, 900 tokens in, 70 out, $0.0123",
    "0.41 to: 点这里",
    "小王: customer, author of the thread's first message",
    "a question mark, trouble, something sought",
    "abstained: nothing is known about this",
    "Card for everybody",
    "Candidates (3 passages)",
    "**What was asked**",
    "#支持: 怎么登录？ — nobody reacted yet (2026-03-02 09:00 UTC)",
    "2 cards stand on knowledge that was taken back or changed: `/vigil kb corrections` lists them.",
    "They alone may command me. Until then owners and admins may.",
    "“小王” is a bot. Only people can be listed.",
    "Recorded: 1 operator, 2 analysts.",
    "Known already as `K1`: “怎么登录？”. It is verified now and counts one case more.",
    "**Correction** to my answer about “怎么登录？”: what it rested on says something else now.\n> 点那里",
    "Read it before you save it: from now on it answers others who may see this channel. **Secrets and personal "
    "data were taken out**: their places say so.",
]
"""As the pieces are put together, with names and numbers in them."""

ENGLISH = re.compile(r"[A-Za-z]+'?[a-z]* [a-z]{2,}|(?<![\w.])[A-Z]?[a-z]{4,}(?![\w.])")
KEPT = re.compile(
    r"`[^`]*`|https?://[^\s)]+|acme/[\w.-]+|oncall\.gate|roles\.\w+|cards\.\w+|VigilBot|\b(?:listen|analysts|everyone|answer|https?)\b|Accept"
)


def english(said: str) -> str:
    """The first English words in a text, code and names excepted; "" when there are none."""
    found = ENGLISH.search(KEPT.sub("", said))
    return found[0] if found else ""


def texts(path: Path) -> Iterator[str]:
    """The texts in a module that read like something said, places numbered; no docstrings, no SQL, no logs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            unsaid |= {id(one) for one in ast.walk(node) if one is not node}
    for node in ast.walk(tree):
        if id(node) in unsaid:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            places = iter(range(1, 20))
            text = "".join(
                str(part.value) if isinstance(part, ast.Constant) else str(next(places))
                for part in node.values
            )
        else:
            continue
        text = text.strip()
        if re.search(r"[A-Za-z]{2,}.*\s|^[A-Z][a-z]+", text) and not re.match(
            r"(?:SELECT|INSERT|UPDATE|DELETE|JOIN|FROM|WHERE|AND) |.*%[sdr]", text
        ):
            yield text


@pytest.mark.parametrize("name", SHOWN)
def test_every_text_that_people_see_is_in_the_catalogue(name: str) -> None:
    """A new text in these modules needs a line in lark_words.json, or a whole sentence in this test."""
    left = [t for t in texts(ROOT / name) if t not in PIECES | RECORDED and english(chinese(t))]
    assert not left


@pytest.mark.parametrize("text", WHOLE)
def test_sentences_put_together_are_chinese(text: str) -> None:
    assert not english(chinese(text))


@pytest.mark.parametrize("meaning", [_MEANING[name].capitalize() for name in _MEANING])
def test_the_numbers_of_a_trace_are_named_in_chinese(meaning: str) -> None:
    assert not english(chinese(meaning))


def test_nothing_is_left_over_in_the_lists_of_this_test() -> None:
    known = {text for name in SHOWN for text in texts(ROOT / name)}
    assert known >= PIECES | RECORDED


@pytest.mark.parametrize(
    "said",
    [
        "> Because: the disk is full",
        "怎么登录？",
        "点这里 [1]",
        "Run gatectl rotate, see https://wiki.example/keys",
        "",
    ],
)
def test_what_people_wrote_stays_as_it_is(said: str) -> None:
    assert chinese(said) == said


def test_names_and_numbers_come_through() -> None:
    said = chinese("`K1` says this now. What it said before stays in its history.")
    assert "`K1`" in said
    assert chinese("Recorded: 1 operator, 2 analysts.") == "已记录：1 位管理员，2 位分析师。"


def test_places_of_the_translations_are_those_of_the_english() -> None:
    given = json.loads(files("vigilbot.platforms").joinpath("lark_words.json").read_text(encoding="utf-8"))
    assert [e for e, said in given.items() if e.count("{}") < said.count("{}") or not said.strip()] == []


def test_a_chat_is_spoken_to_in_the_language_that_was_heard_there() -> None:
    words = Words(fixed="auto", usual="en")
    assert words.of("oc_1")("Accept") == "Accept"
    words.heard("oc_1", "导出报表一直失败，怎么办？")
    words.heard("oc_1", "ok")
    assert words.of("oc_1")("Accept") == "采纳"
    assert words.of("oc_2")("Accept") == "Accept"
    assert words.of("oc_1", "How do I export the report?")("Accept") == "Accept"
    assert Words(fixed="en", usual="zh").of("oc_1", "怎么登录？")("Accept") == "Accept"


def test_long_texts_are_translated_in_no_time() -> None:
    long = "a, b; c — d: e (f). " * 200
    assert chinese(long) == long
