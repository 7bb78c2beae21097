"""Features lie where the face has them, on every skin, and follow the face."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from faceveil.faces.face import Face
from faceveil.faces.features import Features, features
from faceveil.faces.patch import Patch, extract

PARTS = ("lips", "lids", "lashes", "brows", "cheeks", "skin")


@pytest.fixture
def patch(portrait: NDArray[np.uint8], portrait_face: Face) -> Patch:
    return extract(portrait, portrait_face)


def seen(patch: Patch, gain: float = 1.0) -> Features:
    return features(gain * patch.pixels[None], patch.landmarks[None])


def middle(weights: torch.Tensor) -> tuple[float, float]:
    """The weights' centre of mass (x, y)."""
    plane = weights[0, 0]
    line = torch.arange(len(plane), dtype=plane.dtype)
    return (
        float((plane.sum(0) * line).sum() / plane.sum()),
        float((plane.sum(1) * line).sum() / plane.sum()),
    )


def test_features_are_where_they_belong(patch: Patch) -> None:
    here = seen(patch)
    left, right, _, *mouth = patch.landmarks.tolist()
    x, y = middle(here.lips)
    assert mouth[0][0] < x < mouth[1][0]
    assert abs(y - mouth[0][1]) < 0.3 * (mouth[1][0] - mouth[0][0])
    eyes = (left[1] + right[1]) / 2
    assert middle(here.brows)[1] < middle(here.lids)[1] < middle(here.lashes)[1] < eyes + 3
    assert eyes < middle(here.cheeks)[1] < mouth[0][1]
    assert left[0] < middle(here.cheeks)[0] < right[0]


def test_weights_are_weights_and_lips_are_not_skin(patch: Patch) -> None:
    here = seen(patch)
    for part in PARTS:
        weights = getattr(here, part)
        assert weights.shape == (1, 1, patch.working_px, patch.working_px)
        assert weights.min() >= 0
        assert 0.5 < weights.max() <= 1
    assert float((here.lips * here.skin).max()) <= 0.26
    assert float(here.lips.sum()) < 0.2 * float(here.skin.sum())


def test_brightness_of_the_photo_does_not_move_them(patch: Patch) -> None:
    bright, dim = seen(patch), seen(patch, 0.5)
    for part in PARTS:
        assert (getattr(bright, part) - getattr(dim, part)).abs().mean() < 0.01


def test_they_follow_the_face(patch: Patch) -> None:
    turned = features(
        patch.pixels.flip(-1)[None],
        torch.stack([patch.working_px - 1 - patch.landmarks[:, 0], patch.landmarks[:, 1]], dim=1)[
            None, [1, 0, 2, 4, 3]
        ],
    )
    straight = seen(patch)
    for part in ("lips", "cheeks", "lids"):
        assert (getattr(turned, part).flip(-1) - getattr(straight, part)).abs().mean() < 0.01


@pytest.mark.parametrize("size_px", [12, 20, 50])
def test_a_face_of_few_pixels_has_features_too(portrait: NDArray[np.uint8], size_px: int) -> None:
    small = np.array(Image.fromarray(portrait).resize((size_px, size_px)))
    line = np.array([(0.4, 0.4), (0.42, 0.4), (0.41, 0.5), (0.4, 0.6), (0.42, 0.6)], np.float32)
    face = Face((0, 0, size_px, size_px), size_px * line, 1.0)  # a profile
    here = seen(extract(small, face))
    for part in PARTS:
        assert bool(getattr(here, part).isfinite().all())


def test_a_grey_face_still_has_lips(patch: Patch) -> None:
    grey = patch.pixels.mean(0, keepdim=True).expand(3, -1, -1)[None]
    here = features(grey, patch.landmarks[None])
    assert middle(here.lips)[1] == pytest.approx(middle(seen(patch).lips)[1], abs=4)
    assert here.lips.max() > 0.9
