"""CenterFace: Xu, Yan, Sun, Yang and Luo, "CenterFace: Joint Face Detection and Alignment Using
Face as Point" (2019); the network and weights are MIT-licensed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

STRIDE = 4
MULTIPLE = 32
"""Sides of the network's input are multiples of this."""


@dataclass(frozen=True)
class Cells:
    """What every cell of the network's output says of a face centred in it, in input pixels."""

    scores: Float[Tensor, "b n"]
    boxes: Float[Tensor, "b n 4"]
    landmarks: Float[Tensor, "b n 5 2"]


def cells(network: nn.Module, images: Float[Tensor, "b 3 h w"]) -> Cells:
    """Run the network on RGB images in 0..255 with sides that are multiples of 32.

    The four outputs on the grid of cells (stride 4) are: a heat map, the score; log heights and
    widths in strides; offsets (y, x) of the centre in strides; and per landmark (y, x) within the
    box. The network's own coordinates start at the corner of the first pixel, half a pixel before
    its centre.
    """
    heat, log_size, offset, points = network(images.contiguous(memory_format=torch.channels_last))
    rows, columns = heat.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(rows, device=heat.device),
        torch.arange(columns, device=heat.device),
        indexing="ij",
    )
    size = (log_size.exp() * STRIDE).flatten(2).flip(1).transpose(1, 2)
    centre = (torch.stack((y, x)) + offset + 0.5).flatten(2).flip(1).transpose(1, 2) * STRIDE - 0.5
    corner = centre - size / 2
    within = points.flatten(2).transpose(1, 2).unflatten(-1, (5, 2)).flip(-1)
    return Cells(
        scores=heat.flatten(1),
        boxes=torch.cat((corner, corner + size), -1),
        landmarks=corner[:, :, None] + within * size[:, :, None],
    )
