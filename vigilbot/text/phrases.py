"""Set phrases by which people in support conversations greet, claim, confirm, deny, ask back and guess.

phrases.json holds, for each kind, regular expressions over folded text (vigilbot.text.fold: one case, no
Latin accents, plain apostrophes): ``words`` stand between word boundaries, ``parts`` (of scripts without
spaces) anywhere. Written by hand; none belongs to a product or a community.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from functools import lru_cache
from importlib import resources


class Phrase(StrEnum):
    """A kind of phrase."""

    GREETING = "greeting"
    THANKS = "thanks"
    CLAIM = "claim"  # an analyst takes a question on
    CLAIM_OBJECTS = "claim_objects"  # words after a claim that name nothing
    CONFIRM = "confirm"  # the asker says that it worked
    DENY = "deny"  # the asker says that it did not help
    REJECT = "reject"  # somebody says that an answer given here is wrong
    HEDGE = "hedge"  # a guess, not a resolution
    UNKNOWN = "unknown"  # nobody knows
    ASK_MORE = "ask_more"  # an analyst wants to know more before answering
    SUGGEST = "suggest"  # a suggestion in the form of a question is an answer
    TEMPORARY = "temporary"  # holds only until something is mended
    PRIVATE = "private"  # one person's account, or leaving for a private channel


@lru_cache(maxsize=1)
def _all() -> dict[str, dict[str, list[str]]]:
    file = resources.files("vigilbot.text").joinpath("phrases.json")
    known: dict[str, dict[str, list[str]]] = json.loads(file.read_text(encoding="utf-8"))
    return known


@lru_cache(maxsize=len(Phrase))
def pattern(kind: Phrase) -> re.Pattern[str]:
    """One expression that finds any phrase of a kind in folded text."""
    known = _all()[kind]
    spaced = "|".join(known["words"])
    unspaced = "|".join(known["parts"])
    return re.compile(rf"(?<![\w'])(?:{spaced})(?!\w)" + (f"|{unspaced}" if unspaced else ""))
