"""A page's sections as parts of the knowledge base, each small enough to be found and shown whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vigilbot.domain import HEADINGS, Citation
from vigilbot.knowledge.chunks import Chunk
from vigilbot.ports import Page, Section
from vigilbot.text import sentences, shorten

SHOWN = 900  # characters a part is filled up to; the embedding model reads about so many
MOST = 1600  # characters of one part
CHUNKS = 400  # of one document
HEADING = 300
_BLANK = re.compile(r"\n[ \t]*\n")
_LINE = re.compile(r"\n")


def chunks_of(page: Page, *, url: str, title: str) -> tuple[list[Chunk], bool]:
    """The parts in the page's order, at most ``CHUNKS``; and whether the page went on after them.

    ``title`` names the document where the page itself does not. The path of headings begins with it.
    """
    name = shorten(page.title, 200) or title
    found: list[Chunk] = []
    for section in page.sections:
        citation = Citation(url=_address(url, section), title=_cited(name, section))
        heading = shorten(HEADINGS.join(_path(name, section)), HEADING)
        for text in parts(section.text):
            if len(found) == CHUNKS:
                return found, True
            found.append(Chunk(heading=heading, text=text, citation=citation))
    return found, page.clipped


def _path(name: str, section: Section) -> list[str]:
    path = [shorten(each, 120) for each in section.path if each.strip()]
    return path if path and path[0].casefold() == name.casefold() else [name, *path]


def _address(url: str, section: Section) -> str:
    return f"{url}#{section.anchor}" if url and section.anchor else url


def _cited(name: str, section: Section) -> str:
    path = _path(name, section)
    title = path[0] if len(path) < 2 else f"{path[0]}{HEADINGS}{path[-1]}"
    page = re.fullmatch(r"page=(\d+)", section.anchor)
    return f"{title}, page {page[1]}" if page else title


def parts(text: str) -> list[str]:
    """A section's text cut between paragraphs; long paragraphs between sentences, code between lines."""
    found: list[str] = []
    gathered = ""
    for block in _blocks(text):
        joined = f"{gathered}\n\n{block}" if gathered else block
        if gathered and len(joined) > SHOWN and len(block) > SHOWN // 8:
            found.append(gathered)
            gathered = block
        else:
            gathered = joined
        if len(gathered) > SHOWN:
            found.append(gathered)
            gathered = ""
    if gathered:
        found.append(gathered)
    return found


def _blocks(text: str) -> Iterator[str]:
    for at, piece in enumerate(re.split(r"(?m)^```[^\n]*\n(.*?)\n```$", text, flags=re.DOTALL)):
        if at % 2:
            yield from (f"```\n{code}\n```" for code in _cut(_LINE.split(piece), "\n", MOST - 8))
            continue
        for block in _BLANK.split(piece):
            if len(block) <= MOST:
                if block.strip():
                    yield block.strip()
            elif _LINE.search(block):
                yield from _cut(_LINE.split(block), "\n", SHOWN)
            else:
                yield from _cut(sentences(block), " ", SHOWN)


def _cut(pieces: list[str], joint: str, most: int) -> Iterator[str]:
    gathered = ""
    for piece in pieces:
        for part in (piece[at : at + most] for at in range(0, max(1, len(piece)), most)):
            if gathered and len(gathered) + len(joint) + len(part) > most:
                yield gathered
                gathered = part
            else:
                gathered = f"{gathered}{joint}{part}" if gathered else part
    if gathered.strip():
        yield gathered
