"""``vigilbot kb add`` and ``vigilbot kb documents``, as an operator calls them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.pdfs import locked, pdf
from tests.site import Reply, Site, page
from vigilbot.__main__ import root

KEYS = "# Gateway keys\n\nA key lives ninety days.\n\n## Rotate a key\n\nRun gatectl rotate on one node.\n"
UPLOADS = "<h2 id='limits'>Limits</h2><p>A single file of an upload may have up to two gigabytes.</p>"


class Installation:
    """A configuration, a data folder, and the command line."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.docs = folder / "docs"
        self.docs.mkdir()
        self.config = folder / "vigilbot.yaml"
        self.config.write_text(
            f"data: {{dir: '{folder / 'data'}'}}\nembedder: {{model: hash}}\nretrieval: {{index: exact}}\n"
            f"documents: {{allow: ['{site.host}']}}\n"
        )

    def __call__(self, *args: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(root, ["kb", *args, "--config", str(self.config)])
        assert result.exit_code == exit_code, result.output
        return result

    def add(self, *args: str, exit_code: int = 0) -> Result:
        return self("add", *args, "--tenant", "T1", exit_code=exit_code)

    def documents(self, *args: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("documents", *args, "--json").stdout)["documents"]
        return found

    def headings(self) -> list[str]:
        entries = json.loads(self("list", "--kind", "chunk", "--json").stdout)["entries"]
        return sorted(each["question"] for each in entries)


@contextmanager
def in_a_thread(site: Site) -> Iterator[None]:
    """Serves while commands, which have a loop of their own, run in this one."""
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with site.serving():
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join(10)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with in_a_thread(site):
        yield site


@pytest.fixture
def kb(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("COLUMNS", "160")
    return Installation(tmp_path, site)


def test_a_page_answers_a_question(kb: Installation, site: Site) -> None:
    url = site.put("/uploads", page("Uploads", UPLOADS))
    assert "1 of 1 documents are known, in 1 parts." in kb.add(url).stdout
    found = json.loads(kb("search", "how large may a single file of an upload be?", "--json").stdout)
    assert found["passages"][0]["question"] == "Uploads > Limits"
    assert found["passages"][0]["citations"][0]["url"] == f"{url}#limits"
    [row] = kb.documents()
    assert (row["state"], row["title"], row["chunks"]) == ("indexed", "Uploads", 1)


def test_a_folder_with_everything_in_it(kb: Installation) -> None:
    (kb.docs / "keys.md").write_text(KEYS)
    (kb.docs / "sub").mkdir()
    (kb.docs / "sub" / "uploads.html").write_bytes(page("Uploads", UPLOADS))
    (kb.docs / "manual.pdf").write_bytes(pdf(["Restart the gateway with gatectl restart."], title="Manual"))
    (kb.docs / "locked.pdf").write_bytes(locked(pdf(["Nobody may read this page."])))
    (kb.docs / "empty.md").write_text("")
    (kb.docs / "binary.txt").write_bytes(bytes(range(256)) * 9)
    (kb.docs / "huge.txt").write_bytes(b"a b c " * 1_000_000)
    (kb.docs / "logo.png").write_bytes(b"\x89PNG")
    (kb.docs / ".hidden.md").write_text("# Hidden")
    result = kb.add(str(kb.docs))
    assert "3 of 7 documents are known, in 4 parts." in result.stdout
    for name, reason in (
        ("locked.pdf", "encrypted"),
        ("empty.md", "empty"),
        ("binary.txt", "no text"),
        ("huge.txt", "larger than 5 MB"),
    ):
        [line] = [line for line in result.stderr.splitlines() if name in line]
        assert line.startswith("refused: ")
        assert reason in line
    assert kb.headings() == [
        "Gateway keys",
        "Gateway keys > Rotate a key",
        "Manual",
        "Uploads > Limits",
    ]
    shown = kb("documents", "--state", "refused").stdout
    assert "locked.pdf" in shown
    assert "encrypted" in shown


def test_adding_a_folder_again_follows_its_files(kb: Installation) -> None:
    (kb.docs / "keys.md").write_text(KEYS)
    (kb.docs / "old.md").write_text("# Old\n\nThis was true for a long time.\n")
    kb.add(str(kb.docs))
    before = kb("list", "--json").stdout
    kb.add(str(kb.docs))
    assert kb("list", "--json").stdout == before  # nothing changed
    (kb.docs / "old.md").unlink()
    (kb.docs / "keys.md").write_text(KEYS.replace("Rotate a key", "Renew a key"))
    result = kb.add(str(kb.docs))
    assert "gone: " in result.stderr
    assert kb.headings() == ["Gateway keys", "Gateway keys > Renew a key"]


def test_a_sitemap_brings_its_pages(kb: Installation, site: Site) -> None:
    for name in ("a", "b", "c"):
        site.put(f"/{name}", page(f"Page {name}", UPLOADS))
    places = [site.url(path) for path in ("/a", "/b", "/gone")] + ["http://elsewhere.example/x"]
    listed = "".join(f"<url><loc>{place}</loc></url>" for place in places)
    site.put("/more.xml", f"<?xml version='1.0'?><urlset>{listed}</urlset>", kind="application/xml")
    nested = f"<sitemap><loc>{site.url('/more.xml')}</loc></sitemap>"
    start = site.put("/sitemap.xml", f"<sitemapindex>{nested * 3}</sitemapindex>", kind="text/xml")
    result = kb.add(start)
    assert "2 of 3 documents are known" in result.stdout
    assert "gone: " in result.stderr
    assert {row["state"] for row in kb.documents()} == {"indexed", "gone"}
    assert "Left out 1 beyond --limit" in kb.add(start, "--limit", "2").stderr


def test_the_exit_code_says_whether_anything_was_learned(kb: Installation, site: Site) -> None:
    site.pages["/locked"] = Reply(status=403)
    result = kb.add(site.url("/locked"), "http://127.0.0.1:9/", "http://10.0.0.1/", exit_code=1)
    assert "0 of 3 documents are known" in result.stdout
    assert "not open to everybody" in result.stderr
    assert "private address" in result.stderr
    site.put("/open", page("Uploads", UPLOADS))
    kb.add(site.url("/locked"), site.url("/open"))


@pytest.mark.parametrize(
    ("sources", "told"),
    [(("nowhere.md",), "no such file"), (("{docs}",), "nothing to add"), ((), "missing argument")],
)
def test_what_cannot_be_meant_is_told(kb: Installation, sources: tuple[str, ...], told: str) -> None:
    result = kb.add(*(source.format(docs=kb.docs) for source in sources), exit_code=2)
    assert told.lower() in result.stderr.lower()


def test_a_new_ledger_wants_to_know_the_workspace(kb: Installation) -> None:
    (kb.docs / "keys.md").write_text(KEYS)
    assert "--tenant" in kb("add", str(kb.docs), exit_code=2).stderr
    kb.add(str(kb.docs))
    kb("add", str(kb.docs))  # known from now on


def test_titles_are_text(kb: Installation) -> None:
    (kb.docs / "x.md").write_text("# [bold]Ti\x1b[31mtle\u202e\n\nA text that nobody can misread at all.\n")
    kb.add(str(kb.docs))
    shown = kb("documents").stdout
    assert "[bold]Ti" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_space_keeps_documents_apart(kb: Installation) -> None:
    (kb.docs / "keys.md").write_text(KEYS)
    kb.add(str(kb.docs), "--space", "channel:C9")
    assert [row["space"] for row in kb.documents("--space", "channel:C9")] == ["channel:C9"]
    assert kb.documents("--space", "public") == []
    with_json = json.loads(kb.add(str(kb.docs), "--json").stdout)
    assert [row["space"] for row in with_json["documents"]] == ["public"]
