"""Trace: whose mark the faces of a photo wear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceveil.core.errors import NoFaceError
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.faces.place import Box, pair
from faceveil.io.photo import Photo
from faceveil.marks.reader import Mark, look


@dataclass(frozen=True)
class Trace:
    """A face, largest first, and the mark it wears; None if it wears none that can be read."""

    index: int
    box: Box
    mark: Mark | None


def trace(photo: Photo, detector: Detector, owners: Sequence[str] = ()) -> tuple[Trace, ...]:
    """The marks of all faces in ``photo``.

    Args:
        photo: any, as it is or as it came back from somewhere.
        detector: finds the faces.
        owners: ids of those whose marks are looked for before anybody's; theirs are found in photos
            that are damaged more.

    Raises:
        NoFaceError: there is no face in the photo; marks lie nowhere else.
        UsageError: an id is none.
    """
    faces = detector(photo.pixels)
    if not faces:
        raise NoFaceError(f"{photo.name}: no face found, and marks lie in faces.")
    return tuple(
        Trace(index, face.box, look(extract(photo.pixels, face), owners))
        for index, face in enumerate(faces)
    )


def marked(photo: Photo, detector: Detector, boxes: Sequence[Box], owner: str) -> list[Mark | None]:
    """Of each face in its place, found anew, the mark of ``owner`` if it can be read by anybody."""
    found = detector(photo.pixels)
    faces = [Face(box, np.zeros((5, 2), np.float32), 1.0) for box in boxes]
    there = pair(faces, photo.pixels.shape, found, photo.pixels.shape)
    marks = [None if face is None else look(extract(photo.pixels, face)) for face in there]
    return [mark if mark is not None and mark.owner == owner else None for mark in marks]
