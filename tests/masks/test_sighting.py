from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.core.budget import Budget
from faceveil.faces.face import TEMPLATE, Face
from faceveil.faces.patch import Patch, extract, paste
from faceveil.masks.personal import PersonalMask
from faceveil.masks.sighting import sight
from faceveil.ops import warp

Pixels = NDArray[np.uint8]


def noise(seed: int = 3) -> PersonalMask:
    draw = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(seed))
    return PersonalMask(14 / 255 * (2 * warp.resize(draw[None], 112)[0] - 1))


def moved(face: Face, by: float) -> Face:
    """The face with landmarks that a detector might find instead."""
    shift = np.array([(by, -by), (by, 0), (0, by), (by, by), (0, -by)], np.float32)
    return Face(face.box, face.landmarks + shift, face.score)


def place(landmarks: NDArray[np.float32]) -> torch.Tensor:
    """Where a mask laid by these landmarks has the template's points."""
    template = torch.tensor(TEMPLATE)
    matrix = warp.similarity(template[None], torch.tensor(landmarks)[None])[0]
    return template @ matrix[:, :2].T + matrix[:, 2]


def patch_of(pixels: Pixels, face: Face) -> Patch:
    return extract(pixels, face)


@pytest.fixture
def worn(portrait: Pixels, portrait_face: Face) -> Pixels:
    patch = patch_of(portrait, portrait_face)
    veiled, strength = noise().lay(patch, Budget(eps=16))
    assert strength == 1
    return paste(portrait, [(patch, veiled)])


def test_the_mask_is_found_where_it_was_laid(worn: Pixels, portrait_face: Face) -> None:
    start = moved(portrait_face, 0.8)
    sighting = sight(noise(), patch_of(worn, start), "oval")
    laid = place(portrait_face.landmarks)
    before = float((place(start.landmarks) - laid).norm(dim=1).mean())
    after = float((place(sighting.landmarks.numpy()) - laid).norm(dim=1).mean())
    assert before > 0.4
    assert after < 0.15
    assert sighting.strength == pytest.approx(1, abs=0.2)


def test_the_strength_is_that_of_the_mask(portrait: Pixels, portrait_face: Face) -> None:
    patch = patch_of(portrait, portrait_face)
    half = PersonalMask(noise().pixels / 2)
    veiled, _ = half.lay(patch, Budget(eps=16))
    sighting = sight(noise(), replace(patch, native=veiled), "oval")
    assert sighting.strength == pytest.approx(0.5, abs=0.1)


def test_no_mask_and_another_mask_are_not_taken_for_it(
    portrait: Pixels, worn: Pixels, portrait_face: Face
) -> None:
    unworn = sight(noise(), patch_of(portrait, portrait_face), "oval")
    assert abs(unworn.strength) < 0.15
    faint = PersonalMask(noise().pixels / 20)
    assert sight(faint, patch_of(portrait, portrait_face), "oval").fit < 15
    assert unworn.fit < 15
    assert abs(sight(noise(seed=4), patch_of(worn, portrait_face), "oval").strength) < 0.15


def test_a_grey_photo_wears_a_grey_mask(portrait: Pixels, portrait_face: Face) -> None:
    grey = np.ascontiguousarray(portrait[..., 1:2].repeat(3, axis=2))
    patch = patch_of(grey, portrait_face)
    veiled, _ = noise().lay(patch, Budget(eps=16))
    sighting = sight(noise(), replace(patch, native=veiled), "oval")
    assert sighting.strength == pytest.approx(1, abs=0.25)
