"""One answer from the messages in which an analyst resolved a question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vigilbot.domain import Message
from vigilbot.engines.extractive.wording import general, joined, whole_sentences, without_mentions
from vigilbot.text import clean, fold, links, replies
from vigilbot.text.phrases import Phrase, pattern

_LONGEST = 2400  # characters of an answer
_READ = 4000  # of one message


def resolution_text(messages: Sequence[Message], *, customer: str = "") -> str:
    """The messages as one text, in order, without greeting, signature, names and questions back.

    "" when nothing of substance is left.
    """
    parts: list[str] = []
    for message in messages:
        text = without_mentions(clean(message.text[:_READ]))
        kept = _with_links(general(text) or _light(text), text)
        piece = _without_name("\n".join(kept) if "```" in text else joined(kept), customer)
        if piece and piece not in parts:
            parts.append(piece)
    answer = "\n".join(parts).strip()
    return answer[:_LONGEST].rsplit(" ", 1)[0] if len(answer) > _LONGEST else answer


def _with_links(kept: list[str], text: str) -> list[str]:
    """The kept sentences, and every sentence with a link that was dropped, at its end."""
    shown = set(links("\n".join(kept)))
    missing = [s for s in whole_sentences(text) if set(links(s)) - shown]
    return [*kept, *(" ".join(s.split()) for s in missing if "```" not in s)]


def _light(text: str) -> list[str]:
    """A short answer ("Definitely.", "in `info.rkt`") says enough beside its question."""
    kept = []
    for sentence in whole_sentences(text):
        rest = pattern(Phrase.THANKS).sub(" ", pattern(Phrase.GREETING).sub(" ", fold(sentence))).strip()
        if not rest or replies.is_small_talk(sentence):
            continue
        private = replies.is_private(sentence) and not links(sentence)
        if not private and not replies.asks_back(sentence) and not replies.knows_nothing(sentence):
            kept.append(" ".join(sentence.split()))
    return kept


def _without_name(text: str, customer: str) -> str:
    """The text without the customer's name where it is an address ("Sure, Ann, ...")."""
    name = customer.strip().split()[0] if customer.strip() else ""
    if len(name) < 3 or not name.isalpha():
        return text.strip()
    address = re.compile(
        rf"(?:^|(?<=[.!?,\n]))\s*{re.escape(name)}\s*[,!.:]\s*|,\s*{re.escape(name)}(?=[,.!?])", re.I
    )
    return address.sub(" ", text).strip()
