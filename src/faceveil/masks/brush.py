"""What descents along the limits make masks of: each *brush* turns free numbers into masks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.ops import warp
from faceveil.ops.treat import blur


class Brush(ABC):
    """Makes masks ``b 3 w w`` of a tensor ``b c w w`` whose last three channels are paint."""

    n_others: ClassVar[int]
    """Channels before the paint."""

    @abstractmethod
    def __call__(self, free: Float[Tensor, "b c w w"]) -> Float[Tensor, "b 3 w w"]:
        """The masks, differentiable."""

    def start(self, paint: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b c w w"]:
        """This paint, and nothing else yet."""
        others = torch.zeros_like(paint[:, :1]).expand(-1, self.n_others, -1, -1)
        return torch.cat((others, paint), dim=1)


def muted(paint: Float[Tensor, "b 3 w w"], colour: float) -> Float[Tensor, "b 3 w w"]:
    """``paint`` with this share of its colour; what is left is grey."""
    grey = paint.mean(dim=1, keepdim=True)
    return grey + colour * (paint - grey)


@dataclass(frozen=True, eq=False)
class FlowAndPaint(Brush):
    """Features that move a little, and paint where the face is busy.

    The first two channels, smoothed and scaled, say from how many pixels away each pixel comes; the
    others, smoothed and weighed, are added:

        mask = shifted(pixels, scale * G_flow free[:2]) - pixels + weights * C G_paint free[2:]

    with G Gaussians and C what takes out colour.

    Attributes:
        pixels: the faces, in [0, 1].
        weights: of the paint at each pixel, in [0, 1].
        scales: of each face's flow.
        flow_sigmas: of each face's Gaussians, in pixels.
        paint_sigmas: likewise.
        colour: the share of the paint's colour that is kept.
    """

    n_others: ClassVar[int] = 2

    pixels: Float[Tensor, "b 3 w w"]
    weights: Float[Tensor, "b 1 w w"]
    scales: Sequence[float]
    flow_sigmas: Sequence[float]
    paint_sigmas: Sequence[float]
    colour: float

    def __call__(self, free: Float[Tensor, "b 5 w w"]) -> Float[Tensor, "b 3 w w"]:
        """The masks, differentiable."""
        mask = self.weights * muted(blur(free[:, 2:], self.paint_sigmas), self.colour)
        if not any(self.scales):
            return mask
        flow = free.new_tensor(self.scales).view(-1, 1, 1, 1) * blur(free[:, :2], self.flow_sigmas)
        return mask + warp.shifted(self.pixels, flow) - self.pixels


@dataclass(frozen=True, eq=False)
class LightAndPaint(Brush):
    """The face in other light, and paint:

        gen  = pixels exp(scale * G_light free[:3]) - pixels
        mask = strengths * [rho * G_paint free[3:] + (1 - rho) * gen]

    Attributes:
        pixels: the faces, in [0, 1].
        strengths: of both at each pixel, in [0, 1].
        rho: the share of the paint, in [0, 1].
        light_sigmas: of each face's Gaussians, in pixels; they are the scales, too, so that light
            is not fainter the smoother it is.
        paint_sigmas: likewise, and no scales.
    """

    n_others: ClassVar[int] = 3

    pixels: Float[Tensor, "b 3 w w"]
    strengths: Float[Tensor, "b 1 w w"]
    rho: float
    light_sigmas: Sequence[float]
    paint_sigmas: Sequence[float]

    def __call__(self, free: Float[Tensor, "b 6 w w"]) -> Float[Tensor, "b 3 w w"]:
        """The masks, differentiable."""
        paint = blur(free[:, 3:], self.paint_sigmas)
        scales = free.new_tensor(self.light_sigmas).view(-1, 1, 1, 1)
        light = self.pixels * (scales * blur(free[:, :3], self.light_sigmas)).expm1()
        return self.strengths * (self.rho * paint + (1 - self.rho) * light)
