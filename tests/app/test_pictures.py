"""The pictures of a report."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from faceveil.app import pictures


def pixels_of(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)


def test_crops_are_the_very_pixels(noise: np.ndarray) -> None:
    trio = pictures.face(noise, noise, (100, 200, 200, 320))
    assert trio.scale == 1
    np.testing.assert_array_equal(pixels_of(trio.before), noise[170:350, 60:240])


def test_a_large_face_is_reduced_and_its_middle_shown_exactly(noise: np.ndarray) -> None:
    box = (300, 100, 700, 600)
    assert pictures.face(noise, noise, box).width == pictures.CROP_PX
    detail = pictures.detail(noise, noise, box)
    assert detail is not None
    np.testing.assert_array_equal(pixels_of(detail.after), noise[185:515, 335:665])
    assert pictures.detail(noise, noise, (0, 0, 50, 50)) is None


@pytest.mark.parametrize("box", [(-40, -30, 30, 60), (850, 650, 960, 740), (-50, -50, 950, 750)])
def test_faces_at_the_border_are_cut_to_the_photo(
    noise: np.ndarray, box: tuple[float, float, float, float]
) -> None:
    trio = pictures.face(noise, noise, box)
    assert pixels_of(trio.before).shape == (trio.height, trio.width, 3)


def test_differences_stand_around_mid_grey() -> None:
    before = np.full((2, 2, 3), 100, np.uint8)
    after = before + np.array([[[0, 1, 20], [0, 0, 0]]], np.uint8)
    assert pictures.difference(before, after)[0].tolist() == [[128, 138, 255], [128, 128, 128]]
    assert pictures.difference(after, before)[0, 0].tolist() == [128, 118, 0]


def test_whole_photos_keep_to_the_display_size(noise: np.ndarray) -> None:
    wide = np.tile(noise, (1, 3, 1))
    trio = pictures.whole(wide, wide)
    assert (trio.width, trio.height) == (1024, 265)
