"""A verdict on an answer nobody accepted, if it rests on messages that exist (Vigil 3.2.2)."""

from __future__ import annotations

from collections.abc import Sequence

from vigilbot.domain import Citation, Message, Passage, PassageKind, Review, Role, Verdict
from vigilbot.engines.model.grounding import FEW, foreign_links, reworded, tells_secrets
from vigilbot.engines.model.material import Talk
from vigilbot.engines.model.shapes import Reviewed
from vigilbot.text import canonical_url, clean, fold, links, replies, shorten

_HELPERS = (Role.ANALYST, Role.PEER)
_SOURCES = 8
_LEAST_COMMON = 0.2  # of a message's words with what the answer leaned on, for it to be about that


def reviewed(said: Reviewed, talk: Talk, passages: Sequence[Passage]) -> Review:
    """A verdict that names a message that is not there, or rests on nobody's word, has no effect.

    ``passages`` are what the answer leaned on. An update says what they or the helpers say; what the card
    said is no source, as a customer may have talked a model into it.
    """
    named = [talk.message(name) for name in said.message_ids]
    messages = list({m.id: m for m in named if m is not None}.values())
    reason = shorten(said.reason, 300)
    verdict = Verdict(said.verdict)
    why = (
        "it names a message that is not there"
        if None in named
        else _unfounded(said, verdict, messages, passages)
    )
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


def _unfounded(
    said: Reviewed,
    verdict: Verdict,
    messages: Sequence[Message],
    passages: Sequence[Passage],
) -> str:
    """Why a verdict may have no effect; "" when it may."""
    needed = (Role.ANALYST,) if verdict is Verdict.DELETE else _HELPERS
    silent = verdict is Verdict.KEEP and not said.agreed
    if not silent and not any(m.role in needed for m in messages):
        return "it rests on no analyst's words"
    if verdict is Verdict.DELETE and not any(_is_about(m, passages) for m in messages):
        return "the messages it names say nothing of the answer"
    return _unwritable(said, messages, passages) if verdict is Verdict.UPDATE else ""


def _unwritable(said: Reviewed, messages: Sequence[Message], passages: Sequence[Passage]) -> str:
    """Why an update may not be written; "" when it may."""
    if not said.question.strip() or not said.answer.strip():
        return "it gives no new question and answer"
    if tells_secrets(f"{said.question}\n{said.answer}\n{said.precondition}"):
        return "its answer needs what may not be told"
    words = [m.text for m in messages if m.role in _HELPERS]
    pairs = [p.entry for p in passages if p.entry.kind is PassageKind.QA]  # a page's words stay the page's
    before = [text for entry in pairs for text in (entry.precondition, entry.answer)]
    if not reworded(said.answer, before, words) or foreign_links(said.answer, [*before, *words]):
        return "it says more than analysts and sources said"
    return ""


def _is_about(message: Message, passages: Sequence[Passage]) -> bool:
    """Whether an analyst's message says that the answer is wrong, or states something of the same matter.

    A few words ("that command is gone") are taken to be about it. The question is no measure of that: a
    customer chose its words.
    """
    if message.role is not Role.ANALYST:
        return False
    if replies.rejects_answer(message.text, directed=True):
        return True
    if not replies.definitive(message.text):
        return False
    matter = "\n".join(f"{p.entry.question}\n{p.entry.answer}" for p in passages)
    own = replies.content_terms(fold(message.text))
    common = own & replies.content_terms(fold(matter))
    return len(own) < FEW or len(common) >= _LEAST_COMMON * len(own)


def sources(messages: list[Message]) -> tuple[Citation, ...]:
    """The documents that helpers named: addresses come from the conversation, never from a model."""
    found: dict[str, Citation] = {}
    for message in messages:
        if message.role in _HELPERS:
            for url in links(message.text):
                found.setdefault(canonical_url(url), Citation(url=url, title=""))
    return tuple(found.values())[:_SOURCES]
