"""The card of an answer: what it says, where it comes from and how far it is confirmed (Vigil 3.1.4)."""

from __future__ import annotations

from vigilbot.cards import Action, ActionKind, Card
from vigilbot.domain import Decision, Outcome, SupportKind, Trust
from vigilbot.learning.leaned import leaned_on
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import unpack_citations
from vigilbot.ports import Row

TITLE = "VigilBot · automated answer"
_CONFIRMING = (
    SupportKind.VERIFIED,
    SupportKind.ACCEPTED_BY_ASKER,
    SupportKind.AGREED,
    SupportKind.REPEATED,
)


async def card_of(ledger: Ledger, answer: Row, *, audience: str, accepted_by: str = "") -> Card:
    """``audience`` is ``everyone`` or ``analysts``; only a card for everyone can be accepted."""
    question = await ledger.runs.question(answer["question"])
    actions = [Action(kind=ActionKind.WHY, label="Why this?", value=answer["id"])]
    if audience == Decision.EVERYONE:
        actions.append(Action(kind=ActionKind.WITHDRAW, label="Withdraw", value=answer["id"]))
        if answer["outcome"] != Outcome.VERIFIED:  # an analyst may still verify what the asker accepted
            actions.insert(0, Action(kind=ActionKind.ACCEPT, label="Accept", value=answer["id"]))
    return Card(
        title=TITLE,
        question=question["text"] if question else "",
        body=answer["text"],
        citations=unpack_citations(answer["citations"]),
        provenance=await _provenance(ledger, list(leaned_on(answer))),
        actions=tuple(actions),
        accepted_by=accepted_by,
        audience=Decision(audience),
    )


async def _provenance(ledger: Ledger, entry_ids: list[str]) -> str:
    """When it was learned and how it is confirmed, for the entry the answer leans on first."""
    entries = await ledger.entries.current(entry_ids)
    if not entries:
        return "its source is no longer in force"
    entry = entries[next(i for i in entry_ids if i in entries)]
    rows = await ledger.entries.supports([entry.id])
    confirmed = len({row["oncall"] for row in rows if row["kind"] in _CONFIRMING})
    how = "verified by an analyst" if entry.trust is Trust.VERIFIED else "not yet verified"
    if confirmed:
        how += f", confirmed in {confirmed} on-call{'s' if confirmed > 1 else ''}"
    source = "learned from an earlier case" if entry.learned_from else "from the knowledge base"
    return f"{source}, {entry.valid_from:%Y-%m-%d}; {how}"
