"""Where every random draw begins: a run's seed and the content it is drawn for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def content_hash(data: bytes) -> str:
    """SHA-256 of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def derive(seed: int, *parts: str | int | bytes) -> int:
    """A 63-bit seed that depends on ``seed`` and every part, and on nothing else.

    Parts are length-prefixed and typed before hashing, so ``("a", "b")`` and ``("ab",)`` differ.
    """
    digest = hashlib.blake2b(digest_size=8)
    for part in (seed, *parts):
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{type(part).__name__}:{len(data)}:".encode() + data)
    return int.from_bytes(digest.digest(), "big") >> 1


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that every device draws the same numbers."""
    import torch

    return torch.Generator().manual_seed(seed)
