from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faceveil.core.budget import Region
from faceveil.faces.face import TEMPLATE, Face
from faceveil.faces.patch import MAX_WORKING_PX, Patch, Pixels, extract, paste
from faceveil.faces.regions import region
from faceveil.ops import warp

from .conftest import face_at


def noise(height: int, width: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


faces = st.builds(
    face_at,
    x=st.floats(-20, 140),
    y=st.floats(-20, 110),
    size=st.floats(4, 90),
    angle=st.floats(-3.14, 3.14),
)


@settings(deadline=None)
@given(chosen=st.lists(faces, max_size=4), max_working_px=st.sampled_from([16, 48, 256]))
def test_pasting_what_was_extracted_is_the_identity(
    chosen: list[Face], max_working_px: int
) -> None:
    photo = noise(90, 120)
    patches = [extract(photo, face, max_working_px=max_working_px) for face in chosen]
    for patch in patches:
        assert patch.pixels.shape == (3, patch.working_px, patch.working_px)
        assert patch.working_px == min(patch.side, max_working_px)
        assert patch.pixels.min() >= 0
        assert patch.pixels.max() <= 1
    np.testing.assert_array_equal(paste(photo, [(p, p.native) for p in patches]), photo)


def veil(patch: Patch, eps: float, seed: int) -> Pixels:
    """The patch under a random mask of working resolution within ``eps`` (1/255)."""
    generator = torch.Generator().manual_seed(seed)
    shape = (3, patch.working_px, patch.working_px)
    mask = (torch.rand(shape, generator=generator) * 2 - 1) * eps / 255
    change = (patch.enlarge(mask) * 255).round().permute(1, 2, 0).numpy()
    return (patch.native + change).clip(0, 255).astype(np.uint8)


@settings(deadline=None)
@given(
    chosen=st.lists(faces, min_size=1, max_size=4),
    eps=st.integers(1, 40),
    seed=st.integers(0, 9),
    max_working_px=st.sampled_from([16, 48, 256]),
)
def test_a_bound_on_the_masks_is_a_bound_on_the_photo(
    chosen: list[Face], eps: int, seed: int, max_working_px: int
) -> None:
    photo = noise(90, 120)
    patches = [extract(photo, face, max_working_px=max_working_px) for face in chosen]
    veiled = [(patch, veil(patch, eps, seed + i)) for i, patch in enumerate(patches)]
    kept = photo.copy()
    result = paste(photo, veiled)
    np.testing.assert_array_equal(photo, kept)

    change = result.astype(int) - photo
    assert np.abs(change).max() <= eps
    untouched = np.ones(photo.shape[:2], bool)
    for patch in patches:
        rows = slice(max(patch.top, 0), max(patch.top + patch.side, 0))
        untouched[rows, max(patch.left, 0) : max(patch.left + patch.side, 0)] = False
    assert not change[untouched].any()
    np.testing.assert_array_equal(paste(photo, veiled[::-1]), result)


def test_where_patches_overlap_the_larger_change_is_made() -> None:
    photo = np.full((64, 96, 3), 100, np.uint8)
    left = extract(photo, face_at(30, 30, 20))
    right = extract(photo, face_at(50, 30, 20))
    assert left.left < right.left < left.left + left.side
    weak = np.where(left.native > 0, left.native + 3, 0).astype(np.uint8)
    strong = (right.native.astype(int) - [0, 5, 1]).astype(np.uint8)
    result = paste(photo, [(left, weak), (right, strong)])
    assert (result[30, right.left :][: left.left + left.side - right.left] == [100, 95, 99]).all()
    assert (result[30, left.left : right.left] == 103).all()
    twice = paste(photo, [(left, weak), (left, weak)])
    assert twice.max() == 103


def test_opposite_changes_of_one_size_do_not_depend_on_their_order() -> None:
    photo = np.full((64, 64, 3), 100, np.uint8)
    patch = extract(photo, face_at(32, 32, 20))
    up, down = (patch, patch.native + np.uint8(4)), (patch, patch.native - np.uint8(4))
    np.testing.assert_array_equal(paste(photo, [up, down]), paste(photo, [down, up]))


@settings(deadline=None)
@given(
    angle=st.floats(-3.14, 3.14),
    size=st.floats(20, 400),
    kind=st.sampled_from(["oval", "head"]),
)
@example(angle=0.0, size=35.5, kind="oval")
def test_the_square_holds_the_region_and_all_that_recognisers_see(
    angle: float, size: float, kind: Region
) -> None:
    face = face_at(70, 60, size, angle)
    patch = extract(noise(90, 120), face, region=kind)
    assert patch.native.shape == (patch.side, patch.side, 3)
    if patch.side <= 256:
        assert patch.side % 16 == 0
    matrix = warp.invert(
        warp.similarity(patch.native_landmarks[None].double(), torch.tensor(TEMPLATE).double())
    )[0]
    corners = torch.tensor([(0, 0), (111, 0), (0, 111), (111, 111)], dtype=torch.float64)
    placed = corners @ matrix[:, :2].T + matrix[:, 2]
    assert placed.min() >= -1
    assert placed.max() <= patch.side
    weights = region(kind, patch.landmarks[None], patch.working_px)[0, 0]
    border = torch.cat((weights[0], weights[-1], weights[:, 0], weights[:, -1]))
    assert border.max() < 0.01


def test_small_faces_keep_the_photos_resolution_and_large_ones_do_not() -> None:
    photo = noise(500, 500)
    small = extract(photo, face_at(250, 250, 100))
    assert small.working_px == small.side
    np.testing.assert_array_equal(
        (small.pixels * 255).round().byte().permute(1, 2, 0).numpy(), small.native
    )
    mask = torch.rand(3, small.side, small.side)
    torch.testing.assert_close(small.enlarge(mask), mask, atol=0, rtol=0)

    large = extract(photo, face_at(250, 250, 280))
    assert large.working_px == MAX_WORKING_PX < large.side
    assert large.at_native().working_px == large.side
    mask = torch.zeros(3, MAX_WORKING_PX, MAX_WORKING_PX)
    assert large.enlarge(mask).shape == (3, large.side, large.side)


def test_landmarks_follow_the_patch() -> None:
    rows, columns = np.mgrid[:400, :400]
    photo = np.stack((columns / 2, rows / 2, columns * 0), -1).astype(np.uint8)
    patch = extract(photo, face_at(200, 190, 170))
    for (x, y), (photo_x, photo_y) in zip(
        patch.landmarks.round().long().tolist(), patch.face.landmarks, strict=True
    ):
        red, green, _ = (patch.pixels[:, y, x] * 510).tolist()
        assert red == pytest.approx(photo_x, abs=3)
        assert green == pytest.approx(photo_y, abs=3)


def test_an_enlarged_mask_is_still_there_at_working_resolution() -> None:
    patch = extract(noise(500, 500), face_at(250, 250, 200))
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 56, 56, generator=generator) - 0.5
    mask = warp.resize(coarse, 256)[0]
    again = warp.resize(patch.enlarge(mask)[None], 256)[0]
    assert torch.nn.functional.cosine_similarity(again.flatten(), mask.flatten(), dim=0) > 0.99


def test_a_face_is_grey_whatever_is_stamped_beside_it() -> None:
    photo = noise(500, 500)[..., :1].repeat(3, axis=2)
    photo[:40, :40] = (200, 150, 20)
    assert extract(photo, face_at(250, 250, 170)).grey
    tinted = photo.clip(1, 254) + np.random.default_rng(1).integers(-1, 2, photo.shape)
    assert extract(tinted.astype(np.uint8), face_at(250, 250, 170)).grey
    photo[..., 2] //= 2
    assert not extract(photo, face_at(250, 250, 170)).grey
