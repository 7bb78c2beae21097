"""Face-Off: the shortest change with the margin asked for, then amplified."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.masks.face_off import FaceOff
from faceveil.masks.problem import Problem


def made(problem: Problem, method: FaceOff) -> torch.Tensor:
    """The mask, from the same draws each time."""
    return method.masks(dataclasses.replace(problem, generators=[seeds.generator(5)]))


def margin(problem: Problem, mask: torch.Tensor) -> float:
    """How much nearer the face is to the target than to the source."""
    return -float(problem.towards_nearest().losses(mask))


def length(problem: Problem, mask: torch.Tensor) -> float:
    return float(problem.visible(mask).norm())


def test_amplification_multiplies_the_change_up_to_the_budget(problem: Problem) -> None:
    single, double = (
        made(problem, FaceOff(margin=0.3, amplification=factor)) for factor in (1.0, 2.0)
    )
    torch.testing.assert_close(double, (2 * single).clamp(-problem.eps, problem.eps))
    assert margin(problem, double) > margin(problem, single) + 0.1


@pytest.mark.parametrize("asked", [0.2, 0.6])
def test_cw_reaches_the_margin_and_little_more(problem: Problem, asked: float) -> None:
    mask = made(problem, FaceOff(amplification=1.0, margin=asked))
    assert asked <= margin(problem, mask) < asked + 0.3


def test_more_searches_find_a_shorter_change(problem: Problem) -> None:
    once = made(problem, FaceOff(amplification=1.0, constant=900.0, searches=1))
    again = made(problem, FaceOff(amplification=1.0, constant=900.0, searches=6))
    assert length(problem, again) < 0.95 * length(problem, once)
    assert margin(problem, again) >= 1.0


def test_a_margin_out_of_reach_still_gives_the_best_attempt(problem: Problem) -> None:
    mask = made(problem, FaceOff(margin=100.0))
    assert margin(problem, mask) > margin(problem, torch.zeros_like(mask)) + 0.5


def test_pgd_leaves_the_amplification_its_room(problem: Problem) -> None:
    narrow = dataclasses.replace(problem, budget=Budget(eps=problem.budget.eps / 3))
    single = made(narrow, FaceOff(attack="pgd", amplification=1.0, margin=3.9))
    triple = made(problem, FaceOff(attack="pgd", amplification=3.0, margin=3.9))
    torch.testing.assert_close(triple, 3 * single)
    assert float(triple.abs().max()) == pytest.approx(problem.eps)
    assert margin(problem, triple) > margin(problem, single) + 0.1
