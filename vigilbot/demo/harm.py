"""What can be taken from the bot on the demonstration's page, to watch how it goes on and recovers.

The demonstration has no language model. Its extractive engine stands where one would, before the same engine
as the fallback: what the bot does when the model is away is what it does with a real one.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from vigilbot.app import INDEX, Parts
from vigilbot.domain import Answer, Dialogue, Extraction, Identification, Message, Passage, Question, Review
from vigilbot.errors import EngineError
from vigilbot.knowledge.search import index_space
from vigilbot.ports import Engine
from vigilbot.serve.condition import index_figures

Json = dict[str, Any]


class Stoppable:
    """An engine that fails while it is ``stopped``, as a language model's server that is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.stopped = False

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def version(self) -> str:
        return self._engine.version

    @property
    def post_threshold(self) -> float:
        return self._engine.post_threshold

    async def identify(self, dialogue: Dialogue, newest: Sequence[Message], *, scope: str) -> Identification:
        return await self._there().identify(dialogue, newest, scope=scope)

    async def rewrite(self, dialogue: Dialogue, newest: Sequence[Message]) -> tuple[Question, ...]:
        return await self._there().rewrite(dialogue, newest)

    async def answer(self, dialogue: Dialogue, question: Question, passages: Sequence[Passage]) -> Answer:
        return await self._there().answer(dialogue, question, passages)

    async def review(self, dialogue: Dialogue, question: Question, answer: Answer) -> Review:
        return await self._there().review(dialogue, question, answer)

    async def extract(self, dialogue: Dialogue, question: Question) -> tuple[Extraction, ...]:
        return await self._there().extract(dialogue, question)

    def _there(self) -> Engine:
        if self.stopped:
            raise EngineError("the model was stopped on the page")
        return self._engine


class Harm:
    """``cut`` breaks the bot's connections to its platform."""

    def __init__(self, *, model: Stoppable, folder: Path, cut: Callable[[], Awaitable[None]]) -> None:
        self._model = model
        self._folder = folder
        self._cut = cut

    def state(self) -> list[Json]:
        """As the page draws faults: name, label, help, kind (switch, deed), value."""
        told = (
            (
                "model",
                "switch",
                "Stop the model",
                "Until it is back only verified answers; lessons wait",
            ),
            ("index", "deed", "Delete the index", "Its files go; exact search gives the same answers"),
            ("socket", "deed", "Cut the socket", "Without a word, as when a cable is pulled"),
        )
        return [
            {
                "name": name,
                "kind": kind,
                "label": label,
                "help": text,
                "value": name == "model" and self._model.stopped,
            }
            for name, kind, label, text in told
        ]

    async def do(self, name: str, value: bool, *, parts: Parts) -> None:
        """Raises LookupError for a name there is none of."""
        if name == "model":
            self._model.stopped = value
        elif name == "index":
            await asyncio.to_thread(shutil.rmtree, self._folder / INDEX, ignore_errors=True)
            await _search_everything(parts)
        elif name == "socket":
            await self._cut()
        else:
            raise LookupError(name)


async def _search_everything(parts: Parts) -> None:
    """What finds the harm: a search that the index would serve."""
    rows = await parts.ledger.fetch("SELECT DISTINCT tenant, space FROM embeddings")
    spaces = [index_space(row["tenant"], row["space"]) for row in rows]
    if spaces:
        [vector] = await parts.embedder.embed(["Is it still there?"])
        await parts.index.search(vector, spaces=spaces, limit=1)


def index_line(parts: Parts) -> tuple[str, str]:
    """What serves searches, and its level for the page."""
    index = index_figures(parts)
    if index is None:
        return "exact search", ""
    many = f"{index.vectors} vector{'s' if index.vectors != 1 else ''}"
    rebuilt = f", built anew {index.rebuilds} times" if index.rebuilds else ""
    if index.ready:
        return f"in step, {many}{rebuilt}", "ok"
    if index.rebuilds:
        return f"gone: exact search answers while it is built anew ({many})", "warning"
    return f"exact search, {many}", ""
