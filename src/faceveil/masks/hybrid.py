"""Hybrid masking: strong where recognisers look, a mask and generated light together.

As the summary this project started from words it; the paper it names works in the frequency domain
and is ``faceveil.training.ahm``.

    s_r = what covering region r does to embeddings, see :mod:`faceveil.masks.sensitivity`
    a_r = clip(gain * s_r, 0, 1)
    x'  = (1 - A) x + A [rho * mask(x) + (1 - rho) * gen(x)]

with A made of the a_r, soft at their borders. What is ours: s is divided by its mean over the face,
so that a gain means the same for every face; gen(x) is the face in another light, x exp(G u) with a
smooth map u; and both mask and light are found by the descent of the default method, along the
limits of what may be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import NonNegative, Share
from faceveil.faces.regions import template_px
from faceveil.masks.brush import Brush, LightAndPaint
from faceveil.masks.descent import Descent
from faceveil.masks.problem import Problem
from faceveil.masks.sensitivity import CELL_PX, laid, sensitivities
from faceveil.ops.treat import blur


@dataclass(frozen=True)
class Hybrid(Descent):
    """The descent along the limits with masks as above.

    Attributes:
        gain: how strong a mask is in a region that recognisers mind as much as others; below 1
            only what they mind more is masked fully.
        rho: the share of the mask, in [0, 1]; the rest is light.
        light_sigma: what light is smoothed with, in px of the 112 px crop recognisers look at.
        paint_sigma: what the mask is smoothed with, in the same pixels.
    """

    name: ClassVar[str] = "hybrid"
    summary: ClassVar[str] = "strong where recognisers look, a mask and other light together"

    gain: NonNegative = 0.7
    rho: Share = 0.7
    light_sigma: NonNegative = 4.0
    paint_sigma: NonNegative = 0.5

    def brush(self, problem: Problem) -> Brush:
        """Light and paint, strong where recognisers look."""
        crop_px = template_px(problem.landmarks)
        return LightAndPaint(
            problem.pixels,
            strengths=self._strengths(problem),
            rho=self.rho,
            light_sigmas=(self.light_sigma * crop_px).tolist(),
            paint_sigmas=(self.paint_sigma * crop_px).tolist(),
        )

    def _strengths(self, problem: Problem) -> Float[Tensor, "b 1 w w"]:
        """A: the strengths of regions on the faces, soft at borders."""
        by_recogniser = sensitivities(problem.surrogates, problem.pixels, problem.landmarks)
        minded = torch.stack(list(by_recogniser.values())).mean(0)
        relative = minded / minded.mean((1, 2), keepdim=True).clamp_min(1e-30)
        strengths = laid(
            (self.gain * relative).clamp(0, 1), problem.landmarks, problem.pixels.shape[-1]
        )
        return blur(strengths, (CELL_PX / 4 * template_px(problem.landmarks)).tolist())
