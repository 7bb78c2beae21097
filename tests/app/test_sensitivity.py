"""The picture shows every face and every recogniser, hottest where that recogniser looks."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceveil.app.protect import Protector
from faceveil.app.sensitivity import SIDE_PX, sensitivity
from faceveil.core.errors import NoFaceError
from faceveil.io.photo import decode
from faceveil.recognisers import zoo


def png(pixels: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def test_recognisers_go_by_the_middle_of_a_face_and_agree(
    protector: Protector, portrait: NDArray[np.uint8]
) -> None:
    recognisers = [zoo.load(name) for name in ("mobilefacenet", "faceres")]
    photo = decode(png(portrait), "me.png")
    found = sensitivity(photo, protector.engine.detector, recognisers, n_faces=None)
    with Image.open(io.BytesIO(found.png())) as picture:
        assert picture.height == 3 * SIDE_PX
    for row in (1, 2):
        face = found.picture[row * SIDE_PX : (row + 1) * SIDE_PX, -SIDE_PX:].astype(int)
        orange = face[..., 0] - face[..., 2]
        third = SIDE_PX // 3
        assert orange[third:-third, third:-third].mean() > 3 * orange[:, :20].mean()
    (rho,) = found.agreement.values()
    assert 0.5 < rho < 1
    assert list(found.agreement) == [("mobilefacenet", "faceres")]


def test_nobody_to_draw_is_said(protector: Protector) -> None:
    empty = decode(png(np.full((64, 64, 3), 90, np.uint8)), "sky.png")
    with pytest.raises(NoFaceError, match="no face found"):
        sensitivity(empty, protector.engine.detector, [zoo.load("faceres")], n_faces=1)
