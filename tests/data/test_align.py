from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.transform import resize
from torch import Tensor, nn

from faceveil.core.errors import ModelError, NoFaceError, UsageError
from faceveil.data.align import as_seen, find_face
from faceveil.faces.detect import Detector
from faceveil.faces.face import TEMPLATE, Face
from faceveil.faces.patch import extract
from faceveil.io.photo import Photo, decode
from faceveil.recognisers.ensemble import Ensemble
from faceveil.recognisers.recogniser import Recogniser

Pixels = NDArray[np.uint8]


class Seen(nn.Module):
    """A network that remembers what it was shown."""

    def forward(self, crops: Tensor) -> Tensor:
        self.crops = crops
        return crops.flatten(1)


class Finding(Detector):
    """A detector that finds what it is told to."""

    def __init__(self, *faces: Face):
        self.faces = faces

    def __call__(self, pixels: Pixels) -> tuple[Face, ...]:
        return self.faces


def photo_of(pixels: Pixels) -> Photo:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return decode(stream.getvalue(), "p.png")


def square(x: float, y: float, side: float) -> Face:
    half = side / 2
    points = np.array(TEMPLATE, np.float32)
    return Face((x - half, y - half, x + half, y + half), points, 0.9)


@pytest.fixture(scope="module")
def recogniser(tiny_ensemble: Ensemble) -> Recogniser:
    """One whose template is not ArcFace's, and whose network remembers."""
    card = tiny_ensemble.members[0].card
    template = tuple((x + 3, y - 2) for x, y in card.crop.template)
    return Recogniser(replace(card, crop=replace(card.crop, template=template)), Seen()).eval()


def shown(recogniser: Recogniser, patch: Tensor, landmarks: Tensor) -> Pixels:
    """What reaches the network, h w 3 in [0, 1]."""
    recogniser(patch[None], landmarks[None])
    network = recogniser.network
    assert isinstance(network, Seen)
    crop = (network.crops * recogniser.std + recogniser.mean) / 255
    return crop[0].permute(1, 2, 0).numpy()


def test_the_detector_finds_the_face(portrait: Pixels, portrait_face: Face) -> None:
    face = find_face(photo_of(portrait), "detector", Detector.load())
    np.testing.assert_allclose(face.landmarks, portrait_face.landmarks, atol=8)


def test_of_several_faces_the_large_one_near_the_middle_is_meant(portrait: Pixels) -> None:
    photo = photo_of(np.zeros((250, 250, 3), np.uint8))
    middle, larger, aside = square(124.5, 124.5, 100), square(124.5, 130, 110), square(40, 40, 120)
    assert find_face(photo, "detector", Finding(aside, middle)) == middle
    assert find_face(photo, "detector", Finding(aside, middle, larger)) == larger


def test_a_picture_without_a_face_is_named() -> None:
    with pytest.raises(NoFaceError, match=r"p\.png: no face found"):
        find_face(photo_of(np.zeros((64, 64, 3), np.uint8)), "detector", Finding())


def test_an_aligned_picture_is_what_its_recogniser_sees(tiny_ensemble: Ensemble) -> None:
    """A recogniser on ArcFace's frame cuts from an aligned crop that very crop."""
    card = tiny_ensemble.members[0].card
    crop = replace(card.crop, size_px=112, template=TEMPLATE)
    recogniser = Recogniser(replace(card, crop=crop), Seen()).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    photo = photo_of(pixels)
    face = find_face(photo, "aligned", Finding())
    assert face.box == (-0.5, -0.5, 111.5, 111.5)
    assert as_seen(recogniser, "aligned") is recogniser
    patch = extract(photo.pixels, face)
    crop_seen = shown(recogniser, patch.pixels, patch.landmarks)
    np.testing.assert_allclose(crop_seen, pixels / 255, atol=2e-3)


@pytest.mark.parametrize("side", [16, 24, 97, 250])
def test_the_whole_picture_reaches_the_network_resized(recogniser: Recogniser, side: int) -> None:
    """Against scikit-image's bilinear resize, which like AMT-GAN's does not low-pass."""
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    photo = photo_of(pixels)
    face = find_face(photo, "whole", Finding())
    patch = extract(photo.pixels, face).at_native()
    seen = shown(as_seen(recogniser, "whole"), patch.pixels, patch.landmarks)
    expected = resize(pixels / 255, (24, 24), order=1, mode="edge", anti_aliasing=False)
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_a_large_whole_picture_is_seen_at_the_patch_s_resolution(
    recogniser: Recogniser, portrait: Pixels
) -> None:
    """There the patch is scaled down before; in a photo that makes little difference."""
    photo = photo_of(portrait[:400, :400])
    patch = extract(photo.pixels, find_face(photo, "whole", Finding()))
    assert patch.working_px < patch.side
    seen = shown(as_seen(recogniser, "whole"), patch.pixels, patch.landmarks)
    expected = resize(photo.pixels / 255, (24, 24), order=1, mode="edge", anti_aliasing=False)
    assert np.abs(seen - expected).mean() < 0.02


def test_a_recogniser_of_whole_pictures_is_another_one(recogniser: Recogniser) -> None:
    whole = as_seen(recogniser, "whole")
    assert whole.name == "ada-whole"
    assert whole.network is recogniser.network
    assert not whole.training
    with pytest.raises(ModelError, match="ada-whole has no thresholds yet"):
        whole.card.threshold(0.01)
    assert as_seen(recogniser, "detector") is recogniser


@pytest.mark.parametrize("alignment", ["aligned", "whole"])
def test_only_squares_are_aligned_or_whole(alignment: str) -> None:
    with pytest.raises(UsageError, match=r"p\.png is 92 x 112 px, and only a square"):
        find_face(photo_of(np.zeros((112, 92, 3), np.uint8)), alignment, Finding())
