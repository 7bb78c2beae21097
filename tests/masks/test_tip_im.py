"""TIP-IM against its formulas, worked out another way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.core import config, seeds
from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError
from faceveil.core.goal import Dodge, Impersonate
from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.masks.problem import Problem
from faceveil.masks.tip_im import CenterOpt, TipIm
from faceveil.masks.views import Views
from faceveil.measures.mmd import SIGMAS, mmd, mmd_alone
from faceveil.recognisers.ensemble import Ensemble


@pytest.fixture
def problem(portrait: NDArray[np.uint8], portrait_face: Face, tiny_ensemble: Ensemble) -> Problem:
    patch = extract(portrait, portrait_face)
    pixels, landmarks = patch.pixels[None], patch.landmarks[None]
    one = Ensemble(tiny_ensemble.members[:1])
    draws = torch.Generator().manual_seed(3)
    people = torch.nn.functional.normalize(torch.randn(4, 16, generator=draws), dim=1)
    return Problem(
        pixels=pixels,
        landmarks=landmarks,
        region=torch.ones_like(pixels[:, :1]),
        grey=torch.tensor([False]),
        surrogates=one,
        source=one(pixels, landmarks),
        goal=Dodge() & Impersonate({"ada": people}),
        views=Views(affine=(0.01, 0.1)),
        generators=[seeds.generator(5)],
        progress=lambda share: None,
        budget=Budget(eps=12.0),
        faces=list(pixels),
        face_crops=[(slice(0, pixels.shape[-1]),) * 2],
    )


def fresh(problem: Problem) -> Problem:
    """The problem with its generators wound back."""
    return dataclasses.replace(problem, generators=[seeds.generator(5)])


def test_mmd_is_the_double_sum() -> None:
    x, y = np.random.default_rng(0).random((2, 26, 3, 4, 4)) * 0.02

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        distance = ((255 * (a - b)) ** 2).sum()
        return sum(np.exp(-distance / (2 * sigma)) for sigma in SIGMAS)

    expected = (
        np.mean([[kernel(a, b) for b in x] for a in x])
        + np.mean([[kernel(a, b) for b in y] for a in y])
        - 2 * np.mean([[kernel(a, b) for b in y] for a in x])
    )
    assert float(mmd(torch.from_numpy(x), torch.from_numpy(y))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n_photos", [1, 2, 30])
def test_unchanged_photos_cancel_out_of_the_mmd(n_photos: int) -> None:
    photos = torch.rand(n_photos, 3, 6, 6, dtype=torch.float64)
    change = 0.02 * torch.randn(1, 3, 6, 6, dtype=torch.float64)
    veiled = torch.cat([photos[:1] + change, photos[1:]])
    expected = n_photos**2 * mmd(veiled, photos)
    torch.testing.assert_close(mmd_alone(change)[0], expected, rtol=1e-6, atol=1e-9)


def test_code_and_paper_differ_by_d_gamma_over_n_squared(problem: Problem) -> None:
    paper = TipIm(steps=4, gamma=0.3, objective="paper", gain="sum")
    n_photos, dimensions = 5, 16
    gamma = 0.3 * n_photos**2 / dimensions
    code = TipIm(steps=4, gamma=gamma, objective="code", mmd_batch=n_photos, gain="sum")
    one_target = dataclasses.replace(problem, goal=problem.towards(torch.tensor([2])).goal)
    torch.testing.assert_close(
        paper.masks(fresh(one_target)), code.masks(fresh(one_target)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("gain", ["max", "sum"])
def test_each_step_keeps_the_candidate_of_largest_gain(problem: Problem, gain: str) -> None:
    method = TipIm(steps=1, gain=gain)  # type: ignore[arg-type]
    candidates, gains = [], []
    for target in range(4):
        mask = method.masks(fresh(problem.towards(torch.tensor([target]))))
        embedding = problem.embed(mask)["ada"][0]
        source, people = problem.source["ada"][0], problem.goal.targets["ada"]  # type: ignore[index]
        advantage = ((embedding - source) ** 2).sum() - ((embedding - people) ** 2).sum(dim=1)
        inner = advantage.exp().max() if gain == "max" else advantage.exp().sum()
        candidates.append(mask)
        gains.append(float(torch.log(1 + inner)))
    best = int(np.argmax(gains))
    torch.testing.assert_close(method.masks(fresh(problem)), candidates[best], rtol=0, atol=0)


def test_between_look_aheads_the_target_stays(problem: Problem) -> None:
    once = TipIm(steps=6, look_ahead=100).masks(fresh(problem))
    first = TipIm(steps=1).masks(fresh(problem))
    same = [
        TipIm(steps=6).masks(fresh(problem.towards(torch.tensor([target])))) for target in range(4)
    ]
    firsts = [
        TipIm(steps=1).masks(fresh(problem.towards(torch.tensor([target])))) for target in range(4)
    ]
    (chosen,) = (t for t in range(4) if torch.equal(firsts[t], first))
    torch.testing.assert_close(once, same[chosen], rtol=0, atol=0)


def test_an_l2_step_has_the_length_it_says(problem: Problem) -> None:
    mask = TipIm(steps=1, norm="l2", alpha=0.5).masks(fresh(problem))
    free = mask.abs() < problem.eps
    rms = float((255 * mask).square().mean().sqrt())
    assert rms == pytest.approx(0.5, rel=0.05)
    assert free.float().mean() > 0.99


def test_a_strong_mmd_keeps_the_mask_small(problem: Problem) -> None:
    free = TipIm(steps=10).masks(fresh(problem))
    bound = TipIm(steps=10, gamma=1e6, norm="l2").masks(fresh(problem))
    assert problem.visible(bound).norm() < 0.6 * problem.visible(free).norm()


def test_center_opt_is_the_summed_gain_by_name(problem: Problem) -> None:
    torch.testing.assert_close(
        CenterOpt(steps=3).masks(fresh(problem)),
        TipIm(steps=3, gain="sum").masks(fresh(problem)),
        rtol=0,
        atol=0,
    )
    with pytest.raises(UsageError, match="gain"):
        config.build(CenterOpt, {"gain": "max"}, where="method")
