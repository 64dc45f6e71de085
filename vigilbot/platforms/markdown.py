"""The Markdown that people, models and the bot itself write in chats, as tokens."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from vigilbot.text.stopwords import word_set

_NESTED: Final = 60  # levels the parser follows; what is deeper it would leave out
_FENCE: Final = re.compile(r"(?<!`)```(?!`)")
_OPENS: Final = re.compile(r"(?:\A|\n)[ \t>]*\Z")
_INFO: Final = re.compile(r"([^\n]*)\n")
_CLOSES: Final = re.compile(r"\n[ \t>]*\Z")
_LANGUAGES: Final = word_set(
    "bash bat c c++ console cpp cs csharp css diff docker dockerfile elixir go graphql groovy haskell hcl"
    " html http ini java javascript js json json5 jsonc jsx kotlin lua makefile markdown md nginx php"
    " plaintext powershell properties proto ps1 py python rb ruby rust scala sh shell shell-session sql"
    " swift terraform text toml ts tsx txt typescript xml yaml yml zsh"
)
_RULES: Final = ("reference", "html_block", "lheading", "hr", "table")
_INLINE_RULES: Final = ("html_inline", "image", "entity")
"""Switched off: what is written is no HTML."""


def parsed(text: str, *, escapes: bool) -> list[Token]:
    """The block tokens of a text; none when it is nested so deeply that some of it would be lost.

    Without ``escapes`` a backslash is one: people write paths and patterns.
    """
    tokens = _parser(escapes=escapes).parse(_fenced(text))
    return tokens if max((token.level for token in tokens), default=0) < _NESTED - 2 else []


class _Parser(MarkdownIt):
    """Leaves addresses as they are written: they are compared with the ledger's."""

    def normalizeLink(self, url: str) -> str:
        return url

    def normalizeLinkText(self, link: str) -> str:
        return link


@cache
def _parser(*, escapes: bool) -> MarkdownIt:
    parser = _Parser("commonmark", {"maxNesting": _NESTED}).enable("strikethrough")
    return parser.disable([*_RULES, *_INLINE_RULES, *(() if escapes else ("escape",))])


def _fenced(text: str) -> str:
    """The text with every ``` on a line of its own: chat programs let code begin behind it."""
    marks = [(m.start(), m.end()) for m in _FENCE.finditer(text)]
    out, at = [], 0
    for (start, after), (end, rest) in zip(marks[::2], marks[1::2], strict=False):
        code = text[after:end]
        if "\n" not in code:
            continue  # code within a line
        info = _INFO.match(code)
        known = info is not None and info[1].strip().casefold() in ("", *_LANGUAGES)
        line_ends = text[rest : rest + 1] in ("", "\n")
        if known and line_ends and _CLOSES.search(code) and _OPENS.search(text, max(0, start - 40), start):
            continue
        body = code[info.end() :] if known and info else code
        out.append(text[at:start].rstrip(" \t") + "\n```\n" + body.removesuffix("\n") + "\n```\n")
        at = rest
    return "".join(out) + text[at:]
