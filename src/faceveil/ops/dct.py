"""The discrete cosine transform of blocks of 8 x 8 px, orthonormal, as JPEG takes it.

    X[u, v] = sum_yx C[u, y] C[v, x] p[y, x]      C[k, n] = a_k cos(pi (2n + 1) k / 16)
    a_0 = sqrt(1/8),  a_k = sqrt(2/8) for k > 0

u counts waves down, v waves across. C is orthogonal, so the inverse is the transpose and the sum of
squares stays. Source: Ahmed, Natarajan, Rao, "Discrete cosine transform", 1974 (type II).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

SIDE = 8
"""Pixels along a block."""


def block_dct(pixels: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 64 h//8 w//8"]:
    """The coefficients of every block, X[u, v] at index 8u + v; h and w are multiples of 8."""
    b, c, height, width = pixels.shape
    blocks = pixels.reshape(b, c, height // SIDE, SIDE, width // SIDE, SIDE)
    cosines = _cosines(pixels)
    return torch.einsum("uy,bchywx,vx->bcuvhw", cosines, blocks, cosines).flatten(2, 3)


def block_idct(coefficients: Float[Tensor, "b c 64 h w"]) -> Float[Tensor, "b c 8*h 8*w"]:
    """The pixels whose :func:`block_dct` these are."""
    b, c, _, height, width = coefficients.shape
    blocks = coefficients.reshape(b, c, SIDE, SIDE, height, width)
    cosines = _cosines(coefficients)
    pixels = torch.einsum("uy,bcuvhw,vx->bchywx", cosines, blocks, cosines)
    return pixels.reshape(b, c, height * SIDE, width * SIDE)


def _cosines(like: Tensor) -> Float[Tensor, "8 8"]:
    """C."""
    n = torch.arange(SIDE, dtype=torch.float64)
    cosines = torch.cos(math.pi / (2 * SIDE) * (2 * n + 1) * n[:, None]) * math.sqrt(2 / SIDE)
    cosines[0] = math.sqrt(1 / SIDE)
    return cosines.to(like)
