"""Extraction without a language model (Vigil 3.2.1): the analyst's own resolution of one question.

A small logistic scorer (extract.json, see extract_training.py) says how likely each message of an
analyst is part of the resolution; rules that no scorer may overrule say what is never learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from vigilbot.domain import Citation, Dialogue, Extraction, Message, Question, Role
from vigilbot.engines.extractive.evidence import Evidence, asked_at, candidates, gather, texts_needed
from vigilbot.engines.extractive.resolution import ResolutionScorer, shipped
from vigilbot.engines.extractive.stitch import resolution_text
from vigilbot.engines.extractive.worth import only_about_self, signs
from vigilbot.ports import Embedder, Vector
from vigilbot.text import canonical_url, links, replies

_LONGEST = 4000  # characters of a message that are read
_STITCHED = 6  # messages of one resolution
_SOURCES = 5  # links kept
_ONE_THOUGHT = 180.0  # seconds
_DOCUMENT = 0.25  # probability from which a shared document belongs to the resolution
_LEAN = 0.4  # weight of the neighbour
_NEAR = 3  # messages between which one thought goes on
_APART = 0.5  # probability from which what stands further off belongs to it too
_WORTH = 0.5  # probability that a stranger can use it, from which it teaches something


class Extractor:
    """``peers``: whether what peers say may be learned as well (on probation, like everything learned)."""

    def __init__(
        self, *, embedder: Embedder | None = None, peers: bool = False, scorer: ResolutionScorer | None = None
    ) -> None:
        self._embedder = embedder
        self._peers = peers
        self._scorer = scorer or _shipped()

    async def extract(self, dialogue: Dialogue, question: Question) -> Extraction | None:
        """The definitive resolution of the question in what followed it, or None.

        ``confidence`` is how likely it helps somebody else with the same question. What analysts said and
        the asker confirmed is never weak, however it is worded.
        """
        found = [
            m for m in candidates(dialogue, question, peers=self._peers) if not replies.is_small_talk(m.text)
        ]
        if not found:
            return None
        rows = gather(dialogue, question, found, vectors=await self._vectors(dialogue, question, found))
        chosen = self.choose(rows, dialogue, question)
        if not chosen:
            return None
        worth = self.worth(chosen, rows, dialogue, question)
        messages = [row.message for row, _ in chosen]
        answer = resolution_text(messages, customer=_customer(dialogue, question))
        if not answer:
            return None
        confirmed = _confirmed(dialogue, question, messages[-1])
        by_analysts = all(m.role is Role.ANALYST for m in messages)
        return Extraction(
            question=question.text,
            answer=answer,
            message_ids=tuple(m.id for m in messages),
            citations=_citations(messages),
            confirmed=confirmed,
            resolved_at=messages[-1].at,
            confidence=round(worth, 4),
            weak=worth < _WORTH and not (confirmed and by_analysts),
        )

    def worth(
        self,
        chosen: Sequence[tuple[Evidence, float]],
        rows: Sequence[Evidence],
        dialogue: Dialogue,
        question: Question,
    ) -> float:
        """How likely a stranger with the same question can use what was chosen from ``rows``."""
        return self._scorer.of(rows).worth.probability(signs(chosen, dialogue, question))

    def scored(self, rows: Sequence[Evidence]) -> list[tuple[Evidence, float]]:
        """Every candidate with the probability that it is part of the resolution."""
        return list(zip(rows, _smoothed(rows, self._scorer.probabilities(rows)), strict=True))

    def choose(
        self, rows: Sequence[Evidence], dialogue: Dialogue, question: Question
    ) -> list[tuple[Evidence, float]]:
        """The candidates that make up the resolution, in order, with their probabilities."""
        weights = self._scorer.of(rows)
        scored = self.scored(rows)
        allowed = [(row, p) for row, p in scored if _may_be_learned(row.message)]
        sharing = [(row, p) for row, p in allowed if _shares_document(row, dialogue, question)]
        best = max((p for _, p in allowed), default=0.0)
        if sharing and best < weights.any_threshold:
            return [max(sharing, key=lambda pair: pair[1])]
        if best < weights.any_threshold:
            return []
        given = {id(row) for row, p in sharing if p >= _DOCUMENT}
        kept = [(row, p) for row, p in allowed if p >= weights.threshold or p == best or id(row) in given]
        kept = _together(_superseded(kept, dialogue, question), dialogue)
        while len(kept) > _STITCHED:
            kept.remove(min(kept, key=lambda pair: pair[1]))
        if any(id(row) in given or replies.definitive(row.message.text) for row, _ in kept):
            return kept
        return kept if best >= weights.sure_threshold and any(_taken_up(row) for row, _ in kept) else []

    async def _vectors(
        self, dialogue: Dialogue, question: Question, found: Sequence[Message]
    ) -> Mapping[str, Vector] | None:
        if self._embedder is None or not self._scorer.reads(self._embedder.model):
            return None
        texts = texts_needed(dialogue, question, found)
        rows = await self._embedder.embed([t[:_LONGEST] for t in texts])
        return dict(zip(texts, rows, strict=True))


@lru_cache(maxsize=1)
def _shipped() -> ResolutionScorer:
    return shipped()


def _smoothed(rows: Sequence[Evidence], probabilities: Sequence[float]) -> list[float]:
    """One person's messages within three minutes are one thought: each leans on its neighbours."""
    smoothed: list[float] = []
    for i, row in enumerate(rows):
        near = [
            probabilities[j]
            for j in (i - 1, i + 1)
            if 0 <= j < len(rows)
            and rows[j].message.author == row.message.author
            and abs((rows[j].message.at - row.message.at).total_seconds()) < _ONE_THOUGHT
        ]
        own = probabilities[i]
        smoothed.append((1 - _LEAN) * own + _LEAN * max(near) if near else own)
    return smoothed


def _together(kept: list[tuple[Evidence, float]], dialogue: Dialogue) -> list[tuple[Evidence, float]]:
    """Without what stands far from the likeliest message or is only about its author: a conversation that
    went on is not one answer."""
    if len(kept) < 2:
        return kept
    place = {m.id: i for i, m in enumerate(dialogue.messages)}
    best, _ = max(kept, key=lambda pair: pair[1])
    return [
        (row, p)
        for row, p in kept
        if row is best
        or (
            not only_about_self(row.message.text)
            and (p >= _APART or abs(place[row.message.id] - place[best.message.id]) <= _NEAR)
        )
    ]


def _taken_up(row: Evidence) -> bool:
    """A guess the asker thanked for, confirmed, or could act on because it shows code."""
    form = row.form
    return bool(form["thanked_after"] or form["confirmed_after"] or form["inline"] or form["fence"])


def _may_be_learned(message: Message) -> bool:
    text = message.text
    if links(text[:_LONGEST]):
        return True
    return not (replies.asks_back(text) or replies.knows_nothing(text) or replies.is_private(text))


def _shares_document(row: Evidence, dialogue: Dialogue, question: Question) -> bool:
    """A document shared with the asker, nobody else having asked in between."""
    if not links(row.message.text[:_LONGEST]) or row.form["to_other"]:
        return False
    start = asked_at(dialogue, question)
    asker = dialogue.messages[start].author if start >= 0 else ""
    at = dialogue.messages.index(row.message)
    others = [m for m in dialogue.messages[start + 1 : at] if m.role is Role.CUSTOMER and m.author != asker]
    return not others


def _superseded(
    kept: list[tuple[Evidence, float]], dialogue: Dialogue, question: Question
) -> list[tuple[Evidence, float]]:
    """Without what the asker said did not help, when something was said after that."""
    place = {m.id: i for i, m in enumerate(dialogue.messages)}
    start = asked_at(dialogue, question)
    asker = dialogue.messages[start].author if start >= 0 else ""
    refused = [
        i
        for i, m in enumerate(dialogue.messages)
        if i > start and m.author == asker and m.role is Role.CUSTOMER and replies.denies(m.text)
    ]
    for at in reversed(refused):
        later = [(row, p) for row, p in kept if place[row.message.id] > at]
        if later:
            return later
    return kept


def _customer(dialogue: Dialogue, question: Question) -> str:
    start = asked_at(dialogue, question)
    return dialogue.messages[start].author_name if start >= 0 else ""


def _citations(messages: Sequence[Message]) -> tuple[Citation, ...]:
    found: dict[str, Citation] = {}
    for message in messages:
        for url in links(message.text[:_LONGEST]):
            found.setdefault(canonical_url(url), Citation(url=url, title=""))
    return tuple(found.values())[:_SOURCES]


def _confirmed(dialogue: Dialogue, question: Question, last: Message) -> bool:
    """The asker said afterwards that it worked, and not the contrary later."""
    start = asked_at(dialogue, question)
    asker = dialogue.messages[start].author if start >= 0 else ""
    said = [
        m.text
        for m in dialogue.messages[dialogue.messages.index(last) + 1 :]
        if m.role is Role.CUSTOMER and m.author == asker
    ]
    verdict = False
    for text in said[:6]:
        if replies.confirms(text):
            verdict = True
        elif replies.denies(text):
            verdict = False
    return verdict
