"""A part of a photo, brought to the scale and size a network wants to see it at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image


@dataclass(frozen=True)
class Window:
    """A window on a photo; what lies beyond the photo repeats its edge.

    Attributes:
        left: where the window's left edge lies, in photo pixels counted from the photo's edge.
        top: the same for its upper edge.
        scale: view pixels per photo pixel.
        width: of the view, in view pixels.
        height: of the view, in view pixels.
    """

    left: float
    top: float
    scale: float
    width: int
    height: int

    def pixels(self, photo: Image.Image) -> npt.NDArray[np.uint8]:
        """What the window shows, ``(height, width, 3)``, low-passed where it shrinks the photo.

        The window must show at least one whole view pixel of the photo in each direction.
        """
        x0, x1 = self._inside(self.left, photo.width, self.width)
        y0, y1 = self._inside(self.top, photo.height, self.height)
        box = (
            max(0.0, self.left + x0 / self.scale),
            max(0.0, self.top + y0 / self.scale),
            min(photo.width, self.left + x1 / self.scale),
            min(photo.height, self.top + y1 / self.scale),
        )
        shown = photo.resize(
            (x1 - x0, y1 - y0), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0
        )
        margins = ((y0, self.height - y1), (x0, self.width - x1), (0, 0))
        return np.pad(np.asarray(shown), margins, mode="edge")

    def to_photo(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Points ``(..., 2)`` of the view as points of the photo."""
        corner = np.array((self.left, self.top), np.float32)
        return ((points + 0.5) / self.scale + corner - 0.5).astype(np.float32)

    def _inside(self, start: float, photo_px: int, view_px: int) -> tuple[int, int]:
        """The first view pixel that lies wholly in the photo, and the one after the last."""
        tolerance = 1e-6
        first = math.ceil(-start * self.scale - tolerance)
        last = math.floor((photo_px - start) * self.scale + tolerance)
        return max(0, first), min(view_px, last)
