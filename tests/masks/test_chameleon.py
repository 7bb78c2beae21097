from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.core.goal import Dodge
from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.masks.chameleon import Chameleon, Portraits, _angle, next_weight
from faceveil.masks.views import Views
from faceveil.measures.quality import ssim
from faceveil.recognisers.ensemble import Ensemble

LIMIT = 0.03
BUDGET = Budget(eps=16, ssim=0.94)


@pytest.fixture
def portraits(portrait: NDArray[np.uint8], portrait_face: Face) -> Portraits:
    """The portrait in three lights, the third of them grey."""
    lights = [portrait, (portrait * 0.7).astype(np.uint8), portrait[..., 1:2].repeat(3, axis=2)]
    patches = [extract(np.ascontiguousarray(light), portrait_face) for light in lights]
    return Portraits.of(patches, BUDGET, working_px=112, device=torch.device("cpu"))


def learn(method: Chameleon, portraits: Portraits, ensemble: Ensemble, budget: Budget) -> Portraits:
    mask = method.learn(
        portraits,
        ensemble,
        Dodge(),
        budget=budget,
        views=Views(),
        generator=seeds.generator(1),
    )
    assert mask.shape == (3, method.size_px, method.size_px)
    assert mask.abs().max() <= budget.eps / 255 + 1e-6
    return Portraits(portraits.veiled(mask), portraits.landmarks, portraits.region, portraits.grey)


def angles(before: Portraits, after: Portraits, ensemble: Ensemble) -> list[float]:
    was = ensemble(before.pixels, before.landmarks)
    now = ensemble(after.pixels, after.landmarks)
    rows = [_angle(was[name], now[name]) for name in ensemble.names]
    return torch.stack(rows).mean(dim=0).tolist()


def test_lambda_follows_the_public_code() -> None:
    # DSSIM far below the limit halves, far above doubles, near it begins anew.
    assert next_weight(1.0, 0.9 * LIMIT, LIMIT) == 0.5
    assert next_weight(4.0, 1.1 * LIMIT + 1e-9, LIMIT) == 8.0
    assert next_weight(64.0, 0.95 * LIMIT, LIMIT) == 1.0
    assert next_weight(64.0, 1.05 * LIMIT, LIMIT) == 1.0
    assert next_weight(128.0, 1.0, LIMIT) == 129.0
    assert next_weight(1 / 128, 0.0, LIMIT) == pytest.approx(1 / 129)


def test_the_angle_is_an_arc_cosine_with_a_gradient_at_rest() -> None:
    rows = torch.nn.functional.normalize(torch.randn(5, 8, generator=seeds.generator(0)), dim=1)
    others = rows.roll(1, 0)
    torch.testing.assert_close(_angle(rows, others), torch.arccos((rows * others).sum(1)))
    near = torch.nn.functional.normalize(rows + 1e-4, dim=1).requires_grad_()
    (gradient,) = torch.autograd.grad(_angle(near, rows).sum(), near)
    assert gradient.isfinite().all()
    assert (gradient.norm(dim=1) > 0.5).all()
    assert float(_angle(rows[:1], -rows[:1])) == pytest.approx(math.pi)


def test_one_mask_moves_every_photo_and_keeps_the_ssim_of_all(
    portraits: Portraits, tiny_ensemble: Ensemble
) -> None:
    method = Chameleon(steps=60, alpha=1.0, size_px=64, mirror=0.0, light=0.0)
    veiled = learn(method, portraits, tiny_ensemble, BUDGET)
    assert (ssim(portraits.pixels, veiled.pixels) >= 0.9385).all()
    assert min(angles(portraits, veiled, tiny_ensemble)) > 0.02
    grey = veiled.pixels[2]
    torch.testing.assert_close(grey[0], grey[2])


def test_without_a_floor_the_mask_takes_all_of_eps(
    portraits: Portraits, tiny_ensemble: Ensemble
) -> None:
    method = Chameleon(steps=40, alpha=1.0, size_px=64)
    free = learn(method, portraits, tiny_ensemble, Budget(eps=16))
    held = learn(method, portraits, tiny_ensemble, BUDGET)
    assert (ssim(portraits.pixels, free.pixels) < 0.94).any()
    assert np.mean(angles(portraits, free, tiny_ensemble)) > np.mean(
        angles(portraits, held, tiny_ensemble)
    )


def test_the_mask_carries_over_to_a_photo_it_was_not_made_from(
    portraits: Portraits, tiny_ensemble: Ensemble
) -> None:
    method = Chameleon(steps=60, alpha=1.0, size_px=64)
    mask = method.learn(
        portraits[torch.tensor([0, 1])],
        tiny_ensemble,
        Dodge(),
        budget=BUDGET,
        views=Views(),
        generator=seeds.generator(1),
    )
    unseen = portraits[torch.tensor([2])]
    veiled = Portraits(unseen.veiled(mask), unseen.landmarks, unseen.region, unseen.grey)
    turned = Portraits(unseen.veiled(-mask), unseen.landmarks, unseen.region, unseen.grey)
    assert angles(unseen, veiled, tiny_ensemble)[0] > 0.02
    assert angles(unseen, turned, tiny_ensemble)[0] > 0  # a change, whatever its direction


def test_a_mirrored_portrait_keeps_its_landmarks_on_its_face(portraits: Portraits) -> None:
    mirrored = portraits.varied(seeds.generator(0), mirror=1.0, light=0.0)
    torch.testing.assert_close(mirrored.pixels, portraits.pixels.flip(-1))
    left_eye, right_eye = mirrored.landmarks[0, 0], mirrored.landmarks[0, 1]
    assert left_eye[0] < right_eye[0]
    torch.testing.assert_close(
        left_eye, torch.stack([111 - portraits.landmarks[0, 1, 0], portraits.landmarks[0, 1, 1]])
    )


def test_every_photo_is_shown_equally_often() -> None:
    shown = torch.cat(list(Chameleon(steps=15, batch=4)._batches(6, seeds.generator(0))))
    assert shown.bincount().tolist() == [10] * 6
    alone = list(Chameleon(steps=2, batch=4)._batches(1, seeds.generator(0)))
    assert [rows.tolist() for rows in alone] == [[0] * 4, [0] * 4]
