"""What waits for an operator's word about knowledge, and the word itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vigilbot.admin import UNKNOWN, audit
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge
from vigilbot.knowledge.trust import Dispute, dispute
from vigilbot.ledger import Ledger, TrustRows
from vigilbot.ports import Row

_CITED = re.compile(r"\(([^()]*)\)\s*$")  # the message ids at the end of a flag's detail


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """``flagged``: entries that a review holds for wrong; ``evidence``: what was said, by the flag's id;
    ``expired``: entries that answer no longer."""

    flagged: tuple[Row, ...]
    evidence: Mapping[int, Sequence[str]]
    expired: tuple[Row, ...]


async def verify(knowledge: Knowledge, ledger: Ledger, entry_id: str, *, actor: str, at: datetime) -> bool:
    """An operator stands by an entry; False when somebody does already. Raises BadInput."""
    row = await ledger.entries.entry(entry_id)
    if row is None:
        raise BadInput("no such entry", place=entry_id, remedy=UNKNOWN)
    audited = audit(
        tenant=row["tenant"], at=at, actor=actor, action="verify", subject=entry_id, detail=row["trust"]
    )
    return await knowledge.trust.verify(
        entry_id, actor=actor, reason="verified by an operator", also=[audited]
    )


async def disputes(ledger: Ledger, *, at: datetime, tenant: str = "") -> list[Dispute]:
    """Every contradiction found, settled ones too, oldest first."""
    return [dispute(row, now=at) for row in await ledger.trust.contradictions(tenant)]


async def both_hold(
    ledger: Ledger, first: str, second: str, *, tenant: str, actor: str, at: datetime
) -> None:
    """Two entries are no contradiction. Raises BadInput when they were not held for one."""
    known = await ledger.trust.contradictions(tenant)
    if not any({row["first"], row["second"]} == {first, second} for row in known):
        raise BadInput("no contradiction between these two is known", place=f"{first} {second}")
    await ledger.write(
        TrustRows.dismiss(first, second, by=actor),
        audit(tenant=tenant, at=at, actor=actor, action="both hold", subject=first, detail=second),
    )


async def waiting(ledger: Ledger, *, at: datetime, tenant: str = "") -> Waiting:
    flagged = await ledger.trust.flagged(tenant)
    evidence: dict[int, Sequence[str]] = {}
    for row in flagged:
        cited = _CITED.search(row["detail"])
        ids = [part.strip() for part in cited[1].split(",")] if cited else []
        said = await ledger.chats.messages_by_id(ids)
        evidence[row["id"]] = tuple(f"{m.author_name or m.role.value}: {m.text}" for m in said)
    return Waiting(
        flagged=tuple(flagged),
        evidence=evidence,
        expired=tuple(await ledger.trust.expired(now=at, tenant=tenant)),
    )
