"""A verdict on an answer nobody accepted, if it rests on messages that exist (Vigil 3.2.2)."""

from __future__ import annotations

from vigilbot.domain import Citation, Message, Question, Review, Role, Verdict
from vigilbot.engines.model.grounding import tells_secrets
from vigilbot.engines.model.material import Talk
from vigilbot.engines.model.shapes import Reviewed
from vigilbot.text import canonical_url, clean, links, shorten

_HELPERS = (Role.ANALYST, Role.PEER)
_SOURCES = 8


def reviewed(said: Reviewed, talk: Talk, question: Question) -> Review:
    """A verdict that names a message that is not there, or rests on nobody's word, has no effect."""
    named = [talk.message(name) for name in said.message_ids]
    messages = list({m.id: m for m in named if m is not None}.values())
    reason = shorten(said.reason, 300)
    verdict = Verdict(said.verdict)
    why = "it names a message that is not there" if None in named else _unfounded(said, verdict, messages)
    if why:
        return Review(
            verdict=Verdict.KEEP,
            agreed=False,
            message_ids=(),
            reason=shorten(f"verdict {verdict.value} dropped: {why}. {reason}", 300),
        )
    ids = tuple(m.id for m in messages)
    if verdict is not Verdict.UPDATE:
        agreed = said.agreed and verdict is Verdict.KEEP
        return Review(verdict=verdict, agreed=agreed, message_ids=ids, reason=reason)
    return Review(
        verdict=verdict,
        agreed=False,
        message_ids=ids,
        reason=reason,
        question=shorten(said.question, 1000),
        answer=clean(said.answer).strip(),
        precondition=shorten(said.precondition, 500),
        citations=sources(messages),
    )


def _unfounded(said: Reviewed, verdict: Verdict, messages: list[Message]) -> str:
    """Why a verdict may have no effect; "" when it may."""
    needed = (Role.ANALYST,) if verdict is Verdict.DELETE else _HELPERS
    silent = verdict is Verdict.KEEP and not said.agreed
    if not silent and not any(m.role in needed for m in messages):
        return "it rests on no analyst's words"
    if verdict is not Verdict.UPDATE:
        return ""
    if not said.question.strip() or not said.answer.strip():
        return "it gives no new question and answer"
    if tells_secrets(f"{said.question}\n{said.answer}\n{said.precondition}"):
        return "its answer needs what may not be told"
    return ""


def sources(messages: list[Message]) -> tuple[Citation, ...]:
    """The documents that helpers named: addresses come from the conversation, never from a model."""
    found: dict[str, Citation] = {}
    for message in messages:
        if message.role in _HELPERS:
            for url in links(message.text):
                found.setdefault(canonical_url(url), Citation(url=url, title=""))
    return tuple(found.values())[:_SOURCES]
