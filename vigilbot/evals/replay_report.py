"""The replay report: figures for machines (stable JSON) and judged cards for people.

The JSON's keys are documented in FIGURES. Shares are rounded to four decimals, times to
milliseconds and hundredths of them; a figure that cannot be computed is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vigilbot.domain import Outcome, Scope
from vigilbot.evals.calibration import compared
from vigilbot.evals.gold import Gold, GoldCase, LabelledOnCall, Labels
from vigilbot.evals.metrics import (
    Judged,
    OperatingPoint,
    Resolved,
    ceiling,
    hindsight_curve,
    hit_at_k,
    macro,
    micro,
    no_text_prior,
    online_operating_point,
    percentile,
    wilson,
)
from vigilbot.evals.replay_records import (
    CardPosted,
    Point,
    RankedAt,
    ReplayRecords,
    Reviewed,
    labelled_question,
)

TARGETS: Final = (0.9, 0.8)

FIGURES: Final[Mapping[str, str]] = {
    "engine": "the engine that judged and answered",
    "start": "the gate: analyst_joined or immediately",
    "conversations": "threads with at least one message of a human",
    "messages": "everything posted in them, bots included",
    "customer_messages": "messages of customers",
    "runs": "how often the pipeline ran for customer messages",
    "posted": "cards really posted",
    "abstained": "runs in scope in which no knowledge supported an answer",
    "held": "answers kept back by mode, confidence or space",
    "duplicates": "answers not posted because a card of the on-call said the same",
    "beaten_by_human": "answers not posted because a human answered while they were made",
    "no_question": "runs whose messages asked nothing",
    "out_of_scope": "runs whose question was out of scope",
    "lead_seconds": "time from a card to the human's own answer; p50 is the median, n the cards that had one",
    "knowledge": "entries at the end (qa, chunks); revisions and retractions on the way",
    "gold": "scores against known documents, null without --gold",
    "gold.conversations": "gold conversations replayed; missing: not in the export; left_out: not chosen",
    "gold.ceiling": "share whose document had resolved another conversation of the channel before",
    "gold.first_message": "ranking at the first in-scope message: share with the document among the first k",
    "gold.before_resolution": "the same at the customer's last message before the resolution",
    "gold.at_resolution": "the same when asked once more just before the resolution, with what other "
    "conversations have taught by then",
    "gold.prior": "the same when guessing the channel's most frequent documents so far, reading no text; so "
    "far is until the resolution: compare with gold.at_resolution",
    "gold.prior_last_message": "the same guess at the customer's last message before the resolution: compare "
    "with gold.before_resolution",
    "gold.posted": "cards posted in gold conversations, right when the first citation is the document; "
    "wilson_low: lower end of the 95% interval; late: those posted after the resolution",
    "gold.online": "aiming at a precision (answer.precision) with a threshold found in the replay's own "
    "past, at the customer's last message before the resolution; coverage is of all gold conversations; "
    "wilson: 95% interval of the precision",
    "gold.online_first_message": "the same at the first in-scope message",
    "gold.online_at_resolution": "the same when asked once more just before the resolution",
    "calibration": "how far confidence and share right are apart (error, in so many bins of equal width; "
    "by_chance: the same if every confidence were true), squared error of single answers (brier), how often "
    "a right answer is surer than a wrong one (auc); told: as corrected by the past, engine: without that. "
    "Judged by gold at the customer's last message before the resolution, else by what people said later of "
    "answers shown or not; null when nothing was judged",
    "labels": "scores against labelled on-calls, null without --labels",
    "labels.intrusive": "cards for messages none of which asks anything within scope",
    "labels.answered": "labelled questions for which a card was posted",
    "labels.agreement": "of those cards, how many say what the human's resolution says",
    "latency_ms": "wall-clock time of every stage",
    "seconds": "wall-clock time of the whole replay",
    "skipped": "records of the export that are no messages, by reason",
    "ablation": "the same questions without review and without learning, null without --ablation",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedCard:
    """A card with what is known of it. ``right`` None: nobody knows. ``instead`` is what a human gave."""

    card: CardPosted
    right: bool | None
    instead: str
    lead_seconds: float | None  # from the card to the human's answer; None when there was none after it
    intrusive: bool = False
    late: bool = False  # posted after the resolution


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayReport:
    """``figures`` is the JSON. ``curve`` is precision against coverage with hindsight: a chart only."""

    records: ReplayRecords
    figures: Mapping[str, Any]
    cards: tuple[JudgedCard, ...]
    curve: tuple[OperatingPoint, ...]


def replay_report(
    records: ReplayRecords, *, gold: Gold | None = None, labels: Labels | None = None
) -> ReplayReport:
    """The report. ``gold`` and ``labels`` must have been matched with the export (match_gold)."""
    cards = _judged(records.cards, gold, labels)
    counts, knowledge = records.counts, records.knowledge
    leads = [c.lead_seconds for c in cards if c.lead_seconds is not None]
    figures = {
        "engine": records.engine,
        "start": records.start,
        "conversations": counts.conversations,
        "messages": counts.messages,
        "customer_messages": counts.customer_messages,
        "runs": counts.runs,
        "posted": len(cards),
        "abstained": counts.abstained,
        "held": counts.held,
        "duplicates": counts.duplicates,
        "beaten_by_human": counts.beaten_by_human,
        "no_question": counts.no_question,
        "out_of_scope": counts.out_of_scope,
        "lead_seconds": {
            "p50": _round(percentile(leads, 0.5), 3),
            "p90": _round(percentile(leads, 0.9), 3),
            "n": len(leads),
        },
        "knowledge": {
            "qa": knowledge.qa,
            "chunks": knowledge.chunks,
            "revised": knowledge.revised,
            "retracted": knowledge.retracted,
        },
        "gold": _gold(records, gold, cards) if gold else None,
        "labels": _labels(records, labels) if labels else None,
        "latency_ms": {
            stage: {"p50": _round(percentile(ms, 0.5), 2), "p95": _round(percentile(ms, 0.95), 2)}
            for stage, ms in records.stage_ms.items()
        },
        "seconds": round(records.seconds, 2),
        "skipped": dict(records.skipped),
        "ablation": None,
    }
    rows = _decisions(gold, _ranked(records, gold, Point.BEFORE_RESOLUTION)) if gold else []
    curve = hindsight_curve([row for row, _ in rows], total=len(gold.cases)) if gold else []
    figures["calibration"] = compared([row for _, row in rows] if gold else records.reviewed)
    return ReplayReport(records=records, figures=figures, cards=cards, curve=tuple(curve))


def _gold(records: ReplayRecords, gold: Gold, cards: Sequence[JudgedCard]) -> dict[str, Any]:
    resolved = [Resolved(channel=c.channel, at=c.resolution_at, document=c.doc_id) for c in gold.cases]
    ranked = {point: _ranked(records, gold, point) for point in Point}
    in_gold = gold.by_thread()
    posted = [c for c in cards if (c.card.channel, c.card.thread) in in_gold]
    last = [
        r.at if r else c.asked_at for c, r in zip(gold.cases, ranked[Point.BEFORE_RESOLUTION], strict=True)
    ]
    right = sum(c.right is True for c in posted)
    late = [c for c in posted if c.late]
    return {
        "conversations": len(gold.cases),
        "missing": gold.missing,
        "left_out": gold.left_out,
        "ceiling": round(ceiling(resolved), 4),
        **{point.value: _hits(gold, [_documents(gold, r) for r in ranked[point]]) for point in Point},
        "prior": _hits(gold, no_text_prior(resolved)),
        "prior_last_message": _hits(gold, no_text_prior(resolved, known_at=last)),
        "posted": {
            "n": len(posted),
            "correct": right,
            "precision": _round(right / len(posted) if posted else None),
            "wilson_low": round(wilson(right, len(posted)).low, 4),
            "late": {"n": len(late), "correct": sum(c.right is True for c in late)},
        },
        "online": _online(gold, ranked[Point.BEFORE_RESOLUTION]),
        "online_first_message": _online(gold, ranked[Point.FIRST_MESSAGE]),
        "online_at_resolution": _online(gold, ranked[Point.AT_RESOLUTION]),
    }


def _ranked(records: ReplayRecords, gold: Gold, point: Point) -> list[RankedAt | None]:
    """One ranking a case, in the order of the cases; None where there is none.

    A ranking that used knowledge of the resolution's own time or later is not scored.
    """
    found: dict[tuple[str, str], RankedAt] = {}
    cases = gold.by_thread()
    for row in sorted(records.ranked, key=lambda r: r.at, reverse=point is Point.FIRST_MESSAGE):
        case = cases.get((row.channel, row.thread))
        if case and row.point is point and row.at <= case.resolution_at:
            found[row.channel, row.thread] = row
    return [found.get((case.channel, case.thread)) for case in gold.cases]


def _documents(gold: Gold, ranked: RankedAt | None) -> tuple[str, ...]:
    return tuple(gold.document(url) for url in ranked.urls) if ranked else ()


def _hits(gold: Gold, rankings: Sequence[Sequence[str]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    pairs = list(zip(gold.cases, rankings, strict=True))
    for k in (1, 3, 8):
        hits = [hit_at_k(ranking, case.doc_id, k) for case, ranking in pairs]
        by_channel: dict[str, list[bool]] = {}
        for case, hit in zip(gold.cases, hits, strict=True):
            by_channel.setdefault(case.channel, []).append(hit)
        figures[f"hit_at_{k}"] = round(micro(hits), 4)
        figures[f"macro_hit_at_{k}"] = round(macro(by_channel), 4)
    return figures


def _decisions(gold: Gold, ranked: Sequence[RankedAt | None]) -> list[tuple[Judged, Reviewed]]:
    """Where a card depended on the confidence alone, with the truth."""
    found = []
    for case, row in zip(gold.cases, ranked, strict=True):
        if row is not None and row.urls and row.decided:
            right = hit_at_k(_documents(gold, row), case.doc_id, 1)
            judged = Judged(at=row.at, known_at=case.resolution_at, confidence=row.confidence, correct=right)
            found.append((judged, Reviewed(confidence=row.confidence, stated=row.stated, right=right)))
    return found


def _online(gold: Gold, ranked: Sequence[RankedAt | None]) -> dict[str, dict[str, Any]]:
    rows = [row for row, _ in _decisions(gold, ranked)]
    figures: dict[str, dict[str, Any]] = {}
    for target in TARGETS:
        point = online_operating_point(rows, target, total=len(gold.cases))
        share = wilson(round((point.precision or 0.0) * point.n), point.n)
        figures[str(target)] = {
            "coverage": round(point.coverage, 4),
            "precision": _round(point.precision),
            "n": point.n,
            "wilson": [round(share.low, 4), round(share.high, 4)],
        }
    return figures


def _labels(records: ReplayRecords, labels: Labels) -> dict[str, Any]:
    customers = [m for o in labels.oncalls for m in o.messages if m.label is not None]
    answered: set[tuple[str, str, int]] = set()
    agreed: list[bool] = []
    similar: list[float] = []
    judged = intrusive = 0
    oncalls = labels.by_thread()
    for card in records.cards:
        oncall = oncalls.get((card.channel, card.thread))
        if oncall is None:
            continue
        if (state := _intrudes(card, oncall)) is not None:
            judged += 1
            intrusive += state
        question = labelled_question(oncall, card.triggers)
        if question is None:
            continue
        answered.add((oncall.channel, oncall.thread, question.asked))
        if question.answer and card.agrees is not None:
            agreed.append(card.agrees)
        if question.answer and card.similarity is not None:
            similar.append(card.similarity)
    questions = [q for o in labels.oncalls for q in o.questions]
    return {
        "oncalls": len(labels.oncalls),
        "left_out": labels.left_out,
        "customer_messages": len(customers),
        "cards": judged,
        "intrusive": intrusive,
        "intrusive_per_100": _round(100 * intrusive / len(customers) if customers else None, 2),
        "questions": len(questions),
        "questions_resolved": sum(bool(q.answer) for q in questions),
        "answered": len(answered),
        "agreement": {
            "n": len(agreed),
            "agreed": sum(agreed),
            "share": _round(micro(agreed) if agreed else None),
            "similarity_p50": _round(percentile(similar, 0.5)),
        },
    }


def _intrudes(card: CardPosted, oncall: LabelledOnCall) -> bool | None:
    """True when no message it answers is labelled within; None when none of them is labelled."""
    labels = {m.ts: m.label for m in oncall.messages if m.label is not None}
    found = [labels[ts] for ts in card.triggers if ts in labels]
    return all(label is not Scope.WITHIN for label in found) if found else None


def _judged(cards: Sequence[CardPosted], gold: Gold | None, labels: Labels | None) -> tuple[JudgedCard, ...]:
    """Gold decides; else the labels; else the human's answer; else what people did with the card."""
    cases = gold.by_thread() if gold else {}
    oncalls = labels.by_thread() if labels else {}
    judged: list[JudgedCard] = []
    for card in cards:
        case = cases.get((card.channel, card.thread))
        oncall = oncalls.get((card.channel, card.thread))
        intrusive = oncall is not None and _intrudes(card, oncall) is True
        if gold and case:
            right: bool | None = bool(case.doc_id) and gold.document(card.first_url) == case.doc_id
            instead = case.url or "(no document)"
        elif intrusive:
            right, instead = False, "(nothing was asked)"
        else:
            right, instead = _by_humans(card), card.human_text
        judged.append(
            JudgedCard(
                card=card,
                right=right,
                instead=instead,
                lead_seconds=_lead(card, case),
                intrusive=intrusive,
                late=case is not None and card.at >= case.resolution_at,
            )
        )
    return tuple(judged)


def _by_humans(card: CardPosted) -> bool | None:
    if card.agrees is not None:
        return card.agrees
    if Outcome.CONTRADICTED in card.outcomes:
        return False
    good = {Outcome.VERIFIED, Outcome.ACCEPTED_BY_ASKER, Outcome.CONSISTENT_BY_HUMAN}
    return True if good & set(card.outcomes) else None


def _lead(card: CardPosted, case: GoldCase | None) -> float | None:
    human_at = card.human_at or (case.resolution_at if case else None)
    if human_at is None or human_at <= card.at:
        return None
    return (human_at - card.at).total_seconds()


def _round(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
