"""Vectors without a model: words and their pieces, hashed into a few hundred dimensions."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence

import numpy as np

from vigilbot.ports import Vector

_WORD = re.compile(r"\w+")
_CHARACTERS = 4096
_PIECE = 4  # characters
_PIECE_WEIGHT = 0.35


class HashEmbedder:
    """``ports.Embedder``: texts that share words, or long pieces of words, are alike; nothing else is.

    Deterministic, the same in every process and on every machine. For tests, and where no model
    may run.
    """

    def __init__(self, *, dimensions: int = 256) -> None:
        self._dimensions = dimensions

    @property
    def model(self) -> str:
        return f"hash-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> Vector:
        vectors = np.zeros((len(texts), self._dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for feature, weight in _features(text[:_CHARACTERS]).items():
                digest = zlib.crc32(feature.encode("utf-8", "replace"))
                row[digest % self._dimensions] += weight if digest & 0x10000 else -weight
            length = float(np.linalg.norm(row))
            if length:
                row /= length
            else:  # features that cancel each other
                row[0] = 1.0
        return vectors


def _features(text: str) -> dict[str, float]:
    """Each once, however often it occurs: a repeated word is no stronger likeness."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold()) or [""]
    features: dict[str, float] = {}
    for word in dict.fromkeys(words):
        features[f"w {word}"] = 1.0
        padded = f"^{word}$"
        for start in range(len(padded) - _PIECE + 1):
            features[f"p {padded[start : start + _PIECE]}"] = _PIECE_WEIGHT
    return features
