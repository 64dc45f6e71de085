"""Answers as Markdown, and the small words that several of them need."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from vigilbot.cards import Panel
from vigilbot.ports import Response
from vigilbot.text import shorten

_MARKUP = re.compile(r"([\\`*_\[\]<>#~|!])")


def as_text(response: Response) -> str:
    """A response as one Markdown text, for where only text can go."""
    parts = [response.text]
    if response.panel is not None:
        parts.append(panel_text(response.panel))
    if response.notice is not None:
        parts.append(response.notice.text)
    if response.form is not None:
        parts.append(f"{response.form.title} could not be opened in time. Please try again.")
    return "\n\n".join(part for part in parts if part)


def panel_text(panel: Panel) -> str:
    """A panel as Markdown; its buttons are left out."""
    blocks = [f"**{panel.title}**"]
    for section in panel.sections:
        lines = [f"**{section.heading}**"] if section.heading else []
        lines += [f"{name}: {value}" for name, value in section.facts]
        lines += section.lines
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def day_and_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 card``, ``2 cards``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def literal(text: str, limit: int = 200) -> str:
    """What somebody wrote, on one line and without any effect as Markdown."""
    return _MARKUP.sub(r"\\\1", shorten(text, limit))
