"""Texts cut to what a chat platform takes, counted as it counts."""

from __future__ import annotations

from vigilbot.text import clean


def units(text: str) -> int:
    """The length as chat platforms count it: UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, longest: int, *, end: str = "…") -> str:
    """The text without invisible characters, in at most so many units; a cut one ends in ``end``."""
    text = clean(text[: 4 * longest + 256])
    if units(text) <= longest:
        return text
    room = longest - units(end)
    kept = text[: max(0, room)]
    while units(kept) > room:
        kept = kept[: len(kept) - max(1, (units(kept) - room) // 2)]
    return kept.rstrip() + end
