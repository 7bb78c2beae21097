"""Protect as an owner, trace the written file: with real models and a veil of a few steps."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import faceveil
from faceveil.app import receipt
from faceveil.app.protect import Outcome, Protector
from faceveil.app.settings import Settings
from faceveil.app.trace import marked, trace
from faceveil.core import config
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.detect import Detector
from faceveil.io.photo import Photo, decode

OWNER, OTHER = "2a5c3f1e9b7d1", "0123456789abc"
SETTINGS = {
    "method": {"name": "watermark", "owner": OWNER, "steps": 12, "alpha": 1.5, "insistence": 30.0},
    "budget": {"ssimulacra2": 40.0, "flip": 0.08, "spot": 0.6},
    "run": {"surrogates": ["mobilefacenet"], "held_out": []},
}


def photo_of(pixels: NDArray[np.uint8], name: str = "photo.png") -> Photo:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return decode(stream.getvalue(), name)


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="session")
def outcome(portrait: NDArray[np.uint8]) -> Outcome:
    protector = Protector.load(Settings.build(SETTINGS), device="cpu")
    return protector(photo_of(portrait))


def test_the_written_file_is_marked_and_says_so(outcome: Outcome, detector: Detector) -> None:
    mark = outcome.faces[0].mark
    assert mark is not None
    assert mark.owner == OWNER
    assert mark.chance < 1e-6
    (found,) = trace(outcome.photo, detector)
    assert found.mark == mark
    assert faceveil.trace(outcome.data) == (found,)
    assert faceveil.trace(outcome.photo.pixels, [OTHER])[0].mark == mark


def test_receipts_hold_the_mark(outcome: Outcome) -> None:
    face = json.loads(json.dumps(config.plain(outcome.faces[0])))
    kind = type(outcome.faces[0])
    assert config.build(kind, face, where="face") == outcome.faces[0]
    settings = receipt.settings_of(Settings.build(SETTINGS))
    assert settings["method"]["owner"] == OWNER


def test_a_photo_without_a_mark_is_not_called_marked(
    portrait: NDArray[np.uint8], detector: Detector
) -> None:
    plain = photo_of(portrait)
    (found,) = trace(plain, detector, [OWNER])
    assert found.mark is None
    assert marked(plain, detector, [found.box, (0.0, 0.0, 9.0, 9.0)], OWNER) == [None, None]


def test_somebody_elses_mark_is_not_the_owners(outcome: Outcome, detector: Detector) -> None:
    boxes = [face.box for face in outcome.faces]
    assert marked(outcome.photo, detector, boxes, OTHER) == [None]


def test_no_face_is_a_sentence(detector: Detector) -> None:
    with pytest.raises(NoFaceError, match=r"wall.png: no face found, and marks lie in faces"):
        trace(photo_of(np.full((64, 64, 3), 90, np.uint8), "wall.png"), detector)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="a path, bytes, a Pillow image or an array"):
        faceveil.trace(3.0)  # type: ignore[arg-type]
