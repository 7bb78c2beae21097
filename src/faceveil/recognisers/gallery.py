"""Faces one recogniser has seen, to be searched: who of these does this look like?"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.errors import ModelError, UsageError
from faceveil.io import atomic
from faceveil.recognisers.card import Card

FAISS_ROWS = 1_000_000
"""From this many rows on, faiss searches, where it is installed."""

_CELLS = 1 << 23  # similarities held at once: 32 MB, and twice that for their keys


@dataclass(frozen=True)
class Matches:
    """What a search found: for each query its entries' labels and cosines, the most similar first.

    It has ``min(k, size of the gallery)`` columns and is false when it is empty.
    """

    labels: tuple[tuple[str, ...], ...]
    similarities: Float[Tensor, "q k"]

    def __bool__(self) -> bool:
        return self.similarities.numel() > 0


class Gallery:
    """Labelled unit vectors of one recogniser.

    Args:
        card: the recogniser's; its name and SHA-256 are saved with the vectors.
        faiss_rows: from how many rows on faiss searches, if installed; its results are the same.
    """

    def __init__(self, card: Card, *, faiss_rows: int = FAISS_ROWS):
        self.card = card
        self.labels: list[str] = []
        self._faiss_rows = faiss_rows
        self._blocks = [torch.empty(0, card.embedding_size)]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def embeddings(self) -> Float[Tensor, "n d"]:
        """All vectors in the order they were added, float32 on the CPU."""
        if len(self._blocks) > 1:
            self._blocks = [torch.cat(self._blocks)]
        return self._blocks[0]

    def add(self, labels: Sequence[str], embeddings: Float[Tensor, "n d"]) -> None:
        """Append one entry for each label.

        Raises:
            UsageError: the counts differ, or these are not unit vectors of this recogniser's size.
        """
        rows = self._vectors(embeddings)
        if len(labels) != len(rows):
            raise UsageError(f"{len(rows)} embeddings need as many labels, not {len(labels)}.")
        self.labels.extend(labels)
        self._blocks.append(rows)

    def search(self, queries: Float[Tensor, "q d"], k: int) -> Matches:
        """The ``k`` entries most similar to each query; of equal ones, those added first.

        Raises:
            UsageError: ``k`` is not positive, or these are not this recogniser's unit vectors.
        """
        if k < 1:
            raise UsageError(f"A search needs at least one result, not {k}.")
        rows, k = self._vectors(queries), min(k, len(self))
        search = _search_faiss if len(self) >= self._faiss_rows and _has_faiss() else _search
        keys = search(rows, self.embeddings, k)
        labels = tuple(
            tuple(self.labels[column] for column in row) for row in _columns(keys).tolist()
        )
        return Matches(labels, _values(keys))

    def save(self, path: Path) -> None:
        """Write the gallery as safetensors, whole or not at all."""
        from safetensors.torch import save

        # Labels lie in a tensor: the header of safetensors ends at 100 MB, some million names.
        text = bytearray(json.dumps(self.labels).encode())
        labels = torch.frombuffer(text, dtype=torch.uint8)
        origin = {"recogniser": self.card.name, "sha256": self.card.sha256}
        data = save({"embeddings": self.embeddings, "labels": labels}, origin)
        atomic.write(path, data, overwrite=True)

    @classmethod
    def load(cls, path: Path, card: Card, *, faiss_rows: int = FAISS_ROWS) -> Gallery:
        """The gallery :meth:`save` wrote.

        Raises:
            ModelError: the file is missing or damaged, or belongs to another recogniser.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                origin = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in ("embeddings", "labels")}
            labels = json.loads(tensors["labels"].numpy().tobytes())
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"{path}: this is no gallery that can be read ({error}).") from None
        if (origin.get("recogniser"), origin.get("sha256")) != (card.name, card.sha256):
            raise ModelError(
                f"{path}: this gallery was made with the recogniser {origin.get('recogniser')} "
                f"(SHA-256 {origin.get('sha256')}), not with {card.name} ({card.sha256}): "
                "embeddings of two networks cannot be compared. Build it again."
            )
        gallery = cls(card, faiss_rows=faiss_rows)
        try:
            gallery.add(labels, tensors["embeddings"])
        except UsageError as error:
            raise ModelError(f"{path}: this gallery is damaged. {error}") from None
        return gallery

    def _vectors(self, embeddings: Tensor) -> Tensor:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.card.embedding_size:
            raise UsageError(
                f"{self.card.name} gives {self.card.embedding_size} numbers a face, not "
                f"{tuple(embeddings.shape)}."
            )
        rows = embeddings.detach().to("cpu", torch.float32)
        # NaN fails this comparison too.
        if not ((rows.norm(dim=1) - 1).abs() < 1e-3).all():
            raise UsageError("A gallery holds unit vectors; these have other lengths.")
        return rows


def top_k(similarities: Float[Tensor, "q n"], k: int) -> Int[Tensor, "q k"]:
    """Columns of the ``k`` largest values of each row, largest first; of equal ones the leftmost.

    Values are compared as float32.
    """
    columns = torch.arange(similarities.shape[1], device=similarities.device)
    return _columns(_keys(similarities, columns).topk(k).values)


def _search(queries: Tensor, rows: Tensor, k: int) -> Tensor:
    """Keys of the ``k`` nearest rows, block by block so that memory stays bounded."""
    best = [torch.empty(0, k, dtype=torch.int64)]
    for some in torch.split(queries, 256):
        keys = torch.empty(len(some), 0, dtype=torch.int64)
        start = 0
        for block in torch.split(rows, max(1, _CELLS // max(1, len(some)))):
            columns = torch.arange(start, start + len(block))
            keys = torch.cat([keys, _keys(some @ block.T, columns)], dim=1)
            keys = keys.topk(min(k, keys.shape[1])).values
            start += len(block)
        best.append(keys)
    return torch.cat(best)


def _search_faiss(queries: Tensor, rows: Tensor, k: int) -> Tensor:
    """The same by faiss, which does not say whom it leaves out of a tie for the last place."""
    import faiss

    n_asked = min(k + 1, len(rows))
    found = faiss.knn(queries.numpy(), rows.numpy(), n_asked, metric=faiss.METRIC_INNER_PRODUCT)
    keys = _keys(*map(torch.from_numpy, found)).sort(descending=True).values
    if n_asked > k:
        tied = _values(keys[:, k - 1]) == _values(keys[:, k])
        keys = keys[:, :k]
        keys[tied] = _search(queries[tied], rows, k)
    return keys


def _has_faiss() -> bool:
    return importlib.util.find_spec("faiss") is not None


# A 64-bit key holds a float32 above the complement of its column, so that the plain order of keys
# is the order of values and, among equal values, the reverse order of columns. No two keys are
# equal, which makes topk stable.
_MASK = 0xFFFFFFFF


def _keys(values: Tensor, columns: Tensor) -> Tensor:
    bits = (values.float() + 0.0).contiguous().view(torch.int32)  # + 0.0 turns -0.0 into 0.0
    return (_ordered(bits).long() << 32) | (_MASK - columns)


def _columns(keys: Tensor) -> Tensor:
    return _MASK - (keys & _MASK)


def _values(keys: Tensor) -> Tensor:
    return _ordered((keys >> 32).int()).view(torch.float32)


def _ordered(bits: Tensor) -> Tensor:
    """Bits of float32 as integers of the same order; its own inverse."""
    return torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
