"""Markdown in Slack: what is drawn, what stays as it is written, and which links there are."""

# ruff: noqa: RUF001 - letters that look alike are the subject here
from __future__ import annotations

import time
from typing import Any

import pytest

from tests.unit.platforms.hostile import visible
from vigilbot.platforms.lengths import cut, units
from vigilbot.platforms.links import cited_links, names_another, openable, shown_url
from vigilbot.platforms.slack_rich_text import (
    SHORTENED,
    labelled,
    own_text,
    rich_text,
)

DOCS, OTHER = "https://docs.example.com/a", "https://other.example.com/b"


def drawn(markdown: str, *cited: str, longest: int = 5000) -> list[dict[str, Any]]:
    return rich_text(markdown, longest=longest, links_of=cited_links(cited), cited=cited)


def line(markdown: str, *cited: str) -> list[dict[str, Any]]:
    """The pieces of a text that is one paragraph."""
    (only,) = drawn(markdown, *cited)
    assert only["type"] == "rich_text_section"
    return list(only["elements"])


def text(said: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": said, **({"style": style} if style else {})}


def link(url: str, said: str) -> dict[str, Any]:
    return {"type": "link", "url": url, "text": said}


def kinds(elements: list[dict[str, Any]]) -> list[str]:
    return [element["type"].removeprefix("rich_text_") for element in elements]


def test_emphasis_and_code() -> None:
    assert line("a **b** *c* ~~d~~ `e <@U1>` ***f***") == [
        text("a "),
        text("b", bold=True),
        text(" "),
        text("c", italic=True),
        text(" "),
        text("d", strike=True),
        text(" "),
        text("e <@U1>", code=True),
        text(" "),
        text("f", italic=True, bold=True),
    ]


def test_paragraphs_and_lines_stay_apart() -> None:
    assert line("one\ntwo\n\nthree") == [text("one\ntwo\n\nthree")]


def test_lists_nest_and_go_on_counting_after_code() -> None:
    elements = drawn("1. one\n   - a\n   - b\n2. two\n\n   ```sh\n   ls\n   ```\n3. three")
    assert [
        (e["style"], e["indent"], e.get("offset", 0), len(e["elements"]))
        if e["type"] == "rich_text_list"
        else e["type"]
        for e in elements
    ] == [
        ("ordered", 0, 0, 1),
        ("bullet", 1, 0, 2),
        ("ordered", 0, 1, 1),
        "rich_text_preformatted",
        ("ordered", 0, 2, 1),
    ]
    assert visible(elements) == "oneabtwolsthree"


def test_a_list_that_begins_later_keeps_its_numbers() -> None:
    assert drawn("4. four\n5. five")[0]["offset"] == 3


def test_lists_deeper_than_slack_indents() -> None:
    deep = "\n".join("  " * n + f"- level {n}" for n in range(12))
    assert [element["indent"] for element in drawn(deep)] == [*range(9), 8, 8, 8]


def test_second_paragraphs_and_empty_items() -> None:
    (only,) = drawn("- one\n\n  more\n- ")
    assert [visible(item) for item in only["elements"]] == ["one\nmore", " "]


@pytest.mark.parametrize("mark", ["> ", "- ", "1. ", "> - "])
def test_what_is_nested_too_deeply_to_draw_is_not_lost(mark: str) -> None:
    assert visible(drawn(mark * 200 + "the point")).endswith("the point")


def test_quotes_hold_everything_as_lines() -> None:
    (quote,) = drawn("> said *so*\n>\n> 1. first\n> 2. second\n>\n> ```\n> code\n> ```\n> > deeper")
    assert quote["type"] == "rich_text_quote"
    assert visible(quote) == "said so\n1. first\n2. second\ncode\ndeeper"


@pytest.mark.parametrize(
    ("written", "code", "around"),
    [
        ("```bash\nls -l\n```", "ls -l", ""),
        ("```\n  two\n    four\n```", "  two\n    four", ""),
        ("Try ```ls -l\ncat x``` now", "ls -l\ncat x", "Try | now"),
        ("```mkdir build\ncd build```", "mkdir build\ncd build", ""),
        ("```yaml\na: 1```", "a: 1", ""),
        ("before\n\n    indented\n", "indented", "before"),
        ("~~~\nx\n~~~", "x", ""),
        ("```\nnever closed", "never closed", ""),
    ],
)
def test_code_blocks_however_they_are_written(written: str, code: str, around: str) -> None:
    elements = drawn(written)
    blocks = [e for e in elements if e["type"] == "rich_text_preformatted"]
    assert [visible(block) for block in blocks] == [code]
    assert " | ".join(visible(e).strip() for e in elements if e not in blocks) == around


@pytest.mark.parametrize(
    "written",
    [
        "<!channel> <@U012AB3CD> <#C1|x> <!subteam^S1> @here @channel",
        r"C:\srv\_x and \\host\share and \*",
        "&lt;!channel&gt; &amp; &#60;",
        "<b>bold</b> <!-- note --> <script>x</script>",
        "# systemctl restart app",
        "a | b\n---|---\nc | d",
        "snake_case_name and 2 * 3 * 4 and a**b",
        "[x] [ ] [text] ![",
        "use :smile: and :+1:",
    ],
)
def test_what_is_no_markdown_here_stands_as_it_is_written(written: str) -> None:
    assert visible(drawn(written)) == written
    assert {piece["type"] for piece in line(written)} == {"text"}


def test_markers_lead_to_their_citations() -> None:
    assert line("Do it [1][2]. See [3] and [0].", DOCS, "", OTHER) == [
        text("Do it "),
        link(DOCS, "[1]"),
        text("[2]. See "),
        link(OTHER, "[3]"),
        text(" and [0]."),
    ]


def test_a_link_opens_what_the_ledger_says_and_not_what_was_written() -> None:
    assert line("See [the docs](http://www.docs.example.com/a/?utm_source=stolen).", DOCS) == [
        text("See "),
        link(DOCS, "the docs"),
        text("."),
    ]
    assert line("See HTTPS://docs.example.com/a.", DOCS) == [text("See "), link(DOCS, DOCS), text(".")]


def test_an_address_nobody_cited_can_be_read_and_copied_but_not_clicked() -> None:
    assert line("See https://evil.test/x, or [this](https://evil.test/y).", DOCS) == [
        text("See "),
        text("https://evil.test/x", code=True),
        text(", or this ("),
        text("https://evil.test/y", code=True),
        text(")."),
    ]


@pytest.mark.parametrize(
    "label",
    [
        "https://good.example/x",
        "good.example",
        "GOOD.example/login",
        "go to good.example now",
        "good。example",
        "go\u200bod.example",
        "ｇｏｏｄ.example",
        "gооd.example",
        "10.0.0.1",
        "**good.example**",
    ],
)
def test_a_link_never_names_another_address(label: str) -> None:
    pieces = line(f"[{label}]({DOCS})", DOCS)
    assert [piece for piece in pieces if piece["type"] == "link"] == [link(DOCS, DOCS)]


@pytest.mark.parametrize(
    "label",
    ["the guide", "docs.example.com", "www.docs.example.com", DOCS, "nginx.conf", "v1.2.3", "Node.js 20"],
)
def test_a_harmless_label_stays(label: str) -> None:
    assert line(f"[{label}]({DOCS})", DOCS) == [link(DOCS, label)]


def test_a_marker_cannot_be_made_to_lead_elsewhere() -> None:
    assert line(f"Do it [1]({DOCS})", DOCS) == [text("Do it "), link(DOCS, "[1]")]
    for written in (f"[1]({OTHER})", f"[[1]]({OTHER})", f"[1]\n\n[1]: {OTHER}"):
        pieces = [p for e in drawn(written, DOCS, OTHER) for p in e["elements"] if p["type"] == "link"]
        assert all(p in (link(DOCS, "[1]"), link(OTHER, OTHER)) for p in pieces)


def test_own_texts_may_link_anywhere_but_not_pretend() -> None:
    elements = own_text("[why](https://a.example/b), [c.example](https://a.example)", longest=99)
    links = [p for p in elements[0]["elements"] if p["type"] == "link"]
    assert links == [link("https://a.example/b", "why"), link("https://a.example", "https://a.example")]


def test_own_texts_quote_people_without_effect() -> None:
    quoted = r"Said: \*a\* \[x\](https://a.example) \`b\` \<!here\> \# c \\ d"
    said = own_text(quoted, longest=200)
    assert visible(said) == r"Said: *a* [x](https://a.example) `b` <!here> # c \ d"
    assert {tuple(sorted(p)) for p in said[0]["elements"]} == {("text", "type"), ("text", "type", "url")}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://a.example",
        "https://",
        "https://good.example@evil.test/",
        "https://a.example/<x>",
        "https://a.example/ b",
        "https://a.example:port/",
        "https://a.example/\u202egnp",
        "https://a.example/" + "x" * 2000,
        "https://[::1",
        "",
    ],
)
def test_addresses_that_are_no_links(url: str) -> None:
    assert not openable(url)
    assert labelled(url, "a title") == [text("a title")]


def test_foreign_letters_in_a_host_are_spelled_out() -> None:
    assert shown_url("https://bücher.example/x") == "https://xn--bcher-kva.example/x"
    assert not names_another("https://xn--bcher-kva.example/x", "https://bücher.example/x")


def test_too_long_a_text_says_so() -> None:
    elements = drawn("word " * 100, longest=50)
    assert visible(elements).startswith("word word")
    assert elements[-1]["elements"] == [text(SHORTENED, italic=True)]
    assert kinds(drawn("```\n" + "x\n" * 100, longest=50)) == ["preformatted", "section"]


def test_lengths_are_those_slack_counts() -> None:
    assert units("a😀") == 3
    assert cut("😀" * 10, 9) == "😀" * 4 + "…"
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("a" * 100_000, 0, end="") == ""


@pytest.mark.parametrize(
    "nothing", ["", " ", "\n", "\x00", "\u200b", "[]()", "![]()", "```\n```", "> ", "-", "**"]
)
def test_there_is_always_something_to_show(nothing: str) -> None:
    elements = drawn(nothing)
    assert elements
    assert all(p["text"] for e in elements for p in e["elements"] if e["type"] == "rich_text_section")


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "![",
        "*a_ ",
        "`a``b```",
        "[a](",
        "> ",
        "- ",
        "<",
        "\\",
        "https://",
        "~~a",
        "[1]",
        "a.b.",
        "*_",
        "[[1]](x)",
        "\t",
    ],
)
def test_no_text_takes_long(unit: str) -> None:
    began = time.perf_counter()
    drawn(unit * (100_000 // len(unit)), DOCS, longest=7000)
    assert time.perf_counter() - began < 2
