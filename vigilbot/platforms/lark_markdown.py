"""Markdown as Lark's own: from the parsed tokens, so that nothing written can become markup.

Lark's cards read tags in their Markdown (``<at>``, ``<font>``, ``<link>``) and characters as numeric
entities. Every character of a text that could mean something stands as an entity; what is bold, code
or a link is so because the tokens say it. Mentions cannot come about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from markdown_it.token import Token

from vigilbot.platforms.lengths import cut
from vigilbot.platforms.links import Links, names_another, openable, own_links, shown_url
from vigilbot.platforms.markdown import parsed
from vigilbot.text import clean, links

_SPECIAL: Final = re.compile(r"[<>&*_~`\[\]()#!|\\]")
_LISTED: Final = re.compile(r"(?m)^(\s*)([-+]|\d+\.)(\s)")
_MARKS: Final = {
    "em_open": "*",
    "em_close": "*",
    "strong_open": "**",
    "strong_close": "**",
    "s_open": "~~",
    "s_close": "~~",
}
_FOUND: Final = re.compile(r"https?://[^\s<>]+|\[(\d{1,3})\]", re.IGNORECASE)
"""An address, or the marker of a citation."""


def escaped(text: str) -> str:
    """Text that means nothing but itself."""
    safe = _SPECIAL.sub(lambda m: f"&#{ord(m[0])};", clean(text))
    return _LISTED.sub(lambda m: f"{m[1]}{''.join(f'&#{ord(c)};' for c in m[2])}{m[3]}", safe)


def own_markdown(markdown: str, *, longest: int) -> str:
    """The bot's own words: any address may be a link."""
    return lark_markdown(markdown, longest=longest, links_of=own_links, escapes=True)


def lark_markdown(
    markdown: str, *, longest: int, links_of: Links, cited: tuple[str, ...] = (), escapes: bool = False
) -> str:
    """At most ``longest`` units of text are drawn; ``[n]`` leads to ``cited[n - 1]`` where that opens."""
    short = cut(clean(markdown[: 4 * longest + 256]), longest)
    tokens = parsed(short, escapes=escapes)
    if not tokens:
        return escaped(short) or " "
    return _Writer(links_of=links_of, cited=cited).written(tokens).strip() or " "


def link(url: str, label: str) -> str:
    """A link of which the reader knows where it leads; the label alone when nothing can be opened."""
    label = " ".join(clean(label).split())
    if not openable(url) or re.search(r"[\s()<>\[\]]", url):
        return escaped(label)
    if not label or names_another(label, url):
        shown = shown_url(url)
        return f"{escaped(label)} [{escaped(shown)}]({url})".strip()
    return f"[{escaped(label)}]({url})"


class _Writer:
    def __init__(self, *, links_of: Links, cited: tuple[str, ...]) -> None:
        self._links_of = links_of
        self._cited = cited
        self._lists: list[int | None] = []  # the next number, None for dots

    def written(self, tokens: Iterable[Token]) -> str:
        out: list[str] = []
        quoted = 0
        for token in tokens:
            kind = token.type
            if kind == "blockquote_open":
                quoted += 1
            elif kind == "blockquote_close":
                quoted -= 1
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._lists.append(int(token.attrGet("start") or 1) if kind.startswith("ordered") else None)
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
            elif kind == "list_item_open":
                out.append(self._item())
            elif kind == "inline":
                prefix = "> " if quoted and not (out and out[-1].endswith((". ", "- "))) else ""
                out.append(prefix + self._inline(token.children or []) + "\n")
            elif kind in ("fence", "code_block"):
                # behind a list's mark it might be none, and what is in it would be read
                out.append(("\n" if out and not out[-1].endswith("\n") else "") + self._code(token.content))
            elif kind in ("paragraph_close", "heading_close") and not self._lists:
                out.append("\n" if not quoted else "")
        return re.sub(r"\n{3,}", "\n\n", "".join(out))

    def _item(self) -> str:
        indent = "    " * (len(self._lists) - 1)
        number = self._lists[-1]
        if number is None:
            return f"{indent}- "
        self._lists[-1] = number + 1
        return f"{indent}{number}. "

    def _inline(self, tokens: list[Token]) -> str:
        out: list[str] = []
        href: str | None = None
        label: list[str] = []
        for token in tokens:
            if token.type == "link_open":
                href, label = str(token.attrGet("href") or ""), []
            elif token.type == "link_close":
                target = self._links_of(href or "")
                said = "".join(label)
                out.append(
                    link(target, said) if target else self._text(f"{said} ({href})" if href != said else said)
                )
                href = None
            elif href is not None:
                label.append(token.content)
            elif token.type == "code_inline":
                out.append(self._inline_code(token.content))
            elif token.type in ("softbreak", "hardbreak"):
                out.append("\n")
            elif token.type in _MARKS:
                out.append(_MARKS[token.type])
            else:
                out.append(self._text(token.content))
        return "".join(out)

    def _text(self, text: str) -> str:
        """Plain text: addresses become links where they may, markers lead to their sources."""
        out, at = [], 0
        for match in _FOUND.finditer(text):
            found = match[0] if match[1] else next(iter(links(match[0])), "")
            if not found or not match[0].startswith(found) or match.start() < at:
                continue
            out.append(escaped(text[at : match.start()]))
            at = match.start() + len(found)  # without the punctuation behind an address
            if match[1]:
                out.append(self._marker(found, int(match[1])))
                continue
            target = self._links_of(found)
            out.append(link(target, shown_url(target)) if target else self._inline_code(found))
        return "".join([*out, escaped(text[at:])])

    def _marker(self, written: str, number: int) -> str:
        url = self._cited[number - 1] if 0 < number <= len(self._cited) else ""
        return link(url, written) if openable(url) else escaped(written)

    def _inline_code(self, text: str) -> str:
        """Lark reads no entities in code, so what could end it or be a tag stands outside of it."""
        return f"`{text}`" if text and not re.search(r"[`<>\n]", text) else escaped(text)

    def _code(self, text: str) -> str:
        body = clean(text).rstrip("\n")
        if "```" in body or re.search(
            r"</?(?:at|font|link|person|a|number_tag|text_tag)\b", body, re.IGNORECASE
        ):
            return escaped(body) + "\n"
        return f"```\n{body}\n```\n"
