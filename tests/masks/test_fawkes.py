"""Fawkes: towards the farthest identity, no farther than DSSIM allows."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from skimage.metrics import structural_similarity

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.core.goal import Impersonate, squared_distance
from faceveil.faces.patch import Patch
from faceveil.masks.fawkes import Fawkes, FawkesHigh, FawkesLow, FawkesMid
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views
from faceveil.recognisers.ensemble import Ensemble

MODES = {FawkesLow: 0.004, FawkesMid: 0.012, FawkesHigh: 0.017}
People = dict[str, torch.Tensor]


def distances(problem: Problem, people: People, mask: torch.Tensor) -> torch.Tensor:
    """D to each of the people, averaged over the recognisers."""
    embeddings = problem.embed(mask)
    return torch.stack([squared_distance(embeddings[n], people[n]) for n in people]).mean(dim=0)


def dssim(one: torch.Tensor, other: torch.Tensor) -> float:
    """By another implementation of SSIM."""
    similarity: float = structural_similarity(
        one.numpy(),
        other.numpy(),
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
    )
    return (1 - similarity) / 2


def impersonating(problem: Problem, people: People, ssim: float | None) -> Problem:
    generators = [seeds.generator(5)]
    budget = Budget(eps=15.0, ssim=ssim)
    return dataclasses.replace(
        problem, goal=Impersonate(people), budget=budget, generators=generators
    )


def test_it_comes_near_the_identity_that_was_farthest(problem: Problem, people: People) -> None:
    posed = impersonating(problem, people, 0.9)
    before = distances(posed, people, torch.zeros_like(posed.pixels))
    after = distances(posed, people, FawkesHigh().masks(posed).detach())
    farthest = int(before.argmax())
    assert after[farthest] < 0.7 * before[farthest]
    assert int((after - before).argmin()) == farthest


@pytest.mark.parametrize("mode", list(MODES))
def test_dssim_holds_on_the_8_bit_pixels_and_is_spent(
    mode: type[Fawkes], patch: Patch, people: People, tiny_ensemble: Ensemble
) -> None:
    proposal = mode()(
        [patch],
        tiny_ensemble,
        Impersonate(people),
        budget=mode.default_budget,
        views=Views(),
        face_seeds=[1],
    )
    (veiled,) = proposal.within(mode.default_budget)
    before, after = (
        torch.from_numpy(p.copy()).permute(2, 0, 1) / 255 for p in (patch.native, veiled)
    )
    assert 0.5 * MODES[mode] < dssim(before, after) <= MODES[mode] + 1e-4


def test_the_penalty_holds_the_cloak_back_before_anything_is_enforced(
    problem: Problem, people: People
) -> None:
    free, held = (
        FawkesLow(penalty=penalty).masks(impersonating(problem, people, 0.992)).detach()
        for penalty in (0.0, 50.0)
    )
    assert dssim(problem.pixels[0], problem.veiled(free)[0]) > 2 * 0.004
    assert dssim(problem.pixels[0], problem.veiled(held)[0]) < 1.2 * 0.004


def test_without_a_floor_there_is_no_penalty(problem: Problem, people: People) -> None:
    masks = [
        FawkesHigh(steps=3, penalty=penalty).masks(impersonating(problem, people, None))
        for penalty in (0.0, 1e6)
    ]
    torch.testing.assert_close(masks[0], masks[1], rtol=0, atol=0)
