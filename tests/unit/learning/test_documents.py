"""Documents: shared, fetched, cut along headings, kept up to date, and taken back when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.pdfs import pdf
from tests.site import Reply, Site, page
from vigilbot.app import engine_of, open_ledger
from vigilbot.domain import HEADINGS, Message, PassageKind, Question, Role, Trust
from vigilbot.errors import LedgerError
from vigilbot.knowledge import Knowledge
from vigilbot.learning.chunking import CHUNKS, MOST, chunks_of, parts
from vigilbot.learning.documents import AGAIN, LEASE, TRIES, Documents, DocumentState
from vigilbot.learning.links import Rule, links_of
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment
from vigilbot.ports import Database, Embedder, Page, Row, Section, Statement, Vector
from vigilbot.providers.clock import SimulatedClock
from vigilbot.providers.kinds import MARKDOWN
from vigilbot.providers.reader import ProcessReader
from vigilbot.providers.web import WebFetcher
from vigilbot.settings import Settings
from vigilbot.stores.exact import ExactIndex
from vigilbot.testing import Channel, DirectedEngine, HashEmbedder, Person, World
from vigilbot.testing.world import BEGIN, TENANT

DAY = timedelta(days=1)
ROTATE = '<h2 id="rotate">Rotate a key</h2><p>Run gatectl keys rotate on the primary node of the gateway.</p>'
LIMITS = '<h2 id="limits">Limits</h2><p>A gateway holds at most twenty keys, whatever their age may be.</p>'


class Shelf:
    """Documents over a real ledger, a real reader and a real fetcher before a site on loopback."""

    def __init__(self, ledger: Ledger, site: Site) -> None:
        self.ledger = ledger
        self.site = site
        self.clock = SimulatedClock(BEGIN)
        self.embedder = HashEmbedder()
        self.index = ExactIndex()
        self.knowledge = Knowledge(
            ledger=ledger, embedder=self.embedder, index=self.index, clock=self.clock, theta=0.7
        )
        self.documents = self.with_rules({})

    def with_rules(self, rules: Mapping[str, Rule]) -> Documents:
        return Documents(
            ledger=self.ledger,
            knowledge=self.knowledge,
            fetcher=WebFetcher(allow=[self.site.host]),
            reader=ProcessReader(),
            clock=self.clock,
            rules=rules,
            refresh=DAY,
        )

    async def add(self, url: str, *, space: str = "public") -> str:
        document = await self.documents.add(url, tenant="T1", space=space, actor="operator:ann")
        await self.documents.work()
        return document

    async def later(self, span: timedelta) -> int:
        self.clock.advance_to(self.clock.now() + span)
        return await self.documents.work()

    async def row(self, document: str) -> Row:
        row = await self.ledger.documents.get(document)
        assert row is not None
        return row

    async def state(self, document: str) -> tuple[str, str]:
        row = await self.row(document)
        return row["state"], row["last_error"]

    async def known(self) -> list[tuple[str, str, int]]:
        """Parts in force: headings, beginning of the text, revision."""
        rows = await self.ledger.entries.list_current()
        return sorted((row["question"], row["answer"][:30], row["revision"]) for row in rows)

    async def headings(self) -> list[str]:
        return [heading.rpartition(HEADINGS)[2] for heading, _, _ in await self.known()]

    async def found(self, text: str, *spaces: str) -> list[str]:
        """What search finds in the index and the ledger, best first."""
        [vector] = await self.embedder.embed([text])
        passages, _ = await self.knowledge.searching.candidates(
            Question(text=text, message_ids=()),
            vector,
            tenant="T1",
            spaces=spaces or ("public",),
            channel="C1",
            limit=10,
        )
        return [p.entry.question for p in passages]

    async def consistent(self) -> None:
        """Ledger and index know the same entries."""
        rows = await self.ledger.entries.list_current()
        assert sorted(self.index.keys()) == sorted(row["entry"] for row in rows)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with Site().serving() as site:
        yield site


@pytest.fixture
async def shelf(tmp_path: Path, site: Site) -> AsyncIterator[Shelf]:
    ledger = await open_ledger(tmp_path, durable=False)
    yield Shelf(ledger, site)
    await ledger.close()


def message(text: str, role: Role = Role.ANALYST, author: str = "U-ANN") -> Message:
    return Message(id="T1/C1/1", ts="1", at=BEGIN, role=role, author=author, text=text)


# -- pages become parts


async def test_a_page_becomes_parts_that_cite_their_place(shelf: Shelf, site: Site) -> None:
    url = site.put(
        "/keys", page("Gateway keys", "<p>A key lives ninety days, then it is rejected.</p>", ROTATE)
    )
    document = await shelf.add(url)
    assert await shelf.state(document) == (DocumentState.INDEXED, "")
    rows = await shelf.ledger.documents.chunks(document)
    entries = await shelf.ledger.entries.current([row["entry"] for row in rows])
    first, second = (entries[row["entry"]] for row in rows)
    assert (first.question, first.citations[0].url) == ("Gateway keys", url)
    assert second.question == "Gateway keys > Rotate a key"
    assert second.citations[0].url == f"{url}#rotate"
    assert second.citations[0].title == "Gateway keys > Rotate a key"
    assert (second.kind, second.trust, second.learned_from) == (PassageKind.CHUNK, Trust.VERIFIED, "")
    assert (await shelf.found("how do I rotate a key on the primary node"))[0] == second.question
    row = await shelf.row(document)
    assert (row["title"], row["chunks"], moment(row["due_at"]) - BEGIN) == ("Gateway keys", 2, DAY)
    await shelf.consistent()


async def test_an_unchanged_page_is_left_alone(shelf: Shelf, site: Site) -> None:
    site.put("/a", page("A", ROTATE), headers={"ETag": '"1"'})
    site.put("/b", page("B", LIMITS))
    await shelf.add(site.url("/a"))
    await shelf.add(site.url("/b"))
    before = await shelf.known()
    assert await shelf.later(DAY) == 2  # looked at, nothing indexed
    assert await shelf.known() == before
    assert [headers.get("If-None-Match") for path, headers in site.requests if path == "/a"] == [None, '"1"']


async def test_changed_parts_are_revised_and_vanished_ones_retracted(shelf: Shelf, site: Site) -> None:
    url = site.put("/keys", page("Keys", ROTATE, LIMITS))
    document = await shelf.add(url)
    site.put(
        "/keys",
        page("Keys", ROTATE.replace("primary", "standby"), "<h2>New</h2><p>A part of its own is new.</p>"),
    )
    await shelf.later(DAY)
    assert [(heading, revision) for heading, _, revision in await shelf.known()] == [
        ("Keys > New", 1),
        ("Keys > Rotate a key", 2),
    ]
    gone = next(r for r in await shelf.ledger.documents.chunks(document) if r["question"] == "Keys > Limits")
    assert gone["retracted"]
    assert "no longer in the document" in gone["reason"]
    assert "Keys > Limits" not in await shelf.found("twenty keys whatever their age")
    await shelf.consistent()
    site.put("/keys", page("Keys", ROTATE, LIMITS))
    await shelf.later(DAY)
    assert await shelf.headings() == ["Limits", "Rotate a key"]
    await shelf.consistent()


async def test_one_change_is_one_write(shelf: Shelf, site: Site) -> None:
    """Where the write fails, nothing of the new version is there, and a later try brings all of it."""
    site.put("/keys", page("Keys", ROTATE, LIMITS))
    document = await shelf.documents.add(site.url("/keys"), tenant="T1", space="public", actor="operator")
    await shelf.documents.fetch()
    whole = shelf.ledger._database
    shelf.ledger._database = _Broken(whole)
    with pytest.raises(LedgerError):
        await shelf.documents.index()
    shelf.ledger._database = whole
    assert await shelf.known() == []
    assert (await shelf.row(document))["body"]
    await shelf.later(LEASE)
    assert await shelf.headings() == ["Limits", "Rotate a key"]


class _Broken:
    """Refuses whatever writes knowledge."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, sql: str, **args: object) -> list[Row]:
        return await self._database.fetch(sql, **args)

    async def write(self, *statements: Statement) -> list[list[Row]]:
        if any("INSERT INTO knowledge" in statement.sql for statement in statements):
            raise LedgerError("disk full, as the test asked")
        return await self._database.write(*statements)

    async def scrub(self, *, anew: bool = True) -> None:
        await self._database.scrub(anew=anew)

    async def close(self) -> None:
        await self._database.close()


async def test_what_an_operator_retracted_stays_away_until_the_page_says_otherwise(
    shelf: Shelf, site: Site
) -> None:
    document = await shelf.add(site.put("/keys", page("Keys", ROTATE, LIMITS)))
    [rotate] = [r for r in await shelf.ledger.documents.chunks(document) if "Rotate" in r["question"]]
    await shelf.knowledge.retract(rotate["entry"], actor="operator:ann", reason="wrong")
    site.put("/keys", page("Keys", ROTATE, LIMITS.replace("twenty", "thirty")))
    await shelf.later(DAY)
    assert await shelf.headings() == ["Limits"]
    site.put("/keys", page("Keys", ROTATE.replace("rotate on", "rotate --all on"), LIMITS))
    await shelf.later(DAY)
    assert await shelf.headings() == ["Limits", "Rotate a key"]
    await shelf.knowledge.undo(rotate["entry"], actor="operator:ann")
    await shelf.consistent()


async def test_parts_that_an_import_brought_are_taken_over(shelf: Shelf, site: Site) -> None:
    """An export of another ledger holds the parts, and not the document."""
    document = await shelf.add(site.put("/keys", page("Keys", ROTATE)))
    await shelf.ledger.write(
        Statement("DELETE FROM document_chunks", {}), shelf.ledger.documents.change(document, hash="")
    )
    await shelf.later(DAY)
    assert [(heading, revision) for heading, _, revision in await shelf.known()] == [
        ("Keys > Rotate a key", 1)
    ]
    assert len(await shelf.ledger.documents.chunks(document)) == 1
    await shelf.consistent()


# -- faults


async def test_a_page_that_is_gone_twice_takes_its_parts_along(shelf: Shelf, site: Site) -> None:
    document = await shelf.add(site.put("/keys", page("Keys", ROTATE)))
    del site.pages["/keys"]
    await shelf.later(DAY)
    assert (await shelf.state(document))[0] == DocumentState.INDEXED
    assert await shelf.headings() == ["Rotate a key"]
    await shelf.later(AGAIN)
    await shelf.documents.work()
    assert await shelf.state(document) == (DocumentState.GONE, "the page is not there (HTTP 404)")
    assert await shelf.known() == []
    [part] = await shelf.ledger.documents.chunks(document)
    assert "404" in part["reason"]
    await shelf.consistent()
    assert await shelf.later(30 * DAY) == 0  # nobody looks any more
    site.put("/keys", page("Keys", ROTATE))
    await shelf.add(site.url("/keys"))  # until somebody asks again
    assert await shelf.headings() == ["Rotate a key"]
    await shelf.consistent()


async def test_a_short_absence_costs_nothing(shelf: Shelf, site: Site) -> None:
    document = await shelf.add(site.put("/keys", page("Keys", ROTATE)))
    kept = site.pages.pop("/keys")
    for _ in range(3):
        await shelf.later(DAY)
        site.pages["/keys"] = kept
        await shelf.later(AGAIN)
        assert (await shelf.row(document))["missing"] == 0
        del site.pages["/keys"]
    assert await shelf.headings() == ["Rotate a key"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=403), "not open to everybody"),
        (Reply(body=b""), "empty"),
        (Reply(body=b"\x89PNG\r\n\x1a\n" + bytes(99), kind="image/png"), "none that is read"),
        (Reply(body=b"%PDF-1.7\n" + b"x" * 200, kind="application/pdf"), "broken"),
        (Reply(body=page("Sign in", "<input type=password><p>Please sign in.</p>")), "login"),
        (
            Reply(body=b"<html><body><script>a()</script><noscript>Enable it</noscript></body></html>"),
            "scripts",
        ),
        (Reply(body=b"<?xml version='1.0'?><feed></feed>", kind="application/xml"), "XML"),
        (Reply(status=302, headers={"Location": "http://169.254.169.254/latest/"}), "private address"),
        (Reply(status=302, headers={"Location": "/page"}), "redirects more than"),
        (Reply(status=404), "not there"),
    ],
)
async def test_what_cannot_be_read_says_why_and_harms_nothing_else(
    shelf: Shelf, site: Site, reply: Reply, reason: str
) -> None:
    site.pages["/page"] = reply
    site.put("/good", page("Keys", ROTATE))
    bad = await shelf.documents.add(site.url("/page"), tenant="T1", space="public", actor="operator")
    await shelf.add(site.url("/good"))
    state, told = await shelf.state(bad)
    assert state in (DocumentState.REFUSED, DocumentState.GONE)
    assert reason in told
    assert await shelf.headings() == ["Rotate a key"]
    assert await shelf.later(LEASE) == 0


async def test_a_server_that_is_not_well_is_asked_again_and_then_given_up(shelf: Shelf, site: Site) -> None:
    site.pages["/keys"] = Reply(status=503)
    document = await shelf.add(site.url("/keys"))
    assert await shelf.state(document) == (DocumentState.DUE, "its server is not well or busy (HTTP 503)")
    waits = []
    for _ in range(TRIES - 1):
        due = moment((await shelf.row(document))["due_at"])
        waits.append((due - shelf.clock.now()) / timedelta(minutes=1))
        await shelf.later(due - shelf.clock.now())
    assert waits == [5, 20, 80, 320]
    state, told = await shelf.state(document)
    assert state == DocumentState.REFUSED
    assert told.startswith("given up after 5 tries")
    [letter] = await shelf.ledger.dead.listed()
    assert letter["what"] == site.url("/keys")
    assert len(site.requests) == TRIES
    assert await shelf.later(30 * DAY) == 0


async def test_a_server_that_fails_later_keeps_its_parts(shelf: Shelf, site: Site) -> None:
    document = await shelf.add(site.put("/keys", page("Keys", ROTATE)))
    site.pages["/keys"] = Reply(status=500)
    for _ in range(20):
        await shelf.later(timedelta(hours=12))
    assert await shelf.headings() == ["Rotate a key"]
    assert "HTTP 500" in (await shelf.state(document))[1]
    site.put("/keys", page("Keys", LIMITS))
    await shelf.later(2 * DAY)
    assert await shelf.headings() == ["Limits"]
    assert (await shelf.state(document))[1] == ""


async def test_a_crash_while_fetching_leaves_the_document_to_do(shelf: Shelf, site: Site) -> None:
    site.put("/keys", page("Keys", ROTATE), pause=1.0)
    await shelf.documents.add(site.url("/keys"), tenant="T1", space="public", actor="operator")
    fetching = asyncio.create_task(shelf.documents.fetch())
    await site.visited.wait()
    fetching.cancel()
    await asyncio.gather(fetching, return_exceptions=True)
    site.put("/keys", page("Keys", ROTATE))
    assert await shelf.documents.work() == 0  # still leased
    assert await shelf.later(LEASE) == 2
    assert await shelf.headings() == ["Rotate a key"]


async def test_indexing_waits_for_no_model(shelf: Shelf, site: Site) -> None:
    """What takes long is done while fetching; a restart in between costs the time again, and nothing else."""
    embedded: list[int] = []
    embed = shelf.embedder.embed

    async def counting(texts: Sequence[str]) -> Vector:
        embedded.append(len(texts))
        return await embed(texts)

    shelf.embedder.embed = counting  # type: ignore[method-assign]
    sections = [f"<h2>Part {n}</h2><p>The words of part {n} are its own.</p>" for n in range(40)]
    for url in (site.put("/long", page("Long", *sections)), site.put("/next", page("Next", *sections))):
        await shelf.documents.add(url, tenant="T1", space="public", actor="operator")
    await shelf.documents.fetch()
    assert sum(embedded) == 80
    assert max(embedded) <= 16
    await shelf.documents.index()
    assert sum(embedded) == 80
    site.put("/long", page("Long", *sections[:-1], "<h2>Part 39</h2><p>Changed at last.</p>"))
    await shelf.later(DAY)
    assert sum(embedded) == 81
    site.put("/next", page("Next", *sections[:-1], "<h2>Part 39</h2><p>Changed as well.</p>"))
    shelf.clock.advance_to(shelf.clock.now() + DAY)
    await shelf.documents.fetch()
    shelf.knowledge.chunks._ready.clear()
    await shelf.documents.index()
    assert len(await shelf.known()) == 80
    await shelf.consistent()


async def test_documents_are_read_side_by_side_and_a_pass_is_bounded(shelf: Shelf, site: Site) -> None:
    for n in range(10):
        site.put(f"/{n}", page(f"Page {n}", ROTATE))
        await shelf.documents.add(site.url(f"/{n}"), tenant="T1", space="public", actor="operator")
    assert await shelf.documents.fetch() == 8
    assert await shelf.documents.index() == 8
    assert await shelf.documents.work() == 4
    assert len(await shelf.known()) == 10


# -- links in conversations


def test_links_by_who_shared_them() -> None:
    text = "See https://docs.example.org/a and https://docs.example.org/a?utm_source=x or http://b.example/b."
    assert [(link.url, link.rule) for link in links_of(message(text), Role.ANALYST, {})] == [
        ("https://docs.example.org/a", Rule.LEARN),
        ("http://b.example/b", Rule.LEARN),
    ]
    for role in (Role.CUSTOMER, Role.PEER):
        assert {link.rule for link in links_of(message(text), role, {})} == {Rule.ASK}
    assert links_of(message(text), Role.BOT, {"docs.example.org": Rule.LEARN}) == []


@pytest.mark.parametrize(
    ("role", "rules", "rule"),
    [
        (Role.CUSTOMER, {"docs.acme.example": Rule.LEARN}, Rule.LEARN),
        (Role.CUSTOMER, {".acme.example": Rule.LEARN}, Rule.LEARN),
        (Role.CUSTOMER, {"acme.example": Rule.LEARN}, Rule.ASK),
        (Role.CUSTOMER, {"*": Rule.LEARN}, Rule.ASK),
        (Role.CUSTOMER, {"*": Rule.IGNORE}, None),
        (Role.ANALYST, {"*": Rule.ASK}, Rule.ASK),
        (Role.ANALYST, {".acme.example": Rule.IGNORE, "docs.acme.example": Rule.ASK}, Rule.ASK),
        (Role.ANALYST, {".example": Rule.LEARN, ".acme.example": Rule.IGNORE}, None),
        (Role.ANALYST, {"cme.example": Rule.IGNORE}, Rule.LEARN),
    ],
)
def test_rules_of_hosts(role: Role, rules: Mapping[str, Rule], rule: Rule | None) -> None:
    found = links_of(message("https://DOCS.acme.example:443/page"), role, rules)
    assert [link.rule for link in found] == ([rule] if rule else [])


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.slack.com/archives/C1/p1772442000000100",
        "https://app.slack.com/client/T1/C1",
        "https://files.slack.com/files-pri/T1-F1/a.pdf",
        "https://acme.feishu.cn/docx/abc",
        "https://applink.larksuite.com/client/chat/open?openChatId=1",
        "https://user:pw@docs.example.org/a",
        "https://files.example.org/a.pdf?X-Amz-Signature=abc&X-Amz-Date=1",
        "https://docs.example.org/a?access_token=abc",
    ],
)
def test_links_that_are_nobodys_to_fetch(url: str) -> None:
    assert links_of(message(f"look: {url}"), Role.ANALYST, {"*": Rule.LEARN}) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://api.slack.com/docs/rate-limits",
        "https://slack.com/help/articles/1",
        "https://a.example/?q=sig",
    ],
)
def test_links_about_chats_are_links(url: str) -> None:
    assert len(links_of(message(url), Role.ANALYST, {})) == 1


async def share(shelf: Shelf, text: str, role: Role, documents: Documents | None = None) -> None:
    rows = await (documents or shelf.documents).shared(
        message(text, role, f"U-{role}"), tenant="T1", space="channel:C1", oncall="O1"
    )
    await shelf.ledger.write(*rows)


async def test_an_analysts_link_is_learned_in_the_on_calls_space(shelf: Shelf, site: Site) -> None:
    url = site.put("/keys", page("Keys", ROTATE))
    await share(shelf, f"Have a look at {url}", Role.ANALYST)
    await share(shelf, f"again: {url}#rotate", Role.ANALYST)
    await shelf.documents.work()
    assert len(site.requests) == 1
    question = "rotate a key on the primary node"
    assert await shelf.found(question, "channel:C1") == ["Keys > Rotate a key"]
    assert await shelf.found(question, "public", "channel:C2") == []
    [row] = await shelf.ledger.documents.all()
    assert (row["added_by"], row["oncall"], row["trust"]) == ("U-analyst", "O1", "probation")


async def test_a_customers_link_waits_for_an_analyst(shelf: Shelf, site: Site) -> None:
    url = site.put("/keys", page("Keys", ROTATE))
    await share(shelf, url, Role.CUSTOMER)
    await shelf.later(DAY)
    assert site.requests == []
    [row] = await shelf.ledger.documents.asked(tenant="T1", oncall="O1")
    assert row["state"] == DocumentState.ASKED
    assert await shelf.documents.answer(row["id"], learn=True, actor="U-ANN")
    assert not await shelf.documents.answer(row["id"], learn=False, actor="U-BOB")  # answered already
    await shelf.documents.work()
    assert await shelf.headings() == ["Rotate a key"]


async def test_an_analyst_who_shares_a_customers_link_has_confirmed_it(shelf: Shelf, site: Site) -> None:
    url = site.put("/keys", page("Keys", ROTATE))
    await share(shelf, url, Role.CUSTOMER)
    await share(shelf, url, Role.ANALYST)
    await share(shelf, url, Role.CUSTOMER)
    await shelf.documents.work()
    assert await shelf.headings() == ["Rotate a key"]


async def test_a_link_shared_again_by_an_analyst_is_looked_at_again(shelf: Shelf, site: Site) -> None:
    url = site.url("/keys")
    await share(shelf, url, Role.ANALYST)
    await shelf.documents.work()
    assert (await shelf.ledger.documents.all())[0]["state"] == DocumentState.GONE
    site.put("/keys", page("Keys", ROTATE))
    await share(shelf, url, Role.CUSTOMER)
    assert await shelf.documents.work() == 0
    await share(shelf, url, Role.ANALYST)
    await shelf.documents.work()
    assert await shelf.headings() == ["Rotate a key"]


async def test_what_an_analyst_said_about_a_host_is_remembered(shelf: Shelf, site: Site) -> None:
    for path in ("/a", "/b"):
        site.put(path, page("Keys", ROTATE))
    await share(shelf, site.url("/a"), Role.CUSTOMER)
    [row] = await shelf.ledger.documents.asked(tenant="T1")
    await shelf.documents.answer(row["id"], learn=False, actor="U-ANN", remember=True)
    await share(shelf, site.url("/b"), Role.CUSTOMER)
    await share(shelf, site.url("/b"), Role.ANALYST)
    await shelf.documents.work()
    assert site.requests == []
    assert [row["state"] for row in await shelf.ledger.documents.all()] == [DocumentState.IGNORED]
    await share(shelf, site.url("/b"), Role.CUSTOMER, shelf.with_rules({"127.0.0.1": Rule.LEARN}))
    await shelf.documents.work()  # the operator's rule stands above
    assert await shelf.headings() == ["Rotate a key"]


async def test_one_page_in_two_spaces_is_two_documents(shelf: Shelf, site: Site) -> None:
    url = site.put("/keys", page("Keys", ROTATE))
    first = await shelf.add(url)
    second = await shelf.add(url, space="channel:C9")
    assert first != second
    assert len(await shelf.found("rotate a key", "public")) == 1
    assert len(await shelf.found("rotate a key", "public", "channel:C9")) == 2


# -- cutting


def test_parts_keep_paragraphs_lists_and_code_whole() -> None:
    code = "```\n" + "\n".join(f"step {n} --verbose" for n in range(30)) + "\n```"
    text = "\n\n".join(["One sentence of it. " * 20, "- a\n- b", code, "Another. " * 60])
    found = parts(text)
    assert all(part.count("```") % 2 == 0 for part in found)
    assert sum(code in part for part in found) == 1
    assert "".join(text.split()) == "".join("".join(found).split())


@pytest.mark.parametrize(
    "text",
    ["word " * 9000, "x" * 50_000, "```\n" + "y" * 9000 + "\n```", "。".join(["中文"] * 9000), "a\n" * 9000],
)
def test_no_part_is_larger_than_can_be_shown(text: str) -> None:
    found = parts(text)
    assert max(len(part) for part in found) <= MOST
    assert all(part.strip() for part in found)


def test_a_document_has_a_bounded_number_of_parts() -> None:
    sections = tuple(Section(path=(f"H{n}",), text=f"Text {n}") for n in range(CHUNKS + 50))
    found, cut = chunks_of(Page(title="Long", sections=sections), url="https://a.example/", title="x")
    assert len(found) == CHUNKS
    assert cut


async def test_a_pdfs_parts_cite_their_page(shelf: Shelf, site: Site) -> None:
    url = site.put(
        "/m.pdf", pdf(["Keys live ninety days and no longer."] * 2, title="Manual"), kind="application/pdf"
    )
    document = await shelf.add(url)
    rows = await shelf.ledger.documents.chunks(document)
    entries = await shelf.ledger.entries.current([row["entry"] for row in rows])
    cited = [entries[row["entry"]].citations[0] for row in rows]
    assert [c.url for c in cited] == [f"{url}#page=1", f"{url}#page=2"]
    assert cited[1].title == "Manual, page 2"


# -- answering


@asynccontextmanager
async def world_with(folder: Path, embedder: Embedder) -> AsyncIterator[World]:
    settings = Settings()
    world = World(
        settings=settings,
        folder=folder,
        embedder=embedder,
        engine=DirectedEngine(engine_of(settings, embedder)),
        people={"cleo": Person(name="cleo"), "ann": Person(name="ann", title="support engineer")},
        channels={"help": Channel(name="help")},
    )
    await world.start()
    yield world
    await world.stop()


GUIDE = """# Gateway keys

The gateway signs every request with a key. A key lives ninety days.
After that every request fails with GATE-41.

## Rotate a key

Run this on the primary node:

```
gatectl keys rotate --node primary
```

The old key stays valid for ten minutes.
"""


async def test_a_question_is_answered_from_a_page_and_the_card_cites_it(
    tmp_path: Path, site: Site, real_embedder: Embedder
) -> None:
    async with world_with(tmp_path, real_embedder) as world:
        documents = Documents(
            ledger=world.parts.ledger,
            knowledge=world.parts.knowledge,
            fetcher=WebFetcher(allow=[site.host]),
            reader=ProcessReader(),
            clock=world.clock,
            rules={},
            refresh=DAY,
        )
        url = site.put("/keys.md", GUIDE, kind="text/markdown")
        await documents.add(url, tenant=TENANT, space="public", actor="operator")
        await documents.work()
        await world.say("cleo", "How can I rotate the key of our gateway?")
        await world.wait(timedelta(minutes=5))
        [posted] = world.cards("main")
        assert [c.url for c in posted.card.citations] == [url]
        assert posted.card.provenance == "from a document, as of 2026-03-02"
        assert posted.card.citations[0].title == "Gateway keys > Rotate a key"
        assert "```\ngatectl keys rotate --node primary\n```" in posted.card.body
        await world.say("cleo", "And why do all requests fail with GATE-44 since then?")
        await world.wait(timedelta(minutes=5))
        assert len(world.cards("main")) == 1  # that page is about GATE-41


async def test_a_file_is_cited_by_its_title(shelf: Shelf) -> None:
    document = await shelf.documents.add_content(
        "/docs/keys.md",
        GUIDE.encode(),
        media_type=MARKDOWN,
        title="keys",
        tenant="T1",
        space="public",
        actor="operator",
    )
    await shelf.documents.work()
    entries = await shelf.ledger.entries.list_current()
    assert [row["citations"] for row in entries] == [
        '[["","Gateway keys"]]',
        '[["","Gateway keys > Rotate a key"]]',
    ]
    assert (await shelf.row(document))["due_at"] is None
    await shelf.documents.leave(document, reason="deleted")
    await shelf.documents.work()
    assert await shelf.known() == []
    await shelf.consistent()
