"""Colour spaces: from sRGB to linear light, and from there to XYZ, CIE L*a*b* and XYB."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

RGB_TO_XYZ = (
    (10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794),
    (2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897),
    (1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382),
)
"""Linear RGB to XYZ: the primaries of IEC 61966-2-1 and white D65, as exact fractions.

Source: https://www.image-engineering.de/library/technotes/958-how-to-convert-between-srgb-and-ciexyz
"""

DELTA = 6 / 29
"""Where the cube root of L*a*b* becomes a straight line (CIE 15:2004)."""

LUMA = (0.299, 0.587, 0.114)
"""Of gamma-coded red, green and blue in brightness (ITU-R BT.601)."""

OPSIN = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.55180986650955360),
)
"""Linear RGB to the absorbances of the long, middle and short cones that XYB is made of."""

OPSIN_BIAS = 0.0037930732552754493


def luma(srgb: Float[Tensor, "*b 3 h w"]) -> Float[Tensor, "*b 1 h w"]:
    """Brightness Y' of sRGB in [0, 1] (BT.601)."""
    weights = srgb.new_tensor(LUMA).view(3, 1, 1)
    return (srgb * weights).sum(dim=-3, keepdim=True)


def linear(srgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """sRGB in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    curve = ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(srgb <= 0.04045, srgb / 12.92, curve)


def mixed(
    channels: Float[Tensor, "b 3 h w"], matrix: Float[Tensor, "3 3"]
) -> Float[Tensor, "b 3 h w"]:
    """Each pixel's three values multiplied by a matrix."""
    return (matrix @ channels.flatten(2)).view_as(channels)


def xyz_matrix(like: Tensor) -> Float[Tensor, "3 3"]:
    """Linear RGB to XYZ relative to white, so that (1, 1, 1) stays (1, 1, 1)."""
    matrix = torch.tensor(RGB_TO_XYZ, dtype=torch.float64)
    return (matrix / matrix.sum(1, keepdim=True)).to(like)


def lab(linear_rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Linear RGB in [0, 1] to CIE L*a*b* (1976) under D65, L* in [0, 100].

    L* = 116 f(Y) - 16, a* = 500 (f(X) - f(Y)), b* = 200 (f(Y) - f(Z)) with X, Y, Z relative to
    white; f is the cube root above (6/29)^3 and t / (3 (6/29)^2) + 4/29 below.
    """
    xyz = mixed(linear_rgb, xyz_matrix(linear_rgb))
    root = xyz.clamp(min=DELTA**3) ** (1 / 3)
    x, y, z = torch.where(xyz > DELTA**3, root, xyz / (3 * DELTA**2) + 4 / 29).unbind(1)
    return torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), dim=1)


def xyb(linear_rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Linear RGB in [0, 1] to XYB, the opponent space of JPEG XL.

    With l, m, s = cbrt(absorbance + bias) - cbrt(bias): X = (l - m) / 2, Y = (l + m) / 2, B = s.
    Source: libjxl, lib/jxl/opsin_params.h.
    """
    absorbed = mixed(linear_rgb, linear_rgb.new_tensor(OPSIN)) + OPSIN_BIAS
    cones = absorbed.clamp(min=OPSIN_BIAS) ** (1 / 3) - OPSIN_BIAS ** (1 / 3)
    return mixed(cones, cones.new_tensor(((0.5, -0.5, 0), (0.5, 0.5, 0), (0, 0, 1))))
