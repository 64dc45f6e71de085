"""A card's text, from what the model wrote: only what is cited, and citations only of what was found.

The confidence that the gate sees is the model's own probability, lowered where the evidence is weak:

    confidence = stated * (0.6 + 0.4 * match) * agreement * copied

``match``: how near the best cited passage lies to the question (cosine 0.2 counts as 0, 0.7 as 1; a
shared rare term counts as at least 0.5). ``agreement``: (support + 1) / (support + against + 1) of the
worst cited passage. ``copied``: the share of codes, commands and versions in the answer that stand in the
cited passages or the conversation. All of them are kept as features: what people later say of the cards
calibrates better weights than these.
"""

# ruff: noqa: RUF001 - question marks of several scripts
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vigilbot.domain import Answer, Dialogue, Passage, Question
from vigilbot.engines.model.grounding import copied, foreign_links, shared, tells_secrets
from vigilbot.engines.model.shapes import Answered
from vigilbot.text import clean, shorten, tokens

POST = 0.6
"""The confidence from which a card is worth showing to everyone."""

_LEAST_SHARED = 0.15  # of the words, below which an answer is about something else than its sources
_MARKER = re.compile(r"[ \t]?\[(\d{1,3})\]")
_CODE = re.compile(r"```[\s\S]{0,8000}?```|`[^`\n]{1,500}`")
_ASKS = re.compile(r"[?？؟][\s*_\"'”’)\]»]*\Z")
_SENTENCE = re.compile(r"(?<=[.!?؟])(?=\s)|(?<=[。！？])")
_HOLD = "\x00"


def refusal(reason: str, *, confidence: float = 0.0, features: Mapping[str, float] | None = None) -> Answer:
    return Answer(
        text="",
        passages=(),
        confidence=confidence,
        features=features or {},
        reason=shorten(reason, 300),
    )


def answered(said: Answered, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
    """``passages`` are those shown to the model, numbered from 1."""
    if not said.answer.strip():
        return refusal(said.reason or "the model refused", features={"stated": said.confidence})
    text = without_questions(clean(said.answer))
    if not tokens(_MARKER.sub("", text)):
        return refusal("the model asks instead of answering", features={"stated": said.confidence})
    text, cited = _cited(text, said.citations, passages)
    if not cited:
        return refusal("the answer cites no passage", features={"stated": said.confidence})
    sources = [_words(passage) for passage in cited]
    heard = [m.text for m in dialogue.messages]
    overlap = shared(_MARKER.sub("", text), [*sources, question.text])
    features = _features(said.confidence, text, cited, passages, [*sources, *heard])
    if overlap is not None:
        features["shared"] = overlap
    why = ""
    if tells_secrets(text):
        why = "the answer needs what may not be told"
    elif foreign_links(text, sources):
        why = "the answer names an address that no cited passage has"
    elif overlap is not None and overlap < _LEAST_SHARED:
        why = "the answer is about something else than what it cites"
    if why:
        return refusal(why, features=features)
    return Answer(
        text=text,
        passages=tuple(cited),
        confidence=_confidence(features),
        features=features,
        reason=shorten(said.reason, 300),
    )


def without_questions(text: str) -> str:
    """The text without sentences that ask the customer something; code stays as it is."""
    held: list[str] = []

    def hold(found: re.Match[str]) -> str:
        held.append(found[0])
        return f"{_HOLD}{len(held) - 1}{_HOLD}"

    lines = [_statements(line) for line in _CODE.sub(hold, text.replace(_HOLD, "")).split("\n")]
    left = "\n".join(line for line in lines if line is not None)
    return re.sub(rf"{_HOLD}(\d+){_HOLD}", lambda found: held[int(found[1])], left).strip()


def _statements(line: str) -> str | None:
    """A line without its questions; None when nothing else was in it."""
    if not any(mark in line for mark in "?？؟"):
        return line
    left = "".join(part for part in _SENTENCE.split(line) if not _ASKS.search(part)).strip()
    return left if _MARKER.sub("", left).strip(" -*_.\t0123456789)") else None


def _cited(text: str, listed: Sequence[int], passages: Sequence[Passage]) -> tuple[str, list[Passage]]:
    """The text with markers numbered anew, and the passages they mean, in order of appearance.

    Numbers of no passage are dropped, unless they stand in a source or in code as they are.
    """
    known = {n: passage for n, passage in enumerate(passages, start=1)}
    code = [span.span() for span in _CODE.finditer(text)]
    order: dict[int, int] = {}
    literal = "\n".join(_words(p) for p in passages)

    def renumber(found: re.Match[str]) -> str:
        if any(start <= found.start() < end for start, end in code):
            return found[0]
        n = int(found[1])
        if n in known:
            return f" [{order.setdefault(n, len(order) + 1)}]"
        return found[0] if found[0].strip() in literal else ""

    marked = _MARKER.sub(renumber, text).strip()
    if not order:
        for n in listed:
            if n in known:
                order.setdefault(n, len(order) + 1)
        marked += "".join(f" [{number}]" for number in order.values())
    return marked, [known[n] for n in order]


def _features(
    stated: float, text: str, cited: Sequence[Passage], shown: Sequence[Passage], sources: Sequence[str]
) -> dict[str, float]:
    match = max(_match(passage) for passage in cited)
    worst = min((p.support + 1) / (p.support + p.against + 1) for p in cited)
    return {
        "stated": stated,
        "match": match,
        "agreement": worst,
        "copied": copied(_MARKER.sub("", text), sources),
        "rank": float(min(shown.index(p) for p in cited)),
        "cited": float(len(cited)),
        "dense": max(p.dense for p in cited),
        "lexical": max(p.lexical for p in cited),
    }


def _match(passage: Passage) -> float:
    near = min(1.0, max(0.0, (passage.dense - 0.2) / 0.5))
    return max(near, 0.5 if passage.lexical > 0 else 0.0)


def _confidence(features: Mapping[str, float]) -> float:
    evidence = 0.6 + 0.4 * features["match"]
    found = features["stated"] * evidence * features["agreement"] * features["copied"]
    return round(min(1.0, max(0.0, found)), 6)


def _words(passage: Passage) -> str:
    entry = passage.entry
    addresses = "\n".join(c.url for c in entry.citations)
    return f"{entry.question}\n{entry.precondition}\n{entry.answer}\n{addresses}"
