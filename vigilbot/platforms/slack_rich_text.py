"""Markdown as Slack's rich_text: from the parsed tokens, so that nothing written can become markup.

Text stands in ``text`` elements, which Slack shows as they are: it looks for neither mentions nor
channels nor addresses in them. A link exists only where this module makes a ``link`` element, and its
text never names another address than the one it leads to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from markdown_it.token import Token

from vigilbot.platforms.lengths import cut, units
from vigilbot.platforms.links import Links, names_another, openable, own_links, shown_url
from vigilbot.platforms.markdown import parsed
from vigilbot.text import clean, links

Element = dict[str, Any]

SHORTENED: Final = "… shortened"
_DEEPEST: Final = 8  # Slack indents lists so far
_HIGHEST: Final = 100_000  # a number at the start of a line that is above is no counting
_PIECES: Final = 250  # inline elements of one text; nobody wrote more to be read
_ADDRESSES: Final = 2000  # units of all its links' addresses: Slack limits a message's blocks in total
_ADDRESS: Final = re.compile(r"https?://[^\s<>]+", re.IGNORECASE)
_MARKER: Final = re.compile(r"\[(\d{1,3})\]")
_NUMBER: Final = re.compile(r"\[?0*([1-9]\d{0,2})\]?")
_MARKS: Final = {"em": "italic", "strong": "bold", "s": "strike"}


def text_element(text: str, **style: bool) -> Element:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


def link_element(url: str, label: str, **style: bool) -> Element:
    """``url`` must be openable and ``label`` must not name another address."""
    return {"type": "link", "url": url, "text": label, **({"style": style} if style else {})}


def labelled(url: str, label: str, **style: bool) -> list[Element]:
    """A link of which the reader knows where it leads, or the label alone when nothing can be opened."""
    label = " ".join(clean(label).split())
    if not openable(url):
        return [text_element(label, **style)] if label else []
    if not label or label == url:
        return [link_element(url, shown_url(url), **style)]
    if not names_another(label, url):
        return [link_element(url, label, **style)]
    return [
        text_element(f"{label} (", **style),
        link_element(url, shown_url(url), **style),
        text_element(")"),
    ]


def own_text(markdown: str, *, longest: int) -> list[Element]:
    """The bot's own words: a backslash takes the meaning from what follows, any address is a link."""
    return rich_text(markdown, longest=longest, links_of=own_links, escapes=True)


def rich_text(
    markdown: str, *, longest: int, links_of: Links, cited: Sequence[str] = (), escapes: bool = False
) -> list[Element]:
    """The elements of a rich_text block, at least one; the text is cut to ``longest`` units.

    Without ``escapes`` a backslash is one: people write paths and patterns. ``[n]`` leads to
    ``cited[n - 1]`` where that is an address. An address that may not be a link stands as code, which
    can be copied and is never taken for a link.
    """
    text = clean(markdown[: 4 * longest + 256])
    short = cut(text, longest, end="")
    writer = _Writer(links_of=links_of, cited=cited)
    writer.write(parsed(short, escapes=escapes))
    elements = writer.elements
    if not elements or writer.pieces > _PIECES:
        elements = [section(text_element(short.strip() or " "))]
    if short != text:
        elements.append(section(text_element(SHORTENED, italic=True)))
    return elements


def section(*elements: Element) -> Element:
    return {"type": "rich_text_section", "elements": list(elements)}


def spoken(elements: Sequence[Element]) -> str:
    """The same as text alone, for notifications and screen readers."""
    lines: list[str] = []
    for element in elements:
        inner = element["elements"]
        if element["type"] == "rich_text_list":
            first = element.get("offset", 0) + 1
            marks = [f"{n}." if element["style"] == "ordered" else "•" for n, _ in enumerate(inner, first)]
            lines += [f"{mark} {spoken([item])}" for mark, item in zip(marks, inner, strict=True)]
        else:
            lines.append("".join(piece["text"] for piece in inner))
    return "\n".join(lines)


@dataclass(slots=True)
class _List:
    ordered: bool
    start: int
    shown: int = 0


@dataclass(slots=True)
class _Writer:
    """Block tokens in order to rich_text elements. Inside of a quote everything becomes lines of it."""

    links_of: Links
    cited: Sequence[str]
    elements: list[Element] = field(default_factory=list)
    pieces: int = 0
    _lists: list[_List] = field(default_factory=list)
    _item: Element | None = None  # the section of the list item being written
    _continued: _List | None = None  # whose items the last element holds
    _new_item: bool = False
    _quote: list[Element] | None = None
    _quotes: int = 0
    _heading: str = ""
    _addresses: int = 0

    def write(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            if token.type == "inline":
                self._paragraph(self._inline(token))
            elif token.type in ("fence", "code_block"):
                self._code(token.content.rstrip("\n"))
            elif token.type.startswith("heading"):
                self._heading = token.tag if token.nesting == 1 else ""
            elif token.type.startswith("blockquote"):
                self._quoting(token.nesting)
            elif token.type.startswith("list_item"):
                self._itemise(token.nesting)
            elif token.nesting == 1 and token.type in ("bullet_list_open", "ordered_list_open"):
                start = int(token.attrs.get("start", 1))
                self._lists.append(_List(ordered=token.type.startswith("ordered"), start=max(1, start)))
            elif token.nesting == -1 and token.type in ("bullet_list_close", "ordered_list_close"):
                self._lists.pop()
                self._item = None

    def _quoting(self, nesting: int) -> None:
        self._quotes += nesting
        if nesting == 1 and self._quotes == 1:
            self._quote = []
        elif nesting == -1 and self._quotes == 0 and self._quote is not None:
            said, self._quote = self._quote, None
            if said:
                self._add({"type": "rich_text_quote", "elements": said})

    def _itemise(self, nesting: int) -> None:
        if nesting == 1:
            self._new_item = True
        elif self._new_item:
            self._paragraph([text_element(" ")])  # an empty item
        self._item = None

    def _add(self, element: Element) -> None:
        self.elements.append(element)
        self._item, self._continued = None, None

    def _paragraph(self, said: list[Element]) -> None:
        if not said:
            return
        self.pieces += len(said)
        if self._quote is not None:
            self._quoted(said)
        elif self._new_item:
            self._listed(said)
        elif self._item is not None:
            _join(self._item["elements"], [text_element("\n"), *said])
        elif self.elements and self.elements[-1]["type"] == "rich_text_section":
            _join(self.elements[-1]["elements"], [text_element("\n\n"), *said])
        else:
            self._add(section(*said))

    def _quoted(self, said: list[Element]) -> None:
        assert self._quote is not None
        if self._new_item:
            self._new_item = False
            here = self._lists[-1]
            mark = f"{here.start + here.shown}. " if here.ordered else "• "
            here.shown += 1
            said = [text_element("    " * (len(self._lists) - 1) + mark), *said]
        _join(self._quote, [text_element("\n"), *said] if self._quote else said)

    def _listed(self, said: list[Element]) -> None:
        self._new_item = False
        here = self._lists[-1]
        offset = here.start - 1 + here.shown if here.ordered else 0
        counts = here.ordered and here.start <= _HIGHEST
        if here.ordered and not counts:
            said, offset = [text_element(f"{offset + 1}. "), *said], 0
        if self._continued is not here:
            self.elements.append(
                {
                    "type": "rich_text_list",
                    "style": "ordered" if counts else "bullet",
                    "indent": min(len(self._lists) - 1, _DEEPEST),
                    **({"offset": offset} if offset else {}),
                    "elements": [],
                }
            )
            self._continued = here
        here.shown += 1
        self._item = section(*said)
        self.elements[-1]["elements"].append(self._item)

    def _code(self, code: str) -> None:
        if not code.strip():
            return
        if self._quote is not None:
            self._paragraph([text_element(code, code=True)])
            return
        if self._new_item:
            self._paragraph([text_element(" ")])
        self.pieces += 1
        self._add({"type": "rich_text_preformatted", "elements": [text_element(code)]})

    def _inline(self, token: Token) -> list[Element]:
        out: list[Element] = []
        depth = dict.fromkeys(_MARKS.values(), 0)
        if self._heading == "h1":
            out.append(text_element("# "))  # as often a root prompt or a comment as a heading
        elif self._heading:
            depth["bold"] += 1
        label: list[str] = []
        target: str | None = None
        for child in token.children or ():
            kind = child.type.partition("_")[0]
            style = {name: True for name, level in depth.items() if level}
            if child.type in ("link_open", "link_close"):
                if child.nesting == -1 and target is not None:
                    _join(out, self._link(target, "".join(label), style))
                target, label = (str(child.attrs.get("href", "")), []) if child.nesting == 1 else (None, [])
            elif child.nesting and kind in _MARKS:
                depth[_MARKS[kind]] += child.nesting
            else:
                text = "\n" if child.type in ("softbreak", "hardbreak") else child.content
                if target is not None:
                    label.append(text)
                elif child.type == "code_inline":
                    _join(out, [text_element(text, **style, code=True)] if text else [])
                else:
                    _join(out, self._prose(text, style))
        return out

    def _prose(self, text: str, style: dict[str, bool]) -> list[Element]:
        """Text with the addresses in it; what may not be a link is code."""
        out: list[Element] = []
        at = 0
        for match in _ADDRESS.finditer(text):
            found = links(match[0])
            if not found or not match[0].startswith(found[0]):
                continue
            out += self._marked(text[at : match.start()], style)
            out += self._address(found[0], style)
            at = match.start() + len(found[0])
        return out + self._marked(text[at:], style)

    def _marked(self, text: str, style: dict[str, bool]) -> list[Element]:
        """Text with its markers of citations."""
        out: list[Element] = []
        at = 0
        for match in _MARKER.finditer(text):
            number = int(match[1])
            url = self.cited[number - 1] if 1 <= number <= len(self.cited) else ""
            if openable(url) and self._affords(url):
                if text[at : match.start()]:
                    out.append(text_element(text[at : match.start()], **style))
                out.append(link_element(url, match[0], **style))
                at = match.end()
        return [*out, text_element(text[at:], **style)] if text[at:] else out

    def _address(self, written: str, style: dict[str, bool]) -> list[Element]:
        url = self.links_of(written)
        if url and self._affords(url):
            return [link_element(url, shown_url(url), **style)]
        return [text_element(written, **style, code=True)]

    def _link(self, written: str, label: str, style: dict[str, bool]) -> list[Element]:
        """A link as Markdown writes it. One that may not be is its label and its address."""
        url = self.links_of(written)
        label = " ".join(label.split())
        if number := _NUMBER.fullmatch(label):  # models write markers as links too
            label = f"[{number[1]}]"
            if url and url in self.cited[int(number[1]) - 1 : int(number[1])]:
                return self._marked(label, style)
        if url and not _MARKER.search(label) and self._affords(url):
            return labelled(url, label, **style)
        told = self._prose(label, style) or [text_element("[]", **style)]
        if label == written:
            return told
        address = self._address(written, style) if written else []
        return [*told, text_element(" (", **style), *address, text_element(")", **style)]

    def _affords(self, url: str) -> bool:
        self._addresses += units(url)
        return self._addresses <= _ADDRESSES


def _join(line: list[Element], more: Sequence[Element]) -> None:
    """Appends; neighbours of the same style become one."""
    for element in more:
        last = line[-1] if line else None
        same = (
            last and last["type"] == element["type"] == "text" and last.get("style") == element.get("style")
        )
        if last and same:
            last["text"] += element["text"]
        else:
            line.append(element)
