"""Which pixels of a patch belong to the face: smooth weights that vanish outside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.core.budget import Region
from faceveil.core.errors import UsageError
from faceveil.faces.face import TEMPLATE
from faceveil.ops import warp


@dataclass(frozen=True)
class Ellipse:
    """An upright ellipse in the frame of :data:`TEMPLATE`, which weighs 1 within ``full`` of it."""

    x: float
    y: float
    width: float
    height: float
    full: float


OVAL = Ellipse(x=56, y=62, width=124, height=148, full=0.78)
"""From the hairline to the chin and from ear to ear."""
HEAD = Ellipse(x=56, y=46, width=168, height=192, full=0.8)
"""The face, its hair and ears."""
MIDDLE = Ellipse(x=56, y=68, width=84, height=84, full=0)
"""From the brows to the lips."""
BORDER = 1 / 8
"""The width of the ramp along the border of ``all``, in sides of the patch."""


def region(
    kind: Region, landmarks: Float[Tensor, "b 5 2"], size_px: int
) -> Float[Tensor, "b 1 {size_px} {size_px}"]:
    """Weights in [0, 1] of the pixels of square patches in which the faces' landmarks are given.

    ``oval`` covers the face, ``head`` the hair too, both turned and scaled with the face; ``all``
    the whole patch. Where they end they fall to exactly 0 as half a period of a cosine does.

    Raises:
        UsageError: there is no such region.
    """
    match kind:
        case "oval":
            depth = _depth(OVAL, landmarks, size_px)
        case "head":
            depth = _depth(HEAD, landmarks, size_px)
        case "all":
            pixel = torch.arange(size_px, device=landmarks.device, dtype=landmarks.dtype)
            inward = torch.minimum(pixel, size_px - 1 - pixel) / (BORDER * size_px)
            depth = torch.minimum(inward[:, None], inward[None, :])
            depth = depth.expand(len(landmarks), 1, size_px, size_px)
        case _:
            known = ", ".join(get_args(Region))
            raise UsageError(f"There is no region {kind!r}; there are {known}.")
    return 0.5 - 0.5 * torch.cos(math.pi * depth.clamp(0, 1))


def template_px(landmarks: Float[Tensor, "b 5 2"]) -> Float[Tensor, " b"]:
    """How many pixels of its patch each face has to one pixel of :data:`TEMPLATE`'s crop."""
    to_template = warp.similarity(landmarks, landmarks.new_tensor(TEMPLATE))
    return 1 / torch.linalg.vector_norm(to_template[:, :, 0], dim=1)


def in_template(landmarks: Float[Tensor, "b 5 2"]) -> Float[Tensor, "b 5 2"]:
    """Landmarks turned, scaled and shifted until they lie as near those of :data:`TEMPLATE` as can.

    They are not mirrored, and not put in another order.
    """
    to_template = warp.similarity(landmarks, landmarks.new_tensor(TEMPLATE))
    return landmarks @ to_template[:, :, :2].mT + to_template[:, None, :, 2]


def misfit(landmarks: Float[Tensor, "b 5 2"]) -> Float[Tensor, " b"]:
    """How far landmarks in the template's frame are from its own: the root mean square, in px.

    About 2 for a face that looks at the camera, 4 to 5 for one that looks past it, up to 14 for a
    profile, and more for points that are no face's.
    """
    away = in_template(landmarks) - landmarks.new_tensor(TEMPLATE)
    return away.square().sum(-1).mean(-1).sqrt()


def middle(landmarks: Float[Tensor, "b 5 2"], size_px: int) -> Bool[Tensor, "b 1 w w"]:
    """Which pixels of square patches lie between the brows and the lips."""
    return _depth(MIDDLE, landmarks, size_px) > 0


def _depth(ellipse: Ellipse, landmarks: Tensor, size_px: int) -> Tensor:
    """How far each pixel lies within the ellipse: 0 on its rim, 1 where it begins to weigh 1."""
    to_template = warp.similarity(landmarks, landmarks.new_tensor(TEMPLATE))
    pixel = torch.arange(size_px, device=landmarks.device, dtype=landmarks.dtype)
    radii = landmarks.new_tensor((ellipse.width / 2, ellipse.height / 2))
    centre = landmarks.new_tensor((ellipse.x, ellipse.y))
    along_x, along_y, offset = (to_template / radii[:, None]).unbind(-1)
    offset = offset - centre / radii

    def across(axis: int) -> Tensor:
        line = along_x[:, axis, None, None] * pixel + offset[:, axis, None, None]
        return line + along_y[:, axis, None, None] * pixel[:, None]

    radius = across(0).square_().add_(across(1).square_()).sqrt_()
    return ((1 - radius) / (1 - ellipse.full))[:, None]
