"""How far an entry is to be trusted: probation, confirmation by customers, and the expiry of what may pass.

An entry leaves probation when an analyst or an operator stands by it, or when several customers' on-calls
came to it by themselves. What reads like the workaround of an incident answers at once, and no longer than
the incident is likely to last, unless it is confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vigilbot.domain import Extraction, KnowledgeEntry, PassageKind, SupportKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge.alike import Alike
from vigilbot.knowledge.revisions import lexemes_of, next_revision
from vigilbot.knowledge.writing import Writing, alone
from vigilbot.ledger import Entries, Ledger, Runs, TrustRows
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import moment, stamp, to_entry
from vigilbot.ports import Clock, Row, Statement
from vigilbot.text import fold
from vigilbot.text.phrases import Phrase, pattern

_ALONE = (SupportKind.LEARNED, SupportKind.REPEATED, SupportKind.AGREED)
"""Kinds of support that come from humans who settled it without a click."""
_READ = 4000  # characters of an answer in which the phrases are looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustRules:
    """``customers`` confirm an entry; what was learned within ``fresh`` counts like what is confirmed; what
    reads like a workaround for now ends after ``expires``."""

    customers: int = 3
    fresh: timedelta = timedelta(hours=12)
    expires: timedelta = timedelta(days=2)


class Trusting:
    """Decides what becomes of an entry when it is learned and when one more on-call speaks for it."""

    def __init__(self, *, ledger: Ledger, clock: Clock, rules: TrustRules, writing: Writing) -> None:
        self.writing = writing
        self._ledger = ledger
        self._clock = clock
        self._rules = rules

    def expiry(self, extraction: Extraction, trust: Trust) -> datetime | None:
        """Until when something new may answer; None for without end."""
        if trust is not Trust.PROBATION or not for_now(extraction.answer):
            return None
        return self._clock.now() + self._rules.expires

    async def after_support(
        self,
        entry: KnowledgeEntry,
        *,
        tenant: str,
        channel: str,
        oncall: str,
        customer: str,
        kind: SupportKind,
    ) -> Revision | None:
        """The revision that one more on-call brings about; None when the entry stays as it is."""
        if kind not in _ALONE or entry.trust is not Trust.PROBATION or entry.kind is not PassageKind.QA:
            return None
        voices = await self._ledger.trust.customers(
            entry.id, channel=channel, oncall=oncall, customer=customer, at=self._clock.now()
        )
        if len(voices) >= self._rules.customers:
            return next_revision(
                replace(entry, expires_at=None),
                tenant,
                trust=Trust.CONFIRMED,
                operation="confirm",
                actor="vigilbot",
                reason=f"{len(voices)} customers' on-calls came to it by themselves",
            )
        if entry.expires_at is None or kind is not SupportKind.REPEATED:
            return None
        return next_revision(
            replace(entry, expires_at=self._clock.now() + self._rules.expires),
            tenant,
            trust=entry.trust,
            operation="renew",
            actor="vigilbot",
            reason="it was the answer once more",
        )

    def disputes(self, alike: Alike, entry_id: str, *, tenant: str, oncall: str) -> list[Statement]:
        """A new entry and those that answer its question otherwise."""
        return [
            TrustRows.contradict(
                tenant=tenant,
                first=rival.entry.id,
                second=entry_id,
                oncall=oncall,
                difference=rival.difference,
                at=self._clock.now(),
            )
            for rival in alike.rivals
        ]

    @alone
    async def verify(self, entry_id: str, *, actor: str, reason: str, also: Sequence[Statement] = ()) -> bool:
        """Somebody stands by the entry; False when somebody does already. Raises BadInput."""
        row = await self._ledger.entries.entry(entry_id)
        if row is None or row["retracted"]:
            raise BadInput("no such entry in force", place=entry_id, remedy="`vigilbot kb list` names them")
        entry = to_entry(row)
        if entry.trust is Trust.VERIFIED and entry.expires_at is None:
            return False
        revision = verified(entry, row["tenant"], actor=actor, reason=reason)
        await self._ledger.write(
            *Entries.append(revision, at=self._clock.now(), lexemes=lexemes_of(entry)), *also
        )
        return True

    async def copies_to_check(self, entry: KnowledgeEntry, tenant: str) -> list[Statement]:
        """An entry says something else now: operators are told of what was shared from it."""
        return [
            Runs.put(
                "audit",
                tenant=tenant,
                at=stamp(self._clock.now()),
                actor="vigilbot",
                action="flag",
                subject=row["copy"],
                detail="what it was shared from says something else now",
            )
            for row in await self._ledger.trust.copies(entry.id)
            if not row["retracted"]
        ]

    def is_fresh(self, entry: KnowledgeEntry) -> bool:
        """Whether what was learned may still be going on elsewhere."""
        return bool(entry.learned_from) and self._clock.now() - entry.valid_from <= self._rules.fresh


def verified(entry: KnowledgeEntry, tenant: str, *, actor: str, reason: str) -> Revision:
    """The entry once somebody stands by it; it does not expire any more."""
    return next_revision(
        replace(entry, expires_at=None),
        tenant,
        trust=Trust.VERIFIED,
        operation="verify",
        actor=actor,
        reason=reason,
    )


def outlives(support: int, against: int) -> bool:
    """Whether an entry stays in use when one more on-call rejects it: so many speak for it that it is still
    more probably right than wrong (the mean of a Beta distribution that began even is above a half)."""
    return support > against + 1


def for_now(answer: str) -> bool:
    """Whether an answer says itself that it will not hold for long."""
    return pattern(Phrase.TEMPORARY).search(fold(answer[:_READ])) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispute:
    """Two entries that answer one question differently. ``winner`` is "" while nobody has settled it."""

    row: Row
    winner: str
    why: str

    @property
    def open(self) -> bool:
        return not self.why


def dispute(row: Row, *, now: datetime) -> Dispute:
    """How a contradiction stands now, by what became of both sides since: nothing of it is kept, so that
    an undo opens it again."""
    if row["dismissed_by"]:
        return Dispute(row=row, winner="", why="an operator says that both hold")
    names = {"a": row["first"], "b": row["second"]}
    for signs, why in (
        ({side: not _gone(row, side, now) for side in names}, "the other is out of use"),
        ({side: row[f"{side}_trust"] == Trust.VERIFIED for side in names}, "somebody stands by it"),
        ({side: row[f"{side}_since"] > 0 for side in names}, "later on-calls speak for it alone"),
    ):
        if signs["a"] != signs["b"]:
            return Dispute(row=row, winner=names["a" if signs["a"] else "b"], why=why)
    both = _gone(row, "a", now)
    return Dispute(row=row, winner="", why="both are out of use" if both else "")


def _gone(row: Row, side: str, now: datetime) -> bool:
    until = row[f"{side}_expires_at"]
    return bool(row[f"{side}_retracted"]) or (until is not None and moment(until) <= now)
