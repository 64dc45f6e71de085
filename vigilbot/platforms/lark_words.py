"""The bot's own words in the language of a chat: English as they are, or Chinese from a catalogue.

The catalogue holds sentences with places for names and numbers ({}), the core knows nothing of it.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from vigilbot.platforms.lark_cards import Say, as_written
from vigilbot.text import language

_REMEMBERED: Final = 5000
_SENTENCE: Final = re.compile(r"[.!?*](?=\s|$)")
_HEADING: Final = re.compile(r"\*\*(.+)\*\*")
_PHRASES: Final = ((re.compile("; "), "\uff1b"), (re.compile(", "), "\u3001"))
_SENTENCES: Final = ((re.compile(r"(?<=[.!?)])\s(?=[A-Z])"), ""),)
"""How they stand in a row, and how they do in Chinese."""
_LONGEST_ROW: Final = 8


class Words:
    """``usual`` is the language of a chat in which nothing was said yet; "auto" follows what is said."""

    def __init__(self, *, fixed: Literal["auto", "en", "zh"], usual: Literal["en", "zh"]) -> None:
        self._fixed = fixed
        self._usual = usual
        self._spoken: OrderedDict[str, str] = OrderedDict()

    def heard(self, chat: str, text: str) -> None:
        """Something was said there; short and mixed texts say nothing about the language."""
        found = language(text)
        if found:
            self._spoken[chat] = found
            self._spoken.move_to_end(chat)
            while len(self._spoken) > _REMEMBERED:
                self._spoken.popitem(last=False)

    def of(self, chat: str, text: str = "") -> Say:
        """For what is shown in that chat; ``text`` is what it answers."""
        spoken = language(text) if text else ""
        tongue = self._fixed if self._fixed != "auto" else spoken or self._spoken.get(chat) or self._usual
        return chinese if tongue == "zh" else as_written


def chinese(text: str) -> str:
    """In Chinese where the catalogue has it, line by line; else as it is. Quoted lines stay."""
    whole = _translated(text)
    if whole is not None or "\n" not in text:
        return text if whole is None else whole
    return "\n".join(_translated(line) or line for line in text.split("\n"))


def _translated(text: str) -> str | None:
    exact, patterns = _catalogue()
    known = exact.get(text) or exact.get(text[:1].lower() + text[1:])  # labels open with a capital
    if known is not None or text.startswith(">"):
        return known
    if not _SENTENCE.search(text) and (listed := _one_by_one(text, _PHRASES)) is not None:
        return listed
    for pattern, said in patterns:
        if match := pattern.fullmatch(text):
            return said.format(*(chinese(part) for part in match.groups()))
    if heading := _HEADING.fullmatch(text):
        return f"**{exact[heading[1]]}**" if heading[1] in exact else None
    return _one_by_one(text, _SENTENCES)


def _one_by_one(text: str, rows: Sequence[tuple[re.Pattern[str], str]]) -> str | None:
    """A row of phrases or of sentences, where the catalogue has every one of them."""
    for between, joint in rows:
        parts = between.split(text)
        if 1 < len(parts) <= _LONGEST_ROW:
            said = [_translated(part) for part in parts]
            if None not in said:
                return joint.join(one or "" for one in said)
    return None


@cache
def _catalogue() -> tuple[Mapping[str, str], Sequence[tuple[re.Pattern[str], str]]]:
    """Sentences without places, and those with them: what says more words is tried first."""
    given = json.loads(files("vigilbot.platforms").joinpath("lark_words.json").read_text(encoding="utf-8"))
    exact = {english: said for english, said in given.items() if "{}" not in english}
    placed = sorted((english for english in given if "{}" in english), key=len, reverse=True)
    return exact, [(_pattern(english), given[english]) for english in placed]


def _pattern(english: str) -> re.Pattern[str]:
    parts = ("(.+?)" if part is None else re.escape(part) for part in _parts(english))
    return re.compile("".join(parts), re.DOTALL)


def _parts(english: str) -> Sequence[str | None]:
    found: list[str | None] = []
    for number, part in enumerate(english.split("{}")):
        found += [None, part] if number else [part]
    return found
