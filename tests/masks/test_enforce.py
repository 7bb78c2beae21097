"""Whatever mask comes, the budget holds on the 8-bit pixels; and no more is taken than it asks."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from faceveil.core.budget import Budget, Region
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch
from faceveil.faces.regions import region
from faceveil.masks.enforce import enforce
from faceveil.measures.flip import Flip, flip
from faceveil.measures.quality import ssim
from faceveil.measures.ssimulacra2 import enlarged, ssimulacra2

SIDE = 48
WORKING = 32
FACE = (slice(4, 44), slice(0, 48))
ALL = (slice(0, SIDE), slice(0, SIDE))
LANDMARKS = np.array([(17, 20), (31, 20), (24, 27), (18, 34), (30, 34)], dtype=np.float32)


def patch(
    *, seed: int = 0, grey: bool = False, working_px: int = SIDE, smooth: bool = False
) -> Patch:
    """A patch whose pixels take all values, the extreme ones often."""
    native = np.random.default_rng(seed).integers(-40, 296, (SIDE, SIDE, 3)).clip(0, 255)
    if smooth:
        native = gaussian_filter(native, (3, 3, 0))
    if grey:
        native = native[..., :1].repeat(3, axis=2)
    face = Face((8.0, 8.0, 40.0, 44.0), LANDMARKS, 1.0)
    return Patch(face, 0, 0, native.astype(np.uint8), working_px, FACE, ALL)


def mask(size_px: int, strength: float, seed: int = 1) -> torch.Tensor:
    draws = torch.Generator().manual_seed(seed)
    return strength / 255 * (2 * torch.rand(3, size_px, size_px, generator=draws) - 1)


def weights(kind: Region) -> NDArray[np.float32]:
    found: NDArray[np.float32] = region(kind, torch.from_numpy(LANDMARKS)[None], SIDE)[0, 0].numpy()
    return found


def change(before: Patch, after: NDArray[np.uint8]) -> NDArray[np.int64]:
    return after.astype(np.int64) - before.native


def crops(before: Patch, after: NDArray[np.uint8]) -> tuple[torch.Tensor, torch.Tensor]:
    """The face before and after, as measures take it."""
    one, other = (
        torch.from_numpy(pixels[FACE].copy()).permute(2, 0, 1)[None] / 255
        for pixels in (before.native, after)
    )
    return one, other


@settings(max_examples=60, deadline=None)
@given(
    eps=st.floats(0.1, 20),
    strength=st.floats(0, 300),
    grey=st.booleans(),
    working_px=st.sampled_from([WORKING, SIDE]),
    kind=st.sampled_from(["oval", "head", "all"]),
    seed=st.integers(0, 99),
)
def test_eps_region_and_grey_hold_for_any_mask(  # noqa: PLR0917
    eps: float, strength: float, grey: bool, working_px: int, kind: Region, seed: int
) -> None:
    before = patch(seed=seed, grey=grey, working_px=working_px)
    after = enforce(before, mask(working_px, strength, seed), Budget(eps=eps, region=kind))
    moved = change(before, after)
    assert after.dtype == np.uint8
    assert np.abs(moved).max() <= eps
    assert not moved[weights(kind) == 0].any()
    if grey:
        assert (np.ptp(after, axis=2) == 0).all()


def test_a_mask_within_the_budget_is_followed_to_the_nearest_step() -> None:
    before, wanted = patch(), mask(SIDE, 9.0)
    after = enforce(before, wanted, Budget(eps=12, region="oval"))
    exact = before.native + 255 * wanted.permute(1, 2, 0).numpy() * weights("oval")[..., None]
    assert np.abs(after - exact.clip(0, 255)).max() <= 0.5 + 1e-3


def test_a_large_mask_reaches_eps_and_never_wraps_around() -> None:
    before = patch()
    after = enforce(before, torch.full((3, SIDE, SIDE), 1.0), Budget(eps=12.9, region="oval"))
    full = weights("oval") == 1
    np.testing.assert_array_equal(
        after[full], np.minimum(before.native[full].astype(int) + 12, 255)
    )


@pytest.mark.parametrize("limit", [0.7, 2.0, 5.0])
def test_the_l2_limit_is_over_the_region_alone_and_is_used_up(limit: float) -> None:
    before = patch()
    after = enforce(before, mask(SIDE, 60), Budget(eps=255, l2=limit, region="oval"))
    inside = change(before, after)[weights("oval") > 0]
    reached = np.sqrt((inside**2).mean())
    assert 0.85 * limit < reached <= limit


def test_the_l2_limit_counts_what_lies_in_the_photo_alone() -> None:
    left_half = slice(0, SIDE), slice(0, SIDE // 2)
    before = dataclasses.replace(patch(), within_photo=left_half, face_crop=left_half)
    wanted = mask(SIDE, 60)
    wanted[..., SIDE // 2 :] = 0  # beyond the photo, where nothing is written
    after = enforce(before, wanted, Budget(eps=255, l2=3, region="oval"))
    inside = change(before, after)[left_half][weights("oval")[left_half] > 0]
    assert 0.85 * 3 < np.sqrt((inside**2).mean()) <= 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("budget", [Budget(eps=12), Budget(eps=12, ssim=0.9)])
def test_a_mask_with_numbers_that_are_none_keeps_the_budget(value: float, budget: Budget) -> None:
    before, wanted = patch(), mask(SIDE, 20)
    wanted[1, 20, 20] = value
    after = change(before, enforce(before, wanted, budget))
    assert 0 < np.abs(after).max() <= 12


@pytest.mark.parametrize("floor", [0.9, 0.97, 0.995])
def test_the_ssim_floor_holds_on_the_face_crop_and_is_used_up(floor: float) -> None:
    before = patch()
    after = enforce(before, mask(SIDE, 200), Budget(eps=255, ssim=floor, region="all"))
    reached = structural_similarity(
        before.native[FACE],
        after[FACE],
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    # skimage keeps a border this measure leaves out in the same way, so only rounding differs.
    assert floor - 1e-6 <= reached < floor + 0.1 * (1 - floor) + 0.002


def test_the_ssim_of_a_large_face_is_that_of_what_a_screen_shows() -> None:
    small = patch(smooth=True)
    large = replace(
        small,
        face=replace(small.face, landmarks=8 * LANDMARKS),
        native=small.native.repeat(8, axis=0).repeat(8, axis=1),
        face_crop=(slice(32, 352), slice(0, 384)),
    )
    after = enforce(large, mask(SIDE, 200), Budget(eps=255, ssim=0.97, region="all"))
    shown = [
        [
            Image.fromarray(channel).resize((256, 213), Image.Resampling.BILINEAR)
            for channel in pixels[32:352].astype(np.float32).transpose(2, 0, 1)
        ]
        for pixels in (large.native, after)
    ]
    one, other = (np.stack([np.asarray(channel) for channel in face]) for face in shown)
    reached = structural_similarity(
        one,
        other,
        channel_axis=0,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert 0.97 - 1e-4 < reached < 0.972


def test_a_crop_too_small_for_ssim_is_judged_with_what_is_around_it() -> None:
    before = replace(patch(), face_crop=(slice(40, 48), slice(0, 48)))
    after = enforce(before, mask(SIDE, 200), Budget(eps=255, ssim=0.97, region="all"))
    one, other = (torch.from_numpy(p).permute(2, 0, 1)[None] / 255 for p in (before.native, after))
    assert 0.97 <= float(ssim(one, other)) < 0.98


@pytest.mark.parametrize("floor", [50.0, 80.0])
def test_the_ssimulacra2_floor_holds_on_the_face_crop_and_is_used_up(floor: float) -> None:
    before = patch(smooth=True)
    after = enforce(before, mask(SIDE, 60), Budget(eps=255, ssimulacra2=floor, region="all"))
    one, other = crops(before, after)
    assert floor <= float(ssimulacra2(enlarged(one), enlarged(other))) < floor + 4


@pytest.mark.parametrize("floor", [50.0, 70.0])
def test_a_mask_of_whole_steps_comes_as_near_to_the_floor_as_a_smooth_one(floor: float) -> None:
    before = patch(smooth=True)
    signs = 12 / 255 * mask(SIDE, 1).sign()
    after, again = (
        enforce(before, signs, Budget(eps=12, ssimulacra2=floor, region="all")) for _ in range(2)
    )
    one, other = crops(before, after)
    # All pixels a step fainter at once, which is all that rounding does, ends .68 and .75 above.
    assert floor <= float(ssimulacra2(enlarged(one), enlarged(other))) < floor + 0.1
    np.testing.assert_array_equal(after, again)


@pytest.mark.parametrize("ceiling", [0.02, 0.06])
def test_the_flip_limit_holds_on_the_face_crop_and_is_used_up(ceiling: float) -> None:
    before = patch(smooth=True)
    after = enforce(before, mask(SIDE, 60), Budget(eps=255, flip=ceiling, region="all"))
    one, other = crops(before, after)
    assert 0.8 * ceiling < float(flip(one, other)) <= ceiling


@pytest.mark.parametrize("ceiling", [0.03, 0.06])
def test_the_spot_limit_holds_everywhere_and_spares_what_keeps_it(ceiling: float) -> None:
    before = patch(smooth=True)
    uneven = mask(SIDE, 10)
    uneven[:, :, SIDE // 2 :] *= 6
    after = enforce(before, uneven, Budget(eps=255, spot=ceiling, region="all"))
    one, other = crops(before, after)
    spots = Flip(one).spots(other)[0]
    assert 0.8 * ceiling < float(spots.max()) <= ceiling
    # The right half wants six times as much; scaled down as a whole, the left would keep a sixth.
    left, right = (np.abs(half).mean() for half in np.split(change(before, after), 2, axis=1))
    assert left > right / 3


def test_a_budget_nothing_fits_in_gives_the_photo_back() -> None:
    before = patch()
    after = enforce(before, mask(SIDE, 60), Budget(eps=0.5))
    np.testing.assert_array_equal(after, before.native)
