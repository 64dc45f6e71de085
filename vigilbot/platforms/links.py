"""Which addresses may be links in a message, and when a link's text says that it leads elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from vigilbot.text import canonical_url, clean, fold, links
from vigilbot.text.stopwords import word_set

Links = Callable[[str], str]
"""The address to open for one that a text holds; "" when it may not be a link there."""

_LONGEST: Final = 2000
_REFUSED: Final = re.compile(r"[\s<>|\"`\\\x00-\x1f]")
_DOTS: Final = str.maketrans(dict.fromkeys("\u3002\uff0e\uff61\u2024", "."))  # dots of addresses, in IDNA
_HOST: Final = re.compile(
    r"(?<![\w.-])(?:(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}|\d{1,3}(?:\.\d{1,3}){3})(?![\w-])"
)
_FILES: Final = word_set(
    "bat cfg cnf conf cpp cs css csv dll doc docx env exe gradle htm html ini jar java jpeg jpg js json jsonl"
    " jsx kt lock log pdf php plist png ppt pptx ps1 rb sql svg toml ts tsx txt war xls xlsx xml yaml yml"
)
"""Endings that no host has: a name that ends so is a file's."""


def openable(url: str) -> bool:
    """Whether an address may be a link at all: http(s), a host, nothing in or before it that poses as one."""
    if len(url) > _LONGEST or clean(url) != url or _REFUSED.search(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
        known = url.startswith(("http://", "https://"))  # Slack wants the scheme in small letters
        return known and bool(parts.hostname) and not set("@%") & set(parts.netloc)
    except ValueError:
        return False


def own_links(url: str) -> str:
    """Every address that may be a link is one."""
    return url if openable(url) else ""


def cited_links(urls: Sequence[str]) -> Links:
    """For a card: an address is a link when it is that of a citation, and opens what the ledger says."""
    known = {canonical_url(url): url for url in reversed(urls) if openable(url)}
    return lambda url: known.get(canonical_url(url), "")


def shown_url(url: str) -> str:
    """An address as a reader can trust it: a host in letters of other scripts is spelled in ASCII."""
    try:
        parts = urlsplit(url)
        if parts.netloc.isascii():
            return url
        return parts._replace(netloc=parts.netloc.encode("idna").decode("ascii")).geturl()
    except ValueError:  # UnicodeError is one
        return url


def names_another(label: str, url: str) -> bool:
    """Whether a link's text names an address or a host other than that of ``url``, which is openable."""
    text = fold(label).translate(_DOTS)
    own = {canonical_url(fold(form)) for form in (url, shown_url(url))}
    if any(canonical_url(address) not in own for address in links(text)):
        return True
    host = _bare(urlsplit(shown_url(url)).hostname or "")
    return any(
        named != host and named.rpartition(".")[2] not in _FILES
        for named in (_bare(match[0]) for match in _HOST.finditer(text))
    )


def _bare(host: str) -> str:
    return host.casefold().removeprefix("www.").rstrip(".")
