"""Dialogues for tests, as (who, text): "c:ann" is the customer Ann, "a:bo" an analyst, "b" the bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vigilbot.domain import Dialogue, Message, Question, Role

START = datetime(2030, 1, 1, tzinfo=UTC)
ROLES = {"c": Role.CUSTOMER, "a": Role.ANALYST, "p": Role.PEER, "b": Role.BOT}


def dialogue(*said: tuple[str, str], every: int = 60) -> Dialogue:
    """Messages m0, m1, ... ``every`` seconds apart."""
    messages = []
    for number, (who, text) in enumerate(said):
        kind, _, name = who.partition(":")
        messages.append(
            Message(
                id=f"m{number}",
                ts=f"{number:06d}",
                at=START + timedelta(seconds=every * number),
                role=ROLES[kind],
                author=name or kind,
                author_name=(name or kind).title(),
                text=text,
            )
        )
    return Dialogue(messages=tuple(messages))


def asked(text: str, *ids: str) -> Question:
    return Question(text=text, message_ids=ids or ("m0",))
