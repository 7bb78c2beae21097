"""Maximum mean discrepancy of photos, as TIP-IM measures how natural a batch of masks looks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

SIGMAS = (
    *(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 5.0, 10.0, 15.0),
    *(20.0, 25.0, 30.0, 35.0, 1e2, 1e3, 1e4, 1e5, 1e6),
)
"""Bandwidths of the 19 Gaussian kernels, in squared units of 1/255 (public code)."""


def mmd(x: Float[Tensor, "n c h w"], y: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    """Squared maximum mean discrepancy of two batches of photos in [0, 1].

    mean k(x, x) + mean k(y, y) - 2 mean k(x, y), where k sums 19 Gaussians
    exp(-||u - v||^2 / (2 sigma)) of pixels in 0..255 (public code).
    """
    u, v = (255 * photos.flatten(1) for photos in (x, y))
    return _kernel(u, u).mean() + _kernel(v, v).mean() - 2 * _kernel(u, v).mean()


def mmd_alone(change: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """N^2 times the MMD of each photo padded to a batch of N by photos that do not change.

    In such a batch every kernel between the photo and a padding photo occurs as often with plus as
    with minus, so the padding cancels whatever it shows and 38 - 2 sum_k exp(-||d||^2 / 2 sigma_k)
    is left of N^2 MMD. That is why gamma's effect falls with the square of the batch.
    """
    distance = (255 * change).square().sum(dim=(1, 2, 3))
    sigmas = change.new_tensor(SIGMAS)
    return 2 * (1 - torch.exp(-distance[:, None] / (2 * sigmas))).sum(dim=1)


def _kernel(u: Tensor, v: Tensor) -> Tensor:
    distance = torch.cdist(u, v, compute_mode="donot_use_mm_for_euclid_dist").square()
    return torch.exp(-distance[..., None] / (2 * u.new_tensor(SIGMAS))).sum(-1)
