"""Documents from the web, fetched as if every link were an attack.

The address is judged where the socket is made. There it is a number, whatever was written in the URL,
where a redirect pointed, or what a name resolved to the second time; a check before that, or in a
resolver, can be deceived.
"""

from __future__ import annotations

import asyncio
import re
import socket
import zlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from vigilbot.errors import DocumentError, DocumentGone, DocumentRefused
from vigilbot.ports import Fetched
from vigilbot.providers.addresses import is_public
from vigilbot.providers.kinds import kind_of

SECONDS = 10.0  # for everything, redirects included
LARGEST = 5 * 1024 * 1024  # bytes, after decompression
REDIRECTS = 5
PORTS = frozenset({80, 443})
_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})  # and everything from 500 on: it may be well later
_LOCKED = frozenset({401, 402, 403, 407, 451})
_HEADERS = {
    "Accept": "text/html, text/markdown, text/plain, application/pdf, application/xml;q=0.8, */*;q=0.1",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "VigilBot (fetches documents that were shared with it)",
}
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff]")
_LONGEST_URL = 4000
_PRIVATE = "it leads to a private address"

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
MakeSocket = Callable[[AddressInfo], socket.socket]


def plain_socket(info: AddressInfo) -> socket.socket:
    return socket.socket(family=info[0], type=info[1], proto=info[2])


@dataclass(slots=True)
class _Guard:
    """Makes the sockets of one request, for addresses that may be spoken to. ``exempt``: all of them."""

    make: MakeSocket
    exempt: bool
    refused: bool = False

    def __call__(self, info: AddressInfo) -> socket.socket:
        address, port = info[4][0], info[4][1]
        if not self.exempt and not (port in PORTS and is_public(str(address))):
            self.refused = True
            raise PermissionError(_PRIVATE)
        return self.make(info)


class WebFetcher:
    """``ports.Fetcher``. ``allow`` lists host:port as URLs name them; those may be private.

    ``make_socket`` and ``resolver`` stand at the network's edge, where a test looks.
    """

    def __init__(
        self,
        *,
        allow: Collection[str] = (),
        seconds: float = SECONDS,
        largest: int = LARGEST,
        make_socket: MakeSocket = plain_socket,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._allow = frozenset(entry.strip().lower() for entry in allow)
        self._seconds = seconds
        self._largest = largest
        self._make_socket = make_socket
        self._resolver = resolver

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
        known = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        conditions = {name: value for name, value in known.items() if _is_header(value)}
        try:
            async with asyncio.timeout(self._seconds):
                return await self._follow(url, conditions)
        except TimeoutError as error:
            raise DocumentError(f"it took longer than {self._seconds:g} seconds") from error

    async def _follow(self, url: str, conditions: Mapping[str, str]) -> Fetched:
        current = self._checked(url)
        for _ in range(REDIRECTS + 1):
            async with self._opened(current, conditions) as response:
                if response.status not in _REDIRECTED:
                    return await self._taken(response, current, conditions)
                target = response.headers.get("Location", "")
            if not target:
                raise DocumentRefused("it redirects to nowhere")
            current = self._checked(target, base=current)
        raise DocumentRefused(f"it redirects more than {REDIRECTS} times")

    def _checked(self, url: str, *, base: URL | None = None) -> URL:
        """The URL as aiohttp will read it, or DocumentRefused."""
        if not url or len(url) > _LONGEST_URL or _NOT_IN_URLS.search(url):
            raise DocumentRefused("it is no proper address")
        try:
            found = URL(url) if base is None else base.join(URL(url))
            port = found.port
        except ValueError as error:
            raise DocumentRefused("it is no proper address") from error
        if found.scheme not in ("http", "https"):
            raise DocumentRefused("only http and https addresses are fetched")
        if not found.raw_host or "%" in found.raw_host:
            raise DocumentRefused("it is no proper address")
        if "@" in found.raw_authority:
            raise DocumentRefused("there is a user name or password in it")
        if port not in PORTS and not self._exempt(found):
            raise DocumentRefused(f"port {port} is none of the web's")
        return found.with_fragment(None)

    def _exempt(self, url: URL) -> bool:
        host = url.raw_host or ""
        host = f"[{host}]" if ":" in host else host
        return f"{host}:{url.port}".lower() in self._allow

    @asynccontextmanager
    async def _opened(self, url: URL, conditions: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request, on a connection of its own, with nothing remembered from others."""
        guard = _Guard(make=self._make_socket, exempt=self._exempt(url))
        connector = aiohttp.TCPConnector(
            socket_factory=guard,
            resolver=self._resolver or aiohttp.ThreadedResolver(),
            use_dns_cache=False,
            force_close=True,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={**_HEADERS, **conditions},
        ) as session:
            try:
                async with session.get(url, allow_redirects=False) as response:
                    yield response
            except DocumentError:
                raise
            except aiohttp.ClientConnectorDNSError as error:
                raise DocumentError("its host is not known") from error
            except aiohttp.InvalidURL as error:
                raise DocumentRefused("it is no proper address") from error
            except aiohttp.ClientSSLError as error:
                raise DocumentError("its server cannot be trusted: the certificate is not valid") from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                if isinstance(error, TimeoutError):
                    raise
                if guard.refused:
                    raise DocumentRefused(_PRIVATE) from error
                raise DocumentError(f"its server cannot be reached: {_said(error)}") from error

    async def _taken(
        self, response: aiohttp.ClientResponse, url: URL, conditions: Mapping[str, str]
    ) -> Fetched:
        status = response.status
        if status == HTTPStatus.NOT_MODIFIED and conditions:
            return Fetched(url=str(url), content=None)
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise DocumentGone(f"the page is not there (HTTP {status})")
        if status in _LOCKED:
            raise DocumentRefused(f"it is not open to everybody (HTTP {status})")
        if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise DocumentError(f"its server is not well or busy (HTTP {status})")
        if status != HTTPStatus.OK:
            raise DocumentRefused(f"its server gives no page (HTTP {status})")
        content = await self._body(response)
        return Fetched(
            url=str(url),
            content=content,
            media_type=kind_of(content, declared=response.headers.get("Content-Type", ""), address=str(url)),
            charset=_charset(response.headers.get("Content-Type", "")),
            etag=response.headers.get("ETag", "")[:500],
            last_modified=response.headers.get("Last-Modified", "")[:100],
        )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise DocumentRefused("it is packed in a way nobody asked for")
        inflating = _Inflating(bare=coding == "deflate") if coding not in ("", "identity") else None
        whole = bytearray()
        packed = 0
        async for part in response.content.iter_chunked(65536):
            packed += len(part)
            room = self._largest - len(whole)
            whole += part if inflating is None else inflating.more(part, room + 1)
            if max(len(whole), packed) > self._largest:
                raise DocumentRefused(f"it is larger than {self._largest / 1024 / 1024:g} MB")
        if inflating is not None and packed and not inflating.complete:
            raise DocumentError("it ends in the middle")
        return bytes(whole)


class _Inflating:
    """gzip, zlib and bare deflate, never more than asked for at once."""

    def __init__(self, *, bare: bool) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._settled = not bare

    def more(self, data: bytes, most: int) -> bytes:
        try:
            found = self._inflate.decompress(data, most)
        except zlib.error as error:
            if self._settled:
                raise DocumentRefused("it is packed wrongly") from error
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # what some servers call deflate
            try:
                found = self._inflate.decompress(data, most)
            except zlib.error:
                raise DocumentRefused("it is packed wrongly") from error
        self._settled = True
        return found

    @property
    def complete(self) -> bool:
        return self._inflate.eof


def _is_header(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable()


def _charset(content_type: str) -> str:
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    return found[1] if found else ""


def _said(error: Exception) -> str:
    inner = getattr(error, "os_error", error)
    text = " ".join(str(getattr(inner, "strerror", "") or inner).split())
    return text[:200] or type(error).__name__
