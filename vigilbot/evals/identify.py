"""How well question identification works, on labelled on-calls (Vigil 3.1.1).

Every labelled message of a customer is judged with the dialogue up to it, as if it had just been written.
FIGURES documents the result.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vigilbot.domain import Dialogue, Identification, Message, Role, Scope
from vigilbot.engines.extractive.identify import Identifier
from vigilbot.engines.extractive.train import Labelled, train
from vigilbot.errors import BadExport, EngineError
from vigilbot.evals import first_filter
from vigilbot.evals.gold import LabelledOnCall, read_labels
from vigilbot.ports import Embedder
from vigilbot.text import plain

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

ROUNDS: Final = 1000
RECALL: Final = 0.8
CLASSES: Final = (Scope.WITHIN, Scope.OUT, Scope.NONE)
_MARKS: Final = "?\uff1f\u061f\u037e"
_CHUNK: Final = 2_000_000  # numbers held at once while drawing
_REMEDY: Final = "Label customers' messages within, out or none"

FIGURES: Final[Mapping[str, str]] = {
    "engine": "what judged",
    "conversations": "labelled on-calls",
    "messages": "labelled messages of customers",
    "labels": "how many of each class",
    "within": "precision, recall, f1 of the class; _w: averaged over within and rest by share; 95% intervals",
    "three_class": "averaged over within, out and none by their shares",
    "intrusive_per_100": "runs for messages not within, per 100 messages, where recall of within is 0.8",
    "question_mark": "the same figures for the rule: a question mark anywhere in the text",
    "difference": "f1_w of the engine less that of the question mark, drawn together",
    "confusion": "counts by true class, then by class named",
    "cross_community": "whether every source was judged by coefficients trained on the other sources alone",
    "first_filter": "with cross_community: model calls saved and messages within lost, by threshold; chosen: "
    "in every source at the threshold of the others that loses 2% at most",
    "in_sample": "whether the coefficients were trained on this very file, which flatters every figure",
    "failed": "messages the engine gave no judgement for, counted as none",
    "seconds": "of judging, training included where there was any",
}


class Judge(Protocol):
    """An Engine or an Identifier, as far as identification goes."""

    async def identify(
        self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str
    ) -> Identification: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledFile:
    name: str
    sha256: str
    oncalls: tuple[Labelled, ...]

    @property
    def messages(self) -> int:
        return sum(len(oncall.customers()) for oncall in self.oncalls)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One message: its truth, the class named, the probability of within. ``named`` None: no judgement."""

    conversation: int
    source: str
    truth: Scope
    named: Scope | None
    within: float
    marked: bool


def read(path: Path) -> LabelledFile:
    """A label file (the format is in engines.extractive.train). BadExport with the line."""
    labels = read_labels(path)
    oncalls = tuple(_labelled(oncall) for oncall in labels.oncalls)
    file = LabelledFile(name=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), oncalls=oncalls)
    if not file.messages:
        raise BadExport("no labelled message of a customer", place=str(path), remedy=_REMEDY)
    return file


def _labelled(oncall: LabelledOnCall) -> Labelled:
    messages = tuple(
        Message(id=str(i), ts=m.ts, at=m.at, role=m.role, author="", text=plain(m.text))
        for i, m in enumerate(oncall.messages)
    )
    return Labelled(
        source=oncall.source,
        scope=oncall.scope,
        dialogue=Dialogue(messages=messages),
        labels={
            str(i): m.label
            for i, m in enumerate(oncall.messages)
            if m.label is not None and m.role is Role.CUSTOMER
        },
    )


async def evaluate(
    file: LabelledFile,
    judge: Judge,
    *,
    engine: str,
    trained_on: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The figures of one engine. ``trained_on`` are SHA-256 of files its coefficients were trained on."""
    started = perf_counter()
    judged = await _judge(file.oncalls, judge, progress=progress)
    fingerprints = judge.coefficients.fingerprints if isinstance(judge, Identifier) else trained_on
    return _result(
        judged,
        engine=engine,
        cross_community=False,
        in_sample=file.sha256 in fingerprints,
        seconds=perf_counter() - started,
    )


async def evaluate_across(
    file: LabelledFile, embedder: Embedder, *, progress: Progress | None = None
) -> dict[str, Any]:
    """The extractive identification, each source judged by coefficients trained on the others; pooled.

    Thresholds are chosen within the training sources too. BadExport when the file has one source only.
    """
    started = perf_counter()
    sources = sorted({oncall.source for oncall in file.oncalls})
    if len(sources) < 2:
        raise BadExport(
            f"one source only ({sources[0] or 'unnamed'})",
            place=file.name,
            remedy="Leave --cross-community out, or give a file with on-calls of two communities",
        )
    judged: list[Judged] = []
    for source in sources:
        kept = [oncall for oncall in file.oncalls if oncall.source != source]
        held = [oncall for oncall in file.oncalls if oncall.source == source]
        coefficients = await train(kept, embedder, data=file.name, sha256="", command="", on=date(1970, 1, 1))
        seen = len(judged)
        done = (lambda n, _, seen=seen: progress(seen + n, file.messages)) if progress else None
        offset = 1 + max((j.conversation for j in judged), default=-1)
        judged += await _judge(held, Identifier(embedder, coefficients), progress=done, offset=offset)
    found = _result(
        judged,
        engine="extractive",
        cross_community=True,
        in_sample=False,
        seconds=perf_counter() - started,
    )
    asked = [
        first_filter.Asked(source=j.source, within=j.truth is Scope.WITHIN, probability=j.within)
        for j in judged
    ]
    return {**found, "first_filter": first_filter.figures(asked)}


async def _judge(
    oncalls: Sequence[Labelled], judge: Judge, *, progress: Progress | None, offset: int = 0
) -> list[Judged]:
    total = sum(len(oncall.customers()) for oncall in oncalls)
    judged: list[Judged] = []
    for number, oncall in enumerate(oncalls, start=offset):
        for message in oncall.customers():
            known = oncall.dialogue.messages
            until = known[: next(i for i, m in enumerate(known) if m.id == message.id) + 1]
            named, within = None, 0.0
            try:
                found = await judge.identify(Dialogue(messages=until), [message], scope=oncall.scope)
                named, within = found.scope, found.within
            except EngineError:
                pass  # counted as failed in the result
            judged.append(
                Judged(
                    conversation=number,
                    source=oncall.source,
                    truth=oncall.labels[message.id],
                    named=named,
                    within=within,
                    marked=any(mark in message.text for mark in _MARKS),
                )
            )
            if progress:
                progress(len(judged), total)
    return judged


def _result(
    judged: Sequence[Judged], *, engine: str, cross_community: bool, in_sample: bool, seconds: float
) -> dict[str, Any]:
    truth = np.asarray([CLASSES.index(j.truth) for j in judged])
    named = np.asarray([CLASSES.index(j.named or Scope.NONE) for j in judged])
    within = np.asarray([j.within for j in judged])
    marked = np.asarray([j.marked for j in judged])
    conversation = np.unique([j.conversation for j in judged], return_inverse=True)[1]
    ours = _Figures(truth=truth, named=named, within=within)
    rule = _Figures(truth=truth, named=np.where(marked, 0, 2), within=marked.astype(np.float64))
    once = np.ones((1, len(judged)))
    drawn = _draw(conversation)
    mine, base = _spread(ours, once, drawn), _spread(rule, once, drawn)
    ahead = mine["f1_w"].drawn - base["f1_w"].drawn
    counts = Counter((j.truth, j.named or Scope.NONE) for j in judged)
    return {
        "engine": engine,
        "conversations": int(conversation.max()) + 1,
        "messages": len(judged),
        "labels": {c.value: int((truth == i).sum()) for i, c in enumerate(CLASSES)},
        "within": _block(mine, ("precision", "recall", "f1", "precision_w", "recall_w", "f1_w")),
        "three_class": {
            key.removeprefix("three_"): value
            for key, value in _block(mine, ("three_precision_w", "three_recall_w", "three_f1_w")).items()
        },
        "intrusive_per_100": mine["intrusive"].value,
        "intrusive_per_100_interval": mine["intrusive"].interval,
        "question_mark": {
            **_block(base, ("precision", "recall", "f1", "f1_w")),
            "intrusive_per_100": base["intrusive"].value,
        },
        "difference": {
            "f1_w": round(mine["f1_w"].value - base["f1_w"].value, 4),
            "f1_w_interval": _interval(ahead),
        },
        "confusion": {g.value: {p.value: counts[g, p] for p in CLASSES} for g in CLASSES},
        "cross_community": cross_community,
        "in_sample": in_sample,
        "failed": sum(j.named is None for j in judged),
        "seconds": round(seconds, 2),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Spread:
    value: float
    drawn: Floats

    @property
    def interval(self) -> list[float]:
        return _interval(self.drawn)


def _interval(values: Floats) -> list[float]:
    return [round(float(v), 4) for v in np.quantile(values, [0.025, 0.975])]


def _block(spreads: Mapping[str, _Spread], keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {key: spreads[key].value for key in keys}
    return found | {f"{key}_interval": spreads[key].interval for key in keys}


def _draw(conversation: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each message counts in each round, drawing whole conversations with replacement."""
    n = int(conversation.max()) + 1
    drawn = np.random.default_rng(0).integers(n, size=(ROUNDS, n))
    times = np.stack([np.bincount(row, minlength=n) for row in drawn])
    return np.asarray(times[:, conversation], dtype=np.int64)


def _spread(figures: _Figures, once: Floats, drawn: NDArray[np.int64]) -> dict[str, _Spread]:
    point = figures.of(once)
    step = max(1, _CHUNK // drawn.shape[1])
    parts = [figures.of(drawn[i : i + step].astype(np.float64)) for i in range(0, len(drawn), step)]
    return {
        key: _Spread(value=round(float(value[0]), 4), drawn=np.concatenate([p[key] for p in parts]))
        for key, value in point.items()
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Figures:
    """Figures of one judge. ``truth`` and ``named`` index CLASSES; ``within`` orders messages."""

    truth: NDArray[np.int64]
    named: NDArray[np.int64]
    within: Floats

    def of(self, weights: Floats) -> dict[str, Floats]:
        """Figures per row of ``weights`` (how often each message counts). 0 where nothing is there."""
        two = _scores(weights, self.truth > 0, self.named > 0, classes=2)
        three = _scores(weights, self.truth, self.named, classes=3)
        return {
            "precision": two.precision[:, 0],
            "recall": two.recall[:, 0],
            "f1": two.f1[:, 0],
            "precision_w": (two.precision * two.share).sum(axis=1),
            "recall_w": (two.recall * two.share).sum(axis=1),
            "f1_w": (two.f1 * two.share).sum(axis=1),
            "three_precision_w": (three.precision * three.share).sum(axis=1),
            "three_recall_w": (three.recall * three.share).sum(axis=1),
            "three_f1_w": (three.f1 * three.share).sum(axis=1),
            "intrusive": self._intrusive(weights),
        }

    def _intrusive(self, weights: Floats) -> Floats:
        """Messages not within among those above the highest threshold with enough recall, per 100."""
        levels = np.unique(-self.within, return_inverse=True)[1]
        steps = np.zeros((len(levels), int(levels.max()) + 1))
        steps[np.arange(len(levels)), levels] = 1.0
        right = np.cumsum((weights * (self.truth == 0)) @ steps, axis=1)
        wrong = np.cumsum((weights * (self.truth != 0)) @ steps, axis=1)
        enough = right >= RECALL * right[:, -1:] - 1e-9
        first = np.argmax(enough, axis=1)
        return np.asarray(100.0 * wrong[np.arange(len(first)), first] / weights.sum(axis=1))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scores:
    """Per round and class."""

    precision: Floats
    recall: Floats
    f1: Floats
    share: Floats


def _scores(weights: Floats, truth: NDArray[Any], named: NDArray[Any], *, classes: int) -> _Scores:
    there = np.stack([weights @ (truth == c) for c in range(classes)], axis=1)
    said = np.stack([weights @ (named == c) for c in range(classes)], axis=1)
    hits = np.stack([weights @ ((truth == c) & (named == c)) for c in range(classes)], axis=1)
    return _Scores(
        precision=_ratio(hits, said),
        recall=_ratio(hits, there),
        f1=_ratio(2 * hits, said + there),
        share=there / there.sum(axis=1, keepdims=True),
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def render(result: Mapping[str, Any]) -> str:
    """The figures as a table in plain text, with what a reader must know to trust them."""
    within, mark, ahead = result["within"], result["question_mark"], result["difference"]
    rows = [
        ("", result["engine"], "95% interval", "question mark"),
        ("precision of within", within["precision"], within["precision_interval"], mark["precision"]),
        ("recall of within", within["recall"], within["recall_interval"], mark["recall"]),
        ("F1 of within", within["f1"], within["f1_interval"], mark["f1"]),
        ("weighted F1, within or not", within["f1_w"], within["f1_w_interval"], mark["f1_w"]),
        (
            "weighted F1, three classes",
            result["three_class"]["f1_w"],
            result["three_class"]["f1_w_interval"],
            "",
        ),
        (
            "intrusive per 100 at recall 0.8",
            result["intrusive_per_100"],
            result["intrusive_per_100_interval"],
            mark["intrusive_per_100"],
        ),
        ("ahead of the question mark", ahead["f1_w"], ahead["f1_w_interval"], ""),
    ]
    lines = [
        f"Question identification: {result['messages']} messages in {result['conversations']} on-calls"
        f" ({', '.join(f'{n} {c}' for c, n in result['labels'].items())})"
    ]
    lines += [f"{name:<34}{_cell(a):>12}{_cell(b):>20}{_cell(c):>16}" for name, a, b, c in rows]
    if result["cross_community"]:
        lines.append("Every source was judged by coefficients trained on the other sources.")
        lines += first_filter.render(result["first_filter"])
    if result["in_sample"]:
        lines.append(
            "In sample: the coefficients were trained on this file; --cross-community is the honest figure."
        )
    if result["failed"]:
        lines.append(f"{result['failed']} messages got no judgement and count as none.")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"
    if isinstance(value, list):
        return " to ".join(_cell(v) for v in value)
    return str(value)
