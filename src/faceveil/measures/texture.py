"""How fine a picture is: amid detail the eye overlooks changes, on soft edges it sees lines."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.ops.srgb import luma
from faceveil.ops.treat import blur

SIGMA_PX = 1.5
CALM_PX = 4


def texture(
    pixels: Float[Tensor, "b 3 h w"], finer_px: Sequence[float]
) -> Float[Tensor, "b 1 h w"]:
    """The local standard deviation of detail, in [0, 0.5], of the calmest place near each pixel.

    Detail is luma less its blur: what is finer than the blur. What is drawn hides among detail of
    its own fineness (contrast masking: Legge and Foley 1980; as a bound on visible change: Chou and
    Li 1995); among the soft edges of a blurred photo it stands out, so these count for nothing. The
    deviation is taken in a Gaussian window of sigma 1.5 px. The calm side of an edge hides nothing,
    so of all windows within 4 px the calmest counts (ours), and what is left is smoothed with sigma
    2 px.

    Args:
        pixels: sRGB in [0, 1], at least 8 px on each side.
        finer_px: standard deviation of each picture's blur.
    """
    bright = luma(pixels)
    detail = bright - blur(bright, finer_px)
    mean, square = _blurred(detail, SIGMA_PX), _blurred(detail.square(), SIGMA_PX)
    deviation = (square - mean.square()).clamp_min(0).sqrt()
    calmest = -F.max_pool2d(-deviation, 2 * CALM_PX + 1, stride=1, padding=CALM_PX)
    return _blurred(calmest, CALM_PX / 2)


def softness(
    pixels: Float[Tensor, "b 3 h w"], where: Bool[Tensor, "b 1 h w"], blur_px: Sequence[float]
) -> Float[Tensor, " b"]:
    """The share of the gradient's energy that a blur leaves, in [0, 1]: the more, the softer.

    Fine grain is smoothed away first, by half that blur. An edge that is itself a Gaussian of
    deviation s keeps the root of (s^2 + b^2 / 4) / (s^2 + 5 b^2 / 4) of its energy under a blur of
    deviation b; that the gradient of a blurred edge tells its blur is from Zhuo and Sim, "Defocus
    map estimation from a single image", 2011.

    Args:
        pixels: sRGB in [0, 1].
        where: the pixels that count; those on the border never do.
        blur_px: standard deviation b of each picture's blur.
    """
    bright = luma(pixels)
    counts = where[..., 1:-1, 1:-1]
    calm, blurred = (
        (_gradient_energy(blur(bright, [width * b for b in blur_px])) * counts).sum((1, 2, 3))
        for width in (0.5, 1.25**0.5)
    )
    return (blurred / calm.clamp_min(1e-12)).clamp_max(1)


def _gradient_energy(bright: Tensor) -> Tensor:
    across = bright[..., 1:-1, 2:] - bright[..., 1:-1, :-2]
    down = bright[..., 2:, 1:-1] - bright[..., :-2, 1:-1]
    return across.square() + down.square()


def _blurred(pixels: Tensor, sigma_px: float) -> Tensor:
    return blur(pixels, [sigma_px] * len(pixels))
