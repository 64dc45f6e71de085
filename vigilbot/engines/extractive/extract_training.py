"""Training of extraction: ``vigilbot train extract FILE.jsonl [--judged FILE.jsonl] --out extract.json``.

FILE.jsonl has one on-call a line: ``source``, ``thread_ts``, ``messages`` [{``i``, ``ts``, ``role``:
customer | analyst, ``user``, ``text`` (Slack markup)}] and ``qa`` [{``q``, ``asked_at``, ``answered_at``:
message numbers, ``answer`` or null}]. Two logistic regressions over the evidence of evidence.py: with
and without cosines.
Thresholds are chosen on held-out folds (by on-call) for the best F1 of message ids.

A third regression says what the messages taken are worth to a stranger. It learns from what held-out weights
take from FILE.jsonl (worth the share of it that annotators took as well), and from a second file of people's
judgements: the same lines with ``judged`` [{``q``, ``asked``: message numbers, ``taken``: message numbers,
``worth``: 1 useful, 0.5 partly, 0 not}] instead of ``qa``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from vigilbot.domain import Dialogue, Message, Question, Role
from vigilbot.engines.extractive.evidence import Evidence, candidates, gather, texts_needed
from vigilbot.engines.extractive.extract import Extractor
from vigilbot.engines.extractive.logistic import logistic
from vigilbot.engines.extractive.resolution import Odds, ResolutionScorer, Weights
from vigilbot.engines.extractive.worth import signs
from vigilbot.ports import Embedder
from vigilbot.text import plain
from vigilbot.text.stopwords import word_set

_FOLDS = 10
_SHRINK = 3.0  # L2, per standard deviation of a sign
_PRICE = 0.1  # of F1 for extracting from every question that has no answer
_RARE = 0.05  # a sign with a smaller standard deviation gets no weight

SPEAK_FOR = word_set(
    "answers advises definitive shared shared_any shared_identifier identifiers inline link length "
    "follows_question"
    " follows_asker follows_itself by_first thanked_after confirmed_after reaction to_asker mentions "
    "cosine"
    " above_mean nearest among_nearest first second asker_asked_last asked_already"
)
WORTH_FOR = frozenset({"probability", "cosine", "shared", "code", "instructs", "thanked"})
SPEAK_AGAINST = word_set(
    "unknown acknowledges small_talk asks_back asks hedged thanks short very_short denied_after "
    "confirmed_before"
    " thanked_before to_other since_first long_since_first late order asked_since rival "
    "answered_already new_voice"
    " said_since asked_after"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled question in its on-call, with the evidence for each candidate answer."""

    source: str
    group: int
    dialogue: Dialogue
    question: Question
    gold: frozenset[str]
    rows: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was taken in answer to a question, with the evidence for all there was to take, and its worth."""

    group: str
    pair: Pair
    taken: frozenset[str]
    worth: float


def conversations(path: Path) -> list[tuple[str, Dialogue, list[dict[str, Any]]]]:
    """Source, dialogue (message ids are the message numbers) and labelled pairs of every line."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        messages = tuple(
            Message(
                id=str(m["i"]),
                ts=m["ts"],
                at=datetime.fromtimestamp(float(m["ts"]), UTC),
                role=Role(m["role"]),
                author=m["user"],
                author_name=m["user"],
                text=plain(m["text"] or ""),
            )
            for m in raw["messages"]
        )
        found.append((raw["source"], Dialogue(messages=messages), raw.get("judged") or raw["qa"]))
    return found


async def pairs(path: Path, embedder: Embedder | None, *, rewritten: bool = True) -> list[Pair]:
    """Every labelled question. ``rewritten``: as the rewriter would put it, not as the annotator did."""
    from vigilbot.engines.extractive.rewrite import Rewriter

    rewriter = Rewriter()
    found: list[Pair] = []
    for group, (source, dialogue, labelled) in enumerate(conversations(path)):
        for qa in labelled:
            asked = dialogue.messages[qa["asked_at"]]
            known = Dialogue(messages=dialogue.messages[: qa["asked_at"] + 1])
            made = rewriter.rewrite(known, [asked]) if rewritten else ()
            text = " ".join(q.text for q in made) or qa["q"]
            question = Question(text=text, message_ids=(asked.id,))
            rows = await _rows(dialogue, question, embedder)
            gold = frozenset(str(i) for i in qa["answered_at"])
            found.append(Pair(source, group, dialogue, question, gold, rows))
    return found


async def judgements(path: Path, embedder: Embedder | None) -> list[Judged]:
    """What people said of resolutions that were taken (the second file)."""
    found = []
    for number, (source, dialogue, said) in enumerate(conversations(path)):
        for each in said:
            question = Question(text=each["q"], message_ids=tuple(str(i) for i in each["asked"]))
            rows = await _rows(dialogue, question, embedder)
            taken = frozenset(str(i) for i in each["taken"])
            if taken & {row.message.id for row in rows}:
                pair = Pair(source, number, dialogue, question, frozenset(), rows)
                found.append(Judged(f"judged {number}", pair, taken, float(each["worth"])))
    return found


async def _rows(dialogue: Dialogue, question: Question, embedder: Embedder | None) -> tuple[Evidence, ...]:
    options = candidates(dialogue, question, peers=True)
    vectors = None
    if embedder is not None and options:
        texts = texts_needed(dialogue, question, options)
        vectors = dict(zip(texts, await embedder.embed([t[:4000] for t in texts]), strict=True))
    return tuple(gather(dialogue, question, options, vectors=vectors))


def fit(train: Sequence[Pair], *, near: bool) -> Weights:
    """Weights on the evidence as it is (scaling folded in), with neutral thresholds.

    A logistic regression whose weights may not take the wrong sign (SPEAK_FOR, SPEAK_AGAINST): that
    prior, not a few hundred questions of two communities, is what holds elsewhere.
    """
    maps = [_evidence(row, near) for pair in train for row in pair.rows]
    labels = np.array([row.message.id in pair.gold for pair in train for row in pair.rows])
    names = [n for n in sorted(maps[0]) if n in SPEAK_FOR or n in SPEAK_AGAINST]
    matrix = np.array([[m[n] for n in names] for m in maps])
    spread = matrix.std(axis=0)
    seen = spread >= _RARE
    scaled = np.where(seen, matrix / np.where(seen, spread, 1.0), 0.0)
    weights, bias = logistic(
        scaled,
        labels,
        share=np.full(len(labels), 1.0 / len(labels)),
        shrink=_SHRINK / len(labels),
        lower=np.array([0.0 if n in SPEAK_FOR else -np.inf for n in names]),
        upper=np.array([np.inf if n in SPEAK_FOR else 0.0 for n in names]),
    )
    weights = np.where(seen, weights / np.where(seen, spread, 1.0), 0.0)
    return Weights(
        bias=bias,
        weights={n: float(w) for n, w in zip(names, weights, strict=True) if abs(w) > 1e-4},
        threshold=0.5,
        any_threshold=0.5,
        sure_threshold=0.5,
    )


def _evidence(row: Evidence, near: bool) -> Mapping[str, float]:
    return {**row.form, **row.nearness} if near else row.form


def taken(held: Sequence[tuple[Weights, Pair]], *, near: bool) -> list[Judged]:
    """What weights that never saw an on-call take from it, judged by what annotators took."""
    found = []
    for weights, pair in held:
        ids = chosen(_scorer(weights), pair, near=near)
        if ids:
            worth = min(1.0, 2 * len(ids & pair.gold) / len(ids))
            found.append(Judged(f"labelled {pair.group}", pair, ids, worth))
    return found


def fit_worth(weights: Weights, judged: Sequence[Judged], *, near: bool) -> Odds:
    """Weights on the signs of worth.py, none with the wrong sign; a worth of 0.5 counts half to each side."""
    maps = [worth_signs(weights, each, near=near) for each in judged]
    names = sorted({name for found in maps for name in found})
    matrix = np.array([[found.get(n, 0.0) for n in names] for found in maps])
    spread = matrix.std(axis=0)
    seen = spread >= _RARE
    scaled = np.where(seen, matrix / np.where(seen, spread, 1.0), 0.0)
    worth = np.array([each.worth for each in judged])
    share = np.concatenate([worth, 1 - worth]) / len(worth)
    weighed, bias = logistic(
        np.vstack([scaled, scaled]),
        np.repeat([True, False], len(worth)),
        share=share,
        shrink=_SHRINK / len(worth),
        lower=np.array([0.0 if n in WORTH_FOR else -np.inf for n in names]),
        upper=np.array([np.inf if n in WORTH_FOR else 0.0 for n in names]),
    )
    weighed = np.where(seen, weighed / np.where(seen, spread, 1.0), 0.0)
    return Odds(
        bias=bias, weights={n: float(w) for n, w in zip(names, weighed, strict=True) if abs(w) > 1e-4}
    )


def worth_signs(weights: Weights, each: Judged, *, near: bool) -> Mapping[str, float]:
    rows = each.pair.rows if near else tuple(replace(r, nearness={}) for r in each.pair.rows)
    scored = Extractor(scorer=_scorer(weights), peers=True).scored(rows)
    kept = [(row, p) for row, p in scored if row.message.id in each.taken]
    return signs(kept, each.pair.dialogue, each.pair.question)


def separation(odds: Sequence[float], worth: Sequence[float]) -> float:
    """How often what is useful is rated above what is not (area under the curve; partly useful left out)."""
    good = [o for o, w in zip(odds, worth, strict=True) if w >= 1]
    bad = [o for o, w in zip(odds, worth, strict=True) if w <= 0]
    if not good or not bad:
        return 0.5
    above = np.subtract.outer(good, bad)
    return float(((above > 0) + 0.5 * (above == 0)).mean())


def score(found: Sequence[tuple[frozenset[str], frozenset[str]]]) -> dict[str, float]:
    """Micro precision, recall and F1 of message ids, from (chosen, gold) of every question."""
    right = sum(len(chosen & gold) for chosen, gold in found)
    made = sum(len(chosen) for chosen, _ in found)
    wanted = sum(len(gold) for _, gold in found)
    precision, recall = right / max(made, 1), right / max(wanted, 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / max(precision + recall, 1e-9),
        "false": sum(1 for chosen, gold in found if chosen and not gold)
        / max(sum(1 for _, g in found if not g), 1),
        "answered": sum(1 for chosen, gold in found if chosen & gold) / max(sum(1 for _, g in found if g), 1),
    }


def chosen(scorer: ResolutionScorer, pair: Pair, *, near: bool) -> frozenset[str]:
    """The message ids extraction would take, rules included."""
    rows = pair.rows if near else tuple(replace(r, nearness={}) for r in pair.rows)
    kept = Extractor(scorer=scorer, peers=True).choose(rows, pair.dialogue, pair.question)
    return frozenset(row.message.id for row, _ in kept)


def with_thresholds(weights: Weights, at: tuple[float, float, float]) -> Weights:
    return replace(weights, threshold=at[0], any_threshold=at[1], sure_threshold=at[2])


def held_out(found: Sequence[Pair], *, near: bool) -> list[tuple[Weights, Pair]]:
    """Every pair with weights that never saw its on-call."""
    rows: list[tuple[Weights, Pair]] = []
    for fold in range(_FOLDS):
        weights = fit([p for p in found if p.group % _FOLDS != fold], near=near)
        rows += [(weights, p) for p in found if p.group % _FOLDS == fold]
    return rows


def thresholds(
    judged: Sequence[tuple[Weights, Pair]], *, near: bool
) -> tuple[tuple[float, float, float], dict[str, float]]:
    """The three thresholds with the best F1 on pairs judged by weights that never saw them."""
    best: tuple[tuple[float, float, float], dict[str, float], float] = ((0.5, 0.5, 0.5), {}, -1.0)
    for low in np.arange(0.25, 0.56, 0.05):
        for any_ in np.arange(low, 0.66, 0.05):
            for sure in (0.6, 0.7):
                at = (float(low), float(any_), float(max(sure, any_)))
                result = score(
                    [(chosen(_scorer(with_thresholds(w, at)), p, near=near), p.gold) for w, p in judged]
                )
                worth = result["f1"] - _PRICE * result["false"]
                if worth > best[2] + 1e-6:
                    best = (at, result, worth)
    return best[0], best[1]


def _scorer(weights: Weights) -> ResolutionScorer:
    return ResolutionScorer(form=weights, full=weights, model="")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def train(
    path: Path, embedder: Embedder, *, command: str, judged: Path | None = None
) -> ResolutionScorer:
    """A scorer for extract.json; its provenance holds the held-out figures."""
    found = [p for p in await pairs(path, embedder) if p.rows]
    told = await judgements(judged, embedder) if judged else []
    parts: dict[str, Weights] = {}
    figures: dict[str, Any] = {}
    for name, near in (("form", False), ("full", True)):
        held = held_out(found, near=near)
        at, result = thresholds(held, near=near)
        held = [(with_thresholds(w, at), p) for w, p in held]
        weights = with_thresholds(fit(found, near=near), at)
        examples = [*taken(held, near=near), *told]
        parts[name] = replace(weights, worth=fit_worth(weights, examples, near=near))
        figures[name] = {k: round(v, 4) for k, v in result.items()}
        figures[name]["worth_auc"] = round(_folded(weights, examples, near=near), 4)
    provenance = {
        "command": command,
        "data": [{"name": p.name, "sha256": _digest(p)} for p in (path, judged) if p],
        "questions": len(found),
        "messages": sum(len(p.rows) for p in found),
        "judgements": len(told),
        "held_out_by_oncall": figures,
    }
    return ResolutionScorer(
        form=parts["form"], full=parts["full"], model=embedder.model, provenance=provenance
    )


def _folded(weights: Weights, examples: Sequence[Judged], *, near: bool) -> float:
    """``separation`` by weights that never saw the conversation."""
    groups = sorted({each.group for each in examples})
    fold = {group: i % _FOLDS for i, group in enumerate(groups)}
    odds, worth = [], []
    for number in range(_FOLDS):
        rest = [each for each in examples if fold[each.group] != number]
        held = [each for each in examples if fold[each.group] == number]
        if not rest or not held:
            continue
        fitted = fit_worth(weights, rest, near=near)
        odds += [fitted.probability(worth_signs(weights, each, near=near)) for each in held]
        worth += [each.worth for each in held]
    return separation(odds, worth)
