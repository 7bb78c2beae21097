"""SSIMULACRA2: how much a picture was damaged, by the eye's measure; differentiable.

90 is visually lossless in a flicker test, 70 high, 50 medium and 30 low quality, 100 is equal;
strong damage is below 0. The original comes first: the measure tells edges that were added from
detail that was lost.

Source: J. Sneyers, "SSIMULACRA 2" (Cloudinary, 2023), version 2.1, its weights with it, in the form
of the PyPI package ``ssimulacra2`` 0.3.0: beyond the left and right edge lies 0, beyond the upper
and lower one the mirrored picture. The weights are those of six scales. Pictures under 225 px a
side have fewer, and, as in the reference, take their weights from the front of the list, where they
stand for other scales: figures of small pictures compare among themselves only, unless they are
:func:`enlarged` first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.measures.comparable import comparable
from faceveil.ops.band import Band, band, filtered, gaussian
from faceveil.ops.power import power
from faceveil.ops.srgb import linear, mixed, xyb

LEAST_PX = 8
N_SCALES = 6
SIX_SCALES_PX = 225
C2 = 0.0009

# fmt: off
WEIGHTS = (
    0.0, 0.0007376606707406586, 0.0,
    0.0, 0.0007793481682867309, 0.0,
    0.0, 0.0004371155730107379, 0.0,
    1.1041726426657346, 0.00066284834129271, 0.00015231632783718752,
    0.0, 0.0016406437456599754, 0.0,
    1.8422455520539298, 11.441172603757666, 0.0,
    0.0007989109436015163, 0.000176816438078653, 0.0,
    1.8787594979546387, 10.94906990605142, 0.0,
    0.0007289346991508072, 0.9677937080626833, 0.0,
    0.00014003424285435884, 0.9981766977854967, 0.00031949755934435053,
    0.0004550992113792063, 0.0, 0.0,
    0.0013648766163243398, 0.0, 0.0,
    0.0, 0.0, 0.0,
    7.466890328078848, 0.0, 17.445833984131262,
    0.0006235601634041466, 0.0, 0.0,
    6.683678146179332, 0.00037724407979611296, 1.027889937768264,
    225.20515300849274, 0.0, 0.0,
    19.213238186143016, 0.0011401524586618361, 0.001237755635509985,
    176.39317598450694, 0.0, 0.0,
    24.43300999870476, 0.28520802612117757, 0.0004485436923833408,
    0.0, 0.0, 0.0,
    34.77906344483772, 44.835625328877896, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0008680556573291698, 0.0,
    0.0, 0.0, 0.0,
    0.0, 0.0005313191874358747, 0.0,
    0.00016533814161379112, 0.0, 0.0,
    0.0, 0.0, 0.0,
    0.0004179171803251336, 0.0017290828234722833, 0.0,
    0.0020827005846636437, 0.0, 0.0,
    8.826982764996862, 23.19243343998926, 0.0,
    95.1080498811086, 0.9863978034400682, 0.9834382792465353,
    0.0012286405048278493, 171.2667255897307, 0.9807858872435379,
    0.0, 0.0, 0.0,
    0.0005130064588990679, 0.0, 0.00010854057858411537,
)
# fmt: on
"""Of channel (X, Y, B - Y), scale, norm (1, 4) and error (structure, added edge, lost edge)."""


def ssimulacra2(
    originals: Float[Tensor, "b 3 h w"], others: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, " b"]:
    """SSIMULACRA2 of each picture: 100 where it equals its original, falling with damage.

    Args:
        originals: sRGB in [0, 1], at least 8 px on each side.
        others: the damaged pictures.

    Raises:
        UsageError: the shapes differ or a side is shorter than 8 px.
    """
    return Ssimulacra2(originals)(others)


def enlarged(pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 H W"]:
    """Pictures with the six scales whose weights the measure has, so that figures compare.

    Those with a side under 225 px are enlarged, bilinearly, until they have none; others stay as
    they are. What was damaged in a small face is then seen as if one came nearer.
    """
    shortest = min(pixels.shape[-2:])
    if shortest >= SIX_SCALES_PX:
        return pixels
    height, width = (round(side * SIX_SCALES_PX / shortest) for side in pixels.shape[-2:])
    return F.interpolate(pixels, (height, width), mode="bilinear", align_corners=False)


@dataclass(frozen=True)
class _Scale:
    """The originals at one scale, and what is known before a candidate comes."""

    xyb: Tensor
    mean: Tensor
    variance: Tensor
    edge: Tensor  # what the blur takes away
    down: Band
    across: Band

    @staticmethod
    def of(originals: Tensor) -> _Scale:
        height, width = originals.shape[-2:]
        window = gaussian(sigma_px=1.5, radius=5).to(originals)
        down, across = band(window, height, "mirror"), band(window, width, "zero")
        pixels = _positive_xyb(originals)
        mean, square = filtered(torch.stack((pixels, pixels.square())), down, across)
        return _Scale(pixels, mean, square - mean.square(), pixels - mean, down, across)

    def errors(self, others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of the structure lost, the edges added and the edges lost in each channel.

        With e = y - x, me its mean and see its variance, the structure term
        1 - (1 - (mx - my)^2) (2 sxy + C2) / (sxx + syy + C2) is 1 - (1 - me^2) (1 - r) with
        r = see / (sxx + syy + C2). This form loses no digits where e is small and takes three
        blurs of a candidate instead of five.
        """
        change = _positive_xyb(others) - self.xyb
        stack = torch.stack((change, change.square(), change * self.xyb))
        mean, square, product = filtered(stack, self.down, self.across)
        luminance = mean.square()
        spread = square - luminance
        both = 2 * (self.variance + product - mean * self.mean) + spread
        ratio = spread / (both + C2)
        structure = luminance + ratio - luminance * ratio
        strength = self.edge.abs()
        edge = ((self.edge + change - mean).abs() - strength) / (1 + strength)
        return structure, edge.relu(), (-edge).relu()


class Ssimulacra2:
    """SSIMULACRA2 against fixed originals, for loops that try many candidates.

    Args:
        originals: sRGB in [0, 1], at least 8 px on each side.

    Raises:
        UsageError: a side is shorter than 8 px.
    """

    def __init__(self, originals: Float[Tensor, "b 3 h w"]) -> None:
        comparable("SSIMULACRA2", originals, originals, LEAST_PX)
        self._originals = originals
        self._scales = [_Scale.of(scaled) for scaled in _pyramid(originals)]
        n_scales = len(self._scales)
        weights = originals.new_tensor(WEIGHTS[: 18 * n_scales])
        self._weights = weights.view(3, n_scales, 2, 3)

    def __call__(self, others: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
        """The figure of each candidate, see :func:`ssimulacra2`."""
        comparable("SSIMULACRA2", self._originals, others)
        pairs = zip(self._scales, _pyramid(others), strict=True)
        errors = [
            torch.stack([*map(_norms, scale.errors(scaled))], dim=3) for scale, scaled in pairs
        ]
        norms = torch.stack(errors, dim=2)
        damage = 0.9562382616834844 * (norms * self._weights).flatten(1).sum(1)
        damage = damage * (
            2.326765642916932 + damage * (-0.020884521182843837 + damage * 6.248496625763138e-05)
        )
        return 100 - 10 * power(damage, 0.6276336467831387)


def _pyramid(srgb: Tensor) -> list[Tensor]:
    """Linear light at full, half, quarter ... size, as long as 8 px are left."""
    levels = [linear(srgb)]
    while len(levels) < N_SCALES and min(levels[-1].shape[-2:]) > 2 * LEAST_PX - 2:
        levels.append(F.avg_pool2d(levels[-1], 2, ceil_mode=True))
    return levels


def _positive_xyb(linear_rgb: Tensor) -> Tensor:
    """X, Y and B - Y, moved and stretched so that each lies in [0, 1]."""
    pixels = xyb(linear_rgb)
    stretched = mixed(pixels, pixels.new_tensor(((14, 0, 0), (0, 1, 0), (0, -1, 1))))
    return stretched + pixels.new_tensor((0.42, 0.01, 0.55)).view(3, 1, 1)


def _norms(error: Tensor) -> Tensor:
    """The mean of a map and the fourth root of its mean fourth power: b c 2."""
    fourth = error.square().square().mean((2, 3))
    return torch.stack((error.mean((2, 3)), power(fourth, 0.25)), dim=2)
