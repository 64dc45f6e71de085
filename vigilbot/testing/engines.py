"""Engines for tests: one that judges by simple marks in the text, and one that can be interrupted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from vigilbot.domain import (
    Answer,
    Citation,
    Dialogue,
    Extraction,
    Identification,
    Message,
    Passage,
    Question,
    Review,
    Role,
    Scope,
    Verdict,
)
from vigilbot.errors import EngineError
from vigilbot.ports import Engine
from vigilbot.text import links

CALLS = ("identify", "rewrite", "answer", "review", "extract")
_MARK = re.compile(r"(FIX|NO|SAME|BRANCH|GHOST)(?:\(([^)]*)\))?:\s*(.*)", re.DOTALL)
_CITATION = re.compile(r"\s*\[\d+\]")


class ScriptedEngine:
    """Judges the text it gets, by marks anybody can read. Deterministic.

    A customer's message with ``?`` is within scope, one that starts with ``ooo:`` is out of it, any
    other needs no assistance. Newest messages are one question, or several between `` && ``. The
    answer is the passage with the highest cosine, if that reaches ``least``.
    Marks that open a human's message: ``FIX: text`` resolves (``FIX(word): text`` only a question
    with that word), ``NO: text`` says the card is wrong, ``SAME:`` that it is right,
    ``BRANCH: condition => text`` that it holds under another condition, and ``GHOST:`` makes the
    engine itself err: its verdict cites a message that does not exist. The last mark counts. With
    ``gullible`` it takes everybody's word, customers' and other bots' included.
    """

    name = "scripted"
    version = "1"

    def __init__(self, *, least: float = 0.6, gullible: bool = False) -> None:
        self._least = least
        self._gullible = gullible

    @property
    def post_threshold(self) -> float:
        return self._least

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        asking = [m for m in newest if "?" in m.text]
        if any(not m.text.startswith("ooo:") for m in asking):
            return Identification(scope=Scope.WITHIN, within=1.0, out=0.0, none=0.0, reason="has ?")
        if any(m.text.startswith("ooo:") for m in newest):
            return Identification(scope=Scope.OUT, within=0.0, out=1.0, none=0.0, reason="has ooo:")
        return Identification(scope=Scope.NONE, within=0.0, out=0.0, none=1.0, reason="has no ?")

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        joined = " ".join(m.text for m in newest)
        ids = tuple(m.id for m in newest)
        parts = [part.strip() for part in joined.split(" && ")]
        return tuple(Question(text=part, message_ids=ids) for part in parts if part)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        best = max(passages, key=lambda p: (p.dense, p.entry.id), default=None)
        if best is None or best.dense < self._least:
            found = best.dense if best else 0.0
            return Answer(text="", passages=(), confidence=0.0, reason=f"best cosine is {found:.2f}")
        return Answer(
            text=f"{best.entry.answer} [1]",
            passages=(best,),
            confidence=min(1.0, max(0.0, best.dense)),
            features={"dense": best.dense},
        )

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        found = self._last_mark(dialogue, question, "NO", "SAME", "BRANCH", "GHOST", "FIX")
        if found is None:
            return Review(verdict=Verdict.KEEP, agreed=False, message_ids=(), reason="nobody said more")
        message, mark, text = found
        ids = (message.id,)
        if mark == "GHOST":
            return Review(verdict=Verdict.DELETE, agreed=False, message_ids=("nowhere",), reason="GHOST")
        if mark == "NO":
            return Review(verdict=Verdict.DELETE, agreed=False, message_ids=ids, reason=text)
        if mark == "BRANCH":
            condition, _, other = text.partition("=>")
            return Review(
                verdict=Verdict.UPDATE,
                agreed=False,
                message_ids=ids,
                reason="holds under another condition",
                question=f"{question.text} ({condition.strip()})",
                answer=other.strip(),
                precondition=condition.strip(),
            )
        agreed = mark == "SAME" or text == _CITATION.sub("", answer.text)
        return Review(verdict=Verdict.KEEP, agreed=agreed, message_ids=ids, reason=mark)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        found = self._last_mark(dialogue, question, "FIX")
        if found is None:
            return ()
        message, _, text = found
        pair = Extraction(
            question=question.text,
            answer=text,
            message_ids=(message.id,),
            citations=tuple(Citation(url=url, title=url) for url in links(text)),
            confirmed=any("worked" in m.text for m in dialogue.after(message.at)),
            resolved_at=message.at,
        )
        return (pair,)

    def _last_mark(
        self, dialogue: Dialogue, question: Question, *marks: str
    ) -> tuple[Message, str, str] | None:
        asked = [m.at for m in dialogue.messages if m.id in question.message_ids]
        since = max(asked) if asked else None
        for message in reversed(dialogue.messages):
            if since is not None and message.at <= since:
                return None
            human = message.role in (Role.ANALYST, Role.PEER)
            match = _MARK.match(message.text)
            if not match or match[1] not in marks or not (human or self._gullible):
                continue
            if match[2] is None or match[2] in question.text:
                return message, match[1], match[3].strip()
        return None


class DirectedEngine:
    """Another engine with stage directions: fail the next calls, or let something happen during one.

    ``calls`` counts how often each judgement was asked for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._failures: Counter[str] = Counter()
        self._meanwhile: dict[str, list[Callable[[], Awaitable[None]]]] = {}
        self.calls: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def version(self) -> str:
        return self._engine.version

    @property
    def post_threshold(self) -> float:
        return self._engine.post_threshold

    def fail(self, call: str, times: int) -> None:
        """The next ``times`` calls of this judgement raise EngineError."""
        self._failures[call] = times

    def meanwhile(self, call: str, happening: Callable[[], Awaitable[None]]) -> None:
        """Runs ``happening`` once, in the middle of the next call of this judgement."""
        self._meanwhile.setdefault(call, []).append(happening)

    async def _before(self, call: str) -> None:
        self.calls[call] += 1
        for happening in self._meanwhile.pop(call, []):
            await happening()
        if self._failures[call]:
            self._failures[call] -= 1
            raise EngineError(f"{call} failed, as the test asked")

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        await self._before("identify")
        return await self._engine.identify(dialogue, newest, scope=scope)

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        await self._before("rewrite")
        return await self._engine.rewrite(dialogue, newest)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        await self._before("answer")
        return await self._engine.answer(dialogue, question, passages)

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        await self._before("review")
        return await self._engine.review(dialogue, question, answer)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        await self._before("extract")
        return await self._engine.extract(dialogue, question)
