"""How much two pictures differ: PSNR, SSIM and MS-SSIM, differentiable, one figure a picture."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.measures.comparable import comparable
from faceveil.ops.band import band, filtered, gaussian
from faceveil.ops.power import power

WINDOW_PX = 11
SIGMA_PX = 1.5
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the scales of MS-SSIM, the finest first."""


def psnr(images: Float[Tensor, "b c h w"], others: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio in dB, 10 log10(1 / MSE); infinite where the two are equal.

    Args:
        images: values in [0, 1].
        others: what they are compared with.

    Raises:
        UsageError: the shapes differ.
    """
    comparable("PSNR", images, others)
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
    comparable("SSIM", images, others, WINDOW_PX)
    return torch.stack([_ssim(x, y) for x, y in _channels(images, others)]).mean(0)


def ms_ssim(
    images: Float[Tensor, "b c h w"], others: Float[Tensor, "b c h w"]
) -> Float[Tensor, " b"]:
    """Multi-scale structural similarity, 1 where the two are equal.

    l^w5 times the product of cs_j^wj over five scales j, each half the size of the one before, of
    Wang, Simoncelli and Bovik (2003, eq. 7), with the window and the constants of :func:`ssim`; l
    is the luminance term of the coarsest scale, cs contrast times structure. A mean below 0 counts
    as 0. Channels are averaged.

    Args:
        images: values in [0, 1], at least 161 px on each side.
        others: what they are compared with.

    Raises:
        UsageError: the shapes differ or a side is shorter than 161 px.
    """
    halvings = len(SCALE_WEIGHTS) - 1
    comparable("MS-SSIM", images, others, (WINDOW_PX - 1) * 2**halvings + 1)
    return torch.stack([_ms_ssim(x, y) for x, y in _channels(images, others)]).mean(0)


def _channels(images: Tensor, others: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(torch.split(images, 1, dim=1), torch.split(others, 1, dim=1), strict=True)


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    luminance, structure = _ssim_maps(x, y)
    return (luminance * structure).flatten(1).mean(1)


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    result = torch.ones_like(x[:, 0, 0, 0])
    for weight in SCALE_WEIGHTS[:-1]:
        _, structure = _ssim_maps(x, y)
        result = result * power(structure.flatten(1).mean(1), weight)
        x, y = (F.avg_pool2d(picture, 2, ceil_mode=True) for picture in (x, y))
    return result * power(_ssim(x, y), SCALE_WEIGHTS[-1])


def _ssim_maps(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance term, and contrast times structure; SSIM is the product of the two."""
    # Only the sum of the two variances is needed, so one blur serves both.
    mx, my, product, squares = _blur(torch.stack((x, y, x * y, x.square() + y.square())))
    products, means = mx * my, mx.square() + my.square()
    covariance, variances = product - products, squares - means
    c1, c2 = K1**2, K2**2
    return (2 * products + c1) / (means + c1), (2 * covariance + c2) / (variances + c2)


def _blur(x: Tensor) -> Tensor:
    """Gaussian means at the places where the window fits."""
    reach = WINDOW_PX // 2
    window = gaussian(SIGMA_PX, reach).to(x)
    down, across = (band(window, side, "zero") for side in x.shape[-2:])
    return filtered(x, down, across)[..., reach:-reach, reach:-reach]
