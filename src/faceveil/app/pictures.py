"""The pictures a report shows, each as a ``data:`` address."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Box = tuple[float, float, float, float]

PHOTO_PX = 1024
"""The longer side of a whole photo in a report."""

CROP_PX = 330
"""The side of a face crop; a larger face is shown reduced, and a part of it at 1:1."""

GAIN = 10
"""What differences are multiplied by before they are shown around mid grey."""


@dataclass(frozen=True)
class Trio:
    """Before, after and their difference at one size, as ``data:`` addresses.

    ``scale`` is how many pixels of the picture one pixel of the photo became.
    """

    before: str
    after: str
    difference: str
    width: int
    height: int
    scale: float


def whole(before: Pixels, after: Pixels) -> Trio:
    """The photos at no more than :data:`PHOTO_PX`, AFTER brought to the size of BEFORE."""
    height, width = before.shape[:2]
    scale = min(1.0, PHOTO_PX / max(height, width))
    return _trio(before, after, (0, 0, width, height), scale, exact=False)


def face(before: Pixels, after: Pixels, box: Box) -> Trio:
    """The face in ``box`` (px of BEFORE) with a margin, reduced to :data:`CROP_PX` if larger."""
    region = _square(before, box, _side(box))
    scale = min(1.0, CROP_PX / max(region[2] - region[0], region[3] - region[1]))
    return _trio(before, after, region, scale, exact=scale == 1)


def detail(before: Pixels, after: Pixels, box: Box) -> Trio | None:
    """The middle of a face too large for :func:`face`, pixel for pixel; None if it is not."""
    if _side(box) <= CROP_PX:
        return None
    return _trio(before, after, _square(before, box, CROP_PX), 1.0, exact=True)


def difference(before: Pixels, after: Pixels) -> Pixels:
    """AFTER less BEFORE, times :data:`GAIN`, around mid grey."""
    signed = after.astype(np.int16) - before.astype(np.int16)
    return np.clip(128 + GAIN * signed, 0, 255).astype(np.uint8)


def _side(box: Box) -> int:
    left, top, right, bottom = box
    return round(1.5 * max(right - left, bottom - top))


def _square(photo: Pixels, box: Box, side_px: int) -> tuple[int, int, int, int]:
    """A square of ``side_px`` about the middle of ``box``, moved and cut to lie in the photo."""
    height, width = photo.shape[:2]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left = round(min(max(x - side_px / 2, 0), max(width - side_px, 0)))
    top = round(min(max(y - side_px / 2, 0), max(height - side_px, 0)))
    return left, top, min(left + side_px, width), min(top + side_px, height)


def _trio(
    before: Pixels, after: Pixels, region: tuple[int, int, int, int], scale: float, *, exact: bool
) -> Trio:
    left, top, right, bottom = region
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    down, across = after.shape[0] / before.shape[0], after.shape[1] / before.shape[1]
    same = (left * across, top * down, right * across, bottom * down)
    one, other = _cut(before, region, size), _cut(after, same, size)
    return Trio(
        before=_address(one, exact=exact),
        after=_address(other, exact=exact),
        difference=_address(difference(one, other), exact=False),
        width=size[0],
        height=size[1],
        scale=scale,
    )


def _cut(photo: Pixels, region: Box, size: tuple[int, int]) -> Pixels:
    """A region of a photo at ``size``; where the two agree, its very pixels."""
    image = Image.fromarray(photo)
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS, box=region, reducing_gap=3))


def _address(pixels: Pixels, *, exact: bool) -> str:
    file = io.BytesIO()
    kind = "png" if exact else "jpeg"
    Image.fromarray(pixels).save(file, kind, quality=88, optimize=True)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
