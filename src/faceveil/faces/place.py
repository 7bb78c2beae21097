"""The same faces in two sizes of one photo: which is which, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceveil.faces.face import Face

Box = tuple[float, float, float, float]

OVERLAP = 0.3
"""The intersection over union from which two boxes show one face."""


def resized(face: Face, across: float, down: float) -> Face:
    """``face`` in its photo resized by these factors."""
    factors = np.array((across, down), np.float32)
    return Face(scaled(face.box, across, down), (face.landmarks + 0.5) * factors - 0.5, face.score)


def scaled(box: Box, across: float, down: float) -> Box:
    """``box`` in a photo resized by these factors; the centre of its first pixel is (0, 0)."""
    left, top, right, bottom = (side + 0.5 for side in box)
    return left * across - 0.5, top * down - 0.5, right * across - 0.5, bottom * down - 0.5


def pair(
    faces: Sequence[Face], shape: Sequence[int], found: Sequence[Face], found_shape: Sequence[int]
) -> list[Face | None]:
    """For each of ``faces`` the one of ``found`` in its place, best overlaps first, each once.

    Args:
        faces: in a photo of ``shape``, its height and width first.
        shape: of that photo.
        found: in the same photo at another size.
        found_shape: of that.
    """
    down, across = shape[0] / found_shape[0], shape[1] / found_shape[1]
    overlaps = sorted(
        (
            (_overlap(face.box, scaled(other.box, across, down)), i, j)
            for i, face in enumerate(faces)
            for j, other in enumerate(found)
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    for overlap, i, j in overlaps:
        if overlap >= OVERLAP and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [found[pairs[i]] if i in pairs else None for i in range(len(faces))]


def found_again(
    face: Face, shape: Sequence[int], found: Sequence[Face], found_shape: Sequence[int]
) -> Face:
    """``face`` in its photo at another size, or changed: the one of ``found`` in its place.

    Where there is none, it is where it was: whoever wants to recognise somebody can draw the box by
    hand.

    Args:
        face: in a photo of ``shape``, its height and width first.
        shape: of that photo.
        found: what a detector finds there now.
        found_shape: of the photo there.
    """
    place = resized(face, found_shape[1] / shape[1], found_shape[0] / shape[0])
    (there,) = pair([place], found_shape, found, found_shape)
    return place if there is None else there


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0
