"""Export and import of knowledge as JSON Lines (the format is in ``lines``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from vigilbot.admin import audit
from vigilbot.admin.lines import Line, Placed, written
from vigilbot.domain import Citation, KnowledgeEntry, PassageKind, Trust
from vigilbot.errors import BadInput
from vigilbot.knowledge import lexemes_of
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.entries import Revision
from vigilbot.ledger.rows import to_entry
from vigilbot.ports import Row, Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What an import did, or would do. The ids are in the order of the file."""

    new: tuple[str, ...]
    revised: tuple[str, ...]
    unchanged: tuple[str, ...]
    newer: tuple[str, ...]  # the ledger has moved on from what the file says: left alone
    retracted: tuple[str, ...]  # taken back here: left alone
    support: int  # on-calls that speak for an entry and were not known here

    @property
    def changes(self) -> bool:
        return bool(self.new or self.revised or self.support)


async def export_lines(ledger: Ledger) -> AsyncIterator[str]:
    """Every entry in force as one line of JSON, in the order of their ids."""
    rows = sorted(await ledger.entries.list_current(), key=lambda row: str(row["entry"]))
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        supports: dict[str, list[Row]] = defaultdict(list)
        for row in await ledger.entries.supports([row["entry"] for row in part]):
            supports[row["entry"]].append(row)
        for row in part:
            yield written(to_entry(row), row, tuple(supports[row["entry"]]))


async def import_lines(
    ledger: Ledger,
    lines: Sequence[Placed],
    *,
    actor: str,
    at: datetime,
    source: str,
    tenant: str | None,
    space: str,
    dry_run: bool = False,
) -> Imported:
    """Puts entries in force, all in one write or none. ``tenant`` and ``space`` are for lines without.

    A line changes the ledger only where it says something new: an unknown entry, or words an entry
    never had; a field that a line leaves out stays as it is in a known entry. What the ledger revised
    or retracted since is left alone, so that importing a file twice, or an old one, takes nothing back.
    Vectors are owed to the entries afterwards (``reindex``). Raises BadInput.
    """
    default = tenant or await ledger.only_tenant()
    plan = _Plan(actor=actor, at=at, source=source)
    for placed in lines:
        home = placed.line.tenant or default
        if home is None:
            raise BadInput(
                "field 'tenant' is missing, and the ledger does not know just one",
                place=placed.place,
                remedy="Add it to the line, or give --tenant",
            )
        rows = await ledger.entries.revisions(placed.line.id)
        if rows and rows[-1]["tenant"] != home:
            raise BadInput(
                f"entry '{placed.line.id}' belongs to another tenant",
                place=placed.place,
                remedy="Give the line another id, or its own tenant",
            )
        known = {(row["oncall"], row["kind"]) for row in await ledger.entries.supports([placed.line.id])}
        plan.take(placed.line, rows, known, tenant=home, space=space)
    done = plan.imported()
    if done.changes and not dry_run:
        await ledger.write(*plan.statements, plan.audited(default))
    return done


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """What makes two versions of an entry differ."""

    kind: PassageKind
    space: str
    channel: str
    question: str
    answer: str
    precondition: str
    citations: tuple[Citation, ...]
    trust: Trust
    expires_at: datetime | None


@dataclass(slots=True)
class _Plan:
    """Grows line by line; writes nothing."""

    actor: str
    at: datetime
    source: str
    statements: list[Statement] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    revised: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)
    support: int = 0
    tenants: set[str] = field(default_factory=set)

    def take(
        self, line: Line, rows: Sequence[Row], known: set[tuple[str, str]], *, tenant: str, space: str
    ) -> None:
        self.tenants.add(tenant)
        if rows and rows[-1]["retracted"]:
            self.retracted.append(line.id)
            return
        told = [_content(line, space, entry) == _said(entry) for entry in map(to_entry, rows)]
        if told and told[-1]:
            self.unchanged.append(line.id)
        elif any(told):
            self.newer.append(line.id)
            return
        else:
            (self.revised if rows else self.new).append(line.id)
            self._append(line, to_entry(rows[-1]) if rows else None, tenant=tenant, space=space)
        for each in line.support:
            if (each.oncall, each.kind) not in known:
                self.support += 1
                self.statements.append(
                    Entries.put_support(
                        entry=line.id,
                        oncall=each.oncall,
                        kind=each.kind,
                        tenant=tenant,
                        channel=each.channel,
                        customer=each.customer,
                        question=each.question,
                        at=each.at,
                    )
                )

    def _append(self, line: Line, base: KnowledgeEntry | None, *, tenant: str, space: str) -> None:
        content = _content(line, space, base)
        told = line.provenance
        revision = Revision(
            entry=line.id,
            revision=base.revision + 1 if base else line.revision,
            tenant=tenant,
            learned_from=told.learned_from or (base.learned_from if base else ""),
            message_ids=told.message_ids or (base.message_ids if base else ()),
            operation="import",
            actor=self.actor,
            reason=self._reason(line),
            **{f.name: getattr(content, f.name) for f in fields(_Content)},
        )
        self.statements += Entries.append(revision, at=self.at, lexemes=lexemes_of(revision))
        if base is not None:  # a vector of the words before would go on answering for these
            self.statements.append(Entries.drop_embeddings(line.id))

    def _reason(self, line: Line) -> str:
        told = line.provenance
        last = f"{told.operation} by {told.actor}" if told.operation and told.actor else ""
        when = f"{told.valid_from:%Y-%m-%d}" if told.valid_from else ""
        origin = ", ".join(part for part in (last, when, told.reason) if part)
        return f"import of {self.source}" + (f" (there: {origin})" if origin else "")

    def imported(self) -> Imported:
        return Imported(
            new=tuple(self.new),
            revised=tuple(self.revised),
            unchanged=tuple(self.unchanged),
            newer=tuple(self.newer),
            retracted=tuple(self.retracted),
            support=self.support,
        )

    def audited(self, default: str | None) -> Statement:
        detail = f"{len(self.new)} new, {len(self.revised)} revised, {self.support} on-calls"
        return audit(
            tenant=min(self.tenants, default=default or ""),
            at=self.at,
            actor=self.actor,
            action="import",
            subject=self.source,
            detail=detail,
        )


def _content(line: Line, space: str, base: KnowledgeEntry | None) -> _Content:
    """What the line says; a field it leaves out is the base's, so that nothing is changed by silence."""
    given = line.model_fields_set
    said = _Content(
        kind=PassageKind(line.kind),
        space=line.space or space,
        channel=line.channel,
        question=line.question,
        answer=line.answer,
        precondition=line.precondition,
        citations=tuple(Citation(url=each.url, title=each.title) for each in line.citations),
        trust=line.trust,
        expires_at=line.expires_at,
    )
    if base is None:
        return said
    kept = {f.name: getattr(base, f.name) for f in fields(_Content) if f.name not in given}
    return replace(said, **kept)


def _said(entry: KnowledgeEntry) -> _Content:
    return _Content(**{f.name: getattr(entry, f.name) for f in fields(_Content)})
