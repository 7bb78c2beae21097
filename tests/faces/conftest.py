from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data

from faceveil.faces.detect import Detector
from faceveil.faces.face import TEMPLATE, Face

Pixels = npt.NDArray[np.uint8]


def face_at(x: float, y: float, size: float, angle: float = 0.0) -> Face:
    """An average face whose ArcFace crop is centred at (x, y), ``size`` pixels wide."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (np.array(TEMPLATE) - 55.5) * size / 112 @ turn.T + (x, y)
    half = size / 2
    return Face((x - half, y - half, x + half, y + half), points.astype(np.float32), 0.9)


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    """NASA's portrait of Eileen Collins, in the public domain."""
    return np.ascontiguousarray(skimage.data.astronaut())
