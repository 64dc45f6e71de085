"""Knowledge of any size for measuring search, from texts that people wrote where there are some.

What is asked is never among what is known. Vectors are mixtures of two texts' vectors, moved along the
difference of two others, so that no two are equal and neighbours are as uneven as among real texts. Beside
5,500 real messages, as many mixtures of them have the nearest neighbour of a question at a cosine of 0.51
(real: 0.59), its hundredth at 0.31 (0.31), and an intrinsic dimension of 30 (22): a little harder to search.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from vigilbot.bench.made import MOST, entry
from vigilbot.domain import PassageKind, Trust
from vigilbot.ledger import Entries, Ledger
from vigilbot.ledger.entries import Revision, lexeme
from vigilbot.platforms.replay import read_export
from vigilbot.ports import Embedder, Statement, Vector
from vigilbot.text import tokens

POOL: Final = 3000  # texts that are embedded
ASKED: Final = 300  # of them are only asked
_SHORTEST = 20  # characters of a message that says something
_LONGEST = 60  # words of a text
_BATCH = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """``known`` belong to ``texts``, ``queries`` to ``asked``: unit vectors, one row a text."""

    source: str  # where the texts come from
    texts: tuple[str, ...]
    known: Vector
    asked: tuple[str, ...]
    queries: Vector

    def batches(self, count: int, *, seed: int = 0) -> Iterator[tuple[int, Vector]]:
        """``count`` vectors in batches, each with the number of its first one. The same for the same seed."""
        rng = np.random.default_rng(seed)
        for first in range(0, count, _BATCH):
            size = min(_BATCH, count - first)
            a, b, c, d = (self.known[rng.integers(len(self.known), size=size)] for _ in range(4))
            share = rng.uniform(0.3, 0.5, size=(size, 1))
            rows = (1 - share) * a + share * b + 0.2 * (c - d)
            yield first, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def words(self, number: int) -> tuple[str, str]:
        """Question and answer of an entry: two halves of one text each, so that most are said once."""
        first, second, third, fourth = self.halves(number)
        return f"{first} {second}", f"{third} {fourth}"

    def halves(self, number: int) -> tuple[str, str, str, str]:
        rng = random.Random(number)
        one, two, three = (rng.choice(self.texts).split()[:_LONGEST] for _ in range(3))
        return _front(one), _back(two), _front(two), _back(three)


def _front(words: Sequence[str]) -> str:
    return " ".join(words[: len(words) // 2 + 3])


def _back(words: Sequence[str]) -> str:
    return " ".join(words[len(words) // 2 :])


async def corpus(embedder: Embedder, data: Path | None, *, pool: int = POOL, asked: int = ASKED) -> Corpus:
    """From the exports in ``data``; without it, from made questions."""
    rng = random.Random(11)
    source, found = "made questions", [entry(n)[0] for n in range(MOST)]
    if data is not None and (written := _written(data)):
        source, found = f"messages of {', '.join(written)}", [t for texts in written.values() for t in texts]
    texts = sorted(set(found))
    rng.shuffle(texts)
    texts = texts[:pool]
    vectors = await embedder.embed(texts)
    return Corpus(
        source=source,
        texts=tuple(texts[asked:]),
        known=vectors[asked:],
        asked=tuple(texts[:asked]),
        queries=vectors[:asked],
    )


def _written(data: Path) -> dict[str, list[str]]:
    """Messages by export."""
    return {
        path.stem: [each.text for each in read_export(path).events if len(each.text) >= _SHORTEST]
        for path in sorted(data.glob("*.zip"))
    }


async def stock(
    ledger: Ledger,
    corpus: Corpus,
    count: int,
    *,
    model: str,
    tenant: str,
    space: str,
    at: datetime,
    done: Callable[[int], None],
) -> None:
    """Writes ``count`` entries with their lexical rows and vectors, as if they had been imported."""
    for first, rows in corpus.batches(count):
        statements: list[Statement] = []
        for number, row in enumerate(rows, start=first):
            question, answer = corpus.words(number)
            revision = revision_of(f"made-{number}", question, answer, tenant=tenant, space=space)
            lexemes = [each for half in corpus.halves(number) for each in _lexemes(half)]
            statements += Entries.append(revision, at=at, lexemes=lexemes)
            statements.append(
                Entries.put_embedding(
                    key=revision.entry,
                    model=model,
                    tenant=tenant,
                    entry=revision.entry,
                    revision=1,
                    space=space,
                    vector=row,
                )
            )
        await ledger.write(*statements)
        done(len(rows))


@lru_cache(maxsize=4 * POOL)
def _lexemes(text: str) -> tuple[str, ...]:
    """Once for each half: reading every entry's words anew would take two minutes."""
    return tuple(lexeme(token) for token in tokens(text))


def revision_of(entry_id: str, question: str, answer: str, *, tenant: str, space: str) -> Revision:
    return Revision(
        entry=entry_id,
        revision=1,
        tenant=tenant,
        space=space,
        channel="",
        kind=PassageKind.QA,
        question=question,
        answer=answer,
        citations=(),
        trust=Trust.VERIFIED,
        learned_from="",
        message_ids=(),
        operation="import",
        actor="bench",
        reason="made for measuring",
    )
