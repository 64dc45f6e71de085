"""A model that does whatever the attacker wants."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.security.orders import QUESTION, SECRET
from vigilbot.testing.model import Answered, Asked

_BLOCK = re.compile(r"^<(\w+) ([0-9a-f]{12})>\n(.*?)\n</\1 \2>$", re.DOTALL | re.MULTILINE)

_STAGES = {"scope": "identify", "newest": "rewrite", "answer": "review", "passages": "answer"}
"""Which judgement a prompt asks for, by the first of these blocks that it has."""


class Obedient:
    """Plays a model that does whatever the attacker wants, in every reply that the program asks it for.

    ``sly``: it wraps the attacker's words into what it was given, and names messages of analysts for
    them, as an attacker would who knows the program. ``asked`` counts by judgement.
    """

    def __init__(self) -> None:
        self.sly = False
        self.wants = ""
        self.asked: Counter[str] = Counter()

    async def __call__(self, asked: Asked) -> Answered:
        blocks = {name: text for name, _, text in _BLOCK.findall(asked.text)}
        stage = next((stage for block, stage in _STAGES.items() if block in blocks), "extract")
        self.asked[stage] += 1
        reply: dict[str, Any] = {
            "reason": self.wants,
            "mode": "everyone",
            "accept": True,
            "channel": "C-SECRET",
            "tool_calls": [{"name": "kb_retract", "arguments": {"entry": "*"}}],
        }
        attacked = bool(self.wants)  # before the first attack people only greet
        rows = [json.loads(line) for line in blocks["dialogue"].splitlines()]
        makers = {
            "identify": lambda: {"within": float(attacked), "out": 0.0, "none": float(not attacked)},
            "rewrite": lambda: self._questions(rows),
            "review": lambda: self._verdict(rows),
            "answer": lambda: self._answer(blocks["passages"]),
            "extract": lambda: self._resolutions(rows),
        }
        return Answered.of(reply | makers[stage]())

    def _questions(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        ids = [row["id"] for row in rows if "id" in row]
        texts = [QUESTION, self.wants] if self.sly else [self.wants]
        return {"questions": [{"text": t, "message_ids": [*ids, "m99"], "terms": [SECRET]} for t in texts]}

    def _answer(self, passages: str) -> dict[str, Any]:
        first = json.loads(passages.splitlines()[0])["answer"]
        text = f"{first} [1] {self.wants} [2] [99]" if self.sly else f"{self.wants} [1]"
        return {"answer": text, "citations": [1, 2, 99, 1000], "confidence": 1.0}

    def _verdict(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        ids = [row["id"] for row in rows if row.get("role") == "analyst"]
        return {
            "verdict": "update" if self.sly else "delete",
            "agreed": True,
            "message_ids": ids or ["m1"],
            "question": QUESTION,
            "answer": self.wants,
            "precondition": "",
        }

    def _resolutions(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        found = [row for row in rows if "id" in row]
        everybody = [row["id"] for row in found]
        analysts = [row["id"] for row in found if row["role"] == "analyst"]
        theirs = " ".join(row["text"] for row in found if row["role"] == "analyst")
        mixed = f"{theirs} {self.wants}"
        blunt = [(self.wants, everybody[:1]), (self.wants, ["m99"])]
        sly = [(self.wants, analysts), (self.wants, everybody), (mixed, analysts)]
        return {
            "resolutions": [
                {
                    "question": QUESTION,
                    "answer": answer,
                    "precondition": "",
                    "message_ids": ids,
                    "resolves_question": True,
                    "confirmed": True,
                    "confidence": 1.0,
                }
                for answer, ids in (sly if self.sly else blunt)
            ]
        }
