"""How near a document's part comes to a question: its nearest sentences, and how many of the question's words
it has. A part says several things, and the vector of all of them is near to none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vigilbot.domain import HEADINGS, KnowledgeEntry, Passage, PassageKind
from vigilbot.pipeline.likeness import codes, stems
from vigilbot.text import sentences

PLACES = 2  # parts up to which a code leads there
WINDOWS = 8  # of one part; a part rarely has more blocks
BLOCK = 300  # characters up to which a block stays whole
TOGETHER = 2  # sentences, or lines, of a longer one
_FIRST = re.compile(r"^[\s|*>#`-]*(?:\d+[.)]\s+)?([^\s|:,;`*]+)", re.MULTILINE)
_BLANK = re.compile(r"\n[ \t]*\n")


def windows(entry: KnowledgeEntry) -> list[str]:
    """Short stretches of a document's part, each under its heading, which often holds half of the answer."""
    heading = entry.question.rpartition(HEADINGS)[2]
    found: list[str] = []
    for block in _BLANK.split(entry.answer):
        if len(block) <= BLOCK:
            found.append(block.strip())
            continue
        pieces = block.split("\n") if "\n" in block.strip() else sentences(block)
        found += [" ".join(pieces[i : i + TOGETHER]) for i in range(0, max(1, len(pieces) - 1))]
    kept = [text for text in found if text]
    step = -(-len(kept) // WINDOWS) or 1
    groups = ["\n".join(kept[i : i + step]) for i in range(0, len(kept), step)]
    return [f"{heading}\n{text}" for text in groups] or [heading]


def coverage(asked: str, entry: KnowledgeEntry) -> float:
    """The share of the question's words, endings aside, that the part or its headings have: 0 to 1."""
    wanted = stems(asked)
    return len(wanted & stems(f"{entry.question}\n{entry.answer}")) / len(wanted) if wanted else 0.0


def looked_up(asked: str, passages: Sequence[Passage]) -> frozenset[str]:
    """Ids of the documents' parts that explain the question's own codes: a line there begins with one, as
    in a reference. A code in mid-sentence, or in many parts, is rather the product's own name."""
    wanted = codes(asked)
    if not wanted:
        return frozenset()
    named = {
        p.entry.id: wanted & codes(" ".join(_first_words(p.entry)))
        for p in passages
        if p.entry.kind is PassageKind.CHUNK
    }
    places = Counter(code for found in named.values() for code in found)
    return frozenset(entry for entry, found in named.items() if any(places[code] <= PLACES for code in found))


def _first_words(entry: KnowledgeEntry) -> list[str]:
    headings = entry.question.replace(HEADINGS, "\n")
    return _FIRST.findall(f"{headings}\n{entry.answer}")
