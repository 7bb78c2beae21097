"""What a picture of a face is expected to look like, whoever it shows."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.ops import warp
from faceveil.ops.band import Band, band, filtered, gaussian


def total_variation(images: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """The mean absolute difference of neighbours, across plus down."""
    across = (images[..., 1:] - images[..., :-1]).abs().flatten(1).mean(1)
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().flatten(1).mean(1)
    return across + down


def smoother(sigma_px: float, side_px: int) -> Band:
    """A Gaussian blur of squares of ``side_px``, for :func:`smooth`."""
    reach = min(max(1, math.ceil(3 * sigma_px)), side_px - 1)
    return band(gaussian(sigma_px, reach).float(), side_px, "mirror")


def smooth(images: Float[Tensor, "b c s s"], blur: Band) -> Float[Tensor, "b c s s"]:
    """The images blurred; differentiable."""
    blur = Band(blur.matrix.to(images), blur.reach)
    return filtered(images, blur, blur)


def reframed(
    images: Float[Tensor, "b c s s"], jitter: float, draw: torch.Generator
) -> Float[Tensor, "b c s s"]:
    """Each image as the recogniser might also have been shown it: mirrored, moved, turned, scaled.

    Args:
        images: in [0, 1].
        jitter: of each corner, a deviation as a share of the side; the similarity that fits the
            four best is applied.
        draw: of all draws.
    """
    n, side = len(images), images.shape[-1]
    mirror = torch.rand(n, 1, 1, 1, generator=draw) < 0.5
    images = torch.where(mirror.to(images.device), images.flip(3), images)
    ends = (0.0, side - 1.0)
    corners = images.new_tensor([(x, y) for x in ends for y in ends])
    moved = corners + jitter * side * torch.randn(n, 4, 2, generator=draw).to(images)
    return warp.sample(images, warp.similarity(corners.expand(n, -1, -1), moved), side)
