"""Who plays the language model's part while speed is measured: sure, right, and always equally slow."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any

from vigilbot.bench.made import CODE
from vigilbot.ports import Ask, ModelState, Shape
from vigilbot.testing.model import Answered, Asked
from vigilbot.testing.model_player import blocks_of

_CODE = re.compile(CODE)


def judgement(prompt: str) -> str:
    """Which one a prompt asks for."""
    blocks = blocks_of(prompt)
    kinds = (("scope", "identify"), ("newest", "rewrite"), ("answer", "review"), ("passages", "answer"))
    return next((name for block, name in kinds if block in blocks), "extract")


def replied(prompt: str) -> dict[str, Any]:
    """Every newest message is one question within scope; the passage with its code is the answer."""
    asked, blocks = judgement(prompt), blocks_of(prompt)
    if asked == "identify":
        return {"reason": "help is asked for", "within": 0.98, "out": 0.01, "none": 0.01}
    if asked == "rewrite":
        return {"questions": [_asked(row) for row in _newest(blocks)]}
    if asked == "review":
        return {"reason": "", "verdict": "keep", "agreed": False, "message_ids": []}
    return _told(blocks) if asked == "answer" else {"resolutions": []}


class SlowModel:
    """Plays over HTTP; every reply comes ``delay`` seconds after its request."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    async def __call__(self, asked: Asked) -> Answered:
        began = asyncio.get_running_loop().time()
        reply = Answered.of(replied(asked.text))
        await asyncio.sleep(began + self._delay - asyncio.get_running_loop().time())
        return reply


class InstantModel:
    """``ports.LanguageModel`` that needs no time: what is left is the bot's own work."""

    version = "instant"

    async def complete(self, ask: Ask, shape: type[Shape]) -> Shape:
        return shape.model_validate(replied(f"{ask.instructions}\n{ask.data}"))

    def state(self) -> tuple[ModelState, ...]:
        return ()


def _newest(blocks: Mapping[str, str]) -> list[Mapping[str, Any]]:
    names = json.loads(blocks["newest"])
    rows = [json.loads(line) for line in blocks["dialogue"].splitlines()]
    return [row for row in rows if row.get("id") in names]


def _asked(row: Mapping[str, Any]) -> dict[str, Any]:
    text = str(row["text"])
    return {"text": text, "message_ids": [row["id"]], "terms": _CODE.findall(text)[:1]}


def _told(blocks: Mapping[str, str]) -> dict[str, Any]:
    codes = _CODE.findall(json.loads(blocks["question"])["text"])
    for line in blocks["passages"].splitlines():
        row = json.loads(line)
        if codes and codes[0] in row["question"]:
            n = row["n"]
            return {
                "reason": "the same",
                "answer": f"{row['answer']} [{n}]",
                "citations": [n],
                "confidence": 0.95,
            }
    return {"reason": "no passage has the code", "answer": "", "citations": [], "confidence": 0.0}
