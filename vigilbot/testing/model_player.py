"""Who plays the model's part in scenarios: reads the prompt, judges by marks anybody can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from vigilbot.domain import (
    Answer,
    Citation,
    Dialogue,
    KnowledgeEntry,
    Message,
    Passage,
    PassageKind,
    Question,
    Role,
    Trust,
)
from vigilbot.ports import Embedder
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.testing.engines import ScriptedEngine
from vigilbot.testing.model import Answered, Asked

SURE = 0.95  # the confidence of an answer it gives
_BLOCK = re.compile(r"^<(\w+) ([0-9a-f]{12})>\n(.*?)\n</\1 \2>$", re.DOTALL | re.MULTILINE)


class MarkPlayer:
    """What ``ScriptedEngine`` would say, said as a model says it, knowing only what the prompt tells.

    ``gullible``: it does whatever anybody in the conversation asks for.
    """

    def __init__(
        self, *, least: float = 0.6, gullible: bool = False, embedder: Embedder | None = None
    ) -> None:
        self._engine = ScriptedEngine(least=least, gullible=gullible)
        self._embedder = embedder or HashEmbedder()

    async def __call__(self, asked: Asked) -> Answered:
        blocks = blocks_of(asked.text)
        if "scope" in blocks:
            return Answered.of(await self._identify(blocks))
        if "newest" in blocks:
            return Answered.of(await self._rewrite(blocks))
        if "answer" in blocks:
            return Answered.of(await self._review(blocks))
        if "passages" in blocks:
            return Answered.of(await self._answer(blocks))
        return Answered.of(await self._extract(blocks))

    async def _identify(self, blocks: Mapping[str, str]) -> dict[str, Any]:
        dialogue = _dialogue(blocks)
        found = await self._engine.identify(dialogue, _newest(blocks, dialogue), scope=blocks["scope"])
        return {"reason": found.reason, "within": found.within, "out": found.out, "none": found.none}

    async def _rewrite(self, blocks: Mapping[str, str]) -> dict[str, Any]:
        dialogue = _dialogue(blocks)
        found = await self._engine.rewrite(dialogue, _newest(blocks, dialogue))
        return {
            "questions": [{"text": q.text, "message_ids": list(q.message_ids), "terms": []} for q in found]
        }

    async def _answer(self, blocks: Mapping[str, str]) -> dict[str, Any]:
        question = _question(blocks)
        passages = await self._near(question.text, blocks["passages"])
        found = await self._engine.answer(_dialogue(blocks), question, passages)
        if found.refused:
            return {"reason": found.reason, "answer": "", "citations": [], "confidence": 0.0}
        n = int(found.passages[0].entry.id)
        text = found.text.removesuffix("[1]") + f"[{n}]"
        return {"reason": "it agrees", "answer": text, "citations": [n], "confidence": SURE}

    async def _near(self, question: str, rows: str) -> list[Passage]:
        passages = [json.loads(row) for row in rows.splitlines()]
        texts = [f"{row['question']} {row['precondition']}".strip() for row in passages]
        first, *others = await self._embedder.embed([question, *texts])
        return [
            Passage(entry=_entry(row), dense=float(first @ vector), lexical=0.0, score=0.0)
            for row, vector in zip(passages, others, strict=True)
        ]

    async def _review(self, blocks: Mapping[str, str]) -> dict[str, Any]:
        answer = Answer(text=json.loads(blocks["answer"]), passages=(), confidence=1.0)
        found = await self._engine.review(_dialogue(blocks), _question(blocks), answer)
        return {
            "reason": found.reason,
            "verdict": found.verdict.value,
            "agreed": found.agreed,
            "message_ids": list(found.message_ids),
            "question": found.question,
            "answer": found.answer,
            "precondition": found.precondition,
        }

    async def _extract(self, blocks: Mapping[str, str]) -> dict[str, Any]:
        found = await self._engine.extract(_dialogue(blocks), _question(blocks))
        return {
            "resolutions": [
                {
                    "question": pair.question,
                    "answer": pair.answer,
                    "precondition": "",
                    "message_ids": list(pair.message_ids),
                    "resolves_question": True,
                    "confirmed": pair.confirmed,
                    "confidence": SURE,
                }
                for pair in found
            ]
        }


def blocks_of(prompt: str) -> dict[str, str]:
    """The blocks of data in a filled prompt, by their names."""
    return {name: text for name, _, text in _BLOCK.findall(prompt)}


def _dialogue(blocks: Mapping[str, str]) -> Dialogue:
    rows = [json.loads(row) for row in blocks["dialogue"].splitlines()]
    return Dialogue(
        messages=tuple(
            Message(
                id=row["id"],
                ts=row["id"],
                # rows are in order, their times may be the same: a prompt tells minutes
                at=datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) + timedelta(milliseconds=place),
                role=Role(row["role"]),
                author=row["author"],
                text=row["text"],
            )
            for place, row in enumerate(rows)
            if "omitted" not in row
        )
    )


def _newest(blocks: Mapping[str, str], dialogue: Dialogue) -> list[Message]:
    names = json.loads(blocks["newest"])
    return [m for m in dialogue.messages if m.id in names]


def _question(blocks: Mapping[str, str]) -> Question:
    asked = json.loads(blocks["question"])
    return Question(text=asked["text"], message_ids=tuple(asked["asked_in"]))


def _entry(row: Mapping[str, Any]) -> KnowledgeEntry:
    """A passage as far as the prompt tells of it; its number is its id."""
    return KnowledgeEntry(
        id=str(row["n"]),
        revision=1,
        kind=PassageKind(row["kind"]),
        question=row["question"],
        answer=row["answer"],
        citations=(Citation(url="", title=""),),
        trust=Trust(row["trust"]),
        space="",
        channel="",
        learned_from="",
        message_ids=(),
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        actor="",
    )
