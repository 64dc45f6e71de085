"""Recorded answers once more: what a change of model, prompt, threshold or scope would do to them.

A case is an answer that people or the later dialogue judged. Whether it stands as a card, and whether it is
right, is compared before and after the change; what the people said is what the ledger knows of it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from vigilbot.domain import RIGHT, WRONG, Mode, Outcome, Question, Result
from vigilbot.evals.metrics import bootstrap
from vigilbot.ledger import Ledger
from vigilbot.ledger.rows import moment, names, optional_moment
from vigilbot.ledger.runs import ASKS
from vigilbot.ports import Embedder, Row
from vigilbot.text import canonical_url, links
from vigilbot.text.sameness import says_same

CLICKED: Final = frozenset({Outcome.VERIFIED, Outcome.ACCEPTED_BY_ASKER})

FIGURES: Final[Mapping[str, str]] = {
    "cases": "recorded answers with an outcome, judged once more; conversations: the on-calls they are of",
    "left_out": "cases whose question was edited or deleted since; failed: those the engine could not judge",
    "before": "cases by state (right, wrong, unknown, none: no card) in the configuration in force; without "
    "--config, as recorded",
    "after": "the same under the new configuration; without --config, under the one in force",
    "drift": "cases whose state in the configuration in force is not the recorded one: what differs without "
    "the change. Null without --config",
    "gained": "right cards that come only after the change",
    "lost": "right cards that do not come any more",
    "mended": "wrong cards that do not come any more",
    "accepted_lost": "of the lost, those that somebody had accepted or posted",
    "came_back": "cards like one that was withdrawn or contradicted, which come only after the change",
    "says_otherwise": "right answers in whose place another one comes",
    "newly_wrong": "accepted_lost, came_back and says_otherwise together",
    "net": "right cards after less right cards before, as a share of the cases; low and high are the 95% "
    "interval, drawn by conversation",
    "worse": "whether anything is newly wrong, or net is below zero with 95% confidence: exit code 1",
}


class State(StrEnum):
    """What stands for one case."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"  # another answer than the recorded one; nobody has judged it
    NONE = "none"


class Change(StrEnum):
    GAINED = "gained"
    LOST = "lost"
    MENDED = "mended"
    ACCEPTED_LOST = "accepted_lost"
    CAME_BACK = "came_back"
    SAYS_OTHERWISE = "says_otherwise"


NEWLY_WRONG: Final = frozenset({Change.ACCEPTED_LOST, Change.CAME_BACK, Change.SAYS_OTHERWISE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One recorded answer. ``stood``: its card was shown. ``truth`` is what people said instead or as well.

    ``seen`` are the passages it was drawn from, entry to revision; ``conversation`` is the on-call.
    """

    answer: str
    run: str
    tenant: str
    channel: str
    channel_name: str
    conversation: str
    at: datetime
    through: datetime
    purpose: str
    triggers: tuple[str, ...]
    versions: Mapping[str, int]  # of triggers that had been edited before the run
    question: Question
    space: str
    mode: Mode
    text: str
    url: str  # its first source, "" without
    truth: str
    outcome: Outcome | None
    right: bool
    clicked: bool
    stood: bool
    seen: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """What one configuration does with a case. ``why``: the reason for no card."""

    stands: bool
    text: str = ""
    url: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A case that a change treats in another way; ``said`` is what comes now, or why nothing does."""

    case: Case
    change: Change
    said: str


async def cases(ledger: Ledger, *, limit: int | None = None) -> list[Case]:
    """Recorded answers with an outcome in time order; with ``limit``, the newest so many."""
    rows = await ledger.fetch(
        f"SELECT a.*, {ASKS}, r.purpose, r.through, r.triggers, r.trace, r.at AS run_at, "
        "q.text AS question_text, q.terms, q.message_ids, q.resolution_ids, q.space, o.channel, "
        "c.name AS channel_name, d.sent_at, d.text AS posted_text, d.posted_by "
        "FROM answers a JOIN runs r ON r.id = a.run "
        "JOIN questions q ON q.id = a.question JOIN oncalls o ON o.id = a.oncall "
        "JOIN channels c ON c.tenant = o.tenant AND c.channel = o.channel "
        "LEFT JOIN deliveries d ON d.key = (SELECT key FROM deliveries WHERE answer = a.id "
        "ORDER BY posted_by != '' DESC, sent_at IS NOT NULL DESC, due_at DESC LIMIT 1) "
        "WHERE a.text != '' AND (a.outcome IS NOT NULL OR COALESCE(d.posted_by, '') != '') "
        "ORDER BY r.at DESC, r.id DESC, a.id DESC"
    )
    wanted = [row for row in rows if _judged(row) and _comparable(row)][:limit]
    return [await _case(row, ledger) for row in reversed(wanted)]


def _judged(row: Row) -> bool:
    return bool(row["posted_by"]) or Outcome(row["outcome"]) in RIGHT | WRONG


def _comparable(row: Row) -> bool:
    """Not what was kept back for a reason that no configuration of the pipeline changes.

    A human was faster, somebody asked for quiet, the channel was paused, too many cards stood, the question
    had grown old.
    """
    if row["sent_at"]:
        return True
    if row["result"] == Result.HELD:
        return bool(row["would_post"]) if row["mode"] == Mode.LISTEN else " is below " in row["reason"]
    return row["result"] in (Result.DUPLICATE, Result.ANSWERED_BY_HUMAN)


async def _case(row: Row, ledger: Ledger) -> Case:
    said = await ledger.chats.messages_by_id(names(row["resolution_ids"]))
    outcome = Outcome(row["outcome"]) if row["outcome"] else None
    citations = json.loads(row["citations"])
    edited = row["posted_text"] or ""
    return Case(
        answer=row["id"],
        run=row["run"],
        tenant=row["tenant"],
        channel=row["channel"],
        channel_name=row["channel_name"],
        conversation=row["oncall"],
        at=moment(row["run_at"]),
        through=moment(row["through"]),
        purpose=row["purpose"],
        triggers=names(row["triggers"]),
        versions=json.loads(row["trace"]).get("versions", {}),
        question=Question(
            text=row["question_text"],
            message_ids=names(row["message_ids"]),
            terms=names(row["terms"]),
            asks=row["asks"],
        ),
        space=row["space"],
        mode=Mode(row["mode"]),
        text=row["text"],
        url=next((url for url, _ in citations if url), ""),
        truth=edited or "\n".join(m.text for m in said),
        outcome=outcome,
        right=outcome in RIGHT or (bool(row["posted_by"]) and outcome not in WRONG),
        clicked=outcome in CLICKED or (bool(row["posted_by"]) and outcome not in WRONG),
        stood=optional_moment(row["sent_at"]) is not None
        or (row["mode"] == Mode.LISTEN and bool(row["would_post"])),
        seen={p["entry"]: p["revision"] for p in json.loads(row["passages"])},
    )


def recorded(case: Case) -> State:
    """How the ledger has it."""
    if not case.stood:
        return State.NONE
    return State.RIGHT if case.right else State.WRONG


class Comparing:
    """Judges what stands now by what people said of what stood then. ``theta`` belongs to the embedder."""

    def __init__(self, *, embedder: Embedder, theta: float) -> None:
        self._embedder = embedder
        self._theta = theta

    async def state(self, case: Case, again: Again) -> State:
        if not again.stands:
            return State.NONE
        if await self._same(again, case.text, {case.url}):
            return State.RIGHT if case.right else State.WRONG
        if case.truth and await self._same(again, case.truth, set(links(case.truth))):
            return State.RIGHT
        return State.WRONG if case.right else State.UNKNOWN

    async def _same(self, again: Again, text: str, urls: Collection[str]) -> bool:
        """The same words, or the same first source: what either rests on decides what it is worth."""
        if again.url and canonical_url(again.url) in {canonical_url(url) for url in urls if url}:
            return True
        a, b = await self._embedder.embed([again.text, text])
        return says_same(again.text, text, float(a @ b), self._theta)


def change(case: Case, before: State, after: State) -> Change | None:
    """What a case's two states amount to; None for no change that anybody can judge."""
    if before is after:
        return None
    if after is State.RIGHT:
        return Change.GAINED
    if after is State.WRONG:
        return Change.SAYS_OTHERWISE if case.right else Change.CAME_BACK
    if before is State.RIGHT and after is State.NONE:
        return Change.ACCEPTED_LOST if case.clicked else Change.LOST
    if before is State.RIGHT:
        return Change.LOST
    return Change.MENDED if before is State.WRONG else None


def figures(
    known: Sequence[Case],
    before: Sequence[State],
    after: Sequence[State],
    *,
    drift: int | None,
    left_out: int,
    failed: int,
) -> dict[str, Any]:
    """The figures (FIGURES) of cases with their states, in the same order."""
    kinds = Counter(
        kind
        for case, old, new in zip(known, before, after, strict=True)
        if (kind := change(case, old, new)) is not None
    )
    nets: dict[str, list[int]] = defaultdict(list)
    for case, old, new in zip(known, before, after, strict=True):
        nets[case.conversation].append((new is State.RIGHT) - (old is State.RIGHT))
    net = sum(map(sum, nets.values()))
    span = bootstrap(list(nets.values()), lambda drawn: sum(drawn) / len(drawn)) if nets else None
    newly_wrong = sum(kinds[kind] for kind in NEWLY_WRONG)
    return {
        "cases": len(known),
        "conversations": len(nets),
        "left_out": left_out,
        "failed": failed,
        "before": {state.value: list(before).count(state) for state in State},
        "after": {state.value: list(after).count(state) for state in State},
        "drift": drift,
        "gained": kinds[Change.GAINED],
        "lost": kinds[Change.LOST] + kinds[Change.ACCEPTED_LOST],
        "mended": kinds[Change.MENDED],
        "accepted_lost": kinds[Change.ACCEPTED_LOST],
        "came_back": kinds[Change.CAME_BACK],
        "says_otherwise": kinds[Change.SAYS_OTHERWISE],
        "newly_wrong": newly_wrong,
        "net": {
            "value": round(net / len(known), 4) if known else None,
            "low": round(span.low, 4) if span else None,
            "high": round(span.high, 4) if span else None,
        },
        "worse": bool(newly_wrong or (span is not None and span.high < 0)),
    }


def differences(
    known: Sequence[Case], before: Sequence[State], after: Sequence[State], said: Sequence[Again]
) -> list[Difference]:
    """The cases a change treats in another way, what is newly wrong first."""
    found = [
        Difference(case=case, change=kind, said=again.text if again.stands else again.why)
        for case, old, new, again in zip(known, before, after, said, strict=True)
        if (kind := change(case, old, new)) is not None
    ]
    return sorted(found, key=lambda d: (d.change not in NEWLY_WRONG, d.change, d.case.at))
