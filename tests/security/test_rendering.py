"""Whatever a text holds: no mention, no link that pretends, always a valid message.

``tests/unit/platforms/test_slack_render.py`` draws mixtures of known traps; here texts are made from a
grammar of links, markers and look-alikes, and from any characters: some thousands in a common run, 100,000
with ``make fuzz``, and the naughty strings of the folder that VIGILBOT_DATA names.
"""

# ruff: noqa: RUF001 - letters that look alike are the subject here

from __future__ import annotations

import json
import os
import random
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.platforms.hostile import TRAPS, hostile_strings
from tests.unit.platforms.test_slack_render import drawn_problems

QUICK, FULL, SHARDS = 500, 100_000, 4

HOSTS = (
    "docs.example.com",
    "evil.test",
    "127.0.0.1",
    "docs.example.com.evil.test",
    "dоcs.example.com",
    "xn--dcs-jbd.test",
)
SCHEMES = (
    "https://",
    "http://",
    "HTTPS://",
    "hTTp://",
    "//",
    "javascript:",
    "data:",
    "mailto:",
    "slack://",
    "\\\\",
    "",
)
TAILS = (
    "",
    "/",
    "/a",
    "/a?utm_source=x",
    "/a#b",
    ":443/",
    "/%2e%2e/",
    "/a b",
    "/\u202ea",
    "?q=[1]",
    "/a)",
    "/a|b",
    "/<x>",
)
USERS = ("", "", "", "docs.example.com@", "a:b@", "%40", "docs.example.com%2F@")
LABELS = (
    *("docs.example.com", "https://docs.example.com/a", "click", "1", "[1]", "<!channel>", "@channel", "`x`"),
    *(
        "docs\u2024example\u2024com",
        "docs.example\u200b.com",
        "ＤＯＣＳ.example.com",
        "",
        " ",
        "\n",
    ),
)
SHAPES = (
    *(
        "[{label}]({url})",
        "[{label}](<{url}>)",
        '[{label}]({url} "{label}")',
        "<{url}|{label}>",
        "<{url}>",
        "{url}",
    ),
    *("![{label}]({url})", "[![{label}]({url})]({url})", "[{label}][1]\n\n[1]: {url}", "[{label}]: {url}"),
    *("`{url}`", "```\n{url}\n```", "> [{label}]({url})", "- [{label}]({url})", "# [{label}]({url})"),
    *(
        "\\[{label}]({url})",
        "[{label}]\\({url})",
        "[{label}] ({url})",
        "({url})",
        "**{url}**",
        "~~[{label}]({url})~~",
    ),
    *(
        "<@{label}>",
        "<!{label}>",
        "<!subteam^S1|{label}>",
        "<#C1|{label}>",
        "&lt;!{label}&gt;",
        "<!date^1^{label}^{url}|x>",
    ),
    *(
        "| {label} | {url} |\n|---|---|\n| a | b |",
        "<a href='{url}'>{label}</a>",
        "{label}[{label}]{label}({url})",
    ),
)


def links_of_all_kinds(count: int, seed: int) -> Iterator[str]:
    dice = random.Random(seed)
    for _ in range(count):
        said = []
        for _ in range(dice.choice((1, 1, 2, 4))):
            url = dice.choice(SCHEMES) + dice.choice(USERS) + dice.choice(HOSTS) + dice.choice(TAILS)
            said.append(dice.choice(SHAPES).format(label=dice.choice(LABELS), url=url))
        yield dice.choice((" ", "\n", "\n\n", "")).join(said)


def any_characters(count: int, seed: int) -> Iterator[str]:
    """Runs of every category of Unicode, unassigned and lone surrogates too, with markup strewn in."""
    dice = random.Random(seed)
    markup = "<>[]()!@#|*_~`&\\:/.\n\t {}^-+=1"
    for _ in range(count):
        length = dice.choice((1, 3, 10, 40, 400))
        yield "".join(
            dice.choice(markup) if dice.random() < 0.4 else chr(dice.randrange(sys.maxunicode + 1))
            for _ in range(length)
        )


GENERATORS: dict[str, Callable[[int, int], Iterator[str]]] = {
    "traps": hostile_strings,
    "links": links_of_all_kinds,
    "characters": any_characters,
}


@pytest.mark.parametrize("kind", ["links", "characters"])
def test_nothing_that_is_drawn_harms(kind: str) -> None:
    for said in GENERATORS[kind](QUICK, 20_261_122):
        assert not (found := drawn_problems(said)), (said, found)


def test_the_generators_make_what_they_are_for() -> None:
    links = list(links_of_all_kinds(QUICK, 1))
    assert len(set(links)) > 0.9 * QUICK
    characters = {unicodedata.category(c) for said in any_characters(QUICK, 1) for c in said}
    assert {"Cf", "Cs", "Cn", "Co", "Mn", "Lo", "So", "Zs"} <= characters
    assert len(TRAPS) > 80


@pytest.mark.fuzz
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_hundred_thousand_harm_nobody(kind: str, shard: int) -> None:
    count = FULL // SHARDS // len(GENERATORS) + 1
    for said in GENERATORS[kind](count, 100 + shard):
        assert not (found := drawn_problems(said)), (said, found)


def naughty() -> list[str]:
    path = Path(os.environ.get("VIGILBOT_DATA") or "nowhere") / "security" / "naughty-strings.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


@pytest.mark.skipif(not naughty(), reason="no data: VIGILBOT_DATA names no folder with security/*.json")
def test_naughty_strings_harm_nobody() -> None:
    for said in naughty():
        assert not (found := drawn_problems(said)), (said, found)
