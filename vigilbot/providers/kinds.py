"""What a document is: what its sender says, checked against what its bytes say."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from vigilbot.errors import DocumentRefused

HTML = "text/html"
MARKDOWN = "text/markdown"
PLAIN = "text/plain"
PDF = "application/pdf"
XML = "application/xml"

BY_ENDING = {
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdx": MARKDOWN,
    ".txt": PLAIN,
    ".text": PLAIN,
    ".pdf": PDF,
    ".xml": XML,
}
"""The kinds of files by the ending of their names."""

_DECLARED = {
    "text/html": HTML,
    "application/xhtml+xml": HTML,
    "text/markdown": MARKDOWN,
    "text/x-markdown": MARKDOWN,
    "text/plain": PLAIN,
    "application/pdf": PDF,
    "application/x-pdf": PDF,
    "application/xml": XML,
    "text/xml": XML,
}
_UNSAID = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_MARKUP = re.compile(
    rb"\s*(?:<!--.{0,2000}?-->\s*)*<(!doctype\s+html|html|head|body|\?xml|urlset|sitemapindex)", re.I | re.S
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # marks of UTF-16, which is full of zero bytes
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_LOOKED_AT = 4096


def kind_of(content: bytes, *, declared: str = "", address: str = "") -> str:
    """One of the kinds above. ``declared`` is a media type, ``address`` a URL or a path.

    Raises DocumentRefused for anything else, however it calls itself.
    """
    head = content[:_LOOKED_AT]
    if not head.strip():
        raise DocumentRefused("it is empty")
    declared = declared.partition(";")[0].strip().lower()
    said = _DECLARED.get(declared, "")
    if declared in _UNSAID or said == PLAIN:  # servers of raw files call everything plain text
        said = _ended(address) or said
    if b"%PDF-" in head[:1024]:
        if said not in (PDF, "") and declared not in _UNSAID:
            raise DocumentRefused(f"it says that it is {declared}, and is a PDF")
        return PDF
    if said == PDF:
        raise DocumentRefused("it says that it is a PDF, and is none")
    if not said and declared not in _UNSAID:
        raise DocumentRefused(f"its kind, {declared[:60]}, is none that is read")
    if _is_binary(head):
        raise DocumentRefused("it is no text")
    markup = _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf"))
    if not said or (said == XML and markup):
        said = _marked(markup, head)
    return said


def _ended(address: str) -> str:
    path = urlsplit(address).path if "://" in address else address
    return BY_ENDING.get(PurePosixPath(path).suffix.lower(), "")


def _marked(markup: re.Match[bytes] | None, head: bytes) -> str:
    if markup is None:
        return PLAIN
    name = markup[1].lower()
    if name in (b"urlset", b"sitemapindex"):
        return XML
    return XML if name == b"?xml" and b"<html" not in head.lower() else HTML


def _is_binary(head: bytes) -> bool:
    if head.startswith(_WIDE):
        return False
    return len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 200
