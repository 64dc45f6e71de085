"""What an operator does with the knowledge base. Returns values; showing them is the caller's affair.

Everything that changes knowledge writes who did it to the audit table in the same batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vigilbot.domain import (
    Citation,
    Dialogue,
    KnowledgeEntry,
    Message,
    PassageKind,
    Question,
    Role,
    SupportKind,
    Trust,
)
from vigilbot.errors import BadInput
from vigilbot.knowledge import Knowledge
from vigilbot.ledger import Ledger, Runs
from vigilbot.ledger.rows import moment, optional_moment, stamp, to_entry, unpack_citations
from vigilbot.pipeline import Judged, Pipeline, Place
from vigilbot.ports import Row, Statement
from vigilbot.redact import redact_secrets

__all__ = [
    "AnswerGiven",
    "Life",
    "Listed",
    "Page",
    "RevisionMade",
    "SupportGiven",
    "audit",
    "list_entries",
    "retract",
    "search",
    "show_entry",
    "undo",
]

UNKNOWN = "`vigilbot kb list` shows what there is, with --retracted also what was taken back"
ASKED = "operator"  # the message id of a question an operator tries out


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One entry of a list. ``support`` and ``against`` count on-calls."""

    entry: KnowledgeEntry
    tenant: str
    channel_name: str
    support: int
    against: int
    retracted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some entries, oldest operation first, of ``total`` that the filters let through."""

    entries: tuple[Listed, ...]
    total: int
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RevisionMade:
    """One operation in an entry's life, and what the entry said from then on."""

    revision: int
    operation: str
    actor: str
    reason: str
    at: datetime
    until: datetime | None
    retracted: bool
    question: str
    answer: str
    precondition: str
    citations: tuple[Citation, ...]
    trust: Trust


@dataclass(frozen=True, kw_only=True, slots=True)
class SupportGiven:
    """An on-call that speaks for an entry, or against it."""

    kind: SupportKind
    oncall: str
    channel: str
    channel_name: str
    customer: str
    question: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerGiven:
    """An answer that leaned on an entry. ``delivery`` is "" when no card was due, ``outcome`` "" so far;
    ``accepted_by`` are names, or ids where nobody knows a name."""

    id: str
    at: datetime
    oncall: str
    channel_name: str
    question: str
    text: str
    revision: int
    confidence: float
    result: str
    delivery: str
    outcome: str
    accepted_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """Everything that happened to one entry, each part in time order."""

    now: Listed
    revisions: tuple[RevisionMade, ...]
    supports: tuple[SupportGiven, ...]
    answers: tuple[AnswerGiven, ...]


_COUNTED = (
    "SELECT k.*, coalesce(c.name, k.channel) AS channel_name, "
    "(SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry AND s.kind != 'contradicted') "
    "AS support, "
    "(SELECT count(DISTINCT oncall) FROM support s WHERE s.entry = k.entry AND s.kind = 'contradicted') "
    "AS against FROM knowledge k "
    "LEFT JOIN channels c ON c.tenant = k.tenant AND c.channel = k.channel WHERE k.valid_to IS NULL "
)
_FILTERS = (
    "AND k.retracted = :retracted AND (:space = '' OR k.space = :space) "
    "AND (:channel = '' OR k.channel = :channel OR c.name = :channel) "
    "AND (:trust = '' OR k.trust = :trust) AND (:kind = '' OR k.kind = :kind) "
)


async def list_entries(
    ledger: Ledger,
    *,
    channel: str = "",
    space: str = "",
    trust: Trust | None = None,
    kind: PassageKind | None = None,
    retracted: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> Page:
    """Entries in force, or the retracted ones. ``channel`` is a name or an id of where it was learned."""
    filters = {
        "channel": channel.removeprefix("#"),
        "space": space,
        "trust": trust.value if trust else "",
        "kind": kind.value if kind else "",
        "retracted": int(retracted),
    }
    [counted] = await ledger.fetch(
        "SELECT count(*) AS n FROM knowledge k LEFT JOIN channels c ON c.tenant = k.tenant "
        f"AND c.channel = k.channel WHERE k.valid_to IS NULL {_FILTERS}",
        **filters,
    )
    rows = await ledger.fetch(
        f"{_COUNTED} {_FILTERS} ORDER BY k.seq LIMIT :limit OFFSET :offset",
        **filters,
        limit=limit,
        offset=offset,
    )
    return Page(entries=tuple(_listed(row) for row in rows), total=counted["n"], offset=offset)


async def show_entry(ledger: Ledger, entry_id: str) -> Life:
    """An entry's whole life, retracted ones too. Raises BadInput when there is none."""
    rows = await ledger.fetch(f"{_COUNTED} AND k.entry = :entry", entry=entry_id)
    if not rows:
        raise BadInput("no such entry", place=entry_id, remedy=UNKNOWN)
    names = {(row["tenant"], row["channel"]): row["name"] for row in await ledger.chats.channels()}
    supports = await ledger.entries.supports([entry_id])
    answers = await ledger.fetch(
        "SELECT a.*, j.value AS revision_used, q.text AS question_text, coalesce(c.name, o.channel) "
        "AS channel_name, (SELECT d.state FROM deliveries d WHERE d.answer = a.id "
        "ORDER BY d.due_at DESC LIMIT 1) AS delivery, "
        "(SELECT max(d.accepted_by) FROM deliveries d WHERE d.answer = a.id) AS accepted_by "
        "FROM answers a JOIN json_each(a.leaned) j ON j.key = :entry "
        "JOIN questions q ON q.id = a.question JOIN oncalls o ON o.id = a.oncall "
        "LEFT JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel ORDER BY a.at, a.id",
        entry=entry_id,
    )
    return Life(
        now=_listed(rows[0]),
        revisions=tuple(_revision(row) for row in await ledger.entries.revisions(entry_id)),
        supports=tuple(_support(row, names.get((row["tenant"], row["channel"]), "")) for row in supports),
        answers=tuple([_answer(row, await _people(ledger, row)) for row in answers]),
    )


async def search(question: str, *, pipeline: Pipeline, place: Place, at: datetime) -> Judged:
    """What the bot would find and answer, were a customer to ask this now in ``place``.

    The passages come as the bot's own stages retrieve and rerank them. A text in which the engine
    sees no question is searched for as it stands.
    """
    asked = Message(id=ASKED, ts=ASKED, at=at, role=Role.CUSTOMER, author=ASKED, text=question)
    dialogue = Dialogue(messages=(asked,))
    judged = await pipeline.rank(dialogue, (asked,), place=place)
    if judged is None:
        trace = await pipeline.again(
            dialogue, Question(text=question, message_ids=(ASKED,)), place=place, sent=()
        )
        [judged] = trace.judged
    return judged


async def retract(
    knowledge: Knowledge, ledger: Ledger, entry_id: str, *, actor: str, reason: str, at: datetime
) -> None:
    """The entry answers nothing from now on. Raises BadInput when it is not in force."""
    row = await ledger.entries.entry(entry_id)
    if row is None:
        raise BadInput("no such entry", place=entry_id, remedy=UNKNOWN)
    if row["retracted"]:
        raise BadInput(
            "is retracted already", place=entry_id, remedy=f"`vigilbot kb undo {entry_id}` brings it back"
        )
    if not reason.strip():
        raise BadInput("a reason is missing", place=entry_id, remedy="Say why in a few words")
    audited = audit(
        tenant=row["tenant"], at=at, actor=actor, action="retract", subject=entry_id, detail=reason
    )
    await knowledge.retract(entry_id, actor=actor, reason=reason, also=[audited])


async def undo(knowledge: Knowledge, ledger: Ledger, entry_id: str, *, actor: str, at: datetime) -> str:
    """Takes back the entry's last operation and says which it was; undoing an undo does it again."""
    row = await ledger.entries.entry(entry_id)
    if row is None:
        raise BadInput("no such entry", place=entry_id, remedy=UNKNOWN)
    detail = f"{row['operation']} (revision {row['revision']})"
    audited = audit(tenant=row["tenant"], at=at, actor=actor, action="undo", subject=entry_id, detail=detail)
    return await knowledge.undo(entry_id, actor=actor, also=[audited])


def audit(*, tenant: str, at: datetime, actor: str, action: str, subject: str, detail: str) -> Statement:
    """Who did what to which, for the same batch as the doing. Keys and passwords in it are not kept."""
    return Runs.put(
        "audit",
        tenant=tenant,
        at=stamp(at),
        actor=actor,
        action=action,
        subject=subject,
        detail=redact_secrets(detail),
    )


def _listed(row: Row) -> Listed:
    return Listed(
        entry=to_entry(row),
        tenant=row["tenant"],
        channel_name=row["channel_name"],
        support=row["support"],
        against=row["against"],
        retracted=bool(row["retracted"]),
    )


def _revision(row: Row) -> RevisionMade:
    return RevisionMade(
        revision=row["revision"],
        operation=row["operation"],
        actor=row["actor"],
        reason=row["reason"],
        at=moment(row["valid_from"]),
        until=optional_moment(row["valid_to"]),
        retracted=bool(row["retracted"]),
        question=row["question"],
        answer=row["answer"],
        precondition=row["precondition"],
        citations=unpack_citations(row["citations"]),
        trust=Trust(row["trust"]),
    )


def _support(row: Row, channel_name: str) -> SupportGiven:
    return SupportGiven(
        kind=SupportKind(row["kind"]),
        oncall=row["oncall"],
        channel=row["channel"],
        channel_name=channel_name or row["channel"],
        customer=row["customer"],
        question=row["question"],
        at=moment(row["at"]),
    )


async def _people(ledger: Ledger, row: Row) -> tuple[str, ...]:
    users = [user for user in (row["accepted_by"] or "").split(",") if user]
    return tuple([await ledger.chats.name_of(row["tenant"], user) or user for user in users])


def _answer(row: Row, accepted_by: tuple[str, ...]) -> AnswerGiven:
    return AnswerGiven(
        id=row["id"],
        at=moment(row["at"]),
        oncall=row["oncall"],
        channel_name=row["channel_name"],
        question=row["question_text"],
        text=row["text"],
        revision=row["revision_used"],
        confidence=row["confidence"],
        result=row["result"],
        delivery=row["delivery"] or "",
        outcome=row["outcome"] or "",
        accepted_by=accepted_by,
    )
