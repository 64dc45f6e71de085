"""Work that was given up: what it was, why, and what an operator does about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from vigilbot.admin import audit
from vigilbot.errors import BadInput
from vigilbot.ledger import DeadLetters, Ledger, Letter
from vigilbot.ledger.rows import moment
from vigilbot.ports import Row

REMEDIES: Mapping[Letter, str] = MappingProxyType(
    {
        Letter.EVENT: "It was never taken in. Retry after an update, else report it",
        Letter.CARD: "Look at the reason, mend it, then retry: it is checked again before it is posted",
        Letter.CLICK: "What was clicked is kept and had no effect. Retry after an update, else report it",
        Letter.RUN: "Nobody judged these messages. See that a model answers (`doctor`), then retry",
        Letter.LESSON: "Nothing was learned here. See that a model answers (`doctor`), then retry",
        Letter.DOCUMENT: "See that the page can be reached from my machine, then retry",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One piece of work. ``number`` is what people type; ``what`` is words of somebody, or an address."""

    number: int
    kind: Letter
    tenant: str
    subject: str  # the row it is about
    at: datetime  # given up
    why: str
    what: str
    oncall: str
    channel_name: str
    row: Row

    @property
    def remedy(self) -> str:
        return REMEDIES[self.kind]


async def dead_letters(ledger: Ledger, *, tenant: str = "") -> tuple[DeadLetter, ...]:
    """The oldest first; of all tenants with ""."""
    return tuple(_letter(row) for row in await ledger.dead.listed(tenant=tenant))


async def find(ledger: Ledger, numbers: Sequence[int], *, tenant: str = "") -> tuple[DeadLetter, ...]:
    """Those of these numbers, of all where there are none. Raises BadInput for one that is not listed."""
    every = await dead_letters(ledger, tenant=tenant)
    if not numbers:
        return every
    known = {each.number: each for each in every}
    for number in numbers:
        if number not in known:
            raise BadInput(
                "is no dead letter", place=str(number), remedy="`dead list` shows them; it may be done by now"
            )
    return tuple(known[number] for number in dict.fromkeys(numbers))


async def retry(
    ledger: Ledger, letters: Sequence[DeadLetter], *, actor: str, at: datetime, stale: timedelta
) -> int:
    """Due once more, with all tries; a card may go out until ``stale`` from now. Returns how many."""
    for each in letters:
        again = DeadLetters.again(each.row, at=at, until=at + stale)
        note = audit(
            tenant=each.tenant,
            at=at,
            actor=actor,
            action="dead letter retried",
            subject=f"{each.kind} {each.subject}",
            detail="",
        )
        await ledger.write(*again, note)
    return len(letters)


async def drop(ledger: Ledger, letters: Sequence[DeadLetter], *, actor: str, at: datetime) -> int:
    """Stays undone for good. Returns how many."""
    for each in letters:
        note = audit(
            tenant=each.tenant,
            at=at,
            actor=actor,
            action="dead letter dropped",
            subject=f"{each.kind} {each.subject}",
            detail="",
        )
        await ledger.write(*DeadLetters.dropped(each.row, at=at), note)
    return len(letters)


def _letter(row: Row) -> DeadLetter:
    return DeadLetter(
        number=row["id"],
        kind=Letter(row["kind"]),
        tenant=row["tenant"],
        subject=row["subject"],
        at=moment(row["at"]),
        why=row["why"],
        what=row["what"],
        oncall=row["oncall"],
        channel_name=row["channel_name"],
        row=row,
    )
