"""How alike two texts are, on a scale that depends neither on the embedding model nor on the language.

Models spread their cosines differently: unrelated sentences lie at 0.05 for one and at 0.75 for
another, and a model of one language finds all sentences of another alike. A few sentence pairs a
language, written for this purpose (likeness.json), show where a model puts "unrelated" and "the same
in other words"; likeness is 0 at the one and 1 at the other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from vigilbot.ports import Embedder
from vigilbot.text import identifiers, language
from vigilbot.text.replies import content_terms

LEAST_SPREAD = 0.15  # cosines nearer than this to each other say nothing
SHARED = 0.3  # Dice coefficient of two wordings' stems at which their words alone make them alike
CODE = 0.8  # likeness of two questions that name the same code
STEM = 4  # characters by which words with different endings still meet
TELLING = 3.0  # deviations between unrelated and paraphrase from which a model understands a language
HOME = "en"  # assumed where the language of a text cannot be told
ABROAD = ""  # the scale of languages without pairs: those of all others but HOME, together

Pairs = Sequence[tuple[str, str]]


@lru_cache(maxsize=1)
def pairs() -> Mapping[str, Pairs]:
    """Sentence pairs by language."""
    text = resources.files(__package__).joinpath("likeness.json").read_text(encoding="utf-8")
    return {name: [(a, b) for a, b in found] for name, found in json.loads(text).items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """Mean cosines of one model over the pairs of one language. ``telling``: does it know the language?"""

    unrelated: float
    paraphrase: float
    telling: bool = True

    def of(self, cosine: float) -> float:
        """0 for unrelated texts, 1 for paraphrases; a little below 0 and above 1 occur."""
        spread = max(self.paraphrase - self.unrelated, LEAST_SPREAD)
        return (cosine - self.unrelated) / spread

    def between(self, cosine: float, asked: str, known: str) -> float:
        """The likeness of two questions. Where the model does not know the language, their words count
        as much, a code that both name is enough, and one that only the new one names halves it."""
        alike = self.of(cosine)
        if self.telling:
            return alike
        words = min(1.0, _dice(stems(asked), stems(known)) / SHARED)
        named, there = codes(asked), codes(known)
        if named & there:
            return max(CODE, alike)
        halved = 0.5 if named else 1.0
        return halved * (min(alike, 1.0) + words) / 2


def codes(text: str) -> frozenset[str]:
    """Error codes, versions and the like: names with a digit and something else in them."""
    return frozenset(
        name.casefold() for name in identifiers(text) if any(c.isdigit() for c in name) and not name.isdigit()
    )


def stems(text: str) -> frozenset[str]:
    """The words that say something, long ones in pieces, so that endings do not separate them."""
    found: set[str] = set()
    for word in content_terms(text):
        marked = f"^{word}$"
        pieces = [marked[i : i + STEM] for i in range(len(marked) - STEM + 1)]
        found.update(pieces if len(word) > STEM else [word])
    return frozenset(found)


def _dice(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


async def measure(embedder: Embedder, known: Pairs) -> Likeness:
    """The scale of this embedder's model, from about a dozen short texts."""
    vectors = await embedder.embed([text for pair in known for text in pair])
    cosines = vectors @ vectors.T
    same = [float(cosines[i, i + 1]) for i in range(0, len(vectors), 2)]
    apart = [float(cosines[i, j]) for i in range(len(vectors)) for j in range(i) if i // 2 != j // 2]
    unrelated, paraphrase = float(np.mean(apart)), float(np.mean(same))
    telling = paraphrase - unrelated >= TELLING * max(float(np.std(apart)), 0.01)
    return Likeness(unrelated=unrelated, paraphrase=paraphrase, telling=telling)


def _plain(text: str) -> bool:
    """Written in the letters of English, but for a few."""
    letters = [c for c in text[:2000] if c.isalpha()]
    return sum(not c.isascii() for c in letters) <= 0.02 * len(letters)


class Scale:
    """Measures a language once, when first asked, and remembers."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = asyncio.Lock()
        self._known: dict[str, Likeness] = {}

    async def likeness(self, text: str) -> Likeness:
        """The scale for texts in the language of this one."""
        spoken = language(text) or (HOME if _plain(text) else ABROAD)
        name = spoken if spoken in pairs() else ABROAD
        async with self._lock:
            if name not in self._known:
                self._known[name] = await self._measured(name)
            return self._known[name]

    async def _measured(self, name: str) -> Likeness:
        if name != ABROAD:
            return await measure(self._embedder, pairs()[name])
        found = [await measure(self._embedder, known) for lang, known in pairs().items() if lang != HOME]
        return Likeness(
            unrelated=float(np.mean([one.unrelated for one in found])),
            paraphrase=float(np.mean([one.paraphrase for one in found])),
            telling=all(one.telling for one in found),
        )
