"""How well the bot learns from what humans resolved, on labelled on-calls (Vigil 3.2.1).

The real bot lives through every on-call by itself, from empty knowledge; what it then holds is compared
with what annotators say was resolved, and by which messages. The rules beside it are told which questions
were resolved; the bot is not. FIGURES documents the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from vigilbot.domain import Event, EventKind, Role
from vigilbot.evals.gold import LabelledOnCall, LabelledQuestion, Labels
from vigilbot.ports import Embedder
from vigilbot.text import plain
from vigilbot.text.sameness import differs

SAME: Final = 0.7  # cosine of the default embedding model from which two resolutions say the same
TENANT: Final = "labels"
ANALYST: Final = "support analyst"  # a profile title that makes an analyst by the default settings

FIGURES: Final[Mapping[str, str]] = {
    "gold_pairs": "questions that annotators marked",
    "resolved": "of these, with a resolution",
    "extracted": "entries in force at the end, over all on-calls",
    "matched": "resolutions that an entry says too (cosine 0.7 or more, nothing differs that matters)",
    "message_ids": "precision, recall, f1 of the messages that entries rest on, counted over all on-calls; "
    "what is taken from an on-call without a resolution counts as wrong",
    "baselines": "f1 of message ids by rules that are told which questions were resolved: last_analyst, "
    "nearest_analyst (by embedding), first_two (of the analysts' messages after the question)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Taught:
    """An entry learned from one on-call; ``ts`` are those of the messages it rests on."""

    oncall: int
    answer: str
    ts: frozenset[str]


def channel_of(number: int) -> str:
    """Every on-call has a private channel: what one teaches is never known in another."""
    return f"L{number:05d}"


def events_of(labels: Labels) -> tuple[Event, ...]:
    """The on-calls as a platform would send them, in time order."""
    found = [
        Event(
            kind=EventKind.POSTED,
            tenant=TENANT,
            channel=channel_of(number),
            channel_name=channel_of(number),
            channel_private=True,
            ts=message.ts,
            thread=oncall.messages[0].ts,
            user=message.author or message.role.value,
            user_name=message.author,
            user_title=ANALYST if message.role is Role.ANALYST else "",
            at=message.at,
            key=f"{number}:{message.ts}",
            natural_key=f"message:{number}:{message.ts}",
            text=plain(message.text),
        )
        for number, oncall in enumerate(labels.oncalls)
        for message in oncall.messages
    ]
    return tuple(sorted(found, key=lambda e: (e.at, e.channel, e.ts)))


async def score(labels: Labels, taught: Sequence[Taught], embedder: Embedder) -> dict[str, Any]:
    """The figures, JSON-ready."""
    gold = [_gold_ts(oncall) for oncall in labels.oncalls]
    made: list[set[str]] = [set() for _ in labels.oncalls]
    for entry in taught:
        made[entry.oncall] |= entry.ts
    rules: Mapping[str, list[set[str]]] = {
        "last_analyst": _ruled(labels, lambda _, after: after[-1:]),
        "nearest_analyst": await _nearest(labels, embedder),
        "first_two": _ruled(labels, lambda _, after: after[:2]),
    }
    questions = [q for oncall in labels.oncalls for q in oncall.questions]
    return {
        "gold_pairs": len(questions),
        "resolved": sum(bool(q.answer) for q in questions),
        "extracted": len(taught),
        "matched": await _matched(labels, taught, embedder),
        "message_ids": _micro(made, gold),
        "baselines": {name: {"f1": _micro(found, gold)["f1"]} for name, found in rules.items()},
    }


def _gold_ts(oncall: LabelledOnCall) -> set[str]:
    return {oncall.messages[i].ts for q in oncall.questions if q.answer for i in q.answered}


def _micro(made: Iterable[Collection[str]], gold: Iterable[Collection[str]]) -> dict[str, float]:
    right = said = wanted = 0
    for found, true in zip(made, gold, strict=True):
        right += len(set(found) & set(true))
        said += len(found)
        wanted += len(true)
    precision, recall = right / said if said else 0.0, right / wanted if wanted else 0.0
    both = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / both if both else 0.0}


Rule = Callable[[LabelledQuestion, list[int]], list[int]]  # analysts' messages after the question -> chosen


def _ruled(labels: Labels, rule: Rule) -> list[set[str]]:
    found = []
    for oncall in labels.oncalls:
        chosen = {i for q in oncall.questions if q.answer for i in rule(q, _after(oncall, q))}
        found.append({oncall.messages[i].ts for i in chosen})
    return found


def _after(oncall: LabelledOnCall, question: LabelledQuestion) -> list[int]:
    rest = range(question.asked + 1, len(oncall.messages))
    return [i for i in rest if oncall.messages[i].role is Role.ANALYST]


async def _nearest(labels: Labels, embedder: Embedder) -> list[set[str]]:
    found: list[set[str]] = []
    for oncall in labels.oncalls:
        chosen: set[str] = set()
        for question in (q for q in oncall.questions if q.answer):
            after = _after(oncall, question)
            if after:
                texts = [plain(oncall.messages[i].text) for i in after]
                vectors = await embedder.embed([question.question, *texts])
                chosen.add(oncall.messages[after[int(np.argmax(vectors[1:] @ vectors[0]))]].ts)
        found.append(chosen)
    return found


async def _matched(labels: Labels, taught: Sequence[Taught], embedder: Embedder) -> int:
    """How many resolutions an entry of the same on-call says, each entry used once, the nearest first."""
    count = 0
    for number, oncall in enumerate(labels.oncalls):
        gold = [q.answer for q in oncall.questions if q.answer]
        made = [entry.answer for entry in taught if entry.oncall == number]
        if not gold or not made:
            continue
        vectors = await embedder.embed([*gold, *made])
        cosines = vectors[: len(gold)] @ vectors[len(gold) :].T
        left_gold, left_made = set(range(len(gold))), set(range(len(made)))
        for flat in np.argsort(-cosines, axis=None, kind="stable"):
            g, m = divmod(int(flat), len(made))
            if cosines[g, m] < SAME:
                break
            if g in left_gold and m in left_made and not differs(gold[g], made[m]):
                left_gold.discard(g)
                left_made.discard(m)
                count += 1
    return count


def render(result: Mapping[str, Any], *, oncalls: int, seconds: float) -> str:
    """The figures in plain text, with what a reader must know to trust them."""
    ids, rules = result["message_ids"], result["baselines"]
    best = max(rules, key=lambda name: rules[name]["f1"])
    lines = [
        f"Learning: {oncalls} on-calls, {result['gold_pairs']} questions, {result['resolved']} resolved; "
        f"{seconds:.0f} s",
        f"{'entries learned':<34}{result['extracted']:>8}",
        f"{'resolutions they say too':<34}{result['matched']:>8}",
        f"{'message ids: precision':<34}{ids['precision']:>8.3f}",
        f"{'message ids: recall':<34}{ids['recall']:>8.3f}",
        f"{'message ids: F1':<34}{ids['f1']:>8.3f}",
        *(f"{'  rule ' + name:<34}{rule['f1']:>8.3f}" for name, rule in rules.items()),
        "The rules are told which questions were resolved; the bot is not. "
        f"{'Ahead of' if ids['f1'] > rules[best]['f1'] else 'Behind'} the best of them ({best}).",
    ]
    return "\n".join(lines)
