"""The guarded fetcher: nothing private is ever spoken to, and every fault of a server has a reason."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.site import Reply, Site, deflated, moved, page, zipped
from vigilbot.errors import DocumentError, DocumentGone, DocumentRefused
from vigilbot.providers.addresses import is_public
from vigilbot.providers.kinds import HTML, MARKDOWN, PDF, PLAIN, XML, kind_of
from vigilbot.providers.web import AddressInfo, WebFetcher

PRIVATE = (
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9"),
    *("192.168.0.1", "192.168.255.255", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2"),
    *("192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.5", "0.0.0.0", "0.1.2.3"),
    *("168.63.129.16", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
)
PRIVATE_6 = (
    *("::1", "::", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::ffff:127.0.0.1"),
    *("::ffff:7f00:1", "::ffff:a9fe:a9fe", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fc00::1"),
    *(
        "fd00:ec2::254",
        "fdff::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
    ),
    *("64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "100::1", "3fff::1", "5f00::1"),
)
OTHERWISE_WRITTEN = (
    *("2130706433", "2852039166", "3232235777", "167772161", "4294967295", "0"),  # one number
    *("017700000001", "0177.0.0.1", "0300.0250.1.1", "0177.0.0.01", "00000000177.1"),  # octal
    *("0x7f000001", "0x7f.0.0.1", "0x7f.1", "0xA9FEA9FE", "0xc0.0xa8.1.1", "0x0", "0X7F.0X1"),  # hexadecimal
    *("127.1", "127.0.1", "10.1", "192.168.257", "169.254.43518"),  # parts left out
    *("１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1"),  # noqa: RUF001 - other digits
    *("localhost", "LOCALHOST", "localhost.", "127.0.0.1."),
)
TRICKS = (
    *(
        "http://1.1.1.1@127.0.0.1/",
        "http://127.0.0.1@1.1.1.1/",
        "http://u:p@127.0.0.1/",
        "http://@127.0.0.1/",
    ),
    *("http://1.1.1.1%40127.0.0.1/", "http://1.1.1.1\\@127.0.0.1/", "http://127.0.0.1;@1.1.1.1/"),
    *(
        "http://1.1.1.1 @127.0.0.1/",
        "http://1.1.1.1\t@127.0.0.1/",
        "http://127.0.0.1\r\nHost: x/",
        "http:///",
    ),
    *("http:///127.0.0.1/", "http:/127.0.0.1/", "http:127.0.0.1", "http:\\\\127.0.0.1\\", "//127.0.0.1/", ""),
    *("http://127%2e0%2e0%2e1/", "http://%31%32%37.0.0.1/", "http://[fe80::1%25eth0]/", "http://[::1%25lo]/"),
    *("http://[::1", "http://::1/", "http://[127.0.0.1]/", "http://\x00127.0.0.1/", " http://127.0.0.1/"),
    *("HTTP://127.0.0.1/", "hTTps://127.0.0.1/", "https://127.0.0.1:80/", "http://127.0.0.1:443/"),
    *("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/"),
    *(
        "ws://127.0.0.1/",
        "data:text/html,<h1>x</h1>",
        "javascript:alert(1)",
        "ldap://127.0.0.1/",
        "jar:http://x!/",
    ),
    *(
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
        "unix:/var/run/docker.sock",
        "about:blank",
        "mailto:a@b.c",
    ),
    *("http://127.0.0.1:22/", "http://8.8.8.8:22/", "http://8.8.8.8:8080/", "http://8.8.8.8:6379/"),
    *("http://8.8.8.8:0/", "http://8.8.8.8:65536/", "http://8.8.8.8:-1/", "http://8.8.8.8:80a/"),
    "http://127.0.0.1/" + "a" * 5000,
)
HOSTILE = tuple(
    dict.fromkeys(
        [f"http://{host}/" for host in (*PRIVATE, *OTHERWISE_WRITTEN)]
        + [f"http://[{host}]/" for host in PRIVATE_6]
        + [f"https://{host}/latest/meta-data/" for host in ("169.254.169.254", "0xA9FEA9FE", "[::1]")]
        + list(TRICKS)
    )
)
PUBLIC = frozenset({"1.1.1.1", "8.8.8.8"})  # all public addresses that these tests name
Names = dict[str, list[list[str]]]


class Sockets:
    """Where every connection begins. What is public ends here, everything else is real."""

    def __init__(self) -> None:
        self.made: list[tuple[str, int]] = []

    def __call__(self, info: AddressInfo) -> socket.socket:
        address = (str(info[4][0]), int(info[4][1]))
        self.made.append(address)
        if address[0] in PUBLIC:
            raise OSError("there is no network here")
        return socket.socket(family=info[0], type=info[1], proto=info[2])

    def private(self, but: int = 0) -> list[tuple[str, int]]:
        """Those to private addresses, other than to this port."""
        return [each for each in self.made if each[0] not in PUBLIC and each[1] != but]


class Resolver(AbstractResolver):
    """Answers from a table; each question to a name gets its next answer, the last one for ever."""

    def __init__(self, names: Names) -> None:
        self.names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = self.names[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for each in found
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


@pytest.fixture
async def inside() -> AsyncIterator[Site]:
    """A server that nobody may speak to."""
    async with Site().serving() as site:
        site.put("/", page("Secrets", "<p>The password is swordfish and nobody may know.</p>"))
        yield site
        assert site.requests == []


def fetcher(site: Site | None = None, **changes: Any) -> WebFetcher:
    return WebFetcher(**{"allow": [site.host] if site else [], "seconds": 5.0, **changes})


async def refusal(fetching: WebFetcher, url: str) -> str:
    with pytest.raises(DocumentError) as caught:
        await fetching.fetch(url)
    return str(caught.value)


async def test_no_form_of_a_hostile_address_gets_a_connection(inside: Site) -> None:
    forms = [
        *HOSTILE,
        *(form.format(inside.port) for form in ("http://127.0.0.1:{}/", "http://localhost:{}/")),
    ]
    assert len(forms) >= 120
    sockets = Sockets()
    fetching = fetcher(make_socket=sockets)
    for form in forms:
        assert await refusal(fetching, form)
        assert sockets.private() == [], form


async def test_no_redirect_leads_inside(site: Site, inside: Site) -> None:
    sockets = Sockets()
    fetching = fetcher(site, make_socket=sockets)
    targets = [*HOSTILE, f"http://localhost:{site.port}/", f"http://{inside.host}/", f"//{inside.host}/"]
    shown = [
        target for target in targets if target.isascii() and target.isprintable() and target.strip() == target
    ]
    assert len(shown) > 100
    for target in shown:
        site.pages["/go"] = moved(target or "http://127.0.0.1/")
        await refusal(fetching, site.url("/go"))
        assert sockets.private(but=site.port) == [], target


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_6])
async def test_no_name_leads_inside(address: str) -> None:
    sockets = Sockets()
    names: Names = {"inside.example": [[address]], "both.example": [["8.8.8.8", address]]}
    fetching = fetcher(make_socket=sockets, resolver=Resolver(names))
    assert "private" in await refusal(fetching, "http://inside.example/")
    assert await refusal(fetching, "https://both.example/")
    assert sockets.private() == []


async def test_a_name_that_changes_its_address_is_judged_each_time(inside: Site) -> None:
    sockets = Sockets()
    names: Names = {"rebind.example": [["8.8.8.8"], ["127.0.0.1"]]}
    fetching = fetcher(make_socket=sockets, resolver=Resolver(names))
    assert "private" not in await refusal(fetching, "http://rebind.example/")
    assert "private" in await refusal(fetching, "http://rebind.example/")
    assert sockets.made == [("8.8.8.8", 80)]


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


async def test_the_allowed_server_is_spoken_to_by_that_name_and_port_only(site: Site) -> None:
    site.put("/", page("Wiki", "<p>Everything about the gateway stands here.</p>"))
    assert (await fetcher(site).fetch(site.url("/"))).content
    assert await refusal(fetcher(site), f"http://localhost:{site.port}/")
    assert "user name" in await refusal(fetcher(site), f"http://a:b@{site.host}/")
    assert len(site.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(
    site: Site, inside: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{inside.host}")
    site.put("/", page("Wiki", "<p>Text</p>"))
    assert (await fetcher(site).fetch(site.url("/"))).content


async def test_redirects_are_followed_five_times(site: Site) -> None:
    site.put("/end", page("End", "<p>Here it is.</p>"))
    for n in range(5):
        site.pages[f"/{n}"] = moved(
            "/end" if n == 4 else site.url(f"/{n + 1}"), status=(301, 302, 303, 307, 308)[n]
        )
    fetched = await fetcher(site).fetch(site.url("/0#part"))
    assert fetched.url == site.url("/end")
    site.pages["/more"] = moved("/0")
    assert "more than 5" in await refusal(fetcher(site), site.url("/more"))
    site.pages["/loop"] = moved("/loop")
    assert "more than 5" in await refusal(fetcher(site), site.url("/loop"))
    site.pages["/void"] = Reply(status=302)
    assert "nowhere" in await refusal(fetcher(site), site.url("/void"))


async def test_nothing_is_remembered_between_requests(site: Site) -> None:
    site.pages["/"] = moved("/next")
    site.pages["/next"] = Reply(body=page("A", "<p>Text</p>"), headers={"Set-Cookie": "who=you; Path=/"})
    fetching = fetcher(site)
    for _ in range(2):
        await fetching.fetch(site.url("/"))
    told = {name.lower() for _, headers in site.requests for name in headers}
    assert not told & {"cookie", "referer", "authorization"}


async def test_packed_pages_are_unpacked(site: Site) -> None:
    body = page("Packed", "<p>" + "words and more words " * 500 + "</p>")
    for reply in (zipped(body), deflated(body, bare=False), deflated(body, bare=True)):
        site.pages["/"] = reply
        assert (await fetcher(site).fetch(site.url("/"))).content == body


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(body=b"<html>" + b"a" * 200_000), "larger than"),
        (zipped(b"<html>" + b"a" * 50_000_000), "larger than"),
        (Reply(body=b"junk" * 50, headers={"Content-Encoding": "gzip"}), "packed wrongly"),
        (
            Reply(body=zipped(page("A", "<p>x</p>" * 900)).body[:-30], headers={"Content-Encoding": "gzip"}),
            "middle",
        ),
        (Reply(body=b"x", headers={"Content-Encoding": "br"}), "nobody asked for"),
        (Reply(body=b"x", headers={"Content-Encoding": "gzip, gzip"}), "nobody asked for"),
        (Reply(body=b"<html>" * 90, cut=100), "cannot be reached"),
        (Reply(body=b""), "empty"),
        (Reply(body=b"GIF89a" + bytes(200), kind="image/gif"), "none that is read"),
        (Reply(body=b"PK\x03\x04" + bytes(100), kind="application/octet-stream"), "no text"),
        (Reply(body=b"\x7fELF\x02\x01" + bytes(100), kind="text/html"), "no text"),
        (Reply(body=b"{}", kind="application/json"), "none that is read"),
        (Reply(body=b"hello there", kind="application/pdf"), "is none"),
        (Reply(body=b"%PDF-1.7 ...", kind="text/html"), "is a PDF"),
        (Reply(status=401), "not open"),
        (Reply(status=403), "not open"),
        (Reply(status=204), "gives no page"),
        (Reply(status=418), "gives no page"),
        (Reply(status=304), "gives no page"),
        (Reply(status=429), "busy"),
        (Reply(status=503), "busy"),
    ],
)
async def test_every_fault_has_a_reason(site: Site, reply: Reply, reason: str) -> None:
    site.pages["/"] = reply
    assert reason in await refusal(fetcher(site, largest=100_000), site.url("/"))


@pytest.mark.parametrize("status", [404, 410])
async def test_a_page_that_is_gone_is_told_apart(site: Site, status: int) -> None:
    site.pages["/"] = Reply(status=status)
    with pytest.raises(DocumentGone):
        await fetcher(site).fetch(site.url("/"))


@pytest.mark.parametrize(
    "reply",
    [Reply(body=b"<html>text</html>", pause=9), Reply(body=b"<html>text</html>", pieces=17, pause=0.1)],
)
async def test_slow_servers_have_a_limit_in_all(site: Site, reply: Reply) -> None:
    site.pages["/"] = reply
    with pytest.raises(DocumentError, match=r"longer than 0\.5 seconds") as caught:
        await fetcher(site, seconds=0.5).fetch(site.url("/"))
    assert not isinstance(caught.value, DocumentRefused)  # later it may be faster


async def test_an_unchanged_page_is_not_sent_again(site: Site) -> None:
    when = "Mon, 02 Mar 2026 09:00:00 GMT"
    headers = {"ETag": '"v1"', "Last-Modified": when}
    site.pages["/"] = Reply(body=page("A", "<p>Text</p>"), headers=headers)
    first = await fetcher(site).fetch(site.url("/"))
    assert (first.etag, first.last_modified) == ('"v1"', when)
    again = await fetcher(site).fetch(site.url("/"), etag=first.etag, last_modified=first.last_modified)
    assert again.content is None
    odd = await fetcher(site).fetch(site.url("/"), etag="a\r\nX-Evil: 1")
    assert odd.content
    assert "X-Evil" not in site.requests[-1][1]


async def test_nobody_at_home(unused_tcp_port_factory: Callable[[], int]) -> None:
    port = unused_tcp_port_factory()
    fetching = WebFetcher(allow=[f"127.0.0.1:{port}"])
    assert "cannot be reached" in await refusal(fetching, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("content", "declared", "address", "kind"),
    [
        (b"<!DOCTYPE html><p>x", "text/html; charset=x", "", HTML),
        (b"\xef\xbb\xbf  <!-- c --> <html>", "", "", HTML),
        (b"# Title\n\ntext", "text/plain", "https://raw.example/README.md", MARKDOWN),
        (b"# Title\n\ntext", "text/plain", "https://raw.example/README", PLAIN),
        (b"# Title", "application/octet-stream", "notes.md", MARKDOWN),
        (b"\n%PDF-1.4\n...", "", "x", PDF),
        (b"<?xml version='1.0'?><urlset>", "application/xml", "", XML),
        (b"<?xml version='1.0'?><!DOCTYPE html><html>", "application/xml", "", HTML),
        ("Grüße".encode("utf-16"), "text/plain", "", PLAIN),
        ("日本語の文書".encode("shift_jis"), "text/plain", "", PLAIN),
    ],
)
def test_kinds(content: bytes, declared: str, address: str, kind: str) -> None:
    assert kind_of(content, declared=declared, address=address) == kind
