"""Decoding, and Markdown as sections under their headings. Runs in the reading process."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from vigilbot.ports import Section

_KNOWN = re.compile(
    r"utf-?8(?:-sig)?|utf-?16(?:-?[lb]e)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?125\d|cp125\d"
    r"|cp866|cp932|cp949|koi8-[ru]|shift[-_]?jis|sjis|x-sjis|euc-?(?:jp|kr)|iso-2022-(?:jp|kr)"
    r"|gb2312|gbk|gb18030|big5(?:-?hkscs)?|hz-gb-2312|tis-620|mac-?cyrillic|macintosh"
)
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_FRONT = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.{1,300}?)[ \t]*$", re.MULTILINE)
_TAG = re.compile(r"<!--.*?-->|<[/!?]?[A-Za-z][^<>]{0,2000}>", re.DOTALL)
_PERMALINK = re.compile(r"\s*[¶§🔗#]+\s*$")
_DEEPEST = 12  # lists in lists


def decoded(content: bytes, charsets: Sequence[str]) -> str:
    """The text, by its byte order mark, the first of ``charsets`` that fits, UTF-8, or a guess."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    for name in charsets:
        if not _KNOWN.fullmatch(name.strip().lower()):
            continue
        try:
            return content.decode(name)
        except (UnicodeError, LookupError):
            continue
    try:
        return content.decode("utf-8")
    except UnicodeError:
        return _guessed(content)


def _guessed(content: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(content[:200_000]).best()
    return content.decode(best.encoding if best else "cp1252", "replace")


def without_front(text: str) -> tuple[str, str]:
    """A Markdown file's text without its front matter, and the title that stands there, or ""."""
    found = _FRONT.match(text)
    if not found:
        return text, ""
    title = _FRONT_TITLE.search(found[1])
    return text[found.end() :], title[1].strip("\"' ") if title else ""


def heading(text: str) -> str:
    """A heading on one line, without the permanent link that documentation tools put behind it."""
    return _PERMALINK.sub("", " ".join(text.split()))


def paragraphs(text: str) -> Section:
    """Text without any structure."""
    return Section(path=(), text=re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n")).strip())


def sections(markdown: str) -> list[Section]:
    """One section a heading, in order; text before the first heading has an empty path."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    writer = _Writer()
    above: list[tuple[int, str]] = []
    found: list[Section] = []

    def finish() -> None:
        if text := writer.taken():
            found.append(Section(path=tuple(name for _, name in above), text=text))

    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            finish()
            level = int(token.tag[1:])
            name = heading(_inline(tokens[place + 1], code=False))
            above[:] = [each for each in above if each[0] < level]
            if name:
                above.append((level, name))
        elif token.type == "inline" and place and tokens[place - 1].type == "heading_open":
            if tokens[place - 1].level:
                writer.line(_inline(token))
        else:
            writer.token(token)
    finish()
    return found


class _Writer:
    """Blocks as plain Markdown: lists, code and tables keep their form, links and emphasis go."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._lists: list[int | None] = []  # the number of an ordered list's item, None for a bullet
        self._mark = ""
        self._row: list[str] | None = None
        self._actions: dict[str, Callable[[Token], None]] = {
            "bullet_list_open": lambda _: self._lists.append(None),
            "ordered_list_open": lambda t: self._lists.append(int(t.attrs.get("start", 1))),
            "bullet_list_close": lambda _: self._leave(),
            "ordered_list_close": lambda _: self._leave(),
            "list_item_open": self._item,
            "fence": self._code,
            "code_block": self._code,
            "html_block": lambda t: self.line(_TAG.sub(" ", t.content)),
            "tr_open": lambda _: self._begin_row(),
            "tr_close": lambda _: self._end_row(),
            "inline": self._text,
        }

    def token(self, token: Token) -> None:
        if action := self._actions.get(token.type):
            action(token)

    def taken(self) -> str:
        """What was written since the last time."""
        text = "\n\n".join(re.sub(r" \|$", "", block, flags=re.MULTILINE) for block in self._blocks).strip()
        self._blocks.clear()
        return text

    def line(self, text: str) -> None:
        if not text.strip():
            return
        if not self._lists:
            self._blocks.append(text.strip())
            return
        indent = "  " * (min(len(self._lists), _DEEPEST) - 1)
        line = f"{indent}{self._mark or '  '}{text.strip()}"
        follows = bool(self._blocks) and self._blocks[-1].lstrip().startswith(("- ", "1. ", "  "))
        if (follows or not self._mark) and self._blocks:
            self._blocks[-1] += "\n" + line
        else:
            self._blocks.append(line)
        self._mark = ""

    def _leave(self) -> None:
        self._lists.pop()
        self._mark = ""

    def _item(self, token: Token) -> None:
        number = self._lists[-1] if self._lists else None
        self._mark = "- " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1

    def _code(self, token: Token) -> None:
        body = token.content.rstrip("\n")
        if body.strip():
            self._blocks.append(f"```\n{body}\n```")

    def _begin_row(self) -> None:
        self._row = []

    def _end_row(self) -> None:
        cells, self._row = self._row or [], None
        text = " | ".join(cells)
        if self._blocks and self._blocks[-1].endswith(" |"):
            self._blocks[-1] += f"\n{text} |"
        elif text.strip(" |"):
            self._blocks.append(f"{text} |")

    def _text(self, token: Token) -> None:
        if self._row is not None:
            self._row.append(" ".join(_inline(token).split()))
        else:
            self.line(_inline(token))


def _inline(token: Token, *, code: bool = True) -> str:
    parts: list[str] = []
    for child in token.children or ():
        content: Any = child.content
        if child.type == "code_inline":
            parts.append(f"`{content}`" if code else content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" " if child.type == "softbreak" else "\n")
        elif child.type in ("text", "text_special"):
            parts.append(content)
    return "".join(parts)
