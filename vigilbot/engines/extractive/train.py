"""Training of identification, reached as ``vigilbot train identify FILE.jsonl --out coefficients.json``.

FILE.jsonl has one on-call a line: ``source`` (a community or company), ``scope`` (the operator's statement),
``thread_ts``, ``messages`` [{``i``, ``ts``, ``role``: customer | analyst | peer | bot, ``user``, ``text``,
``label``: within | out | none | null}] and ``qa`` (not used here). Only customers' messages are labelled.

The model is a logistic regression over the signs whose weights may not take the wrong sign: a question mark
can only speak for a question, thanks only against one. That prior, not the data, is what holds in communities
that nobody labelled. It is fitted twice: signs alone, and signs together with the message's placement.
The project's own written on-calls (identify-samples.jsonl: customer care and twenty languages) are learned
from too; thresholds are chosen on FILE.jsonl alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vigilbot.domain import Dialogue, Message, Role, Scope
from vigilbot.engines.extractive.coefficients import Coefficients, Head, Numbers
from vigilbot.engines.extractive.identify import Placer
from vigilbot.engines.extractive.logistic import Flags, logistic, sigmoid
from vigilbot.engines.extractive.signs import signs, vector
from vigilbot.errors import BadInput
from vigilbot.ports import Embedder

_SPEAK_FOR = """
asked asked_times ends_asking last_asks opened opens opens_unasked asked_opened tagged continues
cue_seeks has_seeks cue_requests has_requests cue_trouble has_trouble has_contrast cue_expected
has_expected code_error sad has_me cue_me has_people has_denies colon_end length long sentences starts
first_customer nobody_spoke asked*starts has_trouble*has_me has_trouble*starts has_trouble*nobody_spoke
has_seeks*starts has_seeks*nobody_spoke long*starts long*nobody_spoke code_error*nobody_spoke
has_contrast*helper_last has_contrast*has_trouble has_denies*has_me has_denies*nobody_spoke
has_requests*starts has_requests*nobody_spoke cue_you*starts has_addresses*starts
"""
_SPEAK_AGAINST = """
has_addresses cue_addresses asked*has_addresses has_hedges first_hedges has_proposes
has_thanks*helper_last has_agrees cue_agrees has_solved cue_solved has_greets has_advises has_plans
has_laughs has_opines has_you cue_you first_thanks first_agrees first_greets first_laughs first_denies
first_plans very_short short code_only url_only no_prose glad exclaims quoted dots_end helper_asked
helper_asked_last asked*helper_asked asked*cue_you asked*cue_advises has_thanks*short first_agrees*short
first_agrees*helper_last has_solved*helper_last short*helper_last
"""
_EITHER = """
turn_asks turn_asks_nobody own_last own_last_near own_last_near_asked own_last_near_unasked helper_last
asked*helper_last asked*own_last_near asked*mention_first gap helper_gap mention_first fence code_length
url_prose inline customers helpers replies parenthesis digits
"""
SPEAK_FOR: Final = frozenset(_SPEAK_FOR.split())  # weights not below 0
SPEAK_AGAINST: Final = frozenset(_SPEAK_AGAINST.split())  # weights not above 0
EITHER: Final = frozenset(_EITHER.split())
NAMES: Final = tuple(sorted(SPEAK_FOR | SPEAK_AGAINST | EITHER))

_SHRINK = 0.2  # of the signs' weights, per standard deviation
_SHRINK_OUT = 0.5
_SHRINK_PLACED = 0.4  # the same beside a placement
_SHRINK_PLACEMENT = 2.0
_RARE = 0.02  # a sign or a number of a placement with a smaller standard deviation gets no weight
_WRITTEN = 0.4  # weight of a message of the project's own samples
_WRITTEN_OPENING = 2.0  # beside a placement, of one that opens an on-call: there one kind of chat knows least
_FOLDS = 10
_REPEATS = 3
_LEVEL = 0.01  # of weighted F1: no difference
_REACH = 8  # thresholds on either side that a figure is averaged over


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A whole on-call and what its customers' messages were judged to be, by message id."""

    source: str
    scope: str
    dialogue: Dialogue
    labels: Mapping[str, Scope]

    def customers(self) -> tuple[Message, ...]:
        """The labelled messages of customers, in order."""
        return tuple(m for m in self.dialogue.messages if m.role is Role.CUSTOMER and m.id in self.labels)


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Labelled messages as numbers, row by row; ``placed`` rows are zero where ``readable`` is False."""

    signs: Numbers
    placed: Numbers  # 0 columns without an embedder
    readable: Flags
    within: Flags
    out: Flags
    oncall: NDArray[np.int64]
    written: Flags  # the project's own samples

    def take(self, rows: NDArray[Any]) -> Examples:
        return Examples(
            signs=self.signs[rows],
            placed=self.placed[rows],
            readable=self.readable[rows],
            within=self.within[rows],
            out=self.out[rows],
            oncall=self.oncall[rows],
            written=self.written[rows],
        )


async def examples(
    oncalls: Sequence[Labelled], embedder: Embedder | None, *, written: bool = False
) -> Examples:
    """Every labelled customer message with the dialogue before it. BadInput when there is none."""
    placer = None if embedder is None else Placer(embedder)
    rows: list[list[float]] = []
    placed: list[Numbers | None] = []
    labels: list[Scope] = []
    numbers: list[int] = []
    for number, oncall in enumerate(oncalls):
        messages = oncall.customers()
        rows += [vector(signs(oncall.dialogue, m), NAMES) for m in messages]
        labels += [oncall.labels[m.id] for m in messages]
        numbers += [number] * len(messages)
        placed += await placer.place(oncall.dialogue, messages) if placer else [None] * len(messages)
    if not rows:
        raise BadInput(
            "no labelled message of a customer", remedy="Label customers' messages within, out or none"
        )
    zero = np.zeros(0 if placer is None else placer.dimensions)
    return Examples(
        signs=np.asarray(rows),
        placed=np.asarray([zero if p is None else p for p in placed]),
        readable=np.asarray([p is not None for p in placed]),
        within=np.asarray([label is Scope.WITHIN for label in labels]),
        out=np.asarray([label is Scope.OUT for label in labels]),
        oncall=np.asarray(numbers),
        written=np.full(len(labels), written),
    )


def written() -> tuple[Labelled, ...]:
    """The project's own written on-calls, in the format of FILE.jsonl."""
    file = resources.files("vigilbot").joinpath("engines", "extractive", "identify-samples.jsonl")
    return tuple(_written(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines())


def _written(line: Mapping[str, Any]) -> Labelled:
    messages = tuple(
        Message(
            id=str(m["i"]),
            ts=m["ts"],
            at=datetime.fromtimestamp(float(m["ts"]), UTC),
            role=Role(m["role"]),
            author=m["user"],
            text=m["text"],
        )
        for m in line["messages"]
    )
    return Labelled(
        source=line["source"],
        scope=line["scope"],
        dialogue=Dialogue(messages=messages),
        labels={str(m["i"]): Scope(m["label"]) for m in line["messages"] if m["label"]},
    )


async def train(
    oncalls: Sequence[Labelled],
    embedder: Embedder | None,
    *,
    data: str,
    sha256: str,
    command: str,
    on: date,
) -> Coefficients:
    """Coefficients with their provenance. ``data`` is the file's name, ``sha256`` its fingerprint.

    Deterministic. Raises BadInput unless both asking and other messages of several on-calls are labelled.
    """
    learned = await examples(oncalls, embedder)
    beside = await examples(written(), embedder, written=True)
    counts = Counter(label.value for oncall in oncalls for label in oncall.labels.values())
    provenance: dict[str, Any] = {
        "data": [
            {
                "name": data,
                "sha256": sha256,
                "conversations": len(oncalls),
                "messages": len(learned.within),
                "labels": dict(sorted(counts.items())),
                "sources": sorted({oncall.source for oncall in oncalls}),
            }
        ],
        "written": {
            "name": "identify-samples.jsonl",
            "messages": len(beside.within),
            "weight": _WRITTEN,
            "weight_opening": _WRITTEN_OPENING,
        },
        "command": command,
        "trained": on.isoformat(),
        "method": "sign-constrained logistic regression, alone and with placements",
    }
    placer = None if embedder is None else Placer(embedder)
    return fit(
        learned,
        beside,
        model="" if placer is None else placer.model,
        dimensions=0 if placer is None else placer.dimensions,
        provenance=provenance,
    )


def fit(
    learned: Examples, beside: Examples, *, model: str, dimensions: int, provenance: Mapping[str, Any]
) -> Coefficients:
    """Both heads, and thresholds chosen by cross-validation over the on-calls of ``learned``.

    ``beside`` is always learned from and never scored. BadInput with too little data.
    """
    groups = np.unique(learned.oncall)
    if len(groups) < 2 or learned.within.all() or not learned.within.any():
        raise BadInput(
            "too few labels to learn from", remedy="Label messages within and none in at least two on-calls"
        )
    within, out, alone = _held_out(learned, beside)
    level = _level_thresholds(within, learned.within)
    t_within = float((level[0] + level[-1]) / 2)  # the middle moves least from one community to another
    t_out = _best_out(within >= t_within, out, learned)
    final = _heads(_together(learned, beside))
    # One threshold for both ways of judging. Signs alone judge strange languages: where F1 is level, a run
    # too many costs less than a question missed.
    t_alone = float(_level_thresholds(alone, learned.within)[0])
    shifted = final[0].bias + _logit(t_within) - _logit(t_alone)
    return Coefficients(
        names=NAMES,
        within=replace(final[0], bias=shifted, threshold=t_within),
        out=replace(final[1], threshold=t_out),
        model=model,
        dimensions=dimensions,
        provenance=provenance,
    )


def _together(one: Examples, other: Examples) -> Examples:
    return Examples(
        signs=np.vstack([one.signs, other.signs]),
        placed=np.vstack([one.placed, other.placed]),
        readable=np.append(one.readable, other.readable),
        within=np.append(one.within, other.within),
        out=np.append(one.out, other.out),
        oncall=np.append(one.oncall, other.oncall + int(one.oncall.max(initial=0)) + 1),
        written=np.append(one.written, other.written),
    )


def _heads(rows: Examples) -> tuple[Head, Head]:
    """Both heads; their thresholds are still to be chosen."""
    lower = np.asarray([0.0 if n in SPEAK_FOR else -np.inf for n in NAMES])
    upper = np.asarray([0.0 if n in SPEAK_AGAINST else np.inf for n in NAMES])
    free = np.full(len(NAMES), np.inf)
    rest = rows.take(~rows.within)
    return (
        _head(rows, rows.within, lower=lower, upper=upper, alone=_SHRINK, beside=_SHRINK_PLACED),
        _head(rest, rest.out, lower=-free, upper=free, alone=_SHRINK_OUT, beside=_SHRINK_OUT),
    )


def _head(
    rows: Examples, truth: Flags, *, lower: Numbers, upper: Numbers, alone: float, beside: float
) -> Head:
    """``alone`` and ``beside`` shrink the signs' weights without and with a placement."""
    weights, bias = _line(
        rows.signs,
        truth,
        np.where(rows.written, _WRITTEN, 1.0),
        lower=lower,
        upper=upper,
        shrink=np.full(len(NAMES), alone),
    )
    both, placed_bias = np.zeros(0), 0.0
    if rows.placed.shape[1] and rows.readable.any():
        read = rows.take(rows.readable)
        free = np.full(rows.placed.shape[1], np.inf)
        both, placed_bias = _line(
            np.hstack([read.signs, read.placed]),
            truth[rows.readable],
            _beside_weights(read),
            lower=np.append(lower, -free),
            upper=np.append(upper, free),
            shrink=np.append(np.full(len(NAMES), beside), np.full(len(free), _SHRINK_PLACEMENT)),
        )
    cut = len(NAMES) if both.size else 0
    return Head(
        weights=weights,
        bias=bias,
        placed_weights=both[:cut],
        placement=both[cut:],
        placed_bias=placed_bias,
        threshold=0.5,
    )


def _beside_weights(rows: Examples) -> Numbers:
    """What a message counts beside a placement; openings differ most from one kind of customer to another."""
    opening = rows.signs[:, NAMES.index("starts")] > 0
    return np.where(rows.written, np.where(opening, _WRITTEN_OPENING, _WRITTEN), 1.0)


def _line(
    rows: Numbers, truth: Flags, weight: Numbers, *, lower: Numbers, upper: Numbers, shrink: Numbers
) -> tuple[Numbers, float]:
    """Weights and bias for rows as they are; ``shrink`` is per column and standard deviation."""
    share = weight / weight.sum()
    mean = share @ rows
    scale = np.sqrt(share @ (rows - mean) ** 2)
    factor = np.where(scale > _RARE, 1.0 / np.maximum(scale, _RARE), 0.0) / np.sqrt(shrink)
    weights, bias = logistic(
        (rows - mean) * factor,
        truth,
        share=share,
        shrink=1.0,
        lower=lower,
        upper=upper,
    )
    weights = weights * factor
    return weights, bias - float(mean @ weights)


def _alone(head: Head, rows: Examples) -> Numbers:
    return sigmoid(rows.signs @ head.weights + head.bias)


def _scores(head: Head, rows: Examples) -> Numbers:
    if not head.placement.size:
        return _alone(head, rows)
    logit = rows.signs @ head.placed_weights + rows.placed @ head.placement + head.placed_bias
    return np.where(rows.readable, sigmoid(logit), _alone(head, rows))


def _held_out(learned: Examples, beside: Examples) -> tuple[Numbers, Numbers, Numbers]:
    """Of every message, from models that have not seen its on-call, averaged: the probabilities of
    ``within``, of ``out``, and of ``within`` by signs alone."""
    groups = np.unique(learned.oncall)
    folds = min(_FOLDS, len(groups))
    found = np.zeros((3, len(learned.within)))
    for repeat in range(_REPEATS):
        order = np.random.default_rng(repeat).permutation(groups)
        for fold in range(folds):
            held = np.isin(learned.oncall, order[fold::folds])
            first, second = _heads(_together(learned.take(~held), beside))
            rows = learned.take(held)
            found[:, held] += [_scores(first, rows), _scores(second, rows), _alone(first, rows)]
    found /= _REPEATS
    return found[0], found[1], found[2]


def _level_thresholds(scores: Numbers, truth: Flags) -> Numbers:
    """The thresholds whose weighted F1, averaged over its neighbours, is about the best; ascending.

    One message decides nothing.
    """
    grid = np.arange(0.20, 0.801, 0.01)
    f1 = np.asarray([_weighted_f1(truth.astype(int), (scores >= t).astype(int)) for t in grid])
    level = _smooth(f1, _REACH)
    return np.asarray(grid[level >= level.max() - _LEVEL])


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _best_out(within: Flags, scores: Numbers, learned: Examples) -> float:
    truth = np.where(learned.within, 0, np.where(learned.out, 1, 2))
    grid = np.arange(0.10, 0.901, 0.02)
    named = [np.where(within, 0, np.where(scores >= t, 1, 2)) for t in grid]
    level = _smooth(np.asarray([_weighted_f1(truth, n) for n in named]), 3)
    return float(grid[int(np.argmax(level))])


def _smooth(values: Numbers, reach: int) -> Numbers:
    padded = np.pad(values, reach, mode="edge")
    return np.asarray(np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid"))


def _weighted_f1(truth: NDArray[Any], named: NDArray[Any]) -> float:
    total = 0.0
    for value in np.unique(truth):
        said, there = named == value, truth == value
        total += 2.0 * int((said & there).sum()) / (int(said.sum()) + int(there.sum())) * int(there.sum())
    return total / len(truth)
