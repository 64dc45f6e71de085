"""What people can say to the bot about an on-call, and what it changes there."""

from __future__ import annotations

import re
from datetime import datetime

from vigilbot.domain import OnCallState
from vigilbot.ledger import Chats
from vigilbot.ledger.rows import stamp
from vigilbot.ports import Row

SPOKEN = ("close", "quiet", "resume", "reopen")
"""What changes an on-call; ``why`` and ``help`` only ask."""
_SPOKEN_AS = {word: word for word in (*SPOKEN, "why", "help")} | {
    "be quiet": "quiet",
    "be silent": "quiet",
    "shut up": "quiet",
    "stop": "quiet",
    "why this": "why",
    "why that": "why",
    "hello": "help",
    "hi": "help",
    "hey": "help",
    "who are you": "help",
    "what are you": "help",
    "what can you do": "help",
}
_POLITE = re.compile(r"^(?:please|pls|ok|now)[\s,]+|[\s,]+(?:please|pls|now|here|thanks|thank you)$")


def spoken_command(words: str) -> str:
    """The command that is all of these words; "" when they are something else, such as a question."""
    bare = " ".join(words[:200].casefold().split()).strip(" .!?,:;")
    return _SPOKEN_AS.get(bare) or _SPOKEN_AS.get(_POLITE.sub("", bare), "")


async def changed_by(
    chats: Chats, row: Row, word: str, *, at: datetime, helper: bool
) -> dict[str, object] | None:
    """The columns that ``close``, ``quiet`` or ``resume`` change; None where it is not this person's to say.

    Anyone may ask for quiet, the rest is for those who help.
    """
    if word == "quiet":
        return {"quiet": 1, "run_at": None}
    if not helper:
        return None
    if word == "close":
        closed = row["state"] == OnCallState.CLOSED
        return {} if closed else closing(at, "command", asked=await unread(chats, row))
    return {"quiet": 0, "run_at": stamp(at)} if word == "resume" and row["quiet"] else {}


def reopening(row: Row, state: OnCallState, *, close_at: datetime) -> dict[str, object]:
    """The columns of an on-call that is open again, nothing when it never was closed."""
    if row["state"] != OnCallState.CLOSED:
        return {}
    return {"state": state.value, "closed_at": None, "close_at": stamp(close_at)}


def closing(at: datetime, reason: str, *, asked: bool) -> dict[str, object]:
    """The columns of an on-call that closes at ``at``; its last learning is due at once.

    ``asked``: what the customer said last is still to be read, so that its resolution can be learned.
    """
    return {
        "state": OnCallState.CLOSED.value,
        "closed_at": stamp(at),
        "close_reason": reason,
        "close_at": None,
        "run_at": stamp(at) if asked else None,
        "learn_at": stamp(at),
    }


async def unread(chats: Chats, row: Row) -> bool:
    """Whether an on-call whose gate has opened holds customer messages that no run has covered."""
    return row["state"] == OnCallState.OPEN and bool(await chats.uncovered(row["id"]))
