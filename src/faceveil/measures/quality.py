"""How much two pictures differ to the eye: PSNR and SSIM, differentiable, one figure a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError

WINDOW_PX = 11
SIGMA_PX = 1.5
K1, K2 = 0.01, 0.03


def psnr(images: Float[Tensor, "b c h w"], others: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio in dB, 10 log10(1 / MSE); infinite where the two are equal.

    Args:
        images: values in [0, 1].
        others: what they are compared with.

    Raises:
        UsageError: the shapes differ.
    """
    _same_shape(images, others)
    error = (images - others).square().flatten(1).mean(1)
    return -10 * error.log10()


def ssim(images: Float[Tensor, "b c h w"], others: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Structural similarity, 1 where the two are equal.

    SSIM = (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)) of Wang, Bovik,
    Sheikh and Simoncelli (2004, eq. 13) with C = (0.01^2, 0.03^2), its moments weighted by a
    Gaussian of 11 x 11 pixels and sigma 1.5, averaged over the places where the window fits and
    over channels. Channels are taken one at a time, which bounds the memory.

    Args:
        images: values in [0, 1], at least 11 px on each side.
        others: what they are compared with.

    Raises:
        UsageError: the shapes differ or a side is shorter than 11 px.
    """
    _same_shape(images, others)
    if min(images.shape[-2:]) < WINDOW_PX:
        height, width = images.shape[-2:]
        raise UsageError(
            f"SSIM needs pictures of at least {WINDOW_PX} px a side, these are {width} x {height}."
        )
    pairs = zip(torch.split(images, 1, dim=1), torch.split(others, 1, dim=1), strict=True)
    return torch.stack([_ssim_map(x, y).flatten(1).mean(1) for x, y in pairs]).mean(0)


def _ssim_map(x: Tensor, y: Tensor) -> Tensor:
    window = _gaussian(x)
    mx, my = _blur(x, window), _blur(y, window)
    products, squares = mx * my, mx.square() + my.square()
    covariance = _blur(x * y, window) - products
    # Only the sum of the two variances is needed, so one blur serves both.
    variances = _blur(x.square() + y.square(), window) - squares
    c1, c2 = K1**2, K2**2
    return ((2 * products + c1) * (2 * covariance + c2)) / ((squares + c1) * (variances + c2))


def _gaussian(like: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW_PX, dtype=like.dtype, device=like.device) - WINDOW_PX // 2
    weights = (-0.5 * (offsets / SIGMA_PX).square()).exp()
    return weights / weights.sum()


def _blur(x: Tensor, window: Tensor) -> Tensor:
    """``x`` filtered along its columns, then its rows; a two-dimensional Gaussian is separable."""
    return F.conv2d(F.conv2d(x, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))


def _same_shape(images: Tensor, others: Tensor) -> None:
    if images.shape != others.shape:
        raise UsageError(
            f"Pictures of one shape are compared, not {tuple(images.shape)} and "
            f"{tuple(others.shape)}."
        )
