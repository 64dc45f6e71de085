"""Self-contained questions, from the model's list (Vigil 3.1.2)."""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Message, Question
from vigilbot.engines.model.material import Talk
from vigilbot.engines.model.shapes import Rewrites, Rewritten
from vigilbot.text import clean, fold, shorten

MOST = 3  # questions of one run: each costs an answer
_LONGEST = 1000
_TERMS = 8


def rewritten(said: Rewrites, talk: Talk, newest: Sequence[Message]) -> tuple[Question, ...]:
    """Questions of the newest messages only; terms only as they stand in the conversation."""
    heard = fold(talk.lines(100_000))
    found = [_question(each, talk, newest, heard) for each in said.questions if each.text.strip()]
    distinct = {question.text: question for question in reversed(found)}
    return tuple(distinct[text] for text in dict.fromkeys(q.text for q in found))[:MOST]


def _question(each: Rewritten, talk: Talk, newest: Sequence[Message], heard: str) -> Question:
    ids = {m.id for m in newest}
    named = [m.id for m in map(talk.message, each.message_ids) if m is not None and m.id in ids]
    terms = [clean(term).strip() for term in each.terms]
    return Question(
        text=shorten(each.text, _LONGEST),
        message_ids=tuple(dict.fromkeys(named)) or tuple(m.id for m in newest),
        terms=tuple(dict.fromkeys(t for t in terms if t and fold(t) in heard))[:_TERMS],
    )
