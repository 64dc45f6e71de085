"""Resolutions to learn, if analysts' words carry them (Vigil 3.2.1)."""

from __future__ import annotations

from vigilbot.domain import Dialogue, Extraction, Message, Question, Role
from vigilbot.engines.model.grounding import copied, foreign_links, supported, tells_secrets
from vigilbot.engines.model.material import Talk
from vigilbot.engines.model.review import sources
from vigilbot.engines.model.shapes import Resolutions, Resolved
from vigilbot.text import clean, shorten

MOST = 4  # of one conversation
_LEAST_COPIED = 0.75  # of an answer's codes, commands and versions
_HELPERS = (Role.ANALYST, Role.PEER)


def extracted(
    said: Resolutions, talk: Talk, dialogue: Dialogue, question: Question
) -> tuple[Extraction, ...]:
    """What resolved the question first, if anything did; then what else was settled."""
    found: list[Extraction] = []
    for each in said.resolutions:
        pair = _extraction(each, talk, dialogue, question, aside=not each.resolves_question)
        if pair is not None:
            found.append(pair)
    own = [pair for pair in found if not pair.aside]
    return tuple([*own[:1], *(pair for pair in found if pair.aside)][:MOST])


def _extraction(
    each: Resolved, talk: Talk, dialogue: Dialogue, question: Question, *, aside: bool
) -> Extraction | None:
    """None where it names a message that is not there, or says more than the helpers said."""
    named = [talk.message(name) for name in each.message_ids]
    if any(m is None for m in named):
        return None
    unique = {m.id: m for m in named if m is not None and m.role in _HELPERS}
    messages = sorted(unique.values(), key=lambda m: (m.at, m.id))
    answer = clean(each.answer).strip()
    if not messages or not answer or not each.question.strip():
        return None
    if tells_secrets(f"{each.question}\n{answer}\n{each.precondition}"):
        return None
    said = [m.text for m in messages]
    heard = [m.text for m in dialogue.messages if m.role is not Role.BOT]
    if not supported(answer, said) or foreign_links(answer, said):
        return None
    if copied(answer, heard) < _LEAST_COPIED:
        return None
    last = messages[-1]
    return Extraction(
        question=shorten(each.question, 1000),
        answer=answer,
        message_ids=tuple(m.id for m in messages),
        citations=sources(messages),
        confirmed=each.confirmed and _asker_spoke(dialogue, question, last),
        resolved_at=last.at,
        confidence=each.confidence,
        precondition=shorten(each.precondition, 500),
        aside=aside,
    )


def _asker_spoke(dialogue: Dialogue, question: Question, last: Message) -> bool:
    """Whether the asker wrote anything after the resolution: only then can they have confirmed it."""
    askers = {m.author for m in dialogue.messages if m.id in question.message_ids}
    return any(m.author in askers for m in dialogue.after(last.at))
