"""Answers of which it is known whether they say the same: from a file, from labels, from a replay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from vigilbot.errors import BadInput
from vigilbot.evals.gold import Labels
from vigilbot.evals.theta import Pair, Told, without_links
from vigilbot.ledger.rows import unpack_citations
from vigilbot.text import canonical_url, plain

_LINE: Final = 'One JSON object a line: {"a": "...", "b": "...", "same": true}'
_LONGEST: Final = 10_000_000  # bytes of a line

LEARNED: Final = (
    "SELECT question, answer, citations, channel FROM knowledge WHERE valid_to IS NULL AND retracted = 0 "
    "ORDER BY seq"
)
"""Rows for ``told_by_knowledge``."""


def read_pairs(path: Path) -> list[Pair]:
    """A file of labelled pairs; ``group`` names what hangs together. Raises BadInput with the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BadInput("cannot be read", place=str(path), remedy=_LINE) from error
    found = [_pair(line, f"{path}:{n}", path.name) for n, line in enumerate(lines, start=1) if line.strip()]
    if not found:
        raise BadInput("no pairs", place=str(path), remedy=_LINE)
    return found


def _pair(line: str, place: str, source: str) -> Pair:
    try:
        record = json.loads(line) if len(line) < _LONGEST else None
    except ValueError as error:
        raise BadInput("is not JSON", place=place, remedy=_LINE) from error
    except RecursionError as error:
        raise BadInput("is nested too deeply", place=place, remedy=_LINE) from error
    if not isinstance(record, dict):
        raise BadInput("is not a JSON object", place=place, remedy=_LINE)
    a, b, same = record.get("a"), record.get("b"), record.get("same")
    if not isinstance(a, str) or not isinstance(b, str) or not a.strip() or not b.strip():
        raise BadInput("a and b are not two texts", place=place, remedy=_LINE)
    if not isinstance(same, bool):
        raise BadInput("same is neither true nor false", place=place, remedy=_LINE)
    return Pair(a=a, b=b, same=same, group=str(record.get("group") or source), source=source)


def told_by_labels(labels: Labels) -> list[Told]:
    """Of every resolved question what the analysts wrote, and what the labels say it was."""
    found = []
    for oncall in labels.oncalls:
        for number, question in enumerate(oncall.questions):
            written = "\n".join(plain(oncall.messages[at].text) for at in question.answered)
            key = f"{oncall.source}/{oncall.thread}/{number}"
            for text in (written, question.answer) if question.answer and written.strip() else ():
                found.append(Told(text=text, question=question.question, key=key, group=oncall.source))
    return found


def told_by_knowledge(rows: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Learned answers that lead to one document, without its link, which would tell what they lead to."""
    found = []
    for row in rows:
        documents = {canonical_url(c.url) for c in unpack_citations(row["citations"]) if c.url}
        text = without_links(row["answer"])
        if len(documents) == 1 and text:
            found.append(Told(text=text, question=row["question"], key=documents.pop(), group=row["channel"]))
    return found
