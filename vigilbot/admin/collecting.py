"""From what an operator names (an address, a file, a folder, a sitemap) to documents of the ledger."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from vigilbot.admin import audit
from vigilbot.errors import BadInput, DocumentError, DocumentRefused
from vigilbot.learning.documents import Documents, DocumentState
from vigilbot.ledger import Ledger
from vigilbot.ports import Fetcher, Row, Statement
from vigilbot.text import canonical_url

LARGEST = 5 * 1024 * 1024  # bytes of one file
SITEMAPS = 20  # read for one that leads to others
_LOCATION = re.compile(r"<loc>\s*(?:<!\[CDATA\[)?\s*([^<>\]\s]{1,4000})\s*(?:\]\]>)?\s*</loc>", re.IGNORECASE)
_SITEMAP = re.compile(r"\.xml$|sitemap[^/]*$", re.IGNORECASE)

Kind = Callable[[bytes, str], str]
"""The media type of a file's content; raises DocumentRefused."""


@dataclass(slots=True)
class Collected:
    """What there is to add. ``failed`` are (name, reason), ``folders`` were looked through."""

    urls: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0  # beyond the limit

    @property
    def count(self) -> int:
        return len(self.urls) + len(self.files)


async def collect(names: Sequence[str], *, endings: Sequence[str], fetcher: Fetcher, limit: int) -> Collected:
    """Every document behind the names. Raises BadInput for a path that is not there."""
    found = Collected()
    for name in names:
        if re.match(r"https?://", name, re.IGNORECASE):
            if _SITEMAP.search(urlsplit(name).path):
                await _sitemap(name, fetcher, found)
            else:
                found.urls.append(name)
            continue
        _local(name, endings, found)
    found.urls = list({canonical_url(url): url for url in found.urls}.values())
    found.files = list(dict.fromkeys(found.files))
    found.left_out = max(0, found.count - limit)
    found.files = found.files[: max(0, limit - len(found.urls))]
    found.urls = found.urls[:limit]
    return found


def _local(name: str, endings: Sequence[str], found: Collected) -> None:
    path = Path(name).expanduser().resolve()
    if path.is_dir():
        found.folders.append(path)
        found.files += _files(path, endings)
    elif path.is_file():
        found.files.append(path)
    else:
        remedy = "Addresses begin with http:// or https://"
        raise BadInput("there is no such file or folder", place=name, remedy=remedy)


def _files(folder: Path, endings: Sequence[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in endings and not hidden and path.is_file() and not path.is_symlink():
            yield path


async def _sitemap(url: str, fetcher: Fetcher, found: Collected) -> None:
    """The pages a sitemap lists, of its own host; sitemaps in it are followed."""
    host = urlsplit(url).netloc.lower()
    waiting, seen = [url], set[str]()
    while waiting and len(seen) < SITEMAPS:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            content = (await fetcher.fetch(current)).content or b""
        except DocumentError as error:
            found.failed.append((current, str(error)))
            continue
        text = content.decode("utf-8", "replace")
        places = [html.unescape(place) for place in _LOCATION.findall(text)]
        if not places:
            found.failed.append((current, "it lists no pages"))
        own = [place for place in places if urlsplit(place).netloc.lower() == host]
        if "<sitemapindex" in text[:4000].lower():
            waiting += own
        else:
            found.urls += own


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """The documents' rows after one try each, and what failed before it became a document.

    ``left``: so many of the rows, the last ones, are of files that were not there any more.
    """

    rows: tuple[Row, ...]
    failed: tuple[tuple[str, str], ...]
    left: int = 0

    @property
    def known(self) -> int:
        return sum(row["state"] == DocumentState.INDEXED for row in self.rows)

    @property
    def lost(self) -> int:
        return len(self.rows) - self.known - self.left + len(self.failed)


async def bring(
    collected: Collected,
    *,
    documents: Documents,
    ledger: Ledger,
    kind: Kind,
    tenant: str,
    space: str,
    actor: str,
    at: datetime,
    step: Callable[[int], None],
) -> Brought:
    """Adds what was collected, one try each. Files that have left their folder leave the knowledge too."""
    failed = list(collected.failed)
    ids: list[str] = []

    def note(subject: str) -> list[Statement]:
        return [audit(tenant=tenant, at=at, actor=actor, action="kb add", subject=subject, detail=space)]

    for url in collected.urls:
        ids.append(await documents.add(url, tenant=tenant, space=space, actor=actor, also=note(url)))
    for path in collected.files:
        try:
            content = _content(path)
            media_type = kind(content, str(path))
        except DocumentRefused as error:
            failed.append((str(path), str(error)))
            step(1)
            continue
        ids.append(
            await documents.add_content(
                path.as_posix(),
                content,
                media_type=media_type,
                title=path.stem,
                tenant=tenant,
                space=space,
                actor=actor,
                also=note(str(path)),
            )
        )
    await documents.once(ids, step)
    rows = await ledger.documents.several(ids)
    left = await _left(collected, documents=documents, ledger=ledger, tenant=tenant, space=space)
    return Brought(rows=(*rows, *left), failed=tuple(failed), left=len(left))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise DocumentRefused(f"it is larger than {LARGEST // 1024 // 1024} MB")
        return path.read_bytes()
    except OSError as error:
        raise DocumentRefused(error.strerror or "it cannot be read") from error


async def _left(
    collected: Collected,
    *,
    documents: Documents,
    ledger: Ledger,
    tenant: str,
    space: str,
) -> list[Row]:
    """Documents of the folders whose files are not there any more."""
    ids = []
    for folder in collected.folders:
        prefix = f"file:{folder.as_posix()}/"
        for row in await ledger.documents.under(tenant=tenant, space=space, prefix=prefix):
            if row["state"] == DocumentState.INDEXED and not _is_there(row):
                await documents.leave(row["id"], reason="the file is not there any more")
                ids.append(row["id"])
    await documents.once(ids, lambda n: None)
    return await ledger.documents.several(ids)


def _is_there(row: Row) -> bool:
    return Path(row["key"].removeprefix("file:")).is_file()
