"""Where lips, lids, brows and cheeks are, from five landmarks and the face's own colours.

Ours: five points say where each feature should be and how large; colour says where it is. Lips are
redder than skin and teeth are not, brows are darker than skin, and what is not skin at all (hair,
glasses, a hand) is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.faces.face import TEMPLATE
from faceveil.faces.regions import in_template, template_px
from faceveil.ops import warp
from faceveil.ops.srgb import luma
from faceveil.ops.treat import blur

_SAMPLES = ((44.0, 70.0), (68.0, 70.0), (56.0, 60.0), (46.0, 76.0), (66.0, 76.0))
"""Where skin is nearly always bare, in the frame of :data:`TEMPLATE`: nose and inner cheeks."""
_SAMPLE_PX = 4.0


@dataclass(frozen=True)
class Features:
    """Weights in [0, 1] of a face's parts at each pixel of its patch, soft at their rims.

    Attributes:
        lips: the lips without teeth.
        lids: the lids between eye and brow.
        lashes: the rims of the eyes.
        brows: the brows' hair.
        cheeks: the middle of the cheeks.
        skin: bare skin, of the face and whatever looks like it.
        tone: the skin's colour, sRGB in [0, 1].
    """

    lips: Float[Tensor, "b 1 w w"]
    lids: Float[Tensor, "b 1 w w"]
    lashes: Float[Tensor, "b 1 w w"]
    brows: Float[Tensor, "b 1 w w"]
    cheeks: Float[Tensor, "b 1 w w"]
    skin: Float[Tensor, "b 1 w w"]
    tone: Float[Tensor, "b 3 1 1"]


def features(pixels: Float[Tensor, "b 3 w w"], landmarks: Float[Tensor, "b 5 2"]) -> Features:
    """The features of faces, RGB in [0, 1], whose landmarks are given in their pixels."""
    to_template = warp.similarity(landmarks, landmarks.new_tensor(TEMPLATE))
    place = _Place.of(to_template, pixels.shape[-1])
    points = in_template(landmarks)
    tone = _tone(pixels, place)
    grain_px = template_px(landmarks)
    bright, _, _ = _colour(pixels / tone)
    soft, red, _ = _colour(blur(pixels, (0.7 * grain_px).tolist()) / tone)
    lids, lashes, brows, openings = _eyes(place, points, bright)
    pale = 1 - _rise(red, -0.15, -0.02)  # teeth, and what lies behind a turned face
    lips = _lips(place, points, red) * (1 - pale * _rise(soft, 0.0, 0.2))
    skin = _like_skin(blur(pixels, grain_px.tolist()) / tone)
    lids = lids * (1 - brows) * (1 - pale * _rise(soft, -0.5, -0.2))
    skin = skin * (1 - lips) * (1 - brows) * (1 - lashes) * (1 - openings)
    return Features(lips, lids, lashes, brows, skin * _cheeks(place, points), skin, tone)


@dataclass(frozen=True)
class _Place:
    """Where each pixel lies in the frame of :data:`TEMPLATE`."""

    x: Float[Tensor, "b 1 w w"]
    y: Float[Tensor, "b 1 w w"]

    @classmethod
    def of(cls, to_template: Tensor, size_px: int) -> _Place:
        line = torch.arange(size_px, device=to_template.device, dtype=to_template.dtype)
        rows, columns = torch.meshgrid(line, line, indexing="ij")
        points = torch.stack((columns, rows, torch.ones_like(rows)))
        x, y = torch.einsum("bik,khw->ibhw", to_template, points).unsqueeze(2)
        return cls(x, y)

    def around(self, point: Float[Tensor, "b 2"]) -> tuple[Tensor, Tensor]:
        """How far right of and below ``point``."""
        x, y = point.view(-1, 2, 1, 1, 1).unbind(1)
        return self.x - x, self.y - y


def _eyes(place: _Place, points: Tensor, bright: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lids, lashes, brows and what lies open between the lids."""
    hair = 1 - _rise(bright, -0.45, -0.15)
    dark = 1 - _rise(bright, -0.9, -0.3)
    lids, lashes, brows, openings = (torch.zeros_like(bright) for _ in range(4))
    for eye, outward in ((0, -1.0), (1, 1.0)):
        right, v = place.around(points[:, eye])
        u = outward * right
        opening = _bump((u / 8.5) ** 2 + ((v - 0.3) / 3.6) ** 2)
        lid = _bump(((u - 1) / 12.5) ** 2 + ((v + 4 + 0.1 * u) / 5.3) ** 2)
        rim = _bump(((u - 0.5) / 11) ** 2 + ((v + 0.5) / 5) ** 2)
        arch = v + 11.5 - 0.012 * (u - 3) ** 2 + 0.08 * u
        band = _bump(((u - 0.5) / 13.5) ** 2 + (arch / 6) ** 2)
        openings = torch.maximum(openings, opening)
        lids = torch.maximum(lids, lid * (1 - opening))
        lashes = torch.maximum(lashes, rim * dark)
        brows = torch.maximum(brows, band * hair * (1 - rim))
    return lids, lashes, brows, openings


def _cheeks(place: _Place, points: Tensor) -> Tensor:
    """Ovals outward of the middle between eye and mouth, rising to the temples."""
    cheeks = torch.zeros_like(place.x)
    for eye, mouth in ((0, 3), (1, 4)):
        inner = (points[:, eye] + points[:, mouth]) / 2
        outward = inner - points[:, 2]  # short on the side the face turns away
        u, v = place.around(inner + outward.new_tensor((0.85, 0.0)) * outward)
        across = outward[:, 0].view(-1, 1, 1, 1)
        width = (1.2 * across.abs()).clamp(8, 22)
        rising = v + 0.35 * u * across.sign()
        cheeks = torch.maximum(cheeks, _bump((u / width) ** 2 + (rising / 13) ** 2))
    return cheeks


def _lips(place: _Place, points: Tensor, red: Tensor) -> Tensor:
    """The lips: near the mouth's corners, and redder than skin as far as they are at all."""
    corners = points[:, 3:]
    across = (corners[:, 1] - corners[:, 0]).view(-1, 2, 1, 1, 1)
    half = across.square().sum(1).sqrt() / 2
    u, v = place.around(corners.mean(1))
    along, down = (
        (across[:, 0] * u + across[:, 1] * v) / (2 * half**2),
        (across[:, 0] * v - across[:, 1] * u) / (2 * half**2),
    )
    low = down - 0.18 * (1 - along**2)  # a smile hangs
    near = _bump((along / 1.25) ** 2 + (low / 0.85) ** 2)
    closed = _bump((along / 1.2) ** 2 + ((down - 0.05) / 0.55) ** 2)
    most = near.flatten(1).amax(1).clamp_max(0.5)  # a face of few pixels may have none so near
    reddest = torch.stack(
        [r[n >= m].quantile(0.85) for r, n, m in zip(red, near, most, strict=True)]
    )
    reddest = reddest.view(-1, 1, 1, 1)
    told = _rise(reddest, 0.03, 0.1)
    redder = _rise(red / reddest.clamp_min(0.03), 0.25, 0.75)
    return told * near * redder + (1 - told) * closed


def _tone(pixels: Tensor, place: _Place) -> Float[Tensor, "b 3 1 1"]:
    """The median colour where skin is nearly always bare."""
    away = torch.stack([(place.x - x) ** 2 + (place.y - y) ** 2 for x, y in _SAMPLES]).amin(0)
    # A face of few pixels may have none so near, and then the nearest counts.
    inside = away <= away.amin((1, 2, 3), keepdim=True).clamp_min(_SAMPLE_PX**2)
    medians = [
        face[:, here[0]].median(dim=1).values for face, here in zip(pixels, inside, strict=True)
    ]
    return torch.stack(medians).clamp_min(1 / 255).view(-1, 3, 1, 1)


def _like_skin(relative: Tensor) -> Tensor:
    """Whether colours, without their grain, are those of skin, which may well be flushed."""
    bright, red, yellow = _colour(relative)
    flush, pallor = red.clamp_min(0) / 0.35, red.clamp_max(0) / 0.2
    return torch.exp(-((bright / 0.75) ** 4) - flush**4 - pallor**4 - (yellow / 0.4) ** 4)


def _colour(relative: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness, redness and yellowness of colours relative to skin, as logarithms."""
    red, green, blue = relative.clamp_min(0.02).log().unsqueeze(2).unbind(1)
    return luma(relative).clamp_min(0.02).log(), red - green, green - blue


def _bump(radius_squared: Tensor) -> Tensor:
    """1 in the middle, 0 from radius 1 on, half a period of a cosine between, flat at both ends."""
    return 0.5 + 0.5 * torch.cos(math.pi * radius_squared.clamp(0, 1))


def _rise(values: Tensor, low: float, high: float) -> Tensor:
    """0 below ``low``, 1 above ``high``, smooth between."""
    share = ((values - low) / (high - low)).clamp(0, 1)
    return share * share * (3 - 2 * share)
