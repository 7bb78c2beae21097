"""The watermark leads towards its owner's bits, as well as away from the person."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError
from faceveil.core.goal import Dodge
from faceveil.marks.reader import said, signs_of
from faceveil.masks.problem import Problem
from faceveil.masks.veil import Veil
from faceveil.masks.watermark import Watermark

OWNER = "2a5c3f1e9b7d1"


def dodging(problem: Problem) -> Problem:
    """The problem with nothing drawn yet, so that two methods meet the same."""
    return dataclasses.replace(
        problem, goal=Dodge(), budget=Budget(eps=20.0), generators=[seeds.generator(5)]
    )


def right(problem: Problem, mask: torch.Tensor) -> float:
    """The share of the owner's bits and pilots that are right."""
    signs = said(problem.veiled(mask), problem.landmarks)[0]
    return float((signs.sign() == signs_of(OWNER)).float().mean())


def to_source(problem: Problem, mask: torch.Tensor) -> float:
    with torch.no_grad():
        seen = problem.embed(mask)
    return sum(float((seen[name] * problem.source[name]).sum()) for name in seen)


def test_it_is_a_veil_that_says_whose_it_is(problem: Problem) -> None:
    one = dodging(problem)
    veil = Veil(steps=12, alpha=1.0).masks(one)
    mark = Watermark(owner=OWNER, steps=12, alpha=1.0, insistence=20.0).masks(dodging(problem))
    assert right(one, veil) < 0.65
    assert right(one, mark) > 0.9
    assert to_source(one, mark) < to_source(one, torch.zeros_like(mark)) - 0.05


def test_without_insistence_it_says_nothing(problem: Problem) -> None:
    one = dodging(problem)
    mask = Watermark(owner=OWNER, steps=4, insistence=0.0).masks(one)
    assert 0.3 < right(one, mask) < 0.7


def test_bits_that_are_sure_leave_the_veil_its_room(problem: Problem) -> None:
    def length(mask: torch.Tensor) -> float:
        """Of the last of some steps' directions: that of the veil in it is 1."""
        push = Watermark(owner=OWNER, insistence=40.0).push(dodging(problem))
        return float(torch.stack([push(mask) for _ in range(8)])[-1].norm())

    unmarked = dodging(problem).nudge()
    marked = Watermark(owner=OWNER, steps=24, alpha=2.0).masks(dodging(problem))
    assert length(unmarked) == pytest.approx(40 * 0.3, abs=1)
    assert length(marked) < 6


def test_a_face_hides_its_mark_where_it_has_most_detail(problem: Problem) -> None:
    weights = Watermark(owner=OWNER).brush(problem).weights
    calm = float(weights[problem.region > 0.5].quantile(0.25))
    assert calm == pytest.approx(1 / (1 + Watermark.busy**2), rel=1e-3)
    faint = dataclasses.replace(problem, pixels=0.5 + (problem.pixels - 0.5) / 2)
    assert torch.allclose(Watermark(owner=OWNER).brush(faint).weights, weights, atol=0.01)


def test_another_owner_gets_another_veil(problem: Problem) -> None:
    masks = [
        Watermark(owner=owner, steps=2).masks(dodging(problem))
        for owner in (OWNER, "0123456789abc")
    ]
    assert not torch.equal(*masks)


def test_what_is_no_owner_is_refused() -> None:
    with pytest.raises(UsageError, match="'anna' is no owner's id"):
        Watermark(owner="anna")
