"""Which face is which in two sizes of one photo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceveil.faces.face import Face
from faceveil.faces.place import OVERLAP, found_again, pair, resized, scaled


def face(left: float, top: float, size: float) -> Face:
    at = np.array(((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)))
    landmarks = (np.array((left, top)) + size * at).astype(np.float32)
    return Face((left, top, left + size, top + size), landmarks, 0.9)


def test_pixels_stretch_about_the_photos_edge() -> None:
    # A face that fills its photo fills it at every size; the first pixel's centre is (0, 0).
    assert scaled((-0.5, -0.5, 99.5, 49.5), 2, 3) == (-0.5, -0.5, 199.5, 149.5)
    assert scaled((0, 0, 1, 1), 2, 2) == (0.5, 0.5, 2.5, 2.5)
    twice = resized(face(10, 20, 40), 2, 0.5)
    assert twice.box == scaled((10, 20, 50, 60), 2, 0.5)
    np.testing.assert_allclose(twice.landmarks[0], ((22 + 0.5) * 2 - 0.5, (36 + 0.5) / 2 - 0.5))
    assert twice.score == 0.9


def test_a_face_is_where_it_is_found_again_and_else_where_it_was() -> None:
    one, twice_as_wide = face(10, 20, 40), (100, 400)
    near, far = resized(face(12, 20, 40), 2, 1), face(300, 50, 40)
    assert found_again(one, (100, 200), (far, near), twice_as_wide) is near
    for found in ((far,), ()):
        there = found_again(one, (100, 200), found, twice_as_wide)
        assert there.box == scaled(one.box, 2, 1)


@given(
    st.floats(-50, 200), st.floats(-50, 200), st.floats(5, 90), st.floats(0.2, 5), st.floats(0.2, 5)
)
def test_back_and_forth_is_where_it_was(
    left: float, top: float, size: float, across: float, down: float
) -> None:
    one = face(left, top, size)
    again = resized(resized(one, across, down), 1 / across, 1 / down)
    assert again.box == pytest.approx(one.box, abs=1e-4)
    np.testing.assert_allclose(again.landmarks, one.landmarks, atol=1e-2)


def test_faces_are_paired_by_place_whatever_the_size_and_order() -> None:
    faces = [face(10, 10, 40), face(100, 20, 30), face(60, 100, 20)]
    found = [resized(one, 0.5, 0.25) for one in reversed(faces)]
    paired = pair(faces, (200, 300), found, (50, 150))
    assert [one.box for one in paired if one is not None] == [
        resized(one, 0.5, 0.25).box for one in faces
    ]


def test_a_face_is_found_once_and_by_the_best_overlap() -> None:
    faces = [face(0, 0, 40), face(8, 0, 40)]
    found = [face(7, 0, 40), face(300, 300, 40)]
    assert pair(faces, (400, 400), found, (400, 400)) == [None, found[0]]
    both = [face(9, 0, 40), face(1, 0, 40)]
    assert pair(faces, (400, 400), both, (400, 400)) == [both[1], both[0]]


def test_what_hardly_overlaps_is_another_face() -> None:
    size = 40.0
    for gap, same in ((0.5, True), (0.6, False)):  # shares 1/3 and 1/4 of what both cover
        (found,) = pair([face(0, 0, size)], (99, 99), [face(gap * size, 0, size)], (99, 99))
        overlap = (1 - gap) / (1 + gap)
        assert (found is not None) == same == (overlap >= OVERLAP)


def test_nothing_is_paired_with_nothing() -> None:
    assert pair([], (9, 9), [face(0, 0, 5)], (9, 9)) == []
    assert pair([face(0, 0, 5)], (9, 9), [], (9, 9)) == [None]
