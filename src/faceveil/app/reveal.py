"""Reveal: take a personal mask off a veiled photo, with its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceveil.app.key import Key
from faceveil.app.protect import Worn
from faceveil.app.receipt import Receipt
from faceveil.app.settings import Settings
from faceveil.core.budget import Region
from faceveil.core.errors import NoFaceError, SecretError
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.faces.patch import extract, paste
from faceveil.faces.place import resized
from faceveil.io.encode import encode
from faceveil.io.photo import Photo
from faceveil.masks.sighting import sight

WORN = 0.25
"""The strength from which on a face is taken to wear a mask; others seem to wear under .1."""
CERTAIN = 20.0
"""And the fit: a faint mask seems to be worn by more, being no stronger than faces' own detail."""


@dataclass(frozen=True, eq=False)
class Revealed:
    """A photo without the mask.

    Attributes:
        data: the file's bytes, in the format the veiled photo came in.
        n_faces: how many faces wore the mask.
        exact: whether the receipt said where it lay, in this very file.
        note: what must be said about that.
    """

    data: bytes
    n_faces: int
    exact: bool
    note: str


def reveal(
    photo: Photo, key: Key, detector: Detector, paper: Receipt | None = None, *, quality: int = 95
) -> Revealed:
    """``photo`` without the mask of ``key``.

    With the receipt the mask is taken off exactly where it was laid. Without one, or if the photo
    was cropped since, it is looked for around the faces that the detector finds.

    Args:
        photo: the veiled photo.
        key: of the person.
        detector: finds faces where the receipt does not say.
        paper: what :mod:`faceveil.app.receipt` reads beside the photo.
        quality: of JPEG, WebP and HEIF files.

    Raises:
        SecretError: no face wears this mask.
        NoFaceError: no face was found.
        PhotoError: the photo cannot be encoded.
    """
    height, width = photo.pixels.shape[:2]
    budget, worn = key.about.budget, []
    if paper is not None:
        worn = [face.worn for face in paper.faces if face.worn is not None]
        if worn and key.digest not in {one.key for one in worn}:
            raise SecretError(
                f"{photo.name}: its receipt says that it wears no mask of {key.name}."
            )
        budget = Settings.build(paper.settings).budget
        worn = [one for one in worn if one.key == key.digest and _fits(one, width, height)]
    placed = [_placed(one, width, height) for one in worn] or _found(
        photo, key, detector, budget.region
    )
    patches = [extract(photo.pixels, face, region=budget.region) for face, _ in placed]
    lifted = [
        (patch, key.mask.lift(patch, budget, strength))
        for patch, (_, strength) in zip(patches, placed, strict=True)
    ]
    exact = bool(worn) and paper is not None and paper.output.sha256 == photo.sha256
    data = encode(photo, paste(photo.pixels, lifted), quality=quality)
    return Revealed(data, len(placed), exact, _note(photo, worn=bool(worn), exact=exact))


def _fits(worn: Worn, width: int, height: int) -> bool:
    """Whether a photo of this size can be the one the mask was laid in, at another size."""
    was_width, was_height = worn.photo_px
    return abs(width - was_width * height / was_height) <= 1 + was_width / was_height


def _placed(worn: Worn, width: int, height: int) -> tuple[Face, float]:
    """The face as it was when the mask was laid, in a photo of this size."""
    landmarks = np.array(worn.landmarks, np.float32)
    (left, top), (right, bottom) = landmarks.min(axis=0), landmarks.max(axis=0)
    face = Face((float(left), float(top), float(right), float(bottom)), landmarks, 1.0)
    was_width, was_height = worn.photo_px
    if (width, height) != worn.photo_px:
        face = resized(face, width / was_width, height / was_height)
    return face, worn.strength


def _found(
    photo: Photo, key: Key, detector: Detector, region: Region
) -> Sequence[tuple[Face, float]]:
    """The faces that seem to wear the mask, and how strongly."""
    faces = detector(photo.pixels)
    if not faces:
        raise NoFaceError(f"{photo.name}: no face found, so there is nothing to reveal.")
    sightings = [
        sight(key.mask, extract(photo.pixels, face, region=region), region) for face in faces
    ]
    wearing = [
        (Face(face.box, sighting.landmarks.numpy(), face.score), min(sighting.strength, 1.0))
        for face, sighting in zip(faces, sightings, strict=True)
        if sighting.strength >= WORN and sighting.fit >= CERTAIN
    ]
    if not wearing:
        raise SecretError(
            f"{photo.name}: no face in it wears the mask of {key.name} "
            f"(the most that one seems to is {max(0.0, *(one.strength for one in sightings)):.0%})."
        )
    return wearing


def _note(photo: Photo, *, worn: bool, exact: bool) -> str:
    if exact and photo.lossless:
        return "As before the veil, but for pixels that it had made quite dark or quite bright."
    if exact:
        return "As before the veil, but for what the file's compression took."
    if worn:
        return "The file has changed since its receipt was written, so this is as near as it gets."
    return "Without a receipt the place of the mask was measured, so traces of it stay."
