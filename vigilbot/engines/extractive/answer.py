# ruff: noqa: RUF001 - sentences in many languages
"""Answering without a language model (Vigil 3.1.3): the words an analyst gave for the same trouble.

Nothing is composed. The best supported resolution's answer is trimmed to what helps anyone and cited;
when its evidence is weak, its language foreign or its words meant for one person, the answer is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vigilbot.domain import Answer, Dialogue, Passage, PassageKind, Question
from vigilbot.engines.extractive.confidence import Confidence, evidence, features, shipped
from vigilbot.engines.extractive.quoting import marked, quoted
from vigilbot.engines.extractive.unread import likeness, unread, worded_alike
from vigilbot.engines.extractive.wording import SHOWN, chosen, cited, general, joined
from vigilbot.text import canonical_url, language, links, shorten, tokens
from vigilbot.text.conflicts import conflict
from vigilbot.text.sameness import differs, one_sentence, opposed

DOUBTED = 0.3  # factor of the confidence when negation, a number or an opposite tells two questions apart
ALIKE = 0.6  # likeness of the nearest question from which a case can be the same trouble
USUAL = 6  # on-calls of the channel resolved alike, from which a remoter likeness is enough
REMOTE = 0.4  # that likeness
LIKE = 0.95  # likeness of questions from which such a difference is the point of the question
LEAST = 3  # words, links aside, that an answer needs to say anything
TELLING = 5  # words without which two equal questions may mean different things
SHORT = 30  # words up to which a question is short enough to turn on one of them
BEGINNING = 1000  # characters in which so many words are looked for

# What is said when the document helps but the words around it do not.
_SEE = {
    "en": "This resolved similar cases: {cite}",
    "de": "Das hat in ähnlichen Fällen geholfen: {cite}",
    "fr": "Ceci a résolu des cas similaires : {cite}",
    "es": "Esto resolvió casos similares: {cite}",
    "pt": "Isto resolveu casos semelhantes: {cite}",
    "it": "Questo ha risolto casi simili: {cite}",
    "nl": "Dit loste vergelijkbare gevallen op: {cite}",
    "sv": "Det här löste liknande fall: {cite}",
    "pl": "To pomogło w podobnych przypadkach: {cite}",
    "ru": "Это помогло в похожих случаях: {cite}",
    "uk": "Це допомогло в схожих випадках: {cite}",
    "tr": "Bu, benzer durumları çözdü: {cite}",
    "ja": "同様の問題はこちらで解決しました: {cite}",
    "zh": "类似的问题通过以下内容得到解决：{cite}",
    "ko": "비슷한 사례가 다음 자료로 해결되었습니다: {cite}",
}

# The same for a document that nobody was helped with so far.
_READ = {
    "en": "This document may help: {cite}",
    "de": "Dieses Dokument kann helfen: {cite}",
    "fr": "Ce document peut aider : {cite}",
    "es": "Este documento puede ayudar: {cite}",
    "pt": "Este documento pode ajudar: {cite}",
    "it": "Questo documento può aiutare: {cite}",
    "nl": "Dit document kan helpen: {cite}",
    "sv": "Det här dokumentet kan hjälpa: {cite}",
    "pl": "Ten dokument może pomóc: {cite}",
    "ru": "Этот документ может помочь: {cite}",
    "uk": "Цей документ може допомогти: {cite}",
    "tr": "Bu belge yardımcı olabilir: {cite}",
    "ja": "こちらの文書が参考になるかもしれません: {cite}",
    "zh": "以下文档可能有帮助：{cite}",
    "ko": "다음 문서가 도움이 될 수 있습니다: {cite}",
}


class Answerer:
    """``model`` names the embedding model whose coefficients apply; ``refuse`` replaces their threshold."""

    def __init__(
        self, *, model: str, coefficients: Confidence | None = None, refuse: float | None = None
    ) -> None:
        known = coefficients or shipped()
        self._model = model
        self._votes, self._near, self._document = known.of(model), known.near, known.document
        self._refuse = known.refuse if refuse is None else refuse
        self.post_threshold = known.post

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        """From passages in the reranker's order. A refusal keeps confidence and features, for the record."""
        if not passages:
            return Answer(text="", passages=(), confidence=0.0, reason="nothing is known about this")
        foreign = unread(question.text, model=self._model)
        if foreign and not (passages := worded_alike(question.text, passages)):
            reason = "no known case is worded like this, and the embedding model does not read the language"
            return Answer(text="", passages=(), confidence=0.0, reason=reason)
        first = passages[0]
        found = evidence(first)
        confidence = self._probability(question, first, found)
        if foreign and first.entry.kind is PassageKind.QA:
            confidence = max(confidence, likeness(question.text, first.entry.question))
        if reason := _otherwise(question.text, first):
            found["clash"] = 1.0
            return Answer(text="", passages=(), confidence=0.0, features=found, reason=reason)
        if turned := _turned(question.text, first) or _opposite(question.text, first):
            confidence *= DOUBTED
            found["clash"] = 1.0
        if _remote(first, found):
            reason = "the cases known are about something else"
            return Answer(text="", passages=(), confidence=confidence, features=found, reason=reason)
        if confidence < self._refuse:
            reason = f"the evidence is too weak{f' ({turned} differs)' if turned else ''}"
            return Answer(text="", passages=(), confidence=confidence, features=found, reason=reason)
        worded = _worded(question.text, _voices(first, passages))
        if worded is None:
            return Answer(
                text="",
                passages=(),
                confidence=confidence,
                features=found,
                reason="what resolved this before was said to one person, or in another language",
            )
        text, passage = worded
        return Answer(text=text, passages=(passage,), confidence=confidence, features=found)

    def _probability(self, question: Question, first: Passage, found: Mapping[str, float]) -> float:
        if _unheard(first, found):
            return self._document.probability(found)
        confidence = self._votes.probability(features(found))
        if len(tokens(question.text)) >= TELLING and "nearest" in found:
            confidence = max(confidence, question.asks * self._near.probability(found))
        return confidence


def _unheard(passage: Passage, found: Mapping[str, float]) -> bool:
    """A document that nobody was helped with: nothing but the words speak for it."""
    return passage.entry.kind is PassageKind.CHUNK and "cover" in found and not found.get("times")


def _remote(passage: Passage, found: Mapping[str, float]) -> bool:
    """Target or symptom cannot agree: where little is known, even the likeliest case is another one."""
    if passage.entry.kind is not PassageKind.QA or "nearest" not in found:
        return False
    usual = found.get("times", 0.0) >= USUAL
    return found["nearest"] < (REMOTE if usual else ALIKE)


def _otherwise(asked: str, passage: Passage) -> str:
    """Why the known case cannot be this one: it names another one of a family of names (error codes,
    versions, models), or asks for the opposite in the same sentence (turn on, turn off); or ""."""
    if family := conflict(asked, passage.entry.about):
        return f"the known case is about another {family}"
    same = _opposite(asked, passage) and one_sentence(asked, passage.entry.question)
    return "the known case is about the opposite" if same else ""


def _opposite(asked: str, passage: Passage) -> str:
    """What is asked for the other way round in the known case, told as ``_turned`` does; or ""."""
    known = passage.entry.question
    if passage.entry.kind is not PassageKind.QA or not (_short(asked) and _short(known)):
        return ""
    return "what is asked for" if opposed(asked, known) else ""


def _short(text: str) -> bool:
    """Whether the text may turn on one word; of a long one only the beginning is looked at."""
    return len(tokens(text[:BEGINNING])) <= SHORT


def _turned(asked: str, passage: Passage) -> str:
    """What turns two short and like questions into different ones, such as a negation; or ""."""
    known = passage.entry.question
    if passage.entry.kind is not PassageKind.QA:  # headings ask nothing
        return ""
    if passage.evidence.get("alike", 0.0) < LIKE or not (_short(asked) and _short(known)):
        return ""
    found = differs(asked, known, questions=True)
    return "" if found == "url" else found


def _voices(first: Passage, passages: Sequence[Passage]) -> list[Passage]:
    """The passages that lead to the same document, the best first; without a document the first alone."""
    wanted = next((canonical_url(c.url) for c in first.entry.citations if c.url), "")
    if not wanted:
        return [first]
    same = [
        p
        for p in passages
        if any(canonical_url(c.url) == wanted for c in p.entry.citations)
        and (p.entry.kind is PassageKind.QA or p.evidence.get("alike", 0.0) >= ALIKE)
    ]
    return [first, *(p for p in same if p.entry.id != first.entry.id)]


def _worded(asked: str, voices: Sequence[Passage]) -> tuple[str, Passage] | None:
    """The text and the passage it quotes, in the question's language; None when nothing can be said."""
    spoken = language(asked)
    for passage in voices[:5]:
        answer = passage.entry.answer
        text = _text(answer, asked, passage)
        if text and _understood(spoken, language(_prose(answer))):
            return text, passage
    first = voices[0]
    if not any(c.url for c in first.entry.citations):
        return None
    said = _SEE if first.entry.kind is PassageKind.QA else _READ
    return said.get(spoken, "{cite}" if spoken else said["en"]).format(cite="[1]"), first


def _understood(asked: str, answered: str) -> bool:
    return not asked or not answered or asked == answered


def _prose(text: str) -> str:
    for link in links(text[:4000]):
        text = text.replace(link, " ")
    return text


def _text(answer: str, asked: str, passage: Passage) -> str:
    """The answer's words with markers, or "" when too little of it helps anyone."""
    if passage.entry.kind is PassageKind.CHUNK:
        return marked(quoted(answer, asked), "[1]")
    kept = chosen(general(answer), asked)
    url = next((c.url for c in passage.entry.citations if c.url), "")
    linked = (
        any(canonical_url(link) == canonical_url(url) for s in kept for link in links(s)) if url else False
    )
    said = sum(len(tokens(_prose(sentence))) for sentence in kept)
    if said < LEAST or (url and links(answer) and not linked):
        return ""
    apart = passage.entry.precondition or any("```" in s for s in kept)  # branches, or code
    body = "\n".join(kept) if apart else joined(kept)
    if len(body) > 2 * SHOWN:
        body = shorten(body, 2 * SHOWN)
    return cited(body, url, "[1]")
