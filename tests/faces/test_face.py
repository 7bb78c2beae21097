from __future__ import annotations

import json

import numpy as np
import pytest

from faceveil.core.errors import UsageError
from faceveil.faces.face import TEMPLATE, Face

POINTS = np.array(TEMPLATE, np.float32)


def test_equal_by_value() -> None:
    face = Face((0, 0, 100, 121), POINTS, 0.9)
    assert face == Face((0, 0, 100, 121), POINTS.copy(), 0.9)
    assert hash(face) == hash(Face((0, 0, 100, 121), POINTS.copy(), 0.9))
    assert face != Face((0, 0, 100, 121), POINTS + 1, 0.9)
    assert face != Face((0, 0, 100, 121), POINTS, 0.8)
    assert face.size_px == pytest.approx(110)


def test_does_not_share_memory_with_what_it_was_made_from() -> None:
    points = POINTS.copy()
    face = Face((0, 0, 1, 1), points, 0.9)
    points[:] = 0
    np.testing.assert_array_equal(face.landmarks, POINTS)
    with pytest.raises(ValueError, match="read-only"):
        face.landmarks[0] = 0


def test_json_is_plain() -> None:
    face = Face((1.5, 2, 3, 4), POINTS, 0.9)
    plain = json.loads(json.dumps(face.json()))
    assert Face(tuple(plain["box"]), np.array(plain["landmarks"]), plain["score"]) == face


@pytest.mark.parametrize(
    ("box", "points", "message"),
    [
        ((0, 0, 1, 1), POINTS[:4], "five finite"),
        ((0, 0, 1, 1), POINTS * np.nan, "five finite"),
        ((5, 0, 1, 1), POINTS, "is empty"),
    ],
)
def test_refuses_what_is_no_face(
    box: tuple[float, float, float, float], points: np.ndarray, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Face(box, points, 0.9)
