"""The process that reads documents of strangers: small, without secrets, killed when it does too much.

Standard input is a line of JSON (media_type, charset, url) and then the document; standard output one
JSON object, a page or the reason why there is none.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace

from vigilbot.errors import DocumentRefused
from vigilbot.ports import Page, Section
from vigilbot.providers.kinds import HTML, MARKDOWN, PDF, XML
from vigilbot.redact import redact_secrets

TEXT = 1_000_000  # characters of one document
MEMORY = 1024 * 1024 * 1024
_REASON = "reason"


def limit(*, seconds: int) -> None:
    """Bounds this process for good: processor time, memory, and no file may be written."""
    for kind, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # where a system has no such limit, the parent's clock remains
            resource.setrlimit(kind, (most, most))


def page_of(content: bytes, *, media_type: str, charset: str, url: str) -> Page:
    """Raises DocumentRefused."""
    if media_type == HTML:
        from vigilbot.providers.reading_html import html_page

        return _bounded(html_page(content, charset=charset, url=url))
    if media_type == PDF:
        from vigilbot.providers.reading_pdf import pdf_page

        return _bounded(pdf_page(content, most=TEXT))
    if media_type == XML:
        raise DocumentRefused("it is XML, which is no text for people")
    from vigilbot.providers.reading_text import decoded, paragraphs, sections, without_front

    text, title = without_front(decoded(content, [charset] if charset else []))
    found = sections(text) if media_type == MARKDOWN else [paragraphs(text)]
    if not any(section.text.strip() for section in found):
        raise DocumentRefused("it has no text")
    if not title and found[0].path:
        title = found[0].path[0]
    return _bounded(Page(title=title[:300], sections=tuple(found)))


def _bounded(page: Page) -> Page:
    """Not too long, and without keys and passwords: what a page says is stored, and told to customers."""
    left = TEXT
    kept: list[Section] = []
    for section in page.sections:
        if left <= 0:
            break
        kept.append(replace(section, text=redact_secrets(section.text[:left])))
        left -= len(section.text)
    cut = left < 0 or len(kept) < len(page.sections)
    return replace(page, sections=tuple(kept), clipped=page.clipped or cut)


def main() -> None:
    head = json.loads(sys.stdin.buffer.readline())
    limit(seconds=int(head["seconds"]))
    content = sys.stdin.buffer.read()
    found: Mapping[str, object]
    try:
        found = asdict(
            page_of(content, media_type=head["media_type"], charset=head["charset"], url=head["url"])
        )
    except DocumentRefused as error:
        found = {_REASON: str(error)}
    except MemoryError:
        found = {_REASON: "it needs too much memory to be read"}
    except Exception as error:  # whatever a stranger's document does to a parser, the reason is told
        found = {_REASON: f"it cannot be read ({type(error).__name__})"}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
