"""Separable filters as banded matrices: ``down @ pixels @ across.T``, block by block.

On a CPU the few blocks of a matrix that are not zero are multiplied several times faster, forward
and backward, than a convolution runs, and what lies beyond the edge is part of the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 64
_NO_BLUR = 1e-3
"""A sigma, in px, at which even the next pixel's weight is 0."""

Edge = Literal["zero", "mirror", "repeat"]


@dataclass(frozen=True)
class Band:
    """Square matrices, ``n n`` or one a channel, that are 0 but ``reach`` beside the diagonal."""

    matrix: Tensor
    reach: int

    @property
    def transposed(self) -> Band:
        """The band with rows and columns exchanged."""
        return Band(self.matrix.mT, self.reach)

    def blocks(self) -> list[tuple[Tensor, slice]]:
        """Blocks of rows, each cut to the columns that are not zero, and which these are."""
        n = self.matrix.shape[-1]
        starts = range(0, n, BLOCK)
        columns = [slice(max(0, at - self.reach), at + BLOCK + self.reach) for at in starts]
        rows = torch.split(self.matrix, BLOCK, dim=-2)
        return [(row[..., used], used) for row, used in zip(rows, columns, strict=True)]


def band(kernels: Float[Tensor, "*c k"], n: int, edge: Edge) -> Band:
    """The matrix that correlates ``n`` values with a kernel of odd length centred on each.

    Args:
        kernels: weights from the left neighbour to the right one; or several, one a channel.
        n: how many values there are.
        edge: what lies beyond them: ``zero``; ``mirror``, d c b a | a b c d | d c b a; or
            ``repeat``, a a a a | a b c d | d d d d.
    """
    reach = kernels.shape[-1] // 2
    steps = torch.arange(-reach, reach + 1, device=kernels.device)
    sources = torch.arange(n, device=kernels.device)[:, None] + steps
    weights = kernels[..., None, :].expand(*kernels.shape[:-1], n, -1)
    if edge == "zero":
        weights = weights * ((sources >= 0) & (sources < n))
    if edge == "mirror":
        sources = sources % (2 * n)
        sources = torch.minimum(sources, 2 * n - 1 - sources)
    sources = sources.clamp(0, n - 1).expand_as(weights)
    matrix = kernels.new_zeros(*weights.shape[:-1], n).scatter_add(-1, sources, weights)
    return Band(matrix, reach)


def filtered(pixels: Float[Tensor, "*b c h w"], down: Band, across: Band) -> Tensor:
    """``pixels`` with their columns filtered by ``down`` and their rows by ``across``."""
    result: Tensor = _Filter.apply(pixels, down, across)  # type: ignore[no-untyped-call]
    return result


def gaussian(sigma_px: float, radius: int) -> Float[Tensor, " k"]:
    """A Gaussian of 2 radius + 1 weights that sum to 1, in float64; for a sigma of 0, one alone."""
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    return torch.softmax(-0.5 * (offsets / max(sigma_px, _NO_BLUR)) ** 2, dim=0)


class _Filter(torch.autograd.Function):
    """Its gradient is itself with both bands transposed, which spares autograd every block."""

    @staticmethod
    def forward(ctx: Any, pixels: Tensor, down: Band, across: Band) -> Tensor:
        ctx.bands = down.transposed, across.transposed
        rows = [pixels[..., used] @ block.mT for block, used in across.blocks()]
        pixels = torch.cat(rows, dim=-1)
        return torch.cat([block @ pixels[..., used, :] for block, used in down.blocks()], dim=-2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,), (down, across) = gradients, ctx.bands
        return filtered(gradient, down, across), None, None
