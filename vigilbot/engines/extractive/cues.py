"""Words and phrases by which people ask, complain, thank, acknowledge and advise, in many languages.

The phrases are in cues.json: cue, language, phrases joined by ``|``. They are closed-class words and set
phrases only: nothing there belongs to a product, a company or a community. Texts and phrases are compared
after ``fold``, so case, accents and typographic apostrophes do not matter. Chinese, Japanese, Korean, Thai
and Hindi phrases are found as substrings, all others as whole words.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources


class Cue(StrEnum):
    """What a phrase is a sign of."""

    ASKS = "asks"  # opens a question: what, how, is there
    SEEKS = "seeks"  # asks without the form of a question: I wonder, how to, not sure why
    REQUESTS = "requests"  # please, help, I need
    TROUBLE = "trouble"  # does not work, error, refund
    CONTRAST = "contrast"  # but, however, still: something is not settled
    EXPECTED = "expected"  # I thought, it should: what happened is not what was expected
    TAGS = "tags"  # right? isn't it? counted only where a question ends
    THANKS = "thanks"
    AGREES = "agrees"  # ok, I see, makes sense
    SOLVED = "solved"  # that worked, found it
    GREETS = "greets"
    ADVISES = "advises"  # you could, try, maybe you
    ADDRESSES = "addresses"  # have you, your: asks what the other person does, not for help
    HEDGES = "hedges"  # maybe, I think
    PROPOSES = "proposes"  # would be nice, we should
    PLANS = "plans"  # I will, let me
    LAUGHS = "laughs"
    DENIES = "denies"  # no, not, never
    ME = "me"
    YOU = "you"
    PEOPLE = "people"  # anyone, somebody
    OPINES = "opines"  # opinions and small talk
    FILLS = "fills"  # may stand before the word that opens a question
    CONTINUES = "continues"  # opens a question that follows up: and, but, so


_UNSPACED = frozenset({"zh", "ja", "ko", "th", "hi"})
_LONGEST = 4  # words in the longest phrase that counts
PLACED = frozenset({Cue.ASKS, Cue.TAGS, Cue.FILLS, Cue.CONTINUES})  # count only in their place in a sentence
# "No problem" is not a problem.
_NO_TROUBLE = frozenset(
    {"no problem", "no problems", "no issue", "no issues", "kein problem", "pas de probleme", "sin problema",
     "sem problema", "nessun problema", "geen probleem", "inga problem"}
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:['\-][^\W_]+)*")
_MARKS = re.compile("[\\u0300-\\u036f\\u0591-\\u05c7\\u064b-\\u0652]")
_UNSEEN = re.compile(
    "[\\u00ad\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\x00-\\x08\\x0b-\\x1f\\x7f]"
)


def fold(text: str) -> str:
    """Text for comparison: one case, no accents, plain apostrophes, no invisible characters."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).casefold().replace("\u2019", "'")
    if text.isascii():
        return text
    text = _MARKS.sub("", unicodedata.normalize("NFD", text)).replace("\u0131", "i")
    return unicodedata.normalize("NFC", text)


def words(folded: str) -> list[str]:
    """Words of a folded text; a contraction or hyphenated word is one."""
    return _WORD.findall(folded)


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of every cue, folded: whole words, and substrings for unspaced scripts."""

    spaced: Mapping[Cue, frozenset[str]]
    unspaced: Mapping[Cue, tuple[str, ...]]

    def find(self, folded: str, tokens: Sequence[str]) -> dict[Cue, int]:
        """How many phrases of each cue occur; ``tokens`` are the words of ``folded``.

        PLACED cues depend on their place in a sentence: of them only unspaced phrases count here.
        """
        grams = list(_grams(tokens))
        counts = {
            cue: 0 if cue in PLACED else sum(gram in known for gram in grams)
            for cue, known in self.spaced.items()
        }
        counts[Cue.TROUBLE] = max(0, counts[Cue.TROUBLE] - sum(gram in _NO_TROUBLE for gram in grams))
        if not folded.isascii():
            for cue, phrases in self.unspaced.items():
                counts[cue] += sum(phrase in folded for phrase in phrases)
        return counts

    def opens_question(self, tokens: Sequence[str]) -> bool:
        """Whether a sentence starts as questions do, greetings and fillers aside."""
        start = 0
        while start < min(len(tokens) - 1, 4) and tokens[start] in self.spaced[Cue.FILLS]:
            start += 1
        known = self.spaced[Cue.ASKS]
        return any(
            " ".join(tokens[i : i + n]) in known
            for i in (0, start)
            for n in range(1, _LONGEST)
            if i + n <= len(tokens)
        )

    def continues(self, tokens: Sequence[str]) -> bool:
        """Whether a sentence opens with a word that ties it to what was said."""
        return bool(tokens) and tokens[0] in self.spaced[Cue.CONTINUES]

    def ends_in_tag(self, tokens: Sequence[str]) -> bool:
        """Whether the last one to three words turn a statement into a question; more than three words."""
        known = self.spaced[Cue.TAGS]
        return len(tokens) > 3 and any(" ".join(tokens[-n:]) in known for n in range(1, _LONGEST))


def _grams(tokens: Sequence[str]) -> Iterable[str]:
    for n in range(1, _LONGEST + 1):
        for i in range(len(tokens) - n + 1):
            yield " ".join(tokens[i : i + n])


@cache
def phrases() -> Phrases:
    """What cues.json holds, read once."""
    raw: dict[str, dict[str, str]] = json.loads(
        resources.files("vigilbot").joinpath("engines", "extractive", "cues.json").read_text(encoding="utf-8")
    )
    spaced: dict[Cue, frozenset[str]] = {}
    unspaced: dict[Cue, tuple[str, ...]] = {}
    for cue in Cue:
        known = [
            (language in _UNSPACED, fold(p))
            for language, joined in raw[cue].items()
            for p in joined.split("|")
        ]
        spaced[cue] = frozenset(" ".join(words(phrase)) for is_unspaced, phrase in known if not is_unspaced)
        unspaced[cue] = tuple(sorted({phrase for is_unspaced, phrase in known if is_unspaced}))
    return Phrases(spaced=spaced, unspaced=unspaced)
