"""The frame of an aligned face: an upright square that holds all of the face's oval."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.faces.face import TEMPLATE
from faceveil.faces.regions import OVAL
from faceveil.ops import warp

FRAME = 152.0
"""The side of the square, in units of :data:`TEMPLATE`: all of the face's oval and its ramp, so
that nothing of the region lies outside."""


def in_frame(like: Tensor, side: int) -> Float[Tensor, "1 5 2"]:
    """Where the landmarks of an average face lie in a picture of the frame of that side."""
    corner = like.new_tensor((OVAL.x - FRAME / 2, OVAL.y - FRAME / 2))
    return ((like.new_tensor(TEMPLATE) - corner + 0.5) * (side / FRAME) - 0.5)[None]


def aligned(
    patches: Float[Tensor, "b c h w"], landmarks: Float[Tensor, "b 5 2"], side: int
) -> Float[Tensor, "b c {side} {side}"]:
    """The frames of faces in patches, differentiable; what lies outside a patch is black.

    A face larger than the frame is low-passed before, not sampled with pixels left out.
    """
    pairs = zip(torch.split(patches, 1), torch.split(landmarks, 1), strict=True)
    return torch.cat([_aligned(patch, points, side) for patch, points in pairs])


def _aligned(patch: Tensor, landmarks: Tensor, side: int) -> Tensor:
    target = in_frame(landmarks, side)
    matrix = warp.similarity(landmarks, target)
    scale = float(matrix[0, :, 0].detach().norm())
    if scale < 1:
        size_px = max(1, round(scale * patch.shape[-1]))
        factor = size_px / patch.shape[-1]
        patch = warp.resize(patch, size_px)
        matrix = warp.similarity((landmarks + 0.5) * factor - 0.5, target)
    return warp.sample(patch, matrix, side)
