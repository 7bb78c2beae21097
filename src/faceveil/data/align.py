"""How a recogniser comes to look at a picture: three alignments, each a face and a recogniser.

* ``detector``: the detector finds the face and the recogniser cuts its own crop, as in daily use.
* ``aligned``: the picture is the crop of an aligned face already, ArcFace's frame filled.
* ``whole``: the recogniser looks at the whole picture, brought to the size of its input, as the
  harness of AMT-GAN (Hu et al. 2022) does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceveil.core.errors import NoFaceError, UsageError
from faceveil.data.pictures import Alignment
from faceveil.faces.detect import Detector
from faceveil.faces.face import TEMPLATE, Face
from faceveil.io.photo import Photo
from faceveil.recognisers.recogniser import Recogniser

TEMPLATE_PX = 112
"""The side of the crop :data:`~faceveil.faces.face.TEMPLATE` lies in."""


def find_face(photo: Photo, alignment: Alignment, detector: Detector) -> Face:
    """The face that ``photo`` is a picture of.

    Of several that the detector finds it is the one largest and nearest to the middle: its area in
    px less twice its squared distance from there, as facenet's alignment of LFW weighs them.

    Raises:
        NoFaceError: the detector finds none.
        UsageError: the picture is to be taken whole or as aligned, and is not square.
    """
    if alignment != "detector":
        return _filling(photo)
    faces = detector(photo.pixels)
    if not faces:
        raise NoFaceError(f"{photo.name}: no face found in this picture; leave it out.")
    height, width = photo.pixels.shape[:2]

    def weight(face: Face) -> float:
        left, top, right, bottom = face.box
        x, y = (left + right + 1 - width) / 2, (top + bottom + 1 - height) / 2
        return face.size_px**2 - 2 * (x**2 + y**2)

    return max(faces, key=weight)


def as_seen(recogniser: Recogniser, alignment: Alignment) -> Recogniser:
    """The recogniser that looks at faces from :func:`find_face` as ``alignment`` says.

    For ``whole`` it is one with the same network, for which ArcFace's frame fills the input: of a
    face that fills its picture it cuts out the picture. It sees what the other never did, so it has
    a name of its own and no thresholds yet. Otherwise it is the recogniser itself.
    """
    if alignment != "whole":
        return recogniser
    card = recogniser.card
    own = tuple((x, y) for x, y in template(card.crop.size_px).tolist())
    card = replace(
        card,
        name=f"{card.name}-whole",
        crop=replace(card.crop, template=own),
        calibration=None,
    )
    whole = Recogniser(card, recogniser.network).to(recogniser.device)
    return whole.eval().requires_grad_(requires_grad=False)


def _filling(photo: Photo) -> Face:
    """The face whose aligned crop is the whole picture."""
    height, width = photo.pixels.shape[:2]
    if height != width:
        raise UsageError(
            f"{photo.name} is {width} x {height} px, and only a square can be taken for an aligned "
            "crop or taken whole: cut it square, or let the detector find the face."
        )
    edge = width - 0.5
    return Face((-0.5, -0.5, edge, edge), template(width), score=1.0)


def template(size_px: int) -> NDArray[np.float32]:
    """ArcFace's landmarks in a crop of ``size_px``; pixels stretch about the crop's edge."""
    return ((np.array(TEMPLATE) + 0.5) * (size_px / TEMPLATE_PX) - 0.5).astype(np.float32)
