"""What the world does to a photo: names, effects and refusals of each step."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceveil.app.treatment import STANDARD, Treatment, treatments
from faceveil.core.errors import UsageError


def test_names_and_order_of_the_standard_ones() -> None:
    assert [one.name for one in STANDARD] == [
        "as written",
        "JPEG 75",
        "half size",
        "half size + JPEG 75",
    ]
    assert [one.name for one in treatments(None, 1)] == ["as written"]
    assert [one.name for one in treatments(40, 1)] == ["as written", "JPEG 40"]


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("resize 0.25", "25 % size"),
        ("resize 1.5", "150 % size"),
        ("fit 1080 + jpeg 80", "at most 1080 px + JPEG 80"),
        ("screenshot 0.8", "screenshot at 80 %"),
        ("blur 1.5", "blur 1.5 px"),
        ("median 3+bits 4", "median 3 px + 4 bits a channel"),
    ],
)
def test_every_step_has_a_name(spec: str, name: str) -> None:
    assert Treatment(spec).name == name


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("jpg 75", "'jpg 75' is no step"),
        ("jpeg", "'jpeg' is no step"),
        ("jpeg good", "'jpeg good' is no step"),
        ("jpeg 0", "from 1 to 100, not 0"),
        ("jpeg 7.5", "not 7.5"),
        ("median 4", "an odd number"),
        ("resize nan", "not nan"),
        ("resize 0", "not 0"),
    ],
)
def test_an_unknown_step_is_refused_by_name(spec: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Treatment(spec)


def test_as_written_changes_nothing(portrait: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(Treatment()(portrait), portrait)


def test_sizes(portrait: NDArray[np.uint8]) -> None:
    height, width = portrait.shape[:2]
    assert Treatment("resize 0.5")(portrait).shape == (round(height / 2), round(width / 2), 3)
    assert Treatment("screenshot 0.8")(portrait).shape[:2] == (
        round(height * 0.8),
        round(width * 0.8),
    )
    assert max(Treatment("fit 100")(portrait).shape) == 100
    np.testing.assert_array_equal(Treatment("fit 4000")(portrait), portrait)
    assert Treatment("resize 0.1")(np.zeros((1, 3, 3), np.uint8)).shape == (1, 1, 3)


def test_lower_quality_is_rougher(portrait: NDArray[np.uint8]) -> None:
    rough, fine = (
        np.abs(Treatment(f"jpeg {quality}")(portrait).astype(int) - portrait).mean()
        for quality in (20, 95)
    )
    assert rough > 2 * fine > 0


def test_a_screenshot_keeps_fine_detail_that_a_resize_takes_out() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert Treatment("screenshot 0.5")(stripes)[8:-8, 8:-8].std() < 1  # exactly between two stripes
    assert Treatment("screenshot 0.8")(stripes).std() > 2 * Treatment("resize 0.8")(stripes).std()


def test_bits_and_median_and_blur_do_what_their_names_say(portrait: NDArray[np.uint8]) -> None:
    assert len(np.unique(Treatment("bits 3")(portrait))) <= 8
    speck = np.zeros((9, 9, 3), np.uint8)
    speck[4, 4] = 255
    assert not Treatment("median 3")(speck).any()
    assert 0 < Treatment("blur 1")(speck)[4, 4, 0] < 80


def test_steps_follow_one_another(portrait: NDArray[np.uint8]) -> None:
    both = Treatment("resize 0.5 + jpeg 75")(portrait)
    np.testing.assert_array_equal(both, Treatment("jpeg 75")(Treatment("resize 0.5")(portrait)))
    assert both.shape == np.asarray(Image.fromarray(portrait).reduce(2)).shape
