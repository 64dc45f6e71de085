"""Reranking (Vigil 3.1.2): passages that lead to the same resolution speak together.

A resolution is a cited document, or an answer given in nearly the same words. Every passage casts
a vote that grows with the likeness of its question and of its answer to the question asked, and with
the rare words they share; votes for one resolution add up. Past on-calls of the asking channel that
retrieval did not bring count at the level of the least alike that it did bring, so a channel's usual
resolution starts ahead. What the channel's earlier questions tell about its resolutions (``habits``)
shifts the votes. One more candidate is always there: a resolution nobody has given yet.
"""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigilbot.domain import HEADINGS, ChannelHistory, KnowledgeEntry, Passage, PassageKind, Question, Trust
from vigilbot.pipeline.habits import Habits, Leaning
from vigilbot.pipeline.likeness import CODE, Likeness, Scale
from vigilbot.pipeline.parts import coverage, looked_up
from vigilbot.pipeline.told import ANSWER, mark, pieces
from vigilbot.ports import Embedder, Vector
from vigilbot.text import canonical_url
from vigilbot.text.conflicts import conflict
from vigilbot.text.sameness import says_same

TEMPERATURE = 0.33  # likeness by which a vote grows e-fold (question and answer added)
LEXICAL = 0.5  # the best lexical match counts like this share of a temperature
NEW = 0.8  # likeness (question and answer added) at which the resolution nobody gave yet stands
FEW = 0.3  # on-calls of this channel after which a vote learned in another one counts half
DOCUMENT = 0.3  # weight of a document's best chunk: about the topic, not about this trouble
REPEATED = 0.5  # what each further on-call that speaks for one entry adds to its vote
CREDIT = 2.0  # on-calls' worth of trust an entry starts with: one disagreement is often chance
CONFLICT = 0.05  # weight of a vote whose question names another error code, version or model
SAME_ANSWER = 0.9  # cosine above which two answers without links are held to be one, guard permitting
ENERGIES = 30.0  # bounds of a vote's logarithm, whatever an embedder returns
PARTS = 8  # of documents that are looked into window by window: embedding takes its time
REMEMBERED = 8192  # answers whose vectors are kept


Recall = Callable[[Sequence[str]], Awaitable[Mapping[bytes, Vector]]]
"""From ids of entries to what is kept of them, by the marks of the texts (see ``told``)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """What one passage says."""

    passage: Passage
    keys: tuple[str, ...]  # the resolutions it leads to
    times: int  # on-calls of the asking channel it resolved
    alike: float  # likeness of the questions
    answers: float  # likeness of its answer to the question
    energy: float  # logarithm of the vote before the weights
    weight: float
    conflict: str
    cover: float | None  # of a document's part: the share of the question's words that it has


class EvidenceReranker:
    """Pools the evidence for each resolution. Deterministic; needs no training."""

    def __init__(
        self, *, embedder: Embedder, recall: Recall | None = None, habits: Habits | None = None
    ) -> None:
        """``recall`` brings vectors of entries' texts that were computed before; ``habits`` tells what a
        channel's resolutions are for."""
        self._embedder = embedder
        self._recall = recall
        self._habits = habits
        self._scale = Scale(embedder)
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    async def rerank(
        self, question: Question, passages: Sequence[Passage], *, history: ChannelHistory | None = None
    ) -> tuple[Passage, ...]:
        """Best representatives of the resolutions first, then the other passages.

        ``score`` of a representative is its resolution's share of all votes (0 to 1); ``evidence`` says
        what the share rests on (see ``_evidence``).
        """
        if not passages:
            return ()
        scale = await self._scale.likeness(question.text)
        answers, cosines = await self._answers(question, passages)
        keys = _resolutions(passages, answers)
        times, known = _past(passages, keys, history)
        elsewhere = FEW / (FEW + sum(known.times.values()))
        spots = looked_up(question.text, passages)
        drafts = zip(passages, keys, times, cosines, strict=True)
        best = max(p.lexical for p in passages)
        votes = [
            _vote(
                question.text,
                p,
                key,
                n,
                scale.of(cosine),
                scale=scale,
                best=best,
                elsewhere=elsewhere,
                spot=p.entry.id in spots,
            )
            for p, key, n, cosine in drafts
        ]
        leaning = await self._habits.leaning(question.text, history) if self._habits and history else None
        return _ordered(votes, known, leaning)

    async def _answers(
        self, question: Question, passages: Sequence[Passage]
    ) -> tuple[Vector, Sequence[float]]:
        """Vectors of the answers, one a row, and how near each comes to the question (cosine).

        Of a document's part it is the nearest of its windows that counts.
        """
        compared = _pieces(passages)
        texts = [question.text, *(text for several in compared for text in several)]
        vectors = await self._embedded(texts, [passage.entry.id for passage in passages])
        near = vectors[1:] @ vectors[0]
        ends = np.cumsum([len(several) for several in compared])
        starts = ends - [len(several) for several in compared]
        best = [start + int(np.argmax(near[start:end])) for start, end in zip(starts, ends, strict=True)]
        return vectors[1:][best], [float(near[place]) for place in best]

    async def _embedded(self, texts: Sequence[str], entries: Sequence[str]) -> Vector:
        """One vector a row; texts are embedded once, those of ``entries`` once for all."""
        marks = {mark(text): text for text in texts}
        known = {key: self._vectors[key] for key in marks if key in self._vectors}
        if len(known) < len(marks) - 1 and self._recall is not None:  # one more is the question
            known = {**await self._recall(entries), **known}
        if missing := {key: text for key, text in marks.items() if key not in known}:
            vectors = await self._embedder.embed(list(missing.values()))
            known |= zip(missing, vectors, strict=True)
        for key in marks:  # others may have pushed some of them out meanwhile
            self._vectors[key] = known[key]
            self._vectors.move_to_end(key)
        found: Vector = np.stack([known[mark(text)] for text in texts])
        while len(self._vectors) > REMEMBERED:
            self._vectors.popitem(last=False)
        return found


def _pieces(passages: Sequence[Passage]) -> list[list[str]]:
    """What of each passage is compared with the question; of remote documents' parts all at once."""
    found: list[list[str]] = []
    parts = 0
    for passage in passages:
        part = passage.entry.kind is PassageKind.CHUNK
        parts += part
        short = part and parts > PARTS
        found.append([passage.entry.answer[:ANSWER]] if short else pieces(passage.entry))
    return found


def _resolutions(passages: Sequence[Passage], answers: Vector) -> list[tuple[str, ...]]:
    """What each passage leads to: its cited documents, else its answer or one that says the same; the
    parts of a document without an address lead to that document."""
    found: list[tuple[str, ...]] = []
    unlinked: list[int] = []
    cosines = answers @ answers.T
    for i, passage in enumerate(passages):
        urls = tuple(dict.fromkeys(canonical_url(c.url) for c in passage.entry.citations if c.url))
        if not urls and passage.entry.kind is PassageKind.CHUNK:
            urls = (f"document:{passage.entry.question.partition(HEADINGS)[0]}",)
        elif not urls:
            near = [j for j in unlinked if cosines[j, i] >= SAME_ANSWER]
            twin = next((j for j in near if _same(passages[j], passage, float(cosines[j, i]))), None)
            urls = (passage.entry.id,) if twin is None else found[twin]
            unlinked.append(i)
        found.append(urls)
    return found


def _same(a: Passage, b: Passage, cosine: float) -> bool:
    return says_same(a.entry.answer, b.entry.answer, cosine, SAME_ANSWER)


def _past(
    passages: Sequence[Passage], keys: Sequence[tuple[str, ...]], history: ChannelHistory | None
) -> tuple[list[int], ChannelHistory]:
    """How many on-calls of the channel each passage resolved, and the channel's history.

    A channel without a past borrows that of the candidates, from all channels it may learn from: where
    every on-call has a channel of its own, this is every question's case.
    """
    if history is not None and history.times:
        return [p.resolutions for p in passages], history
    borrowed = not any(p.resolutions for p in passages)
    times = [
        (p.support if borrowed else p.resolutions) if p.entry.kind is PassageKind.QA else 0 for p in passages
    ]
    counts: dict[str, int] = defaultdict(int)
    for n, resolutions in zip(times, keys, strict=True):
        for key in resolutions:
            counts[key] += n
    return times, ChannelHistory(times={key: n for key, n in counts.items() if n})


def _vote(
    asked: str,
    passage: Passage,
    keys: tuple[str, ...],
    times: int,
    answers: float,
    *,
    scale: Likeness,
    best: float,
    elsewhere: float,
    spot: bool,
) -> Vote:
    alike = scale.between(passage.dense, asked, passage.entry.about)
    if spot:
        alike, answers = max(alike, CODE), max(answers, CODE)
    rare = max(0.0, passage.lexical) / best if best > 0 else 0.0
    clash = conflict(asked, passage.entry.about)
    weight = _weight(passage, times, elsewhere)
    return Vote(
        passage=passage,
        keys=keys,
        times=times,
        alike=alike,
        answers=answers,
        energy=_energy(alike, answers, rare),
        weight=weight * CONFLICT if clash else weight,
        conflict=clash,
        cover=coverage(asked, passage.entry) if passage.entry.kind is PassageKind.CHUNK else None,
    )


def _energy(alike: float, answers: float, rare: float) -> float:
    energy = (alike + answers) / TEMPERATURE + LEXICAL * rare
    return max(-ENERGIES, min(ENERGIES, energy))


def _weight(passage: Passage, times: int, elsewhere: float) -> float:
    """How much a passage's voice counts, whatever it says."""
    if passage.entry.kind is not PassageKind.QA:
        return DOCUMENT
    place = 1.0 if times else elsewhere
    sure = passage.fresh or passage.entry.trust is not Trust.PROBATION
    trust = 1.0 if sure else 0.9
    standing = (CREDIT + passage.support) / (CREDIT + passage.support + passage.against)
    return place * trust * standing * (1 + REPEATED * (max(1, times) - 1))


def _masses(votes: Sequence[Vote], history: ChannelHistory, top: float) -> tuple[dict[str, float], float]:
    """Sums of votes by resolution and over all, in units of ``exp(top)``."""
    masses: dict[str, float] = defaultdict(float)
    documents: dict[str, float] = defaultdict(float)
    brought: dict[str, int] = defaultdict(int)
    total = math.exp(NEW / TEMPERATURE - top)
    for vote in votes:
        size = vote.weight * math.exp(vote.energy - top)
        for key in vote.keys:
            if vote.passage.entry.kind is PassageKind.QA:
                masses[key] += size
                brought[key] += vote.times
            else:
                documents[key] = max(documents[key], size)
        if vote.passage.entry.kind is PassageKind.QA:
            total += size
    total += sum(documents.values())  # the parts of one document are no rivals
    here = sorted(v.energy for v in votes if v.times)
    floor = math.exp(here[len(here) // 10] - top) if here else 0.0
    for key, times in history.times.items():
        absent = max(0, times - brought.get(key, 0)) * floor
        total += absent
        if key in masses:
            masses[key] += absent
    for key, size in documents.items():
        masses[key] += size
    return masses, total


def _leaning(masses: Mapping[str, float], leaning: Leaning) -> dict[str, float]:
    """The votes as the channel's habits lean; together they stay as many."""
    factors = {key: leaning.of(key) for key in masses}
    most = max(factors.values())
    leant = {key: mass * math.exp(factors[key] - most) for key, mass in masses.items()}
    together = sum(leant.values())
    scale = sum(masses.values()) / together if together else 1.0
    return {key: mass * scale for key, mass in leant.items()}


def _ordered(votes: Sequence[Vote], history: ChannelHistory, leaning: Leaning | None) -> tuple[Passage, ...]:
    top = max(max(v.energy for v in votes), NEW / TEMPERATURE)
    masses, total = _masses(votes, history, top)
    if leaning is not None:
        masses = _leaning(masses, leaning)
    sizes = {id(v): v.weight * math.exp(v.energy - top) for v in votes}
    by_strength = sorted(votes, key=lambda v: (-sizes[id(v)], v.passage.entry.id))
    firsts: dict[str, Vote] = {}
    for vote in by_strength:
        for key in vote.keys:
            firsts.setdefault(key, vote)
    ranking = sorted(masses, key=lambda k: (-masses[k], firsts[k].passage.entry.id, k))
    chosen: dict[int, tuple[Vote, str]] = {}
    for key in ranking:
        chosen.setdefault(id(firsts[key]), (firsts[key], key))
    rest = [(v, max(v.keys, key=lambda k: (masses[k], k))) for v in by_strength if id(v) not in chosen]
    least = min(masses[key] for _, key in chosen.values()) / total
    shares = {key: mass / total for key, mass in masses.items()}
    shown = [(vote, key, shares[key]) for vote, key in chosen.values()]
    shown += [(vote, key, least * min(1.0, sizes[id(vote)] / total)) for vote, key in rest]
    channel = _habits(history)
    found = _evidence(votes, shares, history)
    evidence = {key: {**found[key], **channel} for key in ranking}
    return tuple(
        replace(
            vote.passage,
            entry=_by_share(vote.passage.entry, shares),
            score=score,
            evidence={
                **evidence[key],
                "alike": vote.alike,
                "answers": vote.answers,
                "conflict": float(bool(vote.conflict)),
                **({"cover": vote.cover} if vote.cover is not None else {}),
            },
        )
        for vote, key, score in shown
    )


def _by_share(entry: KnowledgeEntry, shares: Mapping[str, float]) -> KnowledgeEntry:
    """The entry with its citations in the order of their resolutions."""
    if len(entry.citations) < 2:
        return entry
    ordered = sorted(entry.citations, key=lambda c: -shares.get(canonical_url(c.url), 0.0))
    return replace(entry, citations=tuple(ordered))


def _evidence(
    votes: Sequence[Vote], shares: Mapping[str, float], history: ChannelHistory
) -> dict[str, dict[str, float]]:
    """What speaks for each resolution, free of any model's scale.

    ``share`` of all votes (0 to 1); ``rival``: the best other resolution's share; ``voices``: passages
    that lead here; ``times``: on-calls of this channel it resolved; ``nearest``: likeness of the question
    most alike; ``lexical``: best lexical score relative to the best of all candidates.
    """
    speaking: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        for key in dict.fromkeys(vote.keys):
            speaking[key].append(vote)
    best = max((v.passage.lexical for v in votes), default=0.0) or 1.0
    first, second = (*sorted(shares, key=lambda key: -shares[key])[:2], "")[:2]
    return {
        key: {
            "share": shares[key],
            "rival": shares.get(second if key == first else first, 0.0),
            "voices": float(len(mine)),
            "times": float(history.times.get(key, 0)),
            "nearest": max(v.alike for v in mine),
            "lexical": max(v.passage.lexical for v in mine) / best,
        }
        for key, mine in speaking.items()
    }


def _habits(history: ChannelHistory) -> dict[str, float]:
    """What is the same for every resolution: ``oncalls`` of the channel; ``novelty``: how often it needs a
    resolution it never had (Good-Turing, 0 to 1)."""
    oncalls = sum(history.times.values())
    once = sum(1 for n in history.times.values() if n == 1)
    return {"oncalls": float(oncalls), "novelty": (once + 1) / (oncalls + 2)}
