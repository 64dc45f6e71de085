"""How entries are named, found, and followed by their next revision."""

from __future__ import annotations

import hashlib

from vigilbot.domain import KnowledgeEntry, PassageKind, Trust
from vigilbot.knowledge.search import LEXEMES
from vigilbot.ledger.entries import Revision, lexeme
from vigilbot.text import tokens


def new_entry_id(*parts: str) -> str:
    """A short id derived from what the entry was learned from: the same source, the same id."""
    return "K" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:10]


def searchable_text(entry: KnowledgeEntry | Revision) -> str:
    """The text whose vector finds the entry."""
    if entry.kind is PassageKind.CHUNK:
        return f"{entry.question}\n{entry.answer}"
    return f"{entry.question} {entry.precondition}".strip()


def lexemes_of(entry: KnowledgeEntry | Revision) -> list[str]:
    """The words that find the entry, as the lexical index keeps them."""
    titles = " ".join(c.title for c in entry.citations)
    text = f"{entry.question}\n{entry.precondition}\n{entry.answer}\n{titles}"
    return [lexeme(token) for token in tokens(text)[:LEXEMES]]


def next_revision(
    entry: KnowledgeEntry, tenant: str, *, trust: Trust, operation: str, actor: str, reason: str
) -> Revision:
    return Revision(
        entry=entry.id,
        revision=entry.revision + 1,
        tenant=tenant,
        space=entry.space,
        channel=entry.channel,
        kind=entry.kind,
        question=entry.question,
        answer=entry.answer,
        citations=entry.citations,
        trust=trust,
        learned_from=entry.learned_from,
        message_ids=entry.message_ids,
        operation=operation,
        actor=actor,
        reason=reason,
        precondition=entry.precondition,
        expires_at=entry.expires_at,
    )
