"""Documents and wiki pages of Lark's, read from the local tenant with the app's permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vigilbot.errors import DocumentClosed, DocumentError, DocumentGone, DocumentRefused
from vigilbot.platforms.lark_client import LarkClient
from vigilbot.platforms.lark_documents import LarkDocuments, is_document
from vigilbot.workspace.lark import LarkTenant

TEXT = "# Rotating keys\n\nRun `gatectl rotate` on the node.\n\n- then wait\n\n## After that\n\nCheck <a>."


@asynccontextmanager
async def reading(tenant: LarkTenant) -> AsyncIterator[LarkDocuments]:
    client = LarkClient(app_id=tenant.app_id, app_secret=tenant.app_secret, base_url=tenant.url, timeout=5.0)
    client.open()
    try:
        yield LarkDocuments(client)
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://acme.feishu.cn/docx/AbCd1234?from=from_copylink", True),
        ("https://acme.larksuite.com/wiki/AbCd1234", True),
        ("https://acme.sg.larksuite.com/docx/AbCd1234#part", True),
        ("https://acme.larkoffice.com/docx/AbCd1234/", True),
        ("http://acme.feishu.cn/docx/AbCd1234", False),
        ("https://acme.feishu.cn/sheets/AbCd1234", False),
        ("https://acme.feishu.cn.evil.example/docx/AbCd1234", False),
        ("https://evilfeishu.cn/docx/AbCd1234", False),
        ("https://acme.feishu.cn@evil.example/docx/AbCd1234", False),
        ("https://acme.feishu.cn/docx/../../auth/v3", False),
        ("https://acme.feishu.cn/docx/AbCd1234/blocks", False),
    ],
)
def test_only_addresses_of_documents_and_wiki_pages_are_asked_for(url: str, is_one: bool) -> None:
    assert is_document(url) is is_one


async def test_a_document_is_markdown_with_its_title_and_headings() -> None:
    async with LarkTenant() as tenant, reading(tenant) as documents:
        fetched = await documents.fetch(tenant.add_document("doxAbc1", "Keys", TEXT))
        said = (fetched.content or b"").decode()
    assert said.startswith("---\ntitle: Keys\n---\n# Rotating keys\n\n")
    assert "\n\n## After that\n\n" in said
    assert "\\<a\\>" in said, "what people wrote is no markup"
    assert fetched.media_type == "text/markdown"


async def test_a_long_document_comes_whole() -> None:
    text = "\n\n".join(f"Paragraph {n}" for n in range(1200))
    async with LarkTenant() as tenant, reading(tenant) as documents:
        fetched = await documents.fetch(tenant.add_document("doxAbc1", "Long", text))
    assert b"Paragraph 1199" in (fetched.content or b"")


async def test_a_wiki_page_is_the_document_behind_it() -> None:
    async with LarkTenant() as tenant, reading(tenant) as documents:
        url = tenant.add_document("doxAbc1", "Keys", TEXT, node="wikNode1")
        assert b"gatectl" in ((await documents.fetch(url)).content or b"")


async def test_a_document_that_has_not_changed_is_not_read_again() -> None:
    async with LarkTenant() as tenant, reading(tenant) as documents:
        url = tenant.add_document("doxAbc1", "Keys", TEXT)
        first = await documents.fetch(url)
        assert (await documents.fetch(url, etag=first.etag)).content is None
        tenant.state.documents["doxAbc1"].revision = 2
        assert (await documents.fetch(url, etag=first.etag)).content is not None


@pytest.mark.parametrize("node", ["", "wikNode1"])
async def test_what_is_not_shared_is_closed_and_what_is_gone_is_gone(node: str) -> None:
    async with LarkTenant() as tenant, reading(tenant) as documents:
        url = tenant.add_document("doxAbc1", "Keys", TEXT, shared=False, node=node)
        with pytest.raises(DocumentClosed):
            await documents.fetch(url)
        tenant.faults.fail("/docx/v1/documents/doxAbc1", "1770003")
        with pytest.raises(DocumentGone):
            await documents.fetch("https://acme.feishu.cn/docx/doxAbc1")
        tenant.faults.answer("/docx/v1/documents/doxAbc1", 502)
        with pytest.raises(DocumentError) as passing:
            await documents.fetch("https://acme.feishu.cn/docx/doxAbc1")
        assert not isinstance(passing.value, DocumentRefused)
        tenant.api.scopes.discard("docx:document:readonly")
        with pytest.raises(DocumentRefused, match="docx:document:readonly") as lacking:
            await documents.fetch("https://acme.feishu.cn/docx/doxAbc1")
        assert not isinstance(lacking.value, DocumentClosed)
