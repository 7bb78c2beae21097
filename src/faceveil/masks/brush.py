"""What veils are made of: features that move a little, and paint where the face is busy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.masks.limits import length
from faceveil.ops import warp
from faceveil.ops.treat import blur


@dataclass(frozen=True, eq=False)
class Brush:
    """Masks of the flows and the paint in ``free``, a tensor ``b 5 w w``.

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

    pixels: Float[Tensor, "b 3 w w"]
    weights: Float[Tensor, "b 1 w w"]
    scales: Sequence[float]
    flow_sigmas: Sequence[float]
    paint_sigmas: Sequence[float]
    colour: float

    def __call__(self, free: Float[Tensor, "b 5 w w"]) -> Float[Tensor, "b 3 w w"]:
        """The masks, differentiable."""
        paint = blur(free[:, 2:], self.paint_sigmas)
        grey = paint.mean(dim=1, keepdim=True)
        mask = self.weights * (grey + self.colour * (paint - grey))
        if not any(self.scales):
            return mask
        flow = free.new_tensor(self.scales).view(-1, 1, 1, 1) * blur(free[:, :2], self.flow_sigmas)
        return mask + warp.shifted(self.pixels, flow) - self.pixels

    def start(self, paint: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b 5 w w"]:
        """Nothing moved yet, and this paint."""
        return torch.cat((torch.zeros_like(paint[:, :2]), paint), dim=1)

    def back(
        self, free: Float[Tensor, "b 5 w w"], push: Float[Tensor, "b 3 w w"]
    ) -> Float[Tensor, "b 5 w w"]:
        """The gradient by ``free`` of what has the gradient ``push`` by its masks."""
        free = free.detach().requires_grad_()
        return torch.autograd.grad(self(free), free, push)[0]

    def step(
        self, free: Float[Tensor, "b 5 w w"], way: Float[Tensor, "b 5 w w"], stride: float
    ) -> Float[Tensor, "b 5 w w"]:
        """As much of ``way`` as changes each mask by ``stride`` in Euclidean length, about."""
        trial = stride * way / length(way).clamp_min(1e-30)
        change = length(self(free + trial) - self(free))
        return trial * stride / change.clamp_min(1e-30)
