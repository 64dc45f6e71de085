"""The text of a PDF, page by page, under the headings of its outline. Runs in the reading process."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError, WrongPasswordError

from vigilbot.errors import DocumentRefused
from vigilbot.ports import Page, Section
from vigilbot.providers.reading_text import heading

PAGES = 400
_HYPHEN = re.compile(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])")
_DEEPEST = 6
_LEAST = 20  # characters of all pages together


def pdf_page(content: bytes, *, most: int) -> Page:
    """At most ``PAGES`` pages and ``most`` characters. Raises DocumentRefused."""
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentRefused("it is encrypted")
        found = _sections(reader, most)
        title = heading(str((reader.metadata and reader.metadata.title) or ""))
        count = len(reader.pages)
    except (DependencyError, WrongPasswordError) as error:
        raise DocumentRefused("it is encrypted") from error
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        raise DocumentRefused(f"it is a broken PDF ({type(error).__name__})") from error
    except (RecursionError, ZeroDivisionError, AssertionError, NotImplementedError) as error:
        raise DocumentRefused(f"it is a broken PDF ({type(error).__name__})") from error
    if sum(len(section.text) for section in found) < _LEAST:
        raise DocumentRefused("it has no text; perhaps its pages are pictures")
    clipped = count > PAGES or sum(len(section.text) for section in found) >= most
    return Page(title=title[:300], sections=tuple(found), clipped=clipped)


def _sections(reader: PdfReader, most: int) -> list[Section]:
    places = dict(_outline(reader))
    path: tuple[str, ...] = ()
    found: list[Section] = []
    size = 0
    for number, page in enumerate(reader.pages):
        if number >= PAGES or size >= most:
            break
        path = places.get(number, path)
        text = _flowing(page.extract_text())[: most - size]
        size += len(text)
        if text:
            found.append(Section(path=path, text=text, anchor=f"page={number + 1}"))
    return found


def _outline(reader: PdfReader) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Page numbers from 0, and the headings in force from there on: the first that begins there."""
    try:
        outline = reader.outline
    except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return  # the pages are readable without it
    seen: set[int] = set()
    for item, path in _walk(outline, ()):
        try:
            number = reader.get_destination_page_number(item)
        except (PyPdfError, ValueError, TypeError, KeyError, AttributeError):
            continue
        if number is not None and number not in seen:
            seen.add(number)
            yield number, path


def _walk(items: Sequence[Any], above: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    last = above
    for item in items:
        if isinstance(item, list):
            if len(last) < _DEEPEST:
                yield from _walk(item, last)
        else:
            last = (*above, heading(str(item.title))[:200])
            yield item, last


def _flowing(text: str) -> str:
    """Lines that were broken to fit the page, joined again; short lines stay lines."""
    lines = [line.strip() for line in _HYPHEN.sub("", text).splitlines()]
    full = max((len(line) for line in lines), default=0) * 0.7
    whole = ""
    before = ""
    for line in lines:
        if not whole:
            whole = line
        elif not line or not before:
            whole += "\n\n" + line if line else ""
        else:
            whole += (" " if len(before) >= full else "\n") + line
        before = line
    return re.sub(r"\n{3,}", "\n\n", whole).strip()
