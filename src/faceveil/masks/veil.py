"""The veil, the default method: the most protection that a given visible damage buys.

Ours. Six ideas carry it; docs/veil.md has the ablation of each.

* The budget is what the eye sees of the face, and the descent runs along it, see
  :mod:`faceveil.masks.descent`.
* Features are moved rather than drawn. A brow that lies a pixel lower is still a brow, and where
  there is nothing to move, on smooth skin, nothing changes. Smooth flows of the face's own pixels
  carry part of the veil (after Xiao et al., "Spatially transformed adversarial examples", 2018).
* The rest is painted where the face has fine detail, which hides it (texture masking), with less
  colour than brightness and no finer than a recogniser resolves. A blurred photo has no detail, and
  lines drawn on it would be the sharpest thing there. No single spot may show much.
* Blurred and turned faces take smoother masks. What recognisers would have drawn on these are the
  features of a sharp frontal face, which the eye takes for lines and stains.
* Every surrogate pushes with the same strength: its gradient counts by direction only, however
  steep its loss. What moves several recognisers at once moves those that nobody asked.
* Every step sees the face through other views, so that no mask rests on one grid of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Multiple, NonNegative, Share
from faceveil.faces.regions import middle, misfit, template_px
from faceveil.masks.brush import Brush, FlowAndPaint
from faceveil.masks.descent import Descent
from faceveil.masks.problem import Problem
from faceveil.measures.texture import softness, texture

DETAIL, FINEST_PX = 0.5, 0.8
"""The blur detail is finer than: in pixels of the 112 px crop recognisers look at, and at least in
the photo's own, for of a small face they hold nothing finer."""

STRAIGHT_PX = 0.65
"""The misfit from which on the mask of a face as soft as can be is smoother."""


@dataclass(frozen=True)
class Veil(Descent):
    """The descent along the limits with :class:`~faceveil.masks.brush.FlowAndPaint`.

    Attributes:
        flow: how readily features are moved rather than painted on: how far a unit of z moves
            them, in ``flow_sigma``; 0 for never.
        flow_sigma: what flows are smoothed with, in pixels of the 112 px crop recognisers look at.
        paint_sigma: what paint is smoothed with, in the same pixels; 0 for nothing.
        smoothest: how many times as smooth both may be on blurred and turned faces; 1 for never.
            They are softness squared times misfit over .65 px times as smooth, and at least once:
            :func:`~faceveil.measures.texture.softness` and :func:`~faceveil.faces.regions.misfit`.
        busy: the deviation b of detail around a pixel that lets half of the paint through there, in
            1/255; a deviation t lets t^2 / (t^2 + b^2) through, and b = 0 lets all. Detail is what
            of the brightness is finer than half a pixel of the crop, or .8 of the photo.
        colour: the share of the paint's colour that is kept, in [0, 1]; 0 makes it grey.
    """

    name: ClassVar[str] = "veil"
    summary: ClassVar[str] = "the most protection for what may be seen of it"

    flow: NonNegative = 2.4
    flow_sigma: NonNegative = 1.25
    paint_sigma: NonNegative = 1.0
    smoothest: Multiple = 2.0
    busy: NonNegative = 1.2
    colour: Share = 0.5

    def brush(self, problem: Problem) -> Brush:
        """Flow and paint, weighed by how much detail the face has."""
        crop_px = template_px(problem.landmarks)
        finer_px = (DETAIL * crop_px).clamp_min(FINEST_PX).tolist()
        power = texture(problem.pixels, finer_px).square() + 1e-12
        smooth_px = crop_px * self._smoother(problem, crop_px)
        return FlowAndPaint(
            problem.pixels,
            weights=power / (power + self.half_through(problem, power)),
            scales=(self.flow * self.flow_sigma * smooth_px).tolist(),
            flow_sigmas=(self.flow_sigma * smooth_px).tolist(),
            paint_sigmas=(self.paint_sigma * smooth_px).tolist(),
            colour=self.colour,
        )

    def half_through(
        self, problem: Problem, power: Float[Tensor, "b 1 w w"]
    ) -> float | Float[Tensor, "b 1 1 1"]:
        """The squared deviation of detail that lets half of the paint through."""
        return (self.busy / 255) ** 2

    def _smoother(self, problem: Problem, crop_px: Tensor) -> Float[Tensor, " b"]:
        """How many times as smooth each face's mask is; being small makes a face no softer."""
        among = middle(problem.landmarks, problem.pixels.shape[-1])
        soft = softness(problem.pixels, among, crop_px.clamp_min(1).tolist())
        return (soft**2 * misfit(problem.landmarks) / STRAIGHT_PX).clamp(1, self.smoothest)
