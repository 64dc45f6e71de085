"""Platform-neutral things people see: cards, notices, panels and forms. Adapters only draw them.

Texts marked Markdown may hold emphasis, code, lists, quotes and links; whatever else is in them is
shown as it is written. No text can mention anybody: that is the adapters' promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vigilbot.domain import Citation, Decision


class ActionKind(StrEnum):
    ACCEPT = "accept"
    WHY = "why"
    WITHDRAW = "withdraw"
    TAKE_BACK = "take_back"  # one's own Accept
    POST = "post"  # a draft, as it is
    EDIT = "edit"  # a draft, after a form
    DISMISS = "dismiss"  # a draft
    SHARE = "share"  # what a card rests on, with other customers
    MODE = "mode"  # value: channel/mode
    ROSTER = "roster"  # asks who is analyst or operator
    CONFIRM = "confirm"  # a command that was shown first; value: what it was
    LINK = "link"  # a customer's link to a document; value: document/word
    OPEN = "open"  # a link of the bot's own making; value: the URL


OPENS_A_WINDOW = frozenset({ActionKind.WHY, ActionKind.EDIT, ActionKind.SHARE, ActionKind.ROSTER})
"""Clicks answered with a Panel or a Form: the adapter opens the window before it asks what is in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A button. ``value`` is opaque to the reader and trusted by nobody: ids, never text."""

    kind: ActionKind
    label: str
    value: str
    primary: bool = False
    confirm: str = ""  # a question asked before the click counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """The proactive response card (Vigil 3.1.4): visibly automated, cited, acceptable.

    The first actions are for everybody who may see it, WHY, SHARE and WITHDRAW for analysts, TAKE_BACK
    for who accepted (the platform puts them into a menu; who clicks without the right gets a reply that says
    so).
    """

    title: str
    question: str
    body: str  # Markdown with [n] markers that number ``citations`` from 1
    citations: tuple[Citation, ...]
    provenance: str  # when it was learned and how it is confirmed
    actions: tuple[Action, ...]
    accepted_by: str = ""  # display names, comma-separated
    audience: Decision = Decision.EVERYONE  # a card for ANALYSTS is shown to them alone
    posted_by: str = ""  # display name of the analyst who posted the draft; "" when the bot did
    superseded: str = ""  # what to read instead, once an analyst said otherwise
    asker: str = ""  # whom it answers: user id


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something the bot says that is no answer: it joined, it cannot help, an answer was private."""

    text: str  # Markdown
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a panel: a heading, rows of name and value, Markdown lines, buttons."""

    heading: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Something to read: the trace of a run, the home page."""

    title: str
    sections: tuple[Section, ...]


class FieldKind(StrEnum):
    LINE = "line"
    TEXT = "text"  # several lines
    CHOICE = "choice"
    PEOPLE = "people"  # user ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing a form asks for. ``options`` are (value, label)."""

    name: str
    label: str
    kind: FieldKind = FieldKind.LINE
    initial: str | tuple[str, ...] = ""
    options: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    hint: str = ""
    longest: int = 3000


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """Something to fill in. ``name`` and ``value`` come back with what was filled in."""

    title: str
    name: str
    value: str
    fields: tuple[Field, ...]
    submit: str = "Save"
    note: str = ""  # Markdown


def plain_text(card: Card) -> str:
    """The card as text: for notifications, screen readers, replay and the terminal."""
    lines = [card.title, card.body]
    lines += [f"[{n}] {c.title} {c.url}".rstrip() for n, c in enumerate(card.citations, start=1)]
    lines.append(card.provenance)
    if card.posted_by:
        lines.append(f"Posted by {card.posted_by}")
    if card.accepted_by:
        lines.append(f"Accepted by {card.accepted_by}")
    lines.append(card.superseded)
    return "\n".join(line for line in lines if line)
