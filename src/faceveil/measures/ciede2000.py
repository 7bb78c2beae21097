"""CIEDE2000: the colour difference of two pictures, pixel by pixel; differentiable.

Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes,
supplementary test data, and mathematical observations", Color Research and Application 30 (2005).
Equation numbers are theirs.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.measures.comparable import comparable
from faceveil.ops.power import power
from faceveil.ops.srgb import lab, linear


def ciede2000(
    images: Float[Tensor, "b 3 h w"], others: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """The CIEDE2000 difference of each pixel: 0 where equal, about 1 where one can just be seen.

    Args:
        images: sRGB in [0, 1].
        others: what they are compared with.

    Raises:
        UsageError: the shapes differ.
    """
    comparable("CIEDE2000", images, others)
    return lab_difference(lab(linear(images)), lab(linear(others)))


def lab_difference(
    labs: Float[Tensor, "b 3 h w"], others: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """CIEDE2000 of colours in CIE L*a*b*, with the parametric factors kL = kC = kH = 1."""
    (l1, a1, b1), (l2, a2, b2) = labs.unbind(1), others.unbind(1)

    stretch = 1.5 - 0.5 * _saturation((_length(a1, b1) + _length(a2, b2)) / 2)  # 1 + G, eq. 2-4
    a1, a2 = stretch * a1, stretch * a2  # eq. 5
    c1, c2 = _length(a1, b1), _length(a2, b2)  # eq. 6
    h1, h2 = _hue(a1, b1), _hue(a2, b2)  # eq. 7
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2  # eq. 12, 13

    # The shorter way round: where hues are more than half a circle apart, half of their difference
    # and their mean each move by half a circle (eq. 10, 14). Without chroma a hue counts as 0.
    grey = (c1 == 0) | (c2 == 0)
    far = ((h2 - h1).abs() > math.pi).to(h1)
    chord = 2 * ((h2 - h1) / 2).sin() * (1 - 2 * far)
    h_mean = torch.where(grey, h1 + h2, (h1 + h2) / 2 + math.pi * far) % (2 * math.pi)

    t = (  # eq. 15
        1
        - 0.17 * (h_mean - math.radians(30)).cos()
        + 0.24 * (2 * h_mean).cos()
        + 0.32 * (3 * h_mean + math.radians(6)).cos()
        - 0.20 * (4 * h_mean - math.radians(63)).cos()
    )
    l_offset = (l_mean - 50).square()
    s_l = 1 + 0.015 * l_offset / (20 + l_offset).sqrt()  # eq. 18
    s_c, s_h = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t  # eq. 19, 20
    turn = math.radians(60) * (-((h_mean - math.radians(275)) / math.radians(25)).square()).exp()
    r_t = -2 * _saturation(c_mean) * turn.sin()  # eq. 16, 17, 21

    lightness, chroma = (l2 - l1) / s_l, (c2 - c1) / s_c  # eq. 8, 9
    hue = power(c1 * c2, 0.5) * chord / s_h  # eq. 11
    return power(lightness**2 + chroma**2 + hue**2 + r_t * chroma * hue, 0.5)  # eq. 22


def _length(a: Tensor, b: Tensor) -> Tensor:
    return power(a.square() + b.square(), 0.5)


def _saturation(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7))."""
    seventh = (chroma / 25) ** 7
    return power(seventh / (seventh + 1), 0.5)


def _hue(a: Tensor, b: Tensor) -> Tensor:
    """The angle of (a, b) in [0, 2 pi); 0 without chroma, where it has no gradient."""
    grey = (a == 0) & (b == 0)
    return torch.atan2(b, torch.where(grey, 1, a)) % (2 * math.pi)
