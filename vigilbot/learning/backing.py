"""Whether what an engine calls weak teaches nevertheless: its source has helped elsewhere."""

from __future__ import annotations

from vigilbot.domain import Extraction
from vigilbot.knowledge import Origin
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import pack, unpack_citations
from vigilbot.text import canonical_url


async def teaches(found: Extraction, ledger: Ledger, *, origin: Origin) -> bool:
    """Not weak, or with a source that resolved something in another on-call of this space.

    Imports and parts of documents resolved nothing yet, so they do not count.
    """
    if not found.weak:
        return True
    sources = {canonical_url(c.url) for c in found.citations if c.url}
    if not sources:
        return False
    # The index on learned_from leaves imports and documents unread, which are most of a large base.
    rows = await ledger.fetch(
        "SELECT DISTINCT citations FROM knowledge INDEXED BY knowledge_learned "
        "WHERE learned_from > '' AND learned_from != :oncall AND tenant = :tenant AND space = :space "
        "AND kind = 'qa' AND valid_to IS NULL AND retracted = 0 AND citations != '[]' "
        "AND EXISTS (SELECT 1 FROM json_each(:parts) p WHERE instr(lower(citations), p.value) > 0)",
        tenant=origin.tenant,
        space=origin.space,
        oncall=origin.oncall,
        parts=pack(sorted({_longest_part(each) for each in sources})),
    )
    return any(canonical_url(c.url) in sources for row in rows for c in unpack_citations(row["citations"]))


def _longest_part(source: str) -> str:
    """What every way to write this address has in common: a part of its path, or its host."""
    host, *path = source.partition("?")[0].partition("#")[0].split("/")
    plain = [part for part in path if part.isascii() and part.isprintable() and not set(part) & set('"\\')]
    return max(plain, key=len, default="").lower() or host.lower()
