"""The piece of a photo a face is worked on in, and the way back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from faceveil.core.budget import Region
from faceveil.faces.face import TEMPLATE, Face
from faceveil.faces.regions import HEAD, OVAL, Ellipse
from faceveil.ops import warp

Pixels = npt.NDArray[np.uint8]
Slices = tuple[slice, slice]

MULTIPLE = 16
"""Sides of small patches are multiples of this, so that faces of like size make one batch."""
MAX_WORKING_PX = 320
"""The side larger faces are scaled down to: more than any recogniser here looks at."""
RECOGNISED = (-5.0, -1.0, 117.0, 131.0)
"""What recognisers look at, in the frame of :data:`TEMPLATE`: ArcFace's crop (0 to 111) and, lower,
dlib's chip (measured on 20 faces: at most -5 to 116 and 12 to 131)."""
GREY_LEVELS = 2.0
"""A face is grey whose channels lie no further apart on average: coding tints black and white
photos by that, and a stamp or a caption in colour makes no other face of them."""
GREY_SAMPLE_PX = 256
"""How many rows and columns of a face are looked at for that."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A square of a photo around a face, at the photo's resolution and at the one worked in.

    Attributes:
        face: the face, in photo pixels.
        left: the square's first column in the photo; negative where it sticks out.
        top: the square's first row.
        native: the square's pixels, ``(side, side, 3)`` RGB; beyond the photo its edge is repeated.
        working_px: the side of the square at the working resolution, at most the native one.
        face_crop: rows and columns of ``native`` that show the face, without what lies beyond the
            photo: where visible damage is judged.
        within_photo: rows and columns of ``native`` that lie in the photo.
    """

    face: Face
    left: int
    top: int
    native: Pixels
    working_px: int
    face_crop: Slices
    within_photo: Slices

    @property
    def side(self) -> int:
        """The side of the square in photo pixels."""
        return len(self.native)

    @property
    def grey(self) -> bool:
        """Whether the face is black and white, and must stay so."""
        rows, columns = self.face_crop
        step = max(1, (rows.stop - rows.start) // GREY_SAMPLE_PX)
        face = self.native[rows, columns][::step, ::step]
        return bool(np.ptp(face, axis=-1).sum() <= GREY_LEVELS * face[..., 0].size)

    @property
    def pixels(self) -> Float[Tensor, "3 w w"]:
        """The square at working resolution, RGB in [0, 1]."""
        pixels = self.native
        if self.working_px != self.side:
            # Pillow low-passes and works on bytes; a float copy of a large face would be huge.
            size = (self.working_px, self.working_px)
            pixels = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous() / 255

    @property
    def native_landmarks(self) -> Float[Tensor, "5 2"]:
        """The landmarks in pixels of ``native``."""
        return torch.from_numpy(self.face.landmarks - np.array((self.left, self.top), np.float32))

    @property
    def landmarks(self) -> Float[Tensor, "5 2"]:
        """The landmarks in pixels of the working resolution."""
        return (self.native_landmarks + 0.5) * (self.working_px / self.side) - 0.5

    @property
    def working_crop(self) -> Slices:
        """The rows and columns of ``pixels`` that show the face."""
        factor = self.working_px / self.side
        rows, columns = (
            slice(math.floor(span.start * factor), math.ceil(span.stop * factor))
            for span in self.face_crop
        )
        return rows, columns

    def at_native(self) -> Patch:
        """The same patch, worked on at the photo's resolution."""
        return dataclasses.replace(self, working_px=self.side)

    def enlarge(self, mask: Float[Tensor, "3 w w"]) -> Float[Tensor, "3 side side"]:
        """A mask of the working resolution at the photo's, see :func:`resized`."""
        return resized(mask[None], (self.side, self.side))[0]


def resized(mask: Float[Tensor, "b c h w"], size: Sequence[int]) -> Float[Tensor, "b c H W"]:
    """A mask at another resolution; the same numbers where it is the same.

    Bicubic, and held to the range of the mask's own values: interpolation may not exceed a budget
    that the mask keeps.
    """
    if mask.shape[-2:] == torch.Size(size):
        return mask
    other = F.interpolate(mask, tuple(size), mode="bicubic", align_corners=False)
    return other.clamp(mask.min(), mask.max())


def extract(
    pixels: Pixels,
    face: Face,
    *,
    region: Region = "oval",
    max_working_px: int = MAX_WORKING_PX,
) -> Patch:
    """Cut out the square that holds what recognisers look at and all of the region.

    It is axis-aligned. A face whose square needs no more than ``max_working_px`` is worked on at
    the photo's own resolution, a larger one at ``max_working_px``.

    Args:
        pixels: the photo, ``(h, w, 3)`` RGB.
        face: the face, in the photo's pixels.
        region: what will be changed; ``head`` needs a larger square.
        max_working_px: the largest side to work at.
    """
    ellipse = HEAD if region == "head" else OVAL
    left, top, side = _square(face, ellipse, max_working_px)
    rows = np.arange(top, top + side).clip(0, pixels.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, pixels.shape[1] - 1)
    native = pixels[rows[:, None], columns]
    first, start, length = _square(face, OVAL, max_working_px)
    height, width = pixels.shape[:2]
    face_crop = (
        slice(max(start, 0) - top, min(start + length, height) - top),
        slice(max(first, 0) - left, min(first + length, width) - left),
    )
    within_photo = (
        slice(max(0, -top), min(side, height - top)),
        slice(max(0, -left), min(side, width - left)),
    )
    return Patch(face, left, top, native, min(side, max_working_px), face_crop, within_photo)


def paste(photo: Pixels, veiled: Sequence[tuple[Patch, Pixels]]) -> Pixels:
    """A copy of ``photo`` with the change from each patch's ``native`` to its veiled pixels added.

    Pixels that no veil changes are bit-exact. Where patches overlap the larger of the changes is
    made and not their sum, so the result keeps any bound on single pixels that each of them keeps,
    and their order does not matter. What is seen of a face is bounded for its own veil alone: a
    neighbour's may reach into its crop.

    Args:
        photo: the photo the patches were extracted from, ``(h, w, 3)``; left as it is.
        veiled: each patch with its veiled pixels, ``(side, side, 3)``.
    """
    changes = [
        (patch.top, patch.left, pixels.astype(np.int16) - patch.native) for patch, pixels in veiled
    ]
    result = photo.copy()
    for i, (top, left, change) in enumerate(changes):
        winning = change.copy()
        for j, (other_top, other_left, other) in enumerate(changes):
            shared = _overlap((top, left), change, (other_top, other_left), other)
            if i != j and shared is not None:
                ours, theirs = shared
                lost = _rank(other[theirs]) - (j > i) >= _rank(change[ours])
                winning[ours][lost] = 0
        inside = _overlap((0, 0), photo, (top, left), change)
        if inside is not None:
            here, part = inside
            sum_ = photo[here].astype(np.int16) + winning[part]
            result[here] = np.where(winning[part] != 0, sum_.clip(0, 255), result[here])
    return result


def _overlap(
    start: tuple[int, int],
    array: npt.NDArray[np.generic],
    other_start: tuple[int, int],
    other: npt.NDArray[np.generic],
) -> tuple[Slices, Slices] | None:
    """Where two arrays placed in a plane coincide, as a window of each; None where they do not."""
    low = np.maximum(start, other_start)
    high = np.minimum(np.add(start, array.shape[:2]), np.add(other_start, other.shape[:2]))
    if (high <= low).any():
        return None

    def window(origin: tuple[int, int]) -> Slices:
        (top, left), (bottom, right) = low - origin, high - origin
        return slice(int(top), int(bottom)), slice(int(left), int(right))

    return window(start), window(other_start)


def _rank(change: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """A number a pixel that is larger for the larger change, and equal only for equal changes."""
    red, green, blue = np.moveaxis(change.astype(np.int64) + 255, -1, 0)
    rank: npt.NDArray[np.int64] = np.abs(change).max(-1).astype(np.int64)
    for channel in (red, green, blue):
        rank = rank * 511 + channel
    return rank


def _square(face: Face, ellipse: Ellipse, max_working_px: int) -> tuple[int, int, int]:
    """Left, top and side of the square around what recognisers see and the ellipse."""
    low, high = _extent(face, ellipse)
    # One pixel more than the distance, and half a one on either side for the rounding below.
    needed = math.ceil(float((high - low).max()) + 2)
    side = needed if needed > max_working_px else _round_up(needed)
    left, top = (round(float(middle)) for middle in (low + high) / 2 - (side - 1) / 2)
    return left, top, side


def _extent(
    face: Face, ellipse: Ellipse
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The least and greatest (x, y) of the ellipse and of what recognisers see, in the photo."""
    landmarks = torch.tensor(face.landmarks, dtype=torch.float64)
    to_template = warp.similarity(landmarks[None], landmarks.new_tensor(TEMPLATE))
    to_photo = warp.invert(to_template)[0].numpy()
    left, top, right, bottom = RECOGNISED
    corners = np.array([(left, top), (right, top), (left, bottom), (right, bottom)])
    corners = corners @ to_photo[:, :2].T + to_photo[:, 2]
    centre = to_photo[:, :2] @ (ellipse.x, ellipse.y) + to_photo[:, 2]
    # An ellipse reaches as far as the row of its matrix is long.
    reach = np.linalg.norm(to_photo[:, :2] * (ellipse.width / 2, ellipse.height / 2), axis=1)
    low, high = centre - reach, centre + reach
    return np.minimum(low, corners.min(0)), np.maximum(high, corners.max(0))


def _round_up(side: int) -> int:
    return max(1, math.ceil(side / MULTIPLE)) * MULTIPLE
