"""Documents and wiki pages of Lark's, read with the app's own permission as Markdown.

A document has to be shared with the app; what is not shared raises DocumentClosed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from vigilbot.errors import DocumentClosed, DocumentError, DocumentGone, DocumentRefused, PlatformError
from vigilbot.platforms.lark_client import CLOSED_DOCUMENT, NO_DOCUMENT, NO_SCOPE, LarkClient, LarkRefusal
from vigilbot.platforms.payloads import list_in, map_in, text_in
from vigilbot.ports import Fetched

MARKDOWN: Final = "text/markdown"
PAGE: Final = 500
LARGEST: Final = 2_000_000  # characters
_HOSTS: Final = (".feishu.cn", ".larksuite.com", ".larkoffice.com")
_PLACE: Final = re.compile(r"/(docx|wiki)/([A-Za-z0-9_]{4,100})/?")
_KINDS: Final[Mapping[str, Callable[[str], str]]] = {
    **{f"heading{n}": lambda text, n=n: f"{'#' * min(n, 6)} {text}" for n in range(1, 10)},  # type: ignore[misc]
    "text": lambda text: text,
    "bullet": lambda text: f"- {text}",
    "ordered": lambda text: f"1. {text}",
    "todo": lambda text: f"- {text}",
    "quote": lambda text: f"> {text}",
}
_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#])")


def is_document(url: str) -> bool:
    """Whether the address is that of a document or wiki page; spreadsheets and the like are not read."""
    return _place(url) is not None


def _place(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme != "https" or "@" in parts.netloc or not host.endswith(_HOSTS):
        return None
    match = _PLACE.fullmatch(parts.path)
    return (match[1], match[2]) if match else None


class LarkDocuments:
    """``ports.Fetcher`` for one company's documents. An ``etag`` is a document's revision."""

    def __init__(self, client: LarkClient) -> None:
        self._client = client

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
        place = _place(url)
        if place is None:
            raise DocumentRefused("it is no document of Lark's")
        try:
            return await self._fetch(url, *place, etag=etag)
        except LarkRefusal as error:
            raise _refused(error) from error
        except PlatformError as error:
            raise DocumentError(str(error)) from error

    async def _fetch(self, url: str, kind: str, token: str, *, etag: str) -> Fetched:
        if kind == "wiki":
            token = await self._in_the_wiki(token)
        about = map_in(await self._client.read(f"/docx/v1/documents/{token}"), "document")
        revision = f"{token}:{about.get('revision_id')}"
        if etag and revision == etag:
            return Fetched(url=url, content=None)
        said = await self._blocks(token)
        title = text_in(about, "title").replace("\n", " ").strip()
        front = f"---\ntitle: {title}\n---\n" if title else ""
        content = (front + said).encode("utf-8", "replace")
        return Fetched(url=url, content=content, media_type=MARKDOWN, charset="utf-8", etag=revision)

    async def _in_the_wiki(self, node: str) -> str:
        found = map_in(await self._client.read("/wiki/v2/spaces/get_node", token=node), "node")
        if (kind := text_in(found, "obj_type")) != "docx":
            raise DocumentRefused(f"the page is a {kind or 'thing without a kind'}; documents alone are read")
        return text_in(found, "obj_token")

    async def _blocks(self, token: str) -> str:
        lines: list[str] = []
        size, at = 0, ""
        while size < LARGEST:
            page = await self._client.read(
                f"/docx/v1/documents/{token}/blocks", page_size=PAGE, page_token=at
            )
            for block in list_in(page, "items"):
                line = _markdown(block) if isinstance(block, Mapping) else ""
                lines += [line] if line else []
                size += len(line)
            at = text_in(page, "page_token")
            if page.get("has_more") is not True or not at:
                break
        return "\n\n".join(lines)


def _markdown(block: Mapping[str, Any]) -> str:
    """A block as a paragraph of Markdown; "" for one without words of its own, a picture for instance."""
    if isinstance(block.get("code"), Mapping):
        said = _said(map_in(block, "code"), written=True).replace("```", "'''")
        return f"```\n{said}\n```" if said.strip() else ""
    for kind, draw in _KINDS.items():
        if isinstance(block.get(kind), Mapping):
            said = " ".join(_said(map_in(block, kind)).split())
            return draw(said) if said else ""
    return ""


def _said(body: Mapping[str, Any], *, written: bool = False) -> str:
    """``written``: as it stands, for code; otherwise nothing in it is markup."""
    out = []
    for element in list_in(body, "elements"):
        if not isinstance(element, Mapping):
            continue
        text = text_in(map_in(element, "text_run"), "content") or text_in(
            map_in(element, "equation"), "content"
        )
        text = text or text_in(map_in(element, "mention_doc"), "title")
        out.append(text if written else _MARKUP.sub(r"\\\1", text))
    return "".join(out)


def _refused(error: LarkRefusal) -> DocumentError:
    if error.code in CLOSED_DOCUMENT:
        return DocumentClosed("it is not shared with the bot")
    if error.code in NO_DOCUMENT:
        return DocumentGone("it is not there any more")
    if error.code in NO_SCOPE:
        return DocumentRefused(f"the app lacks a permission: {error.needed} (config/lark.md)")
    return DocumentRefused(str(error))
