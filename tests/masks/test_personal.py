from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch, extract
from faceveil.masks.personal import PersonalMask, placed
from faceveil.measures.quality import ssim
from faceveil.ops import warp

BUDGET = Budget(eps=16, ssim=0.94)


def noise(side: int = 64, amplitude: float = 16.0, seed: int = 3) -> PersonalMask:
    """Uniform noise, smooth enough to be worn by faces of any size."""
    draw = torch.rand(3, side // 4, side // 4, generator=torch.Generator().manual_seed(seed))
    smooth = warp.resize(draw[None], side)[0]
    return PersonalMask(amplitude / 255 * (2 * smooth - 1))


@pytest.fixture
def patch(portrait: NDArray[np.uint8], portrait_face: Face) -> Patch:
    return extract(portrait, portrait_face)


def as_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255


def test_the_mask_follows_the_landmarks() -> None:
    masks = torch.zeros(1, 3, 152, 152)
    # The frame is 152 units across around (56, 62): one pixel a unit.
    eye = torch.tensor([38.2946 + 20, 51.6963 + 14])
    masks[..., round(float(eye[1])), round(float(eye[0]))] = 1
    template = torch.tensor(
        [(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)]
    )
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    landmarks = 1.5 * template @ turn.T + torch.tensor([90.0, 10.0])
    laid = placed(masks, landmarks[None], 240)[0, 0]
    y, x = divmod(int(laid.argmax()), 240)
    assert (x, y) == pytest.approx(landmarks[0].tolist(), abs=1.5)


def test_a_gradient_finds_its_way_back_to_the_mask(patch: Patch) -> None:
    masks = torch.zeros(2, 3, 32, 32, requires_grad=True)
    landmarks = torch.stack([patch.landmarks, patch.landmarks + 3])
    placed(masks, landmarks, patch.working_px).sum().backward()  # type: ignore[no-untyped-call]
    assert masks.grad is not None
    assert (masks.grad.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_a_small_face_wears_a_low_passed_mask() -> None:
    stripes = torch.zeros(1, 3, 152, 152)
    stripes[..., ::2] = 1
    points = torch.tensor(
        [(38.29, 51.70), (73.53, 51.50), (56.03, 71.74), (41.55, 92.37), (70.73, 92.20)]
    )
    laid = placed(stripes, points[None] / 4, 30)
    inside = laid[..., 8:20, 8:20]
    assert (inside - 0.5).abs().max() < 0.1


@pytest.mark.parametrize(("grey", "floor"), [(False, 0.98), (True, 0.995)])
def test_what_is_laid_keeps_the_budget_and_can_be_lifted(
    portrait: NDArray[np.uint8], portrait_face: Face, grey: bool, floor: float
) -> None:
    middling = (portrait // 2 + 60).astype(np.uint8)
    if grey:
        middling = np.ascontiguousarray(middling[..., 1:2].repeat(3, axis=2))
    patch = extract(middling, portrait_face)
    mask, budget = noise(amplitude=40.0), Budget(eps=16, ssim=floor)
    veiled, strength = mask.lay(patch, budget)
    assert 0 < strength < 1
    assert 0 < np.abs(veiled.astype(int) - patch.native).max() <= 16
    assert float(ssim(as_tensor(patch.native), as_tensor(veiled))) >= floor
    again = mask.lift(replace(patch, native=veiled), budget, strength)
    np.testing.assert_array_equal(again, patch.native)


def test_the_strength_is_not_far_from_the_largest(patch: Patch) -> None:
    mask = noise(amplitude=40.0)
    _, strength = mask.lay(patch, BUDGET)
    change = mask._on(patch, BUDGET)
    assert change.strongest() - 0.03 <= strength <= change.strongest() + 1 / 1024


def test_a_faint_mask_is_laid_in_full(patch: Patch) -> None:
    veiled, strength = noise(amplitude=2.0).lay(patch, BUDGET)
    assert strength == 1
    assert np.abs(veiled.astype(int) - patch.native).max() <= 2


def test_equal_masks_have_equal_digests_and_others_do_not() -> None:
    mask = noise()
    assert mask.digest == PersonalMask(mask.pixels.clone()).digest
    assert mask.digest != noise(seed=4).digest


@pytest.mark.parametrize(
    "pixels", [torch.zeros(1, 8, 8), torch.zeros(3, 8, 9), torch.full((3, 8, 8), torch.nan)]
)
@pytest.mark.usefixtures("any_shape")
def test_what_is_no_mask_is_refused(pixels: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="square of finite numbers"):
        PersonalMask(pixels)
