"""Random numbers that nobody outside can guess.

Whoever knows the draws of a mix can take it apart. InstaHide's were those of an ordinary generator,
whose state Carlini et al. ("Is private learning possible with instance encoding?", IEEE S&P 2021)
worked out from what had been published. A :data:`Source` is therefore the operating system's
(``secrets.token_bytes``), or a :func:`stream` under a secret key, which gives a run that goes on
after a stop the draws it would have had. The key belongs in checkpoints and nowhere else.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Draws = Literal["secret", "seeded"]
"""Whether a run's key is nobody's to know, or follows from its recipe's seed, to be repeated."""

Source = Callable[[int], bytes]
"""Gives as many random bytes as it is asked for."""


def new_key(draws: Draws) -> bytes:
    """The key of a run: the system's, or of torch's generator, which the recipe's seed has set."""
    if draws == "secret":
        return secrets.token_bytes(32)
    return bytes(torch.randint(256, (32,)).tolist())


def stream(key: bytes, *context: str | int) -> Source:
    """The bytes of one purpose, such as ``("mix", step)``: SHAKE-256 of key, context and count.

    Args:
        key: 32 bytes of ``secrets.token_bytes``.
        context: what the bytes are for; another context gives bytes that have nothing in common.
    """
    counts = itertools.count()

    def draw(n_bytes: int) -> bytes:
        message = repr((key, context, next(counts))).encode()
        return hashlib.shake_256(message).digest(n_bytes)

    return draw


def uniforms(draw: Source, *shape: int) -> Float[Tensor, "*shape"]:
    """Numbers evenly spread over (0, 1), 0 and 1 excluded."""
    words = np.frombuffer(draw(8 * int(np.prod(shape))), dtype="<u8")
    # 52 bits and a half: a float64 holds them exactly.
    return torch.from_numpy(((words >> np.uint64(12)) + 0.5) / 2.0**52).view(shape)


def normals(draw: Source, *shape: int) -> Float[Tensor, "*shape"]:
    """Numbers of the normal distribution with mean 0 and deviation 1."""
    return torch.special.ndtri(uniforms(draw, *shape))


def signs(draw: Source, *shape: int) -> Float[Tensor, "*shape"]:
    """Numbers that are 1 or -1, one random bit each."""
    n = int(np.prod(shape))
    bits = np.unpackbits(np.frombuffer(draw(-(-n // 8)), dtype=np.uint8), count=n)
    return torch.from_numpy(bits.astype(np.float32)).mul_(2).sub_(1).view(shape)
