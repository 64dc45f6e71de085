"""Texts through a sentence-transformers model: what it reads of them, and the vectors it gives.

The vector of a text depends on the text alone. A matrix product of fewer than ``_LEAST_ROWS`` rows takes
another path with other rounding (measured: up to 4e-7), so there are never fewer. ``ByLayers`` computes
BERT's layers itself: texts of any length share every matrix product and nothing is padded but the least
number of rows, and one pass gives the vector from halfway up and that of the whole model. ``ByLibrary``
leaves a model of another kind to the library, texts of one length together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from vigilbot.ports import Vector

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

T = TypeVar("T")
Want = tuple[str, bool]
"""A text, and whether its vector is wanted from halfway up (else from the whole model)."""

_PACK = 2048  # tokens computed at once at the most
_SPLIT = 64  # tokens from which two threads are sooner done than one
_LEAST_ROWS = 32
_PROBES = ("The server is down", "It fails after the upgrade with ERR-42; what can we do about it? " * 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What a model reads of one text, and which of its vectors are wanted."""

    text: str
    tokens: int
    features: Mapping[str, Any]  # tensors of one row
    whole: bool
    halfway: bool


class Reader(Protocol):
    """Both steps run in any thread."""

    halfway: int | None
    """How many layers make halfway; None where a model cannot be read there."""
    width: int
    """Of a vector from halfway up."""

    def packs(self, wants: Sequence[Want], threads: int) -> list[list[Read]]:
        """What can be computed side by side."""
        ...

    def vectors(self, pack: Sequence[Read]) -> dict[Want, Vector]:
        """Of length 1."""
        ...


def reader_of(encoder: SentenceTransformer) -> Reader:
    """By its layers where they are known and give what the library gives."""
    library = ByLibrary(encoder)
    if not ByLayers.can_read(encoder):
        return library
    layers = ByLayers(encoder)
    wants = [(text, False) for text in _PROBES]
    found = [
        {k: v for p in each.packs(wants, 1) for k, v in each.vectors(p).items()} for each in (library, layers)
    ]
    same = all(np.abs(found[0][want] - found[1][want]).max() < 1e-5 for want in wants)
    return layers if same else library


class ByLibrary:
    halfway: int | None = None
    width = 0

    def __init__(self, encoder: SentenceTransformer) -> None:
        self._encoder = encoder

    def packs(self, wants: Sequence[Want], threads: int) -> list[list[Read]]:
        shapes: dict[int, list[Read]] = {}
        for read in _reads(self._encoder, wants):
            shapes.setdefault(read.tokens, []).append(read)
        return [
            pack
            for tokens, reads in sorted(shapes.items(), reverse=True)
            for pack in chunks(reads, max(1, _PACK // tokens))
        ]

    def vectors(self, pack: Sequence[Read]) -> dict[Want, Vector]:
        import torch

        rows = [*pack, *([pack[-1]] * (-(-_LEAST_ROWS // pack[0].tokens) - len(pack)))]
        joined = {name: torch.cat([read.features[name] for read in rows]) for name in pack[0].features}
        with torch.inference_mode():
            found = self._encoder(joined)["sentence_embedding"].float().numpy()
        return dict(zip([(read.text, False) for read in pack], _units(found), strict=False))


class ByLayers:
    """For models whose transformer is BERT, as transformers has it; halfway is two thirds of its layers."""

    def __init__(self, encoder: SentenceTransformer) -> None:
        self._encoder = encoder
        modules: list[Any] = list(encoder)
        transformer, self._pooling, *self._after = modules
        self._bert: Any = transformer.auto_model
        self._layers = list(self._bert.encoder.layer)
        self.halfway: int | None = len(self._layers) * 2 // 3
        self.width: int = self._pooling.get_embedding_dimension()

    @staticmethod
    def can_read(encoder: SentenceTransformer) -> bool:
        """Whether all that is computed here is known; what it comes to is checked by ``reader_of``."""
        modules: list[Any] = list(encoder)
        model: Any = getattr(modules[0], "auto_model", None)
        if type(model).__name__ != "BertModel" or len(modules) < 2:
            return False
        return getattr(model.config, "hidden_act", "") == "gelu" and not model.config.is_decoder

    def packs(self, wants: Sequence[Want], threads: int) -> list[list[Read]]:
        reads = sorted(_reads(self._encoder, wants), key=lambda read: read.tokens, reverse=True)
        total = sum(read.tokens for read in reads)
        packs: list[list[Read]] = [
            [] for _ in range(max(-(-total // _PACK), min(threads, total // _SPLIT), 1))
        ]
        filled = [0] * len(packs)
        for read in reads:  # the longest first, into the pack with most room
            least = filled.index(min(filled))
            packs[least].append(read)
            filled[least] += read.tokens
        return [pack for pack in packs if pack]

    def vectors(self, pack: Sequence[Read]) -> dict[Want, Vector]:
        import torch

        reads = sorted(pack, key=lambda read: not read.whole)  # those that go on after halfway come first
        whole = [read for read in reads if read.whole]
        with torch.inference_mode():
            rows = self._embedded(reads)
            for layer in self._layers[: self.halfway]:
                rows = self._through(layer, rows, reads)
            halfway = {
                read.text: self._pooled(part, ())
                for read, part in zip(reads, _parts(rows, reads), strict=True)
                if read.halfway
            }
            wholly: dict[str, Vector] = {}
            if whole:
                rows = rows[: max(_LEAST_ROWS, sum(read.tokens for read in whole))]
                for layer in self._layers[self.halfway :]:
                    rows = self._through(layer, rows, whole)
                for read, part in zip(whole, _parts(rows, whole), strict=True):
                    wholly[read.text] = self._pooled(part, self._after)
        return {
            (text, depth): vector
            for depth, found in ((True, halfway), (False, wholly))
            if found  # what comes after the pooling may give vectors of another length
            for text, vector in zip(found, _units(np.stack(list(found.values()))), strict=True)
        }

    def _embedded(self, reads: Sequence[Read]) -> Any:
        """The tokens of all texts, one a row, and as many more that nobody looks at as are needed."""
        import torch

        spare = torch.zeros(max(0, _LEAST_ROWS - sum(read.tokens for read in reads)), dtype=torch.long)
        ids = torch.cat([*(read.features["input_ids"][0] for read in reads), spare])
        kinds = [read.features.get("token_type_ids") for read in reads]
        types = torch.cat(
            [
                *(
                    k[0] if k is not None else spare.new_zeros(r.tokens)
                    for k, r in zip(kinds, reads, strict=True)
                ),
                spare,
            ]
        )
        places = torch.cat([*(torch.arange(read.tokens) for read in reads), spare])
        return self._bert.embeddings(
            input_ids=ids[None], token_type_ids=types[None], position_ids=places[None]
        )[0]

    def _through(self, layer: Any, rows: Any, reads: Sequence[Read]) -> Any:
        """One layer of BERT; a text's tokens attend to one another and to nothing else."""
        import torch
        from torch.nn import functional

        own, after = layer.attention.self, layer.attention.output
        heads = [
            each(rows).view(len(rows), own.num_attention_heads, -1).transpose(0, 1)
            for each in (own.query, own.key, own.value)
        ]
        seen = []
        end = 0
        for read in reads:
            start, end = end, end + read.tokens
            part = [each[None, :, start:end] for each in heads]
            seen.append(functional.scaled_dot_product_attention(*part)[0].transpose(0, 1).flatten(1))
        if end < len(rows):
            seen.append(rows[end:])
        attended = after.LayerNorm(after.dense(torch.cat(seen)) + rows)
        wide = functional.gelu(layer.intermediate.dense(attended))
        return layer.output.LayerNorm(layer.output.dense(wide) + attended)

    def _pooled(self, part: Any, after: Sequence[Any]) -> Vector:
        import torch

        features = {
            "token_embeddings": part[None],
            "attention_mask": torch.ones(1, len(part), dtype=torch.long),
        }
        for module in (self._pooling, *after):
            features = module(features)
        found: Vector = features["sentence_embedding"][0].float().numpy()
        return found


def _reads(encoder: SentenceTransformer, wants: Sequence[Want]) -> Iterator[Read]:
    import torch

    wanted: dict[str, set[bool]] = {}
    for text, halfway in wants:
        wanted.setdefault(text, set()).add(halfway)
    for text, depths in wanted.items():
        features = encoder.preprocess([text.encode("utf-8", "replace").decode()])
        tensors = {name: value for name, value in features.items() if isinstance(value, torch.Tensor)}
        yield Read(
            text=text,
            tokens=tensors["input_ids"].shape[1],
            features=tensors,
            whole=False in depths,
            halfway=True in depths,
        )


def _parts(rows: Any, reads: Sequence[Read]) -> Iterator[Any]:
    end = 0
    for read in reads:
        start, end = end, end + read.tokens
        yield rows[start:end]


def _units(rows: Vector) -> Vector:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    units: Vector = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return units


def chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
