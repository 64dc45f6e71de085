"""A page that was read, as it stands in a document's row, and the parts of it that become knowledge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urldefrag

from vigilbot.knowledge.chunks import Chunk
from vigilbot.learning.chunking import chunks_of
from vigilbot.ports import Fetcher, Page, Row, Section

OwnFetcher = Callable[[str, str], Fetcher | None]
"""Who reads an address (first) as a tenant's (second) own app; None where that is not for the app to read."""


def parts_of(row: Row, page: Page) -> tuple[list[Chunk], bool, str]:
    """The document's parts, whether there was more, and its title."""
    title = page.title or row["title"] or row["key"].removeprefix("file:")
    chunks, cut = chunks_of(page, url=urldefrag(row["url"]).url, title=title)
    return chunks, cut, title


def page_of(body: Mapping[str, Any]) -> Page:
    sections = tuple(
        Section(path=tuple(each["path"]), text=each["text"], anchor=each["anchor"])
        for each in body["sections"]
    )
    return Page(title=body["title"], sections=sections, clipped=body["clipped"])
