"""Slacks say how far a limit is, and steps lead back to it."""

from __future__ import annotations

import pytest
import torch

from faceveil.core.budget import Budget
from faceveil.masks.limits import along, length, toward, visible_limits
from faceveil.measures.flip import flip
from faceveil.measures.ssimulacra2 import enlarged, ssimulacra2


@pytest.fixture
def faces() -> torch.Tensor:
    draws = torch.Generator().manual_seed(0)
    return torch.nn.functional.interpolate(
        torch.rand(2, 3, 12, 12, generator=draws), (96, 96), mode="bicubic"
    ).clamp(0.1, 0.9)


def test_slack_is_the_distance_to_each_limit(faces: torch.Tensor) -> None:
    veiled = (faces + 0.02 * torch.randn(faces.shape)).clamp(0, 1)
    flips, qualities = visible_limits(Budget(flip=0.1, ssimulacra2=60.0), faces)
    assert torch.allclose(flips(veiled), 0.1 - flip(faces, veiled))
    theirs = ssimulacra2(enlarged(faces), enlarged(veiled)) - 60
    assert torch.allclose(qualities(veiled), theirs)
    assert torch.allclose(qualities(faces), torch.full((2,), 40.0))


def test_a_budget_without_visible_limits_has_none(faces: torch.Tensor) -> None:
    assert visible_limits(Budget(ssim=0.9, l2=3.0), faces) == []


def double(free: torch.Tensor) -> torch.Tensor:
    return 2 * free


def linear(masks: torch.Tensor) -> torch.Tensor:
    """At most 1 in sum."""
    return 1 - masks.sum((1, 2, 3))


def test_one_step_meets_a_linear_limit_by_the_shortest_way() -> None:
    free = torch.rand(3, 3, 4, 4) + 0.1
    near, inward = toward(linear, free, double, reach=9.0)
    assert torch.allclose(double(near).sum((1, 2, 3)), torch.ones(3), atol=1e-4)
    steps = (near - free).flatten(1)
    assert torch.allclose(steps, steps[:, :1].expand_as(steps), atol=1e-6)
    assert torch.allclose(inward, torch.full_like(inward, -(48**-0.5)), atol=1e-6)


def test_those_that_keep_it_stay_and_no_step_is_longer_than_its_reach() -> None:
    free = torch.stack([torch.full((3, 4, 4), 1e-3), torch.full((3, 4, 4), 1.0)])
    near, inward = toward(linear, free, double, reach=0.1)
    assert torch.equal(near[0], free[0])
    assert not inward[0].any()
    assert float(length(near - free)[1]) == pytest.approx(0.1 * float(length(free)[1]), rel=1e-4)
    assert not near.requires_grad


def test_steps_along_a_limit_do_not_lead_out_of_it() -> None:
    _, inward = toward(linear, torch.ones(2, 3, 4, 4), double, reach=9.0)
    outward = torch.stack([torch.ones(3, 4, 4), -torch.ones(3, 4, 4)])
    outward[:, 0, 0, 0] += 5
    held = along(outward, [inward])
    sums = held.sum((1, 2, 3))
    assert float(sums[0]) == pytest.approx(0, abs=1e-4), "as far as it leads nowhere"
    assert torch.equal(held[1], outward[1]), "what leads inward is free"
    assert torch.equal(along(outward, []), outward)
