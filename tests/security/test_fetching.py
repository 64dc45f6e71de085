"""Fetching what strangers link to: observed from below, by canaries that listen and by Python's audit events.

The rule about ports is lifted to the canaries' port here, so that the rule about addresses stands alone.
``tests/unit/providers/test_web.py`` has the fetcher's own promises.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest
from yarl import URL

from tests.site import Reply, Site, moved, page
from tests.unit.providers.test_web import (
    OTHERWISE_WRITTEN,
    PRIVATE,
    PRIVATE_6,
    TRICKS,
    Names,
    Resolver,
    Sockets,
    refusal,
)
from vigilbot.errors import DocumentError
from vigilbot.providers.addresses import is_public
from vigilbot.providers.web import WebFetcher

HERE = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "localhost",
    "0.0.0.0",
    "127.8.9.10",
)
HERE_6 = ("[::1]", "[::ffff:127.0.0.1]", "[::]")
"""Forms of this machine's own address."""


class Canary:
    """Listens on every address of this machine; ``sung`` are those who came."""

    def __init__(self) -> None:
        self.port = 0
        self.sung: list[object] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Canary]:
        servers = [await asyncio.start_server(self._sing, "0.0.0.0", 0, family=socket.AF_INET)]
        self.port = servers[0].sockets[0].getsockname()[1]
        if socket.has_dualstack_ipv6():
            servers.append(await asyncio.start_server(self._sing, "::", self.port, family=socket.AF_INET6))
        try:
            yield self
        finally:
            for server in servers:
                server.close()

    async def _sing(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sung.append(writer.get_extra_info("peername"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nswordfish")
        writer.close()


class Wiretap:
    """Where this process connects or sends to, as the interpreter tells it."""

    def __init__(self) -> None:
        self.on = False
        self.addresses: list[tuple[str, int]] = []
        sys.addaudithook(self._heard)  # cannot be taken off again, only made deaf

    def _heard(self, event: str, args: tuple[object, ...]) -> None:
        if self.on and event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            address = args[1]
            if isinstance(address, tuple) and len(address) >= 2:
                self.addresses.append((str(address[0]), int(address[1])))

    def private(self, *, but: int) -> list[tuple[str, int]]:
        return [(host, port) for host, port in self.addresses if not is_public(host) and port != but]


@pytest.fixture(scope="session")
def one_wiretap() -> Wiretap:
    return Wiretap()


@pytest.fixture
def wiretap(one_wiretap: Wiretap) -> Iterator[Wiretap]:
    one_wiretap.addresses.clear()
    one_wiretap.on = True
    yield one_wiretap
    one_wiretap.on = False


@pytest.fixture
async def canary(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Canary]:
    async with Canary().listening() as canary:
        monkeypatch.setattr("vigilbot.providers.web.PORTS", frozenset({80, 443, canary.port}))
        yield canary


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


def forms(port: int) -> list[str]:
    """Every hostile form, at the canary's port where a port may stand."""
    hosts = [*PRIVATE, *OTHERWISE_WRITTEN, *HERE, *(f"[{host}]" for host in PRIVATE_6), *HERE_6]
    found = [f"http://{host}:{port}/" for host in hosts]
    found += [f"https://{host}:{port}/" for host in ("127.0.0.1", "[::1]", "0x7f.1")]
    found += [trick for trick in TRICKS if "8.8.8.8" not in trick]
    found += [
        f"http://1.1.1.1@127.0.0.1:{port}/",
        f"http://127.0.0.1:{port}\\@1.1.1.1/",
        f"//127.0.0.1:{port}/",
    ]
    return list(dict.fromkeys(found))


async def test_the_canary_sings_for_a_fetcher_without_a_guard(canary: Canary, wiretap: Wiretap) -> None:
    """Else the silence in the tests below would say nothing."""
    for host in (*HERE, *HERE_6):
        url = URL(f"http://{host}:{canary.port}/")
        known = f"[{url.raw_host}]" if host.startswith("[") else url.raw_host
        unguarded = WebFetcher(allow=[f"{known}:{canary.port}"], seconds=5)
        with suppress(
            DocumentError
        ):  # some forms the HTTP library does not follow, some systems have no IPv6
            assert (await unguarded.fetch(str(url))).content == b"swordfish", host
    assert len(canary.sung) >= 4
    assert len(wiretap.private(but=0)) >= 4


async def test_no_packet_goes_to_a_private_address(canary: Canary, site: Site, wiretap: Wiretap) -> None:
    hostile = forms(canary.port)
    assert len(hostile) >= 120
    sockets = Sockets()  # what is public ends there: this machine may have no network
    fetching = WebFetcher(allow=[site.host], seconds=5, make_socket=sockets)
    for form in hostile:
        await refusal(fetching, form)
    shown = [
        form for form in hostile if form.isascii() and form.isprintable() and form.strip() == form and form
    ]
    for status in (301, 302, 303, 307, 308):
        for form in shown[status % 5 :: 5] if status != 302 else shown:
            site.pages["/go"] = moved(form, status)
            await refusal(fetching, site.url("/go"))
    for host in (*PRIVATE, *PRIVATE_6):
        names: Names = {"inside.example": [["8.8.8.8"], [host]], "both.example": [["1.1.1.1", host]]}
        named = WebFetcher(seconds=5, make_socket=sockets, resolver=Resolver(names))
        for name in ("inside.example", "inside.example", "both.example"):
            await refusal(named, f"http://{name}:{canary.port}/")
    assert canary.sung == []
    assert wiretap.private(but=site.port) == []
    assert sockets.private(but=site.port) == []


# -- servers that mean harm, at an address that may be fetched from


def _bomb(size: int) -> bytes:
    packed = gzip.compress(bytes(size), 9)
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" + packed


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
BEGINNINGS: dict[str, tuple[bytes, bytes]] = {
    "says nothing": (b"", b""),
    "goes on in the status line": (b"HTTP/1.1 200 ", b"O" * 4096),
    "headers without end": (OK, b"X-A: " + b"a" * 4000 + b"\r\n"),
    "one header without end": (OK + b"X-A: ", b"a" * 4096),
    "a body without end": (OK + b"\r\n", b"<p>more</p>" * 400),
    "a body byte by byte": (OK + b"Content-Length: 100000\r\n\r\n", b"a"),
    "chunks without end": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"a" * 4096 + b"\r\n"),
    "a chunk of any size": (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"a" * 4096),
    "a bad chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", b"a" * 4096),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n", b"a" * 4096),
    "two lengths": (OK + b"Content-Length: 5\r\nContent-Length: 5000000\r\n\r\n", b"a" * 4096),
    "a length that is a lie": (OK + b"Content-Length: 99999999999999\r\n\r\n", b"a" * 4096),
    "a gzip bomb": (_bomb(60_000_000), b""),
    "a bomb in a bomb": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(gzip.compress(bytes(200_000_000), 9), 9),
        b"",
    ),
    "a deflate bomb": (OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(bytes(60_000_000), 9), b""),
    "gzip that does not end": (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 9)[:-8], b"\0"),
    "many codings": (OK + b"Content-Encoding: " + b"gzip, " * 50 + b"gzip\r\n\r\n", b"a" * 4096),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", b"\0" * 4096),
    "HTTP 0.9": (b"<html><p>text", b" more text"),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", b"\x81\x00"),
    "continues for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "hints for ever": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "a kind that is none": (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-evil\r\n\r\n", b"a" * 4096),
    "a redirect with a break": (b"HTTP/1.1 302 Found\r\nLocation: http://a\r\n b/\r\n\r\n", b""),
    "a redirect to a file": (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", b""),
    "a huge redirect": (b"HTTP/1.1 302 Found\r\nLocation: /" + b"a" * 100_000 + b"\r\n\r\n", b""),
}


@pytest.mark.parametrize("how", BEGINNINGS)
async def test_servers_that_mean_harm_are_left_in_time(how: str, wiretap: Wiretap) -> None:
    beginning, more = BEGINNINGS[how]
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            writer.write(beginning)
            while True:
                writer.write(more)
                sent += len(more)
                await writer.drain()
                await asyncio.sleep(0.01 if len(more) < 100 else 0)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = time.perf_counter()
    with pytest.raises(DocumentError):
        await WebFetcher(allow=[f"127.0.0.1:{port}"], seconds=0.5, largest=200_000).fetch(
            f"http://127.0.0.1:{port}/"
        )
    assert time.perf_counter() - began < 5  # ten times what it may take, whatever the machine does besides
    assert wiretap.private(but=port) == []
    server.close()


async def test_what_is_fine_is_still_fetched(site: Site) -> None:
    site.pages["/"] = Reply(body=page("Wiki", "<p>Everything about the gateway stands here.</p>"))
    assert b"gateway" in ((await WebFetcher(allow=[site.host]).fetch(site.url("/"))).content or b"")
