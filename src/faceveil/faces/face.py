"""Where one face is in a photo."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from faceveil.core.errors import UsageError

TEMPLATE = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""The landmarks of an average upright face in the 112 px crop of ArcFace (Deng et al. 2019): the
frame in which this room measures faces."""


@dataclass(frozen=True, eq=False)
class Face:
    """A face: its box, its five landmarks and the detector's score in [0, 1].

    Attributes:
        box: left, top, right, bottom in photo pixels; may reach beyond the photo.
        landmarks: (x, y) of the viewer's-left eye, viewer's-right eye, nose tip, viewer's-left and
            viewer's-right mouth corner; read-only.

    Raises:
        UsageError: the landmarks are not five finite points, or the box is empty.
    """

    box: tuple[float, float, float, float]
    landmarks: npt.NDArray[np.float32]
    score: float

    def __post_init__(self) -> None:
        landmarks = np.array(self.landmarks, np.float32)
        if landmarks.shape != (5, 2) or not np.isfinite(landmarks).all():
            raise UsageError(
                f"A face needs five finite (x, y) landmarks, not an array of shape "
                f"{landmarks.shape}: {landmarks.tolist()}."
            )
        left, top, right, bottom = self.box
        if not (right > left and bottom > top):
            raise UsageError(f"A face's box is left, top, right, bottom; {self.box} is empty.")
        landmarks.flags.writeable = False
        object.__setattr__(self, "landmarks", landmarks)

    @property
    def size_px(self) -> float:
        """The side of a square as large as the box, in pixels."""
        left, top, right, bottom = self.box
        return math.sqrt((right - left) * (bottom - top))

    def json(self) -> dict[str, object]:
        """The face as plain numbers and lists."""
        return {
            "box": list(self.box),
            "landmarks": self.landmarks.tolist(),
            "score": self.score,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Face) and self.json() == other.json()

    def __hash__(self) -> int:
        return hash((self.box, self.landmarks.tobytes(), self.score))
