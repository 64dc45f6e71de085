"""What a prompt is filled with: people's words as data, one JSON object a line, within a token budget.

Nothing reaches a model but through here: every text is cleaned of invisible characters and redacted.
Messages go by short names (m1, m2, ...), so that neither ids of the platform nor people's names are
told, and what a model names can be looked up. Names count over the whole conversation: cutting its
beginning renames nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from vigilbot.domain import Dialogue, Image, Message, Passage, Question
from vigilbot.redact import Redact
from vigilbot.text import clean

LEAST = 400  # tokens of dialogue, whatever else the prompt holds
IMAGES = 4  # the newest are sent
_PART = 0.25  # of the dialogue's budget, for one message
_LAST = 0.5  # for the last one
_LONGEST = 200_000  # characters of one text that are looked at
_SHORT = 4000  # characters of a text that is kept redacted
_KEPT = 2048  # such texts


def size(text: str) -> int:
    """About how many tokens a text costs, on the safe side: no tokeniser fits all models."""
    plain = len(text.encode("ascii", "ignore"))
    return int(plain / 3.5 + (len(text) - plain)) + 1


class Material:
    """``redact`` is applied to every text before anything else sees it."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        # One run reads the same messages three times, the next run most of them again.
        self._kept = lru_cache(maxsize=_KEPT)(self._tell)

    def text(self, text: str) -> str:
        """A text as a JSON string: one line, whatever stands in it."""
        return json.dumps(self._told(text), ensure_ascii=False)

    def question(self, question: Question, talk: Talk) -> str:
        """The question, and under which names the messages go that it was made of."""
        row = {"text": self._told(question.text), "asked_in": talk.named(question.message_ids)}
        return json.dumps(row, ensure_ascii=False)

    def passages(self, passages: Sequence[Passage], *, tokens: int) -> str:
        """Numbered from 1; the texts of each within its share of ``tokens``."""
        share = max(100, tokens // max(1, len(passages)))
        rows = []
        for n, passage in enumerate(passages, start=1):
            entry = passage.entry
            rows.append(
                {
                    "n": n,
                    "kind": entry.kind.value,
                    "question": cut(self._told(entry.question), share // 3),
                    "answer": cut(self._told(entry.answer), share),
                    "precondition": cut(self._told(entry.precondition), share // 3),
                    "learned": f"{entry.valid_from:%Y-%m-%d}",
                    "trust": entry.trust.value,
                    "support": passage.support,
                    "against": passage.against,
                }
            )
        return _lines(rows)

    def _told(self, text: str) -> str:
        return self._kept(text) if len(text) <= _SHORT else self._tell(text)

    def _tell(self, text: str) -> str:
        return self._redact(clean(text[:_LONGEST]))

    def talk(self, dialogue: Dialogue) -> Talk:
        return Talk(dialogue, [self._told(m.text) for m in dialogue.messages], self._redact)


class Talk:
    """A dialogue under short names."""

    def __init__(self, dialogue: Dialogue, texts: Sequence[str], redact: Redact) -> None:
        self._messages = dialogue.messages
        self._texts = texts
        self._redact = redact
        self._by_name = {f"m{n}": m for n, m in enumerate(dialogue.messages, start=1)}
        self._names = {m.id: name for name, m in self._by_name.items()}
        authors: dict[str, str] = {}
        counts: dict[str, int] = {}
        for m in dialogue.messages:
            if m.author not in authors:
                counts[m.role.value] = counts.get(m.role.value, 0) + 1
                authors[m.author] = f"{m.role.value} {counts[m.role.value]}"
        self._authors = authors

    def named(self, ids: Iterable[str]) -> list[str]:
        return [self._names[each] for each in ids if each in self._names]

    def message(self, name: str) -> Message | None:
        return self._by_name.get(name.strip())

    @property
    def images(self) -> tuple[Image, ...]:
        """The newest images, oldest of them first: those that are sent."""
        return tuple(image for m in self._messages for image in m.images)[-IMAGES:]

    def lines(self, tokens: int) -> str:
        """The newest messages that fit into ``tokens``, at least one; says how many were left out."""
        kept: list[str] = []
        left = tokens
        total = sum(len(m.images) for m in self._messages)
        seen = total
        for n in range(len(self._messages) - 1, -1, -1):
            m = self._messages[n]
            seen -= len(m.images)
            share = tokens * (_LAST if not kept else _PART)
            row: dict[str, object] = {
                "id": f"m{n + 1}",
                "at": _time(m.at),
                "role": m.role.value,
                "author": self._authors[m.author],
                "text": cut(self._texts[n], int(share)),
            }
            if m.images:
                row["images"] = [self._image(i, seen + k, total) for k, i in enumerate(m.images)]
            line = _lines([row])
            left -= size(line)
            if left < 0 and kept:
                break
            kept.append(line)
        omitted = len(self._messages) - len(kept)
        first = [json.dumps({"omitted": omitted, "note": "older messages left out"})] if omitted else []
        return "\n".join([*first, *reversed(kept)])

    def _image(self, image: Image, number: int, total: int) -> str:
        title = self._redact(clean(image.title))[:100] or "untitled"
        shown = number - max(0, total - IMAGES)
        return f"image {shown + 1}: {title}" if shown >= 0 else f"{title} (left out)"


def cut(text: str, tokens: int) -> str:
    """A text of at most about so many tokens: its beginning and its end."""
    whole = size(text)
    if whole <= tokens:
        return text
    room = max(40, int(len(text) * tokens / whole) - 40)
    head, tail = text[: room * 2 // 3], text[len(text) - room // 3 :]
    return f"{head} [... {len(text) - len(head) - len(tail)} characters left out ...] {tail}"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
