"""How alike two texts are, on a scale that does not depend on the embedding model.

Models spread their cosines differently: unrelated sentences lie at 0.05 for one and at 0.75 for
another. A few sentence pairs, written for this purpose, show where a model puts "unrelated" and "the
same in other words"; likeness is 0 at the one and 1 at the other.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from vigilbot.ports import Embedder

PAIRS = (
    ("I forgot my password and cannot sign in any more", "Can't log in, I don't remember my password"),
    ("The parcel has not arrived although it was due last week", "My delivery is a week late, where is it?"),
    ("How do I get the invoice for my last order?", "Where can I download the bill of my recent purchase?"),
    (
        "The app crashes as soon as I open it on my phone",
        "On my phone the application closes right at launch",
    ),
    ("Our nightly backup job fails with a timeout", "The backup that runs every night times out"),
    ("There is no sound after the latest update", "Since I updated, the audio is gone"),
    ("How can I export the report as a spreadsheet?", "Is there a way to save the report to Excel?"),
    ("The printer shows offline but it is connected", "My connected printer is reported as being offline"),
)
LEAST_SPREAD = 0.05  # a model that tells less apart than this is treated as telling nothing apart


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """``unrelated`` and ``paraphrase`` are mean cosines of one model over the pairs."""

    unrelated: float
    paraphrase: float

    def of(self, cosine: float) -> float:
        """0 for unrelated texts, 1 for paraphrases; a little below 0 and above 1 occur."""
        spread = max(self.paraphrase - self.unrelated, LEAST_SPREAD)
        return (cosine - self.unrelated) / spread


async def measure(embedder: Embedder) -> Likeness:
    """The scale of this embedder's model, from 16 short texts."""
    vectors = await embedder.embed([text for pair in PAIRS for text in pair])
    cosines = vectors @ vectors.T
    same = [float(cosines[i, i + 1]) for i in range(0, len(vectors), 2)]
    apart = [float(cosines[i, j]) for i in range(len(vectors)) for j in range(i) if i // 2 != j // 2]
    return Likeness(unrelated=float(np.mean(apart)), paraphrase=float(np.mean(same)))


class Scale:
    """Measures once, when first asked, and remembers."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = asyncio.Lock()
        self._likeness: Likeness | None = None

    async def likeness(self) -> Likeness:
        async with self._lock:
            if self._likeness is None:
                self._likeness = await measure(self._embedder)
            return self._likeness
