"""Platform-neutral cards: what a person sees, without how a platform draws it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vigilbot.domain import Citation, Decision


class ActionKind(StrEnum):
    ACCEPT = "accept"
    WHY = "why"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """A button. ``value`` is an opaque run id and nothing else."""

    kind: ActionKind
    label: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """The proactive response card (Vigil 3.1.4): visibly automated, cited, acceptable."""

    title: str
    question: str
    body: str  # Markdown with [n] markers that number ``citations`` from 1
    citations: tuple[Citation, ...]
    provenance: str  # when it was learned and how it is confirmed
    actions: tuple[Action, ...]
    accepted_by: str = ""
    audience: Decision = Decision.EVERYONE  # a card for ANALYSTS is shown to them alone


def plain_text(card: Card) -> str:
    """The card as text: for notifications, screen readers, replay and the terminal."""
    lines = [card.title, card.body]
    lines += [f"[{n}] {c.title} {c.url}".rstrip() for n, c in enumerate(card.citations, start=1)]
    lines.append(card.provenance)
    if card.accepted_by:
        lines.append(f"Accepted by {card.accepted_by}")
    return "\n".join(line for line in lines if line)
