"""Lark, whose cards read tags in their Markdown: no mention, no foreign link, no link that pretends."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

from tests.security.test_rendering import FULL, GENERATORS, SHARDS
from tests.unit.platforms.hostile import TRAPS, pretends
from vigilbot.cards import Action, ActionKind, Card, Field, FieldKind, Form, Notice, Panel, Section
from vigilbot.domain import Citation
from vigilbot.platforms.lark_cards import (
    LARGEST,
    card_content,
    form_content,
    notice_content,
    panel_content,
    size,
    walk,
)

QUICK = 250
DOCS = "https://docs.example.com/a"
TAGS = (
    *(
        "<at id=all></at>",
        "<at id='ou_1'></at>",
        "<AT ID=all>",
        "&lt;at id=all&gt;&lt;/at&gt;",
        "&#60;at id=all&#62;",
    ),
    *(
        "<link url='https://evil.test'>docs.example.com</link>",
        "<font color='red'>x</font>",
        "<person id='ou_1'>",
    ),
    *(
        "`<at id=all></at>`",
        "```\n<at id=all></at>\n```",
        "<a href='https://evil.test'>x</a>",
        "<text_tag>x</text_tag>",
    ),
    *(
        "[x](https://evil.test)<at id=all>",
        "![x](img_v2_1)",
        "<at id=all/>",
        "< at id=all>",
        "<at\nid=all></at>",
    ),
)
_FENCED = re.compile(r"^```\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()]*)\)")
_READ = re.compile(r"</?(?:at|font|link|person|a|number_tag|text_tag)\b", re.IGNORECASE)


def problems(content: Any, *, allowed: Iterable[str] | None) -> list[str]:
    """What is wrong with a card; ``allowed`` are the addresses its links may open, None for any."""
    found = [] if size(content) <= LARGEST else ["too large"]
    json.dumps(content, ensure_ascii=False).encode()
    known = None if allowed is None else set(allowed)
    for element in walk(content):
        if element.get("tag") == "at":
            found.append(f"a mention: {element}")
        if element.get("tag") not in ("markdown", "lark_md"):
            continue
        text = str(element["content"])
        found += [f"a tag in code: {code}" for code in _FENCED.findall(text) if _READ.search(code)]
        prose = _CODE.sub(" ", _FENCED.sub(" ", text))
        found += [f"a tag: {prose}"] if "<" in prose else []
        for label, url in _LINK.findall(prose):
            if known is not None and url not in known:
                found.append(f"a link to elsewhere: {url}")
            if pretends(html.unescape(label), url):
                found.append(f"a link that pretends: {label} {url}")
        if "](" in _LINK.sub(" ", prose):
            found.append(f"half a link: {prose}")
    return found


def drawn(said: str) -> list[str]:
    accept = Action(kind=ActionKind.ACCEPT, label=said, value="a1")
    card = Card(
        title=said,
        question=said,
        body=f"{said} [1] {said}",
        citations=(Citation(url=DOCS, title=said), Citation(url=said, title="x")),
        provenance=said,
        actions=(accept,),
        accepted_by=said,
    )
    panel = Panel(title=said, sections=(Section(heading=said, facts=((said, said),), lines=(said,)),))
    field = Field(name="f", label=said, kind=FieldKind.TEXT, initial=said, hint=said, longest=50)
    form = Form(title=said, name="f", value="v", submit=said, note=said, fields=(field,))
    own = [notice_content(Notice(text=said, actions=(accept,))), panel_content(panel), form_content(form)]
    found = problems(card_content(card, asker=said), allowed=[DOCS, said])
    for content in own:
        found += problems(content, allowed=None)
    return found


@pytest.mark.parametrize("said", [*TAGS, *TRAPS])
def test_no_tag_and_no_trap_means_anything(said: str) -> None:
    assert drawn(said) == []
    assert drawn(f"{said} and *more* {said}") == []


@pytest.mark.parametrize("kind", GENERATORS)
def test_nothing_that_is_drawn_harms(kind: str) -> None:
    for said in GENERATORS[kind](QUICK, 7):
        assert not (found := drawn(said)), (said, found)


@pytest.mark.fuzz
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_hundred_thousand_harm_nobody(kind: str, shard: int) -> None:
    for said in GENERATORS[kind](FULL // SHARDS // len(GENERATORS) + 1, 200 + shard):
        assert not (found := drawn(said)), (said, found)
