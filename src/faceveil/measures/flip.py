"""LDR-FLIP: the difference seen when two pictures alternate on a screen; differentiable.

Source: Andersson, Nilsson, Akenine-Moller, Oskarsson, Astrom and Fairchild, "FLIP: a difference
evaluator for alternating images", HPG 2020, whose symbols these are. The filters are separated as
in misc/separatedConvolutions.pdf of https://github.com/NVlabs/flip.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.measures.comparable import comparable
from faceveil.ops.band import band, filtered, gaussian
from faceveil.ops.power import power
from faceveil.ops.srgb import lab, linear, mixed, xyz_matrix
from faceveil.ops.treat import blur

PIXELS_PER_DEGREE = 0.7 * 3840 / 0.7 * math.pi / 180
"""67.02: a 4K screen 0.7 m wide seen from 0.7 m."""

OPPONENT = ((0, 1, 0), (1, -1, 0), (0, 1, -1))
"""X, Y, Z relative to white to the opponents Y, X - Y and Y - Z: YCxCz but for its scales."""

CONTRAST = ((1, 0.0047), (1, 0.0053), (34.1, 0.04), (13.5, 0.025))
"""Contrast sensitivity: a and b of the Gaussians for Y, Cx and, two of them summed, Cz."""

Q_C, P_C, P_T = 0.7, 0.4, 0.95
Q_F, EDGE_WIDTH_DEGREES = 0.5, 0.082

SPOT_DEGREES = 0.06
"""Sigma of the Gaussian that makes a spot of single pixels: four of them at 67 a degree (ours)."""


def flip(
    images: Float[Tensor, "b 3 h w"],
    others: Float[Tensor, "b 3 h w"],
    pixels_per_degree: float = PIXELS_PER_DEGREE,
) -> Float[Tensor, " b"]:
    """The mean of :func:`flip_map` over each picture; arguments and errors are the same."""
    return flip_map(images, others, pixels_per_degree).mean((1, 2))


def flip_map(
    images: Float[Tensor, "b 3 h w"],
    others: Float[Tensor, "b 3 h w"],
    pixels_per_degree: float = PIXELS_PER_DEGREE,
) -> Float[Tensor, "b h w"]:
    """The FLIP error of each pixel, from 0, equal, to 1.

    Args:
        images: sRGB in [0, 1].
        others: what they alternate with.
        pixels_per_degree: how many pixels fill one degree of the field of view.

    Raises:
        UsageError: the shapes differ or ``pixels_per_degree`` is not positive.
    """
    return Flip(images, pixels_per_degree).map(others)


class Flip:
    """FLIP against fixed pictures, for loops that try many others.

    Args:
        images, pixels_per_degree: as in :func:`flip_map`.

    Raises:
        UsageError: ``pixels_per_degree`` is not positive.
    """

    def __init__(
        self, images: Float[Tensor, "b 3 h w"], pixels_per_degree: float = PIXELS_PER_DEGREE
    ) -> None:
        if pixels_per_degree <= 0:
            raise UsageError(f"FLIP needs pixels per degree above 0, not {pixels_per_degree:g}.")
        self._images = images
        self._pixels_per_degree = pixels_per_degree
        self._seen = self._see(images)

    def __call__(self, others: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
        """The mean of :meth:`map` over each picture."""
        return self.map(others).mean((1, 2))

    def map(self, others: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
        """The error of each pixel, see :func:`flip_map`."""
        comparable("FLIP", self._images, others)
        (colours, features), (their_colours, their_features) = self._seen, self._see(others)
        colour = _colour_difference(colours, their_colours)
        return power(colour, 1 - _feature_difference(features, their_features))

    def spots(self, others: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
        """The mean of :meth:`map` near each pixel, weighed by a Gaussian of .06 degrees (ours)."""
        sigma_px = SPOT_DEGREES * self._pixels_per_degree
        return blur(self.map(others)[:, None], [sigma_px] * len(others))[:, 0]

    def _see(self, images: Tensor) -> tuple[Tensor, Tensor]:
        opponents = _opponents(images)
        return (
            _perceived(opponents, self._pixels_per_degree),
            _features(opponents, self._pixels_per_degree),
        )


def _opponents(srgb: Tensor) -> Tensor:
    return mixed(linear(srgb), srgb.new_tensor(OPPONENT) @ xyz_matrix(srgb))


def _perceived(opponents: Tensor, pixels_per_degree: float) -> Tensor:
    """What the eye resolves, in Hunt-adjusted L*a*b*.

    A Gaussian a sqrt(pi / b) exp(-pi^2 z^2 / b) over z degrees has a sigma of sqrt(b / 2) / pi.
    """
    sigmas = [pixels_per_degree * math.sqrt(b / 2) / math.pi for _, b in CONTRAST]
    radius = math.ceil(3 * max(sigmas))
    kernels = torch.stack([gaussian(sigma, radius) for sigma in sigmas]).to(opponents)
    summed = zip(CONTRAST[2:], kernels[2:], strict=True)
    height, width = opponents.shape[-2:]
    down, across = band(kernels, height, "repeat"), band(kernels, width, "repeat")
    y, cx, first, second = filtered(opponents[:, (0, 1, 2, 2)], down, across).unbind(1)
    # The two sum with the heights a sqrt(pi / b) at their centres, up to a factor.
    heights = [a / math.sqrt(b) / kernel[radius] ** 2 for (a, b), kernel in summed]
    cz = (heights[0] * first + heights[1] * second) / sum(heights)
    to_rgb = (opponents.new_tensor(OPPONENT) @ xyz_matrix(opponents)).inverse()
    return _hunt(mixed(torch.stack((y, cx, cz), dim=1), to_rgb).clamp(0, 1))


def _hunt(linear_rgb: Tensor) -> Tensor:
    """L*a*b* with a* and b* weighed by L* / 100: colour counts less in the dark."""
    lightness, a, b = lab(linear_rgb).unbind(1)
    return torch.stack((lightness, 0.01 * lightness * a, 0.01 * lightness * b), dim=1)


def _hyab(lab_a: Tensor, lab_b: Tensor) -> Tensor:
    """HyAB: city-block in lightness, Euclidean in colour."""
    difference = lab_a - lab_b
    return difference[:, 0].abs() + power(difference[:, 1:].square().sum(1), 0.5)


def _colour_difference(lab_a: Tensor, lab_b: Tensor) -> Tensor:
    """HyAB to the power q_c, moved so that [0, p_c c_max] fills [0, p_t]."""
    green, blue = (lab_a.new_tensor(rgb).view(1, 3, 1, 1) for rgb in ((0, 1, 0), (0, 0, 1)))
    c_max = _hyab(_hunt(green), _hunt(blue)) ** Q_C
    ratio = power(_hyab(lab_a, lab_b), Q_C) / c_max
    small = P_T / P_C * ratio
    large = P_T + (1 - P_T) * (ratio - P_C) / (1 - P_C)
    return torch.where(ratio < P_C, small, large)


def _features(opponents: Tensor, pixels_per_degree: float) -> Tensor:
    """How strong an edge and a point each pixel is: b 2 h w."""
    sigma = EDGE_WIDTH_DEGREES / 2 * pixels_per_degree
    radius = math.ceil(3 * sigma)
    smooth = gaussian(sigma, radius)
    z = torch.arange(-radius, radius + 1, dtype=smooth.dtype)
    slope, bend = _balanced(-z * smooth), _balanced((z.square() / sigma**2 - 1) * smooth)
    height, width = opponents.shape[-2:]
    derived = torch.stack((slope, smooth, bend, smooth)).to(opponents)
    crossed = torch.stack((smooth, slope, smooth, bend)).to(opponents)
    luminance = opponents[:, :1].expand(-1, 4, -1, -1)
    down, across = band(crossed, height, "repeat"), band(derived, width, "repeat")
    squares = filtered(luminance, down, across).square()
    return power(squares.reshape(-1, 2, 2, height, width).sum(2), 0.5)


def _balanced(kernel: Tensor) -> Tensor:
    """Positive weights that sum to 1 and negative ones that sum to -1."""
    rise, fall = kernel.clamp(min=0), kernel.clamp(max=0)
    return rise / rise.sum() - fall / fall.sum()


def _feature_difference(features_a: Tensor, features_b: Tensor) -> Tensor:
    """The larger of the differences in edge and point, scaled, to the power q_f."""
    return power((features_a - features_b).abs().amax(1) / math.sqrt(2), Q_F)
