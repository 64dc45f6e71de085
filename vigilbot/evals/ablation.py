"""What learning and review are worth: the same questions, lived through without one or the other.

An ablation puts a pass-through stage in the place of a usual one; nothing in the bot knows of it. Every
variant goes on to note outcomes, so that all are scored by one measure, and nobody's click is invented.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vigilbot.domain import Dialogue, Event, KnowledgeEntry, Outcome, Question, Review
from vigilbot.evals.metrics import Interval, bootstrap, wilson
from vigilbot.evals.replay_report import ReplayReport
from vigilbot.knowledge import Knowledge, Origin
from vigilbot.learning.reviewer import Reviewer
from vigilbot.ledger import Runs
from vigilbot.pipeline.retrieve import Found, Place, Retriever
from vigilbot.ports import Embedder, Row, Statement

FULL, NO_REVIEW, NO_LEARNING = "full", "no_review", "no_learning"
VARIANTS: Final[Mapping[str, str]] = {
    FULL: "as in production",
    NO_REVIEW: "learns from people's resolutions; what it knows is never confirmed, changed or retracted",
    NO_LEARNING: "learns until the warm-up ends, then answers from what it knew at that moment",
}
PARTS: Final = 24  # of the curve over time

FIGURES: Final[Mapping[str, str]] = {
    "ablation.warm_up": "until when every variant learns; questions asked from then on are counted",
    "ablation.questions": "questions within scope that any variant saw, asked after the warm-up; "
    "conversations: those they were asked in",
    "ablation.variants": "by variant (full, no_review, no_learning): posted, cards for these questions; "
    "judged, those whose truth is known; correct, right before the resolution; correct_share of all "
    "questions, precision of the judged, coverage of all questions, each with low and high (95%, Wilson)",
    "ablation.differences": "full less the variant in the same three shares; low and high are the 95% "
    "interval, drawn by conversation for both at once",
    "ablation.curve": "all questions in time order in 24 parts: when each ended, how many questions by then, "
    "and by variant the share of them that got a correct card",
}


class WarmedUp(Retriever):
    """Searches what is known; once frozen, what was known then, whatever is learned later."""

    def __init__(self, *, knowledge: Knowledge, embedder: Embedder, candidates: int) -> None:
        super().__init__(knowledge=knowledge, embedder=embedder, candidates=candidates)
        self._parts = {"embedder": embedder, "candidates": candidates}
        self._then: Retriever | None = None

    def freeze(self, knowledge: Knowledge) -> None:
        self._then = Retriever(knowledge=knowledge, **self._parts)  # type: ignore[arg-type]

    async def retrieve(self, question: Question, *, place: Place) -> Found:
        if self._then is not None:
            return await self._then.retrieve(question, place=place)
        return await super().retrieve(question, place=place)


class Unreviewed(Reviewer):
    """Notes what the dialogue says about an answer, and changes nothing that is known."""

    async def review(
        self, answer: Row, question: Row, dialogue: Dialogue, *, origin: Origin, shown: bool
    ) -> Review:
        review = await super().review(answer, question, dialogue, origin=origin, shown=shown)
        # What the human said instead is left to extraction, as for a question without an answer.
        return review if review.agreed else replace(review, answer="")

    async def _apply(
        self,
        review: Review,
        question: Row,
        entries: list[KnowledgeEntry],
        *,
        origin: Origin,
        shown: bool,
        also: list[Statement],
    ) -> None:
        await self._ledger.write(*also)

    async def contradict(self, answer: Row, question: Row, *, origin: Origin) -> None:
        now = self._clock.now()
        await self._ledger.write(
            Runs.set_outcome(answer["id"], Outcome.CONTRADICTED, at=now), Runs.outdate(answer["id"], at=now)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """One question in one variant."""

    posted: bool = False
    judged: bool = False
    correct: bool = False


def warm_up_end(events: Sequence[Event], share: float) -> datetime:
    """When that share of the events, which are in time order, has happened."""
    return events[min(len(events) - 1, round(share * len(events)))].at


def ablation(reports: Mapping[str, ReplayReport], *, warm_up: datetime) -> dict[str, Any]:
    """The figures (FIGURES) of variants of one replay, ``full`` among them."""
    asked: dict[str, tuple[tuple[str, str], datetime]] = {}
    counted: dict[str, dict[str, _Counted]] = {}
    for name, report in reports.items():
        for question in report.records.questions:
            asked.setdefault(question.id, ((question.channel, question.thread), question.at))
        counted[name] = _counted(report)
    later = {key: where for key, (where, at) in asked.items() if at >= warm_up}
    sums = {name: _sums(counts, later) for name, counts in counted.items()}
    return {
        "warm_up": warm_up.isoformat(),
        "questions": len(later),
        "conversations": len(set(later.values())),
        "variants": {name: _shares(rows) for name, rows in sums.items()},
        "differences": {name: _differences(sums[FULL], rows) for name, rows in sums.items() if name != FULL},
        "curve": _curve(asked, counted),
    }


def _counted(report: ReplayReport) -> dict[str, _Counted]:
    """By question: its cards. Right after the case was resolved is of no use to anybody."""
    found: dict[str, _Counted] = {}
    for judged in report.cards:
        before = found.get(judged.card.question_id, _Counted())
        found[judged.card.question_id] = _Counted(
            posted=True,
            judged=before.judged or judged.right is not None,
            correct=before.correct or (judged.right is True and not judged.late),
        )
    return found


def _sums(
    counts: Mapping[str, _Counted], asked: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """By conversation: questions, cards, judged cards, correct ones."""
    found: dict[tuple[str, str], NDArray[np.float64]] = defaultdict(lambda: np.zeros(4))
    for key, where in asked.items():
        one = counts.get(key, _Counted())
        found[where] += (1, one.posted, one.judged, one.correct)
    return dict(found)


def _of(total: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Correct share, precision, coverage."""
    questions, posted, judged, correct = total
    return (
        correct / questions if questions else None,
        correct / judged if judged else None,
        posted / questions if questions else None,
    )


_NAMES: Final = ("correct_share", "precision", "coverage")


def _shares(sums: Mapping[tuple[str, str], NDArray[np.float64]]) -> dict[str, Any]:
    total = sum(sums.values(), np.zeros(4))
    questions, posted, judged, correct = (int(n) for n in total)
    figures: dict[str, Any] = {"posted": posted, "judged": judged, "correct": correct}
    parts = ((correct, questions), (correct, judged), (posted, questions))
    for name, value, (part, whole) in zip(_NAMES, _of(list(total)), parts, strict=True):
        figures[name] = _ranged(value, wilson(part, whole) if whole else None)
    return figures


def _differences(
    full: Mapping[tuple[str, str], NDArray[np.float64]],
    other: Mapping[tuple[str, str], NDArray[np.float64]],
) -> dict[str, Any]:
    pairs = [[np.concatenate([full[where], other[where]])] for where in sorted(full)]
    figures: dict[str, Any] = {}
    for place, name in enumerate(_NAMES):
        whole = _less([each for [each] in pairs], place)
        span = None
        if whole is not None:
            # A draw in which one side has no card at all says nothing of a difference in precision.
            span = bootstrap(pairs, lambda drawn, place=place: _less(drawn, place) or 0.0)  # type: ignore[misc]
        figures[name] = _ranged(whole, span)
    return figures


def _less(drawn: Sequence[NDArray[np.float64]], place: int) -> float | None:
    if not drawn:
        return None
    total = np.sum(drawn, axis=0)
    full, other = _of(list(total[:4]))[place], _of(list(total[4:]))[place]
    return None if full is None or other is None else float(full - other)


def _ranged(value: float | None, span: Interval | None) -> dict[str, float | None]:
    known = value is not None and span is not None
    return {
        "value": None if value is None else round(float(value), 4),
        "low": round(span.low, 4) if known and span else None,
        "high": round(span.high, 4) if known and span else None,
    }


def _curve(
    asked: Mapping[str, tuple[tuple[str, str], datetime]], counted: Mapping[str, Mapping[str, _Counted]]
) -> dict[str, Any]:
    order = sorted((at, key) for key, (_, at) in asked.items())
    ends = sorted({round(len(order) * n / PARTS) for n in range(1, PARTS + 1)} - {0})
    curve: dict[str, Any] = {"until": [order[n - 1][0].isoformat() for n in ends], "questions": ends}
    for name, counts in counted.items():
        correct = np.cumsum([counts.get(key, _Counted()).correct for _, key in order])
        curve[name] = [round(float(correct[n - 1]) / n, 4) for n in ends]
    return curve
