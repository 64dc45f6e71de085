"""Training of extraction, reached as ``vigilbot train extract FILE.jsonl --out extract.json``.

FILE.jsonl has one on-call a line: ``source``, ``thread_ts``, ``messages`` [{``i``, ``ts``, ``role``:
customer | analyst, ``user``, ``text`` (Slack markup)}] and ``qa`` [{``q``, ``asked_at``, ``answered_at``:
message numbers, ``answer`` or null}]. Two logistic regressions over the evidence of evidence.py: with
and without cosines.
Thresholds are chosen on held-out folds (by on-call) for the best F1 of message ids.
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
from vigilbot.engines.extractive.resolution import ResolutionScorer, Weights
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
        found.append((raw["source"], Dialogue(messages=messages), raw["qa"]))
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
            options = candidates(dialogue, question, peers=True)
            vectors = None
            if embedder is not None and options:
                texts = texts_needed(dialogue, question, options)
                vectors = dict(zip(texts, await embedder.embed([t[:4000] for t in texts]), strict=True))
            rows = tuple(gather(dialogue, question, options, vectors=vectors))
            gold = frozenset(str(i) for i in qa["answered_at"])
            found.append(Pair(source, group, dialogue, question, gold, rows))
    return found


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


async def train(path: Path, embedder: Embedder, *, command: str) -> ResolutionScorer:
    """A scorer for extract.json; its provenance holds the held-out figures."""
    found = [p for p in await pairs(path, embedder) if p.rows]
    parts: dict[str, Weights] = {}
    figures: dict[str, Any] = {}
    for name, near in (("form", False), ("full", True)):
        at, result = thresholds(held_out(found, near=near), near=near)
        parts[name] = with_thresholds(fit(found, near=near), at)
        figures[name] = {k: round(v, 4) for k, v in result.items()}
    digest = _digest(path)
    provenance = {
        "command": command,
        "data": [{"name": path.name, "sha256": digest}],
        "questions": len(found),
        "messages": sum(len(p.rows) for p in found),
        "held_out_by_oncall": figures,
    }
    return ResolutionScorer(
        form=parts["form"], full=parts["full"], model=embedder.model, provenance=provenance
    )
