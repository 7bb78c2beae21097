"""Each measure on the face crop at 1:1 and on the photo, against other people's code."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import color, metrics
from ssimulacra2 import compute_ssimulacra2

from faceveil.bench import damage as module
from faceveil.bench.damage import MAX_DB, MEASURES, damage
from faceveil.faces.face import Face

Pixels = NDArray[np.uint8]
SIZE = 280


def face(size_px: float) -> Face:
    """One whose patch reaches beyond the photo at the top and on the right."""
    template = np.array(((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2)))
    points = template * size_px / 112 + (60, 0)
    return Face((60, 0, 60 + size_px, size_px), points.astype(np.float32), 1.0)


@pytest.fixture(scope="module")
def before() -> Pixels:
    draw = np.random.default_rng(0)
    blots = Image.fromarray(draw.integers(0, 256, (9, 9, 3), np.uint8)).resize((SIZE, SIZE))
    return (np.asarray(blots) + draw.normal(0, 9, (SIZE, SIZE, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def after(before: Pixels) -> Pixels:
    """Changed in one corner of the face only."""
    change = np.zeros(before.shape, int)
    change[60:200, 80:220] = np.random.default_rng(1).integers(-12, 13, (140, 140, 3))
    return (before.astype(int) + change).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def crops(before: Pixels, after: Pixels) -> tuple[Pixels, Pixels]:
    from faceveil.faces.patch import extract

    patch = extract(before, face(190))
    rows, columns = patch.face_crop
    top, left = rows.start + patch.top, columns.start + patch.left
    bottom, right = rows.stop + patch.top, columns.stop + patch.left
    assert (top, right) == (0, SIZE)  # what lies beyond the photo is no damage to anything
    assert min(bottom - top, right - left) >= 225
    return before[top:bottom, left:right], after[top:bottom, left:right]


def test_every_measure_equals_its_oracle(
    before: Pixels, after: Pixels, crops: tuple[Pixels, Pixels]
) -> None:
    figures = damage(before, after, face(190))
    assert list(figures) == list(MEASURES)
    crop, veiled = crops
    for name, one, other in (("", crop, veiled), ("photo_", before, after)):
        assert figures[f"{name}psnr"] == pytest.approx(
            metrics.peak_signal_noise_ratio(one, other), abs=1e-3
        )
        assert figures[f"{name}ssim"] == pytest.approx(
            metrics.structural_similarity(
                one,
                other,
                channel_axis=2,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            ),
            abs=1e-4,
        )
    difference = color.deltaE_ciede2000(color.rgb2lab(crop), color.rgb2lab(veiled))
    assert figures["ciede2000"] == pytest.approx(difference.mean(), abs=1e-3)
    assert figures["ciede2000_p95"] == pytest.approx(np.quantile(difference, 0.95), abs=1e-2)
    files = [BytesIO(), BytesIO()]
    for file, pixels in zip(files, crops, strict=True):
        Image.fromarray(pixels).save(file, "PNG")
    assert figures["ssimulacra2"] == pytest.approx(float(compute_ssimulacra2(*files)), abs=0.01)
    assert figures["linf"] == np.abs(before.astype(int) - after).max()
    assert 0 < figures["flip"] < 0.2
    assert figures["photo_psnr"] > figures["psnr"]


def test_an_untouched_picture_has_no_damage_and_json_can_hold_it(before: Pixels) -> None:
    figures = damage(before, before.copy(), face(190))
    assert figures["psnr"] == figures["photo_psnr"] == MAX_DB
    assert figures["ssim"] == figures["photo_ssim"] == 1
    assert figures["ssimulacra2"] == 100
    for name in ("flip", "ciede2000", "ciede2000_p95", "mmd", "linf"):
        assert figures[name] == pytest.approx(0, abs=1e-4)


def test_what_happens_beside_the_face_is_damage_to_the_photo_alone(before: Pixels) -> None:
    after = before.copy()
    after[270:, :8] = 255 - after[270:, :8]
    figures = damage(before, after, face(200))
    assert figures["psnr"] == MAX_DB
    assert figures["photo_psnr"] < 60
    assert figures["linf"] > 9


def test_a_grey_photo_is_measured_too(before: Pixels) -> None:
    grey = np.ascontiguousarray(before[..., :1].repeat(3, axis=2))
    figures = damage(grey, (grey // 16) * 16, face(190))
    assert all(np.isfinite(list(figures.values())))


def test_faces_of_more_than_16_megapixels_are_measured(
    before: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's quantile refuses them; the other measures take their time and are not asked."""
    large = torch.linspace(0, 100, 4200).repeat(1, 4200, 1)
    monkeypatch.setattr(module, "ciede2000", lambda one, other: large)
    assert damage(before, before, face(190))["ciede2000_p95"] == pytest.approx(95)
