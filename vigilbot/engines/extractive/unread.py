"""Questions in a language that the embedding model does not read: only their own wording tells likeness.

The model that comes with the package was trained on English: it puts any two Chinese sentences at a cosine
of about 0.6 (measured), so nearness says nothing. A known case then counts only where it names the same
code, or where the question asks it in its own characters and adds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vigilbot.domain import Passage, PassageKind
from vigilbot.engines.extractive.confidence import space
from vigilbot.text import fold, language, tokens
from vigilbot.text.conflicts import conflict
from vigilbot.text.replies import shared_identifiers
from vigilbot.text.sameness import differs

ENGLISH_ONLY = frozenset({"all-minilm-l6-v2"})
_UNREAD = frozenset({"zh", "ja", "ko", "th"})
_COVERED = 0.6  # share of the known question's characters that must be asked too
_WORDED = 0.5  # likeness of the pairs of characters from which two wordings are one
_NAMED = 0.3  # the same, where both name the same code
_SMALL = re.compile(
    "能不能|可不可以|是不是|有没有|要不要|会不会|为什么|怎么办|怎么样|怎么|怎样|如何|什么|请问|请帮忙|麻烦|谢谢|您好|你好|大家好"
    "|我们|你们|您|你|我|的|了|吗|呢|啊|吧|而且|一下|应该|想"
)


def unread(text: str, *, model: str) -> bool:
    """Whether the embedding model of this name does not read the text's language."""
    return space(model) in ENGLISH_ONLY and language(text) in _UNREAD


def worded_alike(asked: str, passages: Sequence[Passage]) -> list[Passage]:
    """The cases that are put as the question is, the likest first. Documents stay, behind them."""
    cases = [(likeness(asked, p.entry.question), p) for p in passages if p.entry.kind is PassageKind.QA]
    alike = sorted((pair for pair in cases if pair[0]), key=lambda pair: -pair[0])
    return [p for _, p in alike] + [p for p in passages if p.entry.kind is not PassageKind.QA]


def likeness(asked: str, known: str) -> float:
    """0 where the wording does not show that both ask the same, else up to 1."""
    one, other = _SMALL.sub(" ", fold(asked)), _SMALL.sub(" ", fold(known))
    if differs(one, other) not in ("", "url") or conflict(asked, known):
        return 0.0
    pairs, others = frozenset(tokens(one)), frozenset(tokens(other))
    if not pairs or not others:
        return 0.0
    alike = 2 * len(pairs & others) / (len(pairs) + len(others))
    if alike >= _NAMED and shared_identifiers(asked, known):
        return alike
    own, theirs = _marks(one), _marks(other)
    covered = own <= theirs and len(own) >= _COVERED * len(theirs)
    return alike if covered and alike >= _WORDED else 0.0


def _marks(text: str) -> frozenset[str]:
    """The characters of scripts without spaces, and the words of others."""
    return frozenset(mark for token in tokens(text) for mark in ((token,) if token.isascii() else token))
