"""The part of a document that answers: whole where it is short, else the blocks nearest to the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vigilbot.text import shorten, tokens

WHOLE = 900  # characters up to which a part is shown as it stands
_BLANK = re.compile(r"\n[ \t]*\n")


def quoted(text: str, asked: str) -> str:
    """Markdown of about ``WHOLE`` characters at most, in the document's order, lists and code intact."""
    text = text.strip()
    if len(text) <= WHOLE:
        return text
    groups = _groups(_blocks(text))
    wanted = set(tokens(asked))
    ranked = sorted(range(len(groups)), key=lambda i: (-len(wanted & set(tokens(groups[i]))) - (i == 0), i))
    kept: list[int] = []
    size = 0
    for i in ranked:
        if kept and size + len(groups[i]) > WHOLE:
            continue
        kept.append(i)
        size += len(groups[i])
    shown = "\n\n".join(groups[i] for i in sorted(kept))
    return shown if len(shown) <= 2 * WHOLE or "```" in shown else shorten(shown, 2 * WHOLE)


def _blocks(text: str) -> list[str]:
    """Paragraphs, lists, tables and code, each whole."""
    found: list[str] = []
    open_code = False
    for piece in _BLANK.split(text):
        if open_code:
            found[-1] += f"\n\n{piece}"
        else:
            found.append(piece)
        open_code ^= piece.count("```") % 2 == 1
    return found


def _groups(blocks: Sequence[str]) -> list[str]:
    """What a colon announces stays with it."""
    found: list[str] = []
    for block in blocks:
        if found and found[-1].rstrip().endswith((":", "\uff1a")):
            found[-1] += f"\n\n{block}"
        else:
            found.append(block)
    return found


def marked(text: str, marker: str) -> str:
    """The text with its marker, behind code and tables on a line of its own."""
    apart = text.endswith("```") or " | " in text.rpartition("\n")[2]
    return f"{text}\n\n{marker}" if apart else f"{text} {marker}"
