"""Learned noise: its size, that its total stays, that it goes where it does least harm."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.conftest import open_loop, run_loop, tiny_recipe

from faceveil.training import checkpoint
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.dctdp import Dctdp, Noisy

FACES = torch.rand(9, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def noisy(budget: float = 2.0) -> Noisy:
    masking = Dctdp(budget=budget).build(16)
    assert isinstance(masking, Noisy)
    masking.prepare(iter((FACES[:5], FACES[5:])))
    return masking


def test_the_range_is_that_of_every_number_over_all_photos() -> None:
    masking = noisy()
    seen = masking(FACES)
    assert seen.shape == (9, 189, 2, 2)
    torch.testing.assert_close(masking.span, seen.amax(0) - seen.amin(0))
    torch.testing.assert_close(masking.scale(), masking.span / 2)


def test_noise_is_laplaces_of_that_scale_and_queries_have_none() -> None:
    masking = noisy()
    clean = masking(FACES)
    draws = [
        (masking.train_mask(FACES, torch.arange(9), seed).inputs - clean) / masking.scale()
        for seed in range(20)
    ]
    laplace = torch.cat(draws).detach().flatten()
    assert float(laplace.mean()) == pytest.approx(0, abs=0.02)
    assert float(laplace.abs().mean()) == pytest.approx(1, abs=0.02)
    assert float(laplace.var()) == pytest.approx(2, abs=0.1)
    assert torch.equal(masking(FACES), clean)
    again = masking.train_mask(FACES, torch.arange(9), 3).inputs
    torch.testing.assert_close((again - clean) / masking.scale(), draws[3])


def test_noise_does_not_follow_from_the_step() -> None:
    one, other = noisy(), noisy()
    people = torch.arange(9)
    assert not torch.equal(*(each.train_mask(FACES, people, 3).inputs for each in (one, other)))
    other.key.copy_(one.key)
    assert torch.equal(*(each.train_mask(FACES, people, 3).inputs for each in (one, other)))


def test_the_total_budget_stays_and_goes_to_what_must_be_seen() -> None:
    masking = noisy()
    optimiser = torch.optim.Adam([masking.theta], lr=0.05)
    for seed in range(30):
        inputs = masking.train_mask(FACES, torch.arange(9), seed).inputs
        wrong = (inputs - masking(FACES))[:, :5].square().mean()  # the first five channels
        optimiser.zero_grad()
        wrong.backward()
        optimiser.step()
    budgets = (masking.span / masking.scale()).detach()
    assert float(budgets.mean()) == pytest.approx(2, rel=1e-3)
    assert budgets[:5].mean() > 2 * budgets[5:].mean()


def test_a_run_learns_where(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(defence=Dctdp(upsampling=4)), tmp_path))
    assert checkpoint.load(tmp_path / CHECKPOINT)["learner"]["network.masking.theta"].std() > 0
