"""Photos as they might also have been taken: mirrored, framed and lit a little differently."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from faceveil.core.config import Strict
from faceveil.core.ranges import Decay, NonNegative, Share
from faceveil.core.seeds import generator
from faceveil.ops import warp
from faceveil.ops.srgb import luma


@dataclass(frozen=True)
class Augment(Strict):
    """How far training photos are changed; each change is drawn evenly from plus or minus so much.

    Attributes:
        flip: the share of photos that are mirrored.
        shift: of the crop's side, across and down.
        scale: of the face's size.
        rotation: degrees.
        brightness, contrast, saturation: shares. Grey photos stay grey.
    """

    flip: Share = 0.5
    shift: NonNegative = 0.02
    scale: Decay = 0.04
    rotation: NonNegative = 4.0
    brightness: NonNegative = 0.2
    contrast: NonNegative = 0.2
    saturation: NonNegative = 0.2

    def __call__(
        self, pixels: UInt8[Tensor, "b 3 s s"], seeds: Sequence[int]
    ) -> UInt8[Tensor, "b 3 s s"]:
        """The photos changed; each by its own seed, so that their order changes nothing."""
        draws = torch.stack([torch.rand(8, generator=generator(seed)) for seed in seeds])
        flip, *others = draws.to(pixels.device).unbind(1)
        across, down, scale, rotation, *light = (2 * draw - 1 for draw in others)
        images = pixels.float() / 255
        images = torch.where((flip < self.flip)[:, None, None, None], images.flip(3), images)
        side = images.shape[-1]
        images = warp.sample(
            images,
            _about_centre(
                side,
                1 + self.scale * scale,
                math.radians(self.rotation) * rotation,
                self.shift * side * torch.stack((across, down), 1),
            ),
            side,
        )
        factors = zip((self.brightness, self.contrast, self.saturation), light, strict=True)
        brightness, contrast, saturation = (
            (1 + most * draw)[:, None, None, None] for most, draw in factors
        )
        images = images * brightness
        grey = luma(images)
        mean = grey.mean((2, 3), keepdim=True)
        images = grey + saturation * (images - grey)
        images = mean + contrast * (images - mean)
        return (255 * images).round().clamp(0, 255).to(torch.uint8)


def _about_centre(
    side: int,
    scale: Float[Tensor, " b"],
    angle: Float[Tensor, " b"],
    shift: Float[Tensor, "b 2"],
) -> Float[Tensor, "b 2 3"]:
    """Rotation and scale about the middle of a square of ``side``, then the shift, in pixels."""
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    linear = torch.stack((torch.stack((cosine, -sine), 1), torch.stack((sine, cosine), 1)), 1)
    centre = scale.new_full((2, 1), (side - 1) / 2)
    return torch.cat((linear, centre - linear @ centre + shift[:, :, None]), 2)
