# ruff: noqa: RUF001 - words of many languages
"""Review without a language model (Vigil 3.2.2): what became of an answer nobody accepted.

Conservative: without a human's resolution the answer is kept, neutrally. It is agreed with when the
human said the same or shared the same link; it is deleted only when a human rejected it, or said the
contrary, for this very question; it is refined when the same trouble turned out to have another cause.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vigilbot.domain import (
    Answer,
    Citation,
    Dialogue,
    Extraction,
    KnowledgeEntry,
    Message,
    Question,
    Review,
    Role,
    Verdict,
)
from vigilbot.engines.extractive.evidence import asked_at
from vigilbot.engines.extractive.extract import Extractor
from vigilbot.ports import Embedder
from vigilbot.text import canonical_url, fold, identifiers, language, links, replies, sentences, shorten
from vigilbot.text.sameness import differs, says_same

_SAME_TROUBLE = 0.55  # cosine of two questions from which they may be one trouble
_LONGEST = 4000
_CONTEXT = 160  # characters of a precondition
_CONDITION = re.compile(
    r"(?<!\w)(?:if|when|whenever|unless|because|since|due to|caused by|as long as|in case|only (?:on|for"
    r"|with|in)|with|behind|after|for|on"
    r"|wenn|falls|weil|wegen|hinter|si|quand|lorsque|parce que|a cause|derriere|cuando|porque|debido"
    r"|detras|se|quando|perche|dietro"
    r"|als|omdat|wanneer|om|eftersom|jesli|gdy|poniewaz|если|когда|потому|из-за|за|eger|cunku|kalau|jika"
    r"|karena)(?!\w)"
    r"|如果|因为|当|たら|ため|場合|때문|경우|면"
)
_CAUSE = re.compile(
    r"(?<!\w)(?:if|when|whenever|unless|because|due to|caused by|wenn|falls|weil|wegen|si|quand|lorsque"
    r"|parce que|a cause|cuando|porque"
    r"|debido|se|quando|perche|als|omdat|wanneer|eftersom|jesli|gdy|poniewaz|если|когда|потому|из-за"
    r"|eger|jika|karena)(?!\w)"
    r"|如果|因为|たら|ため|場合|때문|경우"
)
_OPENS = re.compile(  # an analyst who opens with a condition on what was asked names a precondition
    r"(?:if|when|whenever|wenn|falls|si|quand|lorsque|cuando|se|quando|als|wanneer|om|eftersom|jesli|gdy"
    r"|если|когда|eger|jika)(?!\w)|如果|当"
)
_BRANCH = {
    "en": "If {context}: {answer}",
    "de": "Falls {context}: {answer}",
    "fr": "Si {context} : {answer}",
    "es": "Si {context}: {answer}",
    "pt": "Se {context}: {answer}",
    "it": "Se {context}: {answer}",
    "nl": "Als {context}: {answer}",
    "sv": "Om {context}: {answer}",
    "da": "Hvis {context}: {answer}",
    "pl": "Jeśli {context}: {answer}",
    "cs": "Pokud {context}: {answer}",
    "ru": "Если {context}: {answer}",
    "uk": "Якщо {context}: {answer}",
    "tr": "Eğer {context}: {answer}",
    "id": "Jika {context}: {answer}",
    "ja": "{context} の場合: {answer}",
    "zh": "如果{context}：{answer}",
    "ko": "{context} 경우: {answer}",
}


@dataclass(frozen=True, slots=True)
class _Context:
    """What sets this question apart from the ones the entry was learned for, and who said so.

    ``opens``: an analyst's answer opens with it as its condition.
    """

    text: str
    message_ids: tuple[str, ...]
    opens: bool = False


class Reviewer:
    """``theta`` is the cosine from which two answers of this embedding model say the same."""

    def __init__(self, *, embedder: Embedder, theta: float, extractor: Extractor | None = None) -> None:
        self._embedder = embedder
        self._theta = theta
        self._extractor = extractor or Extractor(embedder=embedder, peers=True)

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        """The verdict, resting on the messages it names."""
        entry = answer.passages[0].entry if answer.passages else None
        rejection = _rejection(dialogue, question, answer)
        human = await self._human(dialogue, question, rejection)
        if human is None:
            return _without_resolution(rejection)
        if rejection is None:
            agreed = await self._agreed(dialogue, human, answer, entry)
            if agreed:
                return _keep(agreed, human.message_ids)
        trouble = entry is not None and not human.weak and await self._same_trouble(question, entry)
        context = _context(dialogue, question, human, entry) if entry is not None and trouble else None
        # Another cause is what the asker says has worked, or what an analyst's answer opens with: people
        # who talk on say many things.
        told = context is not None and (context.opens or human.confirmed)
        if entry is not None and context is not None and told and not _says_already(entry, human):
            return _refined(entry, human, context, rejection)
        if rejection is not None:
            ids = dict.fromkeys((rejection.id, *human.message_ids))
            return _delete("a human rejected the answer", tuple(ids))
        contrary = await self._contrary(human, answer)
        if contrary:
            return _delete(f"the human's answer is the same but for a {contrary}", human.message_ids)
        return Review(
            verdict=Verdict.KEEP,
            agreed=False,
            message_ids=human.message_ids,
            reason="the human answered otherwise; nothing shows that this answer is wrong",
        )

    async def _human(
        self, dialogue: Dialogue, question: Question, rejection: Message | None
    ) -> Extraction | None:
        """The human's own resolution; a mere rejection is none."""
        if rejection is not None:
            rest = tuple(m for m in dialogue.messages if m.id != rejection.id)
            found = await self._extractor.extract(Dialogue(messages=rest), question)
            if found is not None or len(replies.content_terms(rejection.text)) < _MANY:
                return found
        return await self._extractor.extract(dialogue, question)

    async def _agreed(
        self, dialogue: Dialogue, human: Extraction, answer: Answer, entry: KnowledgeEntry | None
    ) -> str:
        """Why the human said the same, or ""."""
        ours = {canonical_url(u) for u in links(answer.text)}
        ours |= {canonical_url(c.url) for p in answer.passages for c in p.entry.citations if c.url}
        if ours & {canonical_url(c.url) for c in human.citations}:
            return "the human shared the same link"
        said = [m.text for m in dialogue.messages if m.id in human.message_ids]
        texts = [answer.text, *([entry.answer] if entry else [])]
        pool = [human.answer, *said]
        vectors = await self._embedder.embed([t[:_LONGEST] for t in (*texts, *pool)])
        for i, own in enumerate(texts):
            for j, theirs in enumerate(pool):
                cosine = float(vectors[i] @ vectors[len(texts) + j])
                same = says_same(own, theirs, cosine, self._theta) and not differs(own, human.answer)
                if same and not _says_more(own, human.answer, cosine):
                    return "the human said the same"
        return ""

    async def _contrary(self, human: Extraction, answer: Answer) -> str:
        """What makes an otherwise same answer of the human's contrary to ours, or ""."""
        vectors = await self._embedder.embed([answer.text[:_LONGEST], human.answer[:_LONGEST]])
        if float(vectors[0] @ vectors[1]) < max(self._theta, _CONTRARY):
            return ""
        found = differs(answer.text, human.answer)
        return found if found in ("negation", "version", "number") else ""

    async def _same_trouble(self, question: Question, entry: KnowledgeEntry) -> bool:
        if replies.shared_identifiers(question.text, entry.question):
            return True
        vectors = await self._embedder.embed([question.text[:_LONGEST], entry.question[:_LONGEST]])
        return float(vectors[0] @ vectors[1]) >= _SAME_TROUBLE


def _says_more(own: str, theirs: str, cosine: float) -> bool:
    """The human's words are near ours and yet tell to do something else: another cause, another step."""
    if set(identifiers(theirs)) - set(identifiers(own)):
        return True
    said = replies.content_terms(theirs)
    fresh = said - replies.content_terms(own)
    return cosine < _NEAR and 2 * len(fresh) > len(said)


_NEAR = 0.85  # cosine from which other words are other words for the same
_MANY = 5  # terms of content from which a rejection also says what is right
_CONTRARY = 0.8


def _keep(reason: str, ids: Sequence[str]) -> Review:
    return Review(verdict=Verdict.KEEP, agreed=True, message_ids=tuple(ids), reason=reason)


def _delete(reason: str, ids: tuple[str, ...]) -> Review:
    return Review(verdict=Verdict.DELETE, agreed=False, message_ids=ids, reason=reason)


def _without_resolution(rejection: Message | None) -> Review:
    if rejection is not None:
        return _delete("a human rejected the answer", (rejection.id,))
    return Review(verdict=Verdict.KEEP, agreed=False, message_ids=(), reason="nothing more was said about it")


def _rejection(dialogue: Dialogue, question: Question, answer: Answer) -> Message | None:
    """An analyst's message that says this answer is wrong."""
    start = asked_at(dialogue, question)
    opening = fold(answer.text[:60]).split()[:6]
    previous: Message | None = None
    for message in dialogue.messages[start + 1 :]:
        if message.role is Role.ANALYST:
            behind_card = (
                previous is not None
                and previous.role is Role.BOT
                and (
                    not opening
                    or fold(previous.text[:4000]).split()[:6] == opening
                    or _holds(previous, answer)
                )
            )
            if replies.rejects_answer(message.text, directed=behind_card):
                return message
        previous = message
    return None


def _holds(message: Message, answer: Answer) -> bool:
    shown = " ".join(fold(re.sub(r"\[\d+\]", " ", message.text[:8000])).split())
    said = " ".join(fold(re.sub(r"\[\d+\]", " ", answer.text[:200])).split())
    return bool(said) and said[:80] in shown


def _context(
    dialogue: Dialogue, question: Question, human: Extraction, entry: KnowledgeEntry
) -> _Context | None:
    """The distinguishing context: an analyst's condition, a fact the asker added, or the question's own."""
    known = replies.content_terms(f"{entry.question} {entry.precondition} {entry.answer}")
    asked = replies.content_terms(question.text)
    by_id = {m.id: m for m in dialogue.messages}
    for identity in human.message_ids:
        for sentence in sentences(by_id[identity].text[:_LONGEST]):
            clause = _clause(sentence)
            told = replies.content_terms(clause)
            opens = bool(_OPENS.match(fold(sentence)))
            if clause and (told - known or (opens and told & asked)):
                return _Context(clause, (identity,), opens)
    start = asked_at(dialogue, question)
    asker = dialogue.messages[start].author if start >= 0 else ""
    last = max(dialogue.messages.index(by_id[i]) for i in human.message_ids)
    added = [m for m in dialogue.messages[start + 1 : last] if m.role is Role.CUSTOMER and m.author == asker]
    for message in added:
        for sentence in sentences(message.text[:_LONGEST]):
            if replies.is_small_talk(sentence) or replies.is_thanks(sentence):
                continue
            fresh = replies.content_terms(sentence) - known
            if len(fresh) >= 2 or (fresh and _CONDITION.search(fold(sentence))):
                return _Context(_phrase(sentence), (message.id,))
    for sentence in sentences(question.text[:_LONGEST]):
        clause = _clause(sentence)
        if clause and len(replies.content_terms(clause) - known) >= 1:
            return _Context(clause, ())
    return None


def _clause(sentence: str) -> str:
    """What follows "if", "when" or "because" in a sentence, to its end or a comma."""
    folded = fold(sentence)
    if len(folded) != len(sentence):
        return _phrase(sentence) if _CAUSE.search(folded) else ""
    match = _CAUSE.search(folded)
    if not match:
        return ""
    rest = sentence[match.end() :].strip()
    for mark in (", ", " then ", "; ", ": "):
        head, found, _ = rest.partition(mark)
        if found and len(head.split()) >= 2:
            rest = head
    return _phrase(rest)


def _phrase(sentence: str) -> str:
    return shorten(sentence, _CONTEXT).strip(" .!?,;:…")


def _says_already(entry: KnowledgeEntry, human: Extraction) -> bool:
    said = " ".join(fold(human.answer).split())
    return bool(said) and said in " ".join(fold(entry.answer).split())


def _refined(
    entry: KnowledgeEntry, human: Extraction, context: _Context, rejection: Message | None
) -> Review:
    """The old branch is kept; the new one says when it applies."""
    form = _BRANCH.get(language(human.answer) or language(entry.answer), _BRANCH["en"])
    told = fold(context.text) in fold(human.answer)
    branch = human.answer if told else form.format_map({"context": context.text, "answer": human.answer})
    ids = dict.fromkeys((*([rejection.id] if rejection else []), *context.message_ids, *human.message_ids))
    return Review(
        verdict=Verdict.UPDATE,
        agreed=False,
        message_ids=tuple(ids),
        reason="the same trouble had another cause here",
        question=entry.question,
        answer=f"{entry.answer.rstrip()}\n{branch}",
        precondition=context.text,
        citations=_together(entry.citations, human.citations),
    )


def _together(own: Sequence[Citation], theirs: Sequence[Citation]) -> tuple[Citation, ...]:
    found = {canonical_url(c.url) or c.title: c for c in (*theirs, *own)}
    return tuple({canonical_url(c.url) or c.title: c for c in (*own, *found.values())}.values())
